"""One address at a server: which connector accepts it, why, and the effect of a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailflow.analysis.analysis import addresses_of, analyze, connectors_of
from mailflow.analysis.assessment import assess_connector
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, Family
from mailflow.exchange.routing import endpoints
from mailflow.exchange.selection import NO_MATCH_REPLY, Answer, answer
from mailflow.exchange.servers import Server
from mailflow.phrases import counted, joined
from mailflow.picture import Pin, Ruler, Tone
from mailflow.snapshot import Snapshot
from mailflow.table import NOT_KNOWN, Table
from mailflow.views.rulers import ruler_of
from mailflow.views.which import Probe, which


@dataclass(frozen=True, slots=True)
class WhoAnswers:
    """The answer to one question, in words and as a ruler.

    Attributes:
        server: the target's name.
        words: who answers; why nobody does; or what is not known.
        tone: whether that is right, where the source is an Exchange server that sends here; else
            the empty tone. Unknown wherever the answer is.
        reasons: every connector of the target by name, to what it does and why.
        winner: name of the one that answers; empty: none, or it is not known.
        ruler: of that endpoint, with the source over it; None where no connector was read.
    """

    server: str
    words: str
    tone: Tone
    reasons: Mapping[str, str]
    winner: str = ""
    ruler: Ruler | None = None


def who_answers(org: Snapshot, question: Probe) -> WhoAnswers:
    """Ask `which`, and say it to somebody who looks at the ranges beside it."""
    document = which(org, question)
    target = org.server(question.server)
    connectors = connectors_of(org, target) if target else ()
    if target is None or not connectors:
        words = f"Could not be determined: {document['unknown']}."
        return WhoAnswers(document["server"], words, "unknown", {})
    case = _Case(org, target, connectors, question)
    winner = _name(document["connector"]) if document["connector"] else ""
    tone, remark = case.judged()
    return WhoAnswers(
        server=target.name,
        words=" ".join(filter(None, [_words(document, case.source), remark])),
        tone="unknown" if document["unknown"] else tone,
        reasons=_reasons(document, case, winner),
        winner=winner,
        ruler=case.ruler(),
    )


def compared(now: WhoAnswers, trial: WhoAnswers | None = None) -> Table:
    """Every connector of the target and why it does or does not answer; with a trial, both ways.

    Columns of the frame: connector, now, and with a trial also trial (string).
    """
    import pandas as pd

    sides = {"now": now} | ({"trial": trial} if trial else {})
    names = list(dict.fromkeys(name for side in sides.values() for name in side.reasons))
    columns = {
        "connector": ("Connector", ""),
        "now": ("Now" if trial else "Accepts, or why not", ""),
        "trial": ("What if", ""),
    }
    rows = [[name, *(side.reasons.get(name) for side in sides.values())] for name in names]
    return Table(
        name="who_answers",
        frame=pd.DataFrame(rows, columns=["connector", *sides]),
        caption=f"Every connector of {now.server}: why it does or does not accept.",
        columns={key: columns[key] for key in ("connector", *sides)},
        reading="",
        tones={
            (names.index(side.winner), key): side.tone
            for key, side in sides.items()
            if side.winner and side.tone
        },
        empty="No connector was read.",
    )


def moved(now: WhoAnswers, trial: WhoAnswers) -> str:
    """Which of the servers over the ruler another connector accepts with the trial."""
    before = {(pin.label, pin.address): pin for pin in now.ruler.pins} if now.ruler else {}
    after = trial.ruler.pins if trial.ruler else ()
    pairs = [(before.get((pin.label, pin.address)), pin) for pin in after]
    changed = [(old, new) for old, new in pairs if old and old.answered_by != new.answered_by]
    if not changed:
        return "The trial changes nothing for the servers that connect here, or for this address."
    parts = [
        f"{new.label} ({new.address_label}): {_who(new)} instead of {_who(old)}"
        for old, new in changed
    ]
    return f"With this change another connector accepts: {'; '.join(parts)}."


def _who(pin: Pin) -> str:
    return pin.answered_by or "no connector"


@dataclass(frozen=True, slots=True)
class _Case:
    """A target before one address."""

    org: Snapshot
    target: Server
    connectors: Sequence[ReceiveConnector]
    question: Probe

    @property
    def family(self) -> Family:
        return 4 if self.question.source.version == 4 else 6

    @property
    def local(self) -> Address | None:
        """The local address asked for, else the first that is known."""
        mine = (
            address
            for address in addresses_of(self.org, self.target)
            if address.version == self.family
        )
        return self.question.local or next(mine, None)

    @property
    def answer(self) -> Answer:
        """Who answers the source there."""
        return self._ask(self.question.source)

    @property
    def source(self) -> str:
        """`10.0.0.11 (EX10A)`; the address alone where it is no server's."""
        names = joined(owner.name for owner in self._owners())
        return f"{self.question.source} ({names})" if names else str(self.question.source)

    def judged(self) -> tuple[Tone, str]:
        """Whether the answer is right for the source, where that is a server that sends here."""
        senders = [owner for owner in self._owners() if self._sends_here(owner)]
        return self._verdict(self.answer, senders[0]) if senders else ("", "")

    def ruler(self) -> Ruler:
        """The source, and the servers that send to this endpoint, over the ranges."""
        pins = list(self._pins())
        if int(self.question.source) not in {pin.address for pin in pins}:
            label = joined(owner.name for owner in self._owners()) or str(self.question.source)
            pins.insert(0, self._pin(label, self.question.source, None))
        return ruler_of(
            self.target,
            self.connectors,
            pins,
            port=self.question.port,
            family=self.family,
            process=self.answer.process,
        )

    def _pins(self) -> Iterator[Pin]:
        for sender in self.org.servers:
            if self._sends_here(sender):
                for address in addresses_of(self.org, sender):
                    if address.version == self.family:
                        yield self._pin(sender.name, address, sender)

    def _pin(self, label: str, address: Address, sender: Server | None) -> Pin:
        got = self._ask(address)
        tone: Tone = "unknown" if got.unknown else ""
        if sender:
            tone, _ = self._verdict(got, sender)
        certain = got.connector if got.unknown is None else None
        return Pin(label, str(address), int(address), tone, certain.name if certain else "")

    def _ask(self, address: Address) -> Answer:
        return answer(self.connectors, local=self.local, port=self.question.port, remote=address)

    def _owners(self) -> list[Server]:
        source = self.question.source
        return [server for server in self.org.servers if source in addresses_of(self.org, server)]

    def _sends_here(self, sender: Server) -> bool:
        places = endpoints(sender, self.target)
        return any(place.port == self.question.port for place in places)

    def _verdict(self, got: Answer, sender: Server) -> tuple[Tone, str]:
        """What an Exchange server meets there (S3.30)."""
        if got.unknown is not None:
            return "unknown", ""
        if got.connector is None:
            return "bad", ""
        downgraded = analyze(self.org).of(sender).downgraded
        said = assess_connector(got.connector, self.connectors, downgraded)
        state, cause, why = said.state, said.cause, said.why
        if state == "clear":
            return "good", "It accepts mail from Exchange servers."
        if state == "unknown":
            return (
                "unknown",
                f"Could not determine whether an Exchange server can authenticate: {why}.",
            )
        if not got.connector.offers_exchange_auth:
            return "bad", "It offers no Exchange Server authentication, so the server gives up."
        return "bad", f"{CAUSES[cause].title}." if cause else ""


