r"""The smallest list that keeps everyone seen: against a slow model of selection, and by trying."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from itertools import combinations

import pytest

from mailflow.analysis.analysis import analyze
from mailflow.errors import UsageError
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import AddressRange, parse_address, parse_range
from mailflow.repair.simulation import applied
from mailflow.snapshot import Snapshot
from mailflow.usage.combine import Client
from mailflow.usage.coverage import Covered
from mailflow.usage.narrow import Narrowed, addresses_in, narrow, smallest_list
from organisations import healthy
from selection_model import as_read, winners

RELAY = r"EX16A\Relay"
BASE = int(IPv4Address("10.0.5.0"))


def covered(*against: str) -> tuple[Covered, ...]:
    """The relay connector's time, covered unless something stands against it."""
    day = datetime(2026, 11, 1, tzinfo=UTC)
    names = ("EX16A", RELAY, "FrontEnd", day, day, "Verbose", day)
    return (Covered(*names, rows=True, gaps=(), against=against, trusted_from=None),)


def client(
    address: str, connector: str = RELAY, port: int = 25, *, proxied: bool = False
) -> Client:
    """A client that was seen once."""
    return Client(
        connector, address, "10.0.0.21", port, proxied, "2026-11-01T00:00:00",
        "2026-11-02T00:00:00", 1, 1, 0, 0, 0, (), (("Local", 1),), 0, 0, 0, (), (),
    )  # fmt: skip


def ranges(*texts: str) -> list[str]:
    """Ranges as texts, whatever their notation."""
    return sorted(str(replace(parse_range(text), text="")) for text in texts)


def test_everyone_seen_is_kept_and_nobody_else() -> None:
    """A /24 with two users becomes two addresses; the proof names the 254 others."""
    org = healthy().snapshot()

    found = narrow(org, RELAY, [client("10.0.5.7"), client("10.0.5.9")], covered())

    assert [str(each) for each in found.after] == ["10.0.5.7", "10.0.5.9"]
    assert (found.before, found.size) == (256, 2)
    assert found.proof is not None
    assert sum(each.block.size for each in found.proof.moved) == 254
    assert found.proof.changes[0].undo.endswith('-RemoteIPRanges "10.0.5.0/24"')


def test_nothing_is_proposed_for_a_time_that_is_not_covered() -> None:
    """S7.20: who was not seen while nothing was logged may need it tomorrow."""
    why = "ProtocolLoggingLevel is None: it writes no log."

    found = narrow(healthy().snapshot(), RELAY, [client("10.0.5.7")], covered(why))

    assert (found.after, found.proof) == ((), None)
    assert found.why_not == (why,)


def test_nobody_seen_is_no_empty_list() -> None:
    """S8.64: whether Exchange takes an empty list is not known; it is said how to disable it."""
    found = narrow(healthy().snapshot(), RELAY, [], covered())

    assert found.proof is None
    assert "-Enabled $false" in found.why_not[0]


def test_a_client_behind_the_transport_service_is_kept() -> None:
    """S7.25: its connector of the Front End is not known, so it may be this one."""
    clients = [client("10.0.5.7"), client("10.0.5.9", r"EX16A\Default EX16A", 2525, proxied=True)]

    found = narrow(healthy().snapshot(), RELAY, clients, covered())

    assert [str(each) for each in found.after] == ["10.0.5.7", "10.0.5.9"]


def test_a_client_of_a_smaller_list_is_not_taken_away_from_it() -> None:
    """S1.13: who was seen here once, and is another connector's by now, stays that one's."""
    org = healthy().add_relay("EX16A", "10.0.5.8/30", name="Scanners").snapshot()

    found = narrow(org, RELAY, [client("10.0.5.7"), client("10.0.5.9")], covered())

    assert [str(each) for each in found.after] == ["10.0.5.7"]


def test_a_tie_gives_no_proposal() -> None:
    """S1.36: where equal ranges leave open who accepts a client, no list is proposed."""
    org = healthy().add_relay("EX16A", "10.0.5.0/24", name="Scanners").snapshot()

    found = narrow(org, RELAY, [client("10.0.5.7")], covered())

    assert found.proof is None
    assert "a tie" in found.why_not[0]


def test_a_name_that_nobody_has() -> None:
    """The error names the connectors that are there."""
    with pytest.raises(UsageError, match="wasn't found; known"):
        narrow(healthy().snapshot(), r"EX16A\Nobody", [], covered())


