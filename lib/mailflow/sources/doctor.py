"""What works and what does not on the way to a live organization, one check after the other.

    name, route, port, TLS, service, clock      by sockets of our own, without any sign-in or user
    sign-in, shell, PowerShell                   by the same `Doors` that a collection uses
    Exchange, rights, others                    by calls on the allow-list

The first check that fails ends what cannot mean anything behind it; those are *skipped*. Causes and
next actions are those of `setup_faults`; how an answer becomes a check is pure (`of_...`).
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mailflow import plain
from mailflow.exchange.servers import Server
from mailflow.sources import collect, tables
from mailflow.sources.at_once import Late, in_time
from mailflow.sources.exception_faults import SCHEMES, classify
from mailflow.sources.psrp.faults import here
from mailflow.sources.psrp.options import PATH, ExchangeOptions
from mailflow.sources.remote import RemoteOptions, RemotePlace
from mailflow.sources.row import Reading, Row
from mailflow.sources.setup_faults import CAUSES
from mailflow.sources.shell import Call, Doors, Fault, Reply, Shell, ShellError

TITLES = {
    "name": "Name",
    "route": "Route",
    "port": "Port",
    "tls": "TLS",
    "service": "Service",
    "clock": "Clock",
    "log-on": "Sign-in",
    "shell": "Shell quota",
    "powershell": "PowerShell",
    "exchange": "Exchange",
    "rights": "Rights",
    "others": "Other servers",
}
"""The checks in their order."""

SKEW = timedelta(minutes=5)
"""More than this between two clocks, and Kerberos refuses."""

SOON = timedelta(days=30)
"""A certificate that ends within this time is mentioned."""

STEP_SECONDS = 10.0
"""For each step of a check that is made by sockets of our own."""

CALLS_SECONDS = 60.0
"""For each round of calls."""


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One check and what it found.

    Attributes:
        step: one of `TITLES`.
        state: `ok`, `note` (it works, and there is something to know), `fault`, `skipped` (it could
            not mean anything), or `unknown`.
        seen: what was seen, a line.
        id: of the fault or the note, one of `setup_faults.CAUSES`; else "".
        cause: what is wrong; else "".
        action: what to do about it; else "".
    """

    step: str
    state: str
    seen: str = ""
    id: str = ""
    cause: str = ""
    action: str = ""

    @property
    def title(self) -> str:
        """The step for people."""
        return TITLES[self.step]


def doctor(
    doors: Doors | None, target: RemoteOptions, host: str, *, why_not: str = ""
) -> list[DoctorCheck]:
    """All checks, in order; raises nothing for what is wrong at the far side.

    Args:
        doors: how the calls are made, `WinrmDoors(target, script)` or `ExchangeDoors(target)`;
            None: nobody can sign in, and the checks end before that.
        target: how to reach and sign in; by which road it is of.
        host: name of the server.
        why_not: without doors, what is missing.
    """
    steps = (_on_road(check, target) for check in _steps(doors, target, host, why_not))
    done = list(_until_fault(steps))
    made = {check.step for check in done}
    skipped = [step for step in TITLES if step not in made]
    return [*done, *(DoctorCheck(step, "skipped", "not reached") for step in skipped)]


def exit_code(checks: Sequence[DoctorCheck]) -> int:
    """0 all works, 1 a fault found, 2 could not be decided (contract, section 4)."""
    states = {check.state for check in checks}
    if "fault" in states:
        return 1
    return 2 if "unknown" in states else 0


def words(checks: Sequence[DoctorCheck], cells: int = 80) -> str:
    """The checks for a terminal: a line each, and under a fault its cause and the next action."""
    lines: list[str] = []
    wide = max(map(len, TITLES.values()))
    for check in checks:
        head = f"{_MARKS[check.state]:7}  {check.title:{wide}}  "
        blank = " " * len(head)
        name = f"{check.id}: " if check.id else ""
        parts = [f"{name}{check.seen or check.cause}"]
        if check.id:
            parts += [check.cause] if check.seen else []
            parts += [f"Next: {check.action}"]
        texts = [
            line for part in parts for line in plain.wrap(plain.one_line(part), cells - len(head))
        ]
        lines += [f"{blank if number else head}{text}" for number, text in enumerate(texts)]
    return "\n".join(line.rstrip() for line in lines)


_MARKS = {"ok": "ok", "note": "note", "fault": "FAULT", "skipped": "skipped", "unknown": "unknown"}


