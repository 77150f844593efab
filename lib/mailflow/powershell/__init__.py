"""The scripts for the Windows side, which servers run and administrators read, as text."""

from __future__ import annotations

from mailflow.own_files import packaged

INVOKE = "Invoke-MailFlow.ps1"
"""Runs calls at a server that was signed in to, and answers in frames (`sources/wire.py`)."""
COLLECT = "Collect-MailFlow.ps1"
"""Makes a folder of exports; for an administrator, where there is no way in from outside."""


def script(name: str) -> str:
    """The text of a script: `INVOKE` or `COLLECT`; ASCII, its lines ended by a line feed.

    Raises:
        FileNotFoundError: there is no script of this name.
    """
    # Bytes, since text mode would hide a carriage return, and the hash is of what is sent.
    return packaged(f"powershell/{name}").read_bytes().decode("ascii")
