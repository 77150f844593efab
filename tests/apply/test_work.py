"""A repair carried out: what is set, what is refused, where it stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from applying import NEW, OLD, RELAYS, Bench, again, bench
from mailflow.analysis.capabilities import Effect
from mailflow.apply import work
from mailflow.apply.journal import Journal
from mailflow.apply.outcome import Outcome, outcome
from mailflow.apply.unfinished import look_back, of_server
from mailflow.apply.work import Carried, put_back
from mailflow.exchange.ranges import parse_range
from mailflow.repair.claim import MovedBlock
from mailflow.sources.shell import Call, Fault, Reply


def _outcome(one: Bench, carried: Carried) -> Outcome:
    return outcome(one.org, one.found, one.proof, carried, queues=one.work.queues)


def test_the_article_from_stuck_to_drained(tmp_path: Path) -> None:
    """Both lists are set, both queues are empty, all of it is verified and written down."""
    one = bench(tmp_path)

    carried = one.work.carry_out(one.confirmed)

    assert carried.journal is not None
    assert [one.listed(name) for name in RELAYS] == [NEW, NEW]
    assert [one.waiting(name) for name in ("EX10A\\1187", "EX10B\\902")] == [0, 0]
    assert [entry.note for entry in carried.journal.connectors] == ["verified", "verified"]
    found = _outcome(one, carried)
    assert (found.state, found.exit_code) == ("verified", 0)
    kept = json.loads((tmp_path / "first" / "apply.json").read_text())
    ranges = {"parameter": "RemoteIPRanges", "old": list(OLD), "new": list(NEW)}
    assert [entry["changes"] for entry in kept["connectors"]] == [[ranges], [ranges]]
    assert [entry["command"] for entry in kept["connectors"]] == [
        change.command for change in one.proof.changes
    ]
    assert kept["ended"] is not None


def test_only_allowed_cmdlets_and_only_these_queues(tmp_path: Path) -> None:
    """Nothing is written but the two lists, each once, and the two queues are tried."""
    seen: list[Call] = []

    def watch(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        seen.append(call)
        return go_on()

    one = bench(tmp_path, meddle=watch)
    one.work.carry_out(one.confirmed)

    sets = [call.parameters for call in seen if call.cmdlet == "Set-ReceiveConnector"]
    retries = [call.parameters for call in seen if call.cmdlet == "Retry-Queue"]
    assert sets == [
        {
            "Identity": name,
            "RemoteIPRanges": NEW,
            "Confirm": False,
            "DomainController": "dc1.contoso.example",
        }
        for name in RELAYS
    ]
    assert {str(one["Identity"]) for one in retries} == {"EX10A\\1187", "EX10B\\902"}
    assert all(set(one) == {"Identity", "Confirm"} for one in retries)
    assert {one.cmdlet for one in seen} == {
        *("Get-ReceiveConnector", "Set-ReceiveConnector", "Get-Queue", "Retry-Queue"),
    }


def test_a_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    """Repeating it is harmless: nothing is proposed any more, exit 0."""
    one = bench(tmp_path)
    one.work.carry_out(one.confirmed)
    second = again(one.practice, tmp_path / "second")

    carried = second.work.carry_out(one.confirmed)

    assert second.proof.changes == ()
    assert carried.journal is None
    assert carried.refused
    assert not (tmp_path / "second").exists()
    found = outcome(second.org, second.found, second.proof)
    assert (found.state, found.exit_code) == ("nothing to repair", 0)


@pytest.mark.parametrize("confirmed", [{}, {"EX16A\\Other": "0"}, {"ex16a\\relay": "0"}])
def test_nothing_without_a_name(tmp_path: Path, confirmed: dict[str, str]) -> None:
    """A connector that nobody named, exactly, is not touched."""
    one = bench(tmp_path)

    carried = one.work.carry_out(confirmed)

    assert carried.journal is None
    assert "none of the connectors" in carried.refused
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


def test_another_hash_than_the_proven_one(tmp_path: Path) -> None:
    """What was confirmed was another list: refused, nothing is begun."""
    one = bench(tmp_path)

    carried = one.work.carry_out(one.confirmed | {RELAYS[1]: "0" * 64})

    assert RELAYS[1] in carried.refused
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]
    assert not (tmp_path / "first").exists()


def test_another_change_of_the_same_list(tmp_path: Path) -> None:
    """The old values are the confirmed ones, the new ones are not: nobody confirmed these."""
    one = bench(tmp_path)
    confirmed = one.confirmed
    first, second = one.proof.changes
    other = replace(second, after=replace(second.after, ranges=second.before.ranges[1:]))
    one.work.proof = replace(one.proof, changes=(first, other))

    carried = one.work.carry_out(confirmed)

    assert f"the change of {RELAYS[1]} is not the one" in carried.refused
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


def test_a_part_that_would_harm_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is confirmed alone must not take anything from other hosts either."""
    one = bench(tmp_path)
    loses = Effect(loses=("relaying",))
    moved = MovedBlock("EX16A", (), parse_range("10.0.5.0/24"), None, None, loses)
    harmful = replace(one.proof, moved=(moved,))
    monkeypatch.setattr(work, "prove", lambda *_: harmful)

    carried = one.work.carry_out({RELAYS[0]: one.confirmed[RELAYS[0]]})

    assert "would lose relaying" in carried.refused
    assert "Confirm the others too" in carried.refused
    assert one.listed(RELAYS[0]) == OLD


