"""Findings that somebody knows and accepts: they leave the verdict and keep a place of their own.

An entry never accepts more than it names, and never what is undetermined or missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mailflow.checks.check import Finding
from mailflow.checks.registry import CARDS
from mailflow.phrases import joined
from mailflow.plain import one_line
from mailflow.views.fingerprint import fingerprint

ANY = "*"
"""Written for `server` or `connector`: whichever it is."""


@dataclass(frozen=True, slots=True)
class AcceptedEntry:
    r"""An entry of the file.

    Attributes:
        cause: id of the cause.
        reason: why it is accepted.
        server: the server of the finding; where a finding has none, the only server whose mail it
            concerns. Empty: the connector names it, or there is a fingerprint.
        connector: `EX16A\Relay`, or with `server` its name. Empty: the finding names none.
        until: the last day (UTC) on which it is accepted; None: without an end.
        fingerprint: accepts only what has this one; empty: whatever it was found on.
        place: its number in the file, from 1.
    """

    cause: str
    reason: str
    server: str = ""
    connector: str = ""
    until: date | None = None
    fingerprint: str = ""
    place: int = 0

    def is_over(self, today: date) -> bool:
        """Whether its last day has passed."""
        return self.until is not None and today > self.until

    def names(self, finding: Finding) -> bool:
        """Whether it speaks of this finding, changed or not."""
        if self.cause != finding.id:
            return False
        if self.fingerprint and not (self.server or self.connector):
            return self.fingerprint == fingerprint(finding)
        return self._names_connector(finding) and self._names_server(finding)

    def _names_connector(self, finding: Finding) -> bool:
        if self.connector == ANY:
            return True
        if not finding.connector:
            return not self.connector
        own = finding.connector
        whole = own.identity if "\\" in self.connector else own.name
        return whole.casefold() == self.connector.casefold()

    def _names_server(self, finding: Finding) -> bool:
        if self.server == ANY or (not self.server and "\\" in self.connector):
            return True
        if finding.server:
            return finding.server.server.is_named(self.server)
        names = {name.partition(".")[0].casefold() for name in finding.senders}
        return names == {self.server.partition(".")[0].casefold()}

    def __str__(self) -> str:
        r"""`Entry 2 (relay-wider-than-it-looks, EX16A\Relay)`."""
        where = self.connector if "\\" in self.connector else f"{self.server}\\{self.connector}"
        named = ", ".join(filter(None, (self.cause, where.strip("\\") or self.fingerprint)))
        return one_line(f"Entry {self.place} ({named})")


@dataclass(frozen=True, slots=True)
class Parted:
    """Findings, parted by what is accepted.

    Attributes:
        counted: what the verdict rests on, in the order given.
        accepted: what is accepted, each with its entry.
        notes: what to know of the entries, a sentence each.
    """

    counted: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, AcceptedEntry], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def settled(self) -> frozenset[str]:
        """Names of the servers on which all that is found is accepted: nothing is repaired there.

        A repair of a server is proven as a whole, so one of another finding takes both away.
        """
        mine = {each.server.name for each, _ in self.accepted if each.server}
        return frozenset(
            mine - {each.server.name for each in self.counted if each.server and is_found(each)}
        )


def is_found(finding: Finding) -> bool:
    """Whether it is a fault that was found."""
    return finding.state == "found"


def title_of(cause: str, server: str | None, connector: str | None, senders: Iterable[str]) -> str:
    """What a finding is called, and where it is: `Mail waits ... (EX10A)`."""
    where = connector or server or joined(senders)
    title = CARDS[cause].title if cause in CARDS else cause
    return one_line(f"{title} ({where})" if where else title)


def sort_out(
    findings: Sequence[Finding],
    entries: Sequence[AcceptedEntry],
    today: date | None = None,
    earlier: Mapping[tuple[str, str, str], frozenset[str]] | None = None,
) -> Parted:
    """Part what is found by what is accepted.

    Args:
        findings: in any state; only what is found can be accepted.
        entries: of the file.
        today: the day in UTC; None: that of the clock.
        earlier: fingerprints of what an earlier run accepted, by cause, server and connector; an
            entry without a fingerprint does not accept what has another one now.
    """
    day = today or datetime.now(UTC).date()
    counted: list[Finding] = []
    accepted: list[tuple[Finding, AcceptedEntry]] = []
    notes: dict[str, None] = {}
    used = set[int]()
    for finding in findings:
        mine = [each for each in entries if is_found(finding) and each.names(finding)]
        used.update(each.place for each in mine)
        refusals = {each: _why_not(each, finding, day, earlier or {}) for each in mine}
        entry = next((each for each, why in refusals.items() if not why), None)
        if entry is None:
            counted.append(finding)
            notes.update(dict.fromkeys(refusals.values()))
        else:
            accepted.append((finding, entry))
    for each in entries:
        if each.place not in used:
            notes[_unused(each, findings, day)] = None
    for finding, entry in accepted:
        if not entry.fingerprint and ANY not in (entry.server, entry.connector):
            now = fingerprint(finding)
            notes[f"{entry} accepts the finding however it changes. {AS_IT_IS}{_line(now)}"] = None
    return Parted(tuple(counted), tuple(accepted), tuple(notes))


def key_of(cause: str, server: str | None, connector: str | None) -> tuple[str, str, str]:
    """What two runs know a finding by, without case."""
    return cause, (server or "").casefold(), (connector or "").casefold()


def _why_not(
    entry: AcceptedEntry,
    finding: Finding,
    day: date,
    earlier: Mapping[tuple[str, str, str], frozenset[str]],
) -> str:
    """Why an entry does not accept the finding that it names; empty: it does."""
    if entry.is_over(day):
        return f"{entry} expired after {entry.until}: the finding counts again."
    now = fingerprint(finding)
    if entry.fingerprint and entry.fingerprint != now:
        return (
            f"{entry}: the finding changed since it was accepted, so it counts. "
            f"{AS_IT_IS}{_line(now)}"
        )
    server = finding.server.name if finding.server else None
    connector = finding.connector.identity if finding.connector else None
    before = earlier.get(key_of(finding.id, server, connector), frozenset())
    if not entry.fingerprint and before and now not in before:
        return (
            f"{entry}: the finding changed since the earlier run accepted it, so it counts. "
            f"{AS_IT_IS}{_line(now)}"
        )
    return ""


AS_IT_IS = "To accept only what is there now, write: "


def _line(now: str) -> str:
    return f'fingerprint = "{now}"'


def _unused(entry: AcceptedEntry, findings: Sequence[Finding], day: date) -> str:
    """What to do with an entry that names nothing that is found."""
    alike = [each for each in findings if each.id == entry.cause]
    if any(each.state == "unknown" and entry.names(each) for each in alike):
        return f"{entry}: undetermined now, and what is undetermined cannot be accepted."
    over = " and has expired; remove it" if entry.is_over(day) else ""
    places = [
        each.connector.identity if each.connector else each.server.name if each.server else ""
        for each in alike
        if is_found(each)
    ]
    named = ", ".join(dict.fromkeys(filter(None, places[:_MOST_PLACES])))
    found = f" That cause is found on: {named}." if named and not over else ""
    return one_line(f"{entry} matches nothing that is found{over}.{found}")


_MOST_PLACES = 5
