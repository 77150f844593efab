"""From rows to the snapshot: every rule about names, roles, missing values and captures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailflow.exchange.connectors import AuthMechanism, ReceiveConnector, TransportRole
from mailflow.exchange.queues import Moment, Queue
from mailflow.exchange.servers import Generation, Server
from mailflow.snapshot import Snapshot, TransportSettings, from_document
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Reading, Row, Value
from mailflow.sources.tables import assemble
from organisations import (
    E2007,
    E2010,
    E2013,
    E2016,
    STUCK,
    Organisation,
    article,
    healthy,
)

GONE = Lost("test: take the property away")
RELAY = r"EX16A\Relay"


def snapshot(reading: Reading) -> Snapshot:
    """The snapshot of a reading."""
    return assemble(reading, origin="test")


def edited(reading: Reading, identity: str, **changes: Value) -> Reading:
    """The reading with other properties of the object that prints as this identity."""
    found = 0
    for number, row in enumerate(reading.rows):
        printed = row.values.get("Identity")
        if isinstance(printed, Complex) and printed.text == identity:
            values = {k: v for k, v in {**row.values, **changes}.items() if v is not GONE}
            reading.rows[number] = replace(row, values=values)
            found += 1
    assert found == 1
    return reading


def alone(cmdlet: str, *objects: Mapping[str, Value]) -> Reading:
    """A reading of these objects of one cmdlet."""
    rows = [Row(cmdlet, one, f"capture, object {n}") for n, one in enumerate(objects, 1)]
    return Reading(rows=rows, cmdlets={cmdlet})


def connector(org: Snapshot, identity: str = RELAY) -> ReceiveConnector:
    """The connector of this identity."""
    return next(one for one in org.connectors if one.identity == identity)


def queue(org: Snapshot, identity: str = r"EX10A\1187") -> Queue:
    """The queue of this identity."""
    return next(one for one in org.queues if one.identity == identity)


def unread(org: Snapshot) -> list[tuple[str, str]]:
    """Server and what of the rows of unread."""
    return [(one.server, one.what) for one in org.unread]


def test_a_complete_reading_gives_the_organisation_and_nothing_unread() -> None:
    """All that was read stands in the tables as it is, in order; nothing is unread."""
    for org in (article(), healthy()):
        assert snapshot(org.reading()) == org.snapshot("test")


def test_what_the_snapshot_says_of_its_origin() -> None:
    """SOURCE, time, hashes and what was passed over are handed on."""
    reading = article().reading()
    reading.ignored.append(("Get-SendConnector", "send.xml"))
    taken = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)

    org = assemble(reading, origin="captures", taken=taken, inputs={"send.xml": "00"})

    assert (org.origin, org.taken, org.inputs) == ("captures", taken, {"send.xml": "00"})
    assert org.ignored == (("Get-SendConnector", "send.xml"),)


# -- Servers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "roles", "hub", "frontend", "edge"),
    [
        (E2016, "", True, True, False),
        (E2016, "Edge", True, False, True),
        (E2013, "Mailbox, ClientAccess", True, True, False),
        (E2013, "Mailbox", True, False, False),
        (E2013, "ClientAccess", False, True, False),
        (E2010, "HubTransport", True, False, False),
        (E2010, "Mailbox", False, False, False),
        (E2007, "HubTransport", True, False, False),
        (E2010, "Edge", True, False, True),
    ],
)
@pytest.mark.parametrize("flags", [True, False])
def test_roles_by_version(
    version: str, roles: str, hub: bool, frontend: bool, edge: bool, flags: bool
) -> None:
    """Services follow from version and role, told by the flags or by ServerRole alone (2.1-2.4)."""
    reading = Organisation().add_server("S", version, "10.0.0.1", roles=roles).reading()
    if not flags:
        names = ("IsHubTransportServer", "IsFrontendTransportServer", "IsEdgeServer")
        edited(reading, "S", **dict.fromkeys(names, GONE))

    (server,) = snapshot(reading).servers

    assert (server.has_hub, server.has_frontend, server.is_edge) == (hub, frontend, edge)


def test_inner_role_bits_of_a_2013_mailbox_server_are_no_front_end() -> None:
    """ClientAccess beside HubTransport is an inner bit, and no Front End (section 2.2)."""
    values = {"Name": "S", "AdminDisplayVersion": E2013, "ServerRole": Enumeration(None, 54)}

    (server,) = snapshot(alone("Get-ExchangeServer", values)).servers

    assert (server.has_hub, server.has_frontend) == (True, False)


def test_roles_that_were_not_read_are_unknown() -> None:
    """A capture of name and version alone leaves the roles open, but for what a version settles."""
    rows = [
        {"Name": "OLD", "AdminDisplayVersion": E2010},
        {"Name": "SPLIT", "AdminDisplayVersion": E2013},
        {"Name": "NEW", "AdminDisplayVersion": E2016},
    ]

    org = snapshot(alone("Get-ExchangeServer", *rows))

    assert [(one.has_hub, one.has_frontend, one.is_edge) for one in org.servers] == [
        (None, False, None),
        (None, None, None),
        (True, None, None),
    ]


@pytest.mark.parametrize(
    "version",
    [
        "Version 15.1 (Build 2375.7)",
        Complex("Version 15.1 (Build 2375.7)", {}),
        Complex(None, {"Major": 15, "Minor": 1, "Build": 2375, "Revision": 7}),
    ],
)
def test_version_in_every_form(version: Value) -> None:
    """AdminDisplayVersion is read from its text or its members (S9.11)."""
    values = {"Name": "S", "AdminDisplayVersion": version}

    (server,) = snapshot(alone("Get-ExchangeServer", values)).servers

    assert server.version == (15, 1, 2375, 7)
    assert server.version_text == "Version 15.1 (Build 2375.7)"


@pytest.mark.parametrize(
    "site",
    [
        "contoso.com/Configuration/Sites/Head-Office",
        "CN=Head-Office,CN=Sites,CN=Configuration,DC=contoso,DC=com",
        Complex(None, {"Name": "Head-Office", "Depth": 4}),
        "Head-Office",
    ],
)
def test_site_by_its_short_name(site: Value) -> None:
    """A site is a path, a DN or an object; its short name is what counts (S9.11)."""
    values = {"Name": "S", "AdminDisplayVersion": E2016, "Site": site}

    assert snapshot(alone("Get-ExchangeServer", values)).servers[0].site == "Head-Office"


@pytest.mark.parametrize("version", [GONE, Lost("cut"), "Exchange", "", None, Complex(None, {})])
def test_a_version_that_cannot_be_read_is_unread(version: Value) -> None:
    """Without a version, and without a sign of it, the server is shown and its version unread."""
    reading = edited(article().without("connectors", "queues").reading(), "EX10A",
                     AdminDisplayVersion=version, IsE15OrLater=GONE)  # fmt: skip

    org = snapshot(reading)

    assert org.servers[0].generation is None
    assert ("EX10A", "version") in unread(org)


def test_without_get_exchange_server_other_captures_tell_the_version() -> None:
    """A Front End connector: 2013 or later. SmtpRelayWithinAdSite: 2007/2010 (contract 2)."""
    org = snapshot(article().without("servers").reading())

    assert {one.name: one.generation_hint for one in org.servers} == {
        "EX10A": Generation.LEGACY,
        "EX10B": Generation.LEGACY,
        "EX16A": Generation.E2013,
        "EX16B": Generation.E2013,
    }
    assert org.unread == ()
    assert [(one.has_hub, one.has_frontend) for one in org.servers] == [
        (True, False),
        (True, False),
        (True, True),
        (True, True),
    ]


def test_without_get_exchange_server_every_name_is_a_server() -> None:
    """Those of queues and of addresses as well (contract, section 2)."""
    queues = {"Identity": r"EX10A\1", "Status": "Ready", "MessageCount": 0}
    reading = alone("Get-Queue", queues)
    reading.add(alone("addresses.csv", {"server": "EX10B", "address": "10.0.0.12"}))

    assert snapshot(reading).servers == (Server("EX10A", has_hub=True), Server("EX10B"))

    reading.cmdlets.add("Get-ExchangeServer")
    assert snapshot(reading).servers == (Server("EX10A", has_hub=True),)


def test_without_any_sign_the_version_is_unread() -> None:
    """A server of which only hub connectors were captured may be of any version (contract 2)."""
    org = snapshot(healthy().without("servers").reading())

    assert [one for one in unread(org) if one[1] == "version"] == [
        ("EX10A", "version"),
        ("EX10B", "version"),
    ]


def test_signs_that_contradict_each_other_say_nothing() -> None:
    """A Front End connector on a server with a queue of 2007/2010: the version is unread."""
    org = article().without("servers")
    org.change(r"EX10A\Default EX10A", role="FrontendTransport")

    found = snapshot(org.reading())

    assert ("EX10A", "version") in unread(found)


def test_a_server_that_get_exchange_server_left_out_is_there_all_the_same() -> None:
    """A connector proves its server (contract, section 2)."""
    org = article()
    org.servers = org.servers[:3]

    found = snapshot(org.reading())

    assert found.server("EX16B") == Server(
        "EX16B", has_frontend=True, has_hub=True, is_edge=False, generation_hint=Generation.E2013
    )


def test_names_short_or_full_in_any_case_are_one_server() -> None:
    """The server part of an identity compares without case and domain (S4.32)."""
    reading = article().reading()
    for number, row in enumerate(reading.rows):
        if row.cmdlet == "addresses.csv":
            full = f"{row.values['server']}.CONTOSO.com".replace("EX", "eX")
            reading.rows[number] = replace(row, values={**row.values, "server": full})
    full = Complex(r"ex10a.Contoso.com\1187", {})
    org = snapshot(edited(reading, r"EX10A\1187", Identity=full))

    assert {one.server for one in org.addresses} == {"EX10A", "EX10B", "EX16A", "EX16B"}
    assert queue(org, r"ex10a.Contoso.com\1187").server == "EX10A"
    assert len(org.servers) == 4


def test_a_host_name_longer_than_the_server_name_leads_to_it() -> None:
    """Name and full name need not begin with the same word; both name the server."""
    values = {"Name": "MAIL-HEADQUARTE", "Fqdn": "mail-headquarters.contoso.com",
              "AdminDisplayVersion": E2016}  # fmt: skip
    reading = alone("Get-ExchangeServer", values)
    reading.add(alone("addresses.csv", {"server": "mail-headquarters", "address": "10.0.0.1"}))

    org = snapshot(reading)

    assert [one.server for one in org.addresses] == ["MAIL-HEADQUARTE"]


# -- Receive connectors ----------------------------------------------------------------------------

DN = "CN=Relay,CN=SMTP Receive Connectors,CN=Protocols,CN=EX16A,CN=Servers,CN=Admins,DC=contoso"


@pytest.mark.parametrize(
    "values",
    [
        {"Identity": r"EX16A\Relay"},
        {"Identity": Complex(r"EX16A\Relay", {})},
        {"Name": "Relay", "Server": "EX16A"},
        {"Name": "Relay", "Server": Complex(None, {"Name": "EX16A"})},
        {"Identity": Complex(None, {"DistinguishedName": DN})},
        {"Identity": Complex(None, {}), "DistinguishedName": DN},
    ],
)
def test_a_connector_is_told_by_identity_by_name_and_server_or_by_dn(
    values: Mapping[str, Value],
) -> None:
    """Each form keeps another part of the identity; any is enough (sections 1.6 and 10.2)."""
    (found,) = snapshot(alone("Get-ReceiveConnector", values)).connectors

    assert (found.server, found.name) == ("EX16A", "Relay")


@pytest.mark.parametrize("values", [{"Identity": "Relay"}, {"Identity": Complex(None, {})}, {}])
def test_a_connector_of_an_unknown_server_is_unread(values: Mapping[str, Value]) -> None:
    """Without its server a connector says nothing."""
    org = snapshot(alone("Get-ReceiveConnector", values))

    assert org.connectors == ()
    assert ("", "Get-ReceiveConnector Identity") in unread(org)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("Enabled", "enabled"),
        ("TransportRole", "role"),
        ("AuthMechanism", "auth"),
        ("PermissionGroups", "groups"),
    ],
)
@pytest.mark.parametrize(
    "value", [GONE, Lost("cut off"), None, "", "Nonsense", 3.5, Complex(None, {})]
)
def test_a_required_property_that_is_missing_is_unknown_and_told(
    name: str, attribute: str, value: Value
) -> None:
    """Absent, lost, empty or not to be parsed: None and a row, never a default (section 1.6)."""
    org = snapshot(edited(article().reading(), RELAY, **{name: value}))

    assert getattr(connector(org), attribute) is None
    (row,) = org.unread
    assert (row.server, row.what) == ("EX16A", f"Get-ReceiveConnector {name}")
    assert "connectors, object 15" in row.why
    assert "Relay" in row.why


@pytest.mark.parametrize(
    ("name", "attribute"), [("Bindings", "bindings"), ("RemoteIPRanges", "ranges")]
)
@pytest.mark.parametrize("value", [GONE, Lost("a type name"), None, "", "System.String[]"])
def test_a_required_list_that_is_missing_is_incomplete_and_told(
    name: str, attribute: str, value: Value
) -> None:
    """A list that was not read is not an empty list (contract, section 2)."""
    org = snapshot(edited(article().reading(), RELAY, **{name: value}))

    assert getattr(connector(org), attribute) == ()
    assert not getattr(connector(org), f"{attribute}_complete")
    assert unread(org) == [("EX16A", f"Get-ReceiveConnector {name}")]


def test_an_empty_list_is_empty() -> None:
    """`{}` is an answer."""
    org = snapshot(edited(article().reading(), RELAY, RemoteIPRanges=Items(())))

    assert (connector(org).ranges, connector(org).ranges_complete) == ((), True)
    assert org.unread == ()


def test_a_cut_list_keeps_what_is_visible_and_is_incomplete() -> None:
    """`{10.0.0.11, 10.0.0.12...}` may hold anything else too (section 1.4)."""
    cut = Items(("10.0.0.11", "10.0.0.12"), cut=True)

    org = snapshot(edited(article().reading(), RELAY, RemoteIPRanges=cut))

    assert [str(one) for one in connector(org).ranges] == ["10.0.0.11", "10.0.0.12"]
    assert not connector(org).ranges_complete
    assert unread(org) == [("EX16A", "Get-ReceiveConnector RemoteIPRanges")]


@pytest.mark.parametrize(
    ("name", "good", "bad", "words"),
    [
        ("Bindings", "0.0.0.0:25", "0.0.0.0:99999", "is not between 0 and 65535"),
        ("RemoteIPRanges", "10.0.0.11", "10.0.0.9-10.0.0.1", "must be less than or equal to"),
        ("RemoteIPRanges", "10.0.0.11", "10.0.0.999", "The format of the IP address"),
        ("RemoteIPRanges", "10.0.0.11", Lost("cut inside"), "cut inside"),
    ],
)
def test_an_element_that_does_not_parse_is_told_and_the_others_are_kept(
    name: str, good: str, bad: Value, words: str
) -> None:
    """Exchange's words (section 1.4), the list incomplete, its other elements there."""
    org = snapshot(edited(article().reading(), RELAY, **{name: Items((good, bad))}))

    found = connector(org)
    kept = found.bindings if name == "Bindings" else found.ranges
    complete = found.bindings_complete if name == "Bindings" else found.ranges_complete
    assert ([str(one) for one in kept], complete) == ([good], False)
    assert unread(org) == [("EX16A", f"Get-ReceiveConnector {name}")]
    assert words in org.unread[0].why


