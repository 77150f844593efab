"""The WS-Management service: shells, commands, streams and quotas, without a network."""

from __future__ import annotations

import base64
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.simulated import shell_host, soap, wsman
from mailflow.simulated.shell_host import LogOn, Quotas
from mailflow.simulated.wsman import Job, WsmanService

ANNA, BERT = LogOn("anna", "ntlm"), LogOn("bert", "ntlm")
S = f"{{{soap.SHELL}}}"


@dataclass
class Client:
    """One client of a service, who writes envelopes by hand."""

    service: WsmanService
    logon: LogOn = ANNA
    shell: str = ""
    seconds: float = 5.0
    envelope: int = 153_600
    sizes: list[int] = field(default_factory=list)

    def ask(
        self, action: str, body: str = "", resource: str = soap.CMD, options: str = ""
    ) -> ET.Element:
        """One request and its answer."""
        data = (
            f'<s:Envelope xmlns:s="{soap.ENVELOPE}" xmlns:a="{soap.ADDRESSING}" '
            f'xmlns:w="{soap.WSMAN}" xmlns:rsp="{soap.SHELL}"><s:Header>'
            f"<a:Action>x/{action}</a:Action><a:MessageID>uuid:1</a:MessageID>"
            f"<w:ResourceURI>{resource}</w:ResourceURI>"
            f"<w:MaxEnvelopeSize>{self.envelope}</w:MaxEnvelopeSize>"
            f"<w:OperationTimeout>PT{self.seconds}S</w:OperationTimeout>"
            f'<w:SelectorSet><w:Selector Name="ShellId">{self.shell}</w:Selector></w:SelectorSet>'
            f"<w:OptionSet>{options}</w:OptionSet></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        answer = self.service.answer(data.encode(), self.logon)
        self.sizes.append(len(answer.body))
        return ET.fromstring(answer.body)  # noqa: S314 - our own answer

    def fault(self, action: str, body: str = "", **more: str) -> int:
        """The code of the fault that a request gets; 0 if it gets none."""
        found = self.ask(action, body, **more).find(f".//{{{soap.FAULT}}}WSManFault")
        return 0 if found is None else int(found.attrib["Code"])

    def open(self, idle: str = "", codepage: int = 65001) -> Client:
        """Open a shell."""
        options = f'<w:Option Name="WINRS_CODEPAGE">{codepage}</w:Option>'
        body = f"<rsp:Shell><rsp:IdleTimeOut>{idle}</rsp:IdleTimeOut></rsp:Shell>"
        answer = self.ask("Create", body, options=options)
        self.shell = answer.findtext(f".//{S}ShellId") or ""
        return self

    def begin(self, line: str, *, through_cmd: bool = False) -> str:
        """Start a command."""
        options = f'<w:Option Name="WINRS_SKIP_CMD_SHELL">{not through_cmd}</w:Option>'
        body = f"<rsp:CommandLine><rsp:Command>{line}</rsp:Command></rsp:CommandLine>"
        return self.ask("Command", body, options=options).findtext(f".//{S}CommandId") or ""

    def send(self, command: str, data: bytes, *, end: bool = True) -> None:
        """Give a command input."""
        text = base64.b64encode(data).decode()
        ending = "true" if end else "false"
        stream = (
            f'<rsp:Stream Name="stdin" CommandId="{command}" End="{ending}">{text}</rsp:Stream>'
        )
        assert self.fault("Send", f"<rsp:Send>{stream}</rsp:Send>") == 0

    def receive(self, command: str) -> ET.Element:
        """Ask for output once."""
        return self.ask("Receive", wanted(command))

    def output(self, command: str) -> tuple[bytes, bytes, int]:
        """All output, and the exit code."""
        out = {"stdout": b"", "stderr": b""}
        while True:
            answer = self.receive(command)
            for stream in answer.iter(f"{S}Stream"):
                out[stream.attrib["Name"]] += base64.b64decode(stream.text or "")
            code = answer.findtext(f".//{S}ExitCode")
            if code is not None:
                return out["stdout"], out["stderr"], int(code)


def wanted(command: str) -> str:
    """Body of a Receive."""
    stream = f'<rsp:DesiredStream CommandId="{command}">stdout stderr</rsp:DesiredStream>'
    return f"<rsp:Receive>{stream}</rsp:Receive>"


def signal(command: str, what: str = "terminate") -> str:
    """Body of a Signal."""
    return f'<rsp:Signal CommandId="{command}"><rsp:Code>x/{what}</rsp:Code></rsp:Signal>'


def cat(job: Job) -> int:
    """A runner that gives back what it gets."""
    while data := job.stdin.read(1000):
        job.write(data)
    return 0


def hang(job: Job) -> int:
    """A runner that waits until it is cancelled."""
    job.cancelled.wait()
    return 1


@pytest.fixture
def hanging() -> Iterator[WsmanService]:
    """A service whose commands do not end by themselves."""
    service = WsmanService("EX16A", hang)
    yield service
    service.close(5)


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=9000))))
def test_output_comes_whole_and_in_order(chunks: list[tuple[str, bytes]]) -> None:
    """However output was written, each stream arrives as it was, in envelopes of the right size."""

    def speak(job: Job) -> int:
        for stream, data in chunks:
            job.write(data, stream)
        return 7

    client = Client(WsmanService("EX16A", speak), envelope=8000).open()
    out, err, code = client.output(client.begin("x"))

    assert b"".join(data for stream, data in chunks if stream == "stdout") == out
    assert b"".join(data for stream, data in chunks if stream == "stderr") == err
    assert code == 7
    assert max(client.sizes) <= 8000


