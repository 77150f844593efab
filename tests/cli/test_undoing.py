"""What a person is asked before a change and before its rollback, and `mailflow undo` itself."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import mailflow.opening
from applying import NEW, OLD, RELAYS, SOURCE, Bench, Meddle, again, bench
from command_line import Call, Screen
from kinds import FRONT, KINDS, RELAY, practice_with
from mailflow.apply import seal
from mailflow.apply.journal import FOREIGN, Journal
from mailflow.apply.live import LiveOrganisation
from mailflow.cli import consent, undoing
from mailflow.exchange.connectors import AuthMechanism
from mailflow.exchange.ranges import parse_range
from mailflow.sources.shell import Call as Cmdlet
from mailflow.sources.shell import Fault, Reply

TWO = "no Exchange authentication, another name"


@pytest.fixture
def undo(call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[[Bench, str], Screen]:
    """Roll back the run in `first`, with a confirmation of this connector."""
    monkeypatch.setenv("MAILFLOW_USER", "CONTOSO\\anna")

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

    assert list(undoing._facts(entry)) == [
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


def test_undo_ends_a_rollback_that_was_killed(
    tmp_path: Path, undo: Callable[[Bench, str], Screen]
) -> None:
    """The old values are there and the journal does not say so: it is written down."""
    one = _done(TWO, tmp_path)
    undo(one, FRONT)
    journal = Journal.load(tmp_path / "first")
    journal.reopen()
    journal.note(FRONT, "going back")

    screen = undo(one, FRONT)

    assert (screen.code, screen.out) == (0, f"{FRONT}: rolled back\n")
    assert Journal.load(tmp_path / "first").ended
    assert "by the journal" in undo(one, FRONT).out


def test_undo_leaves_alone_what_somebody_changed(
    tmp_path: Path, undo: Callable[[Bench, str], Screen]
) -> None:
    """One of two parameters is another one: nothing is set, 1."""
    one = _done(TWO, tmp_path)
    one.change(FRONT, auth=AuthMechanism(15))

    screen = undo(one, FRONT)

    assert (screen.code, screen.out) == (1, f"{FRONT}: changed since\n")
    assert one.connector(FRONT).fqdn == "ex16a.contoso.example"


def test_undo_of_another_connector_is_no_confirmation(
    tmp_path: Path, undo: Callable[[Bench, str], Screen]
) -> None:
    """Nobody confirmed this one: 1, and its values stay."""
    one = _done(TWO, tmp_path)

    screen = undo(one, RELAY)

    assert screen.code == 1
    assert one.connector(FRONT).auth == AuthMechanism(31)


# -- Before a log-on -------------------------------------------------------------------------------

CONFIRMED = [part for name in RELAYS for part in ("--confirm", name)]
SHOWN = [
    "Connects to: ex16a.contoso.example, port 5986 (HTTPS)",
    "Connects to: ex16b.contoso.example at 10.0.0.22, port 5999 (HTTPS)",
    "Account: CONTOSO\\anna (NTLM)",
    "EX16A\\Relay: changed and verified",
    f"Current RemoteIPRanges: {', '.join(NEW)}",
    f"After rollback: {', '.join(OLD)}",
    "EX16B\\Relay: changed and verified",
    f"Current RemoteIPRanges: {', '.join(NEW)}",
    f"After rollback: {', '.join(OLD)}",
]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The organizations that were logged on to, with what nobody had typed yet at that moment."""
    found: list[str] = []
    monkeypatch.setenv("MAILFLOW_USER", "CONTOSO\\anna")
    monkeypatch.setenv("MAILFLOW_RESOLVE", "ex16b.contoso.example=10.0.0.22:5999")
    monkeypatch.setattr(consent, "_is_somebody_there", lambda: False)
    return found


Repaired = Callable[..., Bench]


@pytest.fixture
def repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> Repaired:
    """The article's repair, done in `first`; undo finds its organization, with somebody between."""

    def make(meddle: Meddle | None = None) -> Bench:
        one = bench(tmp_path)
        one.work.carry_out(one.confirmed)
        live = again(one.practice, tmp_path / "second", meddle=meddle).live

        def open_(source: str, *_: object) -> LiveOrganisation:
            left = sys.stdin.read() if isinstance(sys.stdin, io.StringIO) else ""
            opened.append(f"{source} {left}".strip())
            return live

        monkeypatch.setattr(mailflow.opening, "live_organisation", open_)
        return one

    return make