@pytest.mark.parametrize(
    "ranges",
    [
        Items(("10.0.5.0/24", "10.0.0.11", "10.0.0.32-10.0.0.40")),
        "10.0.5.0/24 10.0.0.11 10.0.0.32-10.0.0.40",
        "{10.0.5.0/24, 10.0.0.11, 10.0.0.32-10.0.0.40}",
        Items((
            Complex("10.0.5.0/24", {}),
            Complex(None, {"LowerBound": "10.0.0.11", "UpperBound": "10.0.0.11"}),
            Complex(None, {"LowerBound": "10.0.0.32", "UpperBound": "10.0.0.40",
                           "Expression": "10.0.0.32-10.0.0.40"}),
        )),
    ],
)  # fmt: skip
def test_ranges_in_every_form_keep_order_and_text(ranges: Value) -> None:
    """Objects, their members, texts, and one text joined with blanks (sections 1.6 and 10.2)."""
    org = snapshot(edited(article().reading(), RELAY, RemoteIPRanges=ranges))

    texts = [one.text for one in connector(org).ranges]
    assert texts == ["10.0.5.0/24", "10.0.0.11", "10.0.0.32-10.0.0.40"]
    assert connector(org).ranges_complete


@pytest.mark.parametrize(
    "bindings",
    [
        Items(("0.0.0.0:25", ":::25")),
        Items((Complex(None, {"Address": "0.0.0.0", "Port": 25}),
               Complex(None, {"Address": "::", "Port": 25}))),
        "0.0.0.0:25 [::]:25",
    ],
)  # fmt: skip
def test_bindings_in_every_form(bindings: Value) -> None:
    """Objects without their text, texts, and the old `:::25` of 2010 (section 1.4)."""
    org = snapshot(edited(article().reading(), RELAY, Bindings=bindings))

    assert [str(one) for one in connector(org).bindings] == ["0.0.0.0:25", "[::]:25"]


