"""Set-ReceiveConnector changes and refuses what it should (sections 1.4, 1.5 and 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.conflicts import TEXT_A, TEXT_B
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
)
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.exchange.refusals import NEEDS_BASIC
from mailflow.simulated import changes
from mailflow.simulated.organisation import (
    BUILDS,
    SUBMIT,
    AccessEntry,
)
from mailflow.sources.shell import Argument
from practice_bench import Bench, column, said

RELAY = r"EX16A\Relay"
AUTH = AuthMechanism
GROUPS = PermissionGroups


@pytest.fixture
def bench() -> Bench:
    """An organisation in order."""
    return Bench()


# -- Set-ReceiveConnector --------------------------------------------------------------------------


def put(bench: Bench, identity: str = RELAY, **parameters: Argument) -> list[str]:
    """Change a connector; gives what was refused. Nothing that was refused may be changed."""
    before = bench.connector(identity)
    reply = bench.run("Set-ReceiveConnector", Identity=identity, **parameters)
    wrong = said(reply)
    assert not reply.rows
    assert not wrong or bench.connector(identity) == before
    return wrong


def ranges(bench: Bench, identity: str = RELAY) -> list[str]:
    """The ranges of a connector, as printed."""
    return [str(one) for one in bench.connector(identity).ranges]


def test_a_list_replaces_the_ranges(bench: Bench) -> None:
    """The whole value (S8.60)."""
    assert put(bench, RemoteIPRanges=("10.0.0.1", "10.1.0.0/16")) == []

    assert ranges(bench) == ["10.0.0.1", "10.1.0.0/16"]
    assert put(bench, RemoteIPRanges="10.0.0.2") == []
    assert ranges(bench) == ["10.0.0.2"]


def test_a_hashtable_changes_elements(bench: Bench) -> None:
    """@{Add; Remove} (S8.61)."""
    change = {"Add": ("10.0.0.1", "10.0.0.2"), "Remove": ("10.0.5.0/24",)}

    assert put(bench, RemoteIPRanges=change) == []
    assert ranges(bench) == ["10.0.0.1", "10.0.0.2"]
    assert put(bench, RemoteIPRanges={"add": ("10.0.0.1(255.255.255.255)",)}) == []
    assert ranges(bench) == ["10.0.0.1", "10.0.0.2"]
    assert "Take" in put(bench, RemoteIPRanges={"Take": ("10.0.0.1",)})[0]


def test_the_hashtable_is_not_for_2007(bench: Bench) -> None:
    """There it takes read, modify and write (S8.61)."""
    bench.organisation.install("EX07", BUILDS["2007"], ["10.0.0.7"], site="x")
    reply = bench.run(
        "Set-ReceiveConnector",
        server="EX07",
        Identity=r"EX07\Default EX07",
        RemoteIPRanges={"Remove": ("10.0.0.1",)},
    )

    assert reply.fault is not None
    assert "System.Collections.Hashtable" in reply.fault.message


def test_remove_compares_by_bounds(bench: Bench) -> None:
    """However written, and it never cuts a hole (S8.62)."""
    bench.relay("EX16A", "10.0.0.5", "10.0.5.0/24")

    assert put(bench, RemoteIPRanges={"Remove": ("10.0.0.5/32",)}) == []
    assert ranges(bench) == ["10.0.5.0/24"]
    assert put(bench, RemoteIPRanges={"Remove": ("10.0.5.7",)}) == []
    assert ranges(bench) == ["10.0.5.0/24"]


blocks = st.builds(
    lambda first, size: AddressRange(4, first, first + size - 1),
    st.integers(0, 20),
    st.integers(1, 4),
)


@given(st.lists(blocks, min_size=1, max_size=5), st.lists(blocks), st.lists(blocks))
def test_changes_are_those_of_sets(
    old: list[AddressRange], add: list[AddressRange], remove: list[AddressRange]
) -> None:
    """What is left is what a set of bounds would hold (S8.60 to S8.62)."""
    bench = Bench()
    bench.relay("EX16A", name="R", ranges=tuple(dict.fromkeys(old)))
    # Removed elements are taken from what is there first; what is added stays.
    expected = {*(one for one in old if one not in remove), *add}
    change = {"Add": tuple(map(format_range, add)), "Remove": tuple(map(format_range, remove))}

    wrong = put(bench, r"EX16A\R", RemoteIPRanges=change)

    if expected:
        assert wrong == []
        assert set(bench.connector(r"EX16A\R").ranges) == expected
        assert len(bench.connector(r"EX16A\R").ranges) == len(expected)
    else:
        assert wrong == [changes.EMPTY]


def test_an_empty_list_is_refused(bench: Bench) -> None:
    """Section 1.5; whether Exchange does is open (S8.64)."""
    assert put(bench, RemoteIPRanges=()) == [
        "Provide values for the Bindings and RemoteIPRanges parameters."
    ]
    assert put(bench, RemoteIPRanges={"Remove": ("10.0.5.0/24",)}) == [changes.EMPTY]
    assert put(bench, Bindings=()) == [changes.EMPTY]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "10.0.0.9-10.0.0.1",
            "The start address 10.0.0.9 must be less than or equal to the end address 10.0.0.1.",
        ),
        ("10.0.0.1-::1", "The start and end IP addresses must be of the same family."),
        (
            "10.0.0.1(255.0.255.0)",
            'The mask 255.0.255.0 is invalid. An example of an acceptable mask is "255.255.255.0".',
        ),
        ("printer", "The format of the IP address printer is invalid."),
        ("10.0.0.0/99", 'The input string "10.0.0.0/99" isn\'t formatted correctly.'),
    ],
)
def test_ranges_that_are_none(bench: Bench, text: str, message: str) -> None:
    """Parse errors of section 1.4 end the call."""
    reply = bench.run("Set-ReceiveConnector", Identity=RELAY, RemoteIPRanges=(text,))

    assert reply.fault is not None
    assert reply.fault.message == message
    assert reply.fault.id == "ParameterArgumentTransformationError,Set-ReceiveConnector"
    assert ranges(bench) == ["10.0.5.0/24"]


def test_bindings_are_parsed_too(bench: Bench) -> None:
    """Section 1.4."""
    assert put(bench, Bindings=("10.0.0.21:26", "[::]:26")) == []
    assert list(map(str, bench.connector(RELAY).bindings)) == ["10.0.0.21:26", "[::]:26"]
    assert "separator between the IP address and the port number" in put(bench, Bindings="25")[0]


def test_what_if_checks_and_changes_nothing(bench: Bench) -> None:
    """-WhatIf (S8.66)."""
    before = bench.connector(RELAY)

    assert put(bench, RemoteIPRanges="10.0.0.1", WhatIf=True) == []
    assert bench.connector(RELAY) == before
    assert put(bench, AuthMechanism="BasicAuthRequireTLS", WhatIf=True)


def test_confirm_needs_a_person(bench: Bench) -> None:
    """There is none at the far side; `-Confirm:$false` asks nobody."""
    assert "user interaction" in put(bench, Enabled=False, Confirm=True)[0]
    assert put(bench, Enabled=False, Confirm=False) == []
    assert bench.connector(RELAY).enabled is False


def test_several_settings_at_once(bench: Bench) -> None:
    """Flags replace the whole value, by names or as a list (S3.23)."""
    wrong = put(
        bench,
        AuthMechanism="Tls, Integrated",
        PermissionGroups=("AnonymousUsers", "ExchangeUsers"),
        RequireTLS=True,
        Comment="by hand",
        ProtocolLoggingLevel="verbose",
        Fqdn="mail.contoso.example",
    )
    found = bench.connector(RELAY)

    assert wrong == []
    assert found.auth == AUTH.Tls | AUTH.Integrated
    assert found.groups == GROUPS.AnonymousUsers | GROUPS.ExchangeUsers
    assert found.require_tls is True
    assert (found.comment, found.protocol_logging) == ("by hand", "Verbose")
    assert found.fqdn == "mail.contoso.example"


def test_details_are_kept_and_shown(bench: Bench) -> None:
    """Settings that mail flow does not depend on come back as set."""
    wrong = put(
        bench,
        Banner="220 mail",
        ConnectionTimeout="00:20:00",
        ConnectionInactivityTimeout="00:15:00",
        DomainSecureEnabled=True,
    )
    reply = bench.run("Get-ReceiveConnector", Identity=RELAY)

    assert wrong == []
    assert column(reply, "Banner") == ["220 mail"]
    assert column(reply, "ConnectionTimeout") == ["00:20:00"]
    assert column(reply, "ConnectionInactivityTimeout") == ["00:15:00"]
    assert column(reply, "DomainSecureEnabled") == ["True"]
    assert isinstance(bench.connector(RELAY), ReceiveConnector)


def test_custom_stays_while_other_entries_do(bench: Bench) -> None:
    """The shown groups are computed; the rights beside them are untouched (S3.20)."""
    bench.organisation.access[RELAY.casefold()] = [AccessEntry("x", (SUBMIT,))]

    assert put(bench, PermissionGroups="ExchangeServers") == []
    reply = bench.run("Get-ReceiveConnector", Identity=RELAY)
    assert column(reply, "PermissionGroups") == ["ExchangeServers, Custom"]


def test_a_connector_that_is_not_there(bench: Bench) -> None:
    """By the text of section 1.5; a name that fits two is none."""
    text = r'The Receive connector "EX16A\Gone" wasn' + "'t found."

    assert said(bench.run("Set-ReceiveConnector", Identity=r"EX16A\Gone", Enabled=True)) == [text]
    assert said(bench.run("Set-ReceiveConnector", Identity="Relay", Enabled=True))


DEFAULT = r"EX16A\Default Frontend EX16A"


@pytest.mark.parametrize(
    ("identity", "parameters", "text"),
    [
        (RELAY, {"PermissionGroups": "AnonymousUsers, Custom"}, changes.CUSTOM),
        (
            RELAY,
            {"AuthMechanism": "BasicAuth, BasicAuthRequireTLS"},
            "If BasicAuthRequireTLS is set, TLS must also be set as an authentication mechanism.",
        ),
        (RELAY, {"AuthMechanism": "Tls, BasicAuthRequireTLS"}, NEEDS_BASIC),
        (
            RELAY,
            {
                "AuthMechanism": "ExternalAuthoritative, Integrated",
                "PermissionGroups": "ExchangeServers",
            },
            (
                "ExternalAuthoritative cannot be set with BasicAuth, BasicAuthRequireTLS, "
                "ExchangeServer, or Integrated authentication mechanisms."
            ),
        ),
        (
            RELAY,
            {"AuthMechanism": "Tls, ExternalAuthoritative"},
            (
                "You must set the value for the PermissionGroups parameter to ExchangeServers when "
                "you set the AuthMechanism parameter to a value of ExternalAuthoritative."
            ),
        ),
        (
            RELAY,
            {"AuthMechanism": "Tls, ExchangeServer", "Fqdn": "mail.contoso.example"},
            (
                "If the AuthMechanism attribute on a Receive connector contains the value "
                "ExchangeServer, you must set the FQDN parameter on the Receive connector to one "
                "of the following values: the FQDN of the transport server "
                '"ex16a.contoso.example", the NetBIOS name of the transport server "EX16A", '
                "or $null."
            ),
        ),
        (RELAY, {"AuthMechanism": "None, Tls"}, "None"),
        (RELAY, {"AuthMechanism": "None", "RequireTLS": True}, "RequireTLS"),
        (RELAY, {"AuthMechanism": "None", "DomainSecureEnabled": True}, "DomainSecureEnabled"),
        (RELAY, {"ExtendedProtectionPolicy": "Require"}, "ExtendedProtectionPolicy"),
        (RELAY, {"SuppressXAnonymousTls": True}, "UseDowngradedExchangeServerAuth"),
        (RELAY, {"AdvertiseClientSettings": True}, "ExchangeUsers"),
        (RELAY, {"ConnectionTimeout": "00:04:00"}, "ConnectionInactivityTimeout"),
        (RELAY, {"Banner": "Welcome"}, "220"),
    ],
)
def test_combinations_that_are_refused(
    bench: Bench, identity: str, parameters: Mapping[str, Argument], text: str
) -> None:
    """Section 3.4: with Exchange's text where it is known."""
    (wrong,) = put(bench, identity, **parameters)

    assert (wrong == text) if len(text) > 40 else (text in wrong)


