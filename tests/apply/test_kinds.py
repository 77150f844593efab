"""Every kind of change, from stuck to drained: set, refused, killed, rolled back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from applying import Bench, Meddle, again, killed
from kinds import FRONT, KINDS, RELAY, practice_with
from mailflow.analysis.change import PARAMETERS, Parameter, fingerprint
from mailflow.apply.journal import Journal
from mailflow.apply.outcome import Outcome, outcome
from mailflow.apply.unfinished import look_back, of_server
from mailflow.apply.work import Carried, put_back
from mailflow.exchange.connectors import AuthMechanism, PermissionGroups, TransportRole
from mailflow.exchange.ranges import parse_range
from mailflow.simulated.organisation import EXCHANGE_SERVERS, SUBMIT, AccessEntry
from mailflow.sources.shell import Call, Reply
from mailflow.views.findings import findings
from support import some_of

QUEUE = "EX10A\\1001"
BESIDE = {"Identity", "Confirm", "DomainController"}


def _bench(kind: str, runs: Path, meddle: Meddle | None = None) -> Bench:
    return again(practice_with(kind), runs / "first", meddle=meddle)


def _outcome(one: Bench, carried: Carried) -> Outcome:
    return outcome(one.org, one.found, one.proof, carried, queues=one.work.queues)


def _there(one: Bench) -> list[bool]:
    """Whether each command's values are truly there."""
    return [
        fingerprint(one.connector(edit.identity), edit.parameters) == edit.new_sha256
        for edit in one.proof.changes
    ]


