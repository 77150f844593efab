"""Invoke-MailFlow.ps1 in a real PowerShell, from the command line to the reply a client reads.

Both ways to Exchange: `session` (a second session, as strict as Exchange's) and `snapin` (a
runspace of the script's own). The cmdlets are played by `modules/Practice`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailflow import powershell
from mailflow.sources import wire
from mailflow.sources.row import Enumeration, Items
from mailflow.sources.shell import Argument, Call, Fault, Reply, ShellError, check
from powershell.rig import Rig, Run, replies
from sources.test_shell import BAD, GOOD

WAYS = ("session", "snapin")
# Several measure when PowerShell answers; the processes that they look at serve all tests here.
pytestmark = pytest.mark.alone

SECONDS = 3
SECRET = 'T0p-"secret$x` M\u00fcnchen'  # noqa: S105 - made up, to be looked for
STRANGE = "M\u00fcnchen \u6f22\u5b57 \U0001f600 \x01\x7f _x0041_ \t\r\n\"'$(1)`"


def queue(
    server: str, **other: str | bool | int | tuple[str, ...] | dict[str, tuple[str, ...]]
) -> Call:
    """Get-Queue of a server; its name says what happens."""
    return Call("Get-Queue", {"Server": server, **other})


CALLS: Mapping[str, Call] = {
    "one": queue("ONE"),
    "none": queue("NONE"),
    "two": queue("TWO"),
    "warning": queue("WARNS"),
    "error": queue("FAILS"),
    "broken": queue("THROWS"),
    "denied": queue("DENIES"),
    "forbidden": queue("FORBIDS"),
    "noise": queue("TALKS"),
    "strange": queue("X", Filter=STRANGE),
    "list": queue("ECHOES", Filter=("a", "\u00fc"), ResultSize=("alone",)),
    "table": queue("ECHOES", Filter={"Remove": ("c",), "Add": ("a", "b")}, ResultSize=7),
    "truth": queue("ECHOES", Filter=True, ResultSize=False),
    "objects": Call("Get-ReceiveConnector", {"Server": "EX16A"}),
    "no cmdlet": Call("Get-TransportService"),
    "no parameter": Call("Get-Message", {"Queue": "A\\1"}),
    "other cmdlet": Call("Get-Mailbox", {"Identity": "x"}),
    "writing cmdlet": Call("Set-ReceiveConnector", {"Identity": "EX16A\\Relay"}),
    "other parameter": queue("ONE", Include="Empty"),
    "short parameter": Call("Get-Queue", {"Serv": "ONE"}),
    "a parameter called Keys": queue("ONE", Keys="Server"),
    "a table with Values": Call("Get-Queue", {"Filter": {"Values": ("a",), "Add": ()}}),
    "empty": queue(" "),
    "empty list": Call("Get-Queue", {"Server": "ONE", "Filter": ()}),
    "empty table": Call("Get-Queue", {"Server": "ONE", "Filter": {"Add": ()}}),
    "sleeping": queue("SLEEPS"),
    "after sleeping": queue("ONE"),
    "blocked": queue("BLOCKS"),
    "after blocked": queue("ONE"),
    "refused after blocked": Call("Get-Mailbox"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """All calls, asked in one way."""

    rig: Rig
    run: Run
    replies: Mapping[str, Reply]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Asked]:
    """Every call, asked in each way: two processes at the same time."""

    def ask(way: str) -> Asked:
        rig = Rig(tmp_path_factory.mktemp(way))
        settings = wire.CallSettings(way, SECONDS, "CONTOSO\\anna", SECRET)
        run = rig.ask(list(CALLS.values()), settings, PRACTICE_SNAPIN="E2010")
        found = replies(run, list(CALLS.values()))
        told = {name: one for name, one in zip(CALLS, found, strict=True) if one is not None}
        return Asked(rig, run, told)

    with ThreadPoolExecutor() as pool:
        return dict(zip(WAYS, pool.map(ask, WAYS), strict=True))


@pytest.fixture(params=WAYS)
def asked(request: pytest.FixtureRequest, both: Mapping[str, Asked]) -> Asked:
    """Every call, asked in one way."""
    return both[request.param]


def identities(reply: Reply) -> list[object]:
    """The identities of all rows."""
    return [row.values["Identity"] for row in reply.rows]


def said(reply: Reply) -> object:
    """What the only row holds as LastError."""
    (row,) = reply.rows
    return row.values["LastError"]


def test_every_call_is_answered(asked: Asked) -> None:
    """Each call has a whole frame, and the last line says that nothing is missing."""
    found = wire.read_answers(asked.run.output)

    assert list(asked.replies) == list(CALLS)
    assert found.ended
    assert found.damaged == set()
    assert asked.run.code == 0


def test_rows(asked: Asked) -> None:
    """None, one and several rows; none of them is a fault (2.0 makes no difference of one)."""
    assert Reply(CALLS["none"]) == asked.replies["none"]
    assert identities(asked.replies["one"]) == ["ONE\\\u6f22"]
    assert identities(asked.replies["two"]) == ["TWO\\1", "TWO\\2"]
    assert asked.replies["one"].fault is None


def test_objects_keep_their_form(asked: Asked) -> None:
    """Rows stay objects of the top level: enumerations, lists of ranges and null as in captures."""
    (row,) = asked.replies["objects"].rows

    assert row.values["Day"] == Enumeration("Friday", 5)
    assert row.values["Nothing"] is None
    assert row.values["Enabled"] is True
    ranges = row.values["RemoteIPRanges"]
    assert isinstance(ranges, Items)
    assert len(ranges.values) == 2


def test_warnings_and_errors_stand_beside_rows(asked: Asked) -> None:
    """A warning and an error that ends nothing arrive with their ids, and the rows with them."""
    warned, failed = asked.replies["warning"], asked.replies["error"]

    assert warned.warnings == ("careful, M\u00fcnchen",)
    assert (warned.fault, warned.errors) == (None, ())
    assert identities(warned) == ["WARNS\\1"]
    assert [
        Fault("failed", "RpcFailed,Get-Queue", 'RPC server on computer "FAILS", not reached'),
        Fault("failed", "Another,Get-Queue", "and another"),
    ] == list(failed.errors)
    assert identities(failed) == ["FAILS\\1"]
    assert failed.fault is None


@pytest.mark.parametrize(
    ("name", "kind", "identity"),
    [
        ("broken", "failed", "ThrownHere,Get-Queue"),
        ("denied", "denied", "AccessDenied,Get-Queue"),
        ("forbidden", "denied", "ReadUnauthorizedAccessError,Get-Queue"),
        ("no cmdlet", "no-such-cmdlet", "CommandNotFoundException"),
        ("no parameter", "no-such-parameter", "NamedParameterNotFound,Get-Message"),
    ],
)
def test_kinds_of_failure(asked: Asked, name: str, kind: str, identity: str) -> None:
    """What ended a call is told by its id, whatever language its text is in (S10.30)."""
    fault = asked.replies[name].fault

    assert fault is not None
    assert (kind, identity) == (fault.kind, fault.id)
    assert fault.message


def test_the_text_of_a_failure(asked: Asked) -> None:
    """The message is the far side's own, line breaks and umlauts included."""
    fault = asked.replies["broken"].fault

    assert fault == Fault(
        "failed", "ThrownHere,Get-Queue", "it broke,\r\non two lines, M\u00fcnchen"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("other cmdlet", "Get-Mailbox: not on the list of allowed cmdlets"),
        ("writing cmdlet", "Set-ReceiveConnector: not on the list of allowed cmdlets"),
        ("other parameter", "Get-Queue -Include: not on the list of allowed parameters"),
        ("short parameter", "Get-Queue -Serv: not on the list of allowed parameters"),
        ("a parameter called Keys", "Get-Queue -Keys: not on the list of allowed parameters"),
        ("a table with Values", "Get-Queue -Filter: empty"),
        ("empty", "Get-Queue -Server: empty"),
        ("empty list", "Get-Queue -Filter: empty"),
        ("empty table", "Get-Queue -Filter: empty"),
        ("refused after blocked", "Get-Mailbox: not on the list of allowed cmdlets"),
    ],
)
def test_what_is_refused(asked: Asked, name: str, why: str) -> None:
    """Nothing runs that is not on the list, nor what an empty value would make of it (S8.59)."""
    assert Reply(CALLS[name], fault=Fault("refused", "", why)) == asked.replies[name]


