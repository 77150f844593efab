"""What command lines do on a server of the practice organisation: in Python, and in PowerShell."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from far.powershell_runner import PRELUDE, PowerShellRunner, changed
from mailflow.exchange.servers import Server
from mailflow.simulated.authentication import Accounts
from mailflow.simulated.practice import Practice
from mailflow.simulated.runner import Entrance, PythonRunner, encoded_command, powershell, snap_in
from mailflow.simulated.shell_host import LogOn
from mailflow.simulated.smtp import PracticeSmtp
from mailflow.simulated.wsman import Job, Runner
from mailflow.sources import wire
from mailflow.sources.row import Complex, Enumeration, Items, Row
from mailflow.sources.shell import Call, Fault, Reply
from mailflow.sources.wire import Answers, CallSettings
from support import ROOT, needs_powershell
from winrm_client import PASSWORD

SCRIPT = (ROOT / "lib/mailflow/powershell/Invoke-MailFlow.ps1").read_text("ascii")
ENGINEER = LogOn("engineer", "credssp", delegated=True)
SERVERS = [
    Server("EX07", "ex07.contoso.example", (8, 3, 83, 6)),
    Server("EX10A", "ex10a.contoso.example", (14, 3, 123, 4)),
    Server("EX16A", "ex16a.contoso.example", (15, 1, 2375, 7)),
    Server("EDGE", "edge.contoso.example", (15, 1, 2375, 7), is_edge=True),
]
MISSING = Fault("no-such-cmdlet", "CommandNotFoundException", "not recognized")
SOFT = Fault("failed", "[Server=EX16B,RequestId=1] 8D3A,Microsoft.Exchange.GetQueueInfo", "away ü")
HARD = Fault("no-such-parameter", "NamedParameterNotFound,Get-Message", "no such parameter")


@dataclass
class Session:
    """A session that says what it was asked."""

    server: str
    user: str | None
    asked: list[Call] = field(default_factory=list)

    def has(self, cmdlet: str) -> bool:
        """This account sees queues and connectors."""
        reading = {"Get-Queue", "Get-Message", "Get-ReceiveConnector", "Get-TransportServer"}
        return cmdlet in {*reading, "Set-ReceiveConnector", "Retry-Queue"}

    def run(self, call: Call) -> Reply:
        """Two rows with a warning and an error, a fault, or nothing."""
        self.asked.append(call)
        if not self.has(call.cmdlet):
            return Reply(call, fault=MISSING)
        if call.cmdlet == "Get-Message":
            return Reply(call, fault=HARD)
        if call.cmdlet == "Get-TransportServer":
            return Reply(call)
        if call.cmdlet == "Retry-Queue":
            return Reply(call, errors=(SOFT,))
        values = {
            "Identity": f"{self.server} {self.user}",
            "Asked": repr(dict(sorted(call.parameters.items()))),
            "Status": Enumeration("Retry", 3),
            "Bindings": Items(
                (Complex("0.0.0.0:25", {"Port": 25}), Complex("[::]:25", {"Port": 2}))
            ),
            "Text": "Ä€漢字 😀 _x0041_ <&>",
        }
        row = Row(call.cmdlet, values, "")
        return Reply(call, (row, row), ("look\nout ü",), (SOFT,))


@dataclass
class Organisation:
    """Sessions by server and user, as they were opened."""

    opened: list[Session] = field(default_factory=list)

    def __call__(self, server: str, user: str | None) -> Session | None:
        """Only the engineer has a role; the snap-in asks for none."""
        if user not in ("engineer", None):
            return None
        self.opened.append(Session(server, user))
        return self.opened[-1]


@pytest.fixture
def organisation() -> Organisation:
    """Nobody has a session yet."""
    return Organisation()


@pytest.fixture
def entrance(organisation: Organisation) -> Entrance:
    """The way into four servers."""
    accounts = Accounts({"engineer": PASSWORD, "intern": "x"})
    smtp = PracticeSmtp(Practice.begin("article"))
    return Entrance(SERVERS, accounts, organisation, smtp)


@pytest.fixture
def in_powershell(entrance: Entrance) -> Iterator[PowerShellRunner]:
    """A runner that starts a real PowerShell."""
    runner = PowerShellRunner(needs_powershell(), entrance)
    yield runner
    runner.close()


def job(
    data: bytes = b"", *, server: str = "EX16A", logon: LogOn = ENGINEER, line: str = ""
) -> Job:
    """A job with its input complete; mailflow's own command line unless another is given."""
    program, arguments = wire.command_line()
    made = Job(line or " ".join([program, *arguments]), server, logon, codepage=65001)
    made.stdin.feed(data, end=True)
    return made