def _until_fault(checks: Iterator[DoctorCheck]) -> Iterator[DoctorCheck]:
    for check in checks:
        yield check
        if check.state == "fault" and check.step not in ("clock", "rights", "others"):
            return


def _on_road(check: DoctorCheck, target: RemoteOptions) -> DoctorCheck:
    """A check with the cause and the next action of the road that was taken."""
    if not check.id or not isinstance(target, ExchangeOptions) or here(check.id) == check.id:
        return check
    return _bad(check.step, here(check.id), check.seen, check.state)


def _bad(step: str, identity: str, seen: str = "", state: str = "fault") -> DoctorCheck:
    known = CAUSES[identity]
    return DoctorCheck(step, state, seen, identity, known.cause, known.action)


def _of_fault(step: str, found: Fault) -> DoctorCheck:
    """A fault of the way as the check it fails."""
    if found.id in CAUSES:
        detail = found.message.removeprefix(CAUSES[found.id].cause.rstrip(".")).strip(": .")
        return _bad(step, found.id, detail)
    return DoctorCheck(step, "unknown", _line(f"{found.kind}: {found.message}"))


# -- Without a sign-in -----------------------------------------------------------------------------


def _steps(
    doors: Doors | None, target: RemoteOptions, host: str, why_not: str
) -> Iterator[DoctorCheck]:
    place = target.place(host)
    checked, addresses = of_name(host, place, _looked_up)
    yield checked
    port = (place.port if place else None) or target.usual_port
    found, source, outcome = _tried(addresses, port)
    yield of_route(found, source)
    yield of_port(port, outcome)
    if target.scheme == "https":
        yield _tls(target, host, found, port)
    else:
        yield DoctorCheck("tls", "skipped", "HTTP: the messages themselves are encrypted")
    greeting = _greeting(target, host, found, port)
    auth = target.auth if doors else ""
    yield of_service(greeting, auth)
    yield of_clock(greeting, auth, datetime.now(UTC))
    if doors is None:
        yield _bad("log-on", "root-sddl", f"not tried: {why_not}", "unknown")
    else:
        yield from _inside(doors, target, host)


def _looked_up(host: str) -> list[str]:
    """Its addresses; a name service that hangs knows none."""
    found = in_time(lambda: collect.dns(host), STEP_SECONDS)
    return [] if isinstance(found, Late) else found


def of_name(
    host: str, place: RemotePlace | None, look_up: Callable[[str], list[str]]
) -> tuple[DoctorCheck, list[str]]:
    """Whether the name leads to addresses; one that was given by hand is not looked up."""
    if place is not None:
        return DoctorCheck("name", "ok", f"{host} is at {place.address} (--resolve)"), [
            place.address
        ]
    found = look_up(host)
    if not found:
        return _bad("name", "no-such-name", host), []
    return DoctorCheck("name", "ok", f"{host} is at {', '.join(found)}"), found


def _tried(addresses: Sequence[str], port: int) -> tuple[str, str | OSError, float | OSError]:
    """The first address that connects, else the first of all: it, the route and the outcome."""
    tries = []
    for address in addresses[:4]:
        source = _source_address(address, port)
        outcome = source if isinstance(source, OSError) else _connected(address, port)
        tries.append((address, source, outcome))
        if not isinstance(outcome, OSError):
            return tries[-1]
    return tries[0]


def _source_address(address: str, port: int) -> str | OSError:
    """The address of ours that the route begins at; no packet is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, port))
            return str(probe.getsockname()[0])
    except OSError as error:
        return error


def of_route(address: str, source: str | OSError) -> DoctorCheck:
    """Whether a route leads there, and from which of our addresses."""
    if isinstance(source, OSError):
        return _bad("route", "no-route", f"{address}: {source.strerror or source}")
    return DoctorCheck("route", "ok", f"from {source}")


def _connected(address: str, port: int) -> float | OSError:
    """Seconds until it was connected, or why it was not."""
    begun = time.monotonic()
    try:
        socket.create_connection((address, port), timeout=STEP_SECONDS).close()
    except OSError as error:
        return error
    return time.monotonic() - begun


def of_port(port: int, outcome: float | OSError) -> DoctorCheck:
    """Whether somebody listens: the seconds it took to connect, or why not."""
    if not isinstance(outcome, OSError):
        return DoctorCheck("port", "ok", f"{port} answers in {outcome * 1000:.0f} ms")
    if isinstance(outcome, TimeoutError):
        return _bad("port", "port-silent", f"port {port}, {STEP_SECONDS:.0f} s")
    found = classify(outcome, auth="ntlm")
    identity = found.id if found.kind == "unreachable" else "network"
    return _bad("port", identity, f"port {port}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's certificate says of itself.

    Attributes:
        names: that it is for.
        issuer: who signed it, for people.
        begins, ends: its first and last moment, aware.
    """

    names: tuple[str, ...]
    issuer: str
    begins: datetime
    ends: datetime


