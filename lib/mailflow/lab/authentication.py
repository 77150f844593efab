"""Log-on to the endpoint: Basic, NTLM, Kerberos, CredSSP, client certificate; message encryption.

NTLM and Negotiate prove the TCP *connection*, so there is one `Connection` per connection. pyspnego
does the server side of each Windows scheme; it finds the accounts in a file and the Kerberos keys
in a keytab, both named by environment variables of this process.
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
from types import MappingProxyType
from typing import TYPE_CHECKING

from mailflow.lab.wsman import LogOn

if TYPE_CHECKING:
    import spnego

SCHEMES = ("Negotiate", "Kerberos", "CredSSP", "Basic")
"""What is offered unless asked otherwise. A certificate is never offered: the client brings it."""

STORE = "NTLM_USER_FILE"
"""Environment variable by which pyspnego finds the accounts."""

MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
"""Value of the Authorization header of a client that logs on with its certificate."""

METHODS = MappingProxyType({"Negotiate": "ntlm", "Kerberos": "kerberos", "CredSSP": "credssp"})
PIECE = 16_384
"""Bytes of plain text in one part of a CredSSP message."""

_BOUNDARY = re.compile(rb"-- ?Encrypted Boundary(?:--)?\r\n")
_KIND = re.compile(r'protocol="([\w./-]+)"')
_LENGTH = re.compile(rb"Length=(\d{1,9})")


class MessageError(Exception):
    """An encrypted message cannot be opened."""


class Accounts:
    """Names and passwords of one practice, as Basic needs them and as pyspnego reads them.

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
        self._passwords = {bare(name): one for name, one in passwords.items()}
        lines = []
        for user, password in self._passwords.items():
            if re.search(r"[:\r\n]", user + password):
                raise ValueError(f"account {user}: no colon and no line end, please")
            # As clients spell them: with domain, bare, as UPN.
            spelled = (f"{domain}:{user}", f":{user}", f":{user}@{domain.lower()}.example")
            lines += [f"{one}:{password}\n" for one in spelled]
        self._text = "".join(lines)

    def close(self) -> None:
        """Forget all passwords: nobody can log on any more."""
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

    def holds(self, user: str, password: bytes) -> bool:
        """Whether a password, in UTF-8 or in latin-1 as requests sends it, is that of the user."""
        known = self._passwords.get(bare(user))
        if known is None:
            return False
        forms = [known.encode(), known.encode("latin-1", "replace")]
        return any([hmac.compare_digest(one, password) for one in forms])  # noqa: C419 - even time

    def knows(self, user: str) -> bool:
        """Whether there is such an account."""
        return bare(user) in self._passwords


@dataclass(frozen=True, slots=True)
class LogOnOutcome:
    """What became of a request's log-on.

    Attributes:
        logon: Who it is; None means the answer is 401.
        headers: Values of WWW-Authenticate for the answer.
        why: For the log of the endpoint: what the scheme said when it refused.
    """

    logon: LogOn | None
    headers: Sequence[str] = ()
    why: str = ""


