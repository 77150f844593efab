"""Sign-in to the endpoint by NTLM, and the encryption of messages.

NTLM proves the TCP *connection*, so there is one `LogOnConnection` for each connection. pyspnego
does the server side; it finds the accounts in a file that an environment variable of this process
names.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mailflow.simulated.shell_host import LogOn

if TYPE_CHECKING:
    import spnego

SCHEMES: tuple[str, ...] = ("Negotiate",)
"""What is offered."""

STORE = "NTLM_USER_FILE"
"""Environment variable by which pyspnego finds the accounts."""

_BOUNDARY = re.compile(rb"-- ?Encrypted Boundary(?:--)?\r\n")
_KIND = re.compile(r'protocol="([\w./-]+)"')
_LENGTH = re.compile(rb"Length=(\d{1,9})")


class MessageError(Exception):
    """An encrypted message cannot be opened."""


class Accounts:
    """Names and passwords of one practice, as pyspnego reads them.

    pyspnego finds accounts in a file that an environment variable of the process names. So the file
    is there only while a connection takes its turn with that variable, and no password stays on
    the disk when a process is ended by force.
    """

    _turn = threading.Lock()

    def __init__(self, passwords: Mapping[str, str], *, domain: str = "CONTOSO") -> None:
        r"""Accounts by name; a domain in a name (`CONTOSO\\anna`) does not count.

        Raises:
            ValueError: a colon or a line end in a name or password.
        """
        self.domain = domain
        self._passwords = {bare(name): secret for name, secret in passwords.items()}
        lines = []
        for user, password in self._passwords.items():
            if re.search(r"[:\r\n]", user + password):
                raise ValueError(f"account {user}: no colon and no line end, please")
            # As clients spell them: with domain, bare, as UPN.
            spelled = (f"{domain}:{user}", f":{user}", f":{user}@{domain.lower()}.example")
            lines += [f"{spelling}:{password}\n" for spelling in spelled]
        self._text = "".join(lines)

    def close(self) -> None:
        """Forget all passwords: nobody can sign in any more."""
        self._passwords.clear()
        self._text = ""

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let pyspnego find these accounts, and those of no other practice, for a moment."""
        with Accounts._turn, tempfile.TemporaryDirectory(prefix="mailflow-accounts-") as folder:
            file = Path(folder) / "accounts"
            file.write_text(self._text, "utf-8")
            before = os.environ.get(STORE)
            os.environ[STORE] = str(file)
            try:
                yield
            finally:
                if before is None:
                    del os.environ[STORE]
                else:
                    os.environ[STORE] = before

    @cached_property
    def changed(self) -> Accounts:
        """The same accounts with other passwords, which nobody knows."""
        return Accounts({user: secrets.token_urlsafe(12) for user in self._passwords})

    def knows(self, user: str) -> bool:
        """Whether there is an account of this name; a domain in it does not count."""
        return bare(user) in self._passwords

    def holds(self, user: str, password: bytes) -> bool:
        """Whether a password, in UTF-8 or in latin-1 as requests sends it, is that of the user."""
        known = self._passwords.get(bare(user))
        if known is None:
            return False
        forms = [known.encode(), known.encode("latin-1", "replace")]
        return any([hmac.compare_digest(form, password) for form in forms])  # noqa: C419 - even time


@dataclass(frozen=True, slots=True)
class LogOnOutcome:
    """What became of a request's sign-in.

    Attributes:
        logon: Who it is; None means the answer is 401.
        headers: Values of WWW-Authenticate for the answer.
        why: For the log of the endpoint: what the scheme said when it refused.
    """

    logon: LogOn | None
    headers: Sequence[str] = ()
    why: str = ""


