"""What is said of several servers in the same words is said once, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

from mailflow.views.alike import alike, places, reading
from mailflow.views.verdict import FindingRecord


def entry(server: str, text: str, connector: str = "Relay") -> FindingRecord:
    """A finding on a connector of a server."""
    identity = f"{server}\\{connector}"
    return FindingRecord("open-relay", "found", server, identity, reading=text)


def test_the_same_of_other_servers_is_one_group() -> None:
    """Texts that differ by their own server's name alone; the place is that of the first."""
    some = [
        entry("EX1", "On EX1 Relay accepts EX10."),
        entry("EX3", "On EX3 Relay accepts everybody."),
        entry("EX2", "On EX2 Relay accepts EX10."),
    ]

    found = alike(some)
    assert found == [[some[0], some[2]], [some[1]]]
    assert places(found[0]) == "EX1\\Relay and EX2\\Relay"
    assert reading(found[0]) == "On EX1 Relay accepts EX10. The same holds for the other one."
    assert reading(found[1]) == "On EX3 Relay accepts everybody."


def test_what_differs_stays_apart() -> None:
    """Another host, connector, state or cause; a name that begins or ends alike is another host."""
    first = entry("EX1", "EX1 accepts EX10.")
    others = [
        entry("EX2", "EX2 accepts EX20."),
        entry("EX2", "EX2 accepts EX10.", "Faxes"),
        replace(entry("EX2", "EX2 accepts EX10."), state="unknown"),
        replace(entry("EX2", "EX2 accepts EX10."), cause="ranges-limit"),
    ]

    assert [len(group) for group in alike([first, *others])] == [1, 1, 1, 1, 1]
    ends = [entry(name, f"{name} accepts OLD-{name}.") for name in ("EX1", "EX2")]
    assert [len(group) for group in alike(ends)] == [1, 1]


def test_a_finding_without_a_place_is_itself() -> None:
    """A cause that stands nowhere in particular has no names to show."""
    found = alike([FindingRecord("open-relay", "clear", reading="None relays.")])

    assert places(found[0]) == ""
    assert reading(found[0]) == "None relays."
