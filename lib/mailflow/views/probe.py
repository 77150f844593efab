"""What targets offer one sender, beside what configuration predicts: `mailflow probe`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mailflow.analysis.analysis import Analysis, analyze
from mailflow.analysis.paths import MailPath
from mailflow.analysis.places import hidden_servers
from mailflow.analysis.servers import ServerView
from mailflow.errors import UsageError
from mailflow.exchange.ehlo import (
    EhloAttempt,
    EhloObservation,
    Offered,
    is_masked,
    judged,
    predicted_keywords,
)
from mailflow.exchange.ranges import Address
from mailflow.phrases import joined
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot
from mailflow.views.which import Probe, which

OfferState = Literal["offers", "lacks", "not-reached", "unknown"]

_HELLO = re.compile(r"[0-9A-Za-z]([0-9A-Za-z._-]{0,253}[0-9A-Za-z])?")
_SOCKETS = {
    10051: "no route leads to it (10051)",
    10060: "the connection timed out (10060)",
    10061: "the connection was refused (10061)",
    10065: "no route leads to it (10065)",
}
_ENDS = {
    "timed-out": "the time was over",
    "closed": "the target closed the connection",
    "too-long": "the target sent more than any reply can hold",
    "failed": "the connection failed",
}


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """A target before it is asked.

    Attributes:
        view: the server.
        address: one of its addresses; None: none is known.
        port: where the sender connects (section 4.1); 0: not known.
        predicted: sender's address to the answer of `which`: the connector that accepts it.
    """

    view: ServerView
    address: Address | None
    port: int
    predicted: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A target after it was asked.

    Attributes:
        target: which.
        attempt: what came of it.
        state: whether it offers what the sender needs.
        connector: the predicted connector; None: none, or not known.
        unknown: why the prediction is not known, or what is predicted where no connector accepts;
            "" where `connector` is set.
        needed: EHLO keywords that this sender needs.
        lacks: those of them that were not offered.
        why: in words, what was found.
        notes: what else the reply shows, sentences about this target.
    """

    target: ProbeTarget
    attempt: EhloAttempt
    state: OfferState
    connector: str | None
    unknown: str
    needed: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    why: str = ""
    notes: tuple[str, ...] = ()


def sender_of(org: Snapshot, name: str) -> ServerView:
    """The server that is to send EHLO.

    Raises:
        UsageError: no server of this name was read.
    """
    return _server(analyze(org), name)


def targets_of(org: Snapshot, sender: ServerView, names: Sequence[str] = ()) -> list[ProbeTarget]:
    """Where a sender's mail inside the organization arrives: each server, address and port.

    Args:
        org: the organization.
        sender: one of its servers.
        names: only these targets; empty: all servers that it sends to.

    Raises:
        UsageError: a target that was not read, or that the sender sends nothing to.
    """
    analysis = analyze(org)
    wanted = [_server(analysis, name) for name in names]
    found: dict[tuple[str, Address | None, int], ProbeTarget] = {}
    for path in analysis.paths:
        target = path.target
        is_meant = target in wanted if wanted else target.server is not sender.server
        if path.sender.server is not sender.server or not is_meant:
            continue
        port = path.endpoint.port if path.endpoint else 0
        for address in _addresses(path):
            entry = found.setdefault(
                (target.name, address, port), ProbeTarget(target, address, port, {})
            )
            if path.address is not None and port:
                question = Probe(target.name, path.address, address, port)
                entry.predicted[str(path.address)] = which(org, question)
    known = {entry.view.name for entry in found.values()}
    for view in wanted:
        if view.name not in known:
            raise UsageError(
                f"as far as was read, {sender.name} sends no mail to {view.name} directly: leave "
                "out --to for the servers that it sends to"
            )
    return list(found.values())


def _addresses(path: MailPath) -> Sequence[Address | None]:
    """Where it may arrive: a path stands for those that are alike; None alone: not known."""
    target, mine = path.target, path.target.addresses
    if path.address is not None:  # of another family there is no connection (S1.17)
        mine = target.of_family(4 if path.address.version == 4 else 6)
    found = dict.fromkeys([*mine, *([path.local] if path.local else [])])
    return tuple(found) or (() if target.addresses else (None,))


def unaskable(target: ProbeTarget) -> str:
    """Why a target cannot be asked, a clause; empty: it can."""
    if not target.port:
        return "the port on which mail arrives is unknown: its version was not read"
    if target.address is None:
        return "no address of it is known; add it to addresses.csv"
    return ""