@pytest.mark.parametrize(
    "auth", [1, "1", "Tls", "tls", Enumeration("Tls", 1), Enumeration(None, 1)]
)
def test_flags_as_number_text_or_both(auth: Value) -> None:
    """AuthMechanism by number where there is one, else by its names (section 3.1)."""
    org = snapshot(edited(article().reading(), RELAY, AuthMechanism=auth))

    assert connector(org).auth is AuthMechanism.Tls


def test_flags_that_are_none_are_none_and_known() -> None:
    """`None` is a value: a connector without any authentication (section 3.1)."""
    org = snapshot(edited(article().reading(), RELAY, AuthMechanism="None"))

    assert connector(org).auth == AuthMechanism(0)
    assert org.unread == ()


@pytest.mark.parametrize(
    "role", [GONE, None, "", "FrontendTransport", "HubTransport", Lost("cut"), "Nonsense"]
)
def test_a_connector_of_2010_is_a_hub_connector_whatever_stands_there(role: Value) -> None:
    """2007 and 2010 have no TransportRole (S2.07)."""
    org = snapshot(edited(article().reading(), r"EX10A\Default EX10A", TransportRole=role))

    assert connector(org, r"EX10A\Default EX10A").role is TransportRole.HubTransport
    assert org.unread == ()


