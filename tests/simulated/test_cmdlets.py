"""The cmdlets exist for whom they should, and read what they should."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from mailflow.simulated.cmdlets import CMDLETS
from mailflow.simulated.objects import WHOLE_SERVER
from mailflow.simulated.organisation import BUILDS, EXCHANGE_SERVERS, SUBMIT, AccessEntry, Account
from mailflow.sources.shell import ALLOWED, Argument
from practice_bench import ADMIN, NOW, VIEWER, Bench, column, said

RELAY = r"EX16A\Relay"
SERVER_MANAGER = Account("x", frozenset({"Server Management"}))
HYGIENE = Account("x", frozenset({"Hygiene Management"}))


@pytest.fixture
def bench() -> Bench:
    """An organisation in order."""
    return Bench()


# -- What there is, and for whom -------------------------------------------------------------------


def test_an_unknown_cmdlet_is_not_recognized(bench: Bench) -> None:
    """In PowerShell's words, under its id (S10.30)."""
    reply = bench.run("Get-Nothing")

    assert reply.fault is not None
    assert reply.fault.kind == "no-such-cmdlet"
    assert reply.fault.id == "CommandNotFoundException"
    assert "'Get-Nothing' is not recognized as the name of a cmdlet" in reply.fault.message


def test_an_unknown_parameter_is_not_found(bench: Bench) -> None:
    """Under the id that names the cmdlet (S10.30)."""
    reply = bench.run("Get-Queue", Nothing="x")

    assert reply.fault is not None
    assert reply.fault.kind == "no-such-parameter"
    assert reply.fault.id == "NamedParameterNotFound,Get-Queue"
    assert "parameter name 'Nothing'" in reply.fault.message


def test_names_are_taken_in_any_case(bench: Bench) -> None:
    """As PowerShell does."""
    assert bench.run("get-queue", server="EX16A").fault is None
    assert bench.run("GET-receiveconnector", IDENTITY=RELAY).rows


def test_every_allowed_call_is_known(bench: Bench) -> None:
    """Whatever may leave our side exists over there, with its parameters (section 8)."""
    session = bench.session()
    for name, parameters in ALLOWED.items():
        assert session.has(name)
        assert parameters <= set(CMDLETS[name].parameters)


def test_a_viewer_lacks_what_writes(bench: Bench) -> None:
    """It does not exist for the account, save Retry-Queue (section 8.8)."""
    session = bench.session(account=VIEWER)
    lacking = {name for name in CMDLETS if not session.has(name)}

    assert lacking == {"Set-ReceiveConnector"}
    fault = bench.run("Set-ReceiveConnector", account=VIEWER, Identity=RELAY).fault
    assert fault is not None
    assert fault.kind == "no-such-cmdlet"


@pytest.mark.parametrize(
    ("account", "has", "lacks"),
    [
        (SERVER_MANAGER, {"Set-ReceiveConnector", "Retry-Queue", "Get-Queue"}, "Get-ADPermission"),
        (HYGIENE, {"Set-ReceiveConnector", "Get-ReceiveConnector"}, ""),
        (ADMIN, set(CMDLETS), ""),
        (None, set(CMDLETS), ""),
        (Account("x", frozenset()), set(), "Get-Queue"),
        (Account("x", frozenset({"Help Desk"})), set(), "Get-Queue"),
    ],
)
def test_role_groups_decide(
    bench: Bench, account: Account | None, has: set[str], lacks: str
) -> None:
    """By the roles that the groups hold (section 8.8); without an account nothing is withheld."""
    session = bench.session(account=account)

    assert all(map(session.has, has))
    assert not lacks or not session.has(lacks)


def test_older_shells_lack_what_came_later(bench: Bench) -> None:
    """Get-TransportService and component states came with 2013; -Include too (S8.53)."""
    old, new = bench.session("EX10A"), bench.session("EX16A")

    assert not old.has("Get-TransportService")
    assert not old.has("Get-ServerComponentState")
    assert old.has("Get-TransportServer")
    assert new.has("Get-TransportServer")
    fault = bench.run("Get-Queue", server="EX10A", Include="Empty").fault
    assert fault is not None
    assert fault.kind == "no-such-parameter"


