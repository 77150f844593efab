"""Log-on options of live commands, and where a password comes from.

A password is never an option: it is read from an environment variable or a keyring entry that the
options name, or from a prompt. What is read stays in `RemoteOptions` and is shown by nothing.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from mailflow import extras
from mailflow.errors import UsageError
from mailflow.sources.psrp.options import ENDPOINT_AUTHS, ExchangeOptions
from mailflow.sources.remote import CALL_SECONDS, SECONDS, RemoteOptions, RemotePlace
from mailflow.sources.trust import host_name, suffix_of
from mailflow.sources.winrm.options import AUTHS, WinrmOptions

PASSWORD_VARIABLE = "MAILFLOW_PASSWORD"  # noqa: S105 - the name of a variable
"""Under this name `handed_over` gives a password to a process that cannot ask."""

NEEDS_PASSWORD = ("ntlm", "credssp", "basic")
"""The kinds of sign-in that need one."""

_KLIST_SECONDS = 5.0


class NoLogOnError(UsageError):
    """Nobody can sign in with these options: no user, or no password and nobody to ask."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """The sign-in options, as text; empty: not given.

    Attributes:
        user: `--user`.
        auth: `--auth`; empty: Kerberos with a ticket, else NTLM.
        ca, cert, key: `--ca`, `--cert`, `--key`, files in PEM.
        password_env: `--password-env`, name of an environment variable.
        keyring: `--keyring`, `service` or `service/user`.
        resolve: `--resolve`, each `NAME=ADDRESS` or `NAME=ADDRESS:PORT`.
        trust: `--trust`, each a suffix, a name or an address that may get the credentials.
        way: `session` through Exchange's endpoint, or `snapin` (S8.22); empty: session.
        seconds: `--seconds`, how long reading may take.
        seconds_per_server: `--seconds-per-server`, how long one server may take of it.
    """

    user: str = ""
    auth: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    password_env: str = ""
    keyring: str = ""
    resolve: tuple[str, ...] = ()
    way: str = ""
    trust: tuple[str, ...] = ()
    seconds: str = ""
    seconds_per_server: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """What MAILFLOW_USER and its like say; what may be repeated holds several with blanks."""
        texts = {name: environ.get(_variable(name), "").strip() for name in _names()}
        several = {name: tuple(texts.pop(name).split()) for name in _SEVERAL}
        return cls(**texts, **several)  # type: ignore[arg-type] # two kinds of fields

    def to_environment(self) -> dict[str, str]:
        """The same options as environment variables; no password is among them."""
        texts = {name: getattr(self, name) for name in _names()}
        texts |= {name: " ".join(texts[name]) for name in _SEVERAL}
        return {_variable(name): text for name, text in texts.items() if text}

    def to_arguments(self) -> list[str]:
        """The same options as a command line has them, in pairs of name and value."""
        single = [name for name in _names() if name not in (*_SEVERAL, "way")]
        pairs = [(_option(name), getattr(self, name)) for name in single if getattr(self, name)]
        pairs += [(_option(name), value) for name in _SEVERAL for value in getattr(self, name)]
        return [part for pair in pairs for part in pair]

    def over(self, other: LiveOptions) -> LiveOptions:
        """These options, and the other ones where these say nothing (the command line goes first).

        A way to the password given here replaces the other's, and so does a certificate.
        """
        given = {name: getattr(self, name) for name in _names() if getattr(self, name)}
        rest = {name: getattr(other, name) for name in _names()}
        if self.password_env or self.keyring:
            rest |= {"password_env": "", "keyring": ""}
        if self.cert or self.key:
            rest |= {"cert": "", "key": ""}
        for name in _SEVERAL:
            own = getattr(self, name)
            given[name] = (*(value for value in rest[name] if value not in own), *own)
        return LiveOptions(**{**rest, **given})


_SEVERAL = ("resolve", "trust")
"""Options that may be repeated; those of the command line and of the environment all count."""


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _names() -> list[str]:
    return [field.name for field in fields(LiveOptions)]


def _variable(name: str) -> str:
    return f"MAILFLOW_{name.upper()}"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A Kerberos ticket-granting ticket that is at hand.

    Attributes:
        principal: whose; empty where that is not told (Windows: whoever is signed in).
        ends: when it expires, aware; None: not told.
        forwardable: whether it may go on from one server to the next; None: not told.
    """

    principal: str = ""
    ends: datetime | None = None
    forwardable: bool | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.ends is None or now < self.ends


