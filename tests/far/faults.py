"""Faults that a server of the practice organisation can be given while it runs.

    endpoint.faults.add("silent")                      from now on, to every request
    endpoint.faults.add("cut", skip=2, times=1)        the third Receive alone
    endpoint.faults.add("html", action="Create")       only to what asks for a shell
    endpoint.faults.clear()

A fault acts at one of four moments of a request's way: when its connection was accepted, before the
log-on, before the service, or when the service has answered and nothing is on its way back yet.
"""

from __future__ import annotations

import base64
import gzip
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from mailflow.simulated import soap
from mailflow.simulated.endpoint import NO_ACCESS, SOAP_TYPE, Silence, Stage, Visit
from mailflow.simulated.shell_host import TOO_MANY_SHELLS
from mailflow.simulated.soap import Trouble

HTML = b"<html><head><title>Error</title></head><body><h1>Proxy error</h1></body></html>"
SKEW = timedelta(minutes=20)
"""How far the clock of a server is off; Kerberos takes five minutes."""
DRIP_SECONDS = 0.05
"""From one byte of a slow answer to the next."""

KERBEROS = bytes.fromhex("06092a864886f712010202")
"""The mechanism's object identifier, as it stands near the beginning of each of its tokens."""
TICKET_EXPIRED, CLOCK_SKEW = 32, 37
"""Error codes of Kerberos (RFC 4120, 7.5.9)."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A fault that can be had.

    Attributes:
        text: what the client meets, for a trainer.
        moment: when it acts, unless it is asked for at one action only.
        act: does it. True: the request is dealt with; None: it goes on all the same; False: the
            fault has nothing to do with this request.
        action: the requests it is meant for unless asked otherwise; empty: all.
    """

    text: str
    moment: Stage
    act: Callable[[Visit], bool | None]
    action: str = ""


@dataclass(slots=True)
class _Armed:
    """A fault as it was switched on."""

    name: str
    moment: Stage
    action: str
    skip: int
    times: int | None


class Faults:
    """The faults of one server. May be changed from any thread while requests come in."""

    def __init__(self) -> None:
        """None is on."""
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []

    def add(self, name: str, *, action: str = "", skip: int = 0, times: int | None = None) -> None:
        """Switch a fault on.

        Args:
            name: one of `fault_names()`.
            action: only for requests of this action, `Receive`; empty: those it is meant for.
            skip: how many of these are served as if nothing were.
            times: how many it meets then; None: all.

        Raises:
            KeyError: there is no such fault.
        """
        kind = KINDS[name]
        moment: Stage = kind.moment
        if action and moment in ("connection", "log-on"):
            moment = "request"  # before the log-on nobody can know what is asked for
        with self._lock:
            self._armed.append(_Armed(name, moment, action or kind.action, skip, times))

    def remove(self, name: str) -> None:
        """Switch a fault off; no matter if it was not on."""
        with self._lock:
            self._armed = [one for one in self._armed if one.name != name]

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._armed = []

    @property
    def active(self) -> tuple[str, ...]:
        """Names of those that are on, in the order in which they were added."""
        with self._lock:
            return tuple(one.name for one in self._armed if one.times is None or one.times > 0)

    @property
    def skew(self) -> timedelta:
        """How far the server's clock is off."""
        return SKEW if "clock-skew" in self.active else timedelta()

    def meet(self, moment: Stage, visit: Visit) -> bool:
        """Let the faults of one moment act; whether one has dealt with the request."""
        action = visit.request.action
        with self._lock:
            due = [one for one in self._armed if one.moment == moment]
            due = [one for one in due if one.action in ("", action)]
        for armed in due:
            if self._takes(armed):
                before, visit.fault = visit.fault, armed.name
                done = KINDS[armed.name].act(visit)
                if done:
                    return True
                if done is False:
                    visit.fault = before
        return False

    def _takes(self, armed: _Armed) -> bool:
        """Whether it is this request's turn."""
        with self._lock:
            if armed.skip > 0:
                armed.skip -= 1
                return False
            if armed.times is not None:
                armed.times -= 1
                return armed.times >= 0
            return True


def fault_names() -> tuple[str, ...]:
    """All faults there are, in alphabetical order."""
    return tuple(sorted(KINDS))


def describe(name: str) -> str:
    """What a fault does, in one sentence."""
    return KINDS[name].text


def _deaf(visit: Visit) -> bool:
    return Silence().meet("connection", visit)


def _silent(visit: Visit) -> bool:
    visit.pause()
    visit.hang_up()
    return True


def _wrong_password(visit: Visit) -> None:
    visit.mistrust()


