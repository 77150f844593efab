"""EHLO sent from one server of a live organization to others: what they offer it (S3.40).

Nothing is sent but EHLO and QUIT, by the sender itself, through the session that reads it anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mailflow.exchange.ehlo import EhloAttempt, EhloObservation
from mailflow.exchange.servers import Server
from mailflow.plain import unbroken
from mailflow.sources.collect import door, introduce
from mailflow.sources.ehlo_replies import reply_to
from mailflow.sources.row import Value
from mailflow.sources.setup_faults import with_remedy
from mailflow.sources.shell import PROBE, Call, Doors, Fault, Reply, ShellError

SECONDS = 10
"""For one target: connect, banner and reply together."""

AT_ONCE = 8
"""Targets in one request; then progress is told."""

_START_SECONDS = 30.0
"""To sign in and to start PowerShell, for each request."""


def send_ehlo(
    doors: Doors,
    sender: Server,
    questions: Sequence[EhloObservation],
    *,
    servers: Iterable[Server],
    first: str,
    tell: Callable[[str], None],
) -> list[EhloAttempt]:
    """Ask each target from the sender, and give an answer for each, in the same order.

    Raises nothing for what fails at the far side.

    Args:
        doors: made for probing, or the sender refuses.
        sender: of the organization.
        questions: observations of which `target`, `address`, `port` and `hello` are set.
        servers: of the organization, so that doors know its domain.
        first: the server to enter at, as the user gave it.
        tell: is called with a line for people.
    """
    introduce(doors, servers, first)
    found: list[EhloAttempt] = []
    for begin in range(0, len(questions), AT_ONCE):
        part = questions[begin : begin + AT_ONCE]
        tell(f"{sender.name}: EHLO to {begin + 1} to {begin + len(part)} of {len(questions)}")
        when = datetime.now(UTC).replace(microsecond=0)
        calls = [_call(question) for question in part]
        limit = _START_SECONDS + (SECONDS + 2) * len(calls)
        replies = _ask(doors, door(doors, sender, first), calls, limit)
        for question, reply in zip(part, replies, strict=True):
            found.append(_attempt(replace(question, written=when), reply))
    return found


def _call(question: EhloObservation) -> Call:
    return Call(
        PROBE,
        {
            "Address": question.address,
            "Port": question.port or 0,
            "Hello": question.hello,
            "Seconds": SECONDS,
        },
    )


def _ask(doors: Doors, name: str, calls: Sequence[Call], seconds: float) -> Sequence[Reply]:
    try:
        shell = doors.open(name)
    except ShellError as error:
        return [Reply(call, fault=error.fault) for call in calls]
    try:
        return shell.ask(calls, seconds=seconds)
    finally:
        shell.close()


def _attempt(question: EhloObservation, reply: Reply) -> EhloAttempt:
    values: Mapping[str, Value] = reply.rows[0].values if reply.rows else {}
    texts = [values.get(name) for name in ("Stage", "Why", "Banner", "Reply")]
    stage, why, banner, said = (text if isinstance(text, str) else "" for text in texts)
    code = values.get("Code")
    if reply.fault is not None or stage not in ("connect", "banner", "reply", "done"):
        fault = reply.fault or Fault("protocol", "", "the response cannot be parsed")
        return EhloAttempt(question, "sender", unbroken(with_remedy(fault)))
    observed = reply_to(question, banner, said, done=stage == "done")
    return EhloAttempt(observed, stage, why, code if isinstance(code, int) else 0)
