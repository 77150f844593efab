"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mailflow.analysis.assessment import Lead
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.paths import MailPath
from mailflow.analysis.queues import QueueCase
from mailflow.analysis.servers import ServerView
from mailflow.exchange.commands import filled
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.exchange.servers import Generation
from mailflow.phrases import capital, counted, either, joined

State = Literal["found", "unknown", "clear", "not-applicable"]
Scope = Literal["incident", "audit", "both", "text"]
"""Where a check is used: on stuck mail, on connectors without an incident, or on an error text."""


@dataclass(frozen=True, slots=True)
class Card:
    r"""What people are told of a cause, whatever it was found on.

    Braces in commands hold what the engineer fills in: `{target}` and `{sender}` are servers,
    `{connector}` is `SERVER\Name`.

    Attributes:
        id: the public name (contract, section 7).
        title: a few words for a heading.
        meaning: what happens, and why mail stands still; two or three sentences.
        evidence_for: what speaks for this cause.
        evidence_against: what speaks against it.
        confirm: commands and steps, in order, that decide it; they change nothing.
        fix: commands and steps that repair it; proposals, for a person to decide.
        sources: fact ids, or sections of the facts.
    """

    id: str
    title: str
    meaning: str
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    confirm: tuple[str, ...]
    fix: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Finding:
    """One cause at one server and connector.

    Attributes:
        check: the check that made it.
        state: found, unknown, clear or not applicable.
        server: the target; None where several are possible.
        connector: the connector at fault; None where no connector's configuration is.
        paths: the mail paths that carry the state.
        queues: the stuck queues that it explains.
        evidence: what only this check knows of it.
        note: what is to be added to the check's own sentences.
        named: names of the servers it concerns, where these are not those of its paths.
        harm: how many hosts outside it lets do what they should not; in an audit the most first.
    """

    check: Check
    state: State
    server: ServerView | None = None
    connector: ReceiveConnector | None = None
    paths: tuple[MailPath, ...] = ()
    queues: tuple[QueueCase, ...] = ()
    evidence: object = None
    note: str = ""
    named: tuple[str, ...] | None = None
    harm: int = 0

    @property
    def id(self) -> str:
        """The public id of the cause."""
        return self.check.id

    @property
    def senders(self) -> tuple[str, ...]:
        """Names of the servers whose mail it concerns, each once."""
        if self.named is not None:
            return self.named
        names = [path.sender.name for path in self.paths]
        names += [] if names else [case.queue.server for case in self.queues]
        return tuple(dict.fromkeys(names))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The senders' addresses that it was found on, each once."""
        own = self.evidence.addresses if isinstance(self.evidence, ConnectorWords) else ()
        return own or tuple(dict.fromkeys(str(path.address) for path in self.paths if path.address))

    @property
    def port(self) -> str:
        """The ports of its paths, for sentences."""
        return joined(dict.fromkeys(path.endpoint.port for path in self.paths if path.endpoint))


@dataclass(frozen=True, slots=True)
class ConnectorWords:
    """The evidence of a check that is told connector by connector.

    Attributes:
        reading: what was read, and what it means.
        advice: what to do; empty: nothing.
        addresses: of the servers it concerns.
    """

    reading: str
    advice: str = ""
    addresses: tuple[str, ...] = ()


def in_own_words(findings: Sequence[Finding]) -> str:
    """The reading of each in a row; nothing of those whose evidence is none of a connector."""
    return " ".join(
        each.evidence.reading for each in findings if isinstance(each.evidence, ConnectorWords)
    )


def own_advice(finding: Finding) -> str:
    """Empty: nothing is to be done, or its evidence is none of a connector."""
    return finding.evidence.advice if isinstance(finding.evidence, ConnectorWords) else ""


StuckKind = Literal["refused", "empty", "unread", "elsewhere"]


@dataclass(frozen=True, slots=True)
class NoStep:
    """Why a repair cannot go on.

    Attributes:
        kind: refused: Exchange would not take it. unread: a value that would be replaced was not
            read. elsewhere: something else stands in the way.
        connector: whose value stands in the way; None: none is to blame.
        text: why, and what to do instead.
        command: what to type for that; empty: nothing.
    """

    kind: StuckKind
    connector: str | None
    text: str
    command: str = ""


RepairStep = Sequence[ReceiveConnector] | NoStep
"""All connectors of a server after one step of a repair, or why there is none."""

Stepper = Callable[[ServerView, Sequence[MailPath]], RepairStep]
"""Takes a server as it would be at that moment, and the paths to it that fail for one reason."""


