"""`python -m litteragpt.cli`: the `litteragpt` command."""

import sys

from litteragpt.cli import main

sys.exit(main())