def read_certificate(der: bytes) -> Certificate | None:
    """A certificate in DER; None where it cannot be read."""
    try:
        from cryptography import x509
        from cryptography.x509.oid import NameOID
    except ImportError:
        return None
    try:
        read = x509.load_der_x509_certificate(der)
        names: list[str] = []
        try:
            alternative = read.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names += alternative.value.get_values_for_type(x509.DNSName)
            names += map(str, alternative.value.get_values_for_type(x509.IPAddress))
        except x509.ExtensionNotFound:
            common = read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            names += [str(attribute.value) for attribute in common]
        issuer = read.issuer.rfc4514_string()
        begins, ends = read.not_valid_before_utc, read.not_valid_after_utc
    except ValueError:
        return None
    return Certificate(tuple(names), issuer, begins, ends)


def _tls(target: RemoteOptions, host: str, address: str, port: int) -> DoctorCheck:
    """A handshake that verifies, and where that fails one that only looks."""
    from mailflow.sources.bounded_http import tls_context

    try:
        context = tls_context(target.ca, target.cert, target.key, target.password)
        der = _handshake(context, host, address, port)
    except OSError as error:
        return of_tls(error, _seen_without_trust(host, address, port), datetime.now(UTC))
    return of_tls(None, read_certificate(der), datetime.now(UTC))


def _handshake(context: ssl.SSLContext, host: str, address: str, port: int) -> bytes:
    with (
        socket.create_connection((address, port), timeout=STEP_SECONDS) as raw,
        context.wrap_socket(raw, server_hostname=host.rstrip(".")) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


def _seen_without_trust(host: str, address: str, port: int) -> Certificate | None:
    """The certificate of a server that could not be verified; nothing else is said to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return read_certificate(_handshake(context, host, address, port))
    except OSError:
        return None


def of_tls(error: OSError | None, seen: Certificate | None, now: datetime) -> DoctorCheck:
    """Whether the certificate can be trusted, whose it is, who issued it and until when."""
    text = ""
    if seen is not None:
        names = ", ".join(seen.names[:4]) or "no name"
        text = f"for {names}; issued by {seen.issuer}; until {seen.ends:%Y-%m-%d}"
    if error is None:
        soon = seen is not None and seen.ends - now < SOON
        return DoctorCheck("tls", "ok", f"{text}, which is soon" if soon else text or "verified")
    found = classify(error, auth="certificate")
    if found.kind != "tls":
        return _bad("tls", "tls-failed" if not isinstance(error, TimeoutError) else "silent", text)
    return _bad("tls", found.id, text)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says before any sign-in.

    Attributes:
        status: of HTTP; 0: none came.
        server: the header Server.
        date: the header Date, aware; None: without.
        offers: kinds of sign-in offered, in lower case.
        error: why nothing came.
    """

    status: int = 0
    server: str = ""
    date: datetime | None = None
    offers: frozenset[str] = frozenset()
    error: OSError | http.client.HTTPException | None = None


def _greeting(target: RemoteOptions, host: str, address: str, port: int) -> Greeting:
    """An empty request without any sign-in, as clients begin one."""
    from mailflow.sources.bounded_http import tls_context

    end = time.monotonic() + STEP_SECONDS
    try:
        raw = socket.create_connection((address, port), timeout=STEP_SECONDS)
        with raw:
            if target.scheme == "https":
                context = tls_context(target.ca, target.cert, target.key, target.password)
                raw = context.wrap_socket(raw, server_hostname=host.rstrip("."))
            with raw:
                path = PATH if isinstance(target, ExchangeOptions) else "wsman"
                return _asked(raw, f"{host}:{port}", end, path)
    except (OSError, http.client.HTTPException) as error:
        return Greeting(error=error)


def _asked(line: socket.socket, host: str, end: float, path: str = "wsman") -> Greeting:
    """The head of the answer; no more of it than a head can hold, no longer than until then."""
    lines = (f"POST /{path} HTTP/1.1", f"Host: {host}", "Content-Length: 0", "Connection: close")
    line.sendall("\r\n".join([*lines, "\r\n"]).encode("ascii", "replace"))
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 2**16:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no complete response was received")
        line.settimeout(left)
        data = line.recv(4096)
        if not data:
            break
        head += data
    return read_greeting(head)


_STATUS = re.compile(rb"[0-9]{3}")


def read_greeting(head: bytes) -> Greeting:
    """The head of an HTTP answer; whatever is not one has status 0."""
    first, _, rest = head.partition(b"\r\n")
    parts = first.split()
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not _STATUS.fullmatch(parts[1]):
        return Greeting()
    server, date, offers = "", None, set()
    for line in rest.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.casefold() == "server":
            server = value.strip()
        elif name.casefold() == "date":
            date = _date(value)
        elif name.casefold() == "www-authenticate":
            offers |= {offer.split()[0].casefold() for offer in value.split(",") if offer.strip()}
    return Greeting(int(parts[1]), server, date, frozenset(offers))


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text.strip())
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def of_service(seen: Greeting, auth: str) -> DoctorCheck:
    """Whether it is what we look for that answers, and offers our kind of sign-in; empty: any."""
    if isinstance(seen.error, TimeoutError):
        return _bad("service", "silent", f"{STEP_SECONDS:.0f} s")
    if isinstance(seen.error, OSError):
        return _of_fault("service", classify(seen.error, auth=auth))
    if not seen.status:
        return _bad("service", "not-winrm", "no HTTP")
    shown = f"HTTP {seen.status}, {seen.server}" if seen.server else f"HTTP {seen.status}"
    if seen.status in (502, 503):
        return _bad("service", "server-busy", shown)
    if seen.status == 403:
        return _bad("service", "forbidden", shown)
    if seen.status not in (200, 401):
        return _bad("service", "not-winrm", shown)
    offered = ", ".join(sorted(seen.offers))
    if auth and seen.status == 401 and not seen.offers & SCHEMES[auth]:
        return _bad("service", "auth-not-offered", f"it offers {offered or 'nothing'}, not {auth}")
    return DoctorCheck("service", "ok", f"it offers {offered}" if offered else shown)


