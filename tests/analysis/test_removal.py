"""Which targets senders have left once a server is taken down."""

from __future__ import annotations

from dataclasses import replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.removal import Removal, removals
from mailflow.snapshot import Snapshot, Unread
from organisations import E2013, E2016, E2019, Organisation, article, healthy


def without(org: Organisation | Snapshot, server: str) -> Removal:
    """The server as if it was taken down."""
    snapshot = org.snapshot() if isinstance(org, Organisation) else org
    return next(each for each in removals(analyze(snapshot)) if each.view.name == server)


def left(found: Removal) -> dict[str, list[str]]:
    """Each sender with the targets that it has left."""
    return {each.sender.name: [target.name for target in each.targets] for each in found.senders}


def test_a_peer_takes_the_mail() -> None:
    """S4.03e: any server of the group takes it; members of the group need no other one."""
    found = without(healthy(), "EX16A")

    assert (found.state, left(found)) == ("left", {"EX10A": ["EX16B"], "EX10B": ["EX16B"]})


def test_a_peer_that_does_not_accept_is_no_target() -> None:
    """S1.13: in the case of the article the second server is caught as well."""
    found = without(article(), "EX16A")

    assert (found.state, left(found)) == ("none", {"EX10A": [], "EX10B": []})


def test_only_some_senders_lose_their_target() -> None:
    """One sender that has none left is enough."""
    org = healthy().change(r"EX16B\Relay", ranges="10.0.0.11")
    found = without(org, "EX16A")

    assert (found.state, left(found)) == ("none", {"EX10A": [], "EX10B": ["EX16B"]})


def test_servers_of_another_version_or_site_take_nothing() -> None:
    """Section 4.2: a delivery group is a site and a version."""
    org = healthy()
    org.add_server("EX19A", E2019, "10.0.0.31")
    org.change_server("EX19A", site="Branch")

    assert without(org, "EX19A").state == "last"
    assert without(org.change_server("EX19A", site=""), "EX16A").state == "left"
    assert without(org.change_server("EX16B", site="Harbor"), "EX16A").state == "unknown"


def test_an_edge_server_is_no_target_of_the_others_mail() -> None:
    """S4.64: it stands apart, and so do its senders."""
    org = healthy().add_server("EDGE1", E2019, "10.9.0.35", roles="Edge")

    assert without(org, "EDGE1").state == "last"
    assert left(without(org, "EX16A"))["EDGE1"] == ["EX16B"]


def test_a_server_without_a_transport_service_takes_no_mail() -> None:
    """S4.63: a 2013 server with the Client Access role alone is no target that is left."""
    org = healthy().remove_server("EX16B")
    org.add_server("EX13C", E2013, "10.0.0.33", roles="ClientAccess")

    assert without(org, "EX16A").state == "last"


def test_what_was_not_read_stays_unknown() -> None:
    """A target of which it is not known whether it accepts is none that is left."""
    org = healthy().change(r"EX16B\Default Frontend EX16B", auth=None)
    found = without(org, "EX16A")

    assert found.state == "unknown"
    assert [target.name for target in found.senders[0].not_known] == ["EX16B"]


def test_servers_that_were_not_read_may_lose_their_target() -> None:
    """S1.38: no sender that was not exported is taken to be none."""
    row = Unread("", "Get-ExchangeServer", "cut")
    org = replace(healthy().snapshot(), unread=(row,))

    assert without(org, "EX16A").state == "unknown"


def test_the_only_source_server_of_a_send_connector() -> None:
    """S9.20: mail to the internet has no other way out."""
    org = Organisation()
    org.add_server("EX16A", E2016, "10.0.0.21").add_server("EX16B", E2016, "10.0.0.22")

    assert without(org, "EX16A").only_source_of is None
    org.add_send_connector("Internet", "EX16A")
    assert without(org, "EX16A").only_source_of == ("Internet",)
    assert without(org, "EX16B").only_source_of == ()