def test_many_small_writes_fit_the_envelope() -> None:
    """A million single bytes do not make an answer larger than the client takes."""

    def stutter(job: Job) -> int:
        for number in range(20_000):
            job.write(b"x", "stderr" if number % 2 else "stdout")
        return 0

    client = Client(WsmanService("EX16A", stutter)).open()
    out, err, _ = client.output(client.begin("x"))

    assert (len(out), len(err)) == (10_000, 10_000)
    assert max(client.sizes) <= client.envelope


def test_input_arrives_in_order() -> None:
    """Pieces of standard input arrive as they were sent, and end where the client ends them."""
    client = Client(WsmanService("EX16A", cat)).open()
    command = client.begin("cat")
    client.send(command, b"one ", end=False)
    client.send(command, b"", end=False)
    client.send(command, bytes(range(256)))
    client.send(command, b"too late")

    assert (b"one " + bytes(range(256)), b"", 0) == client.output(command)


def test_identities_are_the_same_in_any_case() -> None:
    """A client may write ShellId and CommandId in lower case."""
    client = Client(WsmanService("EX16A", cat)).open()
    command = client.begin("cat").lower()
    client.shell = client.shell.lower()
    client.send(command, b"x")

    assert client.output(command)[0] == b"x"


def test_quota_of_shells_is_per_user() -> None:
    """One user reaches the quota; the other still gets a shell; a closed one makes room."""
    service = WsmanService("EX16A", cat, quotas=Quotas(shells=2))
    first = Client(service).open()
    Client(service).open()

    assert Client(service).fault("Create", "<rsp:Shell/>") == shell_host.TOO_MANY_SHELLS.code
    assert Client(service, BERT).fault("Create", "<rsp:Shell/>") == 0
    assert first.fault("Delete") == 0
    assert Client(service).fault("Create", "<rsp:Shell/>") == 0
    assert (service.open_shells, service.opened) == (3, 4)


def test_quota_of_commands() -> None:
    """A command counts until the client has cleaned it up, also when it has ended."""
    client = Client(WsmanService("EX16A", lambda _: 0, quotas=Quotas(commands=2))).open()
    first, _ = client.begin("x"), client.begin("x")
    client.output(first)

    line = "<rsp:CommandLine><rsp:Command>x</rsp:Command></rsp:CommandLine>"
    assert client.fault("Command", line) == wsman.TOO_MANY_COMMANDS.code
    assert client.fault("Signal", signal(first)) == 0
    assert client.fault("Signal", signal(first)) == 0
    assert client.fault("Command", line) == 0


