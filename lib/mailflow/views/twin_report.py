"""The result of comparing two servers: differences, commands, and remaining differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailflow.analysis.analysis import analyze
from mailflow.analysis.capabilities import RIGHTS, Effect
from mailflow.analysis.servers import ServerView
from mailflow.analysis.twin_blocks import Acceptors, TwinBlock, TwinComparison
from mailflow.analysis.twins import compare_servers
from mailflow.errors import UsageError
from mailflow.exchange.ranges import Address, AddressRange, RangeError, format_range, parse_address
from mailflow.phrases import counted, joined
from mailflow.repair.claim import NO_ANSWER
from mailflow.repair.twin_notes import TwinNote, twin_notes
from mailflow.repair.twin_plan import TwinPlan, plan_twin
from mailflow.repair.twin_targets import TwinSide
from mailflow.snapshot import Snapshot, Unread
from mailflow.views.verdict import Diagnosis, FindingRecord, NextStep, Verdict, unread_json

SCHEMA = "mailflow.twin/1"
CAUSE = "twin-differs"


@dataclass(frozen=True, slots=True)
class TwinGroup:
    """Blocks at one endpoint that differ in the same way.

    Attributes:
        endpoint: in words.
        blocks: the addresses.
        a: what accepts them on A, in words.
        b: what accepts them on B, in words.
        effect: what their hosts gain and lose.
        is_certain: whether they differ for certain.
        why: for uncertain ones, what is missing.
    """

    endpoint: str
    blocks: tuple[AddressRange, ...]
    a: str
    b: str
    effect: Effect
    is_certain: bool
    why: str = ""

    @property
    def size(self) -> int:
        """How many addresses."""
        return sum(block.size for block in self.blocks)


@dataclass(frozen=True, slots=True)
class TwinReport:
    """What `mailflow twin` found.

    Attributes:
        a, b: names of the servers.
        origins: where they were read from, A first.
        comparison: of the two as they are.
        plan: the commands that make B treat hosts as A does, with proof.
        notes: further advice.
        unread: missing data of the two.
        sides: the servers with their snapshots.
        moving: the address that moves, as given; empty: none.
    """

    a: str
    b: str
    origins: tuple[str, str]
    comparison: TwinComparison
    plan: TwinPlan
    notes: tuple[TwinNote, ...]
    unread: tuple[Unread, ...]
    sides: tuple[TwinSide, TwinSide]
    moving: str = ""

    @property
    def groups(self) -> list[TwinGroup]:
        """What differs now, in groups."""
        return grouped(self.comparison)

    @property
    def left(self) -> list[TwinGroup]:
        """What differs after the commands."""
        return grouped(self.plan.left)

    @property
    def exit_code(self) -> int:
        """0 alike, 1 they differ, 2 undetermined."""
        return self.comparison.exit_code

    @property
    def headline(self) -> str:
        """The answer as a title."""
        if self.comparison.alike:
            return f"{self.b} treats every host as {self.a} does"
        if self.comparison.alike is False:
            return f"{self.b} does not treat every host as {self.a} does"
        return f"Could not determine whether {self.b} treats every host as {self.a} does"

    @property
    def summary(self) -> str:
        """The answer in a few sentences, for a ticket."""
        return " ".join(_summary(self))

    @property
    def warning(self) -> str:
        """The effect of the commands on hosts that use B today; empty: none."""
        existing = {each.identity for each in self.sides[1].view.connectors}
        if not any(step.connector in existing for step in self.plan.steps):
            return ""
        return f"Hosts that use {self.b} today would then be treated differently too."

    @property
    def proven(self) -> str:
        """The state after the commands, as proven."""
        every = f"every IPv4 and IPv6 address at {_endpoints(self.plan.left)}"
        if self.plan.left.alike:
            return f"Proven for {every}: {self.b} then treats hosts as {self.a} does."
        if not self.plan.steps:
            return "No command is proposed."
        if self.plan.left.alike is None:
            return (
                f"Compared: {every}. No difference would be left that is known, but data is "
                "missing."
            )
        return f"Compared: {every}. Some differences would remain, see below."

    @property
    def again(self) -> str:
        """How to check the result of the commands; empty: there are none."""
        if not self.plan.steps:
            return ""
        return f"After the commands, export {self.b} again and compare it with {self.a} again."

    def as_json(self) -> dict[str, Any]:
        """The document of `mailflow twin --json`."""
        return {
            "schema": SCHEMA,
            "alike": self.comparison.alike,
            "summary": self.summary,
            "servers": {"a": self.a, "b": self.b},
            "sources": {"a": self.origins[0], "b": self.origins[1]},
            "address": self.moving or None,
            "endpoints": [str(each) for each in self.comparison.endpoints],
            "only_b": list(self.comparison.only_b),
            "differences": [_block_json(block) for block in self.comparison.blocks],
            "commands": list(self.plan.commands),
            "rollback": list(self.plan.rollback),
            "alike_after": self.plan.left.alike,
            "left": [_block_json(block) for block in self.plan.left.blocks],
            "not_reached": [*self.plan.kept, *self.plan.refused],
            "notes": [{"text": note.text, "command": note.command or None} for note in self.notes],
            "unknown": list(self.comparison.doubts),
            "unread": [unread_json(row) for row in self.unread],
        }

    def diagnosis(self) -> Diagnosis:
        """The same as findings, which close a runbook and go into its folder."""
        verdict = _VERDICTS[self.comparison.alike]
        finding = FindingRecord(
            cause=CAUSE,
            state=verdict,
            server=self.b,
            addresses=tuple(format_range(block) for group in self.groups for block in group.blocks)[
                :MOST_BLOCKS
            ],
            reading=self.summary,
            remedy=self.proven,
            commands=self.plan.commands,
            undo=self.plan.rollback,
            facts=("S1.13", "S1.16", "S3.20"),
        )
        steps = [NextStep(self.again)] if self.again else []
        steps += (NextStep(note.text, note.command) for note in self.notes)
        steps += (NextStep(text) for text in (*self.plan.kept, *self.plan.refused))
        return Diagnosis(
            verdict=verdict,
            word=_WORDS[self.comparison.alike],
            headline=self.headline,
            summary=self.summary,
            findings=(finding,),
            unread=self.unread,
            origin=self.origins[0],
            repair=self.plan.commands,
            undo=self.plan.rollback,
            next_steps=tuple(steps),
            taken=_taken(self.sides[0].org),
        )


_VERDICTS: Mapping[bool | None, Verdict] = {True: "clear", False: "found", None: "unknown"}
_WORDS: Mapping[bool | None, str] = {True: "alike", False: "different", None: ""}
MOST_BLOCKS = 200
"""More addresses than this in a finding help nobody; `mailflow twin --json` has them all."""


def twin(
    org: Snapshot, server_a: str, server_b: str, other: Snapshot | None = None, address: str = ""
) -> TwinReport:
    """Whether B treats every host as A does, and the commands that would achieve it.

    Args:
        org: the organization of A, as `mailflow.open` gives it.
        server_a: the server that hosts use now.
        server_b: the one that they are to use.
        other: the organization of B; left out: the same.
        address: a load balancer's or a DNS name's address, or one of A's, that moves to B; empty:
            all local addresses are compared.

    Raises:
        UsageError: a server is not named, there is none of this name, the same one is named twice,
            or no address.
    """
    a, b = _side(org, server_a), _side(other or org, server_b)
    if a.org is b.org and a.view is b.view:
        raise UsageError(f"{a.view.name} is named twice; name two servers")
    moving = _moving(a.view, address)
    mine = compare_servers(a.twin, b.twin, moving)
    return TwinReport(
        a=a.view.name,
        b=b.view.name,
        origins=(a.org.origin, b.org.origin),
        comparison=mine,
        plan=plan_twin(a, b, moving),
        notes=(*_of_address(a.view, address, moving), *twin_notes(a, b)),
        unread=tuple(_unread(a, b)),
        sides=(a, b),
        moving=address,
    )


def _side(org: Snapshot, name: str) -> TwinSide:
    view = analyze(org).server(name)
    if view is None:
        known = joined(sorted(server.name for server in org.servers), most=20) or "none"
        what = (
            f"no server is called {name!r}" if name else "name both servers, server_a and server_b"
        )
        raise UsageError(f"{what}; known: {known}")
    return TwinSide(org, view)


def _moving(a: ServerView, text: str) -> Address | None:
    """The address, where it is a local one of A; else hosts arrive at A's own addresses."""
    if not text:
        return None
    try:
        address = parse_address(text)
    except RangeError as error:
        raise UsageError(f"--for: expected an IP address: {error}") from error
    bound = any(
        (each.family, each.address) == (address.version, int(address))
        for connector in a.connectors
        for each in connector.bindings
    )
    return address if bound or address in a.addresses else None