@dataclass(frozen=True, eq=False)
class Check:
    """A cause, how it is told, and how it is repaired.

    Attributes:
        card: its texts.
        scope: where it is used.
        explain: what was found, in sentences, for findings of this check that are alike in state.
        advise: what to look at or to do where there is no repair; commands on lines of their own.
        step: one step of its repair; None: no command of a receive connector repairs it.
    """

    card: Card
    scope: Scope
    explain: Callable[[Sequence[Finding]], str]
    advise: Callable[[Finding], str]
    step: Stepper | None = None

    @property
    def id(self) -> str:
        """The public id of the cause."""
        return self.card.id


# -- What several checks say and do ----------------------------------------------------------------


def tell(
    findings: Sequence[Finding], sentences: Callable[[Finding, str], str], *, joint: bool = False
) -> str:
    """What configuration shows, for findings of one check and state.

    Args:
        findings: at least one.
        sentences: says it of a finding; its second argument is the place, `On port 25 of EX16A`.
        joint: whether alike findings on several servers are told in one sentence.
    """
    first, *others = findings
    if isinstance(first.evidence, ConnectorWords):
        return in_own_words(findings)
    if first.state == "unknown":
        return _undetermined(findings)
    if first.state == "clear":
        return _nothing(first.evidence)
    if not others:
        return sentences(first, f"On port {first.port} of {_name(first)}" if first.port else "")
    servers = joined(_name(each) for each in findings)
    alike = {(each.connector.name if each.connector else "", each.senders) for each in findings}
    if joint and len(alike) == 1:
        return sentences(first, f"On {servers}")
    rest = [_name(each) for each in others]
    elsewhere = [name for name in dict.fromkeys(rest) if name != _name(first)]
    if not elsewhere:
        names = joined(each.connector.name for each in others if each.connector)
        return (
            f"{tell([first], sentences)} The same applies to {names}."
            if names
            else tell([first], sentences)
        )
    are = "is" if len(elsewhere) == 1 else "are"
    return f"{tell([first], sentences)} {joined(elsewhere)} {are} affected in the same way."


def _nothing(paths: object) -> str:
    """What a clear entry rests on: so many mail paths."""
    number = paths if isinstance(paths, int) else None
    return f"{counted(number, 'mail path')} checked; none has this fault."


def _undetermined(findings: Sequence[Finding]) -> str:
    senders = joined(name for each in findings for name in each.senders)
    servers = joined(dict.fromkeys(map(_name, findings)))
    ports = {path.endpoint.port for each in findings for path in each.paths if path.endpoint}
    port = joined(sorted(ports))
    where = f"{servers} (port {port})" if port else servers
    reasons = joined(dict.fromkeys(path.why for each in findings for path in each.paths), most=2)
    why = f": {reasons}" if reasons else ""
    told = f"Could not determine whether mail from {senders} is accepted on {where}{why}."
    return " ".join([told, *_conditions(findings)])


def _conditions(findings: Sequence[Finding]) -> list[str]:
    """What the cause would be if a sender had certain addresses, or if nothing else was there."""
    groups: dict[tuple[str, object], tuple[Lead, dict[str, None]]] = {}
    for path in (path for each in findings for path in each.paths):
        for lead in path.leads:
            key = (lead.connector.identity, lead.blocks)
            groups.setdefault(key, (lead, {}))[1][path.sender.name] = None
    return [_condition(lead, list(names)) for lead, names in groups.values()]


def _condition(lead: Lead, senders: Sequence[str]) -> str:
    connector = lead.connector
    name = f"{connector.name} on {connector.server}"
    if lead.blocks:
        blocks = either(map(format_range, lead.blocks), most=_MOST_BLOCKS)
        return f"If {either(senders)} sends from {blocks}, {name} is the cause."
    return (
        f"Of the exported connectors, {name} accepts {joined(senders)} and does not offer what "
        "Exchange servers need."
    )


_MOST_BLOCKS = 6
"""Ranges that a sentence names; the connector's own list has them all."""


def _name(finding: Finding) -> str:
    return finding.server.name if finding.server else ""