def test_a_list_that_somebody_changed_meanwhile(tmp_path: Path) -> None:
    """Refused before anything is set, and the list that is there now is shown (S8.68)."""
    one = bench(tmp_path)
    one.relist(RELAYS[1], *OLD, "10.9.9.9")

    carried = one.work.carry_out(one.confirmed)

    assert "10.9.9.9" in carried.refused
    assert one.listed(RELAYS[0]) == OLD
    assert one.listed(RELAYS[1]) == (*OLD, "10.9.9.9")
    found = _outcome(one, carried)
    assert (found.state, found.exit_code) == ("refused", 1)
    assert "10.9.9.9" in found.summary
    assert look_back(tmp_path, one.org, now=one.live.now()) == ()


def test_the_same_list_in_another_order_is_the_same(tmp_path: Path) -> None:
    """Exchange does not keep an order, and a notation means nothing (section 1.4)."""
    one = bench(tmp_path)
    one.relist(RELAYS[0], "10.0.5.0-10.0.5.255", "10.0.0.12", "10.0.0.11")

    carried = one.work.carry_out(one.confirmed)

    assert _outcome(one, carried).state == "verified"


def test_a_list_changed_between_reading_and_setting(tmp_path: Path) -> None:
    """The second look, right before the Set, sees it: stop, the first connector is told as done."""
    one: Bench

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        reply = go_on()
        if call.cmdlet == "Set-ReceiveConnector":
            one.relist(RELAYS[1], *OLD, "10.9.9.9")
        return reply

    one = bench(tmp_path, meddle=meddle)
    carried = one.work.carry_out(one.confirmed)

    assert "10.9.9.9" in carried.stopped
    assert one.listed(RELAYS[0]) == NEW
    assert one.listed(RELAYS[1]) == (*OLD, "10.9.9.9")
    found = _outcome(one, carried)
    assert (found.state, found.exit_code) == ("done in part", 2)
    assert found.undo == (one.proof.changes[0].undo,)


def test_one_of_two_confirmed(tmp_path: Path) -> None:
    """Only that one is set and verified; as a whole it is done in part."""
    one = bench(tmp_path)

    carried = one.work.carry_out({RELAYS[0]: one.confirmed[RELAYS[0]]})

    assert [one.listed(name) for name in RELAYS] == [NEW, OLD]
    found = _outcome(one, carried)
    assert [entry.note for entry in found.connectors] == ["verified"]
    assert (found.state, found.exit_code) == ("done in part", 2)
    assert found.repair[0] == one.proof.changes[1].command
    assert RELAYS[1] in " ".join(row.why for row in found.diagnosis.unread)


