"""The app: `streamlit run app/main.py` from the repository's root, or `litteragpt app`."""

import sys
from pathlib import Path

# `streamlit run` puts this folder on the path, not the one that holds the `app` package.
_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from app.blocks.clicks import keep_clicks  # noqa: E402
from app.blocks.navigation import main  # noqa: E402

keep_clicks()
main()
