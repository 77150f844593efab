"""Parts of an export accuse nobody and clear nobody (S1.38): random organizations, random parts.

The whole organization tells what is true of it: `tests/test_repair_property.py` holds that to the
slow model. What is said of a part of its exports must then be true as well, or *unknown*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest

from broken import broken
from mailflow.snapshot import Snapshot, Unread
from mailflow.sources.row import Items, Reading, Row
from mailflow.sources.tables import assemble
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis
from mailflow.views.which import probe, which
from organisations import Organisation, article, healthy

CONNECTORS, QUEUES, SERVERS = "Get-ReceiveConnector", "Get-Queue", "Get-ExchangeServer"
Rows = list[Row]
Part = Callable[[Reading, Random], None]
"""Takes something away from exports, and leaves the trace that a person's exports would have."""


def keep(reading: Reading, cmdlet: str, wanted: Callable[[Row], bool], command: str = "") -> None:
    """Keep some rows of a cmdlet, printed below a command line where there is one."""
    reading.rows = [
        replace(row, command=command) if row.cmdlet == cmdlet else row
        for row in reading.rows
        if row.cmdlet != cmdlet or wanted(row)
    ]
    if command:
        reading.commands.append((command, "session.txt, line 1"))


def name_of(row: Row) -> str:
    """The name of a connector."""
    return str(row.values["Name"])


def server_of(row: Row) -> str:
    """The server of a row, by its identity."""
    value = row.values["Identity"]
    return str(getattr(value, "text", value)).partition("\\")[0]


def some(items: Sequence[str], dice: Random) -> set[str]:
    """A few of them, not all."""
    known = sorted(set(items))
    if not known:
        return set()
    return set(dice.sample(known, dice.randint(0, len(known) - 1)))


def by_name(reading: Reading, dice: Random) -> None:
    """`where Name -like 'Default*'`."""
    word = dice.choice(["Default", "Client", "Relay", "D"])
    command = f"Get-ReceiveConnector | where {{$_.Name -like '{word}*'}} | fl"
    keep(reading, CONNECTORS, lambda row: name_of(row).startswith(word), command)


def first_few(reading: Reading, dice: Random) -> None:
    """`select -First 7`."""
    count = dice.randint(1, max(1, sum(1 for _ in reading.of(CONNECTORS)) - 1))
    first = {id(row) for row in list(reading.of(CONNECTORS))[:count]}
    command = f"Get-ReceiveConnector | select -First {count} | fl"
    keep(reading, CONNECTORS, lambda row: id(row) in first, command)


def of_some_servers(reading: Reading, dice: Random) -> None:
    """`-Server` for some of the servers."""
    wanted = some([server_of(row) for row in reading.of(CONNECTORS)], dice)
    keep(reading, CONNECTORS, lambda row: server_of(row) in wanted)
    for name in wanted:
        reading.commands.append((f"Get-ReceiveConnector -Server {name} | fl", "session.txt"))


def by_identity(reading: Reading, dice: Random) -> None:
    """One connector."""
    one = dice.choice(list(reading.of(CONNECTORS)))
    command = f"Get-ReceiveConnector '{server_of(one)}\\{name_of(one)}' | fl"
    keep(reading, CONNECTORS, lambda row: row is one, command)


def a_file_without_some_of_setups(reading: Reading, dice: Random) -> None:
    """A file without a command line: counts tell, where one of setup's connectors is missing."""
    by_server: dict[str, Rows] = {}
    for row in reading.of(CONNECTORS):
        by_server.setdefault(server_of(row), []).append(row)
    gone: set[int] = set()
    for server in some(list(by_server), dice) or {min(by_server)}:
        mine = by_server[server]
        setups = [
            row
            for row in mine
            if name_of(row).endswith(f" {server}") and "internal" not in name_of(row)
        ]
        if setups:
            gone |= {id(dice.choice(setups)), *(id(row) for row in mine if dice.random() < 0.3)}
    keep(reading, CONNECTORS, lambda row: id(row) not in gone)


def damaged(reading: Reading, dice: Random) -> None:
    """A file that breaks off."""
    rows = list(reading.of(CONNECTORS))
    kept = {id(row) for row in rows[: dice.randint(0, len(rows) - 1)]}
    keep(reading, CONNECTORS, lambda row: id(row) in kept)
    reading.unread.append(Unread("", CONNECTORS, "connectors.xml: the document ends too early"))


def disputed(reading: Reading, dice: Random) -> None:
    """Two exports of one connector: before a change and after it, in either order."""
    place = dice.choice(
        [place for place, row in enumerate(reading.rows) if row.cmdlet == CONNECTORS]
    )
    row = reading.rows[place]
    other = dice.choice([each for each in reading.of(CONNECTORS) if each is not row])
    name = dice.choice(["RemoteIPRanges", "AuthMechanism", "PermissionGroups", "Enabled"])
    if name in other.values:
        changed = replace(row, values={**row.values, name: other.values[name]}, place="new.txt")
        reading.rows[place : place + 1] = dice.choice([[row, changed], [changed, row]])


