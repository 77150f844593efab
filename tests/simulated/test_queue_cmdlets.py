"""Get-Queue, Get-Message, Retry-Queue: scope, limits, refusals (sections 8.5 and 8.7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.ranges import parse_range
from mailflow.simulated.filters import QUEUE_FILTERS, FilterError, parse_filter
from mailflow.simulated.organisation import (
    BUILDS,
    Message,
    PracticeQueue,
)
from practice_bench import NOW, VIEWER, Bench, column, said, shown

RELAY = r"EX16A\Relay"


@pytest.fixture
def bench() -> Bench:
    """An organisation in order."""
    return Bench()


# -- Get-Queue -------------------------------------------------------------------------------------


def test_without_a_server_it_is_the_sessions(bench: Bench) -> None:
    """The server that hosts the session, not all (S8.50)."""
    bench.stuck("EX10A")
    bench.stuck("EX10B")

    assert column(bench.run("Get-Queue", server="EX10A")) == [r"EX10A\Submission", r"EX10A\1187"]
    assert column(bench.run("Get-Queue", server="EX16A")) == [r"EX16A\Submission"]


def test_another_server_is_asked_by_name(bench: Bench) -> None:
    """Short or full, in any case (S4.32)."""
    bench.stuck("EX10A")
    for name in ("EX10A", "ex10a", "ex10a.contoso.example"):
        assert r"EX10A\1187" in column(bench.run("Get-Queue", Server=name))


def test_the_thousandth_queue_is_the_last(bench: Bench) -> None:
    """Silently, unless ResultSize says otherwise (S8.52)."""
    for number in range(1100):
        bench.queue("EX16A", str(number), count=0)
    cut = bench.run("Get-Queue")

    assert len(cut.rows) == 1000
    assert not cut.warnings
    assert not cut.errors
    assert len(bench.run("Get-Queue", ResultSize="Unlimited").rows) == 1101
    assert len(bench.run("Get-Queue", ResultSize="5").rows) == 5
    assert len(bench.run("Get-Queue", ResultSize=7).rows) == 7


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (r"EX10A\1187", [r"EX10A\1187"]),
        (r"ex10a.contoso.example\1187", [r"EX10A\1187"]),
        (r"EX10A\hub version 15", [r"EX10A\1187", r"EX10A\1190"]),
        ("1187", [r"EX10A\1187"]),
        ("submission", [r"EX10A\Submission"]),
        (r"EX10A\Shadow\7", [r"EX10A\Shadow\7"]),
        (r"Shadow\7", [r"EX10A\Shadow\7"]),
        ("*", [r"EX10A\Submission", r"EX10A\1187", r"EX10A\1190", r"EX10A\Shadow\7"]),
        (r"EX16A\*", [r"EX16A\Submission"]),
    ],
)
def test_identities_have_many_forms(bench: Bench, identity: str, expected: list[str]) -> None:
    """By number, name or next hop, with and without the server (section 4.3)."""
    bench.stuck("EX10A")
    bench.queue("EX10A", "1190")
    bench.queue("EX10A", r"Shadow\7", delivery_type="ShadowRedundancy", next_hop="ex10b")

    assert column(bench.run("Get-Queue", server="EX10A", Identity=identity)) == expected


def test_a_queue_that_is_not_there(bench: Bench) -> None:
    """An error record with the identity as asked (S8.75)."""
    reply = bench.run("Get-Queue", Identity=r"EX10A\99")

    assert said(reply) == [r"The object with identity EX10A\99 wasn't found."]
    assert reply.fault is None


def test_an_empty_identity_means_all(bench: Bench) -> None:
    """Which is why none may be passed (S8.59)."""
    assert len(bench.run("Get-ReceiveConnector", Identity="").rows) > 10


def test_poison_is_hidden_while_empty(bench: Bench) -> None:
    """Section 4.3."""
    poison = bench.queue("EX16A", "Poison", count=0, suspended=True)
    assert r"EX16A\Poison" not in column(bench.run("Get-Queue"))

    poison.messages.append(Message(1, "EX16A", "EX16B", NOW))

    assert r"EX16A\Poison" in column(bench.run("Get-Queue"))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"rpc": False},
            (
                'Exchange can\'t connect to the RPC server on computer "ex10a.contoso.example". '
                "Verify that you used a valid computer name."
            ),
        ),
        (
            {"network": "silent"},
            (
                'Exchange can\'t connect to the RPC server on computer "ex10a.contoso.example". '
                "Verify that you used a valid computer name."
            ),
        ),
        (
            {"services": False},
            (
                "Exchange can't connect to the Microsoft Exchange Transport service on computer "
                '"ex10a.contoso.example". Verify that the service is started.'
            ),
        ),
    ],
)
def test_a_server_that_cannot_be_asked(bench: Bench, values: Mapping[str, Any], text: str) -> None:
    """An error record, and the call comes to its end (S8.55, S8.56)."""
    for name, value in values.items():
        setattr(bench.server("EX10A"), name, value)
    reply = bench.run("Get-Queue", Server="EX10A")

    assert said(reply) == [text]
    assert reply.errors[0].kind == "failed"
    assert reply.fault is None
    assert not reply.rows


def test_a_server_without_transport(bench: Bench) -> None:
    """A 2013 Client Access server has no queues (S8.44, S8.55)."""
    bench.organisation.install("CAS", BUILDS["2013"], ["10.0.0.9"], site="x", roles="ClientAccess")
    reply = bench.run("Get-Queue", Server="CAS")

    assert said(reply) == ['The computer "cas.contoso.example" isn\'t a valid Mailbox server.']


def test_a_server_that_nobody_knows(bench: Bench) -> None:
    """With the name as asked (S8.55)."""
    text = 'Exchange server "EX99" was not found. Please make sure you typed the name correctly.'

    assert said(bench.run("Get-Queue", Server="EX99")) == [text]
    assert said(bench.run("Get-ExchangeServer", Identity="EX99")) == [text]
    assert said(bench.run("Get-Queue", Identity=r"EX99\1")) == [text]


def test_edge_is_out_of_reach_from_inside(bench: Bench) -> None:
    """And sees itself alone (S8.25, S8.57)."""
    inside = bench.run("Get-Queue", Server="EDGE1")
    edge = bench.run("Get-Queue", server="EDGE1")

    assert "RPC server" in said(inside)[0]
    assert column(edge) == [r"EDGE1\Submission"]
    assert column(bench.run("Get-ExchangeServer", server="EDGE1")) == ["EDGE1"]
    assert "EDGE1" in column(bench.run("Get-ExchangeServer"))
    assert said(bench.run("Get-Queue", server="EDGE1", Server="EX16A"))


def test_its_own_service_may_be_stopped(bench: Bench) -> None:
    """The session stands, and the queues can't be asked for (S8.55)."""
    bench.server("EX16A").services = False
    bench.server("EX16A").rpc = False

    assert "Transport service" in said(bench.run("Get-Queue"))[0]


