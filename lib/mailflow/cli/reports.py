"""A report as the terminal shows it: its path, to be clicked where that works, or opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from mailflow.plain import one_line

_LINKS = {
    "TERM_PROGRAM": ("iterm.app", "wezterm", "vscode", "ghostty", "hyper", "tabby", "rio"),
    "TERM": ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour"),
}
"""Terminals that are known to show links, by the variable that names them."""

_PRESENT = ("WT_SESSION", "KONSOLE_VERSION", "DOMTERM")
"""Variables of terminals that show links, whatever they hold."""


def shows_links(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether a link (OSC 8) is shown as one, and not as characters nobody can read.

    Only terminals that are known to: others print the address, and multiplexers may cut it.
    """
    if not is_terminal or environ.get("TERM") == "dumb" or "TMUX" in environ or "STY" in environ:
        return False
    if any(environ.get(name) for name in _PRESENT):
        return True
    vte = environ.get("VTE_VERSION", "")
    if vte.isdecimal() and int(vte) >= 5000:
        return True
    return any(environ.get(name, "").casefold() in known for name, known in _LINKS.items())


def shown(report: Path) -> str:
    """The path as a line; where the terminal can, a link that opens it."""
    text = one_line(str(report))
    if not shows_links(os.environ, is_terminal=sys.stdout.isatty()):
        return text
    return f"\x1b]8;;{report.resolve().as_uri()}\x1b\\{text}\x1b]8;;\x1b\\"


def open_report(report: Path) -> None:
    """Open it in the browser; where there is none, that is said and the path is enough."""
    if click.launch(report.resolve().as_uri()):
        click.echo("No browser was found; open the report by its path.", err=True)
