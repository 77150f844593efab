"""What to look at next about a cause that an error alone tells."""

from __future__ import annotations

import pytest

from mailflow.views.findings import findings
from organisations import Organisation, healthy

FULL = "452 4.3.1 Insufficient system resources"


def advice(org: Organisation) -> list[str]:
    """The lines of the one finding that is told of a stuck queue."""
    (found,) = [one for one in findings(org.snapshot()).findings if one.queues]
    return found.remedy.split("\n")


@pytest.mark.parametrize(
    ("to", "named"),
    [
        ("EX16A", ["EX16A"]),
        ("EX16A, EX16B", ["EX16A", "EX16B"]),
        ("EX10B, EX16A, EX16B", ["<target>"]),
    ],
)
def test_a_command_names_each_server_that_the_queue_may_go_to(to: str, named: list[str]) -> None:
    """Contract, section 9: what the export tells is filled in; of many servers none is picked."""
    org = healthy().add_queue("EX10A", 7, error=FULL, to=to, delivery_type="SmtpRelayToServers")
    lines = [one for one in advice(org) if one.startswith("Get-ExchangeDiagnosticInfo")]

    assert [one.split()[2] for one in lines] == named
    assert not [one for one in advice(org) if "{" in one.partition("@{")[0]]


@pytest.mark.parametrize(
    "error",
    [
        "550 5.7.64 TenantAttribution; Relay Access Denied",
        "450 4.7.230 Connecting Exchange server version is out-of-date",
        "451 5.7.3 STARTTLS is required to send mail",
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_what_the_cloud_says_points_to_the_send_connector(error: str, known: bool) -> None:
    """S9.22: the one that carries the queue, by name; else a place to fill in."""
    org = healthy().add_queue(
        "EX16A", 7, error=error, to="contoso.mail.example", delivery_type="DnsConnectorDelivery"
    )
    if known:
        org.add_send_connector("To the cloud", "EX16A")
    named = '"To the cloud"' if known else '"<send_connector>"'
    [found] = [one for one in findings(org.snapshot()).findings if one.queues]

    assert [line for line in advice(org) if line.startswith(f"Get-SendConnector {named} |")]
    assert ("Send connector: To the cloud." in found.reading) is known
