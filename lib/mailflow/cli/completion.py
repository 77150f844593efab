"""What the shell completes: sources, runbooks and scenarios by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mailflow.snapshot import Snapshot

_QUICK = 2_000_000
"""Bytes of a source that are read while somebody waits behind the Tab key."""


def complete_source(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the demo, and how a live source begins; else the shell completes files."""
    from click.shell_completion import CompletionItem

    from mailflow.opening import LIVE, scenarios

    names = [*(f"demo:{name}" for name, _ in scenarios()), *LIVE]
    found = [CompletionItem(name) for name in names if incomplete and name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def complete_runbook(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The runbooks in notebooks/."""
    from click.shell_completion import CompletionItem

    from mailflow.runs import runbooks

    return [CompletionItem(name) for name in runbooks() if name.startswith(incomplete)]


def complete_notebook(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The runbooks, and the notebooks for training."""
    from click.shell_completion import CompletionItem

    from mailflow.runs import lessons, runbooks

    names = [*runbooks(), *lessons()]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_scenario(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The simulated organizations, without `demo:`."""
    from click.shell_completion import CompletionItem

    from mailflow.opening import scenarios

    return [CompletionItem(name) for name, _ in scenarios() if name.startswith(incomplete)]


def complete_server(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The servers of the source that was named before, where it is quick to read."""
    org = _at_hand(ctx)
    return _beginning(incomplete, [server.name for server in org.servers] if org else [])


def complete_connector(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The connectors of the server that was named before; of all, where none was."""
    org = _at_hand(ctx)
    target = org.server(ctx.params.get("server") or "") if org else None
    names = [
        connector.name
        for connector in (org.connectors if org else ())
        if target is None or target.is_named(connector.server)
    ]
    return _beginning(incomplete, names)


def complete_identity(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    r"""The connectors of the source that was named before, as `SERVER\Name`."""
    org = _at_hand(ctx)
    return _beginning(incomplete, [each.identity for each in org.connectors] if org else [])


def _beginning(incomplete: str, names: list[str]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    wanted = incomplete.casefold()
    known = dict.fromkeys(name for name in names if name.isprintable())
    return [CompletionItem(name) for name in known if name.casefold().startswith(wanted)]


def _at_hand(ctx: click.Context) -> Snapshot | None:
    """The source on the command line, unless it is large or cannot be read.

    What is no file is not opened, so nobody is asked over the network for the Tab key.
    """
    from mailflow.errors import MailflowError
    from mailflow.opening import open_source

    # Behind an option that waits for its value, click has not told arguments apart yet.
    source = str(ctx.params.get("source") or next(iter(ctx.args), ""))
    try:
        if not source.startswith("demo:") and sum(_sizes(Path(source))) > _QUICK:
            return None
        return open_source(source)
    except (MailflowError, OSError):
        return None


def _sizes(path: Path) -> Iterator[int]:
    """Bytes of a file, or of the files of a folder."""
    return (file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]))
