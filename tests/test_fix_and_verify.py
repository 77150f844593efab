r"""`mailflow run fix_and_verify` over the real protocol: asked for, carried out, refused, killed.

What the parts do is tested below `tests/apply`; JupyterLab stands in `tests/browser`.
"""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from applying import NEW, OLD, RELAYS
from killed import kill, started
from killed_repair import HASTE, Errand, apply_all, work_on
from mailflow.apply.journal import Journal
from mailflow.apply.outcome import outcome
from mailflow.apply.unfinished import look_back, of_server
from mailflow.apply.work import Work, put_back
from mailflow.simulated.endpoints import PASSWORD
from mailflow.views.verdict import Diagnosis
from serving import FEW, TICK, Served, served
from support import ROOT

CONFIRMED = ("--confirm", RELAYS[0], "--confirm", RELAYS[1])


def environment(one: Served) -> dict[str, str]:
    """This process's environment, with the way to the package and to the practice."""
    return os.environ | {"PYTHONPATH": str(ROOT / "lib"), "COLUMNS": "80"} | one.endpoints.env


def command(one: Served, *more: str) -> list[str]:
    """The command line of a run."""
    start = [sys.executable, "-m", "mailflow", "run", "fix_and_verify", one.endpoints.source]
    return [*start, *one.endpoints.args, "--ticket", "INC7", *more]