def test_true_is_no_flag() -> None:
    """Python counts True as 1; Exchange doesn't."""
    assert connector(snapshot(edited(article().reading(), RELAY, AuthMechanism=True))).auth is None


def test_optional_properties_may_be_absent() -> None:
    """Older versions lack them (section 1.6): unknown, and no row."""
    names = ("SuppressXAnonymousTls", "RequireTLS", "Fqdn", "ProtocolLoggingLevel", "Comment")

    org = snapshot(edited(article().reading(), RELAY, **dict.fromkeys(names, GONE)))

    found = connector(org)
    assert (found.suppress_x_anonymous_tls, found.require_tls) == (None, None)
    assert (found.fqdn, found.protocol_logging, found.comment) == ("", "", "")
    assert org.unread == ()


def test_a_switch_that_was_lost_is_told() -> None:
    """SuppressXAnonymousTls decides a verdict (C10): lost is a row, unlike absent."""
    org = snapshot(edited(article().reading(), RELAY, SuppressXAnonymousTls=Lost("cut")))

    assert unread(org) == [("EX16A", "Get-ReceiveConnector SuppressXAnonymousTls")]


# -- Queues ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Status", "MessageCount"])
@pytest.mark.parametrize("value", [GONE, Lost("cut"), None, ""])
def test_a_queue_without_status_or_count_is_told(name: str, value: Value) -> None:
    """Whether it is stuck can't be said (contract 8.4)."""
    org = snapshot(edited(article().reading(), r"EX10A\1187", **{name: value}))

    assert ("EX10A", f"Get-Queue {name}") in unread(org)
    assert (queue(org).status, queue(org).message_count) in {("", 131), ("Retry", None)}


