"""Findings as people and machines read them: `findings.json` (contract, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mailflow.analysis.missing import missing_of
from mailflow.checks.check import State
from mailflow.phrases import joined
from mailflow.picture import MailFlow, flow_from_json
from mailflow.plain import one_line
from mailflow.repair.plan import Repair
from mailflow.snapshot import Unread
from mailflow.snapshot.schema import ANYTHING

Verdict = Literal["found", "clear", "unknown"]

SCHEMA = "mailflow.findings/1"

EXIT_CODES: Mapping[str, int] = {"clear": 0, "found": 1, "unknown": 2}
"""By the contract, section 4."""


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One parameter that a command of the repair sets (contract, section 6).

    Attributes:
        identity: of the connector.
        parameter: of Set-ReceiveConnector.
        old, new: the values as JSON holds them: lists of texts, texts or truths.
        command: that sets it; changes made by one command repeat it.
        rollback: the command that restores it; empty where Exchange would refuse that.
    """

    identity: str
    parameter: str
    old: Any
    new: Any
    command: str
    rollback: str


@dataclass(frozen=True, slots=True)
class FindingRecord:
    """One cause at one target server and connector, in one of the four states.

    A key that does not apply is None or empty, never missing (contract, section 6).
    """

    cause: str
    state: State
    server: str | None = None
    connector: str | None = None
    senders: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    reading: str = ""
    remedy: str = ""
    commands: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    changes: tuple[ChangeRecord, ...] = ()
    missing: tuple[int, ...] = ()
    facts: tuple[str, ...] = ()
    fingerprint: str = ""

    def as_json(self) -> dict[str, Any]:
        """The entry of `findings.json`."""
        return {
            "cause": self.cause,
            "state": self.state,
            "server": self.server,
            "connector": self.connector,
            "senders": list(self.senders),
            "addresses": list(self.addresses),
            "queues": list(self.queues),
            "reading": self.reading,
            "remedy": self.remedy,
            "commands": list(self.commands),
            "undo": list(self.undo),
            "changes": [asdict(each) for each in self.changes],
            "missing": list(self.missing),
            "facts": list(self.facts),
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True)
class AcceptedRecord:
    """A finding that somebody knows and accepts: it is no part of the verdict.

    Attributes:
        finding: what was found.
        title: what its cause is called.
        reason: why it is accepted, as a person wrote it.
        until: the last day on which it is, ISO; empty: without an end.
    """

    finding: FindingRecord
    title: str
    reason: str
    until: str = ""

    @property
    def place(self) -> str:
        """Where it is: the connector, else the server, else those whose mail it concerns."""
        return self.finding.connector or self.finding.server or joined(self.finding.senders)

    def as_json(self) -> dict[str, Any]:
        """The entry of `accepted` in `findings.json`: that of the finding, and why."""
        own = {"title": self.title, "reason": self.reason, "until": self.until or None}
        return self.finding.as_json() | own


@dataclass(frozen=True, slots=True)
class ComparedFinding:
    """A finding in a comparison with an earlier run.

    Attributes:
        cause, server, connector: which it is.
        title: what it is called, and where it is.
        why: why it could not be checked now; empty where it was.
        senders, fingerprint: as the finding has them.
        accepted: whether the earlier run accepted it.
    """

    cause: str
    server: str | None
    connector: str | None
    title: str
    why: str = ""
    senders: tuple[str, ...] = ()
    fingerprint: str = ""
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class SinceRecord:
    """What became of the findings of an earlier run; only what is `found` is compared.

    Attributes:
        run: the name of the earlier run.
        new: found now and not then.
        changed: found then as well, on something else; it counts as new.
        unchanged: found then and now.
        gone: found then, and now checked and not found.
        not_checked: found then; what was read now does not tell.
        exit_code: 1 with anything new or changed, else 2 where anything is open, else 0.
    """

    run: str
    new: tuple[ComparedFinding, ...] = ()
    changed: tuple[ComparedFinding, ...] = ()
    unchanged: tuple[ComparedFinding, ...] = ()
    gone: tuple[ComparedFinding, ...] = ()
    not_checked: tuple[ComparedFinding, ...] = ()
    exit_code: int = 0


SINCE_GROUPS = ("new", "changed", "unchanged", "gone", "not_checked")
"""The groups of a `SinceRecord`, what matters most first."""


@dataclass(frozen=True, slots=True)
class WaitRecord:
    """How much waits on one server for one reason.

    Attributes:
        server: short name.
        kind: stuck, suspended, poison, submission, or status (it is not known).
        messages: in these queues; None where a count was not read.
        queues: how many there are.
    """

    server: str
    kind: str
    messages: int | None
    queues: int


