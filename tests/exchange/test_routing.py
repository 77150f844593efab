"""Where mail goes: endpoints by version and role, targets by next hop (sections 4.1, 4.2)."""

from __future__ import annotations

import pytest

from mailflow.exchange.connectors import TransportRole
from mailflow.exchange.queues import DELIVERY_TYPES, OTHER, Queue, delivery_type, status
from mailflow.exchange.routing import candidate_targets, endpoints
from mailflow.exchange.servers import Generation, Server, parse_version

FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport

E2007 = Server("E07", "e07.contoso.com", (8, 3, 83, 6), has_hub=True, site="Here")
E2010 = Server("E10", "e10.contoso.com", (14, 3, 123, 4), has_hub=True, site="Here")
MBX2010 = Server("M10", "", (14, 3), has_hub=False, has_frontend=False, site="Here")
BOTH2013 = Server("E13", "", (15, 0), has_frontend=True, has_hub=True, site="Here")
MBX2013 = Server("M13", "", (15, 0), has_frontend=False, has_hub=True, site="There")
CAS2013 = Server("C13", "", (15, 0), has_frontend=True, has_hub=False, site="There")
E2016 = Server("E16", "e16.contoso.com", (15, 1, 2375, 7), site="Here")
E2019 = Server("E19", "e19.contoso.com", (15, 2, 1258, 12), site="There")
EDGE = Server("EDGE", "", (15, 1), is_edge=True)
UNKNOWN = Server("WHO")
ALL = (E2007, E2010, MBX2010, BOTH2013, MBX2013, CAS2013, E2016, E2019, EDGE)


@pytest.mark.parametrize(
    ("sender", "target", "port", "process"),
    [
        (E2016, E2019, 2525, HUB),  # S4.02
        (BOTH2013, E2016, 2525, HUB),  # S4.02
        (E2010, E2016, 25, FRONT),  # S4.03
        (E2016, E2010, 25, HUB),  # S4.04
        (E2010, E2007, 25, HUB),  # S4.04
        (E2016, MBX2013, 25, HUB),  # S4.05
        (CAS2013, E2016, 2525, HUB),  # S4.06
        (CAS2013, MBX2013, 25, HUB),  # S4.05, S4.06
        (E2016, E2016, 2525, HUB),  # S4.06, S4.07: its own Front End and mailbox submission
        (EDGE, E2016, 25, FRONT),  # S4.09
        (EDGE, E2010, 25, HUB),  # S4.09
        (E2016, EDGE, 25, HUB),  # S4.09b
    ],
)
def test_endpoint(sender: Server, target: Server, port: int, process: TransportRole) -> None:
    """Port and process follow from the two versions and roles (S4.02 to S4.09b)."""
    actual = [(one.port, one.process) for one in endpoints(sender, target)]

    assert actual == [(port, process)]


@pytest.mark.parametrize(
    ("sender", "target"),
    [
        (E2010, MBX2010),
        (MBX2010, E2016),
        (E2010, E2010),
        (EDGE, EDGE),
        (CAS2013, E2010),
        (E2010, CAS2013),
        (EDGE, CAS2013),
    ],
)
def test_no_such_way(sender: Server, target: Server) -> None:
    """Servers without transport neither send nor take mail; 2010 has no hop to itself (S4.07)."""
    assert endpoints(sender, target) == ()


def test_unknown_version_leaves_every_way_open() -> None:
    """Where the sender's version was not read, 25 and 2525 are both possible (S4.02, S4.03)."""
    assert {one.port for one in endpoints(UNKNOWN, E2016)} == {25, 2525}


def test_hint_stands_in_for_a_version() -> None:
    """What other captures say of the version is used where it was not read (contract 2)."""
    hinted = Server("WHO", generation_hint=Generation.LEGACY)

    assert [one.port for one in endpoints(hinted, E2016)] == [25]


def queue(kind: str, hop: str = "", server: str = "E10") -> Queue:
    """A queue with this next hop."""
    return Queue(rf"{server}\1", server, kind, hop, "Retry", 1, "")


@pytest.mark.parametrize(
    ("kind", "hop", "expected"),
    [
        ("SmtpRelayWithinAdSite", "hub version 15", {"E07", "E13", "E16"}),  # S4.20
        ("SmtpRelayToRemoteAdSite", "There", {"M13", "E19"}),  # S4.10
        ("SmtpRelayToRemoteAdSite", "nowhere", {"E07", "E13", "E16", "M13", "E19"}),
        ("SmtpRelayToMailboxDeliveryGroup", "site:here; version:15", {"E13", "E16"}),
        ("SmtpRelayToMailboxDeliveryGroup", "Site:Here;Version:14", {"E07"}),
        ("SmtpRelayToServers", "e19.contoso.com", {"E19"}),
        ("SmtpRelayWithinAdSiteToEdge", "EdgeSync", {"EDGE"}),
        ("SmtpRelayToDag", "dag1", {"E13", "M13", "E16", "E19"}),
        ("SmartHostConnectorDelivery", "[192.0.2.1]", set()),
        ("DnsConnectorDelivery", "fabrikam.com", set()),
        ("Undefined", "Submission", set()),
        ("Unreachable", "Unreachable Domain", set()),
        (OTHER, "x", {"E07", "E13", "E16", "M13", "E19"}),
    ],
)
def test_candidate_targets(kind: str, hop: str, expected: set[str]) -> None:
    """The next hop narrows the targets only by what it names and what was read (section 4.2)."""
    actual = {one.name for one in candidate_targets(queue(kind, hop), E2010, ALL)}

    assert actual == expected


def test_unknown_values_are_other() -> None:
    """A value that no version has maps to `other`, never to a failure (section 4.2)."""
    assert delivery_type("SmtpRelayToTheMoon") == OTHER
    assert delivery_type(99) == OTHER
    assert status(7) == OTHER
    assert delivery_type("SmtpRelayToRemoteActiveDirectorySite") == "SmtpRelayToRemoteAdSite"
    assert delivery_type(7) == DELIVERY_TYPES[7] == "SmtpRelayWithinAdSite"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Version 15.1 (Build 2375.7)", (15, 1, 2375, 7)),
        ("15.2.1258.12", (15, 2, 1258, 12)),
        ("Version 8.3 (Build 83.6)", (8, 3, 83, 6)),
        ("unknown", None),
    ],
)
def test_version(text: str, expected: tuple[int, ...] | None) -> None:
    """AdminDisplayVersion as it prints (S9.11)."""
    assert parse_version(text) == expected


@pytest.mark.parametrize(
    ("server", "product"),
    [(E2007, "2007"), (E2010, "2010"), (BOTH2013, "2013"), (E2016, "2016"), (E2019, "2019/SE")],
)
def test_product(server: Server, product: str) -> None:
    """Exchange's year by version; 2019 and SE share theirs (S9.11)."""
    assert server.product == product


def test_names() -> None:
    """Short and full names mean one server, in any case; two domains do not (S4.32)."""
    assert E2016.is_named("e16")
    assert E2016.is_named("E16.CONTOSO.COM.")
    assert not E2016.is_named("e16.fabrikam.com")
    assert not E2016.is_named("e160")
