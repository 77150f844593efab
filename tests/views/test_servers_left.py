"""Which server may be taken down, a line each."""

from __future__ import annotations

from mailflow.opening import open_source
from mailflow.views.servers_left import servers_left
from organisations import E2016, Organisation, article, healthy


def test_a_line_for_each_server() -> None:
    """Who has which target left; senders that have the same are named together."""
    table = servers_left(healthy().snapshot())
    rows = table.frame.set_index("server")

    assert list(rows.index) == ["EX10A", "EX10B", "EX16A", "EX16B"]
    assert rows.loc["EX16A", "left"] == "EX16B, for EX10A and EX10B"
    assert set(rows["result"]) == {"targets left"}


def test_lost_targets_are_told_first_and_marked() -> None:
    """The words say which servers senders cannot do without."""
    table = servers_left(article().snapshot())

    assert "no target left without EX16A and EX16B" in table.reading
    assert table.tones[2, "result"] == "bad"


def test_the_only_source_server_is_marked() -> None:
    """The last source server of a send connector is nothing to take down."""
    table = servers_left(open_source("demo:source-server-forgotten"))

    assert "1 send connector would have no source server left without EX16A" in table.reading
    assert table.tones[2, "only_source"] == "bad"


def test_alone_in_its_group_it_takes_its_own() -> None:
    """Two servers that no other one sends to."""
    org = Organisation()
    org.add_server("EX16A", E2016, "10.0.0.21").add_server("EX16B", E2016, "10.0.0.22")
    table = servers_left(org.snapshot())

    assert list(table.frame["left"]) == ["EX16B, for itself", "EX16A, for itself"]
    assert table.tones[0, "only_source"] == "unknown"


def test_limited_to_some_it_judges_by_all() -> None:
    """The targets that are left may be servers that the run does not cover."""
    table = servers_left(healthy().snapshot().limited_to(["EX16A"]))

    assert list(table.frame["server"]) == ["EX16A"]
    assert list(table.frame["left"]) == ["EX16B, for EX10A and EX10B"]