def of_clock(seen: Greeting, auth: str, now: datetime) -> DoctorCheck:
    """Whether the clocks agree as far as Kerberos needs it."""
    if seen.date is None:
        return DoctorCheck("clock", "unknown", "the server does not report its time")
    apart = seen.date - now
    minutes = abs(apart).total_seconds() / 60
    if abs(apart) <= SKEW:
        return DoctorCheck("clock", "ok", f"{minutes * 60:.0f} s apart")
    text = f"the server's clock is {minutes:.0f} min {'ahead' if apart > timedelta() else 'behind'}"
    if auth == "kerberos":
        return _bad("clock", "clock-skew", text)
    return DoctorCheck(
        "clock", "ok", f"{text}; that would keep Kerberos from working, and mail as well"
    )


# -- With a sign-in --------------------------------------------------------------------------------


def _inside(doors: Doors, target: RemoteOptions, host: str) -> Iterator[DoctorCheck]:
    try:
        shell = doors.open(host)
    except ShellError as error:
        step = "shell" if error.fault.kind == "quota" else "log-on"
        if step == "shell":
            yield _logged_on(target)
        yield _of_fault(step, error.fault)
        return
    try:
        yield _logged_on(target)
        yield DoctorCheck("shell", "ok", "a shell was opened")
        yield from _with_shell(shell, host)
    finally:
        shell.close()


def _logged_on(target: RemoteOptions) -> DoctorCheck:
    user = f" as {target.user}" if target.user else ""
    return DoctorCheck("log-on", "ok", f"{target.auth}{user}")


def _with_shell(shell: Shell, host: str) -> Iterator[DoctorCheck]:
    """PowerShell, Exchange and rights, by calls that read little."""
    replies = shell.ask([Call(tables.SERVERS)], seconds=CALLS_SECONDS)
    yield of_powershell(replies, shell.powershell)
    servers = tables.assemble(Reading(rows=_rows(replies)), origin="").servers
    here = next((server for server in servers if server.is_named(host)), None)
    yield of_exchange(replies, shell.way, here)
    if here is not None:
        replies += shell.ask(probes(here), seconds=CALLS_SECONDS)
        custom = collect.connectors_of(_rows(replies))[-1:]
        if custom:
            right = Call(collect.PERMISSIONS, {"Identity": custom[0]})
            replies += shell.ask([right], seconds=CALLS_SECONDS)
    yield of_rights(replies)
    yield of_others(here, servers)