def test_there_are_no_roles_on_2007_and_edge(bench: Bench) -> None:
    """RBAC came with 2010; an Edge server is no member of the domain (S8.25)."""
    bench.organisation.install("EX07", BUILDS["2007"], ["10.0.0.7"], site="x")
    nobody = Account("x", frozenset())

    assert bench.session("EX07", nobody).has("Set-ReceiveConnector")
    assert bench.session("EDGE1", nobody).has("Set-ReceiveConnector")
    assert not bench.session("EX10A", nobody).has("Set-ReceiveConnector")


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "identifier"),
    [
        ("Get-Queue", {"Identity": "1", "Server": "EX16A"}, "AmbiguousParameterSet,Get-Queue"),
        ("Get-Queue", {"Identity": "1", "Filter": "x"}, "AmbiguousParameterSet,Get-Queue"),
        ("Get-Queue", {"Server": ("A", "B")}, "CannotConvertArgument,Get-Queue"),
        ("Get-Queue", {"ResultSize": "many"}, "ParameterArgumentTransformationError,Get-Queue"),
        ("Get-ADPermission", {}, "MissingMandatoryParameter,Get-ADPermission"),
        ("Retry-Queue", {}, "MissingMandatoryParameter,Retry-Queue"),
        ("Retry-Queue", {"Identity": "1", "Server": "A"}, "AmbiguousParameterSet,Retry-Queue"),
        ("Retry-Queue", {"Identity": "1", "Resubmit": "x"}, "CannotConvertArgument,Retry-Queue"),
        ("Set-ReceiveConnector", {}, "MissingMandatoryParameter,Set-ReceiveConnector"),
    ],
)
def test_powershell_binds_no_wrong_parameters(
    bench: Bench, cmdlet: str, parameters: Mapping[str, Argument], identifier: str
) -> None:
    """Parameters of two sets, of the wrong type, or missing end the call (S8.51, S8.70)."""
    reply = bench.run(cmdlet, **parameters)

    assert reply.fault is not None
    assert reply.fault.id == identifier
    assert reply.fault.kind == "failed"
    assert not reply.rows


# -- Reading connectors ----------------------------------------------------------------------------


def test_connectors_of_the_organisation(bench: Bench) -> None:
    """All of it, from any server; from inside none of Edge (S8.25)."""
    everything = column(bench.run("Get-ReceiveConnector"))

    assert len(everything) == 2 * 2 + 2 * 6
    assert not any(one.startswith("EDGE1") for one in everything)
    assert column(bench.run("Get-ReceiveConnector", server="EDGE1")) == [
        r"EDGE1\Default internal receive connector EDGE1"
    ]


def test_connectors_of_a_server_or_by_name(bench: Bench) -> None:
    """-Server and -Identity in its forms."""
    dn = bench.run("Get-ReceiveConnector", Identity=RELAY).rows[0].values["DistinguishedName"]

    assert len(bench.run("Get-ReceiveConnector", Server="ex10a").rows) == 2
    assert column(bench.run("Get-ReceiveConnector", Identity=r"ex16a\relay")) == [RELAY]
    assert column(bench.run("Get-ReceiveConnector", Identity=str(dn))) == [RELAY]
    assert column(bench.run("Get-ReceiveConnector", Identity="Relay")) == [
        RELAY,
        r"EX16B\Relay",
    ]
    assert bench.run("Get-ReceiveConnector", Identity=RELAY, Server="EX16A").fault is not None
    assert said(bench.run("Get-ReceiveConnector", Identity=r"EX16A\Gone")) == [
        r'The Receive connector "EX16A\Gone" wasn' + "'t found."
    ]


