"""The time that receive logs cover, for each connector.

A connector that does not log leaves no row (S7.20), Exchange deletes old files (S7.41), and a
changed connector counts as a new one. So a range is called unused only if the logs cover the whole
period. Otherwise the reasons are given, and the commands that start logging.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil

from mailflow.exchange import commands
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.servers import Generation
from mailflow.phrases import counted, joined
from mailflow.snapshot import Snapshot
from mailflow.usage.engine import UsageLogs
from mailflow.usage.parts import Part

DAYS = 90
GAP_HOURS = 12
"""Hours without a row of a service that count as a gap: files may be missing there."""
LATE = timedelta(days=2)
"""How long before the source was read the logs may end."""
FOREVER = datetime.max.replace(tzinfo=UTC)
VERBOSE = "Verbose"
_NO_SOURCE = "Without SOURCE it is unknown whether it logged all the time: add SOURCE after LOGS."
_NOT_IN_SOURCE = "It isn't in SOURCE: whether it logged all the time is unknown."
_MORE_DAYS = 5
_LEAST_GIGABYTES = 2
GIGABYTE = 2**30


@dataclass(frozen=True, slots=True)
class Gap:
    """Hours without a row; both ends are hours with one, in UTC."""

    since: datetime
    until: datetime

    @property
    def hours(self) -> int:
        """How many hours there are between the two."""
        return int((self.until - self.since).total_seconds() // 3600) - 1


@dataclass(frozen=True, slots=True)
class Covered:
    r"""The time that the logs cover for a connector.

    Attributes:
        server: short name.
        connector: `SERVER\Name`.
        service: `FrontEnd` or `Hub`; empty: unknown.
        since, until: first and last hour with a row of its service, UTC; None: there is none.
        level: ProtocolLoggingLevel; empty: not read.
        changed: WhenChanged; None: not read.
        rows: whether it has rows itself.
        gaps: of its service.
        against: sentences that say why the period is not covered; empty: it is covered.
        trusted_from: first moment at which the logs can be conclusive; None: they are now, or the
            moment is unknown.
        commands: PowerShell that starts the missing logging.
        rollback: PowerShell that undoes these commands.
    """

    server: str
    connector: str
    service: str
    since: datetime | None
    until: datetime | None
    level: str
    changed: datetime | None
    rows: bool
    gaps: tuple[Gap, ...]
    against: tuple[str, ...]
    trusted_from: datetime | None
    commands: tuple[str, ...] = ()
    rollback: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the logs cover the whole period, so that a missing client proves something."""
        return not self.against


@dataclass(frozen=True, slots=True)
class Period:
    """The period that the logs have to cover.

    Attributes:
        days: its length.
        gap_hours: hours without a row that count as a gap.
        now: its end: when SOURCE was read, or the current time.
    """

    days: int = DAYS
    gap_hours: int = GAP_HOURS
    now: datetime = FOREVER

    @property
    def begin(self) -> datetime:
        """Since when it has to be covered."""
        return self.now - timedelta(days=self.days)


def coverage(logs: UsageLogs, org: Snapshot | None, period: Period) -> tuple[Covered, ...]:
    """The time that the logs cover, for each receive connector of their servers.

    Args:
        logs: the logs that were read.
        org: the organization; None: only connectors with rows are known, and it is unknown whether
            they always logged.
        period: the period to cover.
    """
    spoken = _Spoken(logs.parts)
    if org is None:
        return tuple(_unread(name, spoken, logs, period, _NO_SOURCE) for name in spoken.connectors)
    servers = {name.partition("\\")[0] for name in spoken.connectors}
    known = {each.identity.casefold(): each for each in _of_servers(org, servers)}
    rows = [_with_source(each, spoken, logs, org, period) for each in known.values()]
    further = [name for name in spoken.connectors if _full(org, name) not in known]
    rows += [_unread(name, spoken, logs, period, _NOT_IN_SOURCE) for name in further]
    return tuple(sorted(rows, key=lambda row: row.connector.casefold()))


