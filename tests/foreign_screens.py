"""Everything of a hostile organization that a terminal shows, beside the findings themselves."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import mailflow
from foreign_text import PAYLOADS, Hostile, lines_of
from mailflow.cli import asking, changing, diff_screen, probe_screen, reading, whatif_screen
from mailflow.cli.probe_lines import probe_lines
from mailflow.errors import MailflowError
from mailflow.exchange import commands
from mailflow.exchange.ehlo import EhloAttempt, EhloObservation
from mailflow.plain import one_line, visible
from mailflow.show import blocks, terminal
from mailflow.snapshot import Snapshot
from mailflow.sources.ehlo_replies import reply_to
from mailflow.views.audit import audit
from mailflow.views.behaviour import compare
from mailflow.views.explanation import explained, next_checks, told
from mailflow.views.findings import findings
from mailflow.views.front_door import diagnosis_of, explained_texts, told_texts
from mailflow.views.probe import judge, probed, questions_of, sender_of, targets_of
from mailflow.views.verdict import Diagnosis
from mailflow.views.which import probe, which
from organisations import STUCK_2016, healthy

TABLES: tuple[Callable[[Snapshot], Any], ...] = (
    mailflow.non_empty_queues,
    mailflow.last_errors,
    mailflow.receive_connectors,
    mailflow.answering_connectors,
    mailflow.overlapping_ranges,
    mailflow.not_read,
    mailflow.audit_connectors,
    mailflow.connector_reach,
    mailflow.same_names,
    mailflow.servers_left,
)
SERVERS = 3
"""Servers that `which` is asked about."""


@dataclass
class Shown:
    """What was shown of an organization.

    Attributes:
        texts: the screens, each with what it is.
        commands: the lines among them that are there to be pasted.
    """

    texts: list[tuple[str, str]] = field(default_factory=list)
    commands: set[str] = field(default_factory=set)

    def paste(self, label: str, lines: Iterator[str]) -> list[str]:
        """In place of `blocks.commands`, through which each command of a screen goes."""
        given = list(lines)
        self.commands.update(map(one_line, given))
        return blocks.commands(label, given)


def shown(one: Hostile, number: int, *, advising: bool = False) -> Shown:
    """All screens of one organization; the number decides what is asked.

    Args:
        one: the organization.
        number: its number.
        advising: only those screens on which commands stand.
    """
    rng = random.Random(f"screens {number}")  # noqa: S311 - test data
    done = Shown()
    with (
        patch.object(whatif_screen, "commands", done.paste),
        patch.object(terminal, "commands", done.paste),
    ):
        for kind, make in _SCREENS.items():
            if kind in _ADVISING or not advising:
                done.texts += [(kind, text) for text in make(one.org, rng, done)]
    return done


def _whatif(org: Snapshot, rng: random.Random, done: Shown) -> Iterator[str]:
    """The repair of the findings, and a change that somebody asks for."""
    try:
        proof, found = changing._proof_of_findings(org)
        done.commands.update(map(one_line, lines_of(proof.as_json(), by_key=True)))
        yield whatif_screen.whatif_screen(proof, found, org.taken)
    except MailflowError as error:
        yield _failed(error)
    if org.connectors:
        asked = rng.choice(org.connectors)
        remove = [str(one) for one in asked.ranges[:1] if rng.random() < 0.5]
        for name in (asked.name, rng.choice(PAYLOADS)):
            try:
                proof = changing._proof_of(org, asked.server, name, remove, ["10.0.0.11"])
                done.commands.update(map(one_line, lines_of(proof.as_json(), by_key=True)))
                yield whatif_screen.whatif_screen(proof, None, org.taken)
            except MailflowError as error:
                yield _failed(error)


def _diff(org: Snapshot, rng: random.Random, _: Shown) -> Iterator[str]:
    """Against an organization in order, in both directions, from a path of any name."""
    other = healthy().snapshot()
    for before, after in ((org, other), (other, org)):
        sides = (rng.choice(PAYLOADS), before.taken), (rng.choice(PAYLOADS), after.taken)
        yield diff_screen.diff_screen(compare(before, after), *sides)


def _which(org: Snapshot, rng: random.Random, _: Shown) -> Iterator[str]:
    names = [one.name for one in org.servers]
    for name in (*rng.sample(names, min(SERVERS, len(names))), rng.choice(PAYLOADS)):
        with suppress(MailflowError):
            address = rng.choice(("10.0.0.11", "10.0.5.7", "10.0.0.21"))
            yield asking._which_words(which(org, probe(name, address)))


def _explain(org: Snapshot, rng: random.Random, done: Shown) -> Iterator[str]:
    """Its errors, and texts that somebody sends instead of exports."""
    text = rng.choice(PAYLOADS)
    errors = [one.last_error for one in org.queues if one.last_error]
    errors += [f"452 4.3.1 {text}", STUCK_2016.format(fqdn=text, ip=text)]
    for error in errors:
        one = explained(error)
        yield told(one)
        for cause in one.says.candidates:
            for step in next_checks(cause, one):
                command = commands.split(step)[1]
                done.commands.update(filter(None, [one_line(command)]))
    texts = explained_texts("\n".join(errors))
    if texts:
        yield told_texts(texts, diagnosis_of(texts, text), 80)


def _probe(org: Snapshot, rng: random.Random, _: Shown) -> Iterator[str]:
    """What targets offer, with a foreign text in banner and reply; and the lines to paste."""
    for server in rng.sample(org.servers, min(SERVERS, len(org.servers))):
        try:
            sender = sender_of(org, server.name)
            targets = targets_of(org, sender)
            questions = questions_of(sender, targets)
            if questions:
                lines = probe_lines(questions, [each.view.server.fqdn for each in targets])
                yield "\n".join(line for line in lines if line.startswith(("#", 'Save-Ehlo "')))
            attempts = [_answered(rng, question) for question in questions]
        except (MailflowError, commands.Unquotable) as error:
            yield _failed(error)
            continue
        results = list(map(judge, [sender] * len(targets), targets, attempts))
        found = probed(org, rng.choice(PAYLOADS), sender, results, named=False)
        if results:
            yield probe_screen.probe_screen(found)


def _answered(rng: random.Random, question: EhloObservation) -> EhloAttempt:
    text = rng.choice(PAYLOADS)
    reply = f"250-{text} Hello [{text}]\r\n250-X-EXPS {text}\r\n250 {text}\r\n"
    stage, why = rng.choice((("done", ""), ("banner", "refused"), ("sender", text)))
    return EhloAttempt(reply_to(question, f"220 {text}\r\n", reply, done=True), stage, why)


def _snapshot(org: Snapshot, _: random.Random, __: Shown) -> Iterator[str]:
    yield "\n".join(reading.kept_lines(org, "a.snapshot"))


_SCREENS: dict[str, Callable[[Snapshot, random.Random, Shown], Iterator[str]]] = {
    "whatif": _whatif,
    "explain": _explain,
    "diff": _diff,
    "which": _which,
    "probe": _probe,
    "snapshot": _snapshot,
}
_ADVISING = ("whatif", "explain")


def _failed(error: Exception) -> str:
    """What `mailflow` says of an error."""
    return f"mailflow: {visible(' '.join(str(error).split()))}"


def diagnoses(one: Hostile) -> list[Diagnosis]:
    """What is said of an organization, in an incident and in an audit."""
    return [findings(one.org), audit(one.org)]


def tables(one: Hostile) -> Iterator[tuple[str, Any]]:
    """What the steps of the runbooks show: tables and cards."""
    for step in TABLES:
        yield step.__name__, step(one.org)
    found, audited = diagnoses(one)
    yield "remedy", mailflow.remedy(found)
    yield "remedy of an audit", mailflow.remedy(audited)
    yield "audit_results", mailflow.audit_results(audited)
    yield "card", mailflow.conclude(found, ticket=PAYLOADS[-1])