@pytest.mark.parametrize(
    "parameters",
    [
        {"AuthMechanism": "Tls, BasicAuth, BasicAuthRequireTLS"},
        {"AuthMechanism": "ExternalAuthoritative, Tls", "PermissionGroups": "ExchangeServers"},
        {"AuthMechanism": "Tls, ExchangeServer", "Fqdn": "EX16A"},
        {"AuthMechanism": "Tls, ExchangeServer", "Fqdn": ""},
        {"AuthMechanism": "None"},
        {"RequireTLS": True, "ExtendedProtectionPolicy": "Allow"},
        {"PermissionGroups": "ExchangeUsers", "AdvertiseClientSettings": True},
        {"Banner": ""},
        {"ConnectionTimeout": "00:05:00"},
    ],
)
def test_combinations_that_are_taken(bench: Bench, parameters: Mapping[str, Argument]) -> None:
    """What stands close to the refusals of section 3.4 and is right."""
    assert put(bench, **parameters) == []


def test_every_set_checks_the_whole_connector(bench: Bench) -> None:
    """So an old inconsistency refuses an innocent change (S8.65)."""
    bench.change(RELAY, auth=AUTH.ExchangeServer, fqdn="mail.contoso.example")

    assert "FQDN parameter" in put(bench, RemoteIPRanges="10.0.0.1")[0]


