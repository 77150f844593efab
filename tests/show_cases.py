"""Results to show: the article's case and hostile ones, made by hand."""

from __future__ import annotations

import ipaddress

import pandas as pd

from mailflow.picture import Lane, Pin, Ruler, Span, Tone
from mailflow.snapshot import Unread
from mailflow.table import Table
from mailflow.views.verdict import Diagnosis, FindingRecord, NextStep, StuckRecord

HOSTILE = (
    '<script>document.title="owned"</script><img src=x onerror="document.title=1">\x1b[31m\u202e'
)


def found() -> Diagnosis:
    """The article's case: on both targets a relay connector answers."""
    entries = tuple(
        FindingRecord(
            cause="custom-connector-shadows-default",
            state="found",
            server=server,
            connector=f"{server}\\Relay",
            senders=("EX10A", "EX10B"),
            addresses=("10.0.0.11", "10.0.0.12"),
            queues=("EX10A\\1187", "EX10B\\902"),
            reading="Relay answers.",
            remedy="Take 10.0.0.11 and 10.0.0.12 off both Relay connectors.",
        )
        for server in ("EX16A", "EX16B")
    )
    return Diagnosis(
        verdict="found",
        headline="Mail from EX10A and EX10B does not reach EX16A and EX16B",
        summary=(
            "On EX16A and EX16B the connector Relay accepts the Exchange 2010 servers instead of "
            "Default Frontend: it lists 10.0.0.11, 10.0.0.12 and offers no Exchange Server "
            "authentication."
        ),
        findings=entries,
        stuck=StuckRecord(
            messages=214,
            queues=2,
            since="2026-11-23T11:48:00+00:00",
            as_of="2026-11-23T14:02:00+00:00",
            expires="2026-11-25T11:48:00+00:00",
            next_retry="2026-11-23T14:09:00+00:00",
        ),
        origin="demo:article",
        repair=(
            'Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges "10.0.5.0/24"',
            'Set-ReceiveConnector "EX16B\\Relay" -RemoteIPRanges "10.0.5.0/24"',
            'Retry-Queue -Identity "EX10A\\1187"',
            'Retry-Queue -Identity "EX10B\\902"',
        ),
        undo=(
            (
                'Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges '
                '"10.0.0.11","10.0.0.12","10.0.5.0/24"'
            ),
        ),
    )


def unknown() -> Diagnosis:
    """A server did not answer: nothing can be decided."""
    return Diagnosis(
        verdict="unknown",
        headline="It is not known why mail from EX10A does not reach EX16B",
        summary="EX16B did not give its receive connectors; which one answers is not known.",
        findings=(
            FindingRecord(
                cause="outside-the-connectors",
                state="unknown",
                server="EX16B",
                reading="The connectors of EX16B were not read.",
                remedy="Run Get-ReceiveConnector -Server EX16B and read it again.",
            ),
        ),
        unread=(Unread("EX16B", "Get-ReceiveConnector", "timed out after 30 s"),),
        stuck=StuckRecord(messages=None, queues=1),
        next_steps=(NextStep("Export in full:", "Get-ReceiveConnector -Server EX16B"),),
    )


def clear() -> Diagnosis:
    """Everything was read and nothing is wrong."""
    return Diagnosis(
        verdict="clear",
        headline="No queue is stuck between Exchange servers",
        summary="All four servers were read; every sender reaches a connector that takes it.",
        findings=(),
        taken="2026-11-23T14:02:00+00:00",
    )


def span(text: str) -> Span:
    """A range written as CIDR or as one address."""
    network = ipaddress.ip_network(text)
    first, last = network[0], network[-1]
    return Span(str(first), str(last), int(first), int(last))


def pin(label: str, address: str, tone: Tone, answered_by: str | None = None) -> Pin:
    """A server over its address."""
    return Pin(label, address, int(ipaddress.ip_address(address)), tone, answered_by)


def ruler() -> Ruler:
    """The article's ruler."""
    return Ruler(
        "EX16A",
        25,
        (
            Lane("Default Frontend EX16A", "ExchangeServer auth", "good", (span("0.0.0.0/0"),)),
            Lane(
                "Relay",
                "no ExchangeServer auth",
                "bad",
                (span("10.0.0.11"), span("10.0.0.12"), span("10.0.5.0/24")),
            ),
        ),
        (
            pin("EX10A", "10.0.0.11", "bad"),
            pin("EX10B", "10.0.0.12", "bad"),
            pin("EX16A", "10.0.0.21", "good"),
            pin("EX16B", "10.0.0.22", "good"),
        ),
    )


def queues() -> Table:
    """The article's first step."""
    frame = pd.DataFrame(
        {
            "queue": ["EX10A\\1187", "EX10B\\902"],
            "hop": ["SmtpRelayWithinAdSite"] * 2,
            "status": ["Retry", "Retry"],
            "messages": pd.array([131, None], dtype="Int64"),
        }
    )
    return Table(
        "non_empty_queues",
        frame,
        "Two of four non-empty queues are stuck.",
        {
            "queue": ("Queue", "Server and number, as commands take it."),
            "hop": ("Next hop", "What kind of place the messages want to go to."),
            "status": ("Status", "Retry: the last attempt failed."),
            "messages": ("Messages", "How many wait."),
        },
        "Both stuck queues are on Exchange 2010 servers and want to go to Exchange 2016.",
        {(0, "status"): "bad", (1, "status"): "bad"},
        bars=("messages",),
    )
