"""The user's data folder: what mailflow keeps on this machine outside of run folders."""

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