def questions_of(sender: ServerView, targets: Sequence[ProbeTarget]) -> list[EhloObservation]:
    """What is asked of whom, as observations that are to be filled in.

    Raises:
        UsageError: the sender has no name that can stand behind EHLO.
    """
    hello = sender.server.fqdn or sender.name
    if not _HELLO.fullmatch(hello):
        raise UsageError(f"{one_line(hello)} is not a host name, so EHLO cannot be sent with it")
    return [
        EhloObservation(
            sender=sender.name,
            target=target.view.name,
            address=str(target.address or ""),
            port=target.port or None,
            hello=hello,
        )
        for target in targets
    ]


def judge(sender: ServerView, target: ProbeTarget, attempt: EhloAttempt) -> ProbeResult:
    """Whether one target offers what this sender needs (S5.03), by a whole reply alone."""
    observed = attempt.observed
    connector, unknown = _predicted(target, observed)
    offered = _judged(sender, target, observed.keywords)
    state, why = _state(attempt)
    if state == "offers" and offered.lacks:
        what = "both" if len(offered.lacks) > 1 else offered.lacks[0]
        state, why = "lacks", f"lacks {what}"
    if state in ("offers", "lacks") and observed.complete and not offered.is_certain:
        setting = "UseDowngradedExchangeServerAuth of the sender, or the role of both, was not read"
        state, why = "unknown", f"offers {_shown(observed) or 'neither'}; {setting}"
    return ProbeResult(
        target,
        attempt,
        state,
        connector,
        unknown,
        offered.needed,
        offered.lacks if observed.complete else (),
        why,
        tuple(_notes(sender, target, observed, connector, state)),
    )


def keywords_that_matter(observed: EhloObservation) -> tuple[str, ...]:
    """Of the keywords those by which connectors differ, without parameters (section 3.6)."""
    words = (keyword.split()[0] for keyword in observed.keywords)
    return tuple(word for word in words if word.upper() in _MATTER)


_MATTER = frozenset({"STARTTLS", "X-ANONYMOUSTLS", "X-EXPS"})


@dataclass(frozen=True, slots=True)
class Probed:
    """All that one command asked.

    Attributes:
        source: as it was named.
        sender: name of the server that sent EHLO.
        results: of each target.
        hidden: why there may be servers that were not read, so that not all targets are here;
            empty where the targets were named.
        failed: why nothing was sent, a sentence; "" something was.
        lines: PowerShell to paste in its place.
    """

    source: str
    sender: str
    results: tuple[ProbeResult, ...] = ()
    hidden: tuple[str, ...] = ()
    failed: str = ""
    lines: tuple[str, ...] = ()

    @property
    def state(self) -> OfferState:
        """Of all together: what one lacks goes before what is not known."""
        states = {result.state for result in self.results}
        order: tuple[OfferState, ...] = ("lacks", "not-reached", "unknown")
        worst = next((state for state in order if state in states), None)
        return worst or ("offers" if states and not self.hidden else "unknown")

    @property
    def exit_code(self) -> int:
        """0 all offer what is needed, 1 one does not, 2 something is not known (contract, 4)."""
        return {"offers": 0, "lacks": 1}.get(self.state, 2)

    @property
    def summary(self) -> str:
        """The answer in a sentence or two."""
        if self.failed:
            return self.failed
        sender, results = self.sender, self.results
        if not results:
            return f"There is no server in the data to which {sender} sends."
        lack, good = self._names("lacks"), self._names("offers")
        good = [name for name in good if name not in lack]
        needed = f"{sender} what an Exchange server needs"
        parts = []
        if lack:
            parts.append(f"{joined(lack)} {'do' if len(lack) > 1 else 'does'} not offer {needed}")
        if good:
            verb = "offers" if len(good) == 1 else "offer"
            parts.append(f"{joined(good)} {verb} {'it' if lack else needed}")
        for words, names in (
            ("not reached", self._names("not-reached")),
            ("not decided", self._names("unknown")),
        ):
            if names:
                parts.append(f"{words}: {joined(names)}")
        if self.hidden:
            parts.append(f"there may be other servers, which were not read ({self.hidden[0]})")
        return "; ".join(parts) + "."

    def _names(self, state: OfferState) -> list[str]:
        """The servers of which a target has this state."""
        found = (each.target.view.name for each in self.results if each.state == state)
        return list(dict.fromkeys(found))

    def as_json(self) -> dict[str, Any]:
        """The document with the keys of the contract, section 3 (`mailflow.probe/1`)."""
        return {
            "schema": "mailflow.probe/1",
            "source": self.source,
            "simulated": self.source.startswith("demo:"),
            "sender": self.sender,
            "state": self.state,
            "summary": self.summary,
            "targets": [_as_json(result) for result in self.results],
            "lines": list(self.lines),
        }


