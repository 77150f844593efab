"""What became of the findings of an earlier run: new, changed, unchanged, gone, or not checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mailflow.errors import InputError
from mailflow.phrases import joined
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot, Unread
from mailflow.views.accepted import key_of, title_of
from mailflow.views.verdict import (
    SCHEMA,
    ComparedFinding,
    Diagnosis,
    FindingRecord,
    SinceRecord,
    from_json,
)

FILE = "findings.json"
_MOST = 2**26
"""Bytes of findings that are read; 400 servers take a fraction of it."""

_NEEDS = {
    "certificate-problem": ("Get-ExchangeCertificate", "certificates"),
    "internal-transport-certificate": ("Get-ExchangeCertificate", "certificates"),
    "rights-denied": ("Get-ADPermission", "rights"),
    "relay-wider-than-it-looks": ("Get-ADPermission", "rights"),
    "service-inactive": ("Get-ServerComponentState", "components"),
}
"""Causes that rest on what may be missing for a server without being missing data."""


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The findings of an earlier run.

    Attributes:
        run: its name.
        found: what it found and did not accept.
        accepted: what it accepted.
        asked: what its findings rested on besides the data.
    """

    run: str
    found: tuple[FindingRecord, ...]
    accepted: tuple[FindingRecord, ...]
    asked: Mapping[str, Any]

    @property
    def accepted_prints(self) -> dict[tuple[str, str, str], frozenset[str]]:
        """Fingerprints of what it accepted, by cause, server and connector."""
        return _prints(self.accepted)


def read_since(place: Path) -> EarlierRun:
    """The findings of a run folder, of its findings.json, or of a saved `diagnose --json`.

    Raises:
        InputError: there are none, or the run did not reach its end.
    """
    return earlier_run(*since_document(place))


def since_document(place: Path) -> tuple[dict[str, Any], str]:
    """The document behind `--since`, and the name of the run it is of.

    Raises:
        InputError: there is none, or the run did not reach its end.
    """
    try:
        is_folder = place.is_dir()
        file = place / FILE if is_folder else place
        if is_folder and not file.is_file():
            raise InputError(
                f"{place}: contains no {FILE}, so the run did not finish. `mailflow runs list` "
                "shows the runs that did"
            )
        with file.open("rb") as stream:
            data = stream.read(_MOST + 1)
        if len(data) > _MOST:
            raise InputError(f"{file}: too large for findings")
        document = json.loads(data)  # in UTF-8 or, as PowerShell redirects it, UTF-16
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "it is no JSON"
        raise InputError(
            f"{place}: cannot be read ({why}); expected a run folder or its {FILE}"
        ) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(f"{file}: contains no findings; expected a run folder or its {FILE}")
    own = file.resolve().parent.name if file.name == FILE else file.name
    return document, one_line(str(document.get("run") or own))


def earlier_run(document: Mapping[str, Any], run: str) -> EarlierRun:
    """The findings in a document of an earlier run.

    Raises:
        InputError: something is missing in it.
    """
    try:
        found = from_json(document)
        known = [*found.findings, *(each.finding for each in found.accepted)]
        left_open = found.since.not_checked if found.since else ()
        known += map(_as_found, left_open)
        is_whole = all(map(_is_typed, known)) and _is_asked(found.asked)
    except (KeyError, TypeError, ValueError, AttributeError):
        is_whole = False
    if not is_whole:
        raise InputError(f"{run}: the findings of this run are damaged; name another one")
    mine = [each for each in found.findings if each.state == "found"]
    accepted = [each.finding for each in found.accepted]
    for each in left_open:  # nobody knows more of these by now
        (accepted if each.accepted else mine).append(_as_found(each))
    return EarlierRun(run, tuple(mine), tuple(accepted), found.asked)


def _as_found(each: ComparedFinding) -> FindingRecord:
    record = FindingRecord(each.cause, "found", each.server, each.connector, each.senders)
    return replace(record, fingerprint=each.fingerprint)


def _is_typed(each: FindingRecord) -> bool:
    """Whether what is compared has its type: a document may come from anywhere."""
    texts = (each.cause, each.fingerprint, each.server or "", each.connector or "", *each.senders)
    return all(isinstance(text, str) for text in texts)


def _is_asked(asked: Mapping[str, Any]) -> bool:
    cmdlets = asked.get("cmdlets", [])
    return isinstance(cmdlets, list) and all(isinstance(name, str) for name in cmdlets)