def test_what_exchange_refuses(tmp_path: Path) -> None:
    """Its words are told, the list is read back as the old one, nothing more is tried."""

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        if call.cmdlet == "Set-ReceiveConnector":
            return Reply(call, errors=(Fault("failed", "X", "The values\nare wrong."),))
        return go_on()

    one = bench(tmp_path, meddle=meddle)
    carried = one.work.carry_out(one.confirmed)

    assert "The values are wrong." in carried.stopped
    found = _outcome(one, carried)
    assert (found.state, found.exit_code) == ("refused", 1)
    assert [entry.note for entry in found.connectors] == ["refused", "not begun"]


def test_a_set_that_is_taken_and_not_there(tmp_path: Path) -> None:
    """No error and the old list: that is no success."""

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        return Reply(call) if call.cmdlet == "Set-ReceiveConnector" else go_on()

    one = bench(tmp_path, meddle=meddle)
    carried = one.work.carry_out(one.confirmed)

    assert "is not there" in carried.stopped
    assert _outcome(one, carried).exit_code == 1


def test_a_server_that_falls_silent_in_the_middle(tmp_path: Path) -> None:
    """Set, then nothing: not known, stopped, the way back is offered; the next start tells."""
    silent = Fault("timed-out", "", "no answer")
    sets = 0

    def meddle(server: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        nonlocal sets
        if sets and server == "EX16B":
            return Reply(call, fault=silent)
        reply = go_on()
        if call.cmdlet == "Set-ReceiveConnector" and server == "EX16B":
            sets += 1
            return Reply(call, fault=silent)
        return reply

    one = bench(tmp_path, meddle=meddle)
    carried = one.work.carry_out(one.confirmed)

    assert "could not determine whether" in carried.stopped
    found = _outcome(one, carried)
    assert [entry.note for entry in found.connectors] == ["done", "begun"]
    assert (found.state, found.exit_code) == ("done, not verified", 2)
    assert found.undo == tuple(change.undo for change in reversed(one.proof.changes))
    assert one.waiting("EX10A\\1187") > 0, "it stopped before the queues"

    later = again(one.practice, tmp_path / "second")
    (back,) = look_back(tmp_path, later.org, read=of_server(later.live), now=later.live.now())
    assert [each.state for each in back.standings] == ["verified", "verified"]
    assert back.queues == ("EX10A\\1187", "EX10B\\902")
    last = again(one.practice, tmp_path / "third")
    done = _outcome(last, last.work.carry_out(last.confirmed))
    assert (done.state, done.exit_code) == ("verified", 0)
    assert one.waiting("EX10A\\1187") == 0
    assert not (tmp_path / "third").exists(), "it went on in its own journal"
    assert look_back(tmp_path, last.org, now=last.live.now()) == ()


def test_a_suspended_queue(tmp_path: Path) -> None:
    """A retry does nothing while it is suspended, and that is said (S8.71)."""
    one = bench(tmp_path)
    for queue in one.practice.organisation.queues:
        queue.suspended = queue.identity == "EX10A\\1187"

    found = _outcome(one, one.work.carry_out(one.confirmed))

    states = {entry.queue: entry.state for entry in found.watched}
    assert states == {"EX10A\\1187": "suspended", "EX10B\\902": "drained"}
    assert found.state == "done, not verified"
    assert "Resume-Queue" in found.summary


def test_the_limit(tmp_path: Path) -> None:
    """What still moves at the limit is told as such, with how much is left."""
    one = bench(tmp_path, limit=20)

    found = _outcome(one, one.work.carry_out(one.confirmed))

    assert {entry.state for entry in found.watched} == {"moving"}
    assert all(entry.left and entry.before and entry.left < entry.before for entry in found.watched)
    assert found.state == "verified"
    assert "left" in found.summary


def test_something_else_changed_meanwhile(tmp_path: Path) -> None:
    """Another connector of the server takes a printer: not verified, and it is told."""
    one: Bench

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        if call.cmdlet == "Retry-Queue":
            one.relist("EX16A\\Default Frontend EX16A", "10.0.0.0/8", "::/0")
        return go_on()

    one = bench(tmp_path, meddle=meddle)
    found = _outcome(one, one.work.carry_out(one.confirmed))

    assert [entry.note for entry in found.connectors] == ["done", "verified"]
    assert (found.state, found.exit_code) == ("done, not verified", 2)
    assert found.diagnosis.verdict != "clear"


def test_another_controller_that_lags_behind(tmp_path: Path) -> None:
    """Written to one, read from another: it is read once more after a while (S8.66)."""
    one = bench(tmp_path)
    first, second = one.practice.organisation.directory.controllers
    one.practice.organisation.directory.controllers = (second, first)
    # The connectors say that dc1 gave them, so that one is written to; the session asks dc2.

    found = _outcome(one, one.work.carry_out(one.confirmed))

    assert found.state == "verified"


def test_the_way_back(tmp_path: Path) -> None:
    """The old lists are there again, and the journal says so; a second time does nothing."""
    one = bench(tmp_path)
    carried = one.work.carry_out(one.confirmed)
    assert carried.journal is not None

    stopped = [put_back(one.live, Journal.load(tmp_path / "first")) for _ in range(2)]

    assert stopped == ["", ""]
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]
    notes = [entry.note for entry in Journal.load(tmp_path / "first").connectors]
    assert notes == ["put back", "put back"]