def test_values_arrive_as_they_are(asked: Asked) -> None:
    """Text with anything in it, lists, hashtables of lists, numbers and truth values (S8.07)."""
    assert said(asked.replies["strange"]) == STRANGE
    assert said(asked.replies["list"]) == "list a+\u00fc|list alone"
    assert said(asked.replies["table"]) == "table Add=a+b Remove=c|Int32 7"
    assert said(asked.replies["truth"]) == "Boolean True|Boolean False"


def test_a_hanging_call_takes_no_other_with_it(asked: Asked) -> None:
    """One that listens is stopped, and the next one is answered (S10.31)."""
    text = f"Get-Queue did not come back within {SECONDS} seconds"

    assert Fault("timed-out", "", text) == asked.replies["sleeping"].fault
    assert identities(asked.replies["after sleeping"]) == ["ONE\\\u6f22"]
    assert took(asked.run, "sleeping") < SECONDS + 2


def test_a_blocked_call_ends_in_time(asked: Asked) -> None:
    """One that nothing can stop costs its own answer and those behind it, and not time (S10.31)."""
    text = f"Get-Queue did not come back within {SECONDS} seconds"
    later = Fault("timed-out", "", "not asked: a call before it hangs")

    assert Fault("timed-out", "", text) == asked.replies["blocked"].fault
    assert later == asked.replies["after blocked"].fault
    assert took(asked.run, "blocked") < SECONDS + 2