def test_the_suppression_of_anonymous_tls_needs_its_counterpart(bench: Bench) -> None:
    """UseDowngradedExchangeServerAuth on the server; never on Edge (section 3.4)."""
    edge = r"EDGE1\Default internal receive connector EDGE1"
    for name in ("EX16A", "EDGE1"):
        bench.server(name).downgraded_auth = True
    there = bench.run(
        "Set-ReceiveConnector", server="EDGE1", Identity=edge, SuppressXAnonymousTls=True
    )

    assert put(bench, SuppressXAnonymousTls=True) == []
    assert said(there)


def test_edge_takes_other_names_and_no_legacy_servers(bench: Bench) -> None:
    """Section 3.4."""
    edge = r"EDGE1\Default internal receive connector EDGE1"

    def change(**parameters: Argument) -> list[str]:
        return said(bench.run("Set-ReceiveConnector", server="EDGE1", Identity=edge, **parameters))

    assert change(Fqdn="mail.contoso.example") == []
    assert "ExchangeLegacyServers" in change(PermissionGroups="ExchangeLegacyServers")[0]


def test_words_that_are_no_flags(bench: Bench) -> None:
    """PowerShell names those there are."""
    (wrong,) = put(bench, AuthMechanism="Tls, Magic")

    assert "None,Tls,Integrated,BasicAuth,BasicAuthRequireTLS,ExchangeServer" in wrong
    assert put(bench, Enabled="yes")[0].startswith("Cannot convert 'System.String'")
    assert put(bench, ConnectionTimeout="soon")
    assert put(bench, ProtocolLoggingLevel="Some")