def output(of: Job) -> tuple[bytes, bytes]:
    """Both streams of a job that has ended."""
    of.finish(0)
    taken, _ = of.take(2**30, 0)
    out, err = (b"".join(d for name, d in taken if name == s) for s in ("stdout", "stderr"))
    return out, err


def answers(
    runner: Runner, settings: CallSettings, calls: Sequence[Call] = (), **more: object
) -> Answers:
    """What the client reads of a run."""
    asked = job(wire.request(SCRIPT, settings, calls), **more)  # type: ignore[arg-type]
    runner(asked)
    return wire.read_answers(output(asked)[0])


def replies(
    runner: Runner, settings: CallSettings, calls: Sequence[Call], **more: object
) -> list[Reply]:
    """The replies to calls, all of which were answered."""
    found = answers(runner, settings, calls, **more)
    assert found.ended
    return [wire.reply(call, found.documents[at], "x") for at, call in enumerate(calls, 1)]


BY_LOG_ON, BY_PASSWORD = CallSettings(), CallSettings(user="CONTOSO\\engineer", password=PASSWORD)
BY_WRONG_PASSWORD = replace(BY_PASSWORD, password="no")  # noqa: S106 - nobody's
BY_SNAP_IN = CallSettings("snapin")
BY_CHANGE = CallSettings(writing=True)
NTLM = LogOn("engineer", "ntlm")
INTERN = LogOn("intern", "credssp", delegated=True)
HOPS = [
    ("EX16A", ENGINEER, BY_LOG_ON, ""),
    ("EX16A", NTLM, BY_LOG_ON, "AccessDenied,PSSessionOpenFailed"),
    ("EX16A", NTLM, BY_PASSWORD, ""),
    ("EX16A", NTLM, BY_WRONG_PASSWORD, "LogonFailure,PSSessionOpenFailed"),
    ("EX16A", INTERN, BY_LOG_ON, "AccessDenied,PSSessionOpenFailed"),
    ("EX10A", ENGINEER, BY_LOG_ON, ""),
    ("EX07", ENGINEER, BY_LOG_ON, "CannotConnect,PSSessionOpenFailed"),
    ("EDGE", ENGINEER, BY_LOG_ON, "CannotConnect,PSSessionOpenFailed"),
    ("EX07", NTLM, BY_SNAP_IN, ""),
    ("EDGE", NTLM, BY_SNAP_IN, ""),
    ("EX16A", LogOn("intern", "ntlm"), BY_SNAP_IN, ""),
]
"""Server, log-on and settings, and the error that Exchange's endpoint or PowerShell gives."""


@pytest.mark.parametrize(("server", "logon", "settings", "expected"), HOPS)
def test_the_way_on_to_exchange(
    entrance: Entrance, server: str, logon: LogOn, settings: CallSettings, expected: str
) -> None:
    """Only a delegated log-on or a password goes on (S8.23); 2007 and Edge have a snap-in alone."""
    found = answers(
        PythonRunner(entrance), settings, [Call("Get-Queue")], server=server, logon=logon
    )

    assert found.ended
    assert found.hello is not None
    assert expected == (found.hello.fault.id if found.hello.fault else "")
    assert bool(expected) == (not found.documents)


def test_whose_session_it_is(entrance: Entrance, organisation: Organisation) -> None:
    """With a name the session is that account's, else the log-on's; the snap-in's is nobody's."""
    runner = PythonRunner(entrance)
    for settings, logon in ((BY_LOG_ON, ENGINEER), (BY_PASSWORD, INTERN), (BY_SNAP_IN, INTERN)):
        answers(runner, settings, logon=logon)

    assert [one.user for one in organisation.opened] == ["engineer", "engineer", None]


