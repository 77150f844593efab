"""The sign-ins that only tests need: Basic, Kerberos, CredSSP and a client's certificate."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from mailflow.simulated.authentication import Accounts, LogOnConnection, LogOnOutcome, bare
from mailflow.simulated.shell_host import LogOn

if TYPE_CHECKING:
    import spnego

SCHEMES = ("Negotiate", "Kerberos", "CredSSP", "Basic")
"""What is offered unless asked otherwise. A certificate is never offered: the client brings it."""

MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
"""Value of the Authorization header of a client that signs in with its certificate."""

METHODS = MappingProxyType({"Negotiate": "ntlm", "Kerberos": "kerberos", "CredSSP": "credssp"})
PIECE = 16_384
"""Bytes of plain text in one part of a CredSSP message."""


class AnyLogOn(LogOnConnection):
    """The sign-in of one TCP connection, by whatever scheme is offered."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        offer: Sequence[str] = SCHEMES,
        certificate_user: str = "",
        server_certificate: bytes = b"",
    ) -> None:
        """Nobody is signed in.

        Args:
            accounts: who may sign in.
            offer: schemes of WWW-Authenticate.
            certificate_user: name in the client's certificate, which TLS has checked.
            server_certificate: SHA-256 of the server's certificate, to which a sign-in is bound;
                empty without TLS.
        """
        super().__init__(accounts, offer=offer, server_certificate=server_certificate)
        self._certificate_user = certificate_user

    def authenticate(self, header: str | None) -> LogOnOutcome:
        """Look at the Authorization header of a request, and go one step on."""
        return self._certificate() if header == MUTUAL else super().authenticate(header)

    def step(self, scheme: str, token: bytes) -> LogOnOutcome:
        """One round of a scheme."""
        return self._basic(token) if scheme == "Basic" else super().step(scheme, token)

    def new_context(self, scheme: str) -> spnego.ContextProxy:
        """The server side of a scheme, at its beginning."""
        import spnego

        if scheme == "CredSSP":
            return spnego.server(protocol="credssp")
        return self.server_side("kerberos" if scheme == "Kerberos" else "negotiate")

    def who(self, context: spnego.ContextProxy, scheme: str) -> LogOn:
        """Whom a complete sign-in names, and whether it may go on to another server."""
        import spnego

        method = METHODS[scheme]
        if scheme == "Negotiate" and context.negotiated_protocol == "kerberos":
            method = "kerberos"
        forwarded = method == "kerberos" and spnego.ContextReq.delegate in context.context_attr
        return LogOn(bare(context.client_principal or ""), method, forwarded or method == "credssp")

    def unwrapped(self, header: bytes, sealed: bytes) -> bytes:
        """The plain text of one part of a message; with CredSSP the header is part of it."""
        if self._scheme != "CredSSP":
            return super().unwrapped(header, sealed)
        assert self._context is not None
        return self._context.unwrap(header + sealed).data

    def pieces(self, body: bytes) -> list[bytes]:
        """The parts that a body is sealed in."""
        if self._scheme != "CredSSP" or len(body) <= PIECE:
            return super().pieces(body)
        return [body[at : at + PIECE] for at in range(0, len(body), PIECE)]

    def _certificate(self) -> LogOnOutcome:
        user = bare(self._certificate_user)
        if not user or not self.accounts.knows(user):
            return self.refused("no certificate, or of nobody known")
        return LogOnOutcome(LogOn(user, "certificate"))

    def _basic(self, token: bytes) -> LogOnOutcome:
        name, _, password = token.partition(b":")
        try:
            user = name.decode()
        except UnicodeDecodeError:
            user = name.decode("latin-1")
        if not self.accounts.holds(user, password):
            return self.refused("wrong name or password")
        return LogOnOutcome(LogOn(bare(user), "basic", delegated=True))
