"""The way to a twin: after the commands B treats hosts as A does, or what is left is named."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.analysis import analyze
from mailflow.exchange.connectors import (
    LIMITS,
    PermissionGroups,
    parse_binding,
)
from mailflow.exchange.ranges import parse_address
from mailflow.repair.twin_plan import TwinPlan, plan_twin
from mailflow.repair.twin_targets import TwinSide
from mailflow.snapshot import Right, Snapshot
from organisations import E2016, E2019, Organisation, healthy
from twin_model import boundaries, servers, treated, verdict

A, B = "EX16A", "EX16B"
LIMITED = tuple((name, "User" if kind == "name" else "600") for name, kind in LIMITS.items())
ANONYMOUS = r"NT AUTHORITY\ANONYMOUS LOGON"
ANY = "ms-Exch-SMTP-Accept-Any-Recipient"


def limited(org: Organisation) -> Organisation:
    """The organization with all limits and logging read, and no rights beyond the groups."""
    org.connectors = [
        replace(
            each,
            limits=LIMITED,
            protocol_logging=each.protocol_logging or "None",
            groups=(each.groups or PermissionGroups(0)) & ~PermissionGroups.Custom,
        )
        for each in org.connectors
    ]
    return org


def planned(org: Snapshot, a: str = A, b: str = B, moving: str = "") -> TwinPlan:
    """The way from A to B in one organization."""
    mine, theirs = analyze(org).server(a), analyze(org).server(b)
    assert mine
    assert theirs
    address = parse_address(moving) if moving else None
    return plan_twin(TwinSide(org, mine), TwinSide(org, theirs), address)


def test_a_missing_relay_is_created() -> None:
    """Whole list, role of the port, authentication and group; proven alike after it."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    plan = planned(org.snapshot())

    assert [step.connector for step in plan.steps] == [rf"{B}\Relay"]
    (command,) = plan.commands
    assert command.startswith(
        f'New-ReceiveConnector -Name "Relay" -Server "{B}" -Custom -TransportRole FrontendTransport'
        ' -Bindings "0.0.0.0:25" -RemoteIPRanges "10.0.5.0/24"'
    )
    assert "-ConnectionTimeout 00:10:00" in command
    assert plan.rollback == (rf'Remove-ReceiveConnector "{B}\Relay"',)
    assert plan.left.alike is True


def test_alike_needs_nothing() -> None:
    """No command where nothing differs, also under another name."""
    org = limited(healthy())
    org.connectors = [
        replace(each, name="From scanners") if each.identity == rf"{B}\Relay" else each
        for each in org.connectors
    ]

    plan = planned(org.snapshot())

    assert (plan.steps, plan.refused, plan.left.alike) == ((), (), True)


def test_a_list_that_differs_is_set_whole() -> None:
    """With the old list as rollback (S8.60)."""
    org = limited(healthy())
    org.change(rf"{B}\Relay", ranges=["10.0.5.0/25"])
    plan = planned(org.snapshot())

    assert plan.commands == (rf'Set-ReceiveConnector "{B}\Relay" -RemoteIPRanges "10.0.5.0/24"',)
    assert plan.rollback == (rf'Set-ReceiveConnector "{B}\Relay" -RemoteIPRanges "10.0.5.0/25"',)
    assert plan.left.alike is True


def test_a_connector_of_b_alone_is_disabled() -> None:
    """Where it accepts hosts that A treats otherwise."""
    org = limited(healthy().add_relay(B, "10.0.9.0/24", name="Printers"))
    plan = planned(org.snapshot())

    assert plan.commands == (rf'Set-ReceiveConnector "{B}\Printers" -Enabled $false',)
    assert plan.left.alike is True


def test_rights_go_along_before_it_is_enabled() -> None:
    """Anonymous relay is an entry of its own (section 2.6); nobody meets a half-made connector."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    org.change(rf"{A}\Relay", groups="AnonymousUsers, Custom")
    rights = tuple(
        Right(A, "Relay", ANONYMOUS, right, deny=False) for right in ("ms-Exch-SMTP-Submit", ANY)
    )
    plan = planned(replace(org.snapshot(), rights=rights))

    first, second, third = plan.commands
    assert "-PermissionGroups AnonymousUsers " in first
    assert "-Enabled $false" in first
    assert second == (rf'Add-ADPermission "{B}\Relay" -User "{ANONYMOUS}" -ExtendedRights "{ANY}"')
    assert third == rf'Set-ReceiveConnector "{B}\Relay" -Enabled $true'
    assert plan.left.alike is True


def test_rights_that_were_not_read_are_not_written() -> None:
    """Custom without the access list: said, and never alike (S3.21)."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    org.change(rf"{A}\Relay", groups="AnonymousUsers, Custom")
    plan = planned(org.snapshot())

    assert "Get-ADPermission" in " ".join(plan.refused)
    assert "Add-ADPermission" not in " ".join(plan.commands)
    assert plan.left.alike is None