def test_queue_viewers_before_2007_sp2_are_too_old(bench: Bench) -> None:
    """S8.41."""
    bench.organisation.install("OLD", "Version 8.1 (Build 240.6)", ["10.0.0.8"], site="x")
    bench.organisation.install("EX07", BUILDS["2007"], ["10.0.0.7"], site="x")

    assert (
        "version of the queue viewer server isn't supported"
        in said(bench.run("Get-Queue", Server="OLD"))[0]
    )
    assert column(bench.run("Get-Queue", Server="EX07")) == [r"EX07\Submission"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Status -eq 'Retry'", ["1187", "12"]),
        ("status -EQ Retry -and MessageCount -gt 10", ["1187"]),
        ("Status -ne 'Retry'", ["Submission"]),
        ("Status -eq 3", ["1187", "12"]),
        ("MessageCount -ge 131", ["1187"]),
        ("MessageCount -lt 1", ["Submission"]),
        ("MessageCount -eq 131", ["1187"]),
        ('NextHopDomain -like "hub*"', ["1187", "12"]),
        ("NextHopDomain -like '*version*'", ["1187", "12"]),
        ("NextHopDomain -like '*15' -and NextHopDomain -ne 'x'", ["1187", "12"]),
        ("LastError -like '*Mary''s*'", ["12"]),
        ("{DeliveryType -eq 'undefined'}", ["Submission"]),
        ("LastRetryTime -lt '11/23/2026 13:59:30'", ["1187", "12"]),
        ("LastRetryTime -gt '11/23/2026 2:00:00 PM'", []),
        ("RetryCount -gt 15", ["1187", "12"]),
    ],
)
def test_filters(bench: Bench, text: str, expected: list[str]) -> None:
    """Comparisons joined by -and, -like with stars at the ends (S4.54, S4.55)."""
    bench.stuck("EX10A", count=131)
    bench.stuck("EX10A", "12", count=2, error="Mary's server said no")
    reply = bench.run("Get-Queue", server="EX10A", Filter=text)

    assert not said(reply)
    assert [one.partition("\\")[2] for one in column(reply)] == expected


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("Status -eq 'Retry' -or Status -eq 'Ready'", "-or"),
        ("-not Status -eq 'Retry'", "can't be read"),
        ("Status -like 'Re*'", "-like"),
        ("Status -gt 'Ready'", "-gt"),
        ("Nothing -eq 1", "Nothing"),
        ("Status -eq 'Hungry'", "Hungry"),
        ("MessageCount -gt many", "many"),
        ("MessageCount", "can't be read"),
        ("Status -eq 'Retry' MessageCount -gt 1", "MessageCount"),
        ("Status -eq 'Retry", "can't be read"),
    ],
)
def test_wrong_filters_are_refused(bench: Bench, text: str, fragment: str) -> None:
    """-or and -not are none, and each property has its operators (S4.54, section 4.5)."""
    reply = bench.run("Get-Queue", Filter=text)

    assert fragment in said(reply)[0]
    assert not reply.rows