def probed(
    org: Snapshot, source: str, sender: ServerView, results: Sequence[ProbeResult], *, named: bool
) -> Probed:
    """The results together; `named`: only these targets were asked for."""
    hidden = () if named else tuple(hidden_servers(org))
    return Probed(source, sender.name, tuple(results), hidden)


def _server(analysis: Analysis, name: str) -> ServerView:
    view = analysis.server(name)
    if view is None:
        known = joined(sorted(each.name for each in analysis.servers)) or "none"
        raise UsageError(f"no server called {name} in the data; it contains: {known}")
    return view


def _predicted(target: ProbeTarget, observed: EhloObservation) -> tuple[str | None, str]:
    """The connector that configuration predicts; else why none is named.

    S5.30: the reply names the address that was seen; else all addresses of the sender count.
    """
    seen = target.predicted.get(observed.seen_as)
    answers = [seen] if seen else list(target.predicted.values())
    if not answers:
        return None, "no address of the sender is known"
    unknown = next((each["unknown"] for each in answers if each["unknown"]), None)
    if unknown:
        return None, str(unknown)
    names = {each["connector"] for each in answers}
    if len(names) > 1:
        return None, "it depends on the address that the sender uses"
    (name,) = names
    return name, "" if name else "none matches"


def _state(attempt: EhloAttempt) -> tuple[OfferState, str]:
    """How far the session came, and what that says by itself."""
    observed, why = attempt.observed, attempt.why
    if attempt.stage == "nowhere":
        return "not-reached", why
    if attempt.stage == "sender":
        return "not-reached", f"{observed.sender} could not send EHLO: {why}"
    if why == "refused":
        return "lacks", f"it refuses the session: {observed.banner}"
    if attempt.stage == "connect":
        ends = _ENDS.get(why, "the connection failed")
        return "not-reached", f"not reached: {_SOCKETS.get(attempt.code, ends)}"
    if attempt.stage == "banner":
        return "not-reached", f"no whole banner: {_ENDS.get(why, why)}"
    if attempt.stage == "reply":
        return "unknown", f"no whole reply: {_ENDS.get(why, why)}"
    first = next(iter(observed.lines), "")
    if len(observed.lines) == 1 and first.startswith("5"):
        return "lacks", f"it refuses EHLO: {first}"  # S5.04
    if not observed.complete:
        return "unknown", "the reply is not one that SMTP allows"
    return "offers", "offered"


def _shown(observed: EhloObservation) -> str:
    return joined(keywords_that_matter(observed))


def _notes(
    sender: ServerView,
    target: ProbeTarget,
    observed: EhloObservation,
    connector: str | None,
    state: OfferState,
) -> list[str]:
    notes = []
    if any(is_masked(keyword) for keyword in observed.keywords):
        notes.append("keywords are masked with X: a network device alters the SMTP session")
    own = set(map(str, sender.addresses))
    if observed.seen_as and own and observed.seen_as not in own:
        notes.append(
            f"the connection is seen to come from {observed.seen_as}, which is no known address "
            f"of {sender.name}: NAT or a proxy on the way, or an address is missing in the data"
        )
    expected = next((each for each in target.view.connectors if each.identity == connector), None)
    if expected and expected.auth is not None and observed.complete:
        would = not _judged(sender, target, predicted_keywords(expected)).lacks
        if would != (state == "offers") and state in ("offers", "lacks"):
            does = "offers" if would else "does not offer"
            notes.append(
                f"the predicted connector {does} what is needed by its configuration: another "
                "host, connector or device may have answered, its certificate may be lost, or it "
                "was changed since"
            )
    return notes


def _judged(sender: ServerView, target: ProbeTarget, keywords: Sequence[str]) -> Offered:
    edges = sender.server.is_edge, target.view.server.is_edge
    with_edge = True if True in edges else None if None in edges else False
    return judged(keywords, downgraded=sender.downgraded, with_edge=with_edge)


def _as_json(result: ProbeResult) -> dict[str, Any]:
    observed = result.attempt.observed
    return {
        "server": result.target.view.name,
        "address": observed.address or None,
        "port": result.target.port or None,
        "written": observed.written.isoformat() if observed.written else None,
        "state": result.state,
        "why": one_line(result.why),
        "predicted": result.connector,
        "not_predicted": result.unknown or None,
        "needed": list(result.needed),
        "lacks": list(result.lacks),
        "keywords": list(observed.keywords),
        "seen_as": observed.seen_as or None,
        "complete": observed.complete,
        "winsock": result.attempt.code or None,
        "hello": observed.hello,
        "banner": observed.banner or None,
        "reply": list(observed.lines),
        "notes": list(result.notes),
    }
