"""Questions about protocol logs: which address a target saw, and what of its reply arrived."""

from __future__ import annotations

from mailflow.analysis.analysis import analyze
from mailflow.analysis.paths import MailPath
from mailflow.analysis.queues import as_of
from mailflow.exchange.ehlo import ANONYMOUSTLS, EXPS
from mailflow.exchange.ranges import RangeError, address_or_none, parse_address
from mailflow.phrases import joined
from mailflow.show.widgets.question import AnswerForm
from mailflow.snapshot import ObservedOffer, ObservedSessions, Snapshot
from mailflow.training.asking.connectors import NO_WAY
from mailflow.training.question import Judgement, Options, right, wrong
from mailflow.training.subject import same, way

UNKNOWN = "unknown"
NOT_SENT, ALTERED, ARRIVED, NOT_KNOWN = "not-sent", "altered", "arrived", "not-known"
_NEEDED = f"{ANONYMOUSTLS} and {EXPS}"


class _OfWay:
    """What questions about the two logs of one way share."""

    def __init__(self) -> None:
        """About the way that an engineer would look at first."""
        self._path: MailPath | None = None

    def _begin(self, org: Snapshot) -> MailPath | None:
        """The way, chosen at the first call."""
        self._path = self._path or way(org)
        return self._path

    def _now(self, org: Snapshot) -> MailPath | None:
        """The same way in the organization as it is now."""
        return same(org, self._path) if self._path else None