def of_connector(rows: Iterable[Covered], identity: str) -> Covered | None:
    r"""The row of a connector, `SERVER\Name`, in any case."""
    wanted = identity.casefold()
    return next((row for row in rows if row.connector.casefold() == wanted), None)


def _of_servers(org: Snapshot, names: Iterable[str]) -> Iterator[ReceiveConnector]:
    servers = [server for name in names if (server := org.server(name))]
    for connector in org.connectors:
        if any(server.is_named(connector.server) for server in servers):
            yield connector


def _full(org: Snapshot, identity: str) -> str:
    """An identity of a log with the server's name as the source has it, folded."""
    host, _, name = identity.partition("\\")
    server = org.server(host)
    return f"{server.name if server else host}\\{name}".casefold()


class _Spoken:
    """Of which hours the files speak, by connector as the logs name it."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.by_connector: dict[str, set[datetime]] = {}
        for part in parts:
            for each in part.spoken:
                host, slash, name = each.connector.partition("\\")
                if slash:
                    key = f"{host.partition('.')[0]}\\{name.strip()}"
                    hours = filter(None, map(_hour, each.hours))
                    self.by_connector.setdefault(key, set()).update(hours)

    @property
    def connectors(self) -> list[str]:
        """Those with rows, in order."""
        return sorted(self.by_connector, key=str.casefold)

    def hours(self, identities: Iterable[str]) -> list[datetime]:
        """The hours in which any of these has a row, in order."""
        wanted = {identity.casefold() for identity in identities}
        found = (hours for name, hours in self.by_connector.items() if name.casefold() in wanted)
        return sorted(set().union(*found))


def _hour(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:  # the 31st of February
        return None


def gaps(hours: Sequence[datetime], most: int) -> tuple[Gap, ...]:
    """Where more than so many hours lie between two with a row.

    Args:
        hours: with a row, in order.
        most: hours without one that may follow each other.
    """
    found = (Gap(before, after) for before, after in pairwise(hours))
    return tuple(gap for gap in found if gap.hours > most)


def _unread(name: str, spoken: _Spoken, logs: UsageLogs, period: Period, why: str) -> Covered:
    """A connector that logs show and no source does."""
    hours = spoken.hours([name])
    server = name.partition("\\")[0]
    silent = gaps(hours, period.gap_hours)
    return Covered(
        server=server,
        connector=name,
        service="",
        since=hours[0] if hours else None,
        until=hours[-1] if hours else None,
        level="",
        changed=None,
        rows=bool(hours),
        gaps=silent,
        against=(why, *_missing(logs)),
        trusted_from=None,
    )


def _missing(logs: UsageLogs) -> Iterator[str]:
    if logs.missing:
        yield f"{counted(len(logs.missing), 'file')} could not be read."
    if logs.lost:
        names = joined(part.name for part in logs.lost)
        yield f"Lines that are no whole rows were passed over in {names}."


def _with_source(
    connector: ReceiveConnector,
    spoken: _Spoken,
    logs: UsageLogs,
    org: Snapshot,
    period: Period,
) -> Covered:
    server = org.server(connector.server)
    name = server.name if server else connector.server
    peers = [
        f"{name}\\{each.name}" for each in _of_servers(org, [name]) if each.role == connector.role
    ]
    hours = spoken.hours(peers)
    own = f"{name}\\{connector.name}"
    changed: datetime | None = connector.when_changed
    silent = gaps(
        [hour for hour in hours if hour >= period.begin - timedelta(hours=1)], period.gap_hours
    )
    against = [
        *_against_level(connector, changed, period),
        *_against_time(hours, silent, period),
        *_missing(logs),
    ]
    is_legacy = server is not None and server.generation is Generation.LEGACY
    return Covered(
        server=name,
        connector=connector.identity,
        service="FrontEnd" if connector.role == TransportRole.FrontendTransport else "Hub",
        since=hours[0] if hours else None,
        until=hours[-1] if hours else None,
        level=connector.protocol_logging,
        changed=changed,
        rows=bool(spoken.hours([own])),
        gaps=silent,
        against=tuple(against),
        trusted_from=_trusted_from(connector, changed, hours, silent, period) if against else None,
        **(_commands(connector, name, logs.parts, period, is_legacy=is_legacy) if against else {}),
    )


def _against_level(
    connector: ReceiveConnector, changed: datetime | None, period: Period
) -> Iterator[str]:
    level = connector.protocol_logging
    if level != VERBOSE:
        yield (
            f"ProtocolLoggingLevel is {level}: the connector writes no log."
            if level
            else "ProtocolLoggingLevel was not read."
        )
    if changed is None:
        yield "WhenChanged was not read: whether it logged all the time is unknown."
    elif changed > period.begin:
        yield f"It was changed on {changed:%Y-%m-%d}, within the period."


def _against_time(
    hours: Sequence[datetime], silent: Sequence[Gap], period: Period
) -> Iterator[str]:
    if not hours:
        yield "The logs contain no file of its service."
        return
    if hours[0] > period.begin + timedelta(hours=period.gap_hours):
        days = max(0, (hours[-1] - hours[0]).days)
        yield f"The logs begin on {hours[0]:%Y-%m-%d}: {counted(days, 'day')} of {period.days}."
    if hours[-1] < period.now - LATE:
        yield (
            f"The logs end on {hours[-1]:%Y-%m-%d}, before the configuration was read "
            f"({period.now:%Y-%m-%d})."
        )
    if silent:
        longest = max(gap.hours for gap in silent)
        yield (
            f"{counted(len(silent), 'gap')} without a row, the longest of {longest} hours: files "
            "may be missing."
        )


def _trusted_from(
    connector: ReceiveConnector,
    changed: datetime | None,
    hours: Sequence[datetime],
    silent: Sequence[Gap],
    period: Period,
) -> datetime:
    """The first day on which the same question is answered, if logs are kept from now on."""
    start = max([hours[0], *(gap.until for gap in silent)]) if hours else period.now
    if connector.protocol_logging != VERBOSE or changed is None:
        start = period.now
    elif changed > start:
        start = changed
    if hours and hours[-1] < period.now - LATE:
        start = period.now
    return start + timedelta(days=period.days)


def _commands(
    connector: ReceiveConnector,
    server: str,
    parts: Sequence[Part],
    period: Period,
    *,
    is_legacy: bool,
) -> Mapping[str, tuple[str, ...]]:
    """What lets it log, and keeps its logs long enough; no command where a name can't be quoted."""
    front = connector.role == TransportRole.FrontendTransport
    cmdlet = "Set-FrontEndTransportService" if front else "Set-TransportService"
    cmdlet = "Set-TransportServer" if is_legacy else cmdlet
    days = period.days + _MORE_DAYS
    sizes, back = [], []
    try:
        if connector.protocol_logging != VERBOSE:
            sizes.append(commands.log_sessions(connector.identity))
        sizes.append(commands.keep_receive_logs(cmdlet, server, days, _gigabytes(parts, days)))
    except commands.Unquotable:
        return {}
    if connector.protocol_logging == "None":
        back.append(sizes[0].replace(" Verbose", " None"))
    return {"commands": tuple(sizes), "rollback": tuple(back)}


def _gigabytes(parts: Sequence[Part], days: int) -> int:
    """Room for so many days, twice what these logs took a day."""
    hours = {hour[:10] for part in parts for each in part.spoken for hour in each.hours}
    a_day = sum(part.size for part in parts) / max(1, len(hours))
    return max(_LEAST_GIGABYTES, ceil(2 * days * a_day / GIGABYTE))