def _typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Somebody sits at the terminal, and types this."""
    monkeypatch.setattr(consent, "_is_somebody_there", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{one}\n" for one in lines)))


def _made_foreign(home: Path) -> Path:
    file = home / "first" / "apply.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"digest": ""}))
    return file.parent


def test_all_is_shown_and_asked_before_a_log_on(
    tmp_path: Path,
    call: Call,
    repaired: Repaired,
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hosts, account and each change; both names are typed; only then somebody logs on."""
    one = repaired()
    _typed(monkeypatch, *RELAYS)

    screen = call("undo", tmp_path / "first")

    assert screen.code == 0, screen
    assert screen.err.splitlines()[: len(SHOWN)] == SHOWN
    assert opened == [SOURCE], "nothing was left to be typed"
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


def test_nobody_there_and_nothing_confirmed(
    tmp_path: Path, call: Call, repaired: Repaired, opened: list[str]
) -> None:
    """It is shown all the same; 1, and nobody logs on."""
    repaired()

    screen = call("undo", tmp_path / "first")

    assert (screen.code, opened) == (1, [])
    assert screen.err.splitlines() == SHOWN
    assert screen.out.splitlines() == [f"{name}: not confirmed, not rolled back" for name in RELAYS]


def test_one_of_two_confirmed(tmp_path: Path, call: Call, repaired: Repaired) -> None:
    """Done in part: 2."""
    one = repaired()

    screen = call("undo", tmp_path / "first", "--confirm", RELAYS[0])

    assert screen.code == 2
    assert screen.out.splitlines() == [
        f"{RELAYS[1]}: not confirmed, not rolled back",
        f"{RELAYS[0]}: rolled back",
    ]
    assert [one.listed(name) for name in RELAYS] == [OLD, NEW]


def test_one_of_two_changed_since(tmp_path: Path, call: Call, repaired: Repaired) -> None:
    """Done in part as well."""
    one = repaired()
    one.relist(RELAYS[0], "10.0.7.7")

    screen = call("undo", tmp_path / "first", *CONFIRMED)

    assert screen.code == 2
    assert screen.out.splitlines() == [f"{RELAYS[0]}: changed since", f"{RELAYS[1]}: rolled back"]
    assert one.listed(RELAYS[0]) == ("10.0.7.7",)


def test_what_is_rolled_back_needs_no_log_on(
    tmp_path: Path, call: Call, repaired: Repaired, opened: list[str]
) -> None:
    """The journal says so, and that is what is said."""
    repaired()
    call("undo", tmp_path / "first", *CONFIRMED)
    opened.clear()

    screen = call("undo", tmp_path / "first", *CONFIRMED)

    assert (screen.code, screen.err, opened) == (0, "", [])
    assert screen.out.splitlines() == [
        f"{name}: rolled back (by the journal; not read again)" for name in RELAYS
    ]


# -- A server that cannot be read ------------------------------------------------------------------


def _unreadable(server: str, *, after_a_set: bool) -> Meddle:
    """A server that does not answer: from the beginning, or once something was set there."""
    state = {"gone": not after_a_set}

    def meddle(at: str, call: Cmdlet, go_on: Callable[[], Reply]) -> Reply:
        if not at.upper().startswith(server):
            return go_on()
        if state["gone"]:
            return Reply(call, fault=Fault("unreachable", "", "no route"))
        reply = go_on()
        state["gone"] = call.cmdlet == "Set-ReceiveConnector"
        return reply

    return meddle


def test_a_server_that_cannot_be_read_is_not_verified(
    tmp_path: Path, call: Call, repaired: Repaired
) -> None:
    """Its journal says verified, and nobody could look: 2; the other one is rolled back."""
    one = repaired(_unreadable("EX16A", after_a_set=False))

    screen = call("undo", tmp_path / "first", *CONFIRMED)

    assert screen.code == 2
    assert screen.out.splitlines() == [
        f"{RELAYS[0]}: could not be read: not verified",
        f"{RELAYS[1]}: rolled back",
    ]
    assert [one.listed(name) for name in RELAYS] == [NEW, OLD]
    assert call("undo", tmp_path / "first", "--confirm", RELAYS[0]).code == 2, "also alone"