@dataclass(frozen=True, slots=True)
class StuckRecord:
    """How much waits, where and since when, as far as it is known.

    Attributes:
        messages: in all queues that do not move; None where a count was not read.
        queues: how many queues do not move.
        since: the earliest FirstRetryTime as an ISO instant in UTC; None where no zone is known.
        as_of: the latest instant the snapshot knows, ISO; ages are counted up to it.
        expires: when the oldest message would expire (2 days, section 4.6), ISO; None likewise.
        next_retry: the earliest NextRetryTime known, ISO.
        where: the same by server and kind, the most messages first; empty in older documents.
    """

    messages: int | None
    queues: int
    since: str | None = None
    as_of: str | None = None
    expires: str | None = None
    next_retry: str | None = None
    where: tuple[WaitRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do where no command of a repair is given.

    Attributes:
        text: in words; empty: only the command.
        command: what to type, or a line to fill in; empty: nothing.
    """

    text: str
    command: str = ""


LEFT_IN_WORDS: Mapping[str, str] = {
    "left": "targets left",
    "none": "no target left",
    "last": "last one there",
    "unknown": "undetermined",
}


@dataclass(frozen=True, slots=True)
class ServerLeft:
    """What mail between servers has left once a server is taken down, told in an audit.

    Attributes:
        server: that would be taken down.
        group: its site and version, any server of which takes the mail meant for them.
        state: left, none, last or unknown (`LEFT_IN_WORDS`).
        left: the targets, and for which senders, in words.
        only_source_of: send connectors that no other server could use; None: not known.
    """

    server: str
    group: str
    state: str
    left: str
    only_source_of: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was looked at (contract, section 6).

    Attributes:
        servers, paths, connectors, queues: how many.
        as_of: the latest instant the snapshot knows, ISO in UTC; None where none is known.
    """

    servers: int = 0
    paths: int = 0
    connectors: int = 0
    queues: int = 0
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings of a snapshot, best first, and the verdict they add up to.

    Attributes:
        verdict: found, unknown or clear (contract, section 6).
        headline: one line, a title: `Mail from EX10A and EX10B does not reach EX16A and EX16B`.
        summary: one or two sentences an engineer can paste into the ticket.
        findings: found first, then unknown, clear, not-applicable.
        unread: rows of what was not read.
        stuck: how much waits; None where no queue is stuck.
        origin: where the snapshot came from, for people.
        taken: when it was collected, ISO in UTC; None for exports, which do not say.
        repair: commands of all found entries in the order to run them, each once: first
            Set-ReceiveConnector, then Retry-Queue.
        undo: commands that put everything back.
        no_repair: why there is no command, in words; empty where one is given or none is needed.
        next_steps: what to do besides: why there is no command, what to export, what to look at.
        checked: how much was looked at.
        simulated: whether the servers are made up, wherever it was read from.
        word: what stands over the summary where it is no cause that is looked for: `different`;
            empty: the verdict's own word.
        accepted: what is found and accepted; no part of `findings`.
        accepted_notes: what to know of the file that accepts: entries that expired, match nothing,
            or whose finding changed.
        since: the comparison with an earlier run; None where none was named.
        asked: what the findings rest on besides the data: options and cmdlets, by name.
        flow: the picture of who tries to reach whom; None where there is none to draw.
        servers_left: in an audit, each server as if it was taken down.
        plan: the repair itself, with its proof; None where only a document is left.
    """

    verdict: Verdict
    headline: str
    summary: str
    findings: tuple[FindingRecord, ...]
    unread: tuple[Unread, ...] = ()
    stuck: StuckRecord | None = None
    origin: str = ""
    repair: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    taken: str | None = None
    no_repair: str = ""
    next_steps: tuple[NextStep, ...] = ()
    checked: Checked = Checked()
    simulated: bool = False
    word: str = ""
    accepted: tuple[AcceptedRecord, ...] = ()
    accepted_notes: tuple[str, ...] = ()
    since: SinceRecord | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    flow: MailFlow | None = field(default=None, repr=False)
    servers_left: tuple[ServerLeft, ...] = ()
    plan: Repair | None = field(default=None, repr=False, compare=False)

    @property
    def exit_code(self) -> int:
        """What a command that gave these findings ends with."""
        return self.since.exit_code if self.since else EXIT_CODES[self.verdict]

    @property
    def untold(self) -> tuple[Unread, ...]:
        """The rows of missing data that the summary does not tell already, of everything."""
        return tuple(row for row in self.unread if self.summary != f"{NOTHING}: {row.why}")

    @property
    def is_simulated(self) -> bool:
        """Whether it is about an organization that mailflow made up."""
        return self.simulated or self.origin.startswith(("demo:", "practice:"))

    def as_json(self) -> dict[str, Any]:
        """The document of `findings.json`."""
        stuck: Mapping[str, Any] | None = None
        if self.stuck:
            stuck = asdict(self.stuck) | {"where": [asdict(each) for each in self.stuck.where]}
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "word": self.word,
            "headline": self.headline,
            "summary": self.summary,
            "findings": [finding.as_json() for finding in self.findings],
            "unread": [unread_json(row) for row in self.unread],
            "stuck": stuck,
            "origin": self.origin,
            "taken": self.taken,
            "repair": list(self.repair),
            "undo": list(self.undo),
            "rollback": list(self.undo),
            "no_repair": self.no_repair,
            "next": [asdict(each) for each in self.next_steps],
            "source": self.origin,
            "simulated": self.is_simulated,
            "checked": asdict(self.checked),
            "accepted": [each.as_json() for each in self.accepted],
            "accepted_notes": list(self.accepted_notes),
            "since": asdict(self.since) if self.since else None,
            "asked": dict(self.asked),
            "mail_flow": asdict(self.flow) if self.flow else None,
            "servers_left": [asdict(each) for each in self.servers_left],
        }


NOTHING = "Nothing could be read"
"""How the summary begins where that is so; behind it stands why."""


def missing_name(what: str) -> str:
    """What is missing, for people: a whole export has its own name in snapshots and in JSON."""
    return "part of the export" if what == ANYTHING else what


def missing_in_words(rows: Sequence[Unread]) -> list[str]:
    """Rows of missing data for people, those that say the same of several objects as one line."""
    groups: dict[tuple[str, str], list[Unread]] = {}
    for row in rows:
        groups.setdefault((row.what, row.why.rpartition(": ")[2]), []).append(row)
    lines = []
    for (what, reason), some in groups.items():
        whys = list(dict.fromkeys(row.why for row in some))
        why = whys[0] if len(whys) == 1 else f"{reason} ({len(whys)} places; {whys[0]})"
        why = why.removeprefix(f"{what}: ")  # what a server said often begins with the cmdlet
        servers = joined(filter(None, (row.server for row in some)))
        lines.append(": ".join(filter(None, (servers, missing_name(what), why))))
    return lines


def from_json(document: Mapping[str, Any]) -> Diagnosis:
    """The diagnosis in a document that `as_json` made, also of a version that kept less.

    Raises:
        KeyError: it is none.
    """
    stuck, drawn = document["stuck"], document.get("mail_flow")
    return Diagnosis(
        verdict=document["verdict"],
        word=one_line(str(document.get("word", ""))),
        headline=document["headline"],
        summary=document["summary"],
        findings=tuple(_entry(record) for record in document["findings"]),
        unread=tuple(
            Unread(row["server"] or "", row["what"], row["why"]) for row in document["unread"]
        ),
        stuck=_stuck(stuck) if stuck else None,
        origin=document["origin"],
        repair=tuple(document["repair"]),
        undo=tuple(document["undo"]),
        taken=document["taken"],
        no_repair=document.get("no_repair", ""),
        next_steps=tuple(NextStep(**each) for each in document.get("next", ())),
        checked=Checked(**document.get("checked", {})),
        simulated=bool(document.get("simulated")),
        accepted=tuple(map(_accepted, document.get("accepted", ()))),
        accepted_notes=tuple(document.get("accepted_notes", ())),
        since=_since(document["since"]) if document.get("since") else None,
        asked=document.get("asked", {}),
        flow=flow_from_json(drawn) if drawn else None,
        servers_left=tuple(map(_server_left, document.get("servers_left", ()))),
    )


def _stuck(document: Mapping[str, Any]) -> StuckRecord:
    where = tuple(WaitRecord(**each) for each in document.get("where", ()))
    return StuckRecord(**{**document, "where": where})


def _accepted(document: Mapping[str, Any]) -> AcceptedRecord:
    own = {"title", "reason", "until"}
    finding = _entry({key: value for key, value in document.items() if key not in own})
    return AcceptedRecord(finding, document["title"], document["reason"], document["until"] or "")


def _since(document: Mapping[str, Any]) -> SinceRecord:
    groups = {
        name: tuple(
            ComparedFinding(**{**each, "senders": tuple(each["senders"])})
            for each in document[name]
        )
        for name in SINCE_GROUPS
    }
    return SinceRecord(document["run"], **groups, exit_code=document["exit_code"])


def unread_json(row: Unread) -> dict[str, Any]:
    """A row of missing data, with the command that fills it (contract, section 6)."""
    missing = missing_of(row)
    return {
        "server": row.server or None,
        "what": row.what,
        "why": row.why,
        "cmdlet": missing.cmdlet,
        "property": missing.property_name or None,
        "command": missing.command or None,
    }


def _server_left(record: Mapping[str, Any]) -> ServerLeft:
    sources = record["only_source_of"]
    return ServerLeft(**{**record, "only_source_of": None if sources is None else tuple(sources)})


def _entry(record: Mapping[str, Any]) -> FindingRecord:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
    }
    values["changes"] = tuple(ChangeRecord(**each) for each in record.get("changes", ()))
    return FindingRecord(**values)
