"""The user's folders: what mailflow keeps on this machine outside of run folders, and profiles."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "MAILFLOW_DATA"
"""Environment variable that names another folder than the user's own."""


def data_folder() -> Path:
    """Where it is; it may not be there yet."""
    named = os.environ.get(FOLDER, "")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("mailflow", appauthor=False))


CONFIG = "MAILFLOW_CONFIG"
"""Environment variable that names another configuration folder than the user's own."""


def config_folder() -> Path:
    """Where the user's configuration is; it may not be there."""
    named = os.environ.get(CONFIG, "")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir("mailflow", appauthor=False))
