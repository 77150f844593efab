"""S3.43: the access list of the connector denies servers a right that they need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from check_cases import FRONT
from mailflow.snapshot import Right, Snapshot
from mailflow.views.findings import findings
from organisations import STUCK, healthy

ID = "rights-denied"
SUBMIT = "ms-Exch-SMTP-Submit"
SERVERS = r"CONTOSO\Exchange Servers"
KERBEROS = STUCK.replace(
    "451 5.7.3 Cannot achieve Exchange Server authentication",
    "454 4.7.0 Temporary authentication failure",
)
GROUPS = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"


def read(*rights: Right, groups: str = f"{GROUPS}, Custom", error: str = "") -> Snapshot:
    """The healthy organization with an access list, and perhaps a stuck queue."""
    org = healthy().change(FRONT, groups=groups)
    if error:
        org.add_queue("EX10A", 5, name="1", error=error)
    return replace(org.snapshot(), rights=rights)


def entry(user: str = SERVERS, right: str = SUBMIT, *, deny: bool = True) -> Right:
    """An entry of the access list of Default Frontend EX16A."""
    return Right("EX16A", "Default Frontend EX16A", user, right, deny)


def told(org: Snapshot) -> list[tuple[str, str]]:
    """Cause and state of each open finding."""
    return [
        (one.cause, one.state)
        for one in findings(org).findings
        if one.state in ("found", "unknown")
    ]


@pytest.mark.parametrize(
    ("rights", "open_ones"),
    [
        ((), 1),
        ((entry(),), 1),
        ((entry(r"MS Exchange\Hub Transport Servers"),), 1),
        ((entry(), entry(deny=False)), 1),
        ((entry(deny=False),), 0),
        ((entry(r"NT AUTHORITY\ANONYMOUS LOGON"),), 0),
        ((entry(r"CONTOSO\ExchangeLegacyInterop"),), 0),
        ((entry(right="ms-Exch-SMTP-Accept-Any-Recipient"),), 0),
    ],
)
def test_configuration_alone_leaves_it_open(rights: tuple[Right, ...], open_ones: int) -> None:
    """An inference is never found alone, and never clear (S3.43, S3.21)."""
    assert told(read(*rights)) == [(ID, "unknown")] * open_ones


def test_without_custom_nothing_is_beyond_the_groups() -> None:
    """S3.20; a denial that was read counts all the same."""
    assert told(read(groups=GROUPS)) == []
    assert told(read(entry(), groups=GROUPS)) == [(ID, "unknown")]


def test_what_was_not_read_is_named_with_its_command() -> None:
    """The rights are exported by Get-ADPermission."""
    (step,) = [each for each in findings(read()).next_steps if each.command]

    assert "Get-ADPermission" in step.command


def test_a_queue_that_waits_for_a_right_makes_it_found() -> None:
    """L2: 454 4.7.0; 5.7.3 says that the sender could not authenticate at all."""
    actual = findings(read(entry(), error=KERBEROS))

    assert told(read(entry(), error=KERBEROS)) == [(ID, "found")]
    assert actual.findings[0].queues == (r"EX10A\1",)
    assert (actual.repair, actual.no_repair) == ((), "")
    assert (ID, "unknown") in told(read(entry(), error=STUCK))
    assert (ID, "found") not in told(read(error=KERBEROS))


def test_another_repair_goes_on_beside_it() -> None:
    """A change of the relay does not touch the access list of another connector."""
    org = healthy().change(FRONT, groups=f"{GROUPS}, Custom")
    org.change(r"EX16A\Relay", ranges="10.0.0.11, 10.0.5.0/24").remove_server("EX10B")
    org.change(r"EX16A\Relay", groups="AnonymousUsers")
    whole = findings(replace(org.snapshot(), rights=(entry(deny=False),)))
    denied = findings(replace(org.snapshot(), rights=(entry(),)))

    assert len(whole.repair) == 1
    assert denied.repair == ()
    assert "denies Exchange servers" in denied.no_repair


def test_it_holds_up_no_repair_of_something_else() -> None:
    """What is denied on port 25 stays so, whatever is changed on port 2525."""
    org = healthy().change(FRONT, groups=f"{GROUPS}, Custom")
    hub = {"name": "App", "role": "HubTransport", "bindings": "0.0.0.0:2525"}
    org.add_relay("EX16A", "10.0.0.22", "10.0.9.9", **hub)
    org.add_queue("EX10A", 5, name="1", error=KERBEROS)
    actual = findings(replace(org.snapshot(), rights=(entry(),)))

    assert actual.repair == (r'Set-ReceiveConnector "EX16A\App" -RemoteIPRanges "10.0.9.9"',)
    assert (ID, "found") in [(one.cause, one.state) for one in actual.findings]
