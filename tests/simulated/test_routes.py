"""Which queue a message of a practice goes to, and where that leads (section 4.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.queues import DELIVERY_TYPES, Queue
from mailflow.exchange.routing import candidate_targets, endpoints
from mailflow.simulated.organisation import (
    BUILDS,
    Organisation,
    PracticeQueue,
    PracticeSendConnector,
    PracticeServer,
)
from mailflow.simulated.routes import Route, mailbox_owner, route


def organisation() -> Organisation:
    """Servers of every kind in two sites, an Edge server, and a DAG across the sites."""
    org = Organisation()
    for name, year, site in (
        ("OLD1", "2010", "Here"),
        ("OLD2", "2010", "Here"),
        ("OLDER", "2007", "Here"),
        ("OLD3", "2010", "There"),
        ("NEW1", "2016", "Here"),
        ("NEW2", "2019", "Here"),
        ("NEW3", "2016", "There"),
        ("DAG1", "2016", "There"),
        ("DAG2", "2016", "Here"),
    ):
        org.install(name, BUILDS[year], [f"10.0.0.{len(org.servers) + 1}"], site=site)
    org.install("FRONT", BUILDS["2013"], ["10.0.0.40"], site="Here", roles="ClientAccess")
    org.install("BACK", BUILDS["2013"], ["10.0.0.41"], site="Here", roles="Mailbox")
    org.install("EDGE", BUILDS["2016"], ["10.0.0.42"], site="There", roles="Edge")
    for one in org.servers:
        one.dag = "dag01" if one.name.startswith("DAG") else ""
    return org


def server(org: Organisation, name: str) -> PracticeServer:
    """The server of this name."""
    found = org.server(name)
    assert found
    return found


IN_SITE = ("NEW1", "NEW2", "DAG2", "BACK")
ROUTES = {
    ("OLD1", "OLD1"): Route("MapiDelivery", "old1"),
    ("OLD1", "OLD2"): Route("MapiDelivery", "old2"),
    ("OLD1", "OLDER"): Route("SmtpRelayWithinAdSite", "hub version 8", ("OLDER",)),
    ("OLD1", "OLD3"): Route("SmtpRelayToRemoteAdSite", "There", ("OLD3",)),
    ("OLD1", "NEW1"): Route("SmtpRelayWithinAdSite", "hub version 15", IN_SITE),
    ("OLD1", "DAG2"): Route("SmtpRelayWithinAdSite", "hub version 15", IN_SITE),
    ("OLD1", "NEW3"): Route("SmtpRelayToRemoteAdSite", "There", ("NEW3", "DAG1")),
    ("NEW1", "NEW1"): Route("SmtpDeliveryToMailbox", "NEW1 mailboxes"),
    ("NEW1", "NEW2"): Route(
        "SmtpRelayToMailboxDeliveryGroup", "site:here; version:15", ("NEW2", "DAG2", "BACK")
    ),
    ("NEW1", "OLD2"): Route(
        "SmtpRelayToMailboxDeliveryGroup", "site:here; version:14", ("OLD1", "OLD2")
    ),
    ("NEW1", "NEW3"): Route("SmtpRelayToRemoteAdSite", "There", ("NEW3", "DAG1")),
    ("NEW1", "DAG1"): Route("SmtpRelayToDag", "dag01", ("DAG1", "DAG2")),
    ("DAG1", "DAG2"): Route("SmtpDeliveryToMailbox", "DAG2 mailboxes"),
    ("NEW1", "fabrikam.example"): Route("DnsConnectorDelivery", "fabrikam.example"),
    ("NEW1", "Fabrikam.EXAMPLE"): Route("DnsConnectorDelivery", "fabrikam.example"),
    ("NEW3", "Fabrikam.example"): Route(
        "SmtpRelayWithinAdSiteToEdge", "edgesync - there to internet", ("EDGE",)
    ),
    ("EDGE", "fabrikam.example"): Route("DnsConnectorDelivery", "fabrikam.example"),
    ("EDGE", "NEW3"): Route(
        "SmartHostConnectorDelivery", "edgesync - inbound to there", ("OLD3", "NEW3", "DAG1")
    ),
    ("NEW1", "nowhere.example"): Route("Unreachable", "Unreachable Domain", name="Unreachable"),
}


@pytest.mark.parametrize(("sender", "to"), ROUTES)
def test_routes(sender: str, to: str) -> None:
    """Next hop and targets by version, site, DAG and Edge subscription (section 4.2)."""
    org = organisation()
    org.outside["nowhere.example"] = "no-connector"

    assert route(org, server(org, sender), to) == ROUTES[sender, to]


@pytest.mark.parametrize(
    ("sender", "scoped", "expected"),
    [
        ("NEW1", True, Route("DnsConnectorDelivery", "fabrikam.example")),
        ("NEW2", True, Route("SmtpRelayToConnectorSourceServers", "Internet", ("NEW1",))),
        ("NEW2", False, Route("SmtpRelayToConnectorSourceServers", "Internet", ("NEW1",))),
        ("OLD1", True, Route("SmtpRelayWithinAdSite", "hub version 15", IN_SITE)),
        ("BACK", True, Route("SmtpRelayToConnectorSourceServers", "Internet", ("NEW1",))),
        ("OLD3", False, Route("SmtpRelayToRemoteAdSite", "Here", IN_SITE)),
        ("NEW3", False, Route("SmtpRelayToConnectorSourceServers", "Internet", ("NEW1",))),
        ("NEW3", True, Route("Unreachable", "Unreachable Domain", name="Unreachable")),
    ],
)
def test_mail_leaves_through_a_source_server(sender: str, scoped: bool, expected: Route) -> None:
    """S9.20, S9.23: others hand it to one; a scoped connector is not there for other sites."""
    org = organisation()
    org.servers = [one for one in org.servers if one.name != "EDGE"]
    org.send_connector = PracticeSendConnector(sources=("NEW1",), scoped=scoped)

    assert route(org, server(org, sender), "fabrikam.example") == expected


NAMES = [one.name for one in organisation().servers]


@given(st.sampled_from(NAMES), st.sampled_from([*NAMES, "fabrikam.example"]))
def test_the_diagnosis_looks_at_least_where_the_mail_goes(sender: str, to: str) -> None:
    """Every target is a candidate by the rules, and there is a path to it (sections 4.1 and 4.2).

    But for what comes in through Edge: there the next hop is a list of smart hosts.
    """
    org = organisation()
    mine = server(org, sender)
    way = route(org, mine, to)
    if mine.exchange.is_edge or not mine.exchange.has_hub:
        return
    queue = Queue(f"{sender}\\1", sender, way.delivery_type, way.next_hop, "Retry", 1, "")
    servers = [one.exchange for one in org.servers]
    candidates = {one.name for one in candidate_targets(queue, mine.exchange, servers)}

    assert way.delivery_type in DELIVERY_TYPES.values()
    assert set(way.targets) <= candidates
    assert all(endpoints(mine.exchange, server(org, one).exchange) for one in way.targets)


@pytest.mark.parametrize(
    ("delivery_type", "next_hop", "owner"),
    [
        ("MapiDelivery", "old2", "OLD2"),
        ("SmtpDeliveryToMailbox", "DAG2 mailboxes", "DAG2"),
        ("SmtpDeliveryToMailbox", "lost mailboxes", None),
    ],
)
def test_whose_mailboxes(delivery_type: str, next_hop: str, owner: str | None) -> None:
    """By server before 2013, by database since."""
    org = organisation()

    found = mailbox_owner(org, PracticeQueue("OLD1", "1", delivery_type, next_hop))

    assert (found.name if found else None) == owner