class LogOnConnection:
    """The log-on of one TCP connection."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        offer: Sequence[str] = SCHEMES,
        certificate_user: str = "",
        server_certificate: bytes = b"",
    ) -> None:
        """Nobody is logged on.

        Args:
            accounts: Who may log on.
            offer: Schemes of WWW-Authenticate.
            certificate_user: Name in the client's certificate, which TLS has checked.
            server_certificate: SHA-256 of the server's certificate, to which a log-on is bound;
                empty without TLS.
        """
        self.accounts = accounts
        self.offer = tuple(offer)
        self._certificate_user = certificate_user
        self._server_certificate = server_certificate
        self._context: spnego.ContextProxy | None = None
        self._scheme = ""
        self._logon: LogOn | None = None

    def forget(self) -> None:
        """Nobody is logged on any more."""
        self._context, self._logon = None, None

    def authenticate(self, header: str | None) -> LogOnOutcome:
        """Look at the Authorization header of a request, and go one step on."""
        if not header:
            if self._logon is not None:
                return LogOnOutcome(self._logon)
            # Clients begin each log-on like this: what a former one left half done is void.
            return self._refused("no Authorization header")
        if header == MUTUAL:
            return self._certificate()
        scheme, _, value = header.partition(" ")
        offered = {one.casefold(): one for one in self.offer}
        if scheme.casefold() not in offered:
            return self._refused(f"{scheme} is not offered")
        try:
            token = base64.b64decode(value, validate=True)
        except binascii.Error:
            return self._refused("the token is no base64")
        scheme = offered[scheme.casefold()]
        return self._basic(token) if scheme == "Basic" else self._step(scheme, token)

    def _refused(self, why: str) -> LogOnOutcome:
        self.forget()
        return LogOnOutcome(None, self.offer, why)

    def _certificate(self) -> LogOnOutcome:
        user = bare(self._certificate_user)
        if not user or not self.accounts.knows(user):
            return self._refused("no certificate, or of nobody known")
        return LogOnOutcome(LogOn(user, "certificate"))

    def _basic(self, token: bytes) -> LogOnOutcome:
        name, _, password = token.partition(b":")
        try:
            user = name.decode()
        except UnicodeDecodeError:
            user = name.decode("latin-1")
        if not self.accounts.holds(user, password):
            return self._refused("wrong name or password")
        return LogOnOutcome(LogOn(bare(user), "basic", delegated=True))

    def _step(self, scheme: str, token: bytes) -> LogOnOutcome:
        """One round of a scheme of several; a token after the last round begins a new log-on."""
        from spnego.exceptions import SpnegoError

        try:
            with self.accounts.in_turn():
                if self._context is None or self._scheme != scheme or self._context.complete:
                    self.forget()
                    self._context, self._scheme = self._new_context(scheme), scheme
                context = self._context
                reply = context.step(token)
        except ImportError:
            return self._refused(f"{scheme}: the packages for it are not installed here")
        # The others are what pyspnego raises for a token that is none.
        except (SpnegoError, ValueError, LookupError, struct.error) as error:
            return self._refused(f"{type(error).__name__}: {' '.join(str(error).split())}")
        if reply is None and not context.complete:
            return self._refused(f"{scheme} ended without a log-on")
        text = f"{scheme} {base64.b64encode(reply).decode()}" if reply else ""
        if not context.complete:
            return LogOnOutcome(None, [text or scheme], "one more round")
        self._logon = self._who(context, scheme)
        return LogOnOutcome(self._logon, [text] if text else [])

    def _new_context(self, scheme: str) -> spnego.ContextProxy:
        import spnego
        from spnego.channel_bindings import GssChannelBindings

        if scheme == "CredSSP":
            return spnego.server(protocol="credssp")
        bindings = None
        if self._server_certificate:
            data = b"tls-server-end-point:" + self._server_certificate
            bindings = GssChannelBindings(application_data=data)
        # With no host name any key of the keytab serves.
        return spnego.server(
            hostname=None,  # type: ignore[arg-type] # None is how "any" is said
            service=None,  # type: ignore[arg-type]
            channel_bindings=bindings,
            protocol="kerberos" if scheme == "Kerberos" else "negotiate",
            options=spnego.NegotiateOptions.wrapping_winrm,
        )

    @staticmethod
    def _who(context: spnego.ContextProxy, scheme: str) -> LogOn:
        import spnego

        method = METHODS[scheme]
        if scheme == "Negotiate" and context.negotiated_protocol == "kerberos":
            method = "kerberos"
        forwarded = method == "kerberos" and spnego.ContextReq.delegate in context.context_attr
        return LogOn(bare(context.client_principal or ""), method, forwarded or method == "credssp")

    def open(self, body: bytes) -> bytes:
        """The plain text of an encrypted request.

        Raises:
            MessageError: no log-on, or the message is damaged.
        """
        from spnego.exceptions import SpnegoError

        if self._context is None or not self._context.complete:
            raise MessageError("encrypted, but nobody is logged on")
        parts = [one for one in _BOUNDARY.split(body) if one.strip(b"\r\n")]
        plain = []
        for head, sealed in zip(parts[::2], parts[1::2], strict=False):
            length = _LENGTH.search(head)
            data = sealed.partition(b"octet-stream\r\n")[2]
            if length is None or len(data) < 4:
                raise MessageError("no part of an encrypted message")
            (size,) = struct.unpack("<I", data[:4])
            try:
                if self._scheme == "CredSSP":
                    text = self._context.unwrap(data[4:]).data
                else:
                    text = self._context.unwrap_winrm(data[4 : 4 + size], data[4 + size :])
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
        split = self._scheme == "CredSSP" and len(body) > PIECE
        pieces = [body[at : at + PIECE] for at in range(0, len(body), PIECE)] if split else [body]
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
        multipart = "x-multi-encrypted" if split else "encrypted"
        text = f'multipart/{multipart};protocol="{kind[1]}";boundary="Encrypted Boundary"'
        return text, bytes(message)


def bare(user: str) -> str:
    r"""A name without domain, folded: of `CONTOSO\Jane`, `jane@contoso.example`."""
    return user.rpartition("\\")[2].partition("@")[0].casefold()
