"""What a person is asked before a change and before its rollback, and `mailflow undo` itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import mailflow.opening
from applying import Bench, again
from command_line import Call, Screen
from kinds import FRONT, KINDS, RELAY, practice_with
from mailflow.apply.journal import Journal
from mailflow.apply.standing import standing
from mailflow.cli import consent, undoing
from mailflow.exchange.connectors import AuthMechanism
from mailflow.exchange.ranges import parse_range

TWO = "no Exchange authentication, another name"


@pytest.fixture
def undo(call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[[Bench, str], Screen]:
    """Roll back the run in `first`, with a confirmation of this connector."""

    def run(one: Bench, name: str) -> Screen:
        monkeypatch.setattr(mailflow.opening, "live_organisation", lambda *_, **__: one.live)
        return call("undo", one.work.folder(), "--confirm", name)

    return run


def _done(kind: str, home: Path) -> Bench:
    one = again(practice_with(kind), home / "first")
    one.work.carry_out(one.confirmed)
    return one


def test_what_is_asked_before_a_change(tmp_path: Path) -> None:
    """What the command does, and each parameter as it is and as it will be."""
    (edit,) = again(practice_with(TWO), tmp_path / "first").proof.changes

    assert list(consent._facts(edit)) == [
        (
            f"Set AuthMechanism of {FRONT} to Tls, Integrated, BasicAuth, BasicAuthRequireTLS, "
            f"ExchangeServer. Set Fqdn of {FRONT} to ex16a.contoso.example."
        ),
        "Current AuthMechanism: Tls, Integrated, BasicAuth, BasicAuthRequireTLS",
        "New AuthMechanism: Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer",
        "Current Fqdn: mail.contoso.example",
        "New Fqdn: ex16a.contoso.example",
    ]


def test_no_rollback_is_said_before_the_change(tmp_path: Path) -> None:
    """Whoever confirms it knows that there is no way to undo it."""
    kind = "a custom connector of the other role"
    (edit,) = again(practice_with(kind), tmp_path / "first").proof.changes

    *_, last = consent._facts(edit)

    assert last.startswith("No rollback: Exchange would refuse the current values: The values")


def test_long_lists_before_a_change(tmp_path: Path) -> None:
    """What goes and what comes; and that Exchange may refuse so many."""
    (edit,) = again(practice_with("a relay's ranges"), tmp_path / "first").proof.changes
    many = tuple(parse_range(f"10.{n // 250}.{n % 250}.0/24") for n in range(20, 1270))
    before = replace(edit.before, ranges=(*many[:1249], parse_range("10.0.0.11")))
    after = replace(edit.after, ranges=(*many, parse_range("10.9.9.9")))

    _, current, new, warning = consent._facts(replace(edit, before=before, after=after))

    assert current == "Current RemoteIPRanges: 1,250 elements"
    assert new == (
        f"New RemoteIPRanges: 1,251 elements; remove 10.0.0.11; add {many[-1]}, 10.9.9.9"
    )
    assert "1,251 remote IP ranges. Exchange may refuse" in warning


def test_what_is_asked_before_a_rollback(tmp_path: Path) -> None:
    """The other way round."""
    _done(TWO, tmp_path)
    (entry,) = Journal.load(tmp_path / "first").connectors

    assert undoing._facts(standing(entry, None)) == [
        "Current AuthMechanism: Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer",
        "After rollback: Tls, Integrated, BasicAuth, BasicAuthRequireTLS",
        "Current Fqdn: ex16a.contoso.example",
        "After rollback: mail.contoso.example",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_undo(kind: str, tmp_path: Path, undo: Callable[[Bench, str], Screen]) -> None:
    """0 where it is rolled back; 2 with Exchange's words where it refuses the old values."""
    one = _done(kind, tmp_path)
    ((name, _),) = KINDS[kind].sets

    done, again_ = undo(one, name), undo(one, name)

    if KINDS[kind].no_rollback:
        assert done.code == 2
        assert f"stopped: {name} is unchanged: " in done.out
    else:
        assert (done.code, again_.code) == (0, 0), done
        assert f"{name}: rolled back" in done.out


def test_undo_leaves_alone_what_somebody_changed(
    tmp_path: Path, undo: Callable[[Bench, str], Screen]
) -> None:
    """One of two parameters is another one: nothing is set, 2."""
    one = _done(TWO, tmp_path)
    one.change(FRONT, auth=AuthMechanism(15))

    screen = undo(one, FRONT)

    assert (screen.code, screen.out) == (2, f"{FRONT}: changed since\n")
    assert one.connector(FRONT).fqdn == "ex16a.contoso.example"


def test_undo_of_another_connector_is_no_confirmation(
    tmp_path: Path, undo: Callable[[Bench, str], Screen]
) -> None:
    """Nobody confirmed this one: 1, and its values stay."""
    one = _done(TWO, tmp_path)

    screen = undo(one, RELAY)

    assert screen.code == 1
    assert one.connector(FRONT).auth == AuthMechanism(31)
