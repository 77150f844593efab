"""Commands of mailflow as they are typed, quoted for the shell of this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.sources.credentials import LiveOptions

RUN_PY = "MAILFLOW_RUN_PY"
"""Environment variable in which `run.py` says by which path it was called."""


def typed(*words: str, live: LiveOptions | None = None) -> str:
    """A command with the options of a live source; no password is among these.

    It begins as this one did, so that it can be pasted: in a clone and with the single file there
    is no command `mailflow`.
    """
    whole = [*_called(), *words, *(live.to_arguments() if live else ())]
    join = subprocess.list2cmdline if os.name == "nt" else shlex.join
    return one_line(join(whole))


def is_single_file() -> bool:
    """Whether mailflow.pyz was started."""
    return sys.argv[0].endswith(".pyz")


def _called() -> list[str]:
    python = "py" if os.name == "nt" else "python3"
    if is_single_file():
        return [python, sys.argv[0]]
    script = os.environ.get(RUN_PY)
    return [python, script, "mailflow"] if script else ["mailflow"]