def compared(found: Diagnosis, before: EarlierRun, org: Snapshot, *, lacks: bool) -> Diagnosis:
    """A diagnosis with what became of the findings of an earlier run.

    Args:
        found: now.
        before: then.
        org: what `found` was made of.
        lacks: whether something was not read that could have shown a fault.
    """
    now = [each for each in found.findings if each.state == "found"]
    was, prints = _prints(before.found), {(_key(each), each.fingerprint) for each in before.found}
    groups: dict[str, list[ComparedFinding]] = {"new": [], "changed": [], "unchanged": []}
    for each in now:
        if each.fingerprint and (_key(each), each.fingerprint) in prints:
            group = "unchanged"
        else:
            group = "changed" if _key(each) in was else "new"
        groups[group].append(_compared(each))
    there = {_key(each) for each in now} | {_key(each.finding) for each in found.accepted}
    gone: list[ComparedFinding] = []
    not_checked: list[ComparedFinding] = []
    for each in (*before.found, *before.accepted):
        if _key(each) in there:
            continue
        why = _why_open(each, found, before, org)
        was_accepted = each in before.accepted
        (not_checked if why else gone).append(_compared(each, why, accepted=was_accepted))
    is_open = lacks or bool(not_checked) or any(each.state == "unknown" for each in found.findings)
    code = 1 if groups["new"] or groups["changed"] else 2 if is_open else 0
    record = SinceRecord(
        before.run,
        **{name: tuple(some) for name, some in groups.items()},
        gone=tuple(gone),
        not_checked=tuple(not_checked),
        exit_code=code,
    )
    return replace(found, since=record)


def _why_open(each: FindingRecord, found: Diagnosis, before: EarlierRun, org: Snapshot) -> str:
    """Why a finding that is not there may still be; empty: it was checked and is gone."""
    options = {name: value for name, value in found.asked.items() if name != "cmdlets"}
    if options != {name: value for name, value in before.asked.items() if name != "cmdlets"}:
        return "the earlier run was asked with other options"
    lost = sorted(set(before.asked.get("cmdlets", ())) - set(found.asked.get("cmdlets", ())))
    if lost:
        return f"{joined(lost)} was read then, and is not there now"
    names = [name for name in (each.server, *each.senders) if name]
    absent = [name for name in names if org.server(name) is None]
    if absent or not org.servers:
        return f"{joined(absent) or 'its server'} is not in the data"
    if not all(org.covers(name) for name in names[:1]):
        return f"this run is limited to {joined(sorted(org.only))}"
    cmdlet, table = _NEEDS.get(each.cause, ("", ""))
    if cmdlet in before.asked.get("cmdlets", ()):
        if each.server and each.server.casefold() not in _servers_of(table, org):
            return f"{cmdlet} of {each.server} was not read"
        return _not_read(each, names, found, org.unread)
    return _not_read(each, names, found, found.unread)


def _not_read(
    each: FindingRecord, names: Iterable[str], found: Diagnosis, unread: Iterable[Unread]
) -> str:
    """What was not read of the servers of a finding, or is undetermined there."""
    mine = {_short(name) for name in names}
    for row in unread:
        if not mine or not row.server or _short(row.server) in mine:
            return f"{row.server} {row.what} was not read".strip()
    for entry in found.findings:
        if entry.state == "unknown" and _may_be_the_same(entry, each):
            return f"undetermined: {title_of(*_key_texts(entry), entry.senders)}"
    return ""


def _may_be_the_same(entry: FindingRecord, each: FindingRecord) -> bool:
    """Whether an undetermined finding may hide another one: by the target, else by any server."""
    if entry.server and each.server:
        return _short(entry.server) == _short(each.server)
    sides = [
        {_short(name) for name in (side.server, *side.senders) if name} for side in (entry, each)
    ]
    return not all(sides) or bool(sides[0] & sides[1])


def _short(name: str) -> str:
    return name.partition(".")[0].casefold()


def _servers_of(table: str, org: Snapshot) -> set[str]:
    """Servers of which a table holds anything, by short name."""
    if table == "certificates":
        names = [str(row.get("server") or "") for row in org.objects(table)]
    elif table == "components":
        names = [row.server for row in org.components]
    else:
        names = [row.server for row in org.rights]
    return {_short(name) for name in names}


def _prints(records: Iterable[FindingRecord]) -> dict[tuple[str, str, str], frozenset[str]]:
    found: dict[tuple[str, str, str], set[str]] = {}
    for each in records:
        found.setdefault(_key(each), set()).add(each.fingerprint)
    return {key: frozenset(prints) for key, prints in found.items()}


def _key(each: FindingRecord) -> tuple[str, str, str]:
    return key_of(each.cause, each.server, each.connector)


def _key_texts(each: FindingRecord) -> tuple[str, str | None, str | None]:
    return each.cause, each.server, each.connector


def _compared(each: FindingRecord, why: str = "", *, accepted: bool = False) -> ComparedFinding:
    title = title_of(*_key_texts(each), each.senders)
    return ComparedFinding(
        *_key_texts(each), title, why, each.senders, each.fingerprint, accepted=accepted
    )
