"""What a practice's transport does while the clock moves: when it tries, what waits and leaves."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.last_error import parse
from mailflow.exchange.ranges import parse_range
from mailflow.simulated.organisation import BUILDS, PracticeQueue
from mailflow.simulated.transport import PACE, MailStream, Transport
from practice_building import NOON, begin, organisation, relay, repair, said, sent, server

MINUTE = timedelta(minutes=1)

# --- when it tries --------------------------------------------------------------------------------


def attempts(transport: Transport, queue: PracticeQueue, count: int) -> list[float]:
    """Minutes from noon of the first attempts, read off LastRetryTime."""
    found = []
    for _ in range(count):
        assert queue.last_retry
        assert queue.next_retry
        found.append((queue.last_retry - NOON) / MINUTE)
        transport.advance(queue.next_retry - transport.clock.now)
    return found


def test_retry_schedule() -> None:
    """Section 4.6: four times after one minute, six times after five, then every ten."""
    org = organisation()
    server(org).network = "silent"
    transport = begin(org)
    queue = sent(transport)

    assert attempts(transport, queue, 13) == [0, 1, 2, 3, 4, 9, 14, 19, 24, 29, 34, 44, 54]
    assert queue.retries == 13
    assert queue.first_retry == NOON


def test_retry_schedule_of_edge() -> None:
    """Section 4.6: an Edge server waits ten minutes, then thirty."""
    org = organisation()
    org.install("E", BUILDS["2016"], ["10.0.0.31"], site="Here", roles="Edge")
    org.outside["fabrikam.example"] = "silent"
    transport = begin(org)
    queue = sent(transport, sender="E", to="fabrikam.example")

    assert attempts(transport, queue, 13) == [0, 1, 2, 3, 4, 14, 24, 34, 44, 54, 64, 94, 124]


@pytest.mark.parametrize("year", ["2010", "2016"])
def test_retry_schedule_of_mailboxes(year: str) -> None:
    """Section 4.6: every five minutes from the start; the store says why (section 6.2)."""
    org = organisation(year)
    server(org, "S").dismounted = True
    transport = begin(org)
    queue = sent(transport, to="S")

    assert attempts(transport, queue, 4) == [0, 5, 10, 15]
    assert parse(queue.error).innermost.codes == "432 4.3.2"


def test_next_retry_is_there_only_while_retry() -> None:
    """S4.41, S4.42: once mail flows NextRetryTime goes and LastError stays."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport, messages=40)
    error, last = queue.error, queue.last_retry
    repair(transport)
    transport.advance(MINUTE)

    assert (queue.status, queue.next_retry, queue.first_retry) == ("Active", None, None)
    assert (queue.error, queue.last_retry, queue.retries) == (error, last, 0)


def test_a_repair_shows_at_the_next_attempt_and_the_queue_drains_before_ones_eyes() -> None:
    """S1.19, S4.62: nothing before; then message by message; an idle queue goes after 3 minutes."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport, messages=10)
    transport.advance(timedelta(minutes=5))  # the attempts of minutes 1 to 4
    repair(transport)
    seen = []
    for minutes in (3.9, 0.1, 0.025, 0.025, 1):
        transport.advance(timedelta(minutes=minutes))
        seen.append((queue.status, len(queue.messages)))
    listed = queue in org.queues
    transport.advance(timedelta(minutes=3))

    assert seen == [("Retry", 10), ("Active", 10), ("Active", 7), ("Active", 4), ("Ready", 0)]
    assert listed
    assert queue not in org.queues
    assert transport.delivered == 10


def test_another_domain_controller_hears_of_it_later() -> None:
    """S8.66: written elsewhere, a change arrives after the replication."""
    org = organisation()
    connector = relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport)
    mended = replace(connector, ranges=(parse_range("10.0.5.0/24"),))
    org.directory.write(mended, NOON, org.directory.controllers[1])
    transport.retry(queue)
    before = queue.status
    transport.advance(timedelta(seconds=16))
    transport.retry(queue)

    assert (before, queue.status) == ("Retry", "Active")


def test_a_session_that_stands_keeps_its_connector() -> None:
    """S1.19 [I]: a change for the worse catches the next session, not this one."""
    org = organisation()
    transport = begin(org)
    queue = sent(transport, messages=10)
    relay(org, "10.0.0.11")
    transport.advance(MINUTE)
    drained = (queue.status, len(queue.messages))
    transport.send("S", "T")

    assert drained == ("Ready", 0)
    assert queue.status == "Retry"


def test_a_session_to_a_server_that_goes_away_is_lost() -> None:
    """What is left waits, with the error of the new attempt."""
    org = organisation()
    transport = begin(org)
    queue = sent(transport, messages=10)
    transport.advance(4 * PACE)
    server(org).network = "silent"
    transport.advance(MINUTE)

    assert (queue.status, len(queue.messages)) == ("Retry", 6)
    assert parse(queue.error).innermost.codes == "421 4.2.1"


def test_mail_that_comes_while_retry_waits_with_the_rest() -> None:
    """A message causes no attempt in a queue that waits (section 4.4)."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport)
    repair(transport)
    transport.advance(timedelta(seconds=30))
    transport.send("S", "T")

    assert (queue.status, queue.retries, len(queue.messages)) == ("Retry", 0, 2)


