"""The command that shortens RemoteIPRanges: tidy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.completion import complete_identity, complete_source
from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, in_json, is_terminal, open_organisation, simulated
from mailflow.errors import UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.repair.tidying import TidyList
    from mailflow.sources.credentials import LiveOptions


@helpful_command()
@click.argument("source", shell_complete=complete_source)
@click.argument("connector", default="", shell_complete=complete_identity)
@click.option(
    "--change",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the change into this file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@live_options
def tidy(
    source: str, connector: str, *, change: Path | None, as_json: bool, live: LiveOptions
) -> None:
    """Shorten RemoteIPRanges without changing what they do.

    \b
    mailflow tidy exports/                         which ones can be shorter
    mailflow tidy exports/ 'EX16A\\Relay'           the change, with its rollback
    mailflow tidy exports/ 'EX16A\\Relay' --change shorter.json
    mailflow run fix_and_verify exports/ -p change shorter.json
    mailflow tidy demo:lists-grown 'EX16A\\Relay'   an example

    The new value contains the same addresses in the fewest ranges. Every IPv4 and
    IPv6 host is still accepted by the same connector: this is proven over all
    addresses and all connectors of the server. Nothing is changed.

    Exit code: 0 done, 2 inconclusive: missing data, or a conflict of ranges.
    """
    from mailflow.repair.requested import write_change
    from mailflow.repair.tidying import SCHEMA, not_listed, tidy_lists

    if change and not connector:
        raise UsageError("--change needs a connector: name it as SERVER\\Name")
    org = open_organisation(source, live=live)
    lists = tidy_lists(org, connector)
    missing = [] if connector else not_listed(org)
    if as_json:
        document = {
            "schema": SCHEMA,
            "source": org.origin,
            "simulated": org.is_simulated,
            "lists": [each.as_json() for each in lists],
            "unknown": missing,
        }
        click.echo(in_json(document, indent=2))
    else:
        room, colour = columns(), is_terminal()
        told = (
            _one(lists[0], room, colour=colour) if connector else _all(lists, missing, source, room)
        )
        click.echo(simulated(org) + "\n".join(told))
    if change and lists[0].proof:
        write_change(change, lists[0].proof.changes, lists[0].claim)
        click.echo(one_line(f"{change}: the change, for mailflow whatif --change"), err=True)
    raise SystemExit(2 if missing or any(each.why_not for each in lists) else 0)


def _one(found: TidyList, cells: int, *, colour: bool) -> Iterator[str]:
    """The change of one list, or why there is none."""
    from mailflow.cli.answered import proposal_lines
    from mailflow.show.blocks import LABEL, verdict

    room = max(cells, LABEL + 40)
    if found.proof:
        yield from verdict("SHORTER", [found.claim], room, "good", colour=colour)
        yield from proposal_lines(found.proof, room)
    elif found.why_not:
        yield from verdict("INCONCLUSIVE", [found.claim], room, "unknown", colour=colour)
    else:
        yield from verdict("SMALLEST", [found.claim], room, "good", colour=colour)


def _all(
    lists: Sequence[TidyList], missing: Sequence[str], source: str, cells: int
) -> Iterator[str]:
    """Each list that can be shorter, with the command that shows how."""
    from mailflow.checks.ranges_redundant import tidy_command
    from mailflow.phrases import capital
    from mailflow.show.blocks import LABEL, block, commands

    room = max(cells, LABEL + 40)
    shorter = [each for each in lists if each.proof]
    left = [f"{each.identity}: {' '.join(each.why_not)}" for each in lists if each.why_not]
    left += [f"{capital(text)}." for text in missing]
    if not shorter:
        text = f"No {'other ' if left else ''}RemoteIPRanges can be shorter."
        yield from block("SMALLEST", [text], room)
    label = "SHORTER"
    for each in shorter:
        yield from block(label, [each.claim], room)
        yield from commands("", [tidy_command(each.connector, source)])
        label = ""
    yield from block("UNDETERMINED", left, room)