def _reasons(document: Mapping[str, Any], case: _Case, winner: str) -> dict[str, str]:
    """Each connector in the order read, and why it does or does not answer."""
    otherwise = "that depends on the local address" if "differs" in document else NOT_KNOWN
    reasons = {connector.name: otherwise for connector in case.connectors}
    reasons |= {
        _name(loser["connector"]): loser["reason"] or NOT_KNOWN for loser in document["others"]
    }
    first = case.answer.connector
    if winner:
        size = counted(document["size"], "address", "addresses")
        reasons[winner] = f"accepts: {document['range']} ({size}) is the most specific range"
    elif first and "differs" not in document:
        reasons[first.name] = "would accept, by the data available"
    return reasons


def _words(document: Mapping[str, Any], source: str) -> str:
    where = f"on {document['server']}, port {document['port']}"
    if "differs" in document:
        ways = (
            f"{way['local']}: {way['connector'] or 'none known'}" for way in document["differs"]
        )
        return (
            f"Which connector accepts {source} {where} depends on the local address: "
            f"{'; '.join(ways)}."
        )
    if document["unknown"]:
        return (
            f"Could not determine which connector accepts {source} {where}: {document['unknown']}."
        )
    if not document["connector"]:
        return f"No connector accepts {source} {where}: the client reads {NO_MATCH_REPLY}."
    return f"{_name(document['connector'])} accepts {source} {where}."


def _name(identity: str) -> str:
    return identity.partition("\\")[2]