@given(st.text(max_size=40))
def test_no_text_breaks_the_filter(text: str) -> None:
    """It is read, or refused with a reason."""
    try:
        conditions = parse_filter(text, QUEUE_FILTERS)
    except FilterError as error:
        assert str(error)  # noqa: PT017 - both ends are right
    else:
        assert conditions


def test_include_and_exclude(bench: Bench) -> None:
    """By category, delivery type or emptiness (S8.53)."""
    bench.queue("EX16A", "1")
    bench.queue("EX16A", "2", delivery_type="DnsConnectorDelivery", next_hop="fabrikam.example")

    assert column(bench.run("Get-Queue", Include="External")) == [r"EX16A\2"]
    assert column(bench.run("Get-Queue", Exclude=("Empty", "External"))) == [r"EX16A\1"]
    assert column(bench.run("Get-Queue", Include="SmtpRelayWithinAdSite, Empty")) == [
        r"EX16A\Submission",
        r"EX16A\1",
    ]


# -- Get-Message -----------------------------------------------------------------------------------


def test_messages_of_a_queue(bench: Bench) -> None:
    """With their age, which decides how urgent it is (S4.61)."""
    bench.stuck("EX10A", count=3)
    reply = bench.run("Get-Message", Queue=r"EX10A\1187")

    assert column(reply) == [rf"EX10A\1187\{n}" for n in range(3)]
    assert reply.rows[0].values["DateReceived"] == NOW - timedelta(hours=2)
    assert reply.rows[0].values["ExpirationTime"] == NOW + timedelta(hours=46)
    assert column(reply, "Status") == ["Retry"] * 3


def test_messages_of_a_server_and_by_filter(bench: Bench) -> None:
    """-Server, -Filter, -Identity and the limit."""
    bench.stuck("EX10A", count=3)
    bench.queue("EX10A", "2", count=1)

    assert len(bench.run("Get-Message", Server="EX10A").rows) == 4
    assert len(bench.run("Get-Message", Server="EX10A", ResultSize="2").rows) == 2
    assert len(bench.run("Get-Message", Server="EX10A", Filter="Status -eq 'Retry'").rows) == 3
    assert column(bench.run("Get-Message", Identity=r"EX10A\1187\1")) == [r"EX10A\1187\1"]
    assert "wasn't found" in said(bench.run("Get-Message", Identity=r"EX10A\1187\99"))[0]


# -- Retry-Queue -----------------------------------------------------------------------------------


class Watched(Bench):
    """Notes which queues were tried, and does not try."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.tried: list[str] = []
        self.routed: list[str] = []

    def retry(self, queue: PracticeQueue) -> None:
        """Note it."""
        self.tried.append(queue.identity)

    def resubmit(self, queue: PracticeQueue) -> None:
        """Note it, and take its messages away."""
        self.routed.append(queue.identity)
        queue.messages = []


def test_a_queue_is_retried_by_identity_or_filter() -> None:
    """S8.70; the server is the host's where none is named (S8.77)."""
    bench = Watched()
    bench.stuck("EX10A")
    bench.stuck("EX10A", "12", next_hop="x")
    bench.stuck("EX16A", "9")

    assert not said(bench.run("Retry-Queue", Identity=r"EX10A\1187"))
    assert not said(
        bench.run(
            "Retry-Queue", Server="EX10A", Filter="NextHopDomain -eq 'x' -and Status -eq 'Retry'"
        )
    )  # S8.78
    assert not said(bench.run("Retry-Queue", Filter="Status -eq 'Retry'"))
    assert bench.tried == [r"EX10A\1187", r"EX10A\12", r"EX16A\9"]


def test_a_retry_what_if() -> None:
    """Nothing is tried; what is refused is refused all the same."""
    bench = Watched()
    bench.stuck("EX10A")

    assert not said(bench.run("Retry-Queue", Identity=r"EX10A\1187", WhatIf=True))
    assert said(bench.run("Retry-Queue", Identity=r"EX10A\Submission", WhatIf=True))
    assert said(bench.run("Retry-Queue", Identity=r"EX10A\1187", Confirm=True))
    assert bench.tried == []


