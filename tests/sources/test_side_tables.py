"""Component states and rights: typed, each once, and what can't be told is unread."""

from __future__ import annotations

import pytest

from mailflow.snapshot import ComponentState, Right, Snapshot, Unread
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.row import Enumeration, Items, Reading, Row, Value
from mailflow.sources.tables import assemble
from support import needs_shared

RELAY = r"EX16A\Relay"
ANYBODY = r"NT AUTHORITY\ANONYMOUS LOGON"
ANY_RECIPIENT = "ms-Exch-SMTP-Accept-Any-Recipient"


def org_of(cmdlet: str, *objects: dict[str, Value]) -> Snapshot:
    """The snapshot of a capture of one cmdlet."""
    rows = [Row(cmdlet, one, f"x, object {n}") for n, one in enumerate(objects, 1)]
    return assemble(Reading(rows=rows, cmdlets={cmdlet}), origin="x")


def component(state: Value = None, **other: Value) -> dict[str, Value]:
    """HubTransport of EX16A, Active unless said otherwise."""
    active = Enumeration("Active", 1)
    return {
        "ServerFqdn": "ex16a.contoso.com",
        "Component": "HubTransport",
        "State": active if state is None else state,
    } | other


def right(**other: Value) -> dict[str, Value]:
    """Anybody may relay through EX16A's relay connector (section 2.6)."""
    return {
        "Identity": RELAY,
        "User": ANYBODY,
        "Deny": False,
        "ExtendedRights": Items((ANY_RECIPIENT,)),
    } | other


def told(org: Snapshot, cmdlet: str) -> list[Unread]:
    """The rows of unread about a cmdlet."""
    return [one for one in org.unread if one.what.startswith(cmdlet)]


@pytest.mark.parametrize("state", [Enumeration("Inactive", 0), "Inactive", 0, "0"])
def test_component_state(state: Value) -> None:
    """Text and number say the same; the server has its short name (section 6.2, S4.32)."""
    org = org_of("Get-ServerComponentState", component(state))

    assert org.components == (ComponentState("ex16a", "HubTransport", "Inactive"),)
    assert not told(org, "Get-ServerComponentState")


def test_components_that_disagree_are_unread() -> None:
    """Nobody knows which of two states is the later one."""
    org = org_of("Get-ServerComponentState", component(), component("Inactive"), component())

    assert org.components == ()
    (row,) = told(org, "Get-ServerComponentState")
    assert (row.server, row.why) == ("ex16a", "HubTransport: two exports contradict each other")


def test_component_of_nobody_is_unread() -> None:
    """A state without a server is no state of any."""
    org = org_of("Get-ServerComponentState", component(ServerFqdn=None))

    assert org.components == ()
    assert "does not say whose" in told(org, "Get-ServerComponentState")[0].why


def test_real_components_import() -> None:
    """Every component of a real 2016 server, with its state."""
    file = needs_shared("captures/component-state-2016.xml")
    org = assemble(read_clixml([file.read_bytes()], "x"), origin="x")

    states = {one.component: one.state for one in org.components}
    assert len(org.components) == 35
    assert states["HubTransport"] == states["FrontendTransport"] == "Active"
    assert states["ForwardSyncDaemon"] == "Inactive"


def test_rights() -> None:
    """Each extended right is a row; ordinary rights and doubles are none (section 3.3)."""
    both = Items((ANY_RECIPIENT, "ms-Exch-SMTP-Submit"))
    org = org_of(
        "Get-ADPermission",
        right(),
        right(ExtendedRights=both),
        right(ExtendedRights=None),
        right(User="CONTOSO\\Exchange Servers", Deny=True, ExtendedRights="ms-Exch-SMTP-Submit"),
    )

    assert org.rights == (
        Right("EX16A", "Relay", ANYBODY, ANY_RECIPIENT, deny=False),
        Right("EX16A", "Relay", ANYBODY, "ms-Exch-SMTP-Submit", deny=False),
        Right("EX16A", "Relay", "CONTOSO\\Exchange Servers", "ms-Exch-SMTP-Submit", deny=True),
    )
    assert not told(org, "Get-ADPermission")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Identity": "Relay"}, "of which connector"),
        ({"ExtendedRights": Items((ANY_RECIPIENT,), cut=True)}, "cuts the list"),
        ({"Deny": "perhaps"}, "neither True nor False"),
        ({"User": ""}, "empty"),
    ],
)
def test_rights_that_say_too_little_are_unread(change: dict[str, Value], why: str) -> None:
    """Never "none": what can't be told is told as such."""
    org = org_of("Get-ADPermission", right(**change))

    assert org.rights == ()
    assert why in told(org, "Get-ADPermission")[0].why


@pytest.mark.parametrize("name", ["Deny", "User", "ExtendedRights"])
def test_rights_without_a_column_are_unread(name: str) -> None:
    """A column that an export does not show is no value: nothing is granted or denied by it."""
    shown = right()
    del shown[name]
    org = org_of("Get-ADPermission", shown)

    assert org.rights == ()
    assert [f"does not contain {name}" in row.why for row in told(org, "Get-ADPermission")] == [
        True
    ]