def took(run: Run, name: str) -> float:
    """Seconds from the answer before this one to it."""
    number = list(CALLS).index(name) + 1
    begun, ended = (run.when(f"\n#mailflow end {one}#\n") for one in (number - 1, number))
    return ended - begun


def test_noise_does_no_harm(both: Mapping[str, Asked]) -> None:
    """What a cmdlet says to the screen stands between the frames, and is none (S8.11)."""
    talked = both["session"]

    assert b"\n#mailflow end 3# noise\n" in talked.run.output
    assert identities(talked.replies["noise"]) == ["TALKS\\1"]


def test_a_cut_or_altered_frame_is_noticed(both: Mapping[str, Asked]) -> None:
    """Frame 3 short of a byte, or with another one in it, is damaged; all others are read."""
    output = both["snapin"].run.output
    begin = re.search(rb"#mailflow begin 3 \d+ \w+#\n", output)
    assert begin
    at = begin.end() + 40
    altered = output[:at] + (b"A" if output[at : at + 1] != b"A" else b"B") + output[at + 1 :]
    cut = output[:at] + output[at + 1 :]

    for changed in (altered, cut):
        found = wire.read_answers(changed)
        assert {3} == found.damaged
        assert set(range(1, len(CALLS) + 1)) - {3} == set(found.documents)
        assert not found.ended
    assert not wire.read_answers(output[: begin.end() + 40]).ended


def test_hello(both: Mapping[str, Asked]) -> None:
    """Frame 0 says how Exchange was reached, by what, and where."""
    session, snapin = (wire.read_answers(both[way].run.output).hello for way in WAYS)

    assert session
    assert snapin
    assert re.fullmatch(r"session http://[\w.-]+/PowerShell/", session.way)
    assert snapin.way == "snap-in Microsoft.Exchange.Management.PowerShell.E2010"
    assert session.fault is snapin.fault is None
    assert re.match(r"7\.\d+\.\d+", session.powershell)
    assert session.computer


def test_the_session_that_is_asked_for(both: Mapping[str, Asked]) -> None:
    """Exchange's endpoint of this very computer, by Kerberos, as the user who was named (S8.01)."""
    configuration, uri, way, user, digest, seconds = (
        both["session"].rig.log.read_text("utf-8").splitlines()
    )
    expected = hashlib.sha256(SECRET.encode()).hexdigest().upper()

    assert configuration == "Microsoft.Exchange"
    assert re.fullmatch(r"http://[\w.-]+/PowerShell/", uri)
    assert (way, user) == ("Kerberos", "CONTOSO\\anna")
    assert digest.replace("-", "") == expected
    assert int(seconds) == SECONDS


def test_a_secret_stays_secret(asked: Asked) -> None:
    """The password stands nowhere but in standard input: no output, no error, no file."""
    run = asked.run
    forms = [
        SECRET.encode(),
        SECRET.encode("utf-16-le"),
        *(base64.b64encode(SECRET.encode(one)).rstrip(b"=")[:-1] for one in ("utf-8", "utf-16-le")),
        b"T0p-",
    ]
    found = wire.read_answers(run.output)
    unfolded = [b"".join(wire._unfolded(base64.b64decode(one))) for one in found.documents.values()]
    places = {"output": run.output, "errors": run.errors.encode(), **asked.rig.written()}
    places |= {f"frame {number}": one for number, one in enumerate(unfolded)}

    assert [place for place, data in places.items() for one in forms if one in data] == []
    assert len(unfolded) == len(CALLS)