def test_a_role(bench: Bench) -> None:
    """FrontendTransport or HubTransport; refused where the other process has the endpoint."""
    assert put(bench, TransportRole="HubTransport", Bindings=("10.0.0.21:2526",)) == []
    assert bench.connector(RELAY).role is TransportRole.HubTransport
    front = r"EX16A\Default Frontend EX16A"
    assert put(bench, Bindings=("0.0.0.0:25",)) == [TEXT_A.format(front)]
    assert put(bench, TransportRole="frontendtransport", Bindings=("0.0.0.0:25",)) == []
    assert bench.connector(RELAY).role is TransportRole.FrontendTransport
    assert "one of FrontendTransport, HubTransport" in put(bench, TransportRole="Mailbox")[0]


def test_no_name(bench: Bench) -> None:
    """$null is none (section 3.4)."""
    assert put(bench, Fqdn="mail.contoso.example") == []
    assert "FQDN parameter" in put(bench, AuthMechanism="Tls, ExchangeServer")[0]
    assert put(bench, AuthMechanism="Tls, ExchangeServer", Fqdn=None) == []
    assert bench.connector(RELAY).fqdn == ""


def test_several_at_once(bench: Bench) -> None:
    """All of them or none: the object is checked as it would be (S8.65)."""
    before = bench.connector(RELAY)
    assert put(bench, Enabled=False, PermissionGroups="AnonymousUsers, Custom") != []
    assert bench.connector(RELAY) == before
    assert put(bench, Enabled=False, PermissionGroups="ExchangeServers", Bindings="[::]:26") == []
    now = bench.connector(RELAY)
    assert (now.enabled, now.groups) == (False, GROUPS.ExchangeServers)
    assert list(map(str, now.bindings)) == ["[::]:26"]