def test_groups_are_computed_from_the_rights(bench: Bench) -> None:
    """Further entries add Custom (S3.20)."""
    bench.organisation.access[RELAY.casefold()] = [
        AccessEntry(EXCHANGE_SERVERS, (SUBMIT,), deny=True)
    ]
    reply = bench.run("Get-ReceiveConnector", Identity=RELAY)

    assert column(reply, "PermissionGroups") == ["AnonymousUsers, Custom"]


def test_rights_of_a_connector(bench: Bench) -> None:
    """Those of its groups and the further ones (S3.21)."""
    bench.organisation.access[RELAY.casefold()] = [
        AccessEntry(EXCHANGE_SERVERS, (SUBMIT,), deny=True)
    ]
    reply = bench.run("Get-ADPermission", Identity=RELAY)

    assert set(column(reply)) == {RELAY}
    assert column(reply, "User")[0] == EXCHANGE_SERVERS
    assert [row.values["Deny"] for row in reply.rows] == [True, False, False, False, False]
    assert "wasn't found" in said(bench.run("Get-ADPermission", Identity=r"EX16A\Gone"))[0]


def test_each_controller_shows_what_it_has_heard_of(bench: Bench) -> None:
    """A change takes a while from one to the other (S8.66)."""
    done = bench.run("Set-ReceiveConnector", Identity=RELAY, Enabled=False, DomainController="dc2")

    def enabled(controller: str) -> list[str]:
        return column(
            bench.run("Get-ReceiveConnector", Identity=RELAY, DomainController=controller),
            "Enabled",
        )

    assert not said(done)
    assert enabled("dc2") == ["False"]
    assert enabled("dc1.contoso.example") == ["True"]
    bench.clock.set_to(NOW + timedelta(minutes=1))
    assert enabled("dc1") == ["False"]
    assert "dc9" in said(bench.run("Get-ReceiveConnector", DomainController="dc9"))[0]


# -- Servers ---------------------------------------------------------------------------------------


def test_servers_and_their_settings(bench: Bench) -> None:
    """Get-ExchangeServer lists all, Get-TransportService those with transport (S8.54)."""
    bench.organisation.install("CAS", BUILDS["2013"], ["10.0.0.9"], site="x", roles="ClientAccess")
    bench.server("EX16B").downgraded_auth = True
    everything = ["EX10A", "EX10B", "EX16A", "EX16B", "EDGE1", "CAS"]

    assert column(bench.run("Get-ExchangeServer")) == everything
    assert column(bench.run("Get-ExchangeServer", Identity="ex16b")) == ["EX16B"]
    reply = bench.run("Get-TransportService")
    assert column(reply) == everything[:-1]
    assert column(reply, "UseDowngradedExchangeServerAuth")[2:4] == ["False", "True"]


def test_adapters_of_a_server(bench: Bench) -> None:
    """The host's where none is named; WMI needs RPC (section 9)."""
    bench.server("EX16B").rpc = False

    assert "10.0.0.21" in repr(bench.run("Get-NetworkConnectionInfo").rows[0].values)
    assert said(bench.run("Get-NetworkConnectionInfo", Identity="EX16B"))[0].startswith(
        "Could not read network adapter information. Error: "
    )
    assert bench.run("Get-NetworkConnectionInfo", server="EX16B").rows


def test_component_states(bench: Bench) -> None:
    """Inactive alone, or with the whole server; 2010 has none."""

    def states(server: str, *names: str) -> dict[str, str]:
        reply = bench.run("Get-ServerComponentState", Identity=server, Component=names)
        return dict(zip(column(reply, "Component"), column(reply, "State"), strict=True))

    bench.server("EX16A").inactive = {"HubTransport"}
    bench.server("EX16B").inactive = {WHOLE_SERVER}

    assert states("EX16A", "HubTransport") == {"HubTransport": "Inactive"}
    assert states("EX16A")["FrontendTransport"] == "Active"
    assert states("EX16B")["HubTransport"] == "Inactive"
    assert states("EX16B")["Monitoring"] == "Active"
    assert states("EX10A") == {}
    edge = bench.run("Get-ServerComponentState", server="EDGE1", Identity="EDGE1")
    assert "EdgeTransport" in column(edge, "Component")