def test_nothing_is_left_behind(asked: Asked) -> None:
    """No temporary file outlives its answer, not even behind a call that hangs."""
    left = [name for name in asked.rig.written() if name.startswith("tmp")]

    assert left == []
    assert list(asked.rig.work.iterdir()) == []


@pytest.fixture(scope="module")
def openings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Run]:
    """What comes of a run whose way to Exchange is barred, by what bars it."""
    environments = {name: {"PRACTICE_OPENING": name} for name in OPENINGS}
    environments["no snap-in"] = {"PRACTICE_SNAPIN": "other"}
    environments["snap-in that hangs"] = {"PRACTICE_SNAPIN": "blocks"}

    def ask(name: str) -> Run:
        rig = Rig(tmp_path_factory.mktemp("opening"))
        way = "snapin" if "snap-in" in name else "session"
        settings = wire.CallSettings(way, SECONDS, "CONTOSO\\anna", SECRET)
        return rig.ask([queue("ONE")], settings, **environments[name])

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(environments, pool.map(ask, environments), strict=True))


OPENINGS = {
    "AccessDenied": "log-on",
    "code 5": "log-on",
    "CannotConnect": "no-exchange",
    "code -2144108526": "no-exchange",
    "WinRMOperationTimeout": "failed",
}
"""What New-PSSession fails with: the first part of its id, or (2.0) a number; to the kind."""


@pytest.mark.parametrize(("name", "kind"), OPENINGS.items())
def test_why_no_session_opens(openings: Mapping[str, Run], name: str, kind: str) -> None:
    """A log-on that failed, no endpoint and all else are kept apart; no call is tried then."""
    found = wire.read_answers(openings[name].output)
    own = "" if name.startswith("code") else f"{name},"

    assert found.hello
    assert found.hello.fault == Fault(kind, f"{own}PSSessionOpenFailed,New-PSSession", "no session")
    assert found.hello.way.startswith("session http://")
    assert found.ended
    assert found.documents == {}
    assert openings[name].output.endswith(b"#mailflow done 0#\n")
    assert SECRET.encode() not in openings[name].output


def test_no_snap_in(openings: Mapping[str, Run]) -> None:
    """Where no snap-in loads, each one that was tried is told (S8.21)."""
    found = wire.read_answers(openings["no snap-in"].output)

    assert found.ended
    assert found.hello
    fault = found.hello.fault
    assert fault
    assert (fault.kind, fault.id) == ("no-exchange", "AddPSSnapInRead,Add-PSSnapin")
    assert re.findall(r"PowerShell\.(\w+)$", fault.message, re.MULTILINE) == [
        "SnapIn",
        "E2010",
        "Admin",
    ]


@pytest.mark.alone
def test_a_snap_in_that_hangs(openings: Mapping[str, Run]) -> None:
    """It ends within the limit, as data."""
    run = openings["snap-in that hangs"]
    found = wire.read_answers(run.output)

    assert found.hello
    assert found.hello.fault
    assert found.hello.fault.kind == "timed-out"
    assert found.ended
    # With the start of PowerShell; what blocks would not let go before 8 s.
    assert run.when("#mailflow done 0#") < SECONDS + 2 + 2


RANGES = ("10.0.0.0-10.0.0.10", "10.0.5.0/24", "2001:db8::/64")


def setting(**more: Argument) -> Call:
    """Set-ReceiveConnector of one connector, with a list unless another is given."""
    given: dict[str, Argument] = {"Identity": "EX16A\\Relay", "RemoteIPRanges": RANGES, **more}
    return Call("Set-ReceiveConnector", given)


def given(**values: str) -> str:
    """What the cmdlet says that it was given."""
    return " ".join(f"{name}={value}" for name, value in sorted(values.items()))


def arrived(value: Argument) -> str:
    """A value as the cmdlet sees it."""
    if isinstance(value, tuple):
        return f"list {'+'.join(value)}"
    return (
        "nothing"
        if value is None
        else f"{'Boolean' if value is True or value is False else 'String'} {value}"
    )


def ranges_of(name: str, value: Argument) -> str:
    """What the cmdlet says that it sets, which are remote IP ranges alone."""
    return "+".join(value) if name == "RemoteIPRanges" and isinstance(value, tuple) else ""


