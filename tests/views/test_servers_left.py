"""Which server may be taken down, a line each."""

from __future__ import annotations

import json

from large_organisations import large
from mailflow.opening import open_source
from mailflow.show.terminal import screen
from mailflow.views.audit import audit
from mailflow.views.servers_left import server_records, servers_left
from mailflow.views.verdict import from_json
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


def test_the_screen_of_an_audit_has_a_line_for_each() -> None:
    """Those that cost senders a target come first; within 80 columns."""
    lines = screen(audit(article().snapshot())).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("TAKE DOWN"))

    assert [line.strip() for line in lines[first : first + 4]] == [
        "TAKE DOWN     EX16A  no target left for EX10A and EX10B",
        "EX16B  no target left for EX10A and EX10B",
        "EX10A  targets left: EX10B, for EX16A and EX16B",
        "EX10B  targets left: EX10A, for EX16A and EX16B",
    ]
    assert all(len(line) <= 80 for line in lines[first:])


def test_many_servers_with_the_same_left_are_one_line() -> None:
    """Twenty servers: who costs senders a target, all named, then who does not."""
    lines = screen(audit(large(20).snapshot())).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("TAKE DOWN"))
    said = " ".join(" ".join(lines[first:]).split())

    assert said.count("no target left for") == 1
    assert all(f"EX16-{n:03}" in said.partition("no target left")[0] for n in range(10))
    assert "EX10-009: targets left" in said.replace(" and EX10-009", " EX10-009")
    assert len(lines) - first < 15
    assert all(len(line) <= 80 for line in lines[first:])


def test_a_document_keeps_it() -> None:
    """Written, read back, and nothing in documents of earlier versions."""
    found = audit(open_source("demo:source-server-forgotten"))
    document = json.loads(json.dumps(found.as_json()))

    assert from_json(document).servers_left == found.servers_left
    assert found.servers_left == server_records(open_source("demo:source-server-forgotten"))
    del document["servers_left"]
    assert from_json(document).servers_left == ()