@pytest.mark.parametrize(
    ("version", "name", "shell"),
    [((8, 3), "Admin", "2.0"), ((14, 3), "E2010", "2.0"), ((15, 0), "SnapIn", "4.0")],
)
def test_names_of_snap_ins(version: tuple[int, ...], name: str, shell: str) -> None:
    """The snap-in's name goes with the version (S8.21)."""
    server = Server("X", version=version)

    assert snap_in(server).endswith(f".{name}")
    assert powershell(server) == shell


CALLS = [
    Call("Get-Queue", {"Identity": "EX16A\\Submission", "ResultSize": 5}),
    Call("Get-Message", {"Queue": "EX16A\\1"}),
    Call("Get-ADPermission", {"Identity": "x"}),
    Call("Set-ReceiveConnector", {"Identity": "EX16A\\Relay", "RemoteIPRanges": ("10.0.0.1",)}),
    Call("Get-ReceiveConnector", {"Server": "ex16a ü 'quoted' \"$x\""}),
    Call("Get-Queue", {"Identity": ("a", "b c")}),
    Call("Get-Queue", {"Identity": ("a",)}),
    Call("Get-Queue", {"Nonsense": "x"}),
    Call("Get-Queue", {"Identity": ""}),
    Call("Get-TransportServer"),
]


def kinds(of: Sequence[Reply]) -> list[tuple[str, str]]:
    """Kind and id of what ended each call."""
    return [(one.fault.kind, one.fault.id) if one.fault else ("", "") for one in of]


EXPECTED = [
    ("", ""),
    (HARD.kind, HARD.id),
    (MISSING.kind, MISSING.id),
    ("refused", ""),
    ("", ""),
    ("", ""),
    ("", ""),
    ("refused", ""),
    ("refused", ""),
    ("", ""),
]


def test_calls_in_python(entrance: Entrance, organisation: Organisation) -> None:
    """Each call is answered; what is not on the allow-list never reaches the session."""
    found = replies(PythonRunner(entrance), BY_LOG_ON, CALLS)
    asked = organisation.opened[0].asked

    assert kinds(found) == EXPECTED
    assert found[0].warnings == ("look\nout ü",)
    assert found[0].errors == (SOFT,)
    assert found[0].rows[1].values["Text"] == "Ä€漢字 😀 _x0041_ <&>"
    pairs = zip(CALLS, EXPECTED, strict=True)
    assert asked == [call for call, (kind, _) in pairs if kind != "refused"]


def test_powershell_answers_as_python_does(
    entrance: Entrance, in_powershell: PowerShellRunner
) -> None:
    """A real PowerShell with the true script: the same rows, warnings, errors, ids and refusals."""
    expected = replies(PythonRunner(entrance), BY_LOG_ON, CALLS)
    found = replies(in_powershell, BY_LOG_ON, CALLS)

    assert kinds(found) == EXPECTED == kinds(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine.warnings, mine.errors) == (theirs.warnings, theirs.errors)
        assert [dict(one.values) | NOTES for one in theirs.rows] == [
            dict(one.values) | dict.fromkeys(NOTES) for one in mine.rows
        ]


RELAY = "EX16A\\Relay"
LIST = ("10.0.0.0-10.0.0.10", "10.0.5.0/24", "2001:db8::/64")
CHANGES = [
    Call("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": LIST, "Confirm": False}),
    Call(
        "Set-ReceiveConnector",
        {
            "Identity": "EX16A\\Relay (Fax) \u00fc",
            "RemoteIPRanges": LIST[:1],
            "DomainController": "dc1",
            "WhatIf": True,
            "Confirm": False,
        },
    ),
    Call("Retry-Queue", {"Identity": "EX10A\\14", "Confirm": False}),
    Call("Retry-Queue", {"Identity": "EX10A\\14", "WhatIf": True}),
    Call("Get-ReceiveConnector", {"Identity": RELAY}),
    Call("Set-ReceiveConnector", {"Identity": RELAY, "Banner": "220 mail"}),
    Call("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": ()}),
    Call("Retry-Queue", {"Identity": "EX10A\\14", "Resubmit": True}),
]
DONE = ["", "", "", "", "", "refused", "refused", "refused"]