def test_shell_belongs_to_who_opened_it(hanging: WsmanService) -> None:
    """Another user is told that there is no such shell."""
    client = Client(hanging).open()
    command = client.begin("x")
    other = Client(hanging, BERT, client.shell)

    assert other.fault("Receive", wanted(command)) == shell_host.NO_SHELL.code
    assert other.fault("Delete") == shell_host.NO_SHELL.code
    assert hanging.open_shells == 1


def test_idle_shells_close_by_themselves() -> None:
    """A shell that nobody used for longer than its idle time-out is closed, with its commands."""
    now = [0.0]
    service = WsmanService("EX16A", hang, clock=lambda: now[0])
    short, long = Client(service).open("PT60.000S"), Client(service).open()
    command = short.begin("x")
    now[0] = 59.0
    assert short.fault("Signal", signal("none")) == 0
    now[0] = 118.0
    assert service.open_shells == 2
    now[0] = 120.0

    assert service.open_shells == 1
    assert short.fault("Receive", wanted(command)) == shell_host.NO_SHELL.code
    assert long.fault("Delete") == 0
    service.close(5)


def test_shell_that_is_waited_on_is_not_idle(hanging: WsmanService) -> None:
    """A Receive that still waits keeps its shell open."""
    now = [0.0]
    hanging._clock = lambda: now[0]
    client = Client(hanging, seconds=0.5).open("PT1S")
    command = client.begin("x")
    waiting = threading.Thread(target=client.receive, args=(command,))
    waiting.start()
    time.sleep(0.1)
    now[0] = 100.0

    assert hanging.open_shells == 1
    waiting.join()


@pytest.mark.alone
def test_nothing_to_receive(hanging: WsmanService) -> None:
    """Where nothing comes within OperationTimeout, the client gets the code it swallows."""
    client = Client(hanging, seconds=0.05).open()
    begun = time.monotonic()

    assert client.fault("Receive", wanted(client.begin("x"))) == 0x80338029
    assert time.monotonic() - begun < 2


@pytest.mark.alone
def test_closing_a_shell_wakes_who_waits(hanging: WsmanService) -> None:
    """A Receive under way ends at once with "no such shell", and the command is cancelled."""
    client = Client(hanging, seconds=60).open()
    command = client.begin("x")
    codes: list[int] = []
    waiting = threading.Thread(
        target=lambda: codes.append(client.fault("Receive", wanted(command)))
    )
    waiting.start()
    time.sleep(0.05)
    begun = time.monotonic()
    Client(hanging, shell=client.shell).ask("Delete")
    waiting.join()

    assert codes == [0x8033805B]
    assert time.monotonic() - begun < 2


def test_ctrl_c_stops_a_command_and_keeps_its_output(hanging: WsmanService) -> None:
    """After ctrl_c the client still reads the exit code."""
    client = Client(hanging).open()
    command = client.begin("x")
    client.ask("Signal", signal(command, "ctrl_c"))

    assert client.output(command) == (b"", b"", 1)


def test_close_ends_all_threads() -> None:
    """After close no command runs any more."""
    before = threading.active_count()
    service = WsmanService("EX16A", hang)
    for _ in range(3):
        Client(service).open().begin("x")
    service.close(5)

    assert (before, 0) == (threading.active_count(), service.open_shells)


def test_closing_a_shell_frees_who_reads() -> None:
    """A command that waits for input which never comes ends with its shell."""
    before = threading.active_count()
    service = WsmanService("EX16A", cat)
    Client(service).open().begin("cat")
    service.close(5)

    assert before == threading.active_count()


