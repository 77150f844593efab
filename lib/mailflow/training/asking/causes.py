"""Questions about the cause: which one it is, and on which servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mailflow.analysis.analysis import analyze
from mailflow.analysis.assessment import (
    CONFIGURATION_CAUSES,
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    NOBODY,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
)
from mailflow.analysis.servers import is_custom
from mailflow.checks.observed import TRANSLATED
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.causes import explain
from mailflow.exchange.connectors import ReceiveConnector, flag_names
from mailflow.exchange.last_error import parse
from mailflow.phrases import counted, joined
from mailflow.show.widgets.question import AnswerForm
from mailflow.snapshot import Snapshot
from mailflow.training.asking.repair import is_between_servers
from mailflow.training.question import Judgement, Options, half, right, wrong
from mailflow.training.subject import way
from mailflow.views.findings import findings
from mailflow.views.queues import stuck_queues
from mailflow.views.verdict import Diagnosis

NOTHING, NOT_KNOWN = "nothing", "not-known"
_ALWAYS = (
    *CONFIGURATION_CAUSES,
    *("kerberos-or-permission", "target-unreachable", "target-refuses"),
    *("service-inactive", "back-pressure"),
)
"""Causes that can always be chosen, besides all that the error texts admit."""
EXCHANGE_AUTH_TEXT = "cannot achieve exchange server auth"
_ENDS = {
    NOTHING: "nothing is wrong",
    NOT_KNOWN: "cannot be determined yet: data is missing",
}


class CauseQuestion:
    """What is wrong; judged by the findings (contract, section 6)."""

    form: AnswerForm = "one"

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return "What is the cause?"

    def options(self, org: Snapshot) -> Options:
        """Causes that such texts may have, and the two honest ends."""
        found = findings(org)
        wanted = {*_ALWAYS, *_admitted(org), *_causes(found)}
        return (
            *((cause, card.title) for cause, card in CAUSES.items() if cause in wanted),
            *_ENDS.items(),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By what the findings say of the organization now."""
        found = findings(org)
        (chosen,) = given
        if chosen in _expected(found):
            return right(_confirmed(found))
        if chosen == NOTHING:
            return wrong(_not_nothing(org, found))
        if chosen == NOT_KNOWN:
            return wrong(_is_known(found))
        if chosen == SHADOWED and TRANSLATED in _expected(found):
            return half(
                "A custom connector does accept these sessions. But its remote IP ranges contain "
                "no address of an Exchange server: something else makes the servers appear with "
                "these addresses."
            )
        card = CAUSES[chosen]
        means = card.meaning.partition(". ")[0].rstrip(".")
        return wrong(f"That would mean: {means}. {_against(org, chosen, found)}")

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the error to the table that decides."""
        found = findings(org)
        best = next(
            (finding for finding in found.findings if finding.state in ("found", "unknown")), None
        )
        texts = dict.fromkeys(
            explain(parse(queue.last_error or "")).says for queue in stuck_queues(org)
        )
        said = " ".join(filter(None, texts))
        card = CAUSES[best.cause] if best else None
        return (
            said or "No queue is stuck, so no error text counts. Is any data missing?",
            (
                "Several causes share a text. Check whether anything responds, then which "
                "connector accepts the connection, then what it offers."
            ),
            f"What speaks for it: {card.evidence_for[0]}"
            if card
            else "Every mail path that was read works.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The first cause of the findings, or one of the two ends."""
        return (_expected(findings(org))[0],)