@pytest.mark.parametrize("value", ["-1", "12 or so", 2**63, -5, True, "9" * 30])
def test_a_count_that_is_no_count_is_told(value: Value) -> None:
    """What no server means is unknown, and never breaks a table."""
    org = snapshot(edited(article().reading(), r"EX10A\1187", MessageCount=value))

    assert queue(org).message_count is None
    assert unread(org) == [("EX10A", "Get-Queue MessageCount")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("SmtpRelayWithinAdSite", "SmtpRelayWithinAdSite"),
        (7, "SmtpRelayWithinAdSite"),
        ("7", "SmtpRelayWithinAdSite"),
        (Enumeration("Something new", 7), "SmtpRelayWithinAdSite"),
        (Enumeration("SomethingNew", 99), "other"),
        ("SomethingNew", "other"),
        (99, "other"),
    ],
)
def test_delivery_types_are_named_and_unknown_ones_are_other(value: Value, expected: str) -> None:
    """Text or number; what the enumeration lacks maps to other, never fails (section 4.2)."""
    org = snapshot(edited(article().reading(), r"EX10A\1187", DeliveryType=value))

    assert queue(org).delivery_type == expected
    assert org.unread == ()


@pytest.mark.parametrize("value", ["Retry", 3, "3", Enumeration("Retry", 3), Enumeration(None, 3)])
def test_status_in_every_form(value: Value) -> None:
    """QueueStatus by text or number (section 3.1)."""
    org = snapshot(edited(article().reading(), r"EX10A\1187", Status=value))

    assert queue(org).status == "Retry"


def test_an_unknown_status_is_other_and_no_failure() -> None:
    """Never fail on a value of a later version (section 4.2)."""
    org = snapshot(edited(article().reading(), r"EX10A\1187", Status=Enumeration("Paused", 9)))

    assert queue(org).status == "other"


def test_a_cut_last_error_keeps_what_is_visible() -> None:
    """The beginning may be enough to know the cause; that it is cut is told (contract 2)."""
    cut = Lost("cut at the width of the console", STUCK[:60])

    org = snapshot(edited(article().reading(), r"EX10A\1187", LastError=cut))

    assert (queue(org).last_error, queue(org).last_error_complete) == (STUCK[:60], False)
    assert unread(org) == [("EX10A", "Get-Queue LastError")]


def test_an_absent_last_error_matters_where_a_queue_waits() -> None:
    """A queue in Retry without LastError can't be judged by it; one that flows can."""
    reading = edited(article().reading(), r"EX10A\1187", LastError=GONE)

    org = snapshot(edited(reading, r"EX16A\15", LastError=GONE))

    assert queue(org).last_error is None
    assert unread(org) == [("EX10A", "Get-Queue LastError")]


def test_an_empty_last_error_is_known() -> None:
    """Nothing there is an answer, another one than not read (contract 8.4)."""
    org = snapshot(edited(article().reading(), r"EX10A\1187", LastError=None))

    assert (queue(org).last_error, queue(org).last_error_complete) == ("", True)
    assert org.unread == ()


def test_the_legacy_schema_is_complete() -> None:
    """Nine properties are all that 2007 gives (S4.51): the rest is unknown, without a row."""
    kept = ["Identity", "DeliveryType", "NextHopDomain", "NextHopConnector", "Status"]
    kept += ["MessageCount", "LastError", "LastRetryTime", "NextRetryTime"]
    reading = article().reading()
    for number, row in enumerate(reading.rows):
        if row.cmdlet == "Get-Queue":
            values = {name: row.values[name] for name in kept}
            reading.rows[number] = replace(row, values=values)

    org = snapshot(reading)

    assert org.unread == ()
    assert (queue(org).velocity, queue(org).retry_count, queue(org).first_retry) == (None,) * 3


def test_times_are_instants_only_with_a_zone() -> None:
    """A printed time has no zone: text, and no instant (S6.03)."""
    zone = timezone(timedelta(hours=1))
    aware = datetime(2026, 11, 23, 14, 59, 17, tzinfo=zone)

    org = snapshot(
        edited(article().reading(), r"EX10A\1187", LastRetryTime=aware,
               NextRetryTime="11/23/2026 2:09:17 PM", FirstRetryTime=None)
    )  # fmt: skip

    found = queue(org)
    assert found.last_retry == Moment("2026-11-23T14:59:17+01:00", aware)
    assert found.next_retry == Moment("11/23/2026 2:09:17 PM", None)
    assert found.first_retry is None


def test_a_year_without_mail_servers_stays_text() -> None:
    """.NET's largest time means none, and no table holds it."""
    largest = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

    org = snapshot(edited(article().reading(), r"EX10A\1187", NextRetryTime=largest))

    assert queue(org).next_retry == Moment("9999-12-31T23:59:59+00:00", None)