class SeenAddressQuestion(_OfWay):
    """Which address of the sender the target saw (S5.30)."""

    form: AnswerForm = "text"

    def prompt(self, org: Snapshot) -> str:
        """About the path of the first call; NO_WAY where none is known."""
        path = self._begin(org)
        if path is None:
            return NO_WAY
        sender, target = path.sender.name, path.target.name
        return (
            f"{sender} connects to {target}. From which address does {target} see it come? Type "
            f"the address, or {UNKNOWN}."
        )

    def options(self, org: Snapshot) -> Options:
        """It is typed."""
        del org
        return ()

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the logs: Hello [address] in the reply, and the client in the receive log."""
        path, seen = self._seen(org)
        if path is None:
            return (right if given == (UNKNOWN,) else wrong)(NO_WAY)
        if not seen:
            reason = (
                "No log that was read shows it. The address of an adapter is where a connection "
                "begins; which one arrives is written in the target's reply (S5.30)."
            )
            return (right if [text.casefold() for text in given] == [UNKNOWN] else wrong)(reason)
        try:
            chosen = {str(parse_address(text)) for text in given}
        except RangeError:
            return wrong("The log contains it: look for Hello [address], and type that address.")
        if chosen == seen:
            return right(_right(path, seen))
        if chosen == {str(path.address)}:
            return wrong(
                f"That is where {path.sender.name} connects from: local-endpoint in its own log. "
                f"What {path.target.name} sees is in its EHLO response."
            )
        return wrong("No row of these sessions shows that address as the sender's.")

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the log to the word."""
        path, seen = self._seen(org)
        if path is None:
            return ()
        return (
            (
                "Each server logs what it sees. The sender's own address does not show what the "
                "target sees."
            ),
            (
                "The reply to EHLO greets the sender: Hello [address]. In the receive log the "
                "sender is the remote-endpoint."
            ),
            f"It is written in the log: Hello [{joined(seen)}]."
            if seen
            else "No log was read, so it is unknown.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The addresses that the target saw, sorted; UNKNOWN where no log shows one."""
        return tuple(sorted(self._seen(org)[1])) or (UNKNOWN,)

    def _seen(self, org: Snapshot) -> tuple[MailPath | None, set[str]]:
        path = self._now(org)
        if path is None:
            return None, set()
        received, sent = _ends(org, path)
        seen = {offer.seen_as for offer in received} | {each.client for each in sent}
        return path, seen - {""}


class ReplyQuestion(_OfWay):
    """Whether the reply to EHLO arrived as it was sent (C4)."""

    form: AnswerForm = "one"

    def prompt(self, org: Snapshot) -> str:
        """About the path of the first call; NO_WAY where none is known."""
        path = self._begin(org)
        if path is None:
            return NO_WAY
        return (
            f"{path.target.name} replies to the EHLO of {path.sender.name}. What became of "
            f"{_NEEDED} in that reply?"
        )

    def options(self, org: Snapshot) -> Options:
        """Who left them out, if anybody did."""
        del org
        if self._path is None:
            return ((NOT_KNOWN, "cannot be determined from what was read"),)
        sender, target = self._path.sender.name, self._path.target.name
        return (
            (NOT_SENT, f"{target} did not send them, and {sender} received what was sent"),
            (ALTERED, f"{target} sent them, and {sender} received something else"),
            (ARRIVED, f"{target} sent them, and {sender} received them"),
            (NOT_KNOWN, "cannot be determined from what was read"),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the keywords that each end wrote."""
        path = self._now(org)
        if path is None:
            return (right if given == (NOT_KNOWN,) else wrong)(NO_WAY)
        received, sent = _ends(org, path)
        became = _became(received, sent)
        (chosen,) = given
        if became == NOT_KNOWN:
            return (right if chosen == became else wrong)(
                "That needs both logs: what the target sent, and what the sender received. One of "
                "them was not read for this connection."
            )
        reason = (
            f"{path.target.name} wrote that it sent {_sent(sent)}; {path.sender.name} wrote that "
            f"it received {_received(received)}."
        )
        return (right if chosen == became else wrong)(reason)

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the two logs to the two lists."""
        path = self._now(org)
        if path is None:
            return ()
        received, sent = _ends(org, path)
        return (
            (
                "You need two logs of one session: the send log of the sender and the receive log "
                "of the target. lab.logs() shows them side by side."
            ),
            (
                "In the send log a reply has the sign <, in the receive log >. Exchange 2016 and "
                "later write a whole reply in one row (S7.22)."
            ),
            f"Sent: {_sent(sent)}. Received: {_received(received)}.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The key of what the two logs show."""
        path = self._now(org)
        return (_became(*_ends(org, path)) if path else NOT_KNOWN,)


def _ends(org: Snapshot, path: MailPath) -> tuple[list[ObservedOffer], list[ObservedSessions]]:
    """What both ends wrote of sessions on this way: what was received, what was sent."""
    if path.endpoint is None:
        return [], []
    observed, moment, port = analyze(org).observed, as_of(org), path.endpoint.port
    received = [
        offer
        for offer in observed.met(path.sender, path.target, port, moment)
        if offer.address in ("", str(path.address))
        and path.local in (None, address_or_none(offer.remote))
    ]
    sent = [
        *observed.accepted(path, moment),
        *observed.in_the_name_of(path.sender, path.target, port, moment),
    ]
    return received, [each for each in sent if path.sender.server.is_named(each.hello)]


def _became(received: list[ObservedOffer], sent: list[ObservedSessions]) -> str:
    told = [offer for offer in received if offer.offered or offer.masked]
    if not told or not any(each.offered for each in sent):
        return NOT_KNOWN
    there, here = _words(sent), _words(told)
    if any(offer.masked for offer in told) or there - here:
        return ALTERED
    return ARRIVED if {ANONYMOUSTLS, EXPS} & here else NOT_SENT


def _words(ends: list[ObservedOffer] | list[ObservedSessions]) -> set[str]:
    return {word for each in ends for word in each.offered.split()} - {"none"}


def _sent(sent: list[ObservedSessions]) -> str:
    return joined(sorted(_words(sent))) or "none of the keywords that matter"


def _received(received: list[ObservedOffer]) -> str:
    masked = ["masked keywords (XXXX)"] if any(offer.masked for offer in received) else []
    return joined([*sorted(_words(received)), *masked]) or "none of the keywords that matter"


def _right(path: MailPath, seen: set[str]) -> str:
    if seen == {str(path.address)}:
        return f"It is the address that {path.sender.name} has: nothing translates it (S5.30)."
    return (
        f"And {path.sender.name} connects from {path.address}: a device between them put another "
        "address in its place (S5.30, C5)."
    )
