"""The hosts that use a receive connector: for the command `usage` and the notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mailflow.analysis.analysis import analyze
from mailflow.closing import keep_findings
from mailflow.errors import InputError, UsageError
from mailflow.phrases import joined
from mailflow.show.bars import bar_chart
from mailflow.show.markup import Markup
from mailflow.show.verdict import verdict_card
from mailflow.snapshot import Snapshot, Unread
from mailflow.this_run import place, run_folder
from mailflow.usage.accepted import accepted_of, named, not_told
from mailflow.usage.cluster import LOCAL, Cluster
from mailflow.usage.coverage import DAYS, GAP_HOURS, Period, coverage
from mailflow.usage.document import usage_json
from mailflow.usage.engine import WORKERS, read_logs
from mailflow.usage.lists import beside
from mailflow.usage.narrow import Narrowed, claim, narrow
from mailflow.usage.parts import PartSettings
from mailflow.usage.pictured import by_day
from mailflow.usage.places import LogPlace, checked_url, is_url
from mailflow.usage.report import Usage
from mailflow.views.verdict import Diagnosis, NextStep

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO = "demo:"
NO_LOGS = "no receive logs: set `logs` to a file, folder or zip with them"


def usage(  # noqa: PLR0913 - the parameters of the notebook
    logs: str | Sequence[str],
    org: Snapshot | None = None,
    *,
    days: int = DAYS,
    gap_hours: int = GAP_HOURS,
    keep: str = "",
    accepted_domains: Sequence[str] = (),
    recipient_domains: bool = False,
    timezone: str = "UTC",
    hosts: str = "",
    reverse_dns: bool = False,
    narrow_connector: str = "",
    prefix: int = 0,
    workers: int = WORKERS,
    cluster: Cluster | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Usage:
    r"""Sum up receive logs, and compare them with an organization.

    Args:
        logs: files, folders, zips, URLs for fsspec, or `demo:NAME` for those of a simulated
            organization; empty: those of `org`, if it is a simulated one.
        org: the organization whose servers wrote them; None: nothing is compared.
        days: days that the logs have to cover.
        gap_hours: hours without a row that count as a gap.
        keep: a folder for the sums, which later runs extend; empty: nothing is kept.
        accepted_domains: domains whose recipients are inside, `*.contoso.com` with subdomains;
            empty: those of the organization, if Get-AcceptedDomain was read.
        recipient_domains: whether recipient domains are kept and shown.
        timezone: time zone of the times shown, `Europe/Berlin`.
        hosts: a hosts file with client names.
        reverse_dns: whether client names are looked up in DNS.
        narrow_connector: `SERVER\Name`, whose smallest RemoteIPRanges are proposed; empty: none.
        prefix: prefix length of the widest range proposed; 0: single addresses.
        workers: processes.
        cluster: whose workers read the logs instead.
        tell: is called with a line for people.

    Raises:
        InputError: no receive log is there, or the hosts file cannot be read.
        UsageError: DuckDB or what a cluster needs is missing, an unknown time zone, connector or
            prefix.
    """
    if days < 1 or gap_hours < 1:
        raise UsageError("days and hours of a gap are at least 1")
    if narrow_connector and org is None:
        raise UsageError("--narrow needs SOURCE: add it after LOGS")
    zone, names = zone_of(timezone), _hosts(hosts)
    accepted = named(accepted_domains) or (accepted_of(org) if org else None)
    settings = PartSettings(accepted, recipient_domains)
    texts = list(filter(None, [logs] if isinstance(logs, str) else logs))
    if not texts and org is not None and org.origin.startswith(DEMO):
        texts = [org.origin]
    if not texts:
        raise UsageError(NO_LOGS)
    if cluster and cluster.scheduler != LOCAL and any(text.startswith(DEMO) for text in texts):
        raise UsageError(f"{DEMO} lies on this machine: workers elsewhere do not see its logs")
    with _places(texts) as places:
        read = read_logs(
            places,
            settings,
            keep=place(keep) if keep else None,
            workers=workers,
            cluster=cluster,
            tell=tell,
        )
    read = replace(read, origin=tuple(map(_shown, texts)))
    period = Period(days, gap_hours, _now(org))
    covered = coverage(read, org, period)
    compared = beside(org, read.told.clients, covered) if org else None
    narrowed = None
    if org is not None and narrow_connector:
        narrowed = narrow(org, narrow_connector, read.told.clients, covered, prefix=prefix)
    if reverse_dns:
        names = {**_asked_dns({each.address for each in read.told.clients}, tell), **names}
    return Usage(
        logs=read,
        period=period,
        covered=covered,
        beside=compared,
        narrowed=narrowed,
        custom=_custom(org),
        zone=zone,
        names=names,
        not_told=not_told(accepted, has_source=org is not None),
        simulated=any(text.startswith(DEMO) for text in texts),
    )


def use_by_day(found: Usage, connector: str = "") -> Markup:
    r"""A picture of the messages by day, or by week where the time is long.

    Args:
        found: of `usage`.
        connector: `SERVER\Name`; empty: all.
    """
    wanted = connector.casefold()
    clients = [each for each in found.clients if not wanted or each.connector.casefold() == wanted]
    return bar_chart(by_day(clients, found.zone))


def diagnosis_of(found: Usage) -> Diagnosis:
    """The result as the head of a report; it has no finding and no all-clear."""
    proof = found.narrowed.proof if found.narrowed else None
    sentences = [found.headline]
    if found.narrowed:
        sentences += [claim(found.narrowed)] if proof else found.narrowed.why_not
    rows = [Unread("", "receive log", f"{each.name}: {each.why}") for each in found.logs.missing]
    rows += [
        Unread(row.server, row.connector, against) for row in found.asked for against in row.against
    ]
    steps = [NextStep("", command) for row in found.asked for command in row.commands]
    return Diagnosis(
        verdict="clear" if found.is_complete else "unknown",
        headline=f"Use of {joined(row.connector for row in found.asked) or 'the connectors'}",
        summary=" ".join(sentences),
        findings=(),
        unread=tuple(rows),
        origin=joined(found.logs.origin),
        repair=tuple(edit.command for edit in proof.changes if edit.command) if proof else (),
        undo=tuple(edit.undo for edit in reversed(proof.changes) if edit.undo) if proof else (),
        next_steps=tuple(steps),
    )


@dataclass(frozen=True, slots=True)
class UsageDocument:
    """The `findings.json` of a run: the head of the report, and all of `usage --json`."""

    found: Usage

    @property
    def state(self) -> str:
        """Whether the question could be answered: the word over the report."""
        return "covered" if self.found.is_complete else "not covered"

    def as_json(self) -> dict[str, Any]:
        """The document."""
        usage = {"state": self.state, **usage_json(self.found)}
        return {**diagnosis_of(self.found).as_json(), "usage": usage}


def conclude_usage(found: Usage, ticket: str = "") -> Markup:
    """Write `findings.json` of this run and the proposed change, and show the result."""
    document = UsageDocument(found)
    folder = run_folder()
    if folder:
        if found.narrowed and found.narrowed.proof:
            keep_change(found.narrowed, folder / "change.json")
        keep_findings(document, folder)
    return verdict_card(diagnosis_of(found), ticket=ticket, word=document.state)


def keep_change(narrowed: Narrowed, file: Path) -> None:
    """Write the proposal as a change that `whatif` proves and `fix_and_verify` applies.

    Raises:
        UsageError: nothing is proposed, or the file cannot be written.
    """
    from mailflow.repair.requested import write_change

    if narrowed.proof is None:
        raise UsageError(f"no change of {narrowed.connector} is proposed")
    write_change(file, narrowed.proof.changes, claim(narrowed))


def _shown(text: str) -> str:
    """Logs as people are told of them: without the folders of this machine."""
    return text if text.startswith(DEMO) else Path(text).name or text


def _custom(org: Snapshot | None) -> frozenset[str]:
    if org is None:
        return frozenset()
    return frozenset(
        view.connectors[place].identity.casefold()
        for view in analyze(org).servers
        for place in view.custom
        if view.connectors[place].enabled is not False
    )


def _now(org: Snapshot | None) -> datetime:
    """When the configuration was read; exports do not say, and then it is now."""
    if org is not None and org.taken is not None:
        return org.taken.astimezone(UTC)
    return datetime.now(UTC)


def zone_of(name: str) -> tzinfo:
    """A time zone by its name.

    Raises:
        UsageError: there is none of this name.
    """
    from zoneinfo import ZoneInfo

    if name.upper() in ("", "UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # no such file, no such name
        raise UsageError(
            f"no time zone is called {name}; expected a name such as Europe/Berlin, or UTC"
        ) from None


def _hosts(file: str) -> dict[str, str]:
    """Names by address from a hosts file; the first name of an address counts."""
    from mailflow.exchange.ranges import RangeError, parse_address

    if not file:
        return {}
    try:
        text = place(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"{file}: cannot be read ({reason})") from error
    names: dict[str, str] = {}
    for line in text.splitlines():
        address, *given = line.partition("#")[0].split()[:2] or [""]
        try:
            if given:
                names.setdefault(str(parse_address(address)), given[0])
        except RangeError:
            continue
    return names


def _asked_dns(addresses: set[str], tell: Callable[[str], None]) -> Mapping[str, str]:
    """Names by reverse DNS, of those that have one."""
    import socket
    from concurrent.futures import ThreadPoolExecutor

    def ask(address: str) -> tuple[str, str]:
        try:
            return address, socket.gethostbyaddr(address)[0]
        except OSError:
            return address, ""

    tell("asking DNS for names")
    with ThreadPoolExecutor(16) as pool:
        return {address: name for address, name in pool.map(ask, sorted(addresses)) if name}


@contextmanager
def _places(texts: Sequence[str]) -> Iterator[list[LogPlace]]:
    """The places of logs; those of a simulated organization are written first."""
    with TemporaryDirectory(prefix="mailflow-demo-") as folder:
        places: list[LogPlace] = []
        for number, text in enumerate(texts):
            if text.startswith(DEMO):
                places.append(_written(text.removeprefix(DEMO), Path(folder) / str(number)))
            else:
                places.append(checked_url(text) if is_url(text) else place(text))
        yield places


def _written(name: str, folder: Path) -> Path:
    from mailflow.simulated.practice import Practice
    from mailflow.simulated.relay_use import write_receive_logs

    practice = Practice.begin(name)
    folder.mkdir(parents=True)
    write_receive_logs(practice.organisation, folder, practice.clock.now)
    return folder
