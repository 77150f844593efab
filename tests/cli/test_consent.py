"""What a person is asked of an interrupted repair, and what is done when nobody can be asked."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from applying import NEW, RELAYS, SOURCE, Bench, again, bench
from mailflow.apply.journal import FOREIGN
from mailflow.cli import consent
from mailflow.cli.consent import AskingConsent
from mailflow.repairing import apply_changes
from mailflow.sources.shell import Call, Reply
from mailflow.this_run import RUN_FOLDER


class Stopped(BaseException):
    """Ends a repair in the middle."""


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The organization after a repair that stopped before its queues were retried."""

    def stop(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        if call.cmdlet == "Retry-Queue":
            raise Stopped
        return go_on()

    one = bench(tmp_path, meddle=stop)
    with pytest.raises(Stopped):
        one.work.carry_out(one.confirmed)
    (tmp_path / "second").mkdir()
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path / "second"))
    monkeypatch.setenv("MAILFLOW_USER", "anna")
    monkeypatch.setattr(consent, "_is_somebody_there", lambda: False)
    return again(one.practice, tmp_path / "second")


def _made_foreign(home: Path) -> None:
    file = home / "first" / "apply.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"digest": ""}))


def _state(one: Bench, confirmed: list[str]) -> str:
    """Where the repair stands when the notebook got these confirmations."""
    work = apply_changes(
        one.org, one.found, one.proof, apply=True, confirmed=confirmed, live=one.live
    )
    return work.outcome.state


def _asked(one: Bench, home: Path, *, foreign: bool = False) -> list[str]:
    return AskingConsent(RELAYS, home, foreign=foreign)(one.org, {})


def test_ones_own_goes_on(
    interrupted: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Confirmed by name; host, account and the change are shown before."""
    confirmed = _asked(interrupted, tmp_path)

    shown = capsys.readouterr().err.splitlines()
    assert f"Connects to: {SOURCE.removeprefix('winrm://')}, port 5986 (HTTPS)" in shown
    assert "Account: anna (NTLM)" in shown
    assert (
        "Already set: Remove 10.0.0.11 and 10.0.0.12 from RemoteIPRanges of EX16A\\Relay." in shown
    )
    assert [one.partition("=")[0] for one in confirmed] == list(RELAYS)
    assert _state(interrupted, confirmed) == "verified"


def test_a_foreign_one_does_not_go_on_by_itself(
    interrupted: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The connectors' names are no word for it: that is said, and the rest of the run goes on."""
    own = _asked(interrupted, tmp_path)
    _made_foreign(tmp_path)

    confirmed = _asked(interrupted, tmp_path)

    shown = " ".join(capsys.readouterr().err.split())
    assert f"first: {FOREIGN}; nothing was done" in shown
    assert "add --foreign" in shown
    assert confirmed == []
    assert _state(interrupted, own) == "no change proposed", "it was no confirmation of this one"
    assert interrupted.waiting("EX10A\\1187") > 0


def test_a_foreign_one_goes_on_with_the_option(interrupted: Bench, tmp_path: Path) -> None:
    """The notebook takes it because the confirmation names all that it holds."""
    _made_foreign(tmp_path)

    confirmed = _asked(interrupted, tmp_path, foreign=True)

    assert len(confirmed) == len(RELAYS)
    assert _state(interrupted, confirmed) == "verified"
    assert [interrupted.listed(name) for name in RELAYS] == [NEW, NEW]


def test_a_foreign_one_that_was_changed_after_the_question(
    interrupted: Bench, tmp_path: Path
) -> None:
    """What was taken is what was shown, and no other one."""
    _made_foreign(tmp_path)
    confirmed = _asked(interrupted, tmp_path, foreign=True)
    file = tmp_path / "first" / "apply.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"ticket": "INC2"}))

    assert _state(interrupted, confirmed) == "no change proposed"
    assert interrupted.waiting("EX10A\\1187") > 0


@pytest.mark.parametrize(("answer", "taken"), [("y", 2), ("n", 0)])
def test_a_foreign_one_at_a_terminal(
    interrupted: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    taken: int,
) -> None:
    """A question of its own, before the connectors."""
    _made_foreign(tmp_path)
    monkeypatch.setattr(consent, "_is_somebody_there", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([answer, *RELAYS, ""])))

    assert len(AskingConsent((), tmp_path)(interrupted.org, {})) == taken
