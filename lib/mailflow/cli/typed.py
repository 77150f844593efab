"""Commands of mailflow as they are typed, quoted for the shell of this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.sources.credentials import LiveOptions


def typed(*words: str, live: LiveOptions | None = None) -> str:
    """A command with the options of a live source; no password is among these."""
    whole = ["mailflow", *words, *(live.to_arguments() if live else ())]
    join = subprocess.list2cmdline if os.name == "nt" else shlex.join
    return one_line(join(whole))