def _as_before(one: Bench) -> list[bool]:
    return [
        fingerprint(one.connector(edit.identity), edit.parameters) == edit.sha256
        for edit in one.proof.changes
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_from_stuck_to_drained(kind: str, tmp_path: Path) -> None:
    """One Set per connector with exactly its parameters; mail arrives, all of it is verified."""
    sets: list[Call] = []

    def watch(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        sets.extend([call] if call.cmdlet == "Set-ReceiveConnector" else [])
        return go_on()

    one = _bench(kind, tmp_path, watch)
    assert (one.found.verdict, one.waiting(QUEUE)) == ("found", 9)

    found = _outcome(one, one.work.carry_out(one.confirmed))

    named = [
        (str(call.parameters["Identity"]), tuple(n for n in PARAMETERS if n in call.parameters))
        for call in sets
    ]
    assert named == KINDS[kind].sets
    assert all(call.parameters.keys() - BESIDE <= set(PARAMETERS) for call in sets)
    assert all(_there(one))
    assert (found.state, found.exit_code) == ("verified", 0), found.summary
    assert one.waiting(QUEUE) == 0
    assert findings(one.live.collect(lambda _: None)).verdict == "clear"
    assert [edit.undo_refusal != "" for edit in one.proof.changes] == [KINDS[kind].no_rollback]


@pytest.mark.parametrize("kind", KINDS)
def test_rolled_back(kind: str, tmp_path: Path) -> None:
    """The old values are there again; or Exchange's refusal is told, and nothing changed."""
    one = _bench(kind, tmp_path)
    one.work.carry_out(one.confirmed)

    stopped = put_back(one.live, Journal.load(tmp_path / "first"))

    if KINDS[kind].no_rollback:
        assert stopped.startswith(f"{one.proof.changes[0].identity} is unchanged: ")
        assert "SuppressX" in stopped or one.proof.changes[0].undo_refusal in stopped
        assert all(_there(one))
    else:
        assert stopped == ""
        assert all(_as_before(one))
        assert put_back(one.live, Journal.load(tmp_path / "first")) == ""


OTHERS: dict[str, list[tuple[str, str, Parameter, dict[str, object]]]] = {
    "no Exchange authentication, another name": [
        (FRONT, "Tls", "AuthMechanism", {"auth": AuthMechanism.Tls}),
        (FRONT, "smtp.contoso.example", "Fqdn", {"fqdn": "smtp.contoso.example"}),
    ],
    "disabled": [(FRONT, "$true", "Enabled", {"enabled": True})],
    "no group": [(FRONT, "Partners", "PermissionGroups", {"groups": PermissionGroups(25)})],
    "a custom connector of the other role": [
        (RELAY, "Frontend", "TransportRole", {"role": TransportRole.FrontendTransport})
    ],
    "suppressed": [(FRONT, "$false", "SuppressXAnonymousTls", {"suppress_x_anonymous_tls": False})],
    "bindings narrowed": [(FRONT, "nothing", "Bindings", {"bindings": ()})],
    "a relay's ranges": [
        (RELAY, "10.9.9.9", "RemoteIPRanges", {"ranges": (parse_range("10.9.9.9"),)})
    ],
}


@pytest.mark.parametrize(
    ("kind", "case"), [(kind, case) for kind, cases in OTHERS.items() for case in cases]
)
def test_changed_meanwhile(
    kind: str, case: tuple[str, str, Parameter, dict[str, object]], tmp_path: Path
) -> None:
    """S8.68: any of the command's parameters: refused, the parameter and its value are named."""
    identity, value, parameter, values = case
    one = _bench(kind, tmp_path)
    one.change(identity, **values)
    before = one.connector(identity)

    carried = one.work.carry_out(one.confirmed)

    assert parameter in carried.refused
    assert value in carried.refused
    assert one.connector(identity) == before
    found = _outcome(one, carried)
    assert (found.state, found.exit_code) == ("refused", 1)
    others = {each for each in one.proof.changes[0].parameters if each != parameter}
    assert not any(f"{each} is" in carried.refused for each in others)


def test_changed_between_reading_and_setting(tmp_path: Path) -> None:
    """The second look, right before the Set, compares each parameter too."""
    one: Bench
    reads = 0

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        nonlocal reads
        if call.cmdlet == "Get-ReceiveConnector":
            reads += 1
            if reads == 2:
                one.change(FRONT, fqdn="smtp.contoso.example")
        return go_on()

    one = _bench("no Exchange authentication, another name", tmp_path, meddle)
    carried = one.work.carry_out(one.confirmed)

    assert "Fqdn is smtp.contoso.example, and was mail.contoso.example" in carried.stopped
    assert one.connector(FRONT).auth == AuthMechanism(15)


def test_another_setting_than_those_of_the_command(tmp_path: Path) -> None:
    """What the command does not set is not compared before, and is told afterwards."""
    one = _bench("no Exchange authentication", tmp_path)
    one.change(FRONT, comment="Ask Anna first", groups=PermissionGroups(5))

    found = _outcome(one, one.work.carry_out(one.confirmed))

    assert one.connector(FRONT).comment == "Ask Anna first"
    assert one.connector(FRONT).groups == PermissionGroups(5)
    assert all(_there(one))
    assert found.state == "done, not verified"


def test_rights_that_follow_from_a_group(tmp_path: Path) -> None:
    """S3.20: Exchange writes them itself, so they are expected; a denial beside them is not."""
    one = _bench("no group", tmp_path)
    before = {right for right in one.org.rights if right.connector in FRONT}

    carried = one.work.carry_out(one.confirmed)

    assert carried.after is not None
    gained = {right for right in carried.after.rights if right.connector in FRONT} - before
    assert {right.user.rpartition("\\")[2] for right in gained} == {
        *("Exchange Servers", "Hub Transport Servers", "Edge Transport Servers"),
        "Externally Secured Servers",
    }
    assert _outcome(one, carried).state == "verified"


@pytest.mark.parametrize(
    "entry",
    [
        AccessEntry(EXCHANGE_SERVERS, (SUBMIT,), deny=True),
        AccessEntry(r"NT AUTHORITY\ANONYMOUS LOGON", ("ms-Exch-SMTP-Accept-Any-Recipient",)),
    ],
)
def test_a_right_that_follows_from_no_group(tmp_path: Path, entry: AccessEntry) -> None:
    """Somebody denied or granted it meanwhile (S3.21): not verified, and it is told."""
    one: Bench

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        reply = go_on()
        if call.cmdlet == "Set-ReceiveConnector":
            one.practice.organisation.access[FRONT.casefold()] = [entry]
        return reply

    one = _bench("no group", tmp_path, meddle)
    found = _outcome(one, one.work.carry_out(one.confirmed))

    assert found.state == "done, not verified"
    assert entry.user.casefold() in found.summary.casefold()


def test_one_parameter_rolled_back_by_somebody(tmp_path: Path) -> None:
    """Neither the old values nor the new ones: told as changed since, and left alone."""
    one = _bench("no Exchange authentication, another name", tmp_path)
    one.work.carry_out(one.confirmed)
    one.change(FRONT, auth=AuthMechanism(15))

    stopped = put_back(one.live, Journal.load(tmp_path / "first"))

    assert "AuthMechanism is Tls, Integrated, BasicAuth, BasicAuthRequireTLS, and was" in stopped
    assert one.connector(FRONT).auth == AuthMechanism(15)
    assert one.connector(FRONT).fqdn == "ex16a.contoso.example"


def test_what_cannot_be_rolled_back_is_not_begun(tmp_path: Path) -> None:
    """A name that no host can have could not be set again: refused before anything is set."""
    practice = practice_with("no Exchange authentication, another name")
    directory = practice.organisation.directory
    found = directory.find(FRONT, practice.clock.now)
    assert found is not None
    one = again(practice, tmp_path / "none")
    one.change(FRONT, fqdn="mail server.contoso.example")
    one = again(practice, tmp_path / "first")

    carried = one.work.carry_out(one.confirmed)

    assert "-Fqdn: not in the form that a change needs" in carried.refused
    assert all(_as_before(one))


def _killed(
    kind: str, home: Path, monkeypatch: pytest.MonkeyPatch, at: int, *, back: bool = False
) -> tuple[Bench, int]:
    """A repair, or its rollback, killed at this step; how many steps it made."""
    return killed(lambda meddle: _bench(kind, home, meddle), home, monkeypatch, at, back=back)


def _told(one: Bench, home: Path) -> list[str]:
    later = again(one.practice, home / "second")
    found = look_back(home, later.org, read=of_server(later.live), now=later.live.now())
    return [each.state for each in found[0].standings] if found else []


def _goes_on(one: Bench, home: Path) -> None:
    """Run again until nothing is left to tell."""
    later = again(one.practice, home / "third")
    if later.confirmed:
        carried = later.work.carry_out(later.confirmed)
        assert _outcome(later, carried).state == "verified", carried
    else:  # the queues were retried, and drain on their own
        one.practice.advance(timedelta(minutes=2))
    assert all(_there(one))
    assert one.waiting(QUEUE) == 0
    last = again(one.practice, home / "fourth")
    assert last.found.verdict == "clear"
    look_back(home, last.org, now=last.live.now())
    assert look_back(home, last.org, now=last.live.now()) == ()


@pytest.mark.parametrize("kind", some_of(list(KINDS)))
def test_killed_and_resumed(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any step, told truly by the next start, and then to its end or back."""
    _, steps = _killed(kind, tmp_path / "count", monkeypatch, 10**9)
    seen = set()
    for at in range(1 + list(KINDS).index(kind) % 4, steps + 1, 4):
        home = tmp_path / str(at)
        one, _ = _killed(kind, home, monkeypatch, at)
        (there,) = _there(one)
        told = _told(one, home)
        # Before its journal was there, or after it was ended, there is nothing to tell.
        assert told in ([], ["verified" if there else "not begun"]), at
        seen.add(tuple(told))
        if at % 8 < 4 or KINDS[kind].no_rollback:
            _goes_on(one, home)
        elif (home / "first" / "apply.json").exists():
            assert put_back(one.live, Journal.load(home / "first")) == ""
            assert all(_as_before(one))
    assert seen >= {("not begun",), ("verified",)}


@pytest.mark.parametrize("kind", some_of([kind for kind in KINDS if not KINDS[kind].no_rollback]))
def test_a_rollback_that_is_killed(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the rollback: it can be begun again until it is at its end."""
    total = _killed(kind, tmp_path / "count", monkeypatch, 10**8, back=True)[1]
    steps = total - _killed(kind, tmp_path / "plain", monkeypatch, 10**9)[1]
    assert steps > 8
    for at in range(1 + list(KINDS).index(kind) % 3, steps + 1, 3):
        home = tmp_path / str(at)
        one, _ = _killed(kind, home, monkeypatch, at, back=True)
        (back,) = _as_before(one)
        told = _told(one, home)
        assert told in ([], ["rolled back" if back else "verified"]), at
        assert put_back(one.live, Journal.load(home / "first")) == ""
        assert all(_as_before(one))
