"""The random broken organizations: the same ones every time, of every kind, and possible."""

from __future__ import annotations

from collections import Counter

import pytest

import organization_model as model
from broken import FAULTS, HIDE, broken, described
from mailflow.snapshot import from_document
from organization_commands import range_of


def test_a_number_gives_the_same_organization() -> None:
    """The same number, the same organization."""
    assert broken(17) == broken(17)
    assert broken(17) != broken(18)


def test_every_fault_and_everything_unread_comes_up() -> None:
    """All kinds of faults come up, in all numbers, and all that may not be read."""
    orgs = [broken(number) for number in range(400)]
    faults = Counter(one.partition(":")[0] for org in orgs for one in org.faults)
    hidden = Counter(one.partition(":")[0] for org in orgs for one in org.hidden)
    assert set(faults) == set(FAULTS)
    assert min(faults.values()) >= 8
    assert set(hidden) == set(HIDE)
    assert {len(org.faults) for org in orgs} == {1, 2, 3}
    assert {len(org.snapshot.servers) for org in orgs} == {2, 3, 4, 5}
    assert 80 < sum(bool(org.hidden) for org in orgs) < 180
    assert 250 < sum(org.all_read for org in orgs) < 370
    assert any(len(one.ranges) > 1200 for org in orgs for one in org.snapshot.connectors)


def test_something_is_wrong_with_each() -> None:
    """Each has a way that does not work, and lists as Exchange holds them."""
    for org in map(broken, range(150)):
        if not org.hidden:
            ways = model.ways(org.snapshot)
            conflicts = model.role_conflicts(org.snapshot)
            assert conflicts or any(one.state != "works" for one in ways)
        for one in org.snapshot.connectors:
            assert one.ranges
            assert one.bindings
            assert len(set(one.ranges)) == len(one.ranges)
            assert len(set(one.bindings)) == len(one.bindings)


@pytest.mark.parametrize("number", range(10))
def test_a_snapshot_survives_its_file(number: int) -> None:
    """A file holds all of a snapshot."""
    snapshot = broken(number).snapshot
    assert from_document(snapshot.document(), "here") == snapshot


def test_what_a_snapshot_prints_the_model_reads() -> None:
    """The model's own reading of ranges gives the same bounds."""
    for number in range(30):
        for one in broken(number).snapshot.connectors:
            assert tuple(range_of(str(block)) for block in one.ranges) == one.ranges


def test_people_can_read_it() -> None:
    """The list names connectors and what was planted."""
    text = described(broken(17))
    assert "planted: " in text
    assert "Default Frontend" in text or "Default EX" in text
