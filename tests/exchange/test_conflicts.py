"""What Exchange refuses: connectors that claim the same (section 1.5)."""

from __future__ import annotations

import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.conflicts import TEXT_A, TEXT_B, check, colliding, find_conflicts
from mailflow.exchange.connectors import ReceiveConnector, TransportRole, parse_binding
from mailflow.exchange.ranges import AddressRange, parse_range
from strategies import FRONT, HUB, ranges, servers


def connector(
    name: str, ranges: str, on: str = "0.0.0.0:25", role: TransportRole | None = FRONT
) -> ReceiveConnector:
    """An enabled connector of EX16A; ranges and bindings separated by blanks."""
    return ReceiveConnector(
        server="EX16A",
        name=name,
        enabled=True,
        role=role,
        bindings=tuple(parse_binding(text) for text in on.split()),
        ranges=tuple(parse_range(text) for text in ranges.split()),
        auth=None,
        groups=None,
    )


ALL = "0.0.0.0-255.255.255.255"
DF = connector("DF", ALL)


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        # S1.30: another role on a meeting binding, whatever the ranges
        (DF, connector("Hub", "10.0.0.5", role=HUB), "role"),
        (DF, connector("Hub", "10.0.0.5", "192.0.2.10:25", HUB), "role"),
        (connector("A", "10.0.0.5"), connector("B", "::5", role=HUB), "role"),
        # S1.31: identical bindings, equal or partially overlapping ranges
        (connector("A", "10.0.0.0/24"), connector("B", "10.0.0.0-10.0.0.255"), "mapping"),
        (connector("A", "10.0.0.1-10.0.0.5"), connector("B", "10.0.0.5-10.0.0.9"), "mapping"),
        (connector("A", "10.0.0.5-10.0.0.9"), connector("B", "10.0.0.1-10.0.0.5"), "mapping"),
        # a shared bound means containment, so it is allowed
        (connector("A", "10.0.0.1-10.0.0.9"), connector("B", "10.0.0.5-10.0.0.9"), None),
        (DF, connector("B", "10.0.0.5"), None),
        # S1.32: wildcard against specific, partially overlapping
        (
            connector("A", "10.0.0.1-10.0.0.5"),
            connector("B", "10.0.0.4-10.0.0.9", "192.0.2.10:25"),
            "mapping",
        ),
        # S1.33: wildcard against specific, equal
        (connector("A", "10.0.0.5"), connector("B", "10.0.0.5", "192.0.2.10:25"), None),
        # S1.34: no meeting
        (connector("A", ALL), connector("B", ALL, "0.0.0.0:587"), None),
        (connector("A", ALL), connector("B", ALL, "[::]:25", HUB), None),
        (
            connector("A", ALL, "192.0.2.10:25"),
            connector("B", ALL, "192.0.2.11:25", HUB),
            None,
        ),
        # a role that was not read is no conflict of roles
        (connector("A", ALL), connector("B", "10.0.0.5", role=None), None),
    ],
)
def test_each_rule(one: ReceiveConnector, other: ReceiveConnector, kind: str | None) -> None:
    """S1.30 to S1.34, whichever of the two is edited, and for a server as it stands."""
    for first, second in ((one, other), (other, one)):
        for found in (check(first, [second]), next(iter(find_conflicts([first, second])), None)):
            assert (found and found.kind) == kind
            if found:
                template = TEXT_A if kind == "role" else TEXT_B
                assert found.text == template.replace("{0}", f"EX16A\\{second.name}")
                assert (found.first, found.second) == (first, second)
                assert found.bindings[0].meets(found.bindings[1])
                assert (found.ranges is None) == (kind == "role")


def test_disabled_connectors_count() -> None:
    """Section 1.5: disabled ones and other roles are compared too."""
    disabled = dataclasses.replace(connector("B", ALL), enabled=False)

    assert check(DF, [disabled]) is not None
    assert check(disabled, [DF]) is not None


def test_the_first_meeting_pair_of_bindings_decides() -> None:
    """Section 1.5, the quirk: the cmdlet stops there, so the order of bindings decides."""
    one = connector("A", "10.0.0.5", "0.0.0.0:25 192.0.2.10:25")
    other = connector("B", "10.0.0.5", "192.0.2.10:25")
    turned = dataclasses.replace(one, bindings=one.bindings[::-1])

    assert check(one, [other]) is None  # wildcard against specific: S1.33
    assert check(turned, [other]) is not None  # identical: S1.31
    assert [found.kind for found in find_conflicts([one, other])] == ["mapping"]


def test_the_edited_connector_is_not_its_own_rival() -> None:
    """The old self among the others is left out, whatever the case of its name."""
    old = dataclasses.replace(DF, server="ex16a")

    assert check(DF, [old]) is None


def test_the_first_conflicting_connector_is_named() -> None:
    """Section 1.5: the message names one other connector."""
    found = check(DF, [connector("B", "10.0.0.5"), connector("C", ALL), connector("D", ALL)])

    assert found is not None
    assert found.second.name == "C"
    assert found.ranges == (DF.ranges[0], DF.ranges[0])


@given(st.lists(ranges(), max_size=6), st.lists(ranges(), max_size=6), st.booleans())
def test_colliding_agrees_with_every_pair(
    ours: list[AddressRange], theirs: list[AddressRange], equal: bool
) -> None:
    """S1.31 to S1.33: the quick search finds a pair exactly where trying all pairs does."""
    pairs = [(a, b) for a in ours for b in theirs if a.sticks_out_of(b) or (equal and a == b)]
    found = colliding(ours, theirs, equal=equal)

    assert (found is not None) == bool(pairs)
    assert found is None or found in pairs


@given(servers())
def test_find_conflicts_agrees_with_the_rules(connectors: tuple[ReceiveConnector, ...]) -> None:
    """S1.30 to S1.34, restated pair by pair."""
    expected = set()
    for place, one in enumerate(connectors):
        for other in connectors[place + 1 :]:
            for a in one.bindings:
                for b in other.bindings:
                    if (a.family, a.port) != (b.family, b.port) or (
                        a.address != b.address and 0 not in (a.address, b.address)
                    ):
                        continue
                    roles = {one.role, other.role} - {None}
                    if len(roles) == 2 or any(
                        x.sticks_out_of(y) or (x == y and a.address == b.address)
                        for x in one.ranges
                        for y in other.ranges
                    ):
                        expected.add((one.name, other.name))

    found = find_conflicts(connectors)
    assert {(one.first.name, one.second.name) for one in found} == expected
    assert len(found) == len(expected)


@pytest.mark.alone
def test_full_lists_are_compared_quickly() -> None:
    """S1.35: connectors with 1,300 ranges each are a matter of milliseconds."""
    many = tuple(AddressRange(4, 1000 * n, 1000 * n + 500) for n in range(1300))
    one = dataclasses.replace(DF, name="A", ranges=many)
    other = dataclasses.replace(
        DF, name="B", ranges=tuple(AddressRange(4, r.first + 1, r.last - 1) for r in many)
    )
    begin = time.perf_counter()

    assert find_conflicts([one, other]) == []
    assert time.perf_counter() - begin < 1
