"""What logs and EHLO replies decide, and what of them decides nothing (section 5.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailflow.exchange.ranges import parse_range
from mailflow.snapshot import ObservedOffer, ObservedSessions, Snapshot
from mailflow.views.findings import findings
from test_snapshot_earlier import scenario

WHEN = "2026-11-23T13:59:17.000Z"
OFFERED = "X-ANONYMOUSTLS X-EXPS STARTTLS AUTH"
OUTSIDE = ("outside-the-connectors", "unknown")

MET = ObservedOffer(
    source="SMTP send log",
    sender="EX10A",
    address="10.0.0.11",
    target="ex16a.contoso.example",
    remote="10.0.0.21",
    port=25,
    seen_as="10.0.0.11",
    banner="Exchange",
    offered="STARTTLS AUTH",
    masked=False,
    ended="",
    sessions=3,
    first=WHEN,
    last=WHEN,
)
SENT = ObservedSessions(
    server="EX16A",
    connector="Default Frontend EX16A",
    local="10.0.0.21",
    port=25,
    client="10.0.0.11",
    hello="ex10a.contoso.example",
    offered=OFFERED,
    tls=False,
    exchange_auth=False,
    sessions=3,
    first=WHEN,
    last=WHEN,
)
EVIDENCE: dict[str, tuple[str, str, tuple[ObservedOffer, ...], tuple[ObservedSessions, ...]]] = {
    "send log, translated": (
        "address-translated",
        "source-address-translated",
        (replace(MET, seen_as="10.0.5.1", offered="STARTTLS"),),
        (),
    ),
    "both logs, inspected": ("smtp-inspection", "smtp-inspection", (MET,), (SENT,)),
    "masked keywords": (
        "smtp-inspection",
        "smtp-inspection",
        (replace(MET, masked=True, offered="none"),),
        (),
    ),
    "masked banner": (
        "smtp-inspection",
        "smtp-inspection",
        (replace(MET, banner="masked", offered=""),),
        (),
    ),
    "X-EXPS alone": (
        "certificate-lost",
        "internal-transport-certificate",
        (replace(MET, offered="X-EXPS STARTTLS AUTH"),),
        (),
    ),
}
"""What was observed, the practice organization it speaks of, and what it decides."""


def told(org: Snapshot) -> set[tuple[str, str]]:
    """Causes and states of the findings about EX10A, whose mail waits."""
    return {
        (each.cause, each.state)
        for each in findings(org).findings
        if each.state in ("found", "unknown") and set(each.queues) != {"EX10B\\902"}
    }


def observed(
    name: str,
    offers: tuple[ObservedOffer, ...] = (),
    sessions: tuple[ObservedSessions, ...] = (),
) -> Snapshot:
    """A practice organization with what was observed beside it, and without certificates.

    A list of certificates would decide one of them by itself.
    """
    return replace(scenario(name), offers=offers, observed=sessions, kept={})


@pytest.mark.parametrize("kind", EVIDENCE)
def test_evidence_decides_what_configuration_does_not(kind: str) -> None:
    """C4, C5 with S5.30, C8 with S5.31: undetermined without it, found with it."""
    name, cause, offers, sessions = EVIDENCE[kind]

    assert told(observed(name)) == {OUTSIDE}
    assert told(observed(name, offers, sessions)) == {(cause, "found")}


ELSEWHERE: dict[str, dict[str, Any]] = {
    "two days before": {"first": "2026-11-21T13:59:17Z", "last": "2026-11-21T13:59:17Z"},
    "two days after": {"first": "2026-11-25T13:59:17Z", "last": "2026-11-25T13:59:17Z"},
    "no time": {"first": "", "last": ""},
    "no moment": {"last": "yesterday"},
    "another port": {"port": 2525},
}


@pytest.mark.parametrize("kind", EVIDENCE)
@pytest.mark.parametrize("other", ELSEWHERE)
def test_evidence_of_another_time_or_port_decides_nothing(kind: str, other: str) -> None:
    """Within a day of the last retry, and of this very endpoint."""
    name, _, offers, sessions = EVIDENCE[kind]
    changed = tuple(replace(offer, **ELSEWHERE[other]) for offer in offers)
    org = observed(name, changed, tuple(replace(seen, **ELSEWHERE[other]) for seen in sessions))

    assert told(org) == {OUTSIDE}


@pytest.mark.parametrize("kind", EVIDENCE)
@pytest.mark.parametrize(
    "other",
    [
        {"sender": "EX10B"},
        {"sender": "", "address": "", "seen_as": ""},
        {"sender": "STRANGER"},
        {"remote": "10.0.0.99"},
        {"remote": "", "target": ""},
    ],
    ids=str,
)
def test_evidence_of_another_server_decides_nothing(kind: str, other: dict[str, str]) -> None:
    """Another sender's, a target that is none, or one of which nobody knows whose it is."""
    name, _, offers, _ = EVIDENCE[kind]

    assert told(observed(name, tuple(replace(offer, **other) for offer in offers))) == {OUTSIDE}


