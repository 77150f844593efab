"""S1.35: lists that are as long as Exchange takes."""

from __future__ import annotations

from check_cases import RELAY, audited
from organisations import Organisation, healthy

ID = "ranges-limit"


def listing(count: int) -> Organisation:
    """A relay with so many hosts, no two of which follow each other."""
    hosts = (f"10.{number // 100 + 1}.{number % 100}.7" for number in range(count))
    return healthy().change(RELAY, ranges=", ".join(hosts))


def test_twelve_hundred_entries_are_found() -> None:
    """The limit lies between 1,200 and 1,300."""
    [found] = audited(listing(1200), ID)

    assert found.state == "found"
    assert "1,200 entries" in found.check.explain([found])
    assert found.check.advise(found).splitlines()[1] == r'mailflow tidy <source> "EX16A\Relay"'
    assert audited(listing(1199), ID) == []


def test_a_cut_list_counts_as_far_as_it_shows() -> None:
    """What is visible is there; the rest is missing data of its own."""
    [found] = audited(listing(1200).change(RELAY, ranges_complete=False), ID)

    assert "at least 1,200" in found.check.explain([found])
