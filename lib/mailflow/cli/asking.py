"""The commands that answer one question: explain and which."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailflow.cli.completion import complete_source
from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, decoded, in_json, open_organisation, simulated
from mailflow.errors import UsageError
from mailflow.phrases import counted
from mailflow.show.blocks import hang

if TYPE_CHECKING:
    from mailflow.sources.credentials import LiveOptions


@helpful_command()
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object for each text.")
def explain(text: str | None, *, as_json: bool) -> None:
    """Decode an error text and list possible causes.

    Accepts a LastError, an SMTP reply, a delivery report, an event, a row of a log or an EHLO
    reply, also wrapped or quoted. On standard input each line is one text; continued lines are
    joined.

    \b
    mailflow explain '451 4.4.0 Primary target IP address ... "451 5.7.3 ..."'
    Get-Queue | % LastError | mailflow explain          (one error per line)
    mailflow explain < report.eml
    """
    from mailflow.views.explanation import explain_text, explained, told

    first, handed_over = True, False
    for pasted_text in [text] if text is not None else _texts_of_input():
        if as_json:
            click.echo(in_json(explain_text(pasted_text)))
            continue
        answer = explained(pasted_text)
        if answer.is_export and handed_over:
            continue  # the parts of one export
        handed_over = answer.is_export
        click.echo(("" if first else "\n") + told(answer))
        first = False


@helpful_command()
@click.argument("source", shell_complete=complete_source)
@click.option("--server", help="Target server.")
@click.option("--source", "address", metavar="IP", help="Source IP address.")
@click.option(
    "--local", metavar="IP", default="", help="Local IP address on the target.  [default: all]"
)
@click.option("--port", default="", help="Target port.  [default: 25]")
@click.option("--probes", type=click.Path(path_type=Path), help="CSV: server,local,port,source.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@live_options
def which(  # noqa: PLR0913 - one argument for each option
    source: str,
    *,
    server: str | None,
    address: str | None,
    local: str,
    port: str,
    probes: Path | None,
    as_json: bool,
    live: LiveOptions,
) -> None:
    """Show which receive connector handles a source address, and why.

    \b
    mailflow which demo:article --server EX16A --source 10.0.0.11
    mailflow which exports/ --probes questions.csv > answers.jsonl
    """
    from mailflow.views.which import probe, probes_from, which

    if probes is not None:
        if server or address or local or port:
            raise UsageError("--probes contains the questions; leave out the other options")
        questions = probes_from(_read_text(probes), str(probes))
        org = open_organisation(source, live=live)
        answers = [which(org, question) for question in questions]
        for document in answers:
            document.pop("schema")
            click.echo(in_json(document))
        raise SystemExit(2 if any(document["unknown"] for document in answers) else 0)
    if not server or not address:
        missing = " and ".join(
            name for name, given in (("--server", server), ("--source", address)) if not given
        )
        raise UsageError(
            f"missing {missing}. Example: mailflow which SOURCE --server EX16A --source 10.0.0.11"
        )
    org = open_organisation(source, live=live)
    answer = which(org, probe(server, address, local, port))
    click.echo(in_json(answer, indent=2) if as_json else simulated(org) + _which_words(answer))
    raise SystemExit(2 if answer["unknown"] else 0)


def _texts_of_input() -> list[str]:
    from mailflow.exchange.texts import texts_of

    if sys.stdin.isatty():
        click.echo("Paste errors, one per line; end with Ctrl+D (Windows: Ctrl+Z).", err=True)
    return texts_of(decoded(sys.stdin.buffer.read()))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"{path}: cannot be read ({reason})") from error


def _which_words(answer: dict[str, Any]) -> str:
    """The answer for people: who, by which range, and why the others do not."""
    place = f"{answer['server']}, port {answer['port']}"
    if answer["local"]:
        place += f", local address {answer['local']}"
    if answer["unknown"]:
        head = (
            f"Could not determine which connector accepts {answer['source']} on {place}: "
            f"{answer['unknown']}"
        )
    elif answer["connector"]:
        head = (
            f"{answer['connector']} accepts {answer['source']} on {place}, by its range "
            f"{answer['range']} ({answer['size']:,} address{'es' if answer['size'] > 1 else ''})"
        )
    else:
        head = f"No connector accepts {answer['source']} on {place}: {answer['reply']}"
    cells = columns()
    lines = hang("", f"{head}.", cells)
    for way in answer.get("differs", ()):
        text = f"on {way['local']}: {way['connector'] or 'unknown, or none'}"
        lines += hang("  ", text, cells)
    for loser in answer["others"]:
        lines += hang("  not ", f"{loser['connector']}: {loser['reason']}", cells)
    for text in _observed_words(answer):
        lines += hang("  ", text, cells)
    return "\n".join(lines)


def _observed_words(answer: dict[str, Any]) -> Iterator[str]:
    """What receive logs show of the same client, and that it differs where it does."""
    for seen in answer["observed"]:
        times = [seen[key][:16].replace("T", " ") for key in ("first", "last")]
        period = times[0] if times[0] == times[1] else " to ".join(times)
        name = f", EHLO {', '.join(seen['hello'][:3])}" if seen["hello"] else ""
        count = counted(seen["sessions"], "session")
        yield f"observed {seen['connector']}: {count}, {period} UTC (receive log{name})"
    predicted = answer["connector"]
    others = [seen for seen in answer["observed"] if seen["connector"] != predicted]
    if predicted and others:
        yield (
            f"{others[0]['connector']} accepted it then: compare the time with the last change "
            "of the connectors"
        )