def test_velocity_from_the_rates() -> None:
    """Velocity is outgoing less incoming (section 4.5); a comma may stand before the fraction."""
    org = snapshot(
        edited(article().reading(), r"EX16A\15", Velocity=GONE, OutgoingRate="0,75",
               IncomingRate=0.5)
    )  # fmt: skip

    assert queue(org, r"EX16A\15").velocity == 0.25


@pytest.mark.parametrize(
    ("identity", "domain", "expected"),
    [
        (Complex(None, {"Server": "EX10A.contoso.com", "RowId": 1187}), "x", r"EX10A\1187"),
        (Complex(None, {"Server": "EX10A.contoso.com"}), "Submission", r"EX10A\Submission"),
        (Complex(None, {"Server": "EX10A"}), "Unreachable Domain", r"EX10A\Unreachable"),
    ],
)
def test_a_queue_whose_identity_lost_its_text(identity: Value, domain: str, expected: str) -> None:
    """JSON turns an identity into its members; what identifies it is taken (S10.21)."""
    values = {"Identity": identity, "NextHopDomain": domain, "Status": "Ready", "MessageCount": 0}

    org = snapshot(alone("Get-Queue", values))

    assert [(one.identity, one.server) for one in org.queues] == [(expected, "EX10A")]
    assert ("EX10A", "Get-Queue Identity") not in unread(org)


def test_a_queue_whose_number_is_lost_counts_all_the_same() -> None:
    """Its server, next hop, status and error are known; commands need it (S10.21)."""
    identity = Complex(None, {"Server": "EX10A.contoso.com", "IsFullySpecified": True})

    org = snapshot(edited(article().reading(), r"EX10A\1187", Identity=identity))

    assert queue(org, r"EX10A\hub version 15").message_count == 131
    assert org.unread == ()


def test_queues_whose_numbers_are_lost_stay_apart() -> None:
    """Two queues may have the same next hop; the same capture twice is still one."""
    identity = Complex(None, {"Server": "EX10A.contoso.com"})
    one = {"Identity": identity, "NextHopDomain": "x", "Status": "Ready", "MessageCount": 1}
    reading = alone("Get-Queue", one, {**one, "MessageCount": 2}, one)

    assert [found.message_count for found in snapshot(reading).queues] == [1, 2]


def test_a_queue_identity_without_a_server_belongs_to_the_server_asked() -> None:
    """`1187` alone means the local server (section 4.3); unknown where nobody says which."""
    values = {"Identity": "1187", "Status": "Retry", "MessageCount": 1}
    reading = alone("Get-Queue", values)

    assert ("", "Get-Queue Identity") in unread(snapshot(reading))

    reading.rows[0] = replace(reading.rows[0], computer="ex10a.contoso.com")
    assert [one.identity for one in snapshot(reading).queues] == [r"ex10a\1187"]


def test_exactly_a_thousand_queues_may_be_cut() -> None:
    """Get-Queue stops at 1000 without a word (S8.52)."""
    org = healthy()
    while len(org.queues) < 999:
        org.add_queue("EX16A", name=str(5000 + len(org.queues)))

    assert snapshot(org.reading()).unread == ()

    org.add_queue("EX16A", name="9999")
    assert unread(snapshot(org.reading())) == [("", "Get-Queue")]


# -- Settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected", "told"),
    [(True, True, False), ("False", False, False), (GONE, None, False), (Lost("cut"), None, True)],
)
def test_downgraded_authentication(value: Value, expected: bool | None, told: bool) -> None:
    """UseDowngradedExchangeServerAuth (S3.42): read, absent in older versions, or lost."""
    values = {"Name": "EX10A", "UseDowngradedExchangeServerAuth": value}
    kept = {name: one for name, one in values.items() if one is not GONE}
    reading = article().without("settings").reading()
    reading.add(alone("Get-TransportService", kept))

    org = snapshot(reading)

    assert org.settings == (TransportSettings("EX10A", expected),)
    what = ("EX10A", "Get-TransportService UseDowngradedExchangeServerAuth")
    assert (what in unread(org)) is told


# -- The same object twice -------------------------------------------------------------------------


def test_the_same_captures_twice_count_once() -> None:
    """Equal values: once, and nothing is unread (contract, section 2)."""
    reading = article().reading()
    reading.add(article().reading())

    assert snapshot(reading) == article().snapshot("test")


def test_the_order_of_a_list_is_no_difference() -> None:
    """The order of ranges and bindings is not fixed (section 1.4)."""
    reading = article().reading()
    turned = Items(("10.0.5.0-10.0.5.255", "10.0.0.12", "10.0.0.11"))
    reading.add(edited(article().reading(), RELAY, RemoteIPRanges=turned))

    assert snapshot(reading) == article().snapshot("test")


