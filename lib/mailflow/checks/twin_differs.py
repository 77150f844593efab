"""Audit: peer servers that treat the same host differently.

Compared is what their connectors do, whatever these are called: a relay connector under another
name is no difference, and one that is missing is. Servers of one kind and site stand in for each
other, and servers that somebody names as peers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from mailflow.analysis.capabilities import RELAY, Effect, Rights
from mailflow.analysis.servers import ServerView
from mailflow.analysis.treatment import FURTHER_RIGHTS, LOGGING, treatment
from mailflow.analysis.twin_blocks import TwinBlock, TwinComparison, told_of
from mailflow.analysis.twin_server import TwinServer
from mailflow.analysis.twins import TwinJudge, compare_servers
from mailflow.checks.check import Card, Check, ConnectorWords, Finding, in_own_words, own_advice
from mailflow.checks.connectors_differ import EDGE, kind_of, template_of
from mailflow.exchange.commands import filled
from mailflow.exchange.connectors import LIMITS, ReceiveConnector, setup_default
from mailflow.exchange.ranges import format_range
from mailflow.phrases import counted, joined

CARD = Card(
    id="twin-differs",
    title="Peer servers treat hosts differently",
    meaning=(
        "A peer server treats the same host differently, whatever its connectors are called: a new "
        "server without the relay connector, different RemoteIPRanges, or different limits. What a "
        "host may do then depends on the server that DNS or a load balancer sends it to."
    ),
    evidence_for=("`mailflow twin` names the hosts, and what they lose and gain.",),
    evidence_against=("No DNS name and no load balancer leads to both servers.",),
    confirm=("mailflow twin {source} {sender} {target}",),
    fix=("Run the commands that `mailflow twin` gives, or decide that the servers differ.",),
    sources=("S1.13", "S1.16", "S1.18", "S3.20"),
)

_OPTIONAL = frozenset({*LIMITS, LOGGING, "sending without TLS"})
"""What an audit does without where it was not read."""


def audited_treatment(
    old: ReceiveConnector | None,
    new: ReceiveConnector | None,
    rights: Rights,
    rights_after: Rights,
) -> Effect:
    """What a host gains and loses as far as an audit judges it: logging is nothing a host meets.

    Access lists are rarely exported: with the same groups shown on both they are taken to be alike.
    """
    found = treatment(old, new, rights, rights_after)
    optional = _OPTIONAL
    if old is not None and new is not None and old.groups == new.groups:
        optional = optional | {RELAY, FURTHER_RIGHTS}
    return Effect(
        tuple(name for name in found.gains if name != LOGGING),
        tuple(name for name in found.loses if name != LOGGING),
        tuple(name for name in found.not_known if name not in optional),
    )


@dataclass(frozen=True, slots=True)
class TwinPeers:
    """Servers that stand in for each other.

    Attributes:
        members: the servers.
        is_certain: whether that is known: they are of one site, or somebody says so.
    """

    members: tuple[TwinServer, ...]
    is_certain: bool


class Twins:
    """The servers of an organization that stand in for each other, compared with one of them."""

    def __init__(
        self, rights: Rights, servers: Sequence[ServerView], told: Sequence[Sequence[str]] = ()
    ) -> None:
        """Compare each server once with the one that most of its peers are like.

        Args:
            rights: of the organization.
            servers: all of its servers.
            told: names of servers that stand in for each other besides.
        """
        twins = {view.name: TwinServer(view, rights) for view in servers}
        groups: dict[tuple[object, str], list[TwinServer]] = {}
        for view in servers:
            if view.connectors:
                key = kind_of(view.server), view.server.site.casefold()
                groups.setdefault(key, []).append(twins[view.name])
        peers = [
            TwinPeers(tuple(some), bool(site) or kind == EDGE)
            for (kind, site), some in groups.items()
        ]
        peers += (
            TwinPeers(
                tuple(
                    twins[view.name] for view in servers if any(map(view.server.is_named, names))
                ),
                is_certain=True,
            )
            for names in told
        )
        judge = TwinJudge(audited_treatment)
        self._compared = [
            (group, other)
            for group in peers
            if len(group.members) > 1 and any(each.view.covered for each in group.members)
            for other in _compared(group.members, judge)
        ]

    def find(self, told: Sequence[Finding]) -> Iterator[Finding]:
        """A finding for each server that treats hosts otherwise than its peers do.

        Args:
            told: what is told of single connectors; a difference that follows from one of these is
                not told again.
        """
        explained = {
            template_of(each.connector).casefold()
            for each in told
            if each.connector and each.state in ("found", "unknown")
        }
        seen: set[tuple[str, str]] = set()
        for group, other in self._compared:
            blocks = [
                block
                for block in other.blocks
                if block.state == "differs" and not _is_explained(block, explained)
            ]
            pair = (other.a.name, other.b.name)
            if not blocks or pair in seen or not (other.a.covered or other.b.covered):
                continue
            seen.add(pair)
            yield Finding(
                check=CHECK,
                state="found" if group.is_certain else "unknown",
                server=other.b,
                connector=None,
                evidence=_words(other, blocks, is_certain=group.is_certain),
            )

    def softened(self, finding: Finding) -> Finding:
        """A connector that differs from those of its name is harmless where no host meets that."""
        mine = [other for _, other in self._compared if finding.server in (other.a, other.b)]
        if finding.state != "found" or not mine or not all(each.alike for each in mine):
            return finding
        if not isinstance(finding.evidence, ConnectorWords):
            return finding
        words = f"{finding.evidence.reading} Every host is treated alike all the same."
        return replace(finding, state="clear", evidence=ConnectorWords(words))


def _compared(members: Sequence[TwinServer], judge: TwinJudge) -> Iterator[TwinComparison]:
    """Each server with the one that most are like; of equally many, with the one that has more.

    Servers that are configured alike are compared once for all of them.
    """
    alike: dict[int, list[TwinServer]] = {}
    for each in members:
        alike.setdefault(id(judge.model(each)), []).append(each)
    classes: list[list[list[TwinServer]]] = []
    for some in alike.values():
        for known in classes:
            if _is_like(known[0][0], some[0], judge):
                known.append(some)
                break
        else:
            classes.append([some])
    if len(classes) < 2 and len(alike) < 2:
        return
    usual = max(classes, key=lambda known: (sum(map(len, known)), _customs(known[0][0])))[0][0]
    for some in alike.values():
        if usual in some:
            continue
        found = compare_servers(usual, some[0], judge=judge)
        for each in some:
            yield told_of(found, usual, each, usual, some[0])


def _is_like(a: TwinServer, b: TwinServer, judge: TwinJudge) -> bool:
    """Alike in both directions, for a port that one server alone has counts from one side."""
    pairs = ((a, b), (b, a))
    return all(compare_servers(*pair, judge=judge).alike for pair in pairs)


def _customs(server: TwinServer) -> int:
    enabled = [place for place, each in enumerate(server.view.connectors) if each.enabled]
    return len(server.view.custom & set(enabled))


def _is_explained(block: TwinBlock, explained: AbstractSet[str]) -> bool:
    """Whether what is told of its connectors tells why; of custom ones first of all."""
    there = [each for each in (*block.a, *block.b) if each]
    custom = [each for each in there if not setup_default(each)]
    names = [template_of(each).casefold() in explained for each in custom or there]
    return all(names) if custom else any(names)


def _words(
    other: TwinComparison, blocks: Sequence[TwinBlock], *, is_certain: bool
) -> ConnectorWords:
    """Which hosts, what becomes of them, and the command that shows and ends it."""
    first = max(blocks, key=lambda block: len(block.effect.loses))
    alike = [
        block
        for block in blocks
        if (block.a, block.b, block.effect) == (first.a, first.b, first.effect)
    ]
    hosts = joined(dict.fromkeys(format_range(block.block) for block in alike))
    a, b = (
        " or ".join("no connector" if each is None else each.name for each in some)
        for some in (first.a, first.b)
    )
    effect = first.effect
    parts = [
        f"{verb} {joined((word.partition(' (')[0] for word in words), most=4)}"
        for verb, words in (("lose", effect.loses), ("gain", effect.gains))
        if words
    ]
    reading = (
        f"{other.b.name} treats hosts differently from {other.a.name}: on {first.endpoint} {b} "
        f"accepts {hosts}, and on {other.a.name} {a} does. On {other.b.name} these hosts "
        f"{' and '.join(parts)}."
    )
    more = len(blocks) - len(alike)
    if more:
        verb = "differs" if more == 1 else "differ"
        reading += f" {counted(more, 'further block')} of addresses {verb}."
    if not is_certain:
        reading += " Their sites are unknown: between sites it may be by design."
    command = filled("mailflow twin {source} {a} {b}", {"a": other.a.name, "b": other.b.name})
    return ConnectorWords(
        reading,
        f"Show every difference, and the commands that remove it:\n{command}",
    )


CHECK = Check(CARD, "audit", in_own_words, own_advice)