class LogOnConnection:
    """The sign-in of one TCP connection."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        offer: Sequence[str] = SCHEMES,
        server_certificate: bytes = b"",
    ) -> None:
        """Nobody is signed in.

        Args:
            accounts: who may sign in.
            offer: schemes of WWW-Authenticate.
            server_certificate: SHA-256 of the server's certificate, to which a sign-in is bound;
                empty without TLS.
        """
        self.accounts = accounts
        self.offer = tuple(offer)
        self._server_certificate = server_certificate
        self._context: spnego.ContextProxy | None = None
        self._scheme = ""
        self._logon: LogOn | None = None

    def forget(self) -> None:
        """Nobody is signed in any more."""
        self._context, self._logon = None, None

    def authenticate(self, header: str | None) -> LogOnOutcome:
        """Look at the Authorization header of a request, and go one step on."""
        if not header:
            if self._logon is not None:
                return LogOnOutcome(self._logon)
            # Clients begin each sign-in like this: what a former one left half done is void.
            return self.refused("no Authorization header")
        scheme, _, value = header.partition(" ")
        offered = {offered_scheme.casefold(): offered_scheme for offered_scheme in self.offer}
        if scheme.casefold() not in offered:
            return self.refused(f"{scheme} is not offered")
        try:
            token = base64.b64decode(value, validate=True)
        except binascii.Error:
            return self.refused("the token is no base64")
        return self.step(offered[scheme.casefold()], token)

    def refused(self, why: str) -> LogOnOutcome:
        """Nobody is signed in, for this reason."""
        self.forget()
        return LogOnOutcome(None, self.offer, why)

    def step(self, scheme: str, token: bytes) -> LogOnOutcome:
        """One round of a scheme of several; a token after the last round begins a new sign-in."""
        from spnego.exceptions import SpnegoError

        try:
            with self.accounts.in_turn():
                if self._context is None or self._scheme != scheme or self._context.complete:
                    self.forget()
                    self._context, self._scheme = self.new_context(scheme), scheme
                context = self._context
                reply = context.step(token)
        except ImportError:
            return self.refused(f"{scheme}: the packages for it are not installed here")
        # The others are what pyspnego raises for a token that is none.
        except (SpnegoError, ValueError, LookupError, struct.error) as error:
            return self.refused(f"{type(error).__name__}: {' '.join(str(error).split())}")
        if reply is None and not context.complete:
            return self.refused(f"{scheme} ended without a sign-in")
        text = f"{scheme} {base64.b64encode(reply).decode()}" if reply else ""
        if not context.complete:
            return LogOnOutcome(None, [text or scheme], "one more round")
        self._logon = self.who(context, scheme)
        return LogOnOutcome(self._logon, [text] if text else [])

    def new_context(self, scheme: str) -> spnego.ContextProxy:  # noqa: ARG002 - there is one here
        """The server side of a scheme, at its beginning."""
        return self.server_side("negotiate")

    def server_side(self, protocol: str) -> spnego.ContextProxy:
        """Pyspnego's side of a protocol, bound to the certificate where there is one."""
        import spnego
        from spnego.channel_bindings import GssChannelBindings

        bindings = None
        if self._server_certificate:
            data = b"tls-server-end-point:" + self._server_certificate
            bindings = GssChannelBindings(application_data=data)
        # With no host name any key of a keytab serves.
        return spnego.server(
            hostname=None,  # type: ignore[arg-type] # None is how "any" is said
            service=None,  # type: ignore[arg-type]
            channel_bindings=bindings,
            protocol=protocol,
            options=spnego.NegotiateOptions.wrapping_winrm,
        )

    def who(self, context: spnego.ContextProxy, scheme: str) -> LogOn:  # noqa: ARG002
        """Whom a complete sign-in names."""
        return LogOn(bare(context.client_principal or ""), "ntlm")

    def open(self, body: bytes) -> bytes:
        """The plain text of an encrypted request.

        Raises:
            MessageError: no sign-in, or the message is damaged.
        """
        from spnego.exceptions import SpnegoError

        if self._context is None or not self._context.complete:
            raise MessageError("encrypted, but nobody is signed in")
        parts = [part for part in _BOUNDARY.split(body) if part.strip(b"\r\n")]
        plain = []
        for head, sealed in zip(parts[::2], parts[1::2], strict=False):
            length = _LENGTH.search(head)
            data = sealed.partition(b"octet-stream\r\n")[2]
            if length is None or len(data) < 4:
                raise MessageError("no part of an encrypted message")
            (size,) = struct.unpack("<I", data[:4])
            try:
                text = self.unwrapped(data[4 : 4 + size], data[4 + size :])
            except (SpnegoError, ValueError, struct.error) as error:
                raise MessageError(f"cannot be decrypted: {error}") from error
            if len(text) != int(length[1]):
                raise MessageError("another length than announced")
            plain.append(text)
        if not plain:
            raise MessageError("no part of an encrypted message")
        return b"".join(plain)

    def seal(self, content_type: str, body: bytes) -> tuple[str, bytes]:
        """The answer to an encrypted request: its content type and the encrypted message."""
        context = self._context
        kind = _KIND.search(content_type)
        if context is None or kind is None:
            raise MessageError("nothing to encrypt with")
        pieces = self.pieces(body)
        message = bytearray()
        for piece in pieces:
            sealed = context.wrap_winrm(piece)
            message += (
                b"--Encrypted Boundary\r\n"
                b"\tContent-Type: " + kind[1].encode() + b"\r\n"
                b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length="
                + str(len(piece) + sealed.padding_length).encode()
                + b"\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
                + struct.pack("<I", len(sealed.header))
                + sealed.header
                + sealed.data
            )
        message += b"--Encrypted Boundary--\r\n"
        multipart = "encrypted" if len(pieces) == 1 else "x-multi-encrypted"
        text = f'multipart/{multipart};protocol="{kind[1]}";boundary="Encrypted Boundary"'
        return text, bytes(message)

    def unwrapped(self, header: bytes, sealed: bytes) -> bytes:
        """The plain text of one part of a message."""
        assert self._context is not None  # noqa: S101 - `open` has looked
        return self._context.unwrap_winrm(header, sealed)

    def pieces(self, body: bytes) -> list[bytes]:
        """The parts that a body is sealed in."""
        return [body]


def bare(user: str) -> str:
    r"""A name without domain, folded: of `CONTOSO\Jane`, `jane@contoso.example`."""
    return user.rpartition("\\")[2].partition("@")[0].casefold()