def test_a_list_that_was_cut_is_not_brought_over() -> None:
    """A value that was not read is never written."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    org.change(rf"{A}\Relay", ranges_complete=False)
    plan = planned(org.snapshot())

    assert plan.commands == ()
    assert "RemoteIPRanges missing, or not complete" in plan.refused[0]
    assert plan.left.alike is not True


def test_nothing_is_made_beside_connectors_that_were_not_read() -> None:
    """Of B a custom connector alone was exported: the relay may be there already (S1.38)."""
    org = limited(healthy().remove(rf"{B}\Relay").add_relay(B, "10.0.9.0/24", name="Printers"))
    org.connectors = [
        each for each in org.connectors if each.server != B or each.name == "Printers"
    ]
    plan = planned(org.snapshot())

    assert plan.commands == ()
    assert "Nothing is proposed" in plan.refused[0]
    assert "Get-ReceiveConnector -Server EX16B" in plan.refused[0]


def test_exchange_servers_stay_out_of_b() -> None:
    """A's list contains a sender: on B its mail would stop (S1.13, S3.30)."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    org.change(rf"{A}\Relay", ranges=["10.0.0.11", "10.0.5.0/24"])
    plan = planned(org.snapshot())

    assert '-RemoteIPRanges "10.0.5.0/24"' in plan.commands[0]
    assert "10.0.0.11" in plan.kept[0]
    assert [str(block.block.size) for block in plan.left.blocks] == ["1"]


def test_what_servers_need_of_the_default_connector_stays() -> None:
    """A lost ExchangeServers; B keeps it and takes the rest (S3.30)."""
    org = limited(healthy())
    org.change(rf"{A}\Default Frontend {A}", groups=PermissionGroups.ExchangeLegacyServers)
    plan = planned(org.snapshot())
    (found,) = [
        each for each in plan.result.connectors if each.identity == rf"{B}\Default Frontend {B}"
    ]

    assert found.groups == (
        PermissionGroups.ExchangeServers | PermissionGroups.ExchangeLegacyServers
    )


def test_a_specific_address_becomes_b_s_own() -> None:
    """A's address in a binding is B's on B (S1.04)."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    org.change(rf"{A}\Relay", bindings=tuple(map(parse_binding, ["10.0.0.21:25"])))
    plan = planned(org.snapshot())

    assert '-Bindings "10.0.0.22:25"' in plan.commands[0]
    assert plan.left.alike is True


def test_an_address_that_moves_stays_in_the_binding() -> None:
    """It is B's own then."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    org.change(rf"{A}\Relay", bindings=tuple(map(parse_binding, ["10.0.0.21:25"])))
    plan = planned(org.snapshot(), moving="10.0.0.21")

    assert '-Bindings "10.0.0.21:25"' in plan.commands[0]
    assert plan.left.alike is True


def test_a_hostile_name_gives_no_command() -> None:
    """A name with a control character cannot be quoted."""
    org = limited(healthy().remove(rf"{B}\Relay"))
    org.add_relay(A, "10.0.9.0/24", name="x\u202ey")
    plan = planned(org.snapshot())

    assert all("\u202e" not in line for line in plan.commands)
    assert "cannot be quoted in a command" in " ".join(plan.refused)


@given(data=st.data())
def test_after_the_commands_none_is_left_or_it_is_named(data: st.DataObject) -> None:
    """Random pairs: what differs on paper afterwards is told by the plan, and by the slow model."""
    mine = data.draw(servers("EX16A", unread=False))
    theirs = data.draw(servers("EX16B", unread=False))
    org = Organisation()
    org.add_server("EX16A", E2016, defaults=False).add_server("EX16B", E2019, defaults=False)
    org.connectors = [*mine, *theirs]
    plan = planned(org.snapshot())
    then = [each for each in plan.result.connectors if each.server == "EX16B"]
    differs = False
    for endpoint in plan.left.endpoints:
        for remote in boundaries(endpoint.family, mine, theirs, then):
            found = verdict(treated(mine, endpoint.a, remote), treated(then, endpoint.b, remote))
            differs |= found == "differs"

    if plan.left.alike is True:
        assert not differs
    elif differs:
        assert plan.refused