def find_ticket() -> Ticket | None:
    """The Kerberos ticket of this user; None: there is none, or no Kerberos here.

    On Windows the sign-in to the machine is one. Elsewhere the credential cache is read by the
    library `krb5`, or where that is not installed by the program `klist`.
    """
    if sys.platform == "win32":
        return Ticket() if os.environ.get("USERDNSDOMAIN") else None
    try:
        import krb5
    except ImportError:
        return _ticket_of_klist()
    try:
        context = krb5.init_context()
        for credential in krb5.cc_default(context):
            server = credential.server.name or b""
            if server.startswith(b"krbtgt/"):
                return Ticket(
                    (credential.client.name or b"").decode("utf-8", "replace"),
                    datetime.fromtimestamp(credential.times.endtime, UTC),
                    bool(credential.ticket_flags_raw & _FORWARDABLE),
                )
    except krb5.Krb5Error:
        pass
    return None


_FORWARDABLE = 0x40000000
"""Bit 1 of a ticket's flags, counted from the highest (RFC 4120, 5.3)."""


def _ticket_of_klist() -> Ticket | None:
    program = _on_path("klist")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, found by name
            [program, "-f"],
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            timeout=_KLIST_SECONDS,
            check=False,
        )
        valid = subprocess.run(  # noqa: S603 - the same
            [program, "-s"], capture_output=True, timeout=_KLIST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode("utf-8", "replace")
    if "krbtgt/" not in text:
        return None
    principal = re.search(r"Default principal: (\S+)", text)
    flags = re.search(r"krbtgt/[^\n]*\n[^\n]*Flags: ([A-Za-z]+)", text)
    return Ticket(
        principal[1] if principal else "",
        None if valid.returncode == 0 else datetime.fromtimestamp(0, UTC),
        "F" in flags[1] if flags else None,
    )


def _on_path(name: str) -> str | None:
    """A program in a folder that PATH names in full: never one of the current directory."""
    file = f"{name}.exe" if os.name == "nt" else name
    folders = (Path(folder.strip('"')) for folder in os.environ.get("PATH", "").split(os.pathsep))
    paths = (folder / file for folder in folders if folder.is_absolute())
    return next((str(path) for path in paths if path.is_file() and os.access(path, os.X_OK)), None)


def parse_resolve(texts: Sequence[str]) -> dict[str, RemotePlace]:
    """Names in lower case to where to connect, of `NAME=ADDRESS` and `NAME=ADDRESS:PORT`.

    An IPv6 address with a port stands in brackets.

    Raises:
        UsageError: one that cannot be read, or two that contradict each other.
    """
    found: dict[str, RemotePlace] = {}
    for text in texts:
        name, _, where = text.strip().partition("=")
        name = host_name(name.strip()) or name.strip().rstrip(".").casefold()
        place = _place(where.strip())
        if not name or place is None:
            raise UsageError(f"--resolve {text}: expected NAME=ADDRESS or NAME=ADDRESS:PORT")
        if found.setdefault(name, place) != place:
            raise UsageError(f"--resolve: two addresses for {name}")
    return found


def _place(text: str) -> RemotePlace | None:
    parts = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", text)
    if parts is None and text.count(":") < 2:
        parts = re.fullmatch(r"([^:]+)(?::(\d{1,5}))?", text)
    address, port = (parts[1], parts[2]) if parts else (text, None)
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return None
    if port is not None and not 0 < int(port) < 65536:
        return None
    return RemotePlace(address, int(port) if port else None)


def target(  # noqa: PLR0913 - what the command line and the source say
    options: LiveOptions,
    *,
    scheme: str = "https",
    port: int = 0,
    entry: str = "",
    road: str = "winrm",
    environ: Mapping[str, str] | None = None,
    ask: Callable[[str], str] | None = None,
    ticket: Callable[[], Ticket | None] = find_ticket,
) -> ExchangeOptions | WinrmOptions:
    """Everything that is needed to sign in, the password read.

    Args:
        options: command line over environment.
        scheme: https or http.
        port: 0: the usual one.
        entry: name or address of the server to enter at, whose domain gets the credentials.
        road: `winrm`, or `exchange` for the management shell's own endpoint.
        environ: where an environment variable is read; None: this process's.
        ask: asks a person for a password; None: nobody is there to be asked.
        ticket: finds the Kerberos ticket.

    Raises:
        UsageError: a bad combination, a missing file, variable or entry; says what to do.
    """
    _check(options)
    seconds, each, call = _limits(options)
    where = os.environ if environ is None else environ
    found = ticket() if options.auth in ("", "kerberos") else None
    valid = found is not None and found.is_valid(datetime.now(UTC))
    if road == "exchange":
        auth = options.auth or ENDPOINT_AUTHS[0]  # what every endpoint offers (S8.04)
        needs = auth in NEEDS_PASSWORD or bool(options.user and not valid)
    else:
        auth = options.auth or _chosen(options, with_ticket=valid)
        needs = auth in NEEDS_PASSWORD
    password = _password(options, auth, where, ask, needs=needs)
    forwards = auth == "credssp"
    if auth == "kerberos" and found is not None:
        forwards = found.forwardable is not False
    return _KIND[road](
        scheme=scheme,
        port=port,
        user=options.user,
        auth=auth,
        password=password,
        forwards=forwards,
        ca=options.ca,
        cert=options.cert,
        key=options.key,
        entry=entry,
        trust=options.trust,
        resolve=parse_resolve(options.resolve),
        way=options.way or "session",
        seconds=seconds,
        each=each,
        call_seconds=call,
    )


_KIND: Mapping[str, type[ExchangeOptions | WinrmOptions]] = {
    "exchange": ExchangeOptions,
    "winrm": WinrmOptions,
}


def target_to_look_at(
    options: LiveOptions,
    *,
    scheme: str = "https",
    port: int = 0,
    entry: str = "",
    road: str = "winrm",
) -> RemoteOptions:
    """Where a server is and how its certificate is verified, for whoever does not sign in."""
    return _KIND[road](
        scheme=scheme,
        port=port,
        auth="kerberos",  # which wants neither user nor password
        ca=options.ca,
        entry=entry,
        resolve=parse_resolve(options.resolve),
    )


def _limits(options: LiveOptions) -> tuple[float, float, int]:
    """Seconds for all, for a server (0: a third of them), and for one cmdlet.

    Whoever gives a server more time means its cmdlets, too. There may be three turns: the first
    server, all, and those that are asked through another.
    """
    each = _number("seconds_per_server", options)
    whole = _number("seconds", options) or max(SECONDS, 3 * each)
    turn = min(each or whole / 3, whole)
    return whole, each, max(CALL_SECONDS, int(turn))


def _number(name: str, options: LiveOptions) -> float:
    text = getattr(options, name)
    number = float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) else 0.0
    if text and not number:
        raise UsageError(f"{_option(name)} {text}: expected a number of seconds")
    return number


