"""JupyterLab at a runbook: it asks nobody outside, and its kernels speak in cipher.

The user's own settings stay in force; a folder of ours is only put before their places, so that the
question about news is answered with no unless the user answered it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mailflow.repairing import RUNS
from mailflow.runs.kernel import kernel_environment

DEFAULTS = Path(__file__).with_name("jupyter")
"""Jupyter's own layout of settings, below everything that a user set."""

_CONFIG_PATH = "JUPYTER_CONFIG_PATH"

_QUIET = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    # The other one asks the package index for its list as soon as somebody opens its panel.
    "--LabApp.extension_manager=readonly",
)
_IN_CIPHER = ("--MappingKernelManager.transport_encryption=auto",)
"""Other users of this machine could listen in on the kernel's channels: code, outputs, input."""


def command(notebook: Path, *further: str) -> list[str]:
    """The command line that opens JupyterLab at a notebook.

    Args:
        notebook: the runbook.
        further: arguments behind ours.
    """
    root = f"--ServerApp.root_dir={_root(notebook)}"
    return [sys.executable, "-m", "jupyterlab", str(notebook), root, *_QUIET, *_IN_CIPHER, *further]


def _root(notebook: Path) -> Path:
    """What its file browser shows: the clone, so that links to its documents lead somewhere."""
    homes = [folder.parent for folder in notebook.parents if folder.name == "notebooks"]
    return next(
        (home for home in homes if (home / "docs" / "README.md").is_file()), notebook.parent
    )


def environment(runs: Path) -> dict[str, str]:
    """The environment for it: the way to this package, our defaults, and where runs are kept.

    Args:
        runs: the folder of run folders, as `mailflow run` uses it.
    """
    made = kernel_environment()
    places = [str(DEFAULTS), *filter(None, [made.get(_CONFIG_PATH, "")])]
    made[_CONFIG_PATH] = os.pathsep.join(places)
    made.setdefault(RUNS, str(runs.resolve()))
    return made
