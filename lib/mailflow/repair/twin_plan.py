"""The way from a server to its twin: what to do on B so that it treats every host as A does.

The commands are carried out on paper while they are made. The result is judged again over all
addresses, beside every mail path to B: addresses of Exchange servers stay out of B's connectors
where mail from them would stop. What cannot be reached is named, and what was not read is not
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.missing import CONNECTORS, RIGHTS, Missing
from mailflow.analysis.places import hidden_connectors
from mailflow.analysis.servers import is_custom
from mailflow.analysis.twin_blocks import TwinComparison
from mailflow.analysis.twin_server import TwinServer
from mailflow.analysis.twins import compare_servers
from mailflow.exchange.commands import Unquotable
from mailflow.exchange.connectors import PermissionGroups, ReceiveConnector
from mailflow.exchange.ranges import Address
from mailflow.exchange.servers import Generation
from mailflow.phrases import joined
from mailflow.repair.simulation import refuser
from mailflow.repair.twin_steps import (
    TwinStep,
    changed,
    created,
    differing,
    further_rights,
    is_kept_from_servers,
    unwritable,
)
from mailflow.repair.twin_targets import TwinSide, TwinTarget, TwinTargets
from mailflow.snapshot import Right, Snapshot


@dataclass(frozen=True, slots=True)
class TwinPlan:
    """What to do on B, and the proof of it.

    Attributes:
        steps: in an order that Exchange takes.
        left: A compared with B as it is then.
        kept: what is left as it is on purpose, and why.
        refused: what cannot be reached, and why.
        result: the organization of B as it is then.
    """

    steps: tuple[TwinStep, ...]
    left: TwinComparison
    kept: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    result: Snapshot = field(default_factory=Snapshot, repr=False)

    @property
    def commands(self) -> tuple[str, ...]:
        """All commands in order."""
        return tuple(line for step in self.steps for line in step.commands)

    @property
    def rollback(self) -> tuple[str, ...]:
        """What undoes them, the last step first."""
        return tuple(line for step in reversed(self.steps) for line in step.rollback)


def plan_twin(a: TwinSide, b: TwinSide, moving: Address | None = None) -> TwinPlan:
    """The way from A to a B that treats hosts as A does.

    Args:
        a: the server that hosts use now.
        b: the one that they are to use.
        moving: a local address of A that moves to B.
    """
    if compare_servers(a.twin, b.twin, moving).alike:
        return _Paper(a, b, moving, ()).plan(())
    hidden = [
        f"Nothing is proposed: {why}. Export them all, then rerun: "
        f"{Missing(side.view.name, CONNECTORS).command}"
        for side in (a, b)
        for why in hidden_connectors(side.view, side.view.connectors)
    ]
    if hidden:  # what is made might be there already, or stand beside what nobody read
        return _Paper(a, b, moving, hidden).plan(())
    working = _working(b)
    spared: dict[Address, None] = {}
    closed: dict[str, None] = {}
    spares_defaults = False
    while True:
        targets = TwinTargets(a, b, moving, tuple(spared))
        paper = _Paper(a, b, moving, list(targets.refused))
        paper.carry_out(targets, tuple(closed), spares_defaults=spares_defaults)
        broken = working - _working(TwinSide(paper.result, b.view))
        fresh = {address for _, address, *_ in broken if address and address not in spared}
        if fresh:
            spared |= dict.fromkeys(sorted(fresh, key=lambda each: (each.version, int(each))))
        elif broken and not spares_defaults:
            spares_defaults = True
        elif broken:
            paper = _Paper(a, b, moving, ["Mail between Exchange servers would stop."])
            return paper.plan(())
        elif more := [each for each in paper.in_the_way(targets) if each not in closed]:
            closed |= dict.fromkeys(more)
        else:
            return paper.plan(_kept(b, spared, spares_defaults=spares_defaults))


def _kept(b: TwinSide, spared: Iterable[Address], *, spares_defaults: bool) -> Iterator[str]:
    if spared:
        yield (
            f"{joined(spared)} are not added to the connectors of {b.view.name}: they are Exchange "
            "servers, and their mail would stop."
        )
    if spares_defaults:
        yield (
            f"The connectors that setup made on {b.view.name} stay as they are: mail between "
            "Exchange servers would stop."
        )


_Path = tuple[str, Address | None, int, Address | None]


def _working(side: TwinSide) -> set[_Path]:
    """Mail paths to the server that work."""
    return {
        (path.sender.name, path.address, path.endpoint.port, path.local)
        for path in analyze(side.org).paths
        if path.endpoint and path.state == "clear" and path.target.server.is_named(side.view.name)
    }


class _Paper:
    """Server B, changed on paper step by step."""

    def __init__(
        self, a: TwinSide, b: TwinSide, moving: Address | None, refused: Sequence[str]
    ) -> None:
        self._a, self._b, self._moving = a, b, moving
        self._now = list(b.view.connectors)
        self._rights = list(b.org.rights)
        self._refuse = refuser(b.view)
        self._steps: list[TwinStep] = []
        self._refused = dict.fromkeys(refused)

    @property
    def result(self) -> Snapshot:
        """The organization of B as it is on paper."""
        org = self._b.org
        mine = {each.identity.casefold() for each in self._b.view.connectors}
        others = [each for each in org.connectors if each.identity.casefold() not in mine]
        return replace(org, connectors=(*others, *self._now), rights=tuple(self._rights))

    def left(self) -> TwinComparison:
        """A compared with B as it is on paper."""
        result = self.result
        then = TwinServer(self._b.view.with_connectors(self._now), analyze(result).rights)
        return compare_servers(self._a.twin, then, self._moving)

    def plan(self, kept: Iterable[str]) -> TwinPlan:
        """What came of it."""
        return TwinPlan(
            tuple(self._steps), self.left(), tuple(kept), tuple(self._refused), self.result
        )

    def in_the_way(self, targets: TwinTargets) -> Iterator[str]:
        """Custom connectors of B like none of A's that accept hosts which A treats otherwise."""
        taken = {each.identity for each in targets.partners.values()}
        found = {each.identity: each for block in self.left().blocks for each in block.b if each}
        theirs = self._b.view.connectors
        for identity, connector in found.items():
            if identity not in taken and connector in theirs and is_custom(connector, theirs):
                yield identity

    def carry_out(
        self, targets: TwinTargets, closed: Sequence[str], *, spares_defaults: bool
    ) -> None:
        """Everything that is to be done, each as soon as Exchange would take it (S8.65)."""
        waiting: list[tuple[ReceiveConnector | None, ReceiveConnector, TwinTarget | None]] = [
            (each, replace(each, enabled=False), None)
            for each in self._b.view.connectors
            if each.identity in closed
        ]
        wanted = targets.made(spares_defaults=spares_defaults)
        waiting += ((each.before, each.after, each) for each in wanted)
        self._refused |= targets.refused
        while waiting:
            ready = next((each for each in waiting if not self._says(each[1])), None)
            if ready is None:
                break
            waiting.remove(ready)
            self._do(*ready)
        for before, after, _ in waiting:
            if before is None or differing(before, after):
                self._refused.setdefault(
                    f"Exchange would refuse {after.identity}: {self._says(after)}"
                )

    def _says(self, after: ReceiveConnector) -> str | None:
        """Why Exchange would refuse a connector beside the others as they are now."""
        return self._refuse(after, self._now)

    def _do(
        self,
        before: ReceiveConnector | None,
        after: ReceiveConnector,
        target: TwinTarget | None,
    ) -> None:
        unwritten = unwritable(before, after) if before else ""
        if unwritten:
            command = Missing(after.server, CONNECTORS).command
            self._refused.setdefault(
                f"{after.identity} is not changed: {unwritten} was not read, and could not be "
                f"rolled back. Export it in full, then rerun: {command}"
            )
            return
        more, fewer = self._rights_to_change(before, target.like) if target else ((), ())
        has_roles = self._b.view.generation is not Generation.LEGACY
        try:
            if before is None:
                text = f"Create {after.identity}, like {target.like.identity}." if target else ""
                step: TwinStep | None = created(after, more, text, has_roles=has_roles)
            else:
                text = (
                    f"Change {after.identity}, like {target.like.identity}."
                    if target
                    else f"Disable {after.identity}: {self._a.view.name} has none like it."
                )
                step = changed(before, after, more, fewer, text)
        except Unquotable:
            self._refused.setdefault(
                f"{after.identity}: a name in it cannot be quoted in a command."
            )
            return
        if step is None:
            return
        self._steps.append(step)
        self._write(before, after, target.like if target else None, more, fewer)

    def _rights_to_change(
        self, before: ReceiveConnector | None, like: ReceiveConnector
    ) -> tuple[tuple[Right, ...], tuple[Right, ...]]:
        """Entries beyond the groups that A's connector has and B's lacks, and the other way round.

        Only where both access lists were read; a new connector's is known to have none.
        """
        rights = analyze(self._a.org).rights
        if rights.of(like) is None:
            if like.groups is not None and PermissionGroups.Custom in like.groups:
                command = Missing(like.server, RIGHTS).command
                self._refused.setdefault(
                    f"Further rights on {like.identity} are not copied: its access list was "
                    f"not read. Export it, then rerun: {command}"
                )
            return (), ()
        wanted = _by_meaning(further_rights(like.groups, _entries(self._a.org, like)))
        if before is None:
            return tuple(wanted.values()), ()
        if analyze(self._b.org).rights.of(before) is None:
            return (), ()
        held = _by_meaning(further_rights(before.groups, _entries(self._b.org, before)))
        return (
            tuple(right for key, right in wanted.items() if key not in held),
            tuple(right for key, right in held.items() if key not in wanted),
        )

    def _write(
        self,
        before: ReceiveConnector | None,
        after: ReceiveConnector,
        like: ReceiveConnector | None,
        more: Sequence[Right],
        fewer: Sequence[Right],
    ) -> None:
        """The connector and its access list on paper, with what its groups make of both."""
        held = [] if before is None else list(_entries(self._b.org, before))
        own = list(further_rights(before.groups if before else None, held))
        gone = {_meaning(right) for right in fewer}
        kept = [right for right in own if _meaning(right) not in gone]
        kept += (replace(right, server=after.server, connector=after.name) for right in more)
        read = like is not None and analyze(self._a.org).rights.of(like) is not None
        known = before is None or bool(held)
        if like is not None and read and known and _same_groups(like, after):
            # What the groups make is the same as on A.
            further = {
                _meaning(right)
                for right in further_rights(like.groups, _entries(self._a.org, like))
            }
            made = [
                replace(right, server=after.server, connector=after.name)
                for right in _entries(self._a.org, like)
                if _meaning(right) not in further and not is_kept_from_servers(right)
            ]
        else:
            made = [right for right in held if right not in own]
        groups = after.groups
        if groups is not None:
            custom = PermissionGroups.Custom if kept else PermissionGroups(0)
            groups = groups & ~PermissionGroups.Custom | custom if known else groups
        after = replace(after, groups=groups)
        if before is None:
            self._now.append(after)
        else:
            self._now[self._now.index(before)] = after
            self._rights = [right for right in self._rights if right not in held]
        self._rights += [*made, *kept]


def _entries(org: Snapshot, connector: ReceiveConnector) -> Iterator[Right]:
    for right in org.rights:
        name = right.connector.rpartition("\\")[2]
        if (right.server.casefold(), name.casefold()) == (
            connector.server.casefold(),
            connector.name.casefold(),
        ):
            yield right


def _meaning(right: Right) -> tuple[str, str, bool]:
    return right.user.casefold(), right.right.casefold(), right.deny


def _by_meaning(rights: Iterable[Right]) -> dict[tuple[str, str, bool], Right]:
    return {_meaning(right): right for right in rights}


def _same_groups(one: ReceiveConnector, other: ReceiveConnector) -> bool:
    custom = PermissionGroups.Custom
    if one.groups is None or other.groups is None:
        return False
    return one.groups & ~custom == other.groups & ~custom
