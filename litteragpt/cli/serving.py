"""The app, served on this machine: app."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def app(*, port: int = 8501, address: str = "localhost", browser: bool = True) -> None:
    """Serve the app on this machine until Ctrl-C.

    Args:
        port: Port to listen on.
        address: Address to listen on; 0.0.0.0 opens the app to the network.
        browser: Open a browser on it.
    """
    from litteragpt.checkpoint import ROOT_VARIABLE, checkpoints_root
    from litteragpt.huggingface import MODELS_VARIABLE

    root = Path(__file__).resolve().parents[2]
    script = root / "app" / "main.py"
    if not script.exists():
        raise ValueError(f"the app is not installed here: there is no {script}")
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--server.port={port}", f"--server.address={address}"]
    command += [f"--server.headless={str(not browser).lower()}"]
    # Absolute, for the app runs from another folder.
    folders = filter(None, os.environ.get(MODELS_VARIABLE, "").split(os.pathsep))
    environment = {
        **os.environ,
        ROOT_VARIABLE: str(checkpoints_root().resolve()),
        MODELS_VARIABLE: os.pathsep.join(str(Path(folder).resolve()) for folder in folders),
    }
    # From the root: that is where .streamlit/config.toml is looked for.
    code = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if code:
        raise ValueError(f"streamlit ended with status {code}: is it installed, the port free?")