def run(one: Served, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """One run to its end, with nobody at the terminal."""
    return subprocess.run(
        command(one, *more),
        cwd=home,
        env=environment(one),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def kept(home: Path) -> dict[str, object]:
    """The findings of the only run there is."""
    (folder,) = (home / "runs").iterdir()
    found: dict[str, object] = json.loads((folder / "findings.json").read_text())
    return found


def test_from_stuck_to_drained(tmp_path: Path) -> None:
    """Confirmed by name: set, retried, drained, verified, 0; no password in any byte left."""
    with served() as one:
        done = run(one, tmp_path, "--apply", *CONFIRMED)
        lists, waiting = one.lists(), one.waiting()
        again = run(one, tmp_path, "--apply", *CONFIRMED)

    assert (done.returncode, again.returncode) == (0, 0), done.stdout + done.stderr
    assert lists == [NEW, NEW]
    assert waiting < FEW
    assert "VERIFIED" in done.stdout
    assert "NOTHING TO REPAIR" in again.stdout
    reports = [(each / "report.html").read_text("utf-8") for each in (tmp_path / "runs").iterdir()]
    assert any(">loses anonymous relay" in each for each in reports)
    assert not any('class="bad">loses' in each for each in reports)  # what was proven alarms nobody
    first, _ = sorted((tmp_path / "runs").iterdir())
    journal = Journal.load(first)
    assert [entry.note for entry in journal.connectors] == ["verified", "verified"]
    assert [entry.state for entry in journal.queues] == ["drained", "drained"]
    found = json.loads((first / "findings.json").read_text())
    assert (found["verdict"], found["apply"]["state"]) == ("clear", "verified")
    report = (first / "report.html").read_text(encoding="utf-8")
    assert "Repaired and verified" in report
    past = report.split('<div class="mf-past">')[1:]
    assert len(past) == 2
    assert all("It was repaired since, and verified." in part for part in past)
    assert "Now, as read again" in report
    assert found["mail_flow"]["is_past"] is found["simulated"] is True
    assert {each["state"] for each in found["mail_flow"]["after"]["routes"]} == {"good"}
    summary = (first / "summary.txt").read_text(encoding="utf-8")
    assert summary.startswith("SIMULATED DATA  winrm")
    assert "--x" not in summary
    everything = b"".join(file.read_bytes() for file in first.rglob("*") if file.is_file())
    said = (done.stdout + done.stderr + again.stdout + again.stderr).encode()
    assert one.endpoints.env[PASSWORD].encode() not in everything + said


def test_a_change_request_changes_nothing(tmp_path: Path) -> None:
    """Without --apply: a report with proof and commands, 1, and not one call that writes."""
    with served() as one:
        done = run(one, tmp_path)
        lists = one.lists()

    assert done.returncode == 1, done.stderr
    assert lists == [OLD, OLD]
    assert "PROPOSED" in done.stdout
    assert kept(tmp_path)["apply"]["state"] == "proposed"  # type: ignore[index]
    (folder,) = (tmp_path / "runs").iterdir()
    assert not (folder / "apply.json").exists()
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "-WhatIf" in report
    assert "Only if the change causes problems" in report
    assert "accepted (was: failing)" in report


def test_nobody_to_ask(tmp_path: Path) -> None:
    """With --apply, no terminal and no --confirm: nothing is changed, 1, and it says why."""
    with served() as one:
        done = run(one, tmp_path, "--apply")
        lists = one.lists()

    assert done.returncode == 1, done.stderr
    assert lists == [OLD, OLD]
    assert "no connector was confirmed" in " ".join(done.stdout.split())


def test_asked_at_the_terminal(tmp_path: Path) -> None:
    """The password once; one name at the second try, the other left: done in part, 2."""
    with served() as one:
        password = one.endpoints.env[PASSWORD]
        line = command(one, "--apply")
        place = line.index("--password-env")
        del line[place : place + 2]
        main, other = pty.openpty()
        process = subprocess.Popen(
            line,
            cwd=tmp_path,
            env={name: text for name, text in environment(one).items() if name != PASSWORD},
            stdin=other,
            stdout=subprocess.PIPE,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        answers = [("Password of", password)]
        answers += [("to skip", name) for name in (r"EX16A\Rely", RELAYS[0], "")]
        shown = _talk(main, process, answers)
        lists = one.lists()

    assert process.returncode == 2, shown
    assert answers == []
    everything = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert password.encode() not in everything + shown.encode()
    assert lists == [NEW, OLD]
    assert "Names do not match." in shown
    assert "Current RemoteIPRanges: 10.0.0.11, 10.0.0.12, 10.0.5.0/24" in " ".join(shown.split())
    assert "New RemoteIPRanges: 10.0.5.0/24" in shown
    assert kept(tmp_path)["apply"]["state"] == "done in part"  # type: ignore[index]


def _talk(main: int, process: subprocess.Popen[bytes], answers: list[tuple[str, str]]) -> str:
    """Give the next answer whenever its question stands there; what was shown."""
    shown, seen, until = "", 0, time.monotonic() + 100
    while time.monotonic() < until:
        ready, _, _ = select.select([main], [], [], 0.2)
        if ready:
            try:
                shown += os.read(main, 65536).decode("utf-8", "replace")
            except OSError:  # the other end is closed
                break
        if answers and answers[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(main, answers.pop(0)[1].encode() + b"\n")
        if process.poll() is not None and not ready:
            break
    process.communicate(timeout=20)
    os.close(main)
    return shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--confirm", "EX16A\\Relay"), "--confirm needs --apply"),
        (("--apply", "--confirm", "EX16A\\Rely"), "no such receive connector"),
        (("-p", "apply", "yes"), "the option --apply"),
        (("-p", "confirmed", "x"), "the option --confirm"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """Told as such, 3, and no run folder is left."""
    with served() as one:
        done = run(one, tmp_path, *arguments)

    assert done.returncode == 3, done.stdout
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_only_this_runbook_applies(tmp_path: Path) -> None:
    """The runbooks that only look refuse --apply."""
    with served() as one:
        line = command(one, "--apply")
        line[line.index("fix_and_verify")] = "mail_stuck_in_queue"
        done = subprocess.run(
            line, cwd=tmp_path, env=environment(one), capture_output=True, text=True, check=False
        )

    assert done.returncode == 3
    assert "changes nothing" in done.stderr


def test_undo(tmp_path: Path) -> None:
    """Nobody's word: 1 and nothing happens; with it the old lists are there, 0; again: 0."""
    with served() as one:
        run(one, tmp_path, "--apply", *CONFIRMED)
        (folder,) = (tmp_path / "runs").iterdir()
        after = one.lists()
        done, lists = [], []
        for confirmed in ((), CONFIRMED, CONFIRMED):
            done.append(
                subprocess.run(
                    [
                        *(sys.executable, "-m", "mailflow", "undo", str(folder)),
                        *(*one.endpoints.args, *confirmed),
                    ],
                    cwd=tmp_path,
                    env=environment(one),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
            )
            lists.append(one.lists())

    assert after == [NEW, NEW]
    assert [each.returncode for each in done] == [1, 0, 0], done
    assert lists == [[NEW, NEW], [OLD, OLD], [OLD, OLD]]
    assert "EX16A\\Relay: rolled back" in done[1].stdout


# -- Killed ----------------------------------------------------------------------------------------


def _kill_once(home: Path, after: float) -> tuple[str, ...]:
    """Kill a repair so many seconds after it began; check what is told and that it goes on."""
    with served(speed=60 * HASTE) as one:
        reach = one.endpoints
        errand = Errand(reach.source, reach.options, reach.env[PASSWORD], str(home / "first"))
        kill(started(apply_all, errand), after)
        truth = tuple("there" if ranges == NEW else "not begun" for ranges in one.lists())

        second = Errand(errand.source, errand.options, errand.password, str(home / "second"))
        work, found = work_on(second)
        live = replace(work.live, servers=work.org.servers)
        told = look_back(home, work.org, read=of_server(live), now=live.now())
        ended = (home / "first" / "apply.json").exists() and Journal.load(home / "first").ended
        if told:
            states = [each.state for each in told[0].standings]
            assert states == ["verified" if each == "there" else each for each in truth]
        else:
            assert truth in (("not begun", "not begun"), ("there", "there"))
            assert bool(ended) == (truth[0] == "there")
        if after * 1000 % 2 < 1:
            _goes_on(work, found)
            assert one.lists() == [NEW, NEW]
            until = time.monotonic() + 10
            while one.waiting() > FEW and time.monotonic() < until:
                time.sleep(TICK)
            assert one.waiting() <= FEW
        elif (home / "first" / "apply.json").exists():
            assert put_back(live, Journal.load(home / "first")) == ""
            assert one.lists() == [OLD, OLD]
    return truth


def _goes_on(work: Work, found: Diagnosis) -> None:
    """Confirm what is still proposed, and once more what is there already."""
    named = {entry.connector: entry.new_sha256 for one in work.earlier for entry in one.connectors}
    named |= {each.identity: each.both_sha256 for each in work.proof.changes}
    left = outcome(work.org, found, work.proof, work.carry_out(named))
    assert left.state in ("verified", "nothing to repair"), left.summary


def _kill_often(home: Path, rounds: int, seed: int) -> set[tuple[str, ...]]:
    dice = Random(seed)  # noqa: S311 - moments, not secrets
    seen = set()
    for number in range(rounds):
        # Most of what can go wrong lies in the first moments: the sets, one after the other.
        after = dice.uniform(0, 0.3) if dice.random() < 0.7 else dice.uniform(0.3, 1)
        seen.add(_kill_once(home / str(number), after))
    return seen


def test_killed_at_a_moment(tmp_path: Path) -> None:
    """The next start tells truly where each connector stands, and going on works."""
    assert set(_kill_once(tmp_path, 0.1)) <= {"not begun", "there"}


@pytest.mark.long
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """The same at any of them, going on or back."""
    seen = _kill_often(tmp_path, 20, 6)

    assert len(seen) >= 2


@pytest.mark.long
@pytest.mark.hours
def test_killed_at_125_random_moments(tmp_path: Path) -> None:
    """The same, more often: every state that there may be was met."""
    seen = _kill_often(tmp_path, 125, 7)

    assert seen == {("not begun", "not begun"), ("there", "not begun"), ("there", "there")}


def test_the_command_is_killed(tmp_path: Path) -> None:
    """The whole command with its kernel, right after the first list was set: the next run tells."""
    with served(speed=1) as one:
        process = subprocess.Popen(
            command(one, "--apply", *CONFIRMED),
            cwd=tmp_path,
            env=environment(one),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 60
        while one.lists()[0] == OLD and time.monotonic() < until:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
        time.sleep(3)  # a kernel ends itself within two seconds of its parent
        truth = one.lists()
        done = run(one, tmp_path)

    assert truth[0] == NEW
    assert "Repairs" not in done.stderr
    first, second = sorted((tmp_path / "runs").iterdir())
    report = (second / "report.html").read_text(encoding="utf-8")
    assert first.name in report
    assert next(entry.note for entry in Journal.load(first).connectors) == "verified"
