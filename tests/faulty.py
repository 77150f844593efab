"""Random organisations with a fault that a change of lists repairs, and a claim held to the model.

    faulty(7)               as a snapshot, with the plan of its repair
    faulty_practice(7)      as a practice under way, with mail that waits

The same number gives the same organisation. Exchange would have accepted every one of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import selection_model as model
from mailflow.analysis.assessment import SHADOWED
from mailflow.analysis.places import Place, places_of
from mailflow.exchange.conflicts import find_conflicts
from mailflow.exchange.connectors import PermissionGroups, ReceiveConnector, TransportRole
from mailflow.exchange.ranges import WIDTH, Address
from mailflow.exchange.servers import Generation
from mailflow.repair.claim import Proof
from mailflow.repair.plan import Repair
from mailflow.simulated import organisation as practised
from mailflow.simulated.clock import Clock
from mailflow.simulated.practice import Practice
from mailflow.simulated.scenarios import ACCOUNTS, RELAY_RIGHT, Built
from mailflow.simulated.transport import MailStream, Transport
from mailflow.snapshot import Right, Snapshot
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis
from organisations import E2010, E2013, E2016, E2019, Organisation
from practice_snapshot import snapshot_of
from strategies import to_address

RANGES = (
    *("10.0.0.0/24", "10.0.0.0/25", "10.0.0.0/28", "10.0.0.8-10.0.0.13", "10.0.0.10-10.0.0.12"),
    *("10.0.0.0(255.255.255.192)", "10.0.0.2-10.0.0.40", "10.0.0.12-10.0.0.31", "10.0.0.20/30"),
    *("10.0.0.11", "10.0.0.12", "10.0.0.21", "10.0.0.22", "10.0.0.5", "10.0.1.12", "0.0.0.0/1"),
    *("2001:db8::/64", "2001:db8::11", "2001:db8::10-2001:db8::1f", "2001:db8::/120"),
)
AUTH = ("Tls", "Tls", "Tls", "None", "ExternalAuthoritative", "Tls, ExchangeServer")
ANONYMOUS = r"NT AUTHORITY\ANONYMOUS LOGON"
ANY_RECIPIENT = "ms-Exch-SMTP-Accept-Any-Recipient"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SITES = ("Head-Office", "Head-Office", "Branch")


def faulty(number: int) -> tuple[Snapshot, Repair]:
    """An organisation whose findings call for other lists, with the plan that they give."""
    dice = Random(number)  # noqa: S311 - the same organisations every time
    for _ in range(200):
        org = _organisation(dice)
        if any(find_conflicts(_of(org, one.name)) for one in org.servers):
            continue
        read = org.snapshot()
        read = replace(read, rights=tuple(_rights(org, dice)))
        found = findings(read)
        caught = any((one.cause, one.state) == (SHADOWED, "found") for one in found.findings)
        # Rare: no order of the lists that Exchange would take, or others would lose.
        if caught and found.plan is not None and found.plan.edits:
            return read, found.plan
    raise AssertionError(f"no faulty organisation came of {number}")


def faulty_practice(number: int) -> Practice:
    """A practice two hours after its last mail: what waits in it, other lists would let go.

    The senders of the mail that waits are of every version; some of it would still go the other
    way, by a server that catches nobody.
    """
    dice = Random(number)  # noqa: S311 - the same practices every time
    for _ in range(400):
        org = _organisation(dice)
        if any(find_conflicts(_of(org, one.name)) for one in org.servers):
            continue
        practice = _practice(org, dice, f"faulty {number}")
        if _waits_for_lists(practice):
            return practice
    raise AssertionError(f"no faulty practice came of {number}")


def stuck_queues(found: Diagnosis) -> list[str]:
    """The queues that wait because a custom connector shadows the default one."""
    mine = [one for one in found.findings if (one.cause, one.state) == (SHADOWED, "found")]
    return list(dict.fromkeys(queue for one in mine for queue in one.queues))


def check_claim(before: Snapshot, after: Snapshot, proof: Proof) -> int:
    """The claim against the slow model, at every bound, beside it and inside every block.

    Returns:
        how many addresses were asked about.
    """
    asked = 0
    for server in before.servers:
        sides = [
            tuple(one for one in org.connectors if one.server == server.name)
            for org in (before, after)
        ]
        if sides[0] == sides[1]:
            assert not any(one.target == server.name for one in (*proof.reached, *proof.moved))
            continue
        bindings = {one for side in sides for each in side for one in each.bindings}
        known = [one.address for one in before.addresses if one.server == server.name]
        for port in sorted({one.port for one in bindings}):
            for place, family in _places(sides[0], known, port):
                for address in _probes(sides, family):
                    _check(sides, (place, port, address), proof)
                    asked += 1
    return asked


def _check(
    sides: Sequence[Sequence[ReceiveConnector]], question: model.Question, proof: Proof
) -> None:
    local, port, address = question
    server = sides[0][0].server
    for process in (model.FRONT, model.HUB):
        names = [_winner(side, process, question) for side in sides]
        rows = [
            one
            for one in (*proof.reached, *proof.moved)
            if one.target == server
            and any(_is_at(place, local, address, port, sides[0]) for place in one.places)
            and (address == one.address if hasattr(one, "address") else address in one.block)
            and _process(one.before or one.after) == process
        ]
        claimed = [[_name(one.before), _name(one.after)] for one in rows]
        assert claimed == ([names] if names[0] != names[1] else []), question


def _is_at(
    place: Place,
    local: Address | None,
    address: Address,
    port: int,
    connectors: Sequence[ReceiveConnector],
) -> bool:
    """Whether a claim for a place is one for this local address: its own place, or all others."""
    if (place.family, place.port) != (address.version, port):
        return False
    named = {one.local for one in places_of(connectors, [port])} - {None}
    return place.local == (local if local in named else None)


def _winner(
    side: Sequence[ReceiveConnector], process: TransportRole, question: model.Question
) -> str | None:
    candidates = [model.as_read(one, place, question) for place, one in enumerate(side)]
    won = model.winner(candidates, process, question)
    return None if won is None else side[won.place].identity


def _places(
    connectors: Sequence[ReceiveConnector], known: Sequence[str], port: int
) -> Iterator[tuple[Address | None, int]]:
    """Each local address that is known or bound, and one that nobody is bound to."""
    import ipaddress

    for family in (4, 6):
        yield None, family
        mine = {ipaddress.ip_address(one) for one in known}
        mine |= {one.local for one in places_of(connectors, [port]) if one.local}
        yield from ((one, family) for one in sorted(mine, key=str) if one.version == family)


def _probes(sides: Sequence[Sequence[ReceiveConnector]], family: int) -> list[Address]:
    width: int = WIDTH[4] if family == 4 else WIDTH[6]
    top = (1 << width) - 1
    bounds = {
        bound
        for side in sides
        for one in side
        for block in one.ranges
        if block.family == family
        for bound in (block.first, block.last)
    } | {0, top}
    points = sorted({n + step for n in bounds for step in (-1, 0, 1) if 0 <= n + step <= top})
    inside = [(low + high) // 2 for low, high in itertools.pairwise(points)]
    return [to_address(4 if family == 4 else 6, one) for one in sorted({*points, *inside})]


def _process(connector: ReceiveConnector | None) -> TransportRole | None:
    return None if connector is None else connector.role


def _name(connector: ReceiveConnector | None) -> str | None:
    return None if connector is None else connector.identity


def _organisation(dice: Random) -> Organisation:
    org = Organisation()
    for name, last in (("EX10A", 11), ("EX10B", 12))[: dice.randint(1, 2)]:
        more = dice.sample([f"10.0.1.{last}", f"2001:db8::{last}"], dice.randint(0, 2))
        org.add_server(name, E2010, f"10.0.0.{last}", *more)
    for name, last in (("EX16A", 21), ("EX16B", 22), ("EX16C", 23))[: dice.randint(1, 3)]:
        more = dice.sample([f"10.0.2.{last}", f"2001:db8::{last}"], dice.randint(0, 2))
        version = dice.choice((E2013, E2016, E2019))
        org.add_server(name, version, f"10.0.0.{last}", *more)
        for relay in range(dice.randint(1, 4)):
            _add_relay(org, name, last, relay, dice)
    return org


def _add_relay(org: Organisation, server: str, last: int, number: int, dice: Random) -> None:
    hub = dice.random() < 0.2
    port = 2525 if hub else 25
    host = dice.choice(("0.0.0.0", "0.0.0.0", f"10.0.0.{last}", f"10.0.2.{last}"))
    hosts = dice.choice(([host], [host, "[::]"], ["[::]"], [f"[2001:db8::{last}]", host]))
    auth = dice.choice(AUTH)
    groups = "AnonymousUsers, Custom"
    if auth in ("ExternalAuthoritative", "Tls, ExchangeServer"):
        groups = dice.choice(("ExchangeServers", "ExchangeServers, AnonymousUsers"))
    org.add_relay(
        server,
        *dice.sample(RANGES, dice.randint(1, 3)),
        f"10.{100 + number}.0.0/24",  # so that no list is emptied
        name=f"Relay {number}",
        bindings=", ".join(f"{one}:{port}" for one in hosts),
        auth=auth,
        groups=groups,
        enabled=dice.random() < 0.85,
        role=model.HUB if hub else model.FRONT,
    )


def _practice(org: Organisation, dice: Random, name: str) -> Practice:
    """The same organisation with mail between all its servers."""
    made = practised.Organisation(accounts={one.name: one for one in ACCOUNTS})
    names = [one.name for one in org.servers]
    for one in org.servers:
        own = [each.address for each in org.addresses if each.server == one.name]
        legacy = one.generation is Generation.LEGACY
        site = SITES[0] if legacy else dice.choice(SITES)
        made.install(one.name, one.version_text, own, site=site)
    for relay in org.connectors:
        server = made.server(relay.server)
        if server is None or not relay.name.startswith("Relay"):
            continue
        groups = relay.groups or PermissionGroups(0)
        if PermissionGroups.Custom in groups:  # shown where there are other rights (S3.20)
            made.access[relay.identity.casefold()] = [RELAY_RIGHT]
        made.directory.install(
            replace(relay, fqdn=server.exchange.fqdn, groups=groups & ~PermissionGroups.Custom)
        )
    transport = Transport(made, Clock(NOON))
    for sender, to in itertools.permutations(names, 2):
        every = timedelta(minutes=dice.randint(2, 20))
        transport.stream(MailStream(sender, to, NOON, every, until=NOON + timedelta(hours=1)))
    transport.advance(timedelta(hours=3))
    return Practice(name, Built(transport, names[-1], "Random lists, and mail that waits"))


def _waits_for_lists(practice: Practice) -> bool:
    """Whether queues are known to wait because of lists; nothing else is wrong with it."""
    read = snapshot_of(practice)
    found = findings(read)
    # Rare: no order of the lists that Exchange would take, or others would lose.
    return bool(stuck_queues(found)) and bool(found.plan and found.plan.edits)


def _rights(org: Organisation, dice: Random) -> Iterator[Right]:
    for one in org.connectors:
        if dice.random() < 0.5:
            yield Right(one.server, one.name, ANONYMOUS, "ms-Exch-SMTP-Submit", deny=False)
            if one.name.startswith("Relay"):
                yield Right(one.server, one.name, ANONYMOUS, ANY_RECIPIENT, deny=False)


def _of(org: Organisation, server: str) -> list[ReceiveConnector]:
    return [one for one in org.connectors if one.server == server]
