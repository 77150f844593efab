"""S1.13, S1.14: elements inside others that change nothing."""

from __future__ import annotations

import pytest

from check_cases import RELAY, audited
from organisations import healthy

ID = "ranges-redundant"


def test_an_element_inside_another_is_found() -> None:
    """S1.14: the list is as good without it."""
    org = healthy().change(RELAY, ranges="10.0.5.7, 10.0.5.0/24, 10.0.5.8, 10.0.7.1")
    [found] = audited(org, ID)

    assert found.state == "found"
    assert "10.0.5.7 and 10.0.5.8 lie inside" in found.check.explain([found])
    assert "2 of 4 elements" in found.check.explain([found])
    assert found.check.advise(found).splitlines()[-1] == (r'mailflow tidy <source> "EX16A\Relay"')


def test_an_element_that_wins_a_host_back_is_not() -> None:
    """S1.13: another connector's range lies between the two in size."""
    org = healthy().change(RELAY, ranges="10.0.5.0/24, 10.0.5.7, 10.0.5.99")
    org.add_relay("EX16A", "10.0.5.0/28", name="Scanners")
    [found] = audited(org, ID)

    assert "10.0.5.99 lies inside" in found.check.explain([found])
    assert "10.0.5.7" not in found.check.explain([found])


@pytest.mark.parametrize(
    "ranges", ["10.0.5.0/24, 10.0.6.0/24", "10.0.5.1, 10.0.5.2", "10.0.5.0/24"]
)
def test_neighbors_are_no_finding(ranges: str) -> None:
    """They could be one range, and mislead nobody."""
    assert audited(healthy().change(RELAY, ranges=ranges), ID) == []


def test_a_neighbor_that_was_not_read_leaves_it_open() -> None:
    """The part of another list that was cut may lie between the two."""
    org = healthy().change(RELAY, ranges="10.0.5.0/24, 10.0.5.7")
    org.add_relay("EX16A", "10.0.7.0/28", name="Scanners")
    org.change(r"EX16A\Scanners", ranges_complete=False)
    [found] = audited(org, ID)

    assert found.state == "unknown"
    assert "Get-ReceiveConnector -Server EX16A" in found.check.advise(found)