def fill_in(finding: Finding) -> str:
    """What to export so that an undetermined finding can be decided; a command a line."""
    if isinstance(finding.evidence, ConnectorWords):
        return finding.evidence.advice
    groups: dict[tuple[str, str], list[str]] = {}
    for path in finding.paths:
        missing = path.missing
        key = (missing.how, missing.command) if missing else ("", "")
        groups.setdefault(key, []).append(path.why)
    lines: list[str] = []
    for (how, command), reasons in groups.items():
        if not how:
            continue  # no export decides it
        said = joined(dict.fromkeys(filter(None, reasons)), most=3)
        head = f"{capital(said)}." if said else ""
        lines += [" ".join(filter(None, (head, how))), command]
    if finding.state == "unknown":
        lines += [line for path in finding.paths if not path.missing for line in log_of(path)]
    return "\n".join(dict.fromkeys(filter(None, lines)))


def log_of(path: MailPath) -> tuple[str, ...]:
    """Where the target's receive log is, which names the connector of each session (S7.26)."""
    server, endpoint = path.target, path.endpoint
    if server.generation is Generation.LEGACY:
        cmdlet = "Get-TransportServer"
    elif endpoint and endpoint.process is TransportRole.FrontendTransport:
        cmdlet = "Get-FrontendTransportService"
    else:
        cmdlet = "Get-TransportService"
    return (
        f"In the receive log of {server.name}, connector-id names who accepted each session:",
        filled(
            f"{cmdlet} {{target}} | Format-List ReceiveProtocolLogPath", {"target": server.name}
        ),
    )


def stop(senders: Sequence[str]) -> str:
    """`EX10A stops`, `EX10A and EX10B stop`."""
    return f"{joined(senders)} {'stops' if len(senders) == 1 else 'stop'}"


def addresses_in_words(finding: Finding) -> str:
    """`EX10A (10.0.0.11) and EX10B (10.0.0.12)`."""
    return joined(
        f"{path.sender.name} ({path.address})" for path in finding.paths if path.address
    ) or joined(finding.senders)


def each_changed(
    view: ServerView,
    paths: Sequence[MailPath],
    change: Callable[[ReceiveConnector], ReceiveConnector | NoStep],
) -> RepairStep:
    """All connectors of a server, those at fault on these paths changed."""
    wanted = {path.connector.identity.casefold() for path in paths if path.connector}
    result: list[ReceiveConnector] = []
    for each in view.connectors:
        made = change(each) if each.identity.casefold() in wanted else each
        if isinstance(made, NoStep):
            return made
        result.append(made)
    return result


def changed(view: ServerView, connector: ReceiveConnector) -> list[ReceiveConnector]:
    """All connectors of a server, this one in place of the one with its identity."""
    wanted = connector.identity.casefold()
    return [connector if each.identity.casefold() == wanted else each for each in view.connectors]


def not_read(parameter: str, connector: ReceiveConnector, view: ServerView) -> NoStep:
    """A value that was not read is never written."""
    return NoStep(
        "unread",
        connector.identity,
        f"{parameter} of {connector.identity} was not exported in full, so no command is given. "
        "Export all properties, then rerun:",
        Missing(view.name, CONNECTORS).command,
    )


def try_removing(connector: ReceiveConnector, elements: Iterable[AddressRange]) -> str:
    """The command that shows whom it moves when these elements leave a connector's list."""
    known = {
        "server": connector.server,
        "connector": connector.name,
        "ranges": ",".join(map(str, elements)),
    }
    return filled(
        "mailflow whatif {source} --server {server} --connector {connector} --remove {ranges}",
        known,
    )


# -- Commands that many cards name -----------------------------------------------------------------

LIST_CONNECTORS = (
    "$FormatEnumerationLimit = -1; Get-ReceiveConnector -Server {target} | Format-List Identity, "
    "Enabled, TransportRole, Bindings, RemoteIPRanges, AuthMechanism, PermissionGroups, "
    "SuppressXAnonymousTls"
)
ADDRESSES = "Get-NetworkConnectionInfo {sender} | Format-List Name, IPAddresses"
PROBE = (
    "See which EHLO keywords {target} offers {sender}; from another host a different connector may "
    "accept the connection. By hand on {sender}: telnet {target} 25, EHLO {sender}, QUIT. With "
    "mailflow: mailflow probe {source} --from {sender} --to {target}"
)
RETRY = 'Retry-Queue -Identity "{queue}"'
COMPONENTS = "Get-ServerComponentState {target} | Format-List ServerFqdn, Component, State"
ENTRIES = "Format-List Identity, User, Deny, ExtendedRights, IsInherited"
"""What shows the entries of an access list in a form that mailflow reads as well."""
REACH = (
    "On the sending server (before Windows Server 2012 R2: telnet): Test-NetConnection {target} "
    "-Port 25"
)
