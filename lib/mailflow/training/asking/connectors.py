"""Questions about who answers whom, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mailflow.analysis.analysis import addresses_of, analyze
from mailflow.analysis.assessment import SHADOWED, assess_connector
from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import is_custom
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import RangeError, parse_address, parse_range, single, subtract
from mailflow.exchange.selection import Answer, answer
from mailflow.exchange.servers import Server
from mailflow.phrases import counted, joined
from mailflow.show.widgets.question import AnswerForm
from mailflow.snapshot import Snapshot
from mailflow.training.question import Judgement, Options, half, right, wrong
from mailflow.training.subject import same, way, way_that_works

NOBODY = "nobody"
NOT_KNOWN = "not-known"
NO_WAY = "No mail path between two servers is known now, so there is nothing to ask here."


class AcceptingQuestion:
    """Which connector accepts a server on another one (S1.10 to S1.18)."""

    form: AnswerForm = "one"

    def __init__(self, choose: Callable[[Snapshot], MailPath | None] = way) -> None:
        """About the way that `choose` gives when the question is asked."""
        self._choose = choose
        self._path: MailPath | None = None

    def prompt(self, org: Snapshot) -> str:
        """About the path that is chosen at the first call; NO_WAY where none is known."""
        self._path = self._path or self._choose(org)
        if self._path is None or self._path.endpoint is None:
            return NO_WAY
        path = self._path
        return (
            f"{path.sender.name} connects from {path.address} to port "
            f"{self._path.endpoint.port} of {path.target.name}. Which receive connector "
            "accepts the connection?"
        )

    def options(self, org: Snapshot) -> Options:
        """The target's connectors, and nobody."""
        del org
        if self._path is None:
            return ()
        names = [connector.identity for connector in self._path.target.connectors]
        return (
            *((name, name) for name in names),
            (NOBODY, "none of them"),
            (NOT_KNOWN, "cannot be determined from the data"),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the selection, with what it says of each loser."""
        got = self._ask(org)
        if got is None:
            return wrong(NO_WAY)
        (chosen,) = given
        expected = _key(got)
        if chosen == expected:
            return right(self._why(got))
        if expected == NOT_KNOWN:
            return wrong(f"That cannot be determined yet: {got.unknown}.")
        if chosen == NOT_KNOWN:
            return wrong("All relevant data is there: bindings, ranges and the address.")
        if chosen == NOBODY:
            return wrong(
                "Then the connection would end with 421 4.3.2 (S1.18). But there is an enabled "
                f"connector on port {got.port} with a range that contains {got.remote}."
            )
        reason = next(
            (loser.reason for loser in got.others if loser.connector.identity == chosen),
            "it does not match",
        )
        return wrong(f"{chosen.rpartition(chr(92))[2]} does not accept this connection: {reason}.")

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the rule to the two ranges that are left."""
        got = self._ask(org)
        if got is None or self._path is None:
            return ()
        left = sorted(
            (
                block.size,
                f"{block} of {connector.name} ({counted(block.size, 'address', 'addresses')})",
            )
            for connector in _listening(self._path.target.connectors, got)
            for block in connector.ranges
            if got.remote in block
        )
        return (
            (
                f"Only connectors that are enabled and bound to port {got.port} count, and of "
                "these only those of the service that listens there (S1.10)."
            ),
            f"Which of their ranges contain {got.remote}? The most specific one wins (S1.13).",
            f"These contain it: {joined(text for _, text in left)}."
            if left
            else "No range contains it.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The connector's identity, NOBODY or NOT_KNOWN; NOBODY also where no path is known."""
        got = self._ask(org)
        return (_key(got) if got else NOBODY,)

    def _ask(self, org: Snapshot) -> Answer | None:
        path = same(org, self._path) if self._path else None
        return path.answer if path else None

    def _why(self, got: Answer) -> str:
        if got.unknown is not None:
            return f"It cannot be determined: {got.unknown}."
        if got.connector is None or got.range is None or self._path is None:
            return "No connector matches, so the connection ends with 421 4.3.2 (S1.18)."
        state = assess_connector(got.connector, self._path.target.connectors, None).state
        size = counted(got.range.size, "address", "addresses")
        lets = {
            "clear": "It meets the needs of an Exchange server (S3.30).",
            "found": "What it offers is not enough for an Exchange server (S3.30).",
            "unknown": "",
        }[state]
        return (
            f"Its range {got.range} ({size}) is the most specific that contains {got.remote} "
            f"(S1.13). {lets}".strip()
        )


class NextAcceptingQuestion(AcceptingQuestion):
    """Who would answer if the connector that does no longer listed the address (section 1.2)."""

    def prompt(self, org: Snapshot) -> str:
        """About the same path; NO_WAY where none is known."""
        super().prompt(org)
        if self._path is None:
            return NO_WAY
        return (
            f"Suppose {self._path.address} ({self._path.sender.name}) were removed from the "
            f"connector that accepts it now on {self._path.target.name}. Which one accepts it then?"
        )

    def _ask(self, org: Snapshot) -> Answer | None:
        now = super()._ask(org)
        if now is None or now.connector is None or self._path is None:
            return now
        gone = [single(now.remote)]
        others = [
            replace(connector, ranges=tuple(subtract(connector.ranges, gone)))
            if connector.identity == now.connector.identity
            else connector
            for connector in self._path.target.connectors
        ]
        return answer(others, local=now.local, port=now.port, remote=now.remote)


def elsewhere(org: Snapshot) -> MailPath | None:
    """A way of the same sender that works, to another server."""
    first = way(org)
    return way_that_works(org, first) if first else None


class PortQuestion:
    """Where mail from one server lands on another (S4.02 to S4.05)."""

    form: AnswerForm = "one"

    def __init__(self) -> None:
        """About the way that an engineer would look at first."""
        self._path: MailPath | None = None

    def prompt(self, org: Snapshot) -> str:
        """About the path of the first call; NO_WAY where none is known."""
        self._path = self._path or way(org)
        if self._path is None:
            return NO_WAY
        path = self._path
        return (
            f"{path.sender.name} (Exchange {path.sender.server.product}) sends mail to "
            f"{path.target.name} (Exchange {path.target.server.product}). To which port does it "
            "connect?"
        )

    def options(self, org: Snapshot) -> Options:
        """Ports that Exchange listens on."""
        del org
        return tuple((number, f"port {number}") for number in _PORTS)

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By versions and roles of the two."""
        path = same(org, self._path) if self._path else None
        if path is None or path.endpoint is None:
            return wrong(NO_WAY)
        (chosen,) = given
        if chosen == str(path.endpoint.port):
            return right(f"{_PORTS[chosen]} ({path.endpoint.fact}).")
        return wrong(
            f"{_PORTS[chosen]}. Here Exchange {path.sender.server.product} connects to Exchange "
            f"{path.target.server.product}."
        )

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """By versions."""
        del org
        return (
            "It depends on the versions of the two servers.",
            "Exchange 2007 and 2010 have one transport service and use only port 25 (S4.03).",
            "Servers of 2013 and later connect to each other's Transport service (S4.02).",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The endpoint's port as a text; 25 where no path is known."""
        path = same(org, self._path) if self._path else None
        return (str(path.endpoint.port) if path and path.endpoint else "25",)


_PORTS = {
    "25": (
        "Exchange 2007 and 2010 listen on port 25, and newer servers accept mail from those two "
        "there"
    ),
    "475": "Port 475 is for mailbox delivery inside servers of 2013 and later (S4.01)",
    "587": "Port 587 is for clients that submit mail (S2.01)",
    "717": "Port 717 is for mail that goes out through a Front End (S4.08)",
    "2525": "On port 2525 the Transport service of 2013 and later accepts its peer servers",
}


class CaughtQuestion:
    """Which servers' addresses a custom connector catches and lets not in (C1, C16)."""

    form: AnswerForm = "text"

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return (
            "Which addresses of Exchange servers are accepted by a custom connector on which an "
            "Exchange server cannot authenticate? Separate them with commas, or type none."
        )

    def options(self, org: Snapshot) -> Options:
        """It is typed."""
        del org
        return ()

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the way that each address takes."""
        caught = _caught(org)
        if [word.casefold() for word in given] == ["none"]:
            if not caught:
                return right("No custom connector blocks a server.")
            return wrong("There is at least one. Look for ranges that contain a server's address.")
        chosen, problems = [], []
        for text in given:
            try:
                chosen.append(str(parse_address(text)))
            except RangeError:
                problems.append(_no_address(text))
        problems += [_not_caught(org, address) for address in chosen if address not in caught]
        hits = [address for address in chosen if address in caught]
        lacking = [address for address in caught if address not in hits]
        if not problems and not lacking:
            return right(f"{joined(f'{address} ({owner})' for address, owner in caught.items())}.")
        if hits and lacking:
            problems.append(f"{counted(len(lacking), 'address', 'addresses')} more.")
        text = " ".join(problems)
        return half(text) if hits else wrong(text)

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From where addresses stand to how many there are."""
        number = len(_caught(org))
        return (
            (
                "Do not search for the address as text: look for ranges that contain it. A server "
                "may have several addresses, of both families."
            ),
            (
                "mailflow.answering_connectors(org) checks each address of each server; failing "
                "mail paths come first."
            ),
            f"It is {counted(number, 'address', 'addresses')}.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """Each address that is caught, as a text; `none` where none is."""
        return tuple(_caught(org)) or ("none",)


def _key(got: Answer) -> str:
    if got.unknown is not None:
        return NOT_KNOWN
    return got.connector.identity if got.connector else NOBODY


def _listening(connectors: Sequence[ReceiveConnector], got: Answer) -> list[ReceiveConnector]:
    return [
        connector
        for connector in connectors
        if connector.enabled is not False
        and connector.role == got.process
        and any(
            binding.port == got.port and binding.family == got.remote.version
            for binding in connector.bindings
        )
    ]


def _caught(org: Snapshot) -> dict[str, str]:
    """Address to its server, for all that a custom connector keeps out."""
    return {
        str(path.address): path.sender.name
        for path in analyze(org).paths
        if path.state == "found" and path.cause == SHADOWED and path.address
    }


def _no_address(text: str) -> str:
    try:
        block = parse_range(text)
    except RangeError:
        return f"{text[:60]} is not an address."
    return f"{block} is a range; give the addresses of the servers in it."


def _not_caught(org: Snapshot, text: str) -> str:
    owner = _owner(org, text)
    if owner is None:
        return f"No Exchange server has {text}."
    mine = [path for path in analyze(org).paths if str(path.address) == text and path.answer]
    who = joined(
        f"{path.answer.connector.name} on {path.target.name}"
        for path in mine
        if path.answer and path.answer.connector
    )
    if any(_custom(path) for path in mine):
        return f"{text} ({owner.name}) is accepted by {who}, which meets its needs."
    return f"{text} ({owner.name}) is accepted by {who}: no custom connector blocks it."


def _custom(path: MailPath) -> bool:
    answerer = path.answer.connector if path.answer else None
    return answerer is not None and is_custom(answerer, path.target.connectors)


def _owner(org: Snapshot, text: str) -> Server | None:
    return next(
        (server for server in org.servers if text in map(str, addresses_of(org, server))), None
    )
