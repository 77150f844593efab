"""Peer servers compared by behavior: a missing relay is found, a renamed one is not accused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailflow.errors import UsageError
from mailflow.opening import open_source
from mailflow.views.audit import audit
from mailflow.views.verdict import Diagnosis, FindingRecord
from organisations import E2016, E2019, Organisation

ID = "twin-differs"
BY_NAME = "connectors-differ"


def two(*ranges: str, version: str = E2019) -> Organisation:
    """Two servers of one site with a relay connector each."""
    org = Organisation()
    org.add_server("EX16A", E2016, "10.0.0.21").add_server("SE01", version, "10.0.0.31")
    for server in ("EX16A", "SE01"):
        org.add_relay(server, *(ranges or ("10.0.5.0/24",)))
    return org


def of(found: Diagnosis, cause: str = ID) -> list[FindingRecord]:
    """The entries of a cause that are found or unknown."""
    return [
        each
        for each in found.findings
        if each.cause == cause and each.state in ("found", "unknown")
    ]


def test_servers_alike_are_clear() -> None:
    """S1.13: the same list on both."""
    found = audit(two().snapshot())

    assert (found.verdict, of(found)) == ("clear", [])


def test_a_new_server_without_the_relay_is_found() -> None:
    """Its hosts fall on the default connector, and the commands are one command away (S1.13)."""
    (entry,) = of(audit(two().remove(r"SE01\Relay").snapshot()))

    assert (entry.state, entry.server, entry.connector) == ("found", "SE01", None)
    assert "Default Frontend SE01 accepts 10.0.5.0/24, and on EX16A Relay does" in entry.reading
    assert entry.remedy.endswith("mailflow twin <source> EX16A SE01")


def test_a_renamed_relay_is_not_accused() -> None:
    """Names do not matter (S1.11), nor do the pieces that a list is cut in."""
    org = two().remove(r"SE01\Relay")
    org.add_relay("SE01", "10.0.5.128/25", "10.0.5.0/25", name="From printers")
    found = audit(org.snapshot())

    assert (found.verdict, of(found), of(found, BY_NAME)) == ("clear", [], [])


def test_the_same_name_in_other_pieces_is_harmless() -> None:
    """Every host is treated alike, so the difference by name is by design."""
    org = two().change(r"SE01\Relay", ranges="10.0.5.128/25, 10.0.5.0/25")
    found = audit(org.snapshot())
    (entry,) = [each for each in found.findings if each.cause == BY_NAME]

    assert (found.verdict, entry.state) == ("clear", "clear")
    assert "Every host is treated alike all the same." in entry.reading


def test_a_difference_by_name_is_told_once() -> None:
    """Another list under the same name: of the connector, not of the server besides."""
    found = audit(two().change(r"SE01\Relay", ranges="10.0.5.0/25").snapshot())

    assert [len(of(found, cause)) for cause in (BY_NAME, ID)] != [0, 0]
    assert of(found) == []


def test_most_servers_are_right() -> None:
    """Of three, the one that differs is named."""
    org = two().add_server("SE02", E2019, "10.0.0.32").add_relay("SE02", "10.0.5.0/24")
    (entry,) = of(audit(org.remove(r"SE01\Relay").snapshot()))

    assert entry.server == "SE01"


def test_servers_of_other_sites_are_no_peers() -> None:
    """Sites have hosts of their own; named as peers they are compared."""
    org = two().remove(r"SE01\Relay").change_server("SE01", site="Branch").snapshot()

    assert of(audit(org)) == []
    assert [each.server for each in of(audit(org, peers=["EX16A+SE01"]))] == ["SE01"]


def test_sites_that_were_not_read_leave_it_undetermined() -> None:
    """By design it may be, between sites."""
    org = two().remove(r"SE01\Relay")
    for name in ("EX16A", "SE01"):
        org.change_server(name, site="")

    assert [each.state for each in of(audit(org.snapshot()))] == ["unknown"]


def test_a_list_that_was_cut_accuses_nobody() -> None:
    """What is hidden may contain the hosts (S1.13)."""
    org = two().change(r"SE01\Relay", ranges="10.0.5.0/25", ranges_complete=False)

    assert [each for each in of(audit(org.snapshot())) if each.state == "found"] == []


def test_logging_is_nothing_a_host_meets() -> None:
    """Other than `mailflow twin`, the audit does not judge it."""
    org = two().change(r"SE01\Relay", protocol_logging="Verbose")

    assert of(audit(org.snapshot())) == []


def test_a_limit_that_differs_is_found() -> None:
    """A smaller message size on one server, once both were read (section 2.1)."""
    org = open_source("demo:new-server-renamed")
    smaller = replace(
        org,
        connectors=tuple(
            replace(each, limits=tuple((dict(each.limits) | {"MaxMessageSize": "1048576"}).items()))
            if each.identity == r"EX16B\From printers"
            else each
            for each in org.connectors
        ),
    )
    (entry,) = of(audit(smaller))

    assert "lose MaxMessageSize 1 MB instead of 36 MB" in entry.reading


def test_a_peer_that_is_no_server_is_refused() -> None:
    """With the names that are known."""
    with pytest.raises(UsageError, match="no server is called SE09"):
        audit(two().snapshot(), peers=["EX16A+SE09"])