def _kerberos_error(code: int) -> Callable[[Visit], bool]:
    def act(visit: Visit) -> bool:
        if KERBEROS not in visit.token[:80]:
            return False
        token = base64.b64encode(kerberos_error(code, datetime.now(UTC) + SKEW)).decode()
        visit.challenge([f"Negotiate {token}"])
        return True

    return act


def _says(status: int, body: bytes = b"", kind: str = "text/html") -> Callable[[Visit], bool]:
    def act(visit: Visit) -> bool:
        visit.give_plain(status, body, kind)
        return True

    return act


def _refuses(trouble: Trouble) -> Callable[[Visit], bool]:
    def act(visit: Visit) -> bool:
        visit.give(500, visit.service.refuse(visit.request, trouble).body)
        return True

    return act


def _shell_gone(visit: Visit) -> None:
    # The service itself then says that there is none.
    visit.service.lose(visit.request.selectors.get("ShellId", ""))


def _endless(visit: Visit) -> bool:
    noise = base64.b64encode(b"noise " * 10_000).decode()
    visit.give(
        200,
        soap.answer(
            f"{soap.SHELL}/ReceiveResponse",
            visit.request.message,
            f'<rsp:ReceiveResponse><rsp:Stream Name="stdout">{noise}</rsp:Stream>'
            f'<rsp:CommandState State="{soap.SHELL}/CommandState/Running"/></rsp:ReceiveResponse>',
        ),
    )
    return True