def _of_address(a: ServerView, text: str, moving: Address | None) -> Iterator[TwinNote]:
    if text and moving is None:
        yield TwinNote(
            f"{text} is no address of {a.name}: it must belong to a device that forwards "
            f"connections. They arrive at {a.name}'s own addresses, which were all compared. A "
            "load balancer that puts its own address in front of hosts shows that address alone "
            "as the remote one."
        )


def _unread(a: TwinSide, b: TwinSide) -> Iterator[Unread]:
    """Missing data of the two servers that such a comparison rests on."""
    for side in (a,) if a.org is b.org else (a, b):
        views = (a.view, b.view) if a.org is b.org else (side.view,)
        for row in side.org.unread:
            mine = not row.server or any(view.server.is_named(row.server) for view in views)
            cmdlet = row.what.partition(" ")[0]
            if mine and cmdlet in ("Get-ReceiveConnector", "Get-ExchangeServer", RIGHTS, "capture"):
                yield row


def _taken(org: Snapshot) -> str | None:
    return org.taken.isoformat(timespec="seconds") if org.taken else None


def grouped(found: TwinComparison) -> list[TwinGroup]:
    """Blocks that differ in the same way, what is lost first."""
    alike: dict[tuple[object, ...], list[TwinBlock]] = {}
    for block in found.blocks:
        names = _named(block.a), _named(block.b)
        key = (block.endpoint, names, block.effect, block.state, block.why)
        alike.setdefault(key, []).append(block)
    groups = [
        TwinGroup(
            str(some[0].endpoint),
            tuple(block.block for block in some),
            _named(some[0].a),
            _named(some[0].b),
            some[0].effect,
            some[0].state == "differs",
            some[0].why,
        )
        for some in alike.values()
    ]
    return sorted(groups, key=lambda group: (not group.is_certain, not group.effect.loses))


