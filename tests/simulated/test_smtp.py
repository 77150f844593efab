"""The transport services of a practice on loopback, asked over real sockets."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mailflow.exchange.ehlo import EhloObservation
from mailflow.opening import practice_snapshot
from mailflow.simulated import scenarios
from mailflow.simulated.delivery import (
    NO_EXCHANGE_AUTH,
    NO_MATCH_REPLY,
    NOT_ACTIVE,
    REFUSED,
    TIMED_OUT,
    UNREACHABLE,
    try_server,
)
from mailflow.simulated.doors import PracticeDoors
from mailflow.simulated.practice import Practice
from mailflow.simulated.smtp import LOOPBACK_PORT, PracticeSmtp, SmtpConnection, send_ehlo
from mailflow.sources.probing import send_ehlo as probe
from mailflow.views.probe import judge, questions_of, sender_of, targets_of
from support import some_of

HELLO = "ex10a.contoso.example"
TO_RELAY = SmtpConnection("EX10A", "10.0.0.21", 25)


@contextmanager
def smtp(name: str = "article") -> Iterator[tuple[Practice, PracticeSmtp]]:
    """The transport services of a scenario, until the end of the block."""
    practice = Practice.begin(name)
    made = PracticeSmtp(practice)
    try:
        yield practice, made
    finally:
        made.close()


def test_a_client_of_another_make_understands_it() -> None:
    """Python's own smtplib: the keywords of a relay connector, and no command beyond."""
    with smtp() as (_, made):
        place = made.place(TO_RELAY)
        with smtplib.SMTP(str(place), LOOPBACK_PORT, timeout=10) as client:
            code, _ = client.ehlo(HELLO)
            refused, _ = client.mail("a@contoso.example")
            features = set(client.esmtp_features)

    assert (code, refused) == (250, 500)
    assert "starttls" in features
    assert not {"x-anonymoustls", "x-exps"} & features


def test_each_sender_meets_its_own_connector() -> None:
    """S1.11: the same endpoint answers two senders by two connectors, and names whom it sees."""
    with smtp() as (_, made):
        replies = {
            sender: str(send_ehlo(made.place(SmtpConnection(sender, "10.0.0.21", port)), HELLO, 5))
            for sender, port in (("EX10A", 25), ("EX16B", 2525))
        }

    assert "Hello [10.0.0.11]" in replies["EX10A"]
    assert "X-EXPS" not in replies["EX10A"]
    assert "Hello [10.0.0.22]" in replies["EX16B"]
    assert "X-EXPS GSSAPI NTLM" in replies["EX16B"]


def test_only_ehlo_and_quit_are_heard() -> None:
    """Nothing else is on the wire."""
    with smtp() as (_, made):
        send_ehlo(made.place(TO_RELAY), HELLO, 5)

        assert made.heard == [(TO_RELAY, f"EHLO {HELLO}\r\nQUIT\r\n".encode())]


@pytest.mark.parametrize(
    ("network", "code"), [("silent", TIMED_OUT), ("refuses", REFUSED), ("open", 0)]
)
def test_a_host_that_is_not_there(network: str, code: int) -> None:
    """Told at once by the Winsock error; nothing listens for it."""
    with smtp() as (practice, made):
        target = practice.organisation.server("EX16A")
        assert target is not None
        target.network = network
        place = made.place(TO_RELAY)

        assert (place if isinstance(place, int) else 0) == code
        assert send_ehlo(place, HELLO, 5)["Code"] == code


def test_an_address_of_nobody() -> None:
    """No server of the practice has it: nothing is ever connected to."""
    with smtp() as (_, made):
        assert made.place(SmtpConnection("EX10A", "192.0.2.1", 25)) == UNREACHABLE
        assert made.place(SmtpConnection("EX10A", "::1", 25)) == UNREACHABLE


ENDS_AT_EHLO = (NO_EXCHANGE_AUTH, NO_MATCH_REPLY, NOT_ACTIVE)


@pytest.mark.parametrize(
    "name", some_of([each for each in scenarios.names() if not each.startswith("case-")], 4)
)
def test_the_probe_agrees_with_what_the_transport_meets(name: str) -> None:
    """Of every scenario and pair: what mail runs into at EHLO, the probe shows, and no more."""
    with smtp(name) as (practice, made):
        org = practice_snapshot(practice, f"demo:{name}")
        doors = PracticeDoors(practice, smtp=made)
        said: dict[tuple[str, str], set[str]] = {}
        for server in practice.organisation.servers:
            if not server.shell or server.network != "open":
                continue
            view = sender_of(org, server.name)
            targets = [each for each in targets_of(org, view) if each.address]
            questions: list[EhloObservation] = questions_of(view, targets)
            found = probe(
                *(doors, view.server, questions),
                servers=org.servers,
                first=practice.entry,
                tell=lambda _: None,
            )
            for target, attempt in zip(targets, found, strict=True):
                result = judge(view, target, attempt)
                said.setdefault((server.name, target.view.name), set()).add(result.state)
        differs = [
            (pair, states, reply)
            for pair, states in said.items()
            if not agrees(states, reply := met(practice, *pair))
        ]

    assert said
    assert differs == []


def met(practice: Practice, sender: str, target: str) -> str | int:
    """The reply or socket error that mail between two servers ends with."""
    org = practice.organisation
    ends = org.server(sender), org.server(target)
    assert ends[0]
    assert ends[1]
    outcome = try_server(org, ends[0], ends[1], practice.clock.now)
    return outcome.winsock or outcome.reply


def agrees(states: set[str], met: str | int) -> bool:
    """Whether what the probe said of the addresses of a target goes with what mail meets."""
    if isinstance(met, int):
        return states == {"not-reached"}
    if met in ENDS_AT_EHLO:
        return bool(states & {"lacks", "unknown"})
    return "offers" in states or "unknown" in states