@pytest.mark.parametrize(
    ("identity", "name", "value", "attribute", "unknown"),
    [
        (RELAY, "AuthMechanism", "Tls, ExchangeServer", "auth", None),
        (RELAY, "Enabled", False, "enabled", None),
        (RELAY, "RemoteIPRanges", Items(("10.0.0.11",)), "ranges_complete", False),
        (r"EX10A\1187", "MessageCount", 99, "message_count", None),
        (r"EX10A\1187", "Status", "Ready", "status", ""),
        (r"EX10A\1187", "LastError", "450 4.7.0", "last_error_complete", False),
    ],
)
def test_two_captures_that_disagree_are_unread(
    identity: str, name: str, value: Value, attribute: str, unknown: object
) -> None:
    """Different values: told, and what differs is unknown; the rest stays (contract, section 9)."""
    reading = article().reading()
    reading.add(edited(article().reading(), identity, **{name: value}))

    org = snapshot(reading)

    (row,) = org.unread
    assert row.what.endswith(name)
    assert "two exports contradict each other" in row.why
    found = connector(org) if identity == RELAY else queue(org)
    assert getattr(found, attribute) == unknown
    assert len(org.connectors) == len(article().connectors)


def test_a_better_capture_mends_a_cut_one() -> None:
    """A second capture that holds all of what the first one cut is what was asked for."""
    cut = edited(article().reading(), RELAY, RemoteIPRanges=Items(("10.0.0.11",), cut=True),
                 PermissionGroups=GONE)  # fmt: skip
    edited(cut, r"EX10A\1187", LastError=Lost("cut", STUCK[:40]), LastRetryTime="1:59 PM")
    whole = article().reading()

    first, second = Reading(), Reading()
    for reading, parts in ((first, (cut, whole)), (second, (whole, cut))):
        for part in parts:
            reading.add(part)

    assert snapshot(first) == snapshot(second) == article().snapshot("test")


def test_a_cut_list_that_shows_something_else_disagrees() -> None:
    """What is visible of the cut one must stand in the whole one."""
    reading = article().reading()
    reading.add(edited(article().reading(), RELAY,
                       RemoteIPRanges=Items(("10.9.9.9",), cut=True)))  # fmt: skip

    assert unread(snapshot(reading)) == [("EX16A", "Get-ReceiveConnector RemoteIPRanges")]


# -- Addresses -------------------------------------------------------------------------------------


def adapters(*rows: tuple[str, str, Value]) -> Reading:
    """Adapters: (server the command named, PSComputerName, IPAddresses), and no other addresses."""
    reading = article().without("addresses").reading()
    for number, (named, computer, addresses) in enumerate(rows, 1):
        values: dict[str, Value] = {"Name": "Ethernet", "IPAddresses": addresses}
        reading.rows.append(
            Row("Get-NetworkConnectionInfo", values, f"adapters, object {number}", computer, named)
        )
    reading.cmdlets.add("Get-NetworkConnectionInfo")
    return reading


def owners(org: Snapshot) -> list[tuple[str, str]]:
    """Server and address of every known address."""
    return [(one.server, one.address) for one in org.addresses]


def test_the_command_line_names_the_server_of_adapters() -> None:
    """The prompt line decides, whatever the host of the session was (contract 8.9)."""
    org = snapshot(
        adapters(
            ("EX10A.contoso.com", "ex16a.contoso.com", Items(("10.0.0.11", "fe80::1%11"))),
            ("EX10B", "ex16a.contoso.com", "10.0.0.12 2001:db8::12"),
        )
    )

    assert owners(org) == [("EX10A", "10.0.0.11"), ("EX10B", "10.0.0.12"),
                           ("EX10B", "2001:db8::12")]  # fmt: skip
    assert {one.source for one in org.addresses} == {"Get-NetworkConnectionInfo"}


def test_two_hosts_with_one_set_each_name_their_own_adapters() -> None:
    """PSComputerName decides where two or more different ones were captured (8 point 9)."""
    org = snapshot(
        adapters(
            ("", "ex10a.contoso.com", Items(("10.0.0.11",))),
            ("", "EX10B.contoso.com", Items(("10.0.0.12",))),
        )
    )

    assert owners(org) == [("EX10A", "10.0.0.11"), ("EX10B", "10.0.0.12")]


@pytest.mark.parametrize(
    "rows",
    [
        [("", "ex16a.contoso.com", "10.0.0.11"), ("", "ex16a.contoso.com", "10.0.0.12")],
        [("", "", "10.0.0.11")],
        [("", "ex16a.contoso.com", "10.0.0.11"), ("", "ex16b.contoso.com", "10.0.0.11")],
    ],
)
def test_adapters_of_nobody_ask_for_addresses_csv_once(rows: list[tuple[str, str, Value]]) -> None:
    """One host, none, or the same adapters through two hosts: whose they are can't be said."""
    org = snapshot(adapters(*rows))

    assert org.addresses == ()
    (row,) = [one for one in org.unread if (one.server, one.what) == ("", "addresses")]
    assert "addresses.csv" in row.why


def test_adapters_of_nobody_are_settled_by_addresses_csv() -> None:
    """What was asked for is there: all these addresses have an owner now."""
    reading = adapters(("", "ex16a.contoso.com", Items(("10.0.0.11", "10.0.0.12", "fe80::1"))))
    reading.rows += list(article().reading().of("addresses.csv"))

    assert snapshot(reading).unread == ()