def _reset(visit: Visit) -> bool:
    message = visit.message()
    visit.write(message[: len(message) // 2])
    visit.hang_up(reset=True)
    return True


def _cut(visit: Visit) -> bool:
    message = visit.message()
    visit.write(message[: len(message) // 2])
    visit.hang_up()
    return True


def _lost(visit: Visit) -> bool:
    visit.hang_up(reset=True)
    return True


def _in_the_clear(visit: Visit) -> bool:
    visit.give_plain(visit.status, visit.envelope, SOAP_TYPE)
    return True


def _packed(visit: Visit) -> bool:
    head, _, body = visit.message().partition(b"\r\n\r\n")
    packed = gzip.compress(body)
    lines = [one for one in head.split(b"\r\n") if not one.startswith(b"Content-Length:")]
    lines += [b"Content-Encoding: gzip", b"Content-Length: %d" % len(packed)]
    visit.write(b"\r\n".join(lines) + b"\r\n\r\n" + packed)
    return True


def _drip(visit: Visit) -> bool:
    for byte in visit.message():
        visit.write(bytes([byte]))
        if not visit.pause(DRIP_SECONDS):
            visit.hang_up()
            break
    return True


def _wrong_hash(visit: Visit) -> bool:
    spoiled = _STDOUT.sub(_flipped, visit.envelope)
    if spoiled == visit.envelope:
        return False
    visit.give(200, spoiled)
    return True


_STDOUT = re.compile(rb'(<rsp:Stream Name="stdout"[^>]*>)([^<]+)')
_FRAME = re.compile(rb"#mailflow begin [1-9]\d* \d+ [0-9A-F]+#\r?\n")


def _flipped(found: re.Match[bytes]) -> bytes:
    """One piece of standard output with a character of a frame's body changed."""
    text = bytearray(base64.b64decode(found[2]))
    begun = _FRAME.search(text)
    if begun is None or begun.end() + 20 >= len(text):
        return found[0]
    # Still base64, and a character that the mark of compressed data does not hold.
    at = begun.end() + 20
    text[at] = ord("A") if text[at] != ord("A") else ord("B")
    return found[1] + base64.b64encode(text)


def _sign_in_lost(visit: Visit) -> bool:
    visit.challenge()
    return True


def _redirects(visit: Visit) -> bool:
    visit.write(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.9.9:9/PowerShell/\r\n"
        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    visit.hang_up()
    return True


def _respun(change: Callable[[bytes], bytes]) -> Callable[[Visit], bool]:
    """Another answer of PSRP: its fragments changed."""

    def act(visit: Visit) -> bool:
        def changed(found: re.Match[bytes]) -> bytes:
            return found[1] + base64.b64encode(change(base64.b64decode(found[2])))

        spoiled = _STDOUT.sub(changed, visit.envelope)
        if spoiled == visit.envelope:
            return False
        visit.give(200, spoiled)
        return True

    return act


def _broken(data: bytes) -> bytes:
    return data.replace(b'N="RunspaceState">2<', b'N="RunspaceState">5<')


def _unfinished(data: bytes) -> bytes:
    return re.sub(rb'N="PipelineState">[345]<', b'N="PipelineState">2<', data)


def _out_of_order(data: bytes) -> bytes:
    """The first fragment says that it is the second."""
    return data[:15] + b"\x01" + data[16:] if b"PipelineState" in data else data


KINDS: Mapping[str, FaultKind] = MappingProxyType(
    {
        "deaf": FaultKind(
            "Connections are accepted, and not even TLS begins.", "connection", _deaf
        ),
        "silent": FaultKind("Requests are taken, and never answered.", "log-on", _silent),
        "wrong-password": FaultKind(
            "The passwords of all accounts are others than they were.", "log-on", _wrong_password
        ),
        "expired-ticket": FaultKind(
            "Kerberos says that the ticket has expired.", "log-on", _kerberos_error(TICKET_EXPIRED)
        ),
        "clock-skew": FaultKind(
            "The server's clock is 20 minutes ahead, and Kerberos refuses.",
            "log-on",
            _kerberos_error(CLOCK_SKEW),
        ),
        "html": FaultKind("500 with a web page, as from a proxy.", "log-on", _says(500, HTML)),
        "not-found": FaultKind(
            "404 with a web page: no WinRM at this place.", "log-on", _says(404, HTML)
        ),
        "forbidden": FaultKind("403 and nothing else.", "log-on", _says(403)),
        "unavailable": FaultKind("503 and nothing else.", "log-on", _says(503)),
        "garbage": FaultKind(
            "200 with bytes that are no XML.",
            "request",
            _says(200, b"\x00\xff<not xml", SOAP_TYPE),
        ),
        "no-access": FaultKind(
            "The log-on is right, and the account may not use WinRM.",
            "request",
            _refuses(NO_ACCESS),
        ),
        "shell-quota": FaultKind(
            "No more shells for this user.", "request", _refuses(TOO_MANY_SHELLS), "Create"
        ),
        "shell-gone": FaultKind(
            "The shell vanishes while its output is read.", "request", _shell_gone, "Receive"
        ),
        "answer-in-the-clear": FaultKind(
            "Encrypted requests are answered, and the answers are not encrypted.",
            "answer",
            _in_the_clear,
        ),
        "packed": FaultKind("Answers come compressed (Content-Encoding).", "answer", _packed),
        "endless": FaultKind("Output without an end.", "request", _endless, "Receive"),
        "reset": FaultKind("The connection is reset in mid-answer.", "answer", _reset, "Receive"),
        "cut": FaultKind("The answer is shorter than announced.", "answer", _cut, "Receive"),
        "lost": FaultKind(
            "Output was handed out, and the answer that carries it gets lost.",
            "answer",
            _lost,
            "Receive",
        ),
        "drip": FaultKind("The answer comes one byte at a time.", "answer", _drip, "Receive"),
        "wrong-hash": FaultKind(
            "A byte of each frame that begins is another.", "answer", _wrong_hash, "Receive"
        ),
        "redirect": FaultKind("302 to another address.", "log-on", _redirects),
        "sign-in-lost": FaultKind(
            "401 in the middle of a session: the sign-in counts no more, as when a ticket expires.",
            "request",
            _sign_in_lost,
            "Receive",
        ),
        "unfinished": FaultKind(
            "A command is done, and says that it is running.",
            "answer",
            _respun(_unfinished),
            "Receive",
        ),
        "wrong-state": FaultKind(
            "The session says that it is broken.", "answer", _respun(_broken), "Receive"
        ),
        "out-of-order": FaultKind(
            "A fragment comes that is not the next one.",
            "answer",
            _respun(_out_of_order),
            "Receive",
        ),
    }
)


def kerberos_error(code: int, at: datetime) -> bytes:
    """The token with which a server refuses a ticket: a KRB-ERROR (RFC 4120, 5.9.1)."""
    realm = _der(0x1B, b"CONTOSO.EXAMPLE")
    names = _der(0x30, _der(0x1B, b"HTTP"))
    principal = _der(0x30, _field(0, _der(0x02, b"\x02")), _field(1, names))
    body = _der(
        0x30,
        _field(0, _der(0x02, b"\x05")),
        _field(1, _der(0x02, bytes([30]))),
        _field(4, _der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode("ascii"))),
        _field(5, _der(0x02, b"\x00")),
        _field(6, _der(0x02, bytes([code]))),
        _field(9, realm),
        _field(10, principal),
    )
    return _der(0x60, KERBEROS, b"\x03\x00", _der(0x60 | 30, body))


def _field(number: int, value: bytes) -> bytes:
    return _der(0xA0 | number, value)


def _der(tag: int, *parts: bytes) -> bytes:
    """One value in DER; what goes into an error token stays below 256 bytes."""
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 0x80 else bytes([0x81, len(body)])
    return bytes([tag]) + length + body
