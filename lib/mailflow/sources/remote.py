"""How live servers are reached and signed in to, whichever road is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from mailflow.errors import UsageError
from mailflow.sources.trust import host_name

SECONDS = 180.0
"""For reading all of an organization, unless said otherwise."""

CALL_SECONDS = 60
"""For one cmdlet, unless a server was given more for all of them."""


class RemotePlace(NamedTuple):
    """Where to connect for a server: an address, and a port where it is not the usual one."""

    address: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    r"""How servers are reached and signed in to; the same for all of an organization.

    A road has a class of its own below this one, with what is usual there.

    Attributes:
        scheme: https or http.
        port: 0: the usual one of the scheme.
        user: `DOMAIN\user` or `user@domain`; empty: whoever the ticket belongs to.
        auth: kind of sign-in; the road says which there are.
        password: of the user, or of an encrypted key.
        forwards: whether the sign-in itself may go on from the server to Exchange's endpoint:
            CredSSP, or a ticket that may be forwarded.
        ca: file of authorities in PEM; empty: those this machine trusts.
        cert: client certificate in PEM, and `key` its key.
        entry: name or address of the server to enter at, as the user gave it.
        trust: what may get the credentials besides its domain: suffixes, names, addresses.
        resolve: names in lower case to where to connect; such a name is not looked up in DNS. Whom
            to trust it does not say.
        way: `session` through Exchange's endpoint (RBAC holds), or `snapin` (S8.22).
        seconds: for reading all of an organization.
        each: for one server's turn of it; 0: a third.
        call_seconds: how long one cmdlet may take there.
        open_seconds: how long it may take to sign in and open a shell.
        most_bytes: the most that is read of one answer.
    """

    usual_ports: ClassVar[Mapping[str, int]]

    scheme: str = "https"
    port: int = 0
    user: str = ""
    auth: str = "ntlm"
    password: str = field(default="", repr=False)
    forwards: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    entry: str = ""
    trust: tuple[str, ...] = ()
    resolve: Mapping[str, RemotePlace] = field(default_factory=dict)
    way: str = "session"
    seconds: float = SECONDS
    each: float = 0.0
    call_seconds: int = CALL_SECONDS
    open_seconds: float = 20.0
    most_bytes: int = 128 * 2**20

    def __post_init__(self) -> None:
        """Refuse a sign-in that lacks what it needs.

        Raises:
            UsageError: with the next action.
        """
        if self.auth in ("ntlm", "credssp", "basic") and not self.user:
            raise UsageError(f"--auth {self.auth} needs --user NAME")
        if self.auth in ("ntlm", "credssp", "basic") and not self.password:
            raise UsageError(
                f"--auth {self.auth} needs a password: --password-env NAME or --keyring ENTRY"
            )

    def place(self, server: str) -> RemotePlace | None:
        """Where `resolve` says that a server is, under its full or its short name (S4.32)."""
        wanted = host_name(server) or server.strip().rstrip(".").casefold()
        if wanted in self.resolve:
            return self.resolve[wanted]
        short = wanted.partition(".")[0]
        for name, place in self.resolve.items():
            if name.partition(".")[0] == short and "." not in (name if "." in wanted else wanted):
                return place
        return None

    @property
    def usual_port(self) -> int:
        """The port where `resolve` names none."""
        return self.port or self.usual_ports[self.scheme]