@pytest.mark.parametrize("kind", EVIDENCE)
@pytest.mark.parametrize("when", ["later", "not read"])
def test_evidence_before_a_change_of_a_connector_decides_nothing(kind: str, when: str) -> None:
    """Whatever connector of that port was changed since, or may have been."""
    name, _, offers, sessions = EVIDENCE[kind]
    org = observed(name, offers, sessions)
    assert org.taken is not None
    moment = org.taken - timedelta(seconds=30) if when == "later" else None
    relay = next(each for each in org.connectors if each.identity == "EX16A\\Relay")
    connectors = tuple(
        replace(each, when_changed=moment) if each is relay else each for each in org.connectors
    )

    assert told(replace(org, connectors=connectors)) == {OUTSIDE}


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        (replace(MET, address="", seen_as="10.0.5.1"), "found"),
        (replace(MET, address="", seen_as="10.0.5.1", remote=""), "found"),
        (replace(MET, address="", seen_as="10.0.5.1", sender=""), None),
        (replace(MET, address="", sender="", seen_as="10.0.0.12"), None),
    ],
    ids=["by name", "target by name", "nobody's", "another server's"],
)
def test_an_ehlo_reply_without_the_senders_own_address(
    offer: ObservedOffer, expected: str | None
) -> None:
    """S5.30: certain where all addresses of the sender were read, and the greeted one is none."""
    org = observed("address-translated", (replace(offer, source="EHLO reply", offered="STARTTLS"),))
    files = tuple(replace(each, source="addresses.csv") for each in org.addresses)
    cause = "source-address-translated"

    assert told(org) == ({(cause, expected)} if expected else {OUTSIDE})
    assert (cause, "found") not in told(replace(org, addresses=files))


def test_the_sender_as_it_is_known_by_address() -> None:
    """An EHLO reply that somebody pasted names no sender."""
    name, cause, offers, _ = EVIDENCE["send log, translated"]
    org = observed(name, tuple(replace(offer, sender="") for offer in offers))

    assert told(org) == {(cause, "found")}


def test_a_translated_address_is_the_cause_only_where_its_connector_fails() -> None:
    """S5.30: the default connector would accept 10.9.9.9, and a server can authenticate there."""
    offer = replace(MET, seen_as="10.9.9.9", offered="STARTTLS")

    assert told(observed("address-translated", (offer,))) == {
        ("source-address-translated", "unknown")
    }


def test_the_last_reply_counts() -> None:
    """A device that altered the session yesterday may be gone; the reply now is as it should be."""
    old = replace(MET, masked=True, last="2026-11-23T02:00:00Z")
    now = replace(MET, offered=OFFERED)

    assert told(observed("smtp-inspection", (old, now))) == {OUTSIDE}


@pytest.mark.parametrize(
    "sessions",
    [
        (replace(SENT, offered="STARTTLS AUTH"),),
        (SENT, replace(SENT, offered="STARTTLS AUTH", tls=True)),
        (replace(SENT, offered=""),),
        (replace(SENT, client="10.0.0.12"),),
        (replace(SENT, local="10.0.0.22"),),
    ],
    ids=["not sent", "now and then", "not seen", "another client", "another address"],
)
def test_what_the_target_did_not_surely_send_was_not_taken_away(
    sessions: tuple[ObservedSessions, ...],
) -> None:
    """C4: only two logs of one connection that differ tell of a device between."""
    assert ("smtp-inspection", "found") not in told(observed("smtp-inspection", (MET,), sessions))


def test_less_than_configured_and_no_reason_known() -> None:
    """C6, C7: a device, a load balancer, another host, an old export: undetermined."""
    assert told(observed("smtp-inspection", (MET,))) == {("observed-differs", "unknown")}
    reply = replace(MET, source="EHLO reply", address="")
    assert told(observed("smtp-inspection", (reply,))) == {("observed-differs", "unknown")}


def test_x_exps_alone_where_the_setting_was_not_read() -> None:
    """C8 or C10."""
    org = observed("certificate-lost", EVIDENCE["X-EXPS alone"][2])
    connectors = tuple(replace(each, suppress_x_anonymous_tls=None) for each in org.connectors)

    assert told(replace(org, connectors=connectors)) == {
        ("internal-transport-certificate", "unknown")
    }


