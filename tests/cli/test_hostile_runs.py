"""Run folders that somebody meddled with: nothing is sent anywhere unless a person takes them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

import mailflow.opening
from applying import OLD, RELAYS, SOURCE, Bench, again, bench
from command_line import Call as CommandLine
from hostile_journals import KINDS, spoil, understood
from mailflow.apply.live import LiveOrganisation
from mailflow.apply.unfinished import look_back, of_server, peek, table
from mailflow.errors import UsageError
from mailflow.sources.shell import Call, Fault, Reply

CONFIRMED = [part for name in RELAYS for part in ("--confirm", name)]


@dataclass
class Wire:
    """What would have left this side: log-ons, and calls with the server they went to."""

    one: Bench
    opened: list[str] = field(default_factory=list)
    sent: list[tuple[str, Call]] = field(default_factory=list)

    def open(self, source: str, *_: object) -> LiveOrganisation:
        """In place of `live_organisation`."""
        self.opened.append(source)
        return self.one.live


def _refusing(wire: list[Wire], server: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
    """Writes down each call, and changes nothing."""
    wire[0].sent.append((server, call))
    if call.cmdlet.startswith("Get-"):
        return go_on()
    return Reply(call, fault=Fault("failed", "", "not now"))


class Stopped(BaseException):
    """Ends a repair in the middle."""


@contextmanager
def _repaired(home: Path, *, to_its_end: bool) -> Iterator[Wire]:
    """A repair of this user's in `home / "good"`, and its organization within reach."""

    def stop(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        if call.cmdlet == "Retry-Queue":
            raise Stopped
        return go_on()

    first = bench(home / "runs", meddle=None if to_its_end else stop)
    with suppress(Stopped):
        first.work.carry_out(first.confirmed)
    (home / "runs" / "first").rename(home / "good")
    wires: list[Wire] = []
    one = again(
        first.practice,
        home / "runs" / "second",
        meddle=lambda *call: _refusing(wires, *call),
    )
    wires.append(Wire(one))
    yield wires[0]


def _trials(home: Path, rounds: int, seed: int) -> Iterator[tuple[Path, str]]:
    """So many folders with one thing changed, each in the place of the one before."""
    good = home / "good"
    truth = understood(good)
    dice = Random(seed)  # noqa: S311 - trials, not secrets
    folder = home / "runs" / "spoiled"
    while rounds:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(good, folder)
        kind = spoil(folder, dice)
        if understood(folder) != truth:
            rounds -= 1
            yield folder, kind


def _undone_by_nobody(
    home: Path, call: CommandLine, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setenv("MAILFLOW_USER", "anna")
    met = set()
    with _repaired(home, to_its_end=True) as wire:
        monkeypatch.setattr(mailflow.opening, "live_organisation", wire.open)
        for folder, kind in _trials(home, rounds, 5):
            screen = call("undo", folder, *CONFIRMED)
            assert (screen.code, screen.out) == (3, ""), (kind, screen)
            assert screen.err.replace("\n", "").isprintable(), (kind, screen)
            met.add(kind)
        assert (wire.opened, wire.sent) == ([], [])
        assert call("undo", home / "good", *CONFIRMED).code == 2
        assert wire.opened == [SOURCE], "what was not meddled with is rolled back"
    assert met == set(KINDS)


def test_undo_sends_nothing(
    tmp_path: Path, call: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Confirmed by name, and without --foreign: no log-on, no call, 3."""
    _undone_by_nobody(tmp_path, call, monkeypatch, 300)


@pytest.mark.long
def test_undo_sends_nothing_for_long(
    tmp_path: Path, call: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, 1,500 times: each of the 47 values was another one by the 1,260th."""
    _undone_by_nobody(tmp_path, call, monkeypatch, 1_500)


def _undone_as_the_snapshot_says(
    home: Path, call: CommandLine, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setenv("MAILFLOW_USER", "anna")
    sets = 0
    with _repaired(home, to_its_end=True) as wire:
        monkeypatch.setattr(mailflow.opening, "live_organisation", wire.open)
        for folder, kind in _trials(home, rounds, 6):
            if kind == "another snapshot":
                continue
            wire.sent.clear()
            screen = call("undo", folder, *CONFIRMED, "--foreign")
            assert screen.code in (0, 1, 2, 3), (kind, screen)
            for server, one in wire.sent:
                assert server.partition(".")[0].upper() in ("EX16A", "EX16B"), (kind, server)
                assert "evil" not in str(one), (kind, one)
                if one.cmdlet == "Set-ReceiveConnector":
                    sets += 1
                    assert one.parameters["Identity"] in RELAYS, (kind, one)
                    assert one.parameters["RemoteIPRanges"] == OLD, (kind, one)
                    assert "DomainController" not in one.parameters, (kind, one)
        assert set(wire.opened) == {SOURCE}
    assert sets > rounds / 20


def test_a_taken_one_restores_what_the_snapshot_holds(
    tmp_path: Path, call: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --foreign as well: no other host, no other value, no other connector."""
    _undone_as_the_snapshot_says(tmp_path, call, monkeypatch, 200)


@pytest.mark.long
def test_a_taken_one_restores_what_the_snapshot_holds_for_long(
    tmp_path: Path, call: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, 1,000 times: each value was another one by the 633rd."""
    _undone_as_the_snapshot_says(tmp_path, call, monkeypatch, 1_000)


def _gone_on_with_by_nobody(home: Path, rounds: int) -> None:
    with _repaired(home, to_its_end=False) as wire:
        one = wire.one
        for folder, kind in _trials(home, rounds, 7):
            before = (folder / "apply.json").read_bytes()
            wire.sent.clear()
            found = look_back(folder.parent, one.org, read=of_server(one.live), now=one.live.now())
            ahead = peek(folder.parent, one.org)
            assert wire.sent == [], kind
            assert (folder / "apply.json").read_bytes() == before, kind
            assert all(each.foreign for each in ahead if each.can_go_on), kind
            told = table(found).frame
            assert told.map(str.isprintable).all(axis=None), (kind, told)
            one.work.earlier = [each.journal for each in ahead if each.journal]
            named = {
                entry.connector: entry.new_sha256
                for each in one.work.earlier
                for entry in each.connectors
            }
            assert one.work.carry_out(named).refused, kind
            assert wire.sent == [], kind


def test_nothing_goes_on_by_itself(tmp_path: Path) -> None:
    """The next start tells of it by what it has read: no server is asked, nothing is written."""
    _gone_on_with_by_nobody(tmp_path, 200)


@pytest.mark.long
def test_nothing_goes_on_by_itself_for_long(tmp_path: Path) -> None:
    """The same, 1,000 times: each value was another one by the 416th."""
    _gone_on_with_by_nobody(tmp_path, 1_000)


def test_trials_without_options_are_no_log_on(tmp_path: Path, call: CommandLine) -> None:
    """Nor is a password asked for: what is missing for a log-on is told before."""
    with _repaired(tmp_path, to_its_end=True):
        screen = call("undo", tmp_path / "good", "--auth", "ntlm", *CONFIRMED)

    assert screen.code == UsageError.exit_code
    assert "--user" in screen.err