def test_changes_in_python(entrance: Entrance, organisation: Organisation) -> None:
    """Where the settings say that changes are meant, those of a repair arrive, and no others."""
    found = replies(PythonRunner(entrance), BY_CHANGE, CHANGES)
    refused = replies(PythonRunner(entrance), BY_LOG_ON, CHANGES)
    asked, reading = (one.asked for one in organisation.opened)

    assert [kind for kind, _ in kinds(found)] == DONE
    assert asked == CHANGES[:5]
    assert found[2].errors == (SOFT,)
    assert [kind for kind, _ in kinds(refused)] == [*["refused"] * 4, "", *["refused"] * 3]
    assert reading == CHANGES[4:5]


def test_changes_in_powershell(
    entrance: Entrance, organisation: Organisation, in_powershell: PowerShellRunner
) -> None:
    """A list of texts, True and False come through PowerShell's remoting as what they are."""
    found = replies(in_powershell, BY_CHANGE, CHANGES)
    expected = replies(PythonRunner(entrance), BY_CHANGE, CHANGES)

    assert kinds(found) == kinds(expected)
    assert [one.errors for one in found] == [one.errors for one in expected]
    assert organisation.opened[0].asked == organisation.opened[1].asked == CHANGES[:5]


NOTES = dict.fromkeys(("PSComputerName", "RunspaceId", "PSShowComputerName"))
"""What a real session notes on each object."""


@pytest.mark.parametrize(
    ("server", "logon", "settings", "expected"), [HOPS[1], HOPS[2], HOPS[6], HOPS[8]]
)
def test_the_way_on_from_powershell(
    in_powershell: PowerShellRunner,
    server: str,
    logon: LogOn,
    settings: CallSettings,
    expected: str,
) -> None:
    """The same ends at the same doors, with the same error ids, as in Python."""
    found = answers(in_powershell, settings, [Call("Get-Queue")], server=server, logon=logon)

    assert found.ended
    assert found.hello is not None
    assert expected == (found.hello.fault.id if found.hello.fault else "")
    assert bool(expected) == (not found.documents)


@pytest.mark.parametrize(
    "data", [b"", b"5 00\nabcde\n", b"\xff", b"x y", wire.request(SCRIPT, BY_LOG_ON, CALLS)[1:]]
)
def test_damaged_input(entrance: Entrance, data: bytes) -> None:
    """A script that did not come whole is not run."""
    asked = job(data)

    assert PythonRunner(entrance)(asked) == 9
    assert b"damaged" in output(asked)[1]


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        ("hostname", 0, b"EX16A", b""),
        ("netsh x", 1, b"", b"'netsh' is not recognized as an internal or external command"),
        ("powershell -Command x", 1, b"", b"nothing else"),
        ("powershell.exe -enc eAA=", 1, b"", b"nothing else"),
        ("powershell.exe -enc ?", 1, b"", b"nothing else"),
    ],
)
def test_other_command_lines(
    entrance: Entrance, line: str, code: int, out: bytes, err: bytes
) -> None:
    """The Python runner runs mailflow's command line and `hostname`, and nothing else."""
    asked = job(line=line)

    assert PythonRunner(entrance)(asked) == code
    found = output(asked)
    assert (out in found[0], err in found[1]) == (True, True)


@pytest.mark.parametrize("name", ["-EncodedCommand", "-enc", "-e", "-ec", "/ENCODEDCOMMAND"])
def test_encoded_command(name: str) -> None:
    """Each short form that PowerShell takes is known."""
    value = base64.b64encode("1 + 1".encode("utf-16-le")).decode()

    assert encoded_command(["-NoProfile", name, value]) == (2, "1 + 1")
    assert encoded_command(["-NoProfile", "-Command", value]) == (-1, "")


def test_what_is_changed_in_a_command_line() -> None:
    """The version is taken out, the prelude stands in front; the rest is as it was (S10.32)."""
    value = base64.b64encode("1 + 1".encode("utf-16-le")).decode()
    arguments = changed(["-NoLogo", "-Version", "2.0", "-EncodedCommand", value])

    assert arguments[:2] == ["-NoLogo", "-EncodedCommand"]
    assert encoded_command(arguments) == (2, f". '{PRELUDE}'\n1 + 1")
    assert changed(["-NoLogo", "-Command", "1"]) == ["-NoLogo", "-Command", "1"]