def test_a_server_that_is_gone_after_the_set(
    tmp_path: Path, call: Call, repaired: Repaired
) -> None:
    """Whether the old values are there cannot be known: 2, and no word that they are."""
    repaired(_unreadable("EX16B", after_a_set=True))

    screen = call("undo", tmp_path / "first", *CONFIRMED)

    assert screen.code == 2
    assert screen.out.splitlines()[:2] == [
        f"{RELAYS[0]}: not rolled back",
        f"{RELAYS[1]}: could not be read: not verified",
    ]
    assert "stopped: could not determine whether EX16B\\Relay has its new values" in screen.out


# -- A foreign journal -----------------------------------------------------------------------------


def test_a_foreign_journal_without_a_terminal(
    tmp_path: Path, call: Call, repaired: Repaired, opened: list[str]
) -> None:
    """Shown, and refused: 3, whose it may be, and the option; with it the rollback is made."""
    one = repaired()
    folder = _made_foreign(tmp_path)

    refused = call("undo", folder, *CONFIRMED)
    lists = [one.listed(name) for name in RELAYS]
    before = list(opened)
    taken = call("undo", folder, *CONFIRMED, "--foreign")

    assert (refused.code, refused.out, before, lists) == (3, "", [], [NEW, NEW])
    assert refused.err.splitlines()[: len(SHOWN)] == SHOWN
    assert FOREIGN in refused.err
    assert "add --foreign" in refused.err
    assert taken.code == 0, taken
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_foreign_journal_at_a_terminal(
    tmp_path: Path,
    call: Call,
    repaired: Repaired,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    """The question comes after what would be done, and before each connector's."""
    one = repaired()
    _typed(monkeypatch, answer, *RELAYS)

    screen = call("undo", _made_foreign(tmp_path))

    assert screen.code == code, screen
    assert screen.err.splitlines()[: len(SHOWN)] == SHOWN
    assert FOREIGN in " ".join(screen.err.split())
    assert one.listed(RELAYS[0]) == (NEW if code else OLD)


def test_a_lost_key_is_told_plainly(
    tmp_path: Path, call: Call, repaired: Repaired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine, or a key that is gone: no error, but the question."""
    repaired()
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path / "new"))

    screen = call("undo", tmp_path / "first", *CONFIRMED)

    assert screen.code == 3
    assert "this journal was written on another machine or by another user" in screen.err
    assert f"there is no key of yours: {seal.key_file()}" in screen.err


def test_a_snapshot_that_says_otherwise_is_refused(
    tmp_path: Path, call: Call, repaired: Repaired, opened: list[str]
) -> None:
    """Also with --foreign: 3, and what differs."""
    repaired()
    file = tmp_path / "first" / "apply.json"
    file.write_text(file.read_text().replace(SOURCE, "winrm://evil.example"))

    screen = call("undo", tmp_path / "first", *CONFIRMED, "--foreign")

    assert (screen.code, screen.out, opened) == (3, "", [])
    assert f"it is of winrm://evil.example, and the snapshot is of {SOURCE}" in screen.err


def test_hostile_names_begin_no_line(
    tmp_path: Path, call: Call, repaired: Repaired, opened: list[str]
) -> None:
    """A folder that agrees with itself shows its names in one line each, written out."""
    repaired()
    folder = tmp_path / "first"
    files = {name: (folder / name).read_text() for name in ("apply.json", "snapshot")}
    screens = []
    for planted in ("\\u202eEX16A: verified", "\\n\\u202eEX16A: verified"):
        for name, text in files.items():
            (folder / name).write_text(text.replace("Relay", f"Relay{planted}"))
        screens.append(call("undo", folder, *CONFIRMED))

    hidden, broken = screens
    for screen in screens:
        assert (screen.code, screen.out, opened) == (3, "", [])
        assert not [one for one in screen.err.splitlines() if one.startswith("EX16A: verified")]
        assert "\u202e" not in screen.err
    assert "EX16A\\Relay\\u202eEX16A: verified: changed and verified" in hidden.err
    assert "damaged snapshot" in broken.err


def test_the_help_tells_the_exit_codes(call: Call) -> None:
    """What each means, and what is taken with --foreign."""
    text = " ".join(call("undo", "--help").out.split())

    assert "Exit code: 0 rolled back" in text
    assert "3 not a run folder, or one from elsewhere without --foreign" in text