class ConclusionQuestion:
    """Which verdict can be given (contract, section 6)."""

    form: AnswerForm = "one"

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return "What is your verdict?"

    def options(self, org: Snapshot) -> Options:
        """The three verdicts."""
        del org
        return (
            ("found", "cause found: there is a fault, and its cause is known"),
            ("clear", "no fault found: all relevant data was read, and shows no fault"),
            ("unknown", "inconclusive: the data shows no fault, but relevant data is missing"),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the findings."""
        found = findings(org)
        (chosen,) = given
        if chosen == found.verdict:
            return right(_confirmed(found))
        if chosen == "clear":
            return wrong(_not_nothing(org, found))
        if chosen == "unknown":
            return wrong(_is_known(found))
        return wrong(
            "Then the data would have to show a fault. "
            f"{_no_fault(org)} Say what you would have to change, and what would work then that "
            "does not work now."
        )

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """What each word needs."""
        number = len(findings(org).unread)
        return (
            (
                "'Cause found' needs evidence of a fault; 'no fault found' needs all data that "
                "could show one."
            ),
            "Overlaps, old error texts and long shadow queues are not faults by themselves.",
            f"mailflow.not_read(org) has {counted(number, 'row')}.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """How the findings end: found, clear or unknown."""
        return (findings(org).verdict,)


class WhereQuestion:
    """On which servers the fault is."""

    form: AnswerForm = "several"

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return "On which servers does something have to be repaired?"

    def options(self, org: Snapshot) -> Options:
        """All servers, and none."""
        return (
            *(
                (server.name, f"{server.name} (Exchange {server.product})")
                for server in org.servers
            ),
            (NOTHING, "on none of them"),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the servers of the findings."""
        found = findings(org)
        expected = _servers(found)
        chosen = set(given)
        if NOTHING in chosen or not expected:
            alone = chosen == {NOTHING} and not expected
            return (right if alone else wrong)(_on_none(is_any=bool(expected)))
        said = " ".join(_sound(org, name) for name in given if name not in expected)
        if chosen == expected:
            return right(f"There it is: {_what_is_there(found)}.")
        if chosen & expected:
            lacking = expected - chosen
            more = f"{counted(len(lacking), 'server')} more. " if lacking else ""
            return half(f"{more}{said}".strip())
        return wrong(said)

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """One target after the other."""
        number = len(_servers(findings(org)))
        return (
            "The sender of a stuck queue is seldom at fault: check what accepts its mail.",
            "Check each target separately. A connector on one server says nothing about its peer.",
            f"It is {counted(number, 'server')}.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The servers of all findings, sorted; NOTHING where there is none."""
        return tuple(sorted(_servers(findings(org)))) or (NOTHING,)


# -- What is expected ------------------------------------------------------------------------------


def _causes(found: Diagnosis) -> tuple[str, ...]:
    """The causes that are open in the state of the verdict, best first."""
    return tuple(
        dict.fromkeys(finding.cause for finding in found.findings if finding.state == found.verdict)
        if found.verdict != "clear"
        else ()
    )


def _expected(found: Diagnosis) -> tuple[str, ...]:
    if found.verdict == "found":
        return _causes(found)
    return (NOTHING,) if found.verdict == "clear" else (NOT_KNOWN,)


def _admitted(org: Snapshot) -> set[str]:
    """All that the texts of stuck queues may come from."""
    texts = (queue.last_error or "" for queue in stuck_queues(org))
    return {cause for text in texts for cause in explain(parse(text)).candidates}


def _servers(found: Diagnosis) -> set[str]:
    return {
        finding.server for finding in found.findings if finding.state == "found" and finding.server
    }


def _on_none(*, is_any: bool) -> str:
    if is_any:
        return "There is at least one: mail is waiting for a reason."
    return "The data available shows no fault on any server now."


def _what_is_there(found: Diagnosis) -> str:
    """The connectors to repair, or the servers where it is none; without the cause."""
    told = [finding for finding in found.findings if finding.state == "found" and finding.server]
    return joined(finding.connector or f"{finding.server} itself" for finding in told)


def _confirmed(found: Diagnosis) -> str:
    return found.summary


def _not_nothing(org: Snapshot, found: Diagnosis) -> str:
    stuck = stuck_queues(org)
    if stuck:
        messages = sum(queue.message_count or 0 for queue in stuck)
        return (
            f"{joined(queue.identity for queue in stuck)}: {counted(messages, 'message')} waiting, "
            f"status {joined(queue.status for queue in stuck)}: that does not clear by itself."
        )
    if found.verdict == "found":
        return "No queue is stuck, but at least one mail path between two servers fails."
    lacking = joined(f"{row.what} of {row.server}".strip() for row in found.unread)
    return (
        f"The data available shows no fault, but data is missing: {lacking}. Each of these could "
        "show a fault, so 'no fault found' cannot be concluded."
    )


def _is_known(found: Diagnosis) -> str:
    if found.verdict == "clear":
        return (
            "All relevant data was read: the queues of each server, the connectors, and the "
            "addresses that mail comes from. Inconclusive is for missing data."
        )
    if is_between_servers(found):
        return "The logs are enough to decide it: compare what both ends of one session logged."
    return (
        "The data is enough to decide it: follow the error to the connector that accepts the "
        "connection, or to the server that does not respond."
    )


# -- What contradicts a cause ----------------------------------------------------------------------


def _against(org: Snapshot, cause: str, found: Diagnosis) -> str:
    """The fact of this organization that a cause does not go with."""
    if cause in _LACKING:
        return _LACKING[cause](org)
    if not stuck_queues(org):
        return "But no queue is stuck, so no error text supports it."
    if cause in _admitted(org):
        if is_between_servers(found):
            return (
                "The error text would allow it, but what both ends of the session logged explains "
                "the text without it: compare the two logs."
            )
        if found.verdict == "found":
            return (
                "The error text would allow it, but what the connectors show explains the text "
                "without it: look at them first."
            )
        return "It is possible, but the data does not show it."
    says = joined(
        dict.fromkeys(
            f'"{error.inner_text or error.text}"'
            for error in (parse(queue.last_error or "") for queue in stuck_queues(org))
        ),
        most=2,
    )
    return f"But the queues say something else: {says}."


def _answerers(org: Snapshot) -> list[ReceiveConnector]:
    """Who answers Exchange servers, each once."""
    found = (path.answer.connector for path in analyze(org).paths if path.answer)
    return list({connector.identity: connector for connector in found if connector}.values())


def _no_shadow(org: Snapshot) -> str:
    catching = [
        connector
        for connector in _answerers(org)
        if is_custom(
            connector, [each for each in org.connectors if each.server == connector.server]
        )
    ]
    if catching:
        names = joined(connector.identity for connector in catching)
        return f"{names} does accept servers, but offers what they need, so it is not a fault."
    return (
        "But on every mail path that was read, a connector made by Setup accepts the mail: "
        f"{joined(connector.name for connector in _answerers(org))}."
    )


def _meant(org: Snapshot) -> ReceiveConnector | None:
    """The connector that setup made for the way that an engineer looks at first."""
    path = way(org)
    if path is None or path.endpoint is None:
        return None
    return path.target.intended(path.endpoint.process, path.endpoint.port)


def _auth_is_there(org: Snapshot) -> str:
    meant = _meant(org)
    if meant is None or meant.auth is None:
        return "But that data is missing."
    auth = f"AuthMechanism of {meant.identity} is {flag_names(meant.auth)}"
    if meant.offers_exchange_auth:
        return f"But it is there: {auth}."
    return f"{auth}, that is true; but it does not accept this connection."


def _group_is_there(org: Snapshot) -> str:
    meant = _meant(org)
    if meant is None or meant.groups is None:
        return "But that data is missing."
    groups = f"PermissionGroups of {meant.identity} are {flag_names(meant.groups)}"
    if any(
        EXCHANGE_AUTH_TEXT in (queue.last_error or "").casefold() for queue in stuck_queues(org)
    ):
        return f"But {groups}, and with 5.7.3 authentication was never attempted (S5.01)."
    return f"But {groups}."


def _not_suppressed(org: Snapshot) -> str:
    del org
    return "But SuppressXAnonymousTls is False on every connector that accepts a server."


def _somebody_answers(org: Snapshot) -> str:
    names = joined(connector.identity for connector in _answerers(org))
    return f"But on every mail path that was read, a connector accepts the connection: {names}."


def _no_conflict(org: Snapshot) -> str:
    claims = [server.name for server in org.servers if analyze(org).of(server).role_conflicts]
    if claims:
        return "Two services do claim a port, but not on this mail path."
    return "But on no server do two services claim the same port."


_LACKING: Mapping[str, Callable[[Snapshot], str]] = {
    SHADOWED: _no_shadow,
    DEFAULT_LACKS_AUTH: _auth_is_there,
    GROUP_MISSING: _group_is_there,
    SUPPRESSED: _not_suppressed,
    NOBODY: _somebody_answers,
    ROLE_CONFLICT: _no_conflict,
}


def _no_fault(org: Snapshot) -> str:
    ways = analyze(org).paths
    sound = sum(path.state == "clear" for path in ways)
    return (
        f"{sound} of {counted(len(ways), 'mail path')} between servers are known to work, "
        "none to fail."
    )


def _sound(org: Snapshot, name: str) -> str:
    """Why nothing is to be repaired on a server."""
    ways = [path for path in analyze(org).paths if path.target.name == name]
    names = joined(
        path.answer.connector.name for path in ways if path.answer and path.answer.connector
    )
    queues = [queue.identity for queue in stuck_queues(org) if queue.server == name]
    if queues:
        return f"{name} only has {joined(queues)}; the cause is at the target."
    return f"On {name} {names or 'no connector'} accepts other servers, as intended."