def _named(acceptors: Acceptors) -> str:
    names = (NO_ANSWER if each is None else each.name for each in acceptors)
    return " or ".join(dict.fromkeys(names))


def _block_json(block: TwinBlock) -> dict[str, Any]:
    return {
        "endpoint": str(block.endpoint),
        "port": block.endpoint.port,
        "block": format_range(block.block),
        "size": block.block.size,
        "a": [each.identity if each else None for each in block.a],
        "b": [each.identity if each else None for each in block.b],
        "gains": list(block.effect.gains),
        "loses": list(block.effect.loses),
        "not_known": list(block.effect.not_known),
        "state": block.state,
        "why": block.why or None,
    }


def _endpoints(found: TwinComparison) -> str:
    return counted(len(found.endpoints), "endpoint")


def _summary(found: TwinReport) -> Iterator[str]:
    yield f"{found.headline}."
    certain = [group for group in found.groups if group.is_certain]
    if certain:
        first = certain[0]
        blocks = joined(map(format_range, first.blocks), most=3)
        accepted = (
            f"{first.b} accepts instead of {first.a}"
            if first.b != first.a
            else f"{first.b} has other settings"
        )
        lost = joined((word.partition(" (")[0] for word in first.effect.loses), most=3)
        gained = joined((word.partition(" (")[0] for word in first.effect.gains), most=3)
        said = [f"lose {lost}"] if lost else []
        said += [f"gain {gained}"] if gained else []
        yield f"On {first.endpoint} {accepted}: hosts of {blocks} {' and '.join(said)}."
        if len(certain) > 1:
            more = counted(len(certain) - 1, "further group")
            yield f"{more} of addresses {'differs' if len(certain) == 2 else 'differ'}."
    maybe = [group for group in found.groups if not group.is_certain]
    if maybe:
        whys = joined((group.why for group in maybe if group.why), most=2)
        yield f"{counted(len(maybe), 'group')} of addresses undetermined" + (
            f": {whys}." if whys else "."
        )
    if found.comparison.doubts:
        yield f"Missing data: {joined(found.comparison.doubts, most=3)}."
    yield f"Compared: every IPv4 and IPv6 address at {_endpoints(found.comparison)}."