def test_writer_waits_for_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that writes more than anybody fetches is held up and loses nothing."""
    monkeypatch.setattr(wsman, "WAITING_BYTES", 100_000)
    written = []

    def flood(job: Job) -> int:
        for _ in range(10):
            job.write(b"x" * 50_000)
            written.append(1)
        return 0

    client = Client(WsmanService("EX16A", flood)).open()
    command = client.begin("x")
    time.sleep(0.1)
    held = len(written)

    assert held < 10
    assert len(client.output(command)[0]) == 500_000


@pytest.mark.parametrize(
    ("codepage", "expected"),
    [
        (65001, "München Я".encode()),
        (437, b"M\x81nchen ?"),
        (1252, b"M\xfcnchen ?"),
        (9, b"M\x81nchen ?"),
    ],
)
def test_text_in_the_code_page_of_the_shell(codepage: int, expected: bytes) -> None:
    """What a code page does not hold is lost, as on a real console."""

    def speak(job: Job) -> int:
        job.write_text("München Я")
        return 0

    client = Client(WsmanService("EX16A", speak)).open(codepage=codepage)

    assert expected == client.output(client.begin("x"))[0]


@pytest.mark.parametrize(
    ("length", "through_cmd", "expected"),
    [
        (8191, True, b""),
        (8192, True, b"The command line is too long.\r\n"),
        (32_767, False, b""),
        (32_768, False, b"The filename or extension is too long.\r\n"),
    ],
)
def test_length_of_a_command_line(length: int, through_cmd: bool, expected: bytes) -> None:
    """A line may have 8,191 characters through cmd.exe, 32,767 without it."""
    client = Client(WsmanService("EX16A", lambda _: 0)).open()
    _, err, code = client.output(client.begin("x" * length, through_cmd=through_cmd))

    assert (expected, bool(expected)) == (err, bool(code))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_runner_that_breaks() -> None:
    """A mistake in a runner ends the command, and the client learns that."""

    def broken(_: Job) -> int:
        raise ZeroDivisionError

    service = WsmanService("EX16A", broken)
    client = Client(service).open()
    output = client.output(client.begin("x"))
    service.close(5)

    assert output == (b"", b"", 1)


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("Command", "", shell_host.NO_COMMAND.code),
        ("Send", '<rsp:Send><rsp:Stream CommandId="no">eA==</rsp:Stream></rsp:Send>', 2150858844),
        ("Receive", "", shell_host.NO_COMMAND.code),
        ("Signal", "", shell_host.NO_COMMAND.code),
        ("Enumerate", "", shell_host.NO_ACTION.code),
    ],
)
def test_requests_without_what_they_need(action: str, body: str, code: int) -> None:
    """Each gets a fault with its own code, and the service goes on."""
    client = Client(WsmanService("EX16A", cat)).open()

    assert code == client.fault(action, body)
    assert client.fault("Get") == 0


def test_input_that_is_no_base64(hanging: WsmanService) -> None:
    """It is refused, and the command does not get half of it."""
    client = Client(hanging).open()
    stream = f'<rsp:Stream CommandId="{client.begin("x")}">eA=</rsp:Stream>'

    assert client.fault("Send", f"<rsp:Send>{stream}</rsp:Send>") == shell_host.NO_BASE64.code


def test_other_resources_and_configuration() -> None:
    """Only the command shell is there; the configuration tells the largest envelope."""
    client = Client(WsmanService("EX16A", cat))

    assert client.fault("Create", "<rsp:Shell/>", resource="http://x/powershell") == 2150858752
    answer = client.ask("Get", resource="http://schemas.microsoft.com/wbem/wsman/1/config")
    assert answer.findtext(f".//{{{soap.CONFIG}}}MaxEnvelopeSizekb") == "512"


def test_one_identity_for_one_thing(hanging: WsmanService) -> None:
    """A client that chooses an identity in use is refused."""
    client = Client(hanging).open()
    command = client.begin("x")

    assert client.fault("Create", f'<rsp:Shell ShellId="{client.shell}"/>') == shell_host.TAKEN.code
    line = f'<rsp:CommandLine CommandId="{command}"><rsp:Command>x</rsp:Command></rsp:CommandLine>'
    assert client.fault("Command", line) == shell_host.TAKEN.code


def test_request_larger_than_the_quota() -> None:
    """It is refused with its own code, like what is no envelope at all."""
    service = WsmanService("EX16A", cat, quotas=Quotas(envelope=2000))
    client = Client(service)

    assert client.fault("Create", f"<rsp:Shell><x>{'y' * 2000}</x></rsp:Shell>") == 2150858817
    assert service.answer(b"<!DOCTYPE a []><a/>", ANNA).status == 500
    assert service.open_shells == 0