def test_retry_now() -> None:
    """S4.62, S8.71: an attempt at once that sets the next one anew; what was planned is void."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport)
    transport.advance(timedelta(minutes=10))  # retries at 1, 2, 3, 4 and 9
    transport.retry(queue)
    now = transport.clock.now
    planned = queue.next_retry
    transport.advance(timedelta(minutes=4.5))  # past the one of minute 14

    assert planned == now + timedelta(minutes=5)
    assert (queue.last_retry, queue.retries) == (now, 6)


def test_retry_does_nothing_but_in_retry() -> None:
    """S8.71: not for a suspended queue, and not for one that is Active."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport)
    repair(transport)
    transport.suspend(queue)
    transport.retry(queue)
    asleep = (queue.shown_status, queue.retries, len(queue.messages))
    transport.advance(timedelta(hours=1))
    slept = (queue.shown_status, queue.retries, len(queue.messages))
    transport.resume(queue)
    transport.advance(PACE / 2)
    session = queue.flowing_since
    transport.retry(queue)

    assert asleep == slept == ("Suspended", 0, 1)
    assert (queue.shown_status, queue.flowing_since) == ("Active", session)


def test_a_suspended_submission_queue_keeps_mail_from_being_routed() -> None:
    """Section 4.4: it waits there, and goes on where it was meant to."""
    org = organisation()
    transport = begin(org)
    submission = org.queues_of("S")[0]
    transport.suspend(submission)
    transport.send("S", "T")
    waiting = (submission.identity, len(submission.messages), len(org.queues))
    transport.resume(submission)

    assert waiting == ("S\\Submission", 1, 2)
    assert [one.status for one in org.queues] == ["Ready", "Ready", "Active"]


def test_a_queue_resumed_in_time_misses_nothing() -> None:
    """The retry that was planned comes as planned; and a drain goes on at its pace."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport)
    transport.suspend(queue)
    transport.advance(MINUTE / 2)
    transport.resume(queue)
    early = queue.retries
    transport.advance(MINUTE / 2)
    other = begin(organisation())
    draining = sent(other, messages=10)
    other.suspend(draining)
    other.resume(draining)
    other.advance(2 * PACE)

    assert (early, queue.retries) == (0, 1)
    assert len(draining.messages) == 8


def test_suspending_stops_a_queue_that_drains() -> None:
    """What has not left stays."""
    transport = begin(organisation())
    queue = sent(transport, messages=10)
    transport.advance(3 * PACE)
    transport.suspend(queue)
    transport.advance(MINUTE)
    stopped = (queue.shown_status, len(queue.messages))
    transport.resume(queue)
    transport.advance(MINUTE)

    assert stopped == ("Suspended", 7)
    assert (queue.shown_status, len(queue.messages)) == ("Ready", 0)


def test_resubmit_routes_anew() -> None:
    """S8.72, S4.31: the messages are those of before, the number is another."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport, messages=3)
    before = list(queue.messages)
    transport.resubmit(queue)
    (after,) = [one for one in org.queues if one.messages]

    assert queue not in org.queues
    assert after.messages == before
    assert (after.name, after.status) == ("1002", "Retry")