@pytest.mark.parametrize("values", [{"suspended": True}, {"status": "Ready"}, {"status": "Active"}])
def test_only_a_queue_in_retry_is_tried(bench: Bench, values: Mapping[str, Any]) -> None:
    """Nothing happens to others, and no error (S8.71)."""
    one = bench.stuck("EX10A", **values)
    before = (one.status, one.retries, one.last_retry)

    assert not said(bench.run("Retry-Queue", Identity=one.identity))
    assert (one.status, one.retries, one.last_retry) == before


def test_a_retry_goes_through_the_transport(bench: Bench) -> None:
    """It drains where nothing is in the way any more (S4.62)."""
    one = bench.stuck("EX10A")

    assert not said(bench.run("Retry-Queue", Identity=r"EX10A\1187"))
    assert shown(bench.run("Get-Queue", Identity=one.identity).rows[0].values["Status"]) == "Active"


def test_a_retry_into_the_same_fault(bench: Bench) -> None:
    """While the relay shadows the default connector it stays in Retry (S5.01)."""
    one = bench.stuck("EX10A", error="something else")
    bench.change(RELAY, ranges=(parse_range("10.0.0.11"),))
    count = one.retries

    assert not said(bench.run("Retry-Queue", Identity=r"EX10A\1187"))
    assert one.retries == count + 1
    assert "5.7.3" in one.error


@pytest.mark.parametrize("name", ["Submission", "Poison"])
def test_submission_and_poison_are_never_retried(bench: Bench, name: str) -> None:
    """S8.74."""
    bench.queue("EX16A", "Poison")
    for resubmit in (False, True):
        reply = bench.run("Retry-Queue", Identity=rf"EX16A\{name}", Resubmit=resubmit)

        assert said(reply) == [
            (
                "The requested operation can't be performed for the object with identity "
                rf"EX16A\{name}."
            )
        ]


def test_unreachable_is_for_resubmission_alone() -> None:
    """S8.74."""
    bench = Watched()
    bench.queue("EX16A", "Unreachable", delivery_type="Unreachable")

    assert said(bench.run("Retry-Queue", Identity=r"EX16A\Unreachable"))
    assert not said(bench.run("Retry-Queue", Identity=r"EX16A\Unreachable", Resubmit=True))
    assert bench.routed == [r"EX16A\Unreachable"]
    assert bench.tried == []


def test_resubmitted_messages_are_routed_again(bench: Bench) -> None:
    """Its identity is gone, the messages are not (S4.31, S8.72)."""
    one = bench.stuck("EX10A", count=3)
    bench.change(RELAY, ranges=(parse_range("10.0.0.11"),))

    assert not said(bench.run("Retry-Queue", Identity=one.identity, Resubmit=True))
    assert said(bench.run("Get-Queue", Identity=r"EX10A\1187"))
    others = [row.values["MessageCount"] for row in bench.run("Get-Queue", Server="EX10A").rows]
    assert sorted(others) == [0, 3]  # type: ignore[type-var]


def test_one_resubmission_at_a_time() -> None:
    """Another on the same server is refused while it lasts (S8.76)."""
    bench = Watched()
    for name in ("1", "2"):
        bench.stuck("EX10A", name)
    bench.stuck("EX10B", "1")
    bench.run("Retry-Queue", Identity=r"EX10A\1", Resubmit=True)
    busy = bench.run("Retry-Queue", Identity=r"EX10A\2")

    assert said(busy) == [
        (
            "System is handling another queue resubmit request. This request can not be "
            "performed at this time."
        )
    ]
    assert not said(bench.run("Retry-Queue", Identity=r"EX10B\1"))
    bench.clock.set_to(NOW + timedelta(minutes=1))
    assert not said(bench.run("Retry-Queue", Identity=r"EX10A\2"))


def test_a_retry_of_what_is_not_there(bench: Bench) -> None:
    """S8.75, and servers out of reach (S8.55)."""
    bench.server("EX10B").rpc = False

    assert said(bench.run("Retry-Queue", Identity=r"EX10A\5")) == [
        r"The object with identity EX10A\5 wasn't found."
    ]
    assert "RPC server" in said(bench.run("Retry-Queue", Identity=r"EX10B\5"))[0]


def test_a_viewer_may_retry(bench: Bench) -> None:
    """As the 2013 table of roles has it (section 8.8)."""
    bench.stuck("EX10A")

    assert not said(bench.run("Retry-Queue", account=VIEWER, Identity=r"EX10A\1187"))
