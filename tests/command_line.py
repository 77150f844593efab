"""The command line called in this process, and organisations as files for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import BashComplete

import capture_forms
from mailflow.cli import cli
from mailflow.snapshot import Snapshot
from organisations import Organisation


@dataclass
class Screen:
    """What one call left behind.

    Attributes:
        code: the exit code.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str


Call = Callable[..., Screen]
"""What the fixture `call` gives: arguments in, a screen out."""


def commands(group: click.Group = cli, *before: str) -> dict[tuple[str, ...], click.Command]:
    """What can be typed behind `mailflow`, also behind a group of commands; groups are left out."""
    ctx, found = click.Context(group), {}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= commands(command, *before, name)
        else:
            found[*before, name] = command
    return found


def offered(*words: str) -> list[str]:
    """What the shell is told for the last word behind the Tab key."""
    *before, incomplete = words
    bash = BashComplete(cli, {}, "mailflow", "_MAILFLOW_COMPLETE")
    return [one.value for one in bash.get_completions(before, incomplete)]


def captures(org: Organisation, folder: Path, form: str = "clixml") -> Path:
    """The organisation as files that an administrator would send."""
    folder.mkdir(exist_ok=True)
    capture_forms.write(org.reading(), folder, form)
    return folder


def saved(org: Organisation | Snapshot, path: Path) -> Path:
    """The organisation as a saved snapshot."""
    (org.snapshot() if isinstance(org, Organisation) else org).save(path)
    return path
