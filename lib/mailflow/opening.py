"""One SOURCE in, a snapshot out: the only module that knows every way in (contract, section 2)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mailflow import parameter_cell
from mailflow.errors import InputError, MailflowError, UsageError
from mailflow.snapshot import (
    ObservedOffer,
    ObservedSessions,
    Read,
    Snapshot,
    from_document,
    load,
)
from mailflow.this_run import place, run_folder, run_source

if TYPE_CHECKING:
    from mailflow.apply.live import LiveOrganisation
    from mailflow.simulated.practice import Practice
    from mailflow.sources.collect import CollectOutcome, Plan
    from mailflow.sources.credentials import LiveOptions
    from mailflow.sources.remote import RemoteOptions
    from mailflow.sources.shell import Doors

EXPECTED = (
    "a file, folder or zip with exports, a saved snapshot, demo:NAME, exchange://HOST or "
    "winrm://HOST"
)

_SCHEMES = {
    "exchange://": ("exchange", "http"),
    "exchange+https://": ("exchange", "https"),
    "winrm://": ("winrm", "https"),
    "winrm+http://": ("winrm", "http"),
}
"""How a live SOURCE begins: the road, and how it travels."""

LIVE = tuple(_SCHEMES)
"""The same beginnings, in the order in which a host without one is tried."""


class LiveSource(NamedTuple):
    """A live organization as SOURCE names it: where to enter, and how.

    Attributes:
        scheme: https or http.
        host: name or address of an Exchange server.
        port: 0: the usual one of the scheme.
        road: `exchange`, the management shell's own endpoint, or `winrm`.
    """

    scheme: str
    host: str
    port: int
    road: str = "winrm"


class Probeable(NamedTuple):
    """A live organization of which servers may be asked to send EHLO.

    Attributes:
        org: what was read of it.
        doors: lead to its servers.
        entry: the server that was entered.
    """

    org: Snapshot
    doors: Doors
    entry: str


def scenarios() -> tuple[tuple[str, str], ...]:
    """The practice organizations: what stands behind `demo:`, and a title for people."""
    from mailflow.simulated import scenarios as known

    return tuple((name, known.title(name)) for name in known.names())


def open_source(
    source: str,
    *,
    servers: Sequence[str] = (),
    evidence: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
    live: LiveOptions | None = None,
) -> Snapshot:
    """The organization behind a SOURCE, as far as it can be read.

    In an unattended run the organization was read before the notebook started: its snapshot in the
    folder that MAILFLOW_RUN names is taken, so that the run judges what it keeps.

    Args:
        source: `demo:NAME`, the path of exports or of a saved snapshot, `exchange://HOST` or
            `winrm://HOST`.
        servers: only paths that begin or end at these servers are judged; empty: all.
        evidence: files, folders or zips with protocol logs and EHLO replies beside SOURCE; in a
            unattended run they were read with it.
        tell: is called with a line for people before something that may take a while.
        live: how to sign in to a live organization; where it says nothing, and in a notebook, the
            environment variables MAILFLOW_USER and its like do.

    Raises:
        UsageError: no such form of SOURCE, no such scenario or server, or a sign-in that cannot be.
        InputError: nothing could be read; names file and place. A live organization that does not
            answer is no error: its rows of *unread* say so.
    """
    if run_folder():
        _environment()  # at once: what the kernel starts later is to inherit no secret
    bare = source.strip()
    if parameter_cell.is_notebook():
        parameter_cell.refuse_unknown_parameters()
        bare = bare or parameter_cell.source_or_form(scenarios(), _acceptable)
    org = _of_this_run(bare)
    if org is None:
        try:
            org = _opened(bare, tell, live)
        except MailflowError:
            parameter_cell.forget_choice()
            raise
        for file in evidence:
            org = _with_evidence(org, file, tell)
    return org.limited_to(tuple(servers)) if servers else org


def is_live(source: str) -> bool:
    """By how it begins alone: `live_source` says whether the rest can be read."""
    return source.strip().startswith(tuple(_SCHEMES))


def live_source(source: str) -> LiveSource:
    """Take `exchange://HOST`, `winrm://HOST`, `winrm+http://HOST` and the like apart.

    Raises:
        UsageError: it is none; says what is expected.
    """
    bare = source.strip()
    start = next((scheme for scheme in _SCHEMES if bare.startswith(scheme)), "")
    rest = bare.removeprefix(start).removesuffix("/")
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]{1,253})(?::(\d{1,5}))?", rest)
    port = int(found[2] or 0) if found else 0
    if not start or found is None or port > 65535 or found[2] == "0":
        raise UsageError(
            f"{source}: expected exchange://HOST, exchange+https://HOST, winrm://HOST or "
            "winrm+http://HOST, each with :PORT where it is not the usual one"
        )
    road, scheme = _SCHEMES[start]
    return LiveSource(scheme, found[1].strip("[]"), port, road)


def _acceptable(source: str) -> None:
    """Refuse what cannot be a source, before anything is read.

    Raises:
        MailflowError: no such path, or no such form of a live source.
    """
    if is_live(source):
        live_source(source)
    elif not source.startswith("demo:") and not _exists(place(source)):
        raise InputError(f"{source}: no such file or folder")


def _of_this_run(source: str) -> Snapshot | None:
    """The snapshot that an unattended run has collected already; None outside of one.

    A run may open other sources beside its own, so MAILFLOW_SOURCE says which one was collected, as
    it was given. Without it the origin of a scenario or a live organization does; a path is then
    compared with nothing, for a notebook runs in another folder than the command.
    """
    folder = run_folder()
    file = folder / "snapshot" if folder else None
    if file is None or not file.is_file():
        return None
    given = run_source()
    if given:
        return load(file) if source == given else None
    org = load(file)
    is_path = not (source.startswith("demo:") or is_live(source))
    return org if is_path or org.origin == source else None


def _opened(source: str, tell: Callable[[str], None] | None, live: LiveOptions | None) -> Snapshot:
    if source.startswith("demo:"):
        return _demo(source.removeprefix("demo:"), source)
    if is_live(source):
        return _live(source, tell or _say, live)
    if not source or "://" in source:
        raise UsageError(f"{source or 'an empty SOURCE'}: expected {EXPECTED}")
    if tell:
        tell(f"reading {source}")
    return _captures(place(source), source, tell)


def _demo(name: str, source: str) -> Snapshot:
    """A simulated organization at its start, read as a live one is, without a network."""
    from mailflow.simulated.practice import Practice

    return practice_snapshot(Practice.begin(name), source)


def practice_snapshot(practice: Practice, source: str) -> Snapshot:
    """A simulated organization as it is now, read in this process, with the logs fetched there."""
    from mailflow.simulated.doors import PracticeDoors
    from mailflow.sources.collect import Plan

    plan = Plan(now=lambda: practice.clock.now)
    org = _collected(source, PracticeDoors(practice), practice.entry, lambda _: None, plan)
    offers, observed = _of_logs(practice)
    # No reads: nothing was on its way anywhere.
    return replace(
        org, reads=(), offers=(*org.offers, *offers), observed=(*org.observed, *observed)
    )


def _of_logs(
    practice: Practice,
) -> tuple[tuple[ObservedOffer, ...], tuple[ObservedSessions, ...]]:
    """What the protocol logs show that somebody has fetched, by the readers of real ones."""
    from mailflow.simulated.protocol_logs import log_files
    from mailflow.sources.logs.kinds import SEND, kind_of_log
    from mailflow.sources.logs.receive import ReceiveLog
    from mailflow.sources.logs.send import SendLog

    sent, received = SendLog(), ReceiveLog()
    for text in log_files(practice.logs).values():
        log = sent if kind_of_log(text) == SEND else received
        log.read(text.splitlines())
    return sent.sessions(), received.sessions()


def live_organisation(source: str, live: LiveOptions | None = None) -> LiveOrganisation:
    """A live organization within reach of somebody who may change it.

    Raises:
        UsageError: the sign-in cannot be tried as it was asked for.
    """
    from mailflow.apply.live import LiveOrganisation

    doors, way, host = live_doors(source, live, writing=True)
    return LiveOrganisation(
        source, doors, host, lambda tell: _read_through(source, doors, way, host, tell)
    )


def _live(source: str, tell: Callable[[str], None], live: LiveOptions | None) -> Snapshot:
    """Everything that an organization's servers tell of themselves.

    Raises:
        UsageError: the sign-in cannot be tried as it was asked for.
    """
    doors, way, host = live_doors(source, live)
    return _read_through(source, doors, way, host, tell)


def _read_through(
    source: str, doors: Doors, way: RemoteOptions, host: str, tell: Callable[[str], None]
) -> Snapshot:
    from mailflow.sources.collect import Plan, dns

    plan = Plan(way.seconds, way.each, resolver=dns, unresolved=tuple(way.resolve))
    org = _collected(source, doors, host, tell, plan)
    if not org.servers:
        _answers.clear()  # it may have been a wrong password: ask again
    return org


def live_doors(
    source: str,
    live: LiveOptions | None = None,
    *,
    writing: bool = False,
    probing: bool = False,
) -> tuple[Doors, RemoteOptions, str]:
    """What leads to a live organisation: doors, how they are reached, and the host to enter at.

    Args:
        source: `exchange://HOST`, `winrm://HOST` and their like.
        live: how to sign in, before what the environment says.
        writing: whether the two cmdlets that change something may be asked too.
        probing: whether a server may be asked to send EHLO to others.

    Raises:
        UsageError: the sign-in cannot be tried as it was asked for.
    """
    from mailflow.powershell import INVOKE, script
    from mailflow.sources.credentials import LiveOptions, target
    from mailflow.sources.psrp.options import ExchangeOptions
    from mailflow.sources.psrp.shell import ExchangeDoors
    from mailflow.sources.winrm.shell import WinrmDoors

    where = live_source(source)
    known = _environment()
    options = (live or LiveOptions()).over(LiveOptions.from_environment(known))
    way = target(
        options,
        scheme=where.scheme,
        port=where.port,
        entry=where.host,
        road=where.road,
        environ=known,
        ask=asking(),
    )
    if isinstance(way, ExchangeOptions):
        return ExchangeDoors(way, writing=writing), way, where.host
    doors = WinrmDoors(way, script(INVOKE), writing=writing, probing=probing)
    return doors, way, where.host


@contextmanager
def within_reach(
    source: str, tell: Callable[[str], None], live: LiveOptions | None = None
) -> Iterator[Probeable | None]:
    """An organization read, and doors through which its servers may be asked for EHLO.

    A person is asked for a password once. None: nobody can be asked behind this SOURCE; Exchange's
    own endpoint runs cmdlets alone (S8.06).

    Raises:
        UsageError: the sign-in cannot be tried as it was asked for, or no such scenario.
    """
    bare = source.strip()
    if is_live(bare) and live_source(bare).road == "winrm":
        doors, way, host = live_doors(bare, live, probing=True)
        yield Probeable(_read_through(bare, doors, way, host, tell), doors, host)
    elif bare.startswith("demo:"):
        from mailflow.simulated.doors import PracticeDoors
        from mailflow.simulated.practice import Practice
        from mailflow.simulated.smtp import PracticeSmtp

        practice = Practice.begin(bare.removeprefix("demo:"))
        smtp = PracticeSmtp(practice)
        try:
            doors = PracticeDoors(practice, smtp=smtp)
            yield Probeable(practice_snapshot(practice, bare), doors, practice.entry)
        finally:
            smtp.close()
    else:
        yield None


def live_place(source: str, live: LiveOptions | None = None) -> tuple[RemoteOptions, str]:
    """Where a live organization is entered, for whoever only looks and does not sign in."""
    from mailflow.sources.credentials import LiveOptions, target_to_look_at

    where = live_source(source)
    options = (live or LiveOptions()).over(LiveOptions.from_environment(_environment()))
    way = target_to_look_at(
        options, scheme=where.scheme, port=where.port, entry=where.host, road=where.road
    )
    return way, where.host


def _collected(
    source: str, doors: Doors, entry: str, tell: Callable[[str], None], plan: Plan
) -> Snapshot:
    from mailflow.sources.collect import collect
    from mailflow.sources.tables import assemble

    found = collect(doors, entry, tell=tell, plan=plan)
    reads = [
        Read(outcome.server, outcome.state, _how(outcome), outcome.seconds)
        for outcome in found.outcomes
    ]
    return assemble(found.reading, origin=source, taken=found.taken, reads=reads)


def _how(outcome: CollectOutcome) -> str:
    """`itself, by session http://...`, `through EX16A, by ...`, or why not."""
    way = f", by {outcome.way}" if outcome.way else ""
    return " - ".join(filter(None, (f"{outcome.how}{way}", outcome.why)))


def asking() -> Callable[[str], str] | None:
    """What asks a person for a password: at the terminal, or in JupyterLab; None: nobody is there.

    A question is asked once: several cells of a runbook sign in, and a command may try several
    roads. A notebook that runs without a person has no input either; the kernel says so when asked.
    """
    import getpass

    from mailflow.sources.credentials import prompt

    ask = getpass.getpass if parameter_cell.is_notebook() else prompt()
    return None if ask is None else lambda question: _once(question, ask)


def _once(question: str, ask: Callable[[str], str]) -> str:
    if not _answers.get(question):
        _answers[question] = ask(question)
    return _answers[question]


def _environment() -> dict[str, str]:
    """The environment; a password that was handed over to this kernel leaves it at the first call.

    With what a process was started stays visible to its owner all the same (in /proc); it is
    whatever the kernel starts itself that no longer inherits it.
    """
    from mailflow.sources.credentials import PASSWORD_VARIABLE

    if run_folder() and PASSWORD_VARIABLE in os.environ:
        _taken[PASSWORD_VARIABLE] = os.environ.pop(PASSWORD_VARIABLE)
    return {**os.environ, **_taken}


_taken: dict[str, str] = {}
"""What was handed over to this kernel; kept in memory, and nowhere else."""

_answers: dict[str, str] = {}
"""What a person typed in this process; kept in memory, and nowhere else."""


def _say(line: str) -> None:
    """Progress for a notebook: a line below the cell."""
    sys.stdout.write(f"{line}\n")


def _captures(path: Path, source: str, tell: Callable[[str], None] | None) -> Snapshot:
    """What a file, folder or zip holds: a saved snapshot, or exports made by hand.

    Raises:
        InputError: nothing could be read, a snapshot and exports lie side by side, or the exports
            come from two organizations.
    """
    from mailflow.sources.exports.files import read_source
    from mailflow.sources.forests import may_be_two, refuse_two_organizations
    from mailflow.sources.tables import assemble

    if not _exists(path):
        eaten = parameter_cell.eaten(source) if parameter_cell.is_notebook() else ""
        raise InputError(eaten or f"{source}: no such file or folder; expected {EXPECTED}")
    found = read_source(path, tell)
    try:
        refuse_two_organizations(found.reading.rows)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    if found.snapshot is None:
        org = assemble(found.reading, origin=source, inputs=found.inputs)
        return replace(org, unread=(*org.unread, *may_be_two(org.servers)))
    if found.reading.rows:
        raise InputError(
            f"{source}: holds a snapshot ({found.snapshot_place}) and exports "
            f"({found.reading.rows[0].place}); name the one to read"
        )
    org = from_document(found.snapshot, found.snapshot_place)
    return replace(
        org,
        unread=(*org.unread, *found.reading.unread),
        ignored=(*org.ignored, *found.reading.ignored),
    )


def _with_evidence(org: Snapshot, file: str, tell: Callable[[str], None] | None) -> Snapshot:
    """A snapshot with what logs and EHLO replies beside it show.

    Raises:
        InputError: there is no such file, or none that mailflow reads as evidence.
    """
    from mailflow.sources.exports.files import read_evidence
    from mailflow.sources.foreign import admitted
    from mailflow.sources.logs.connectivity import of_server

    path = Path(file).expanduser()
    if not _exists(path):
        raise InputError(f"{file}: no such file or folder; expected logs or EHLO replies")
    found = read_evidence(path, tell)
    reading = admitted(found.reading)
    return replace(
        org,
        observed=(*org.observed, *reading.observed),
        offers=(*org.offers, *(of_server(offer, _named(org)) for offer in reading.offers)),
        unread=(*org.unread, *reading.unread),
        ignored=(*org.ignored, *reading.ignored),
        inputs={**org.inputs, **found.inputs},
    )


def _named(org: Snapshot) -> Callable[[str], str]:
    """The short name of the server that is called so; empty: none is."""
    return lambda name: server.name if name and (server := org.server(name)) else ""


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name no file can have
        return False