def test_resubmit_does_nothing_to_others() -> None:
    """S8.71, S8.74: a suspended queue stays as it is, and so does one that drains."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    asleep = sent(transport)
    transport.suspend(asleep)
    transport.resubmit(asleep)
    other = begin(organisation())
    draining = sent(other)
    other.resubmit(draining)

    assert asleep in org.queues
    assert asleep.messages
    assert draining in other.organisation.queues
    assert draining.messages


def test_unreachable_mail_waits_for_a_route() -> None:
    """S8.73, S8.74: no send connector, no error, and only a resubmit brings it on its way."""
    org = organisation()
    org.outside["fabrikam.example"] = "no-connector"
    transport = begin(org)
    queue = sent(transport, to="fabrikam.example")
    seen = (queue.identity, queue.delivery_type, queue.status, queue.error)
    del org.outside["fabrikam.example"]
    transport.retry(queue)
    still = len(queue.messages)
    transport.resubmit(queue)
    (after,) = [one for one in org.queues if one.messages]

    assert seen == ("S\\Unreachable", "Unreachable", "Ready", "")
    assert still == 1
    assert (after.delivery_type, after.status) == ("DnsConnectorDelivery", "Active")


@pytest.mark.parametrize(
    ("trouble", "code", "winsock"),
    [
        ("unresolved", "451 4.4.0", None),
        ("silent", "421 4.2.1", 10060),
        ("refuses", "421 4.2.1", 10061),
        ("full", "452 4.3.1", None),
    ],
)
def test_a_domain_outside_fails_in_its_own_way(
    trouble: str, code: str, winsock: int | None
) -> None:
    """Errors of another kind, from hosts that are no Exchange servers (section 6.2)."""
    org = organisation("2019")
    org.outside["fabrikam.example"] = trouble

    error = said(org, to="fabrikam.example")

    assert (error.innermost.codes, error.winsock) == (code, winsock)


# --- expiry and rest ------------------------------------------------------------------------------


def test_messages_go_back_after_two_days() -> None:
    """Section 4.6: each at its own time; the queue is empty then, and goes."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport)
    transport.advance(timedelta(hours=1))
    transport.send("S", "T")
    transport.advance(timedelta(hours=46, minutes=59))
    before = len(queue.messages)
    transport.advance(MINUTE)
    first = (len(queue.messages), queue.status, len(transport.returned))
    transport.advance(timedelta(hours=1))
    second = (len(queue.messages), queue.status, len(transport.returned), queue.next_retry)
    transport.advance(timedelta(minutes=3))

    assert before == 2
    assert first == (1, "Retry", 1)
    assert second == (0, "Ready", 2, None)
    assert queue not in org.queues
    assert transport.delivered == 0


def test_a_queue_in_use_is_not_removed() -> None:
    """QueueMaxIdleTime counts from the last time it got empty (section 4.6)."""
    org = organisation()
    transport = begin(org)
    queue = sent(transport)
    transport.advance(timedelta(minutes=2))
    transport.send("S", "T")
    transport.advance(timedelta(minutes=2))
    used_again = queue in org.queues
    transport.advance(timedelta(minutes=1.1))
    gone = queue not in org.queues
    stuck = sent(transport)
    transport.advance(timedelta(minutes=2))
    relay(org, "10.0.0.11")
    transport.send("S", "T")
    transport.advance(timedelta(minutes=2))

    assert used_again
    assert gone
    assert stuck in org.queues
    assert stuck.status == "Retry"


def test_copies_vanish_after_two_days() -> None:
    """A shadow queue stays Ready whatever it holds, and nobody gets its copies back (S4.43)."""
    org = organisation("2016")
    transport = begin(org)
    shadow = PracticeQueue("S", "Shadow\\7", "ShadowRedundancy", "t.contoso.example")
    org.queues.append(shadow)
    transport.hold(shadow, 9, NOON)
    transport.advance(timedelta(hours=47))
    held = (shadow.status, len(shadow.messages))
    transport.advance(timedelta(hours=1))

    assert held == ("Ready", 9)
    assert (shadow.status, len(shadow.messages)) == ("Ready", 0)
    assert shadow in org.queues
    assert transport.returned == []