@pytest.mark.parametrize(
    ("server", "name"),
    [("EX10A", "TransportRole"), ("EX07", "SuppressXAnonymousTls"), ("EX07", "TransportRole")],
)
def test_an_older_shell_lacks_newer_parameters(bench: Bench, server: str, name: str) -> None:
    """It does not know the properties either (S2.07)."""
    bench.organisation.install("EX07", BUILDS["2007"], ["10.0.0.7"], site="x")
    identity = rf"{server}\Default {server}"
    reply = bench.run("Set-ReceiveConnector", server=server, Identity=identity, **{name: True})

    assert reply.fault is not None
    assert reply.fault.kind == "no-such-parameter"


# -- The uniqueness check --------------------------------------------------------------------------


def other(bench: Bench, *ranges_: str, binding: str = "10.0.0.21:25", **values: Any) -> str:  # noqa: ANN401
    """A second connector on EX16A; gives its identity."""
    bindings = (parse_binding(binding),)
    return bench.relay("EX16A", *ranges_, name="Other", bindings=bindings, **values).identity


def test_one_endpoint_has_one_role(bench: Bench) -> None:
    """S1.30: refused with text A, whatever the ranges, and whether it is enabled or not."""
    identity = other(bench, "192.0.2.1", role=TransportRole.HubTransport, enabled=False)
    reply = bench.run("Set-ReceiveConnector", Identity=RELAY, Comment="x")

    assert said(reply) == [TEXT_A.format(identity)]
    assert reply.errors[0].id.startswith("ReceiveConnectorRoleConflictException")


def test_equal_ranges_on_one_binding(bench: Bench) -> None:
    """S1.31: refused with text B, by bounds."""
    identity = other(bench, "10.0.9.0-10.0.9.255", binding="0.0.0.0:25")

    assert put(bench, RemoteIPRanges=("10.0.9.0/24",)) == [TEXT_B.format(identity)]
    assert put(bench, RemoteIPRanges=("10.0.9.128-10.0.10.9",)) == [TEXT_B.format(identity)]
    assert put(bench, RemoteIPRanges=("10.0.9.7",)) == []


def test_wildcard_against_specific(bench: Bench) -> None:
    """S1.32: partial overlap is refused; S1.33: equal ranges are not."""
    identity = other(bench, "10.0.9.0/24")

    assert put(bench, RemoteIPRanges=("10.0.9.128-10.0.10.9",)) == [TEXT_B.format(identity)]
    assert put(bench, RemoteIPRanges=("10.0.9.0/24",)) == []


def test_other_ports_and_servers_do_not_meet(bench: Bench) -> None:
    """S1.34: only connectors of the same server that meet are compared."""
    other(bench, "10.0.9.0/24", binding="0.0.0.0:26", role=TransportRole.HubTransport)
    bench.relay("EX16B", "10.0.9.0/24")

    assert put(bench, RemoteIPRanges=("10.0.9.0/24",)) == []
