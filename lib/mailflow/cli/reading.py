"""The commands that read an organization: diagnose, snapshot, doctor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.completion import complete_source
from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.nightly import (
    MAIN_RUNBOOK,
    check_metrics,
    earlier_run,
    nightly_options,
    write_metrics,
)
from mailflow.cli.roads_screen import road_words, source_of
from mailflow.cli.terminal import (
    columns,
    decoded,
    evidence_option,
    in_json,
    is_terminal,
    open_organisation,
    progress,
)
from mailflow.errors import InputError, UsageError
from mailflow.extras import install
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions
    from mailflow.views.verdict import Diagnosis


@helpful_command()
@click.argument("source", shell_complete=complete_source)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (findings.json).")
@click.option(
    "--server", "servers", multiple=True, help="Only mail paths from or to this server; repeatable."
)
@click.option(
    "--min-messages",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Ignore queues with fewer messages.",
)
@evidence_option
@nightly_options
@live_options
def diagnose(  # noqa: PLR0913 - one argument for each option
    source: str,
    *,
    accepted: str,
    since: str,
    metrics: Path | None,
    evidence: tuple[str, ...],
    as_json: bool,
    servers: tuple[str, ...],
    min_messages: int,
    live: LiveOptions,
) -> None:
    """Show the cause of stuck mail in the terminal.

    SOURCE may also be a file with an error text, a delivery report or an event: it is explained.
    For any other text mailflow lists what it can read. Without an export the result is
    inconclusive.

    \b
    mailflow diagnose exports/
    mailflow diagnose demo:article --json
    mailflow diagnose exchange://ex16a.contoso.com
    mailflow diagnose ex16a.contoso.com        by the first protocol that works
    mailflow diagnose --profile contoso        source and sign-in from config.toml
    mailflow diagnose exports/ --evidence RECV2026112403-1.LOG --evidence ehlo.txt
    mailflow diagnose exports/ --accepted accepted.toml --since yesterday.json
    """
    from mailflow.views.terms import Terms

    since = earlier_run(since, MAIN_RUNBOOK)
    Terms.read(accepted, since)  # said at once, and not after a live organization was read
    check_metrics(metrics)
    source = source_of(source, live)
    try:
        org = open_organisation(source, servers, live, evidence)
    except InputError:
        if accepted or since or metrics or not _explain(source, as_json=as_json):
            raise  # of a text nobody asks that night by night
        raise SystemExit(2) from None
    from mailflow.views.findings import findings

    found = findings(org, min_messages=min_messages, accepted=accepted, since=since)
    _show(found, as_json=as_json)
    if not as_json:
        again = [word for file in evidence for word in ("--evidence", file)]
        again += ["-p", "servers", ",".join(servers)] if servers else []
        again += ["-p", "min_messages", str(min_messages)] if min_messages != 1 else []
        for line in _and_now(found, source, again, live):
            click.echo(line)
    write_metrics(metrics, found, org)
    raise SystemExit(found.exit_code)


@helpful_command()
@click.argument("source", shell_complete=complete_source)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@live_options
def snapshot(source: str, output: Path, live: LiveOptions) -> None:
    """Collect all data into one file for offline use.

    \b
    mailflow snapshot exports/ -o tuesday.snapshot
    mailflow diagnose tuesday.snapshot
    """
    org = open_organisation(source, live=live)
    try:
        org.save(output)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror})") from error
    for line in kept_lines(org, str(output)):
        click.echo(line)
    raise SystemExit(2 if org.unread else 0)


def kept_lines(org: Snapshot, file: str) -> Iterator[str]:
    """What was kept in a file, and what of it is missing, a line each."""
    from mailflow.views.verdict import missing_in_words

    for table in ("servers", "addresses", "connectors", "queues"):
        yield f"{len(getattr(org, table)):7,} {table}"
    for read in org.reads:
        yield one_line(f"{read.server}: {read.outcome}, {read.how}, {read.seconds:.1f} s")
    for what, place in org.ignored:
        yield one_line(f"ignored  {what}: {place}")
    for line in missing_in_words(org.unread):
        yield one_line(f"missing  {line}")
    yield one_line(file)


@helpful_command()
@click.argument("host")
@live_options
def doctor(host: str, *, live: LiveOptions) -> None:
    """Check connectivity, authentication and permissions for a live organization.

    \b
    mailflow doctor ex16a.contoso.com               try each protocol
    mailflow doctor exchange://ex16a.contoso.com    this one, step by step
    mailflow doctor winrm+http://ex16a.contoso.com --user CONTOSO\\anna --auth ntlm

    For a host name alone, each protocol is tried in this order: the Exchange Management Shell
    endpoint (exchange://, exchange+https://), then WinRM (winrm://, winrm+http://). A password
    that one of them rejects is not tried on the others.

    Checks name, route, port, TLS, clock, authentication, PowerShell, Exchange and rights. Each
    fault is shown with its id, its cause and the next action. Without a user the checks end before
    the sign-in. Exit code: 0 all checks passed (notes do not count), 1 a fault was found,
    2 inconclusive.
    """
    from mailflow.roads import checked
    from mailflow.sources.doctor import exit_code, words

    if "://" not in host:
        raise SystemExit(_doctor_of_roads(host, live))
    checks = checked(host, live)
    click.echo(words(checks, columns()))
    raise SystemExit(exit_code(checks))


def _doctor_of_roads(host: str, live: LiveOptions) -> int:
    """Each road to a host, then the steps of the first one that is open; the exit code."""
    from mailflow.roads import tried
    from mailflow.sources.doctor import exit_code, words

    roads = []
    for road in tried(host, live):
        progress(f"{road.source}: tried")
        roads.append(road)
    progress("")
    click.echo(road_words(roads, columns()))
    best = next((road for road in roads if road.is_open), None)
    if best is not None:
        click.echo(f"\n{best.source}, step by step:\n{words(best.checks, columns())}")
        return exit_code(best.checks)
    click.echo("\nNo protocol that was tried works for this account.")
    return 1 if any(road.closed_by for road in roads) else 2


MOST_TEXT = 4 * 2**20
"""Bytes of a file that is explained as a text; what people paste is far shorter."""


def _explain(source: str, *, as_json: bool) -> bool:
    """Explain a file that holds no export but a text; False where it holds an export, or none."""
    from mailflow.views.front_door import (
        diagnosis_of,
        diagnosis_of_unknown,
        explained_texts,
        is_unknown,
        told_texts,
        told_unknown,
    )

    document = _text_of(source)
    progress(f"Reading the texts of {source} ...")
    texts = explained_texts(document)
    progress("")
    if not texts and not is_unknown(document):
        return False
    found = diagnosis_of(texts, source) if texts else diagnosis_of_unknown(source)
    if as_json:
        click.echo(in_json(found.as_json(), indent=2))
    else:
        click.echo(told_texts(texts, found, columns()) if texts else told_unknown(found, columns()))
    return True


def _text_of(source: str) -> str:
    """The text in a file; empty where it is none, or too long for one that a person pasted."""
    from mailflow.sources.exports.recognise import HEAD, ExportForm, recognise

    path = Path(source.strip()).expanduser()
    try:
        if not path.is_file() or path.stat().st_size > MOST_TEXT:
            return ""
        data = path.read_bytes()
        if recognise(data[:HEAD])[0] in (ExportForm.FOREIGN, ExportForm.BINARY, ExportForm.ZIP):
            return ""
        text = decoded(data)
    except OSError:
        return ""
    return "" if "\0" in text or text.count("\ufffd") * 50 > len(text) else text


def _and_now(found: Diagnosis, source: str, again: Sequence[str], live: LiveOptions) -> list[str]:
    """What was read, and what to type next.

    Args:
        found: the findings.
        source: as it was read.
        again: the options with which a run finds the same.
        live: how to sign in.
    """
    from mailflow.cli.typed import is_single_file, typed
    from mailflow.show.blocks import block, commands

    room = columns()
    lines = []
    if not found.is_simulated:  # else the banner has it
        lines += block("SOURCE", [source], room)
    if found.repair:
        text = (
            "Append -WhatIf to a command to try it without changing anything. To see every host "
            "that the repair affects, and the rollback:"
        )
        lines += block("DRY RUN", [text], room)
        lines += commands("", [typed("whatif", source, live=live)])
    if found.verdict != "clear" and is_single_file():
        lines += block("REPORT", ["The single file writes none. To install what does:"], room)
        lines += commands("", [install()])
    elif found.verdict != "clear":
        lines += block("REPORT", ["For the ticket, with all evidence:"], room)
        lines += commands("", [typed("run", MAIN_RUNBOOK, source, *again, live=live)])
    return lines


def _show(found: Diagnosis, *, as_json: bool) -> None:
    if as_json:
        click.echo(in_json(found.as_json(), indent=2))
        return
    from mailflow.show.terminal import screen

    click.echo(screen(found, columns(), colour=is_terminal()))