def test_rates_are_of_the_last_minute() -> None:
    """Section 4.5: messages per second, in and out."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport, messages=12)
    growing = queue.incoming_rate(transport.clock.now), queue.outgoing_rate(transport.clock.now)
    repair(transport)
    transport.advance(timedelta(seconds=64))  # the attempt after a minute, then eight messages
    now = transport.clock.now

    assert growing == (0.2, 0)
    assert (queue.incoming_rate(now), queue.outgoing_rate(now)) == (0, 8 / 60)


def test_a_server_without_its_service_neither_takes_nor_tries() -> None:
    """Its clients keep their mail; what it holds goes on when the service does."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    queue = sent(transport)
    server(org, "S").services = False
    refused = transport.send("S", "T")
    transport.advance(timedelta(minutes=10))
    stopped = queue.retries
    server(org, "S").services = True
    transport.advance(MINUTE)

    org.install("C", BUILDS["2013"], ["10.0.0.41"], site="Here", roles="ClientAccess")

    assert refused is None
    assert transport.send("C", "T") is None  # a Front End keeps no mail (S4.03d)
    assert (stopped, queue.retries) == (0, 1)


def test_a_drain_stands_still_while_the_senders_service_is_stopped() -> None:
    """And goes on within a minute of its start."""
    org = organisation()
    transport = begin(org)
    queue = sent(transport, messages=10)
    server(org, "S").services = False
    transport.advance(timedelta(minutes=10))
    stopped = len(queue.messages)
    server(org, "S").services = True
    transport.advance(2 * MINUTE)

    assert (stopped, len(queue.messages)) == (10, 0)


# --- the clock ------------------------------------------------------------------------------------


def busy() -> Transport:
    """An organisation with much mail, of which some waits."""
    org = organisation()
    org.install("U", BUILDS["2010"], ["10.0.0.12"], site="Here")
    relay(org, "10.0.0.12")
    transport = begin(org)
    transport.stream(MailStream("S", "T", NOON, timedelta(seconds=17), burst=3))
    transport.stream(MailStream("U", "T", NOON + MINUTE, timedelta(seconds=40)))
    transport.stream(MailStream("S", "S", NOON, timedelta(minutes=7), until=NOON + 30 * MINUTE))
    return transport


def state(transport: Transport) -> list[object]:
    """Everything a cmdlet could show."""
    now = transport.clock.now
    names = (
        *("identity", "shown_status", "error", "retries", "messages"),
        *("first_retry", "last_retry", "next_retry", "idle_since"),
    )
    queues = [
        (*(getattr(one, name) for name in names), one.incoming_rate(now), one.outgoing_rate(now))
        for one in transport.organisation.queues
    ]
    return [now, transport.delivered, transport.returned, queues]


@given(st.lists(st.floats(0.05, 15), min_size=1, max_size=5))
def test_many_small_steps_are_one_large_step(minutes: list[float]) -> None:
    """The clock may be moved in any steps: what happens is the same."""
    steps = [timedelta(minutes=one) for one in minutes]
    at_once, in_steps = busy(), busy()
    at_once.advance(sum(steps, timedelta()))
    for one in steps:
        in_steps.advance(one)

    assert state(at_once) == state(in_steps)


def test_the_clock_does_not_go_back() -> None:
    """What happened can't be undone."""
    transport = busy()
    with pytest.raises(ValueError, match="can't go back"):
        transport.advance(timedelta(seconds=-1))


def test_mail_needs_time_between_messages() -> None:
    """Else a moment would never end."""
    with pytest.raises(ValueError, match="no time"):
        busy().stream(MailStream("S", "T", NOON, timedelta(0)))


def test_a_day_is_quick() -> None:
    """20,000 messages a day cost about a second; the limit leaves room for slow machines."""
    transport = busy()
    before = time.process_time()
    transport.advance(timedelta(days=1))

    assert transport.delivered > 15_000
    assert time.process_time() - before < 5


def test_what_is_planned_for_the_past_happens_at_once() -> None:
    """A stream that began long ago does not turn the clock back."""
    org = organisation()
    transport = begin(org)
    transport.stream(MailStream("S", "T", NOON - 10 * MINUTE, timedelta(minutes=20)))
    transport.advance(MINUTE)

    assert transport.delivered == 1


def test_stream_that_ends() -> None:
    """Nothing comes after `until`."""
    org = organisation()
    relay(org, "10.0.0.11")
    transport = begin(org)
    transport.stream(MailStream("S", "T", NOON, MINUTE, until=NOON + 3 * MINUTE))
    transport.advance(timedelta(minutes=20))

    assert [len(one.messages) for one in org.queues if one.is_delivery] == [4]