def handed_over(options: LiveOptions, password: str) -> dict[str, str]:
    """Environment for a process that cannot ask: the options, and the password under a name."""
    if not password:
        return options.to_environment()
    own = LiveOptions(password_env=PASSWORD_VARIABLE).over(options)
    return {**own.to_environment(), PASSWORD_VARIABLE: password}


def prompt() -> Callable[[str], str] | None:
    """Asks at the terminal, without echo; None where there is no terminal to ask at."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    import getpass

    return lambda text: getpass.getpass(text, stream=sys.stderr)


def _chosen(options: LiveOptions, *, with_ticket: bool) -> str:
    """Left out: a certificate that was given, Kerberos with a ticket, else NTLM (contract 3).

    With a password at hand the engineer means another account than the ticket's.
    """
    if options.cert:
        return "certificate"
    has_password = bool(options.password_env or options.keyring)
    return "kerberos" if with_ticket and not has_password else "ntlm"


def _check(options: LiveOptions) -> None:
    if options.auth and options.auth not in AUTHS:
        raise UsageError(f"--auth {options.auth}: expected one of {', '.join(AUTHS)}")
    if options.way not in ("", "session", "snapin"):
        raise UsageError(f"way {options.way}: expected session or snapin")
    if options.password_env and options.keyring:
        raise UsageError("--password-env and --keyring are both given; leave one out")
    if bool(options.cert) != bool(options.key):
        raise UsageError(
            "--cert and --key go together: the client certificate and its key, both in PEM"
        )
    if options.cert and options.auth not in ("", "certificate"):
        raise UsageError(f"--cert needs --auth certificate, not --auth {options.auth}")
    for name in ("ca", "cert", "key"):
        path = getattr(options, name)
        if path and not Path(path).is_file():
            raise UsageError(f"--{name} {path}: no such file")
    wrong = next((value for value in options.trust if not suffix_of(value)), "")
    if wrong:
        raise UsageError(f"--trust {wrong}: expected a domain, a host name or an address")
    if options.ca:
        _check_authorities(options.ca)


def _check_authorities(path: str) -> None:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            f"--ca {path}: contains no certificate in PEM (convert with `openssl x509 -inform der`)"
        ) from error


def _password(
    options: LiveOptions,
    auth: str,
    environ: Mapping[str, str],
    ask: Callable[[str], str] | None,
    *,
    needs: bool,
) -> str:
    if options.password_env:
        return _of_environment(options.password_env, environ)
    if options.keyring:
        return _of_keyring(options.keyring, options.user)
    if not needs:
        return ""
    if not options.user:
        raise NoLogOnError(
            f"--auth {auth} needs --user DOMAIN\\NAME. Without a user, get a Kerberos ticket with "
            "`kinit -f`"
        )
    if ask is None:
        raise NoLogOnError(
            "password required, but not running interactively. Use --password-env NAME or "
            "--keyring SERVICE/USER"
        )
    given = ask(f"Password of {options.user}: ")
    if not given:
        raise UsageError("no password was entered")
    return given


def _of_environment(name: str, environ: Mapping[str, str]) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
        # It may be the password itself, given where its variable's name belongs: not repeated.
        raise UsageError("--password-env: expected the name of an environment variable")
    found = environ.get(name, "")
    if not found:
        raise UsageError(f"--password-env {name}: this environment variable is not set")
    return found


def _of_keyring(entry: str, user: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise UsageError(
            f"--keyring needs the package keyring: {extras.install('live')}"
        ) from error
    service, _, named = entry.partition("/")
    account = named or user
    if not (service and account):
        raise UsageError(f"--keyring {entry}: write SERVICE/USER, or give --user NAME")
    try:
        found = keyring.get_password(service, account)
    except KeyringError as error:
        raise UsageError(
            f"--keyring {entry}: the keyring cannot be read ({type(error).__name__}); "
            "unlock it, or use --password-env NAME"
        ) from error
    if not found:
        raise UsageError(
            f"--keyring {entry}: no such entry; make it with `keyring set {service} {account}`"
        )
    return found