ALL = f"list {'+'.join(RANGES)}"
YES, NO = "SwitchParameter True", "SwitchParameter False"
RELAY, QUEUE = "String EX16A\\Relay", "String EX10A\\14"
CHANGES: Mapping[str, tuple[Call, tuple[str, ...]]] = {
    "set": (
        setting(Confirm=False, DomainController="dc1"),
        (
            given(Confirm=NO, DomainController="String dc1", Identity=RELAY, RemoteIPRanges=ALL),
            f"set {'+'.join(RANGES)}",
        ),
    ),
    "set to one": (
        setting(Identity="EX16A\\Fax (1) \u00fc", RemoteIPRanges=("10.0.0.1",), Confirm=False),
        (
            given(
                Confirm=NO, Identity="String EX16A\\Fax (1) \u00fc", RemoteIPRanges="list 10.0.0.1"
            ),
            "set 10.0.0.1",
        ),
    ),
    "try": (
        setting(WhatIf=True, Confirm=False),
        (given(Confirm=NO, Identity=RELAY, RemoteIPRanges=ALL, WhatIf=YES),),
    ),
    **{
        f"{name} {number}": (
            Call("Set-ReceiveConnector", {"Identity": "EX16A\\Relay", name: value}),
            (given(**{"Identity": RELAY, name: arrived(value)}), f"set {ranges_of(name, value)}"),
        )
        for name, values in GOOD.items()
        for number, value in enumerate(values)
    },
    "several at once": (
        Call(
            "Set-ReceiveConnector",
            {
                "Identity": "EX16A\\Relay",
                "AuthMechanism": "Tls, ExchangeServer",
                "Fqdn": "ex16a.contoso.example",
                "Confirm": False,
                "DomainController": "dc1",
            },
        ),
        (
            given(
                AuthMechanism="String Tls, ExchangeServer",
                Confirm=NO,
                DomainController="String dc1",
                Fqdn="String ex16a.contoso.example",
                Identity=RELAY,
            ),
            "set ",
        ),
    ),
    "retry": (
        Call("Retry-Queue", {"Identity": "EX10A\\14", "Confirm": False}),
        (given(Confirm=NO, Identity=QUEUE), "retried"),
    ),
    "try a retry": (
        Call("Retry-Queue", {"Identity": "EX10A\\14", "WhatIf": True}),
        (given(Identity=QUEUE, WhatIf=YES),),
    ),
}
"""Calls that change something, and what the cmdlet says that it was given and did."""

NO_CHANGES: Mapping[str, Call] = {
    "another cmdlet": Call("Remove-ReceiveConnector", {"Identity": "EX16A\\Relay"}),
    "another parameter": setting(RequireTLS=False),
    "a parameter called Keys": setting(Keys="RemoteIPRanges"),
    "nothing to set": Call("Set-ReceiveConnector", {"Identity": "EX16A\\Relay"}),
    "nothing but switches": Call(
        "Set-ReceiveConnector",
        {"Identity": "EX16A\\Relay", "Confirm": False, "DomainController": "dc1"},
    ),
    **{
        f"bad {name} {number}": Call(
            "Set-ReceiveConnector", {"Identity": "EX16A\\Relay", name: value}
        )
        for name, values in BAD.items()
        for number, value in enumerate(values)
        if value != ("",)  # the wire itself refuses it
    },
    "no identity but nothing": setting(Identity=None),
    "a switch that is nothing": setting(Confirm=None),
    "a controller that is nothing": setting(DomainController=None),
    "an empty list": setting(RemoteIPRanges=()),
    "a list of blanks": setting(RemoteIPRanges=("10.0.0.1", " ")),
    "a text for a list": setting(RemoteIPRanges="10.0.0.1"),
    "a difference for a list": setting(RemoteIPRanges={"Remove": ("10.0.0.1",)}),
    "no connector": Call("Set-ReceiveConnector", {"RemoteIPRanges": RANGES}),
    "an empty identity": setting(Identity=" "),
    "a connector of whichever server": setting(Identity="Relay"),
    "a connector of no server": setting(Identity="\\Relay"),
    "a server without a connector": setting(Identity="EX16A\\"),
    "all connectors": setting(Identity="EX16A\\*"),
    "several connectors": setting(Identity=("EX16A\\Relay", "EX16B\\Relay")),
    "a text for a switch": setting(Confirm="no"),
    "a number for a switch": setting(WhatIf=0),
    "two controllers": setting(DomainController=("dc1", "dc2")),
    "a filter": Call("Retry-Queue", {"Filter": "Status -eq 'Retry'"}),
    "a resubmission": Call("Retry-Queue", {"Identity": "EX10A\\14", "Resubmit": True}),
    "a server": Call("Retry-Queue", {"Identity": "EX10A\\14", "Server": "EX10A"}),
    "no queue": Call("Retry-Queue"),
    "all queues": Call("Retry-Queue", {"Identity": "EX10A\\*"}),
    "a queue of all servers": Call("Retry-Queue", {"Identity": "*\\14"}),
    "a queue of this server": Call("Retry-Queue", {"Identity": "14"}),
}
"""Calls that the client refuses too, each for one reason."""


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Asked]:
    """All of these where changes are meant, in each way; and where they are not."""
    calls = {name: call for name, (call, _) in CHANGES.items()} | NO_CHANGES
    calls["refused by Exchange"] = setting(Identity="EX16A\\Taken", Confirm=False)

    def ask(what: str) -> Asked:
        rig = Rig(tmp_path_factory.mktemp("changes"))
        way = "snapin" if what == "reading" else what
        settings = wire.CallSettings(way, 30, writing=what != "reading")
        run = rig.ask(list(calls.values()), settings, PRACTICE_SNAPIN="E2010")
        found = replies(run, list(calls.values()))
        told = {name: one for name, one in zip(calls, found, strict=True) if one is not None}
        return Asked(rig, run, told)

    whats = (*WAYS, "reading")
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(whats, pool.map(ask, whats), strict=True))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_arrives_as_it_was_asked_for(
    changed: Mapping[str, Asked], way: str, name: str
) -> None:
    """The list as texts, switches as truth values, and with -WhatIf nothing is done (S8.66)."""
    call, said = CHANGES[name]

    assert Reply(call, warnings=said) == changed[way].replies[name]