def a_cut_list(reading: Reading, dice: Random) -> None:
    """`{10.0.0.1, 10.0.0.2...}`."""
    place = dice.choice(
        [place for place, row in enumerate(reading.rows) if row.cmdlet == CONNECTORS]
    )
    row = reading.rows[place]
    ranges = row.values["RemoteIPRanges"]
    if isinstance(ranges, Items):
        cut = Items(ranges.values[: dice.randint(0, len(ranges.values))], cut=True)
        reading.rows[place] = replace(row, values={**row.values, "RemoteIPRanges": cut})


def queues_of_some(reading: Reading, dice: Random) -> None:
    """Queues of one server, or of a status."""
    servers = [server_of(row) for row in reading.of(QUEUES)]
    if not servers:
        return
    one = dice.choice(sorted(set(servers)))
    if dice.random() < 0.5:
        keep(reading, QUEUES, lambda row: server_of(row) == one, f"Get-Queue -Server {one} | fl")
        return
    command = "Get-ExchangeServer | Get-Queue | where {$_.Status -eq 'Ready'} | fl"
    keep(reading, QUEUES, lambda row: "Ready" in repr(row.values["Status"]), command)


PARTS: tuple[Part, ...] = (
    by_name,
    first_few,
    of_some_servers,
    by_identity,
    a_file_without_some_of_setups,
    damaged,
    disputed,
    a_cut_list,
    queues_of_some,
)


def organization(number: int) -> Organisation:
    """A broken organization of which all was read, or one in order."""
    if number % 4 == 0:
        return healthy()
    org = broken(number).snapshot
    hubs = {server.name for server in org.servers if server.has_hub is not False}
    return Organisation(
        list(org.servers),
        list(org.addresses),
        list(org.connectors),
        [queue for queue in org.queues if queue.server in hubs],  # others have none (S4.63)
        list(org.settings),
    )


def accusations(found: Diagnosis) -> set[str | None]:
    """The servers on which it says that something is wrong.

    Of several connectors that fail a server alike, which one accepts it may be open (contract 8.8).
    """
    return {one.server for one in found.findings if one.state == "found"}


def wrong(number: int) -> list[str]:
    """What is said of parts of an organization and is not true of the whole."""
    org = organization(number)
    if not org.connectors:
        return []
    whole = assemble(org.reading(), origin="")
    truth = findings(whole)
    said = []
    for part in PARTS:
        dice = Random(f"{part.__name__} {number}")  # noqa: S311 - the same ones every time
        reading = org.reading()
        if number % 3 == 0:
            reading.rows = [row for row in reading.rows if row.cmdlet != SERVERS]
            reading.cmdlets.discard(SERVERS)
        part(reading, dice)
        seen = assemble(reading, origin="")
        found = findings(seen)
        if found.verdict == "clear" and truth.verdict == "found":
            said.append(f"{number} {part.__name__}: clear, and the whole is not")
        said += [
            f"{number} {part.__name__}: found {one}"
            for one in sorted(accusations(found) - accusations(truth), key=repr)
            if truth.verdict != "unknown"
        ]
        said += [f"{number} {part.__name__}: {text}" for text in _wrong_which(whole, seen, dice)]
    return said


def _wrong_which(whole: Snapshot, seen: Snapshot, dice: Random) -> list[str]:
    """A certain answer of the part that is not that of the whole."""
    said = []
    for server in seen.servers:
        source = dice.choice(["10.0.0.11", "10.0.5.9", "10.0.7.15", "192.168.7.7"])
        question = probe(server.name, source)
        one, other = which(seen, question), which(whole, question)
        certain = one["unknown"] is None and other["unknown"] is None
        if certain and one["connector"] != other["connector"]:
            said.append(f"which {server.name} {source}: {one['connector']}")
    return said


@pytest.mark.parametrize("block", range(8))
def test_what_is_said_of_a_part_is_true_of_the_whole(block: int) -> None:
    """S1.36, S1.38: no wrong all-clear, no wrong accusation, no wrong certain selection."""
    assert [text for number in range(block * 8, block * 8 + 8) for text in wrong(number)] == []


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_the_same_of_many(block: int) -> None:
    """2,000 organizations, nine parts each."""
    start = 100 + block * 100
    assert [text for number in range(start, start + 100) for text in wrong(number)] == []


@pytest.mark.parametrize("part", [by_name, first_few, by_identity, damaged])
def test_a_part_without_a_trace_would_be_believed(part: Part) -> None:
    """The trace decides: without it the same rows accuse somebody, or clear the article's fault."""
    verdicts = set()
    for number in range(12):
        for org in (healthy(), article()):
            reading = org.reading()
            part(reading, Random(number))  # noqa: S311 - the same ones every time
            reading.rows = [replace(row, command="") for row in reading.rows]
            reading.commands, reading.unread, reading.is_whole = [], [], True
            verdicts.add((len(org.queues), findings(assemble(reading, origin="")).verdict))

    assert verdicts & {(len(healthy().queues), "found"), (len(article().queues), "clear")}
