"""Which queues are stuck, and where their messages were going."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mailflow.analysis.analysis import analyze
from mailflow.analysis.queues import QueueCase, as_of, holds, is_stuck
from mailflow.snapshot import ComponentState
from organisations import STUCK, STUCK_2016, Organisation, article, healthy


def stuck(org: Organisation, min_messages: int = 1) -> list[str]:
    """The identities of the stuck queues."""
    cases = analyze(org.snapshot()).stuck(min_messages)
    return [case.queue.identity for case in cases]


def only(org: Organisation, *components: ComponentState) -> QueueCase:
    """The one stuck queue."""
    (case,) = analyze(replace(org.snapshot(), components=components)).stuck()
    return case


STATES: list[tuple[dict[str, Any], bool]] = [
    ({"status": "Retry"}, True),
    ({"status": "Ready", "retry_count": 4}, False),
    ({"status": "Ready", "retry_count": 5}, True),
    ({"status": "Ready", "retry_count": None}, False),
    ({"status": "Active"}, False),
    ({"status": "Connecting", "retry_count": 4}, False),
    ({"status": "Connecting", "retry_count": 5}, True),
    ({"status": "Suspended"}, False),
    ({"status": "Ready", "delivery_type": "Unreachable"}, True),
    ({"status": "Suspended", "delivery_type": "Unreachable"}, False),
    ({"status": "Retry", "delivery_type": "ShadowRedundancy", "name": r"Shadow\9"}, False),
    ({"status": "Retry", "name": "Poison", "delivery_type": "Undefined"}, False),
]


@pytest.mark.parametrize(("values", "expected"), STATES)
def test_what_is_stuck(values: dict[str, Any], *, expected: bool) -> None:
    """Contract 8.4, S4.42 to S4.44: Retry, or no next hop at all; never shadow and poison."""
    org = healthy().add_queue("EX10A", 5, **{"name": "7", "error": STUCK, **values})

    assert is_stuck(org.queues[-1]) == expected
    assert (len(stuck(org)) == 1) == expected


@pytest.mark.parametrize(
    ("messages", "least", "expected"), [(5, 5, True), (4, 5, False), (None, 5, True), (0, 1, False)]
)
def test_how_many_messages(messages: int | None, least: int, *, expected: bool) -> None:
    """A count that was not read may be anything."""
    org = healthy().add_queue("EX10A", 5, error=STUCK, message_count=messages)

    assert holds(org.queues[-1], least) == expected
    assert is_stuck(org.queues[-1], least) == expected


def test_where_a_queue_leads() -> None:
    """Section 4.2: its server, the servers that its next hop may mean, and what its error says."""
    case = only(article().remove(r"EX10B\902"))

    assert case.sender is not None
    assert case.sender.name == "EX10A"
    assert {one.name for one in case.targets} == {"EX10B", "EX16A", "EX16B"}
    assert (case.is_exchange_auth, case.is_empty, case.is_unreachable) == (True, False, False)
    assert case.named is None


def test_the_server_that_an_error_names() -> None:
    """S6.09: by its name; by its address where one server alone has it."""
    text = STUCK_2016.format(fqdn="ex16b.contoso.com", ip="10.0.0.22")
    by_name = healthy().add_queue("EX16A", 5, error=text)
    by_ip = healthy().add_queue("EX16A", 5, error=text.replace("ex16b.contoso.com", ""))
    both = by_ip.copy().set_addresses("EX16A", "10.0.0.21", "10.0.0.22")

    assert [one.named.name if one.named else None for one in map(only, (by_name, by_ip))] == [
        "EX16B",
        "EX16B",
    ]
    assert only(both).named is None


def test_an_empty_error() -> None:
    """Section 6.3, point 7: it may be anything; of the unreachable queue it is what it is."""
    retry = healthy().add_queue("EX10A", 5, error=" ", status="Retry")
    nowhere = healthy().add_queue(
        "EX16A", 5, name="Unreachable", delivery_type="Unreachable", status="Ready"
    )

    assert (only(retry).is_empty, only(retry).is_unreachable) == (True, False)
    assert (only(nowhere).is_empty, only(nowhere).is_unreachable) == (True, True)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([("EX16B", "HubTransport", "Inactive")], ["EX16B"]),
        ([("EX16B", "HubTransport", "Draining")], ["EX16B"]),
        ([("EX16B", "HubTransport", "Active")], []),
        ([("EX16B", "OwaProxy", "Inactive")], []),
        ([("EX16A", "HubTransport", "Inactive")], []),
    ],
)
def test_components_that_keep_mail_out(
    states: list[tuple[str, str, str]], expected: list[str]
) -> None:
    """Section 6.2: of the server that the error names, and of those that carry mail."""
    text = STUCK_2016.format(fqdn="ex16b.contoso.com", ip="10.0.0.22")
    org = healthy().add_queue("EX16A", 5, error=text)
    case = only(org, *(ComponentState(*one) for one in states))

    assert [one.server for one in case.inactive] == expected


def test_a_target_with_all_active_would_have_taken_the_mail() -> None:
    """Then the inactive one of the other target explains nothing."""
    org = article().remove(r"EX10B\902")
    names = ["EX10B", "EX16A", "EX16B"]
    off = [ComponentState(name, "HubTransport", "Inactive") for name in names]

    assert only(org, *off[:2]).inactive == ()
    assert [one.server for one in only(org, *off).inactive] == names


def test_queues_of_a_limited_run() -> None:
    """Those on servers that it covers, and those that lead to one of them."""
    hop = {"delivery_type": "SmtpRelayToServers", "to": "ex16a.contoso.com"}
    org = article().add_queue("EX16B", 1, name="3", error=STUCK, **hop)
    covered = analyze(org.snapshot().limited_to(["EX10B"])).queues

    assert {r"EX10A\1187", r"EX10B\902"} <= {one.identity for one in covered}
    assert {one.server for one in covered} == {"EX10A", "EX10B"}


def test_the_latest_moment_that_was_seen() -> None:
    """When the snapshot was taken, else the last retry in it; nothing where there is neither."""
    read = article().snapshot()
    taken = datetime(2026, 11, 23, 15, tzinfo=UTC)
    seen = as_of(read)

    assert seen == max(
        one.last_retry.instant for one in read.queues if one.last_retry and one.last_retry.instant
    )
    assert as_of(replace(read, taken=taken)) == taken
    assert as_of(replace(read, queues=())) is None