def test_sessions_in_the_senders_name_from_an_address_nobody_has() -> None:
    """C5 by the receive log alone: anybody may give a name, so an unread address leaves it open."""
    seen = replace(
        SENT,
        connector="Relay",
        client="10.0.5.1",
        offered="STARTTLS",
        hello="ex10a.contoso.example",
    )
    org = observed("address-translated", (), (seen,))
    files = tuple(replace(each, source="addresses.csv") for each in org.addresses)

    assert told(org) == {("source-address-translated", "found")}
    assert ("source-address-translated", "found") not in told(replace(org, addresses=files))


def test_a_log_that_names_another_connector_than_the_configuration() -> None:
    """S1.11: one of both is out of date, whether mail waits or not."""
    relay = replace(SENT, connector="Relay")
    [found] = [
        each
        for each in findings(observed("healthy", (), (relay,))).findings
        if each.state not in {"clear", "not-applicable"}
    ]

    assert (found.cause, found.state, found.connector) == (
        "observed-differs",
        "unknown",
        "EX16A\\Relay",
    )
    assert findings(observed("healthy", (), (SENT,))).verdict == "clear"
    assert findings(observed("healthy", (), (replace(relay, port=587),))).verdict == "clear"


def tied() -> Snapshot:
    """The article's organization with the sender in equal ranges of two connectors (S1.36)."""
    org = scenario("article")
    [ours] = [each for each in org.connectors if each.identity == "EX16A\\Relay"]
    second = replace(
        next(each for each in org.connectors if each.name == "Default Frontend EX16A"),
        name="Servers",
        ranges=(parse_range("10.0.0.11"),),
    )
    assert parse_range("10.0.0.11") in ours.ranges
    return replace(org, connectors=(*org.connectors, second))


def test_a_tie_is_decided_by_the_log_of_who_accepted() -> None:
    """S1.36 is open by configuration; S7.26 names the connector of each session."""
    org = tied()
    seen = replace(SENT, connector="Relay", offered="STARTTLS")
    with_log = replace(org, observed=(seen,))
    both = replace(org, observed=(seen, replace(seen, connector="Servers", offered="")))

    shadows = ("custom-connector-shadows-default", "found")
    assert shadows not in at_ex16a(org)
    assert shadows in at_ex16a(with_log)
    assert shadows not in at_ex16a(both)


def at_ex16a(org: Snapshot) -> set[tuple[str, str]]:
    """What is told of mail from EX10A to EX16A."""
    return {
        (each.cause, each.state)
        for each in findings(org).findings
        if each.server == "EX16A" and "EX10A" in each.senders
    }


@pytest.mark.parametrize(
    ("ended", "cause"),
    [
        ("10061", "target-refuses"),
        ("10060", "target-unreachable"),
        ("10054", "connection-dropped"),
        ("dropped", "connection-dropped"),
    ],
)
def test_how_the_senders_sessions_ended(ended: str, cause: str) -> None:
    """Section 6.2: where LastError is empty, the log still has the number of the socket error."""
    org = observed("smtp-inspection", (replace(MET, ended=ended, offered="", banner=""),))
    queues = tuple(
        replace(queue, last_error="") if queue.status == "Retry" else queue for queue in org.queues
    )

    assert told(replace(org, queues=queues)) == {(cause, "found")}
    assert (cause, "found") not in told(org)  # 5.7.3 is no socket error


@pytest.mark.parametrize(
    ("error", "ended", "cause", "state"),
    [
        ("421 4.4.1 Connection timed out", "10054", "connection-dropped", "found"),
        ("421 4.4.1 Connection timed out", "10060", "target-unreachable", "found"),
        ("421 4.4.1 Connection timed out", "10061", "target-refuses", None),
        ("421 4.4.1 Connection timed out", "authentication failed", "kerberos-or-permission", None),
        ("452 4.3.1 Insufficient system resources", "10061", "target-refuses", None),
    ],
)
def test_a_log_chooses_among_what_the_error_admits(
    error: str, ended: str, cause: str, state: str | None
) -> None:
    """S6.13: the error leaves several causes open; a session of another kind is none of them."""
    org = observed("smtp-inspection", (replace(MET, ended=ended, offered="", banner=""),))
    queues = tuple(
        replace(queue, last_error=error) if queue.status == "Retry" else queue
        for queue in org.queues
    )
    without = replace(org, queues=queues, offers=())

    assert ((cause, "found") in told(replace(org, queues=queues))) is (state == "found")
    assert (cause, "found") not in told(without)
