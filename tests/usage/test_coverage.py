r"""What logs can tell: level, time, gaps, and what makes them tell (S7.20, S7.41)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailflow.snapshot import Snapshot
from mailflow.usage.combine import Combined
from mailflow.usage.coverage import Covered, Period, coverage, of_connector
from mailflow.usage.engine import MissingLog, UsageLogs
from mailflow.usage.lists import Beside
from mailflow.usage.parts import Part, Spoken
from mailflow.usage.report import Usage
from organisations import healthy

RELAY = r"EX16A\Relay"
FRONT = r"EX16A\Default Frontend EX16A"
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def logs(
    *, since: int = 31, until: int = 0, without: tuple[int, int] = (0, 0), lost: int = 0
) -> UsageLogs:
    """A row of the default connector in every hour, days ago; none between two of these."""
    begin, end = NOW - timedelta(days=since), NOW - timedelta(days=until)
    hours = [begin + timedelta(hours=n) for n in range(int((end - begin).total_seconds() // 3600))]
    gone = range(*without)
    told = tuple(f"{each:%Y-%m-%dT%H}" for each in hours if (NOW - each).days not in gone)
    part = Part("RECV1.LOG", 1, "", "", rows=1, lost=lost, spoken=(Spoken(FRONT, "", "", told),))
    return UsageLogs(("logs",), (part,), (), 0, 1, Combined())


def org(level: str = "Verbose", changed: datetime | None = NOW - timedelta(days=100)) -> Snapshot:
    """The office with a relay connector that logs, or does not."""
    made = healthy().snapshot()
    connectors = (
        replace(each, protocol_logging=level, when_changed=changed)
        if each.identity == RELAY
        else each
        for each in made.connectors
    )
    return replace(made, connectors=tuple(connectors))


def relay(read: UsageLogs, source: Snapshot | None = None) -> Covered:
    """What is said of the relay connector, thirty days asked."""
    found = of_connector(coverage(read, source or org(), Period(30, 12, NOW)), RELAY)
    assert found is not None
    return found


def test_a_time_without_gap_is_covered_although_it_has_no_row_itself() -> None:
    """It logs, was not changed, and its service has rows all the time: absence means something."""
    found = relay(logs())

    assert found.is_whole
    assert (found.rows, found.commands, found.trusted_from) == (False, (), None)


@pytest.mark.parametrize(
    ("read", "source", "why"),
    [
        (logs(), org("None"), "writes no log"),
        (logs(), org(""), "was not read"),
        (logs(), org(changed=None), "WhenChanged was not read"),
        (logs(), org(changed=NOW - timedelta(days=3)), "changed on 2026-11-20"),
        (logs(since=9), org(), "begin on 2026-11-14: 8 days of 30"),
        (logs(until=4), org(), "The logs end on 2026-11-19"),
        (logs(without=(5, 7)), org(), "1 gap without a row"),
        (logs(lost=1), org(), "no whole rows were passed over in RECV1.LOG"),
        (replace(logs(), missing=(MissingLog("x", "y"),)), org(), "1 file could not be read"),
    ],
)
def test_what_stands_against_it(read: UsageLogs, source: Snapshot, why: str) -> None:
    """Each thing that leaves a client unseen is said, and nothing counts as unused then."""
    found = relay(read, source)

    assert not found.is_whole
    assert why in " ".join(found.against)


def test_commands_that_make_it_so() -> None:
    """S7.20, S7.41: logging on, and logs kept beyond 30 days and 250 MB; with the first day."""
    found = relay(logs(), org("None"))

    assert found.commands == (
        r'Set-ReceiveConnector "EX16A\Relay" -ProtocolLoggingLevel Verbose',
        (
            'Set-FrontEndTransportService "EX16A" -ReceiveProtocolLogMaxAge 35.00:00:00'
            " -ReceiveProtocolLogMaxDirectorySize 2GB"
        ),
    )
    assert found.rollback == (r'Set-ReceiveConnector "EX16A\Relay" -ProtocolLoggingLevel None',)
    assert found.trusted_from == NOW + timedelta(days=30)


def test_trusted_from_the_last_thing_that_stood_against_it() -> None:
    """A change ten days ago is no obstacle in another twenty days."""
    found = relay(logs(), org(changed=NOW - timedelta(days=10)))

    assert found.trusted_from == NOW + timedelta(days=20)


def test_a_connector_that_the_source_lacks_is_not_passed_over() -> None:
    """Its rows show that it is there; what else was not read of its server nobody knows."""
    lacking = replace(org(), connectors=())

    (row,) = coverage(logs(), lacking, Period(30, 12, NOW))
    found = Usage(logs(), Period(30, 12, NOW), (row,), Beside())

    assert (row.connector, row.is_whole) == (FRONT, False)
    assert found.asked == (row,)
    assert found.exit_code == 2


def test_without_source_nothing_is_covered() -> None:
    """Whether a connector logged all the time stands in no log."""
    rows = coverage(logs(), None, Period(30, 12, NOW))

    assert [row.connector for row in rows] == [FRONT]
    assert not rows[0].is_whole