@pytest.mark.alone
def test_delays(entrance: Entrance) -> None:
    """Each call takes the seconds set for its server, and no longer than a call may take."""
    runner = PythonRunner(entrance)
    entrance.delays["ex16a"] = 0.2
    begun = time.monotonic()
    found = replies(runner, BY_LOG_ON, [Call("Get-Queue")] * 2)
    middle = time.monotonic()
    entrance.delays["ex16a"] = 30
    late = replies(runner, replace(BY_LOG_ON, seconds=1), [Call("Get-Queue")])

    assert kinds(found) == [("", "")] * 2
    assert 0.4 <= middle - begun < 1
    assert kinds(late) == [("timed-out", "")]
    assert 1 <= time.monotonic() - middle < 2


@pytest.mark.alone
def test_a_delay_ends_with_its_job(entrance: Entrance) -> None:
    """A client that gives up frees the command at once."""
    entrance.delays["ex16a"] = 30
    asked = job(wire.request(SCRIPT, BY_LOG_ON, [Call("Get-Queue")]))
    seconds = _cancelled_after(0.2, PythonRunner(entrance), asked)

    assert seconds < 1


@pytest.mark.alone
def test_powershell_is_ended_with_its_job(
    entrance: Entrance, in_powershell: PowerShellRunner
) -> None:
    """A client that gives up leaves neither PowerShell nor the session behind it."""
    entrance.delays["ex16a"] = 30
    asked = job(wire.request(SCRIPT, BY_LOG_ON, [Call("Get-Queue")]))
    timer = threading.Timer(3.5, lambda: running.extend(_left(in_powershell)))
    running: list[str] = []
    timer.start()
    seconds = _cancelled_after(4, in_powershell, asked)
    timer.join()

    assert running
    assert seconds < 6
    assert _left(in_powershell) == []


@pytest.mark.alone
def test_a_call_that_hangs_in_powershell(
    entrance: Entrance, in_powershell: PowerShellRunner
) -> None:
    """A call blocked in .NET is given up by the script, and the processes end (S10.31)."""
    entrance.delays["ex16a"] = 30
    begun = time.monotonic()
    found = replies(in_powershell, replace(BY_LOG_ON, seconds=1), [Call("Get-Queue")] * 2)

    assert [kind for kind, _ in kinds(found)] == ["timed-out", "timed-out"]
    assert _left(in_powershell) == []
    in_powershell.close()  # does not wait for the call that still hangs here
    assert time.monotonic() - begun < 20


def test_any_command_in_powershell(in_powershell: PowerShellRunner) -> None:
    """Other command lines run as they are: input goes through, streams and exit code come back."""
    version = '"v$($PSVersionTable.PSVersion.Major)"'
    command = f"[Console]::Error.Write('bad'); $input; {version}; exit 5"
    encoded = base64.b64encode(command.encode("utf-16-le")).decode()
    line = f"powershell.exe -Version 2.0 -NoProfile -EncodedCommand {encoded}"
    asked = job("one\nЯ\n".encode(), line=line)
    code = in_powershell(asked)

    assert code == 5
    assert output(asked) == ("one\nЯ\nv7\n".encode(), b"bad")
    assert in_powershell(job(line="netsh")) == 1


def test_powershell_leaves_nothing(entrance: Entrance) -> None:
    """After close there is no folder, no thread and no process."""
    before = set(threading.enumerate())
    runner = PowerShellRunner(needs_powershell(), entrance)
    folder = Path(runner._folder)
    answers(runner, BY_LOG_ON, [Call("Get-Queue")])
    left = [one.name for one in (folder / "temporary").iterdir()]
    # A second session that was ended in haste leaves a pipe of PowerShell's own.
    left = [name for name in left if not name.startswith("CoreFxPipe")]
    runner.close()

    assert left == []
    assert not folder.exists()
    assert set(threading.enumerate()) <= before
    assert _left(runner) == []


def _cancelled_after(seconds: float, runner: Callable[[Job], int], asked: Job) -> float:
    """Seconds that a job took which was cancelled."""
    timer = threading.Timer(seconds, asked.cancel)
    timer.start()
    begun = time.monotonic()
    runner(asked)
    timer.join()
    return time.monotonic() - begun


def _left(runner: PowerShellRunner) -> list[str]:
    """Processes of a runner: all of them were told where its callback is."""
    mark = (
        f"MAILFLOW_PRACTICE_URL=http://127.0.0.1:{runner._callback._server.server_port}/".encode()
    )
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text("utf-8"))
    return found