def test_addresses_that_mail_never_comes_from_are_left_out() -> None:
    """Loopback, link-local, multicast and the unspecified address are no sources (S9.10)."""
    useless = ("127.0.0.1", "::1", "169.254.3.4", "fe80::1%11", "224.0.0.5", "ff02::1", "0.0.0.0")
    objects = (Complex("10.0.0.11", {}), Complex(None, {"IPAddressToString": "10.1.0.11"}))

    org = snapshot(adapters(("EX10A", "", Items((*useless, *objects)))))

    assert owners(org) == [("EX10A", "10.0.0.11"), ("EX10A", "10.1.0.11")]


def test_a_bad_address_is_told() -> None:
    """Its line is named; the other addresses count."""
    reading = article().reading()
    reading.rows.append(
        Row("addresses.csv", {"server": "EX10A", "address": "10.0.0.256"}, "addresses.csv, line 6")
    )
    reading.rows.append(Row("addresses.csv", {"server": "", "address": "10.0.0.9"}, "line 7"))

    org = snapshot(reading)

    assert unread(org) == [("EX10A", "addresses"), ("", "addresses")]
    assert "line 6" in org.unread[0].why
    assert owners(org) == owners(article().snapshot())


def test_a_sender_without_an_address_is_told() -> None:
    """Its paths are unknown (contract, section 2); who has no transport sends nothing."""
    org = article().add_server("MBX10", E2010, roles="Mailbox")
    org.add_server("CAS13", E2013, roles="ClientAccess")
    org.set_addresses("EX10B").set_addresses("EX16A", "fe80::16")

    assert unread(snapshot(org.reading())) == [("EX10B", "addresses"), ("EX16A", "addresses")]


def test_the_only_server_needs_no_address() -> None:
    """It sends to no other server; without Get-ExchangeServer nobody knows that it is the only."""
    org = Organisation().add_server("EX16A", E2016)

    assert snapshot(org.reading()).unread == ()
    assert unread(snapshot(org.without("servers").reading())) == [("EX16A", "addresses")]


# -- What nobody captured --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "cmdlet"), [("queues", "Get-Queue"), ("connectors", "Get-ReceiveConnector")]
)
def test_without_any_capture_of_a_cmdlet_one_row_says_so(table: str, cmdlet: str) -> None:
    """No queue capture at all: a row (contract 8.11); likewise for connectors."""
    assert unread(snapshot(article().without(table).reading())) == [("", cmdlet)]


def test_an_empty_answer_is_an_answer() -> None:
    """A capture of Get-Queue without any queue was a capture (contract, section 2)."""
    org = healthy()
    org.queues = []

    assert snapshot(org.reading()).unread == ()


def test_what_a_reader_has_told_is_not_told_twice() -> None:
    """The row of a failed reading stands for it; servers it does not name are told apart."""
    reading = article().without("queues").reading()
    reading.unread = list(snapshot(reading).unread)

    assert snapshot(reading).unread == tuple(reading.unread)

    reading.unread *= 2
    assert len(snapshot(reading).unread) == 1


def test_a_server_without_connectors_beside_others_is_told() -> None:
    """A server with transport always has receive connectors; a mailbox server of 2010 has none."""
    org = article().add_server("MBX10", E2010, roles="Mailbox")
    org.connectors = [one for one in org.connectors if one.server != "EX16B"]

    assert unread(snapshot(org.reading())) == [("EX16B", "Get-ReceiveConnector")]


def test_a_server_without_queues_is_told_where_the_capture_was_not_limited() -> None:
    """Every server has a Submission queue (S4.10): where empty ones stand, none means not asked."""
    org = article()
    org.queues = [one for one in org.queues if one.server != "EX16B"]
    assert unread(snapshot(org.reading())) == [("EX16B", "Get-Queue")]

    org.queues = [one for one in org.queues if one.message_count]
    assert snapshot(org.reading()).unread == ()


# -- Anything may come -----------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec=None), max_size=12)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS,
    st.builds(Lost, TEXTS, TEXTS),
    st.builds(Enumeration, st.none() | TEXTS, st.none() | st.integers()),
    st.datetimes(), st.datetimes(timezones=st.just(UTC)),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds(lambda some, cut: Items(tuple(some), cut), st.lists(inner, max_size=3),
                  st.booleans())
        | st.builds(Complex, st.none() | TEXTS, st.dictionaries(TEXTS, inner, max_size=3))
    ),
    max_leaves=6,
)  # fmt: skip
PROPERTIES = sorted({name for row in article().reading().rows for name in row.values})


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from(PROPERTIES), VALUES), max_size=8))
@example([(0, "RemoteIPRanges", Lost("\x1f", ""))])
def test_any_value_in_any_property_gives_a_snapshot_that_can_be_saved(
    changes: list[tuple[int, str, Value]],
) -> None:
    """Remote text is hostile: no value breaks the reading, the tables, or the file."""
    reading = article().reading()
    for number, name, value in changes:
        place = number % len(reading.rows)
        row = reading.rows[place]
        reading.rows[place] = replace(row, values={**row.values, name: value})

    org = snapshot(reading)

    assert from_document(json.loads(json.dumps(org.document())), "memory") == org
    for table in ("servers", "connectors", "queues"):
        assert len(org.frame(table)) == len(getattr(org, table))