def test_blocks_hold_kept_addresses_alone() -> None:
    """With a prefix, neighbours become blocks no wider than it; without, they stay single."""
    some = [parse_address(f"10.0.5.{n}") for n in (4, 5, 6, 7, 8, 10)]

    assert ranges(*map(str, smallest_list(some, 30))) == ranges(
        "10.0.5.4/30", "10.0.5.8", "10.0.5.10"
    )
    assert len(smallest_list(some, 31)) == 4
    assert len(smallest_list(some)) == 6


@pytest.mark.parametrize("seed", range(60))
def test_smallest_by_brute_force(seed: int) -> None:
    """No other blocks within the prefix cover the same with fewer addresses, or fewer elements."""
    source = random.Random(seed)  # noqa: S311 - not for secrets
    numbers = sorted(source.sample(range(8), source.randrange(1, 8)))
    prefix = source.choice((0, 32, 31, 30, 29))
    most = 1 << (32 - prefix) if prefix else 1
    blocks = [(first, size) for size in (1, 2, 4, 8) if size <= most for first in range(0, 8, size)]
    best = min(
        (len(set().union(*(range(f, f + s) for f, s in some))), count)
        for count in range(1, len(numbers) + 1)
        for some in combinations(blocks, count)
        if set(numbers) <= set().union(*(range(f, f + s) for f, s in some))
    )

    found = smallest_list([IPv4Address(BASE + number) for number in numbers], prefix)

    assert (addresses_in(found), len(found)) == best


def history(seed: int) -> tuple[Snapshot, list[Client]]:
    """Lists that nest, meet and equal each other on two ports, and clients seen anywhere there."""
    source = random.Random(seed)  # noqa: S311 - not for secrets
    org = healthy()
    org.change(RELAY, ranges=", ".join(_ranges(source)))
    for name in source.sample(("Scanners", "Printers", "Old"), source.randrange(3)):
        org.add_relay("EX16A", *_ranges(source), name=name)
        if source.random() < 0.3:
            org.change(rf"EX16A\{name}", bindings="0.0.0.0:25, 0.0.0.0:587")
    if source.random() < 0.3:
        org.change(RELAY, bindings="0.0.0.0:25, 10.0.0.21:587")
    names = [each.identity for each in org.connectors if each.server == "EX16A"]
    clients = [
        client(
            f"10.0.5.{source.randrange(40)}",
            source.choice(names),
            source.choice((25, 25, 587)),
            proxied=source.random() < 0.1,
        )
        for _ in range(source.randrange(1, 12))
    ]
    return org.snapshot(), clients


def _ranges(source: random.Random) -> list[str]:
    found = []
    for _ in range(source.randrange(1, 4)):
        bits = source.choice((24, 27, 28, 29, 30, 32))
        found.append(f"10.0.5.{source.randrange(32) & (0xFF << (32 - bits)) & 0xFF}/{bits}")
    return sorted(set(found))


def accepting(connectors: tuple[ReceiveConnector, ...], seen: Client) -> set[str | None]:
    """By the slow model, who may accept a client where it was seen."""
    port = 25 if seen.proxied else seen.port
    question = (parse_address(seen.local), port, parse_address(seen.address))
    mine = [each for each in connectors if each.server == "EX16A"]
    candidates = [as_read(each, place, question) for place, each in enumerate(mine)]
    places = winners(candidates, TransportRole.FrontendTransport, question)
    return {None if place is None else mine[place].identity for place in places}


def check(seed: int) -> Narrowed:
    """One random history: nobody seen is lost, and the list never gets wider."""
    org, clients = history(seed)
    found = narrow(org, RELAY, clients, covered(), prefix=random.Random(seed).choice((0, 30, 29)))  # noqa: S311
    if found.proof is None:
        assert found.why_not
        return found
    after = applied(org, found.proof.changes)
    for seen in clients:
        assert accepting(org.connectors, seen) == accepting(after.connectors, seen), (seed, seen)
    old = next(
        each for view in analyze(org).servers for each in view.connectors if each.identity == RELAY
    )
    assert all(any(block.holds(each) for block in old.ranges) for each in found.after), seed
    assert found.size <= found.before
    kept = {seen.address for seen in clients if RELAY in accepting(org.connectors, seen)}
    direct = {seen.address for seen in clients if not seen.proxied} & kept
    assert {each for each in direct if not _holds(found.after, each)} == set()
    return found


def _holds(blocks: tuple[AddressRange, ...], address: str) -> bool:
    return any(parse_address(address) in block for block in blocks)


def test_random_histories_lose_nobody() -> None:
    """0 of 60 lose a client that was seen, and most are narrowed."""
    found = [check(seed) for seed in range(60)]

    assert sum(each.proof is not None for each in found) > 20


@pytest.mark.long
def test_many_random_histories_lose_nobody() -> None:
    """0 of 1,000 do."""
    for seed in range(1000, 2000):
        check(seed)