@pytest.mark.parametrize("way", WAYS)
def test_what_exchange_refuses_ends_no_call(changed: Mapping[str, Asked], way: str) -> None:
    """It is an error beside a call that came to its end: who writes has to look at both."""
    found = changed[way].replies["refused by Exchange"]

    assert found.fault is None
    assert found.errors == (Fault("failed", "Conflict,Set-ReceiveConnector", "it conflicts"),)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NO_CHANGES)
def test_no_other_change_runs(changed: Mapping[str, Asked], way: str, name: str) -> None:
    """The script refuses it by itself, in the words in which the client does."""
    call = NO_CHANGES[name]
    with pytest.raises(ShellError) as caught:
        check(call, writing=True)

    assert Reply(call, fault=caught.value.fault) == changed[way].replies[name]


def test_nothing_is_changed_where_that_was_not_said(changed: Mapping[str, Asked]) -> None:
    """Without the word in the settings the script knows no cmdlet that writes."""
    found = changed["reading"].replies

    assert {
        Fault("refused", "", f"{one.call.cmdlet}: not on the list of allowed cmdlets")
        for one in found.values()
    } == {one.fault for one in found.values()}
    assert len(found) == len(CHANGES) + len(NO_CHANGES) + 1


def test_a_line_that_cannot_be_read(tmp_path: Path) -> None:
    """Calls that are not in the wire's form are refused one by one; the others are answered."""
    rig = Rig(tmp_path)
    script = powershell.script(powershell.INVOKE)
    settings = wire.CallSettings("snapin", 10)
    calls = [queue("ONE"), queue("TWO")]
    good = wire.request(script, settings, calls).decode("ascii").rstrip("\n").split("\n")
    *rest, first, second = good
    bad = ["!", first + "\tU2VydmVy", first.rsplit("\t", 1)[0] + "\txT05F", first + "\t\t"]
    data = "\n".join([*rest, *bad, second, ""]).encode("ascii")

    run = rig.feed(data, PRACTICE_SNAPIN="Admin")

    found = replies(run, [*[calls[0]] * len(bad), calls[1]])
    fault = Fault("refused", "", "this call cannot be read")
    assert [fault] * len(bad) == [one and one.fault for one in found[:-1]]
    assert found[-1]
    assert identities(found[-1]) == ["TWO\\1", "TWO\\2"]


def test_a_damaged_script_does_not_run(tmp_path: Path) -> None:
    """The bootstrap compares the hash: one changed letter, and nothing runs."""
    script = powershell.script(powershell.INVOKE)
    data = wire.request(script, wire.CallSettings(), []).replace(b"Get-Queue", b"Set-Queue", 1)

    run = Rig(tmp_path).feed(data)

    assert run.code == 9
    assert run.output == b""
    assert "damaged" in run.errors