def test_no_way_back_over_somebody_elses_change(tmp_path: Path) -> None:
    """A list that is not the one that was set is left alone and shown."""
    one = bench(tmp_path)
    one.work.carry_out(one.confirmed)
    one.relist(RELAYS[1], *NEW, "10.9.9.9")

    stopped = put_back(one.live, Journal.load(tmp_path / "first"))

    assert "10.9.9.9" in stopped
    assert [one.listed(name) for name in RELAYS] == [NEW, (*NEW, "10.9.9.9")]


def test_interrupted_by_the_keyboard(tmp_path: Path) -> None:
    """Ctrl-C while the queues drain: told as done and not verified, no traceback."""

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        if call.cmdlet == "Retry-Queue":
            raise KeyboardInterrupt
        return go_on()

    one = bench(tmp_path, meddle=meddle)
    carried = one.work.carry_out(one.confirmed)

    assert carried.stopped == "it was interrupted"
    assert _outcome(one, carried).state == "done, not verified"


def test_no_other_host_is_logged_on_to(tmp_path: Path) -> None:
    """Where the servers are known, a name that is none of them is refused on this side."""
    asked: list[str] = []

    def meddle(server: str, _: Call, go_on: Callable[[], Reply]) -> Reply:
        asked.append(server)
        return go_on()

    one = bench(tmp_path, meddle=meddle)
    live = replace(one.live, servers=one.org.servers)

    reply = live.ask_about("evil.example", Call("Get-Queue", {"Server": "evil.example"}))

    assert reply.fault is not None
    assert reply.fault.kind == "refused"
    assert asked == []
    assert live.ask("EX16A", Call("Get-Queue", {"Server": "EX16A"})).fault is None


def test_a_rollback_of_one_leaves_the_others_to_tell(tmp_path: Path) -> None:
    """A repair that was interrupted, rolled back in part: the next start tells of the rest."""
    one = bench(tmp_path)
    one.work.carry_out(one.confirmed)
    journal = Journal.load(tmp_path / "first")
    journal.note(RELAYS[1], "done")
    journal.reopen()

    assert put_back(one.live, journal, {RELAYS[0]}) == ""
    left = Journal.load(tmp_path / "first").ended
    assert put_back(one.live, journal) == ""

    assert left is None
    assert Journal.load(tmp_path / "first").ended is not None