def _rows(replies: Sequence[Reply]) -> list[Row]:
    return [row for reply in replies for row in reply.rows]


def probes(server: Server) -> list[Call]:
    """The calls of a collection about one server, with as little to read as they can have."""
    small = {"ResultSize": 1}
    return [
        Call(call.cmdlet, {**call.parameters, **small}) if "ResultSize" in call.parameters else call
        for call in collect.calls_for(server)
    ]


_NO_POWERSHELL = frozenset({"no-powershell", "script-blocked"})


def of_powershell(replies: Sequence[Reply], version: str) -> DoctorCheck:
    """Whether PowerShell ran our script, and its version."""
    found = next((reply.fault for reply in replies if reply.fault), None)
    if version:
        is_old = version.partition(".")[0] in ("1", "2")
        seen = f"version {version}"
        if is_old:
            return _bad("powershell", "small-memory", seen, "note")
        return DoctorCheck("powershell", "ok", seen)
    if found is not None and (
        found.id in _NO_POWERSHELL or found.kind in ("timed-out", "protocol")
    ):
        return _of_fault("powershell", found)
    if found is not None:
        return DoctorCheck("powershell", "unknown", _line(found.message))
    return DoctorCheck("powershell", "ok", "it answers")


def of_exchange(replies: Sequence[Reply], way: str, here: Server | None) -> DoctorCheck:
    """Whether Exchange answered there, how it was reached, and which version it is."""
    found = next((reply.fault for reply in replies if reply.fault), None)
    if found is None or found.kind in ("no-such-cmdlet", "no-such-parameter"):
        product = f"Exchange {here.product}, " if here and here.product else ""
        return DoctorCheck("exchange", "ok", f"{product}{way}" if way or product else "it answers")
    if found.kind == "no-exchange":
        return _bad("exchange", "exchange-not-found", _line(found.message))
    if found.kind == "double-hop":
        return _bad("exchange", "double-hop", _detail(found))
    if found.kind in ("log-on", "denied"):
        return _bad("exchange", "exchange-refused", _line(found.message))
    if found.id in CAUSES:
        return _of_fault("exchange", found)
    return DoctorCheck("exchange", "unknown", _line(f"{found.kind}: {found.message}"))


def _detail(found: Fault) -> str:
    known = CAUSES.get(found.id)
    text = found.message.removeprefix(known.cause.rstrip(".")) if known else found.message
    return _line(text.strip(": ."))


def of_rights(replies: Sequence[Reply]) -> DoctorCheck:
    """Which cmdlets the account lacks: no role of it holds them (section 8.8)."""
    missing = [
        reply.call.cmdlet
        for reply in replies
        if reply.fault and reply.fault.kind in ("no-such-cmdlet", "denied")
    ]
    if missing:
        return _bad("rights", "rights-missing", ", ".join(dict.fromkeys(missing)))
    failed = [reply for reply in replies if reply.fault or reply.errors]
    if failed:
        first = failed[0]
        why = first.fault or first.errors[0]
        return DoctorCheck("rights", "unknown", _line(f"{first.call.cmdlet}: {why.message}"))
    asked = dict.fromkeys(reply.call.cmdlet for reply in replies)
    if len(asked) < 2:
        return DoctorCheck("rights", "unknown", "the server is not in its own list of servers")
    return DoctorCheck("rights", "ok", f"{len(asked)} cmdlets: {', '.join(asked)}")


def of_others(here: Server | None, servers: Sequence[Server]) -> DoctorCheck:
    """Whether another server is newer than the one to enter at: no fault, for it is asked too.

    Only where it cannot be reached is it missing (S8.43).
    """
    known = [server for server in servers if server.version and not server.is_edge]
    if here is None or here.version is None:
        return DoctorCheck("others", "unknown", "the version of this server was not read")
    newer = [server for server in known if not collect.at_least_as_new(here, server)]
    if newer:
        names = ", ".join(f"{server.name} ({server.product})" for server in newer[:5])
        return _bad("others", "older-than-others", f"newer: {names}", "note")
    return DoctorCheck("others", "ok", f"{len(servers)} servers, none newer than this one")


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
