"""Which receive connector accepts an address, and why the others do not: `mailflow which`."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from mailflow.analysis.analysis import analyze
from mailflow.analysis.servers import ServerView
from mailflow.errors import UsageError
from mailflow.exchange.connectors import flag_names
from mailflow.exchange.ranges import Address, Family, RangeError, host_address
from mailflow.exchange.selection import NO_MATCH_REPLY, Answer, answer
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot

PROBE_COLUMNS = ("server", "local", "port", "source")


@dataclass(frozen=True, slots=True)
class Probe:
    """One question: who answers `source` on this server, local address and port.

    `local` None: every known address of the family of `source` is asked.
    """

    server: str
    source: Address
    local: Address | None = None
    port: int = 25


def probe(server: str, source: str, local: str = "", port: str | int = "") -> Probe:
    """A question from texts; empty `local` and `port` take their defaults.

    Raises:
        UsageError: an address or port that is none, or two families in one question.
    """
    try:
        remote = host_address(source)
        own = host_address(local) if local.strip() else None
    except RangeError as error:
        raise UsageError(str(error)) from error
    text = str(port).strip() or "25"
    if not (text.isascii() and text.isdigit()) or not 0 <= int(text[:6]) <= 65535 or len(text) > 5:
        raise UsageError(f"port {text} is not between 0 and 65535")
    if own is not None and own.version != remote.version:
        raise UsageError(f"{own} and {remote} belong to two address families")
    if not server.strip():
        raise UsageError("a server must be named")
    return Probe(server.strip(), remote, own, int(text))


def probes_from(text: str, place: str) -> list[Probe]:
    """The questions of a CSV file with the header `server,local,port,source`.

    Raises:
        UsageError: a line that is no question; names file and line.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        rows = list(reader)
    except csv.Error as error:
        raise UsageError(f"{place}, line {reader.line_num}: {error}") from error
    if not rows or tuple(cell.strip().casefold() for cell in rows[0]) != PROBE_COLUMNS:
        raise UsageError(f"{place}, line 1: expected the header {','.join(PROBE_COLUMNS)}")
    probes = []
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(PROBE_COLUMNS):
            raise UsageError(f"{place}, line {number}: {len(row)} values instead of 4")
        server, local, port, source = row
        try:
            probes.append(probe(server, source, local, port))
        except UsageError as error:
            raise UsageError(f"{place}, line {number}: {error}") from error
    return probes


def which(org: Snapshot, question: Probe) -> dict[str, Any]:
    """The answer with the keys of the contract, section 3.

    Beside what configuration predicts stands what receive logs show; that decides nothing here, for
    a connector may have been changed since.
    """
    document = _predicted(org, question)
    return {**document, "observed": _observed(org, question)}


def _observed(org: Snapshot, question: Probe) -> list[dict[str, Any]]:
    """Each connector that receive logs show for this client, the one seen last first (S7.26)."""
    server = org.server(question.server)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for seen in org.observed:
        if (
            server is None
            or not server.is_named(seen.server)
            or (seen.port, seen.client) != (question.port, str(question.source))
            or (question.local is not None and str(question.local) != seen.local)
        ):
            continue
        known = found.setdefault(
            (seen.connector, seen.local),
            {
                "connector": f"{server.name}\\{seen.connector}",
                "local": seen.local,
                "sessions": 0,
                "first": seen.first,
                "last": seen.last,
                "hello": [],
            },
        )
        known["sessions"] += seen.sessions
        known["first"] = min(known["first"], seen.first)
        known["last"] = max(known["last"], seen.last)
        known["hello"] += [seen.hello] if seen.hello and seen.hello not in known["hello"] else []
    return sorted(found.values(), key=lambda row: str(row["last"]), reverse=True)


def _predicted(org: Snapshot, question: Probe) -> dict[str, Any]:
    server = org.server(question.server)
    if server is None:
        known = ", ".join(sorted(other.name for other in org.servers)) or "none"
        why = f"no server called {question.server} in the data; it contains: {known}"
        return _document(Server(question.server), question, None, None, why)
    view = analyze(org).of(server)
    if not view.connectors:
        why = f"no receive connector of {server.name} was read"
        return _document(server, question, None, None, why)
    if question.local is not None:
        got = _ask(view, question, question.local)
        return _document(server, question, question.local, got, _doubt(view, got))
    family: Family = 4 if question.source.version == 4 else 6
    locals_ = view.of_family(family)
    if not locals_:
        got = _ask(view, question, None)
        return _document(server, question, None, got, _doubt(view, got))
    answers = [(address, _ask(view, question, address)) for address in locals_]
    differs = len({_outcome(view, got) for _, got in answers}) > 1
    local, got = answers[0]
    if not differs:
        return _document(server, question, local, got, _doubt(view, got))
    document = _document(
        server, question, None, None, "it depends on the local address of the connection"
    )
    document["differs"] = [
        {
            "local": str(address),
            "connector": each.connector.identity
            if each.connector and not _doubt(view, each)
            else None,
        }
        for address, each in answers
    ]
    return document


def _ask(view: ServerView, question: Probe, local: Address | None) -> Answer:
    return answer(view.connectors, local=local, port=question.port, remote=question.source)


def _doubt(view: ServerView, got: Answer) -> str | None:
    """Why the answer is not certain; None where it is.

    A connector that was not read may accept the connection instead (S1.38).
    """
    if got.unknown is not None or got.is_exact:
        return got.unknown
    if not view.hidden:
        return None
    return f"not all receive connectors of {view.name} are in the export ({view.hidden[0]})"


def _outcome(view: ServerView, got: Answer) -> tuple[str | None, bool]:
    return got.connector.identity if got.connector else None, _doubt(view, got) is not None


def _document(
    server: Server,
    question: Probe,
    local: Address | None,
    got: Answer | None,
    unknown: str | None,
) -> dict[str, Any]:
    certain = got if got and unknown is None else None
    winner = certain.connector if certain else None
    block = certain.range if certain else None
    return {
        "schema": "mailflow.which/1",
        "server": server.name,
        "local": str(local) if local is not None else None,
        "port": question.port,
        "source": str(question.source),
        "process": flag_names(got.process) if got and got.process is not None else None,
        "connector": winner.identity if winner else None,
        "range": str(block) if block else None,
        "size": block.size if block else None,
        "reply": NO_MATCH_REPLY if certain and winner is None else None,
        "others": [
            {
                "connector": loser.connector.identity,
                "range": str(loser.range) if loser.range else None,
                "reason": loser.reason,
            }
            for loser in (got.others if got else ())
        ],
        "unknown": unknown,
    }
