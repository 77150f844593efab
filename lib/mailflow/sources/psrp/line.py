"""One connection to an endpoint, by pypsrp's WS-Management over our bounded HTTP.

pypsrp asks again where an answer was lost on its way, and loses what stood in it without a word:
this asks once. It takes answers in the clear and follows redirects: our adapter refuses both.

Needs pypsrp from end to end, so whoever uses it imports it inside a function.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from pypsrp.powershell import RunspacePoolWarning
from pypsrp.wsman import NAMESPACES, OptionSet, SelectorSet, WSMan, WSManAction

from mailflow.sources.bounded_http import Allowance, HttpAdapter, tls_context
from mailflow.sources.psrp.options import PATH, ExchangeOptions
from mailflow.sources.remote import RemotePlace

if TYPE_CHECKING:
    from requests import Session

# It logs tracebacks of what is told here as a fault.
logging.getLogger("pypsrp").addHandler(logging.NullHandler())
# With this it would print what a server says while a session is opened, as it stands.
warnings.filterwarnings("ignore", category=RunspacePoolWarning)

PATIENCE = 30.0
"""Seconds of silence after which a read fails; the server is asked to answer within 20."""


class Line(WSMan):
    """A connection, signed in by its first request.

    Attributes:
        allowance: what reads are held to; renew it before each use.
        adapter: carries the requests, and knows what the server offered.
    """

    def __init__(self, server: str, target: ExchangeOptions) -> None:
        """Nothing is connected yet.

        Raises:
            OSError: a file of `--ca` cannot be read.
        """
        user, password = names_for(target)
        port = target.usual_port
        super().__init__(
            server,
            port=port,
            username=user,  # type: ignore[arg-type] # bytes are passed on as they are
            password=password,  # type: ignore[arg-type] # the same
            ssl=target.scheme == "https",
            path=PATH,
            auth=target.auth,
            no_proxy=True,
            negotiate_service="HTTP",
        )
        place = target.place(server) or RemotePlace(server)
        is_tls = target.scheme == "https"
        self.allowance = Allowance(PATIENCE)
        self.adapter = HttpAdapter(
            address=place.address,
            port=place.port or port,
            allowance=self.allowance,
            context=tls_context(target.ca) if is_tls else None,
            is_readable=is_tls,
        )
        self.transport.session = self._session()

    def receive(
        self,
        resource_uri: str,
        resource: Element,
        option_set: OptionSet | None = None,
        selector_set: SelectorSet | None = None,
        timeout: int | None = None,
    ) -> Element:
        """Ask for output, once."""
        answer = self.invoke(
            WSManAction.RECEIVE, resource_uri, resource, option_set, selector_set, timeout
        )
        body = answer.find("s:Body", namespaces=NAMESPACES)
        if body is None:
            raise ValueError("a response without a body")
        return body

    def hang_up(self) -> None:
        """Close the connection; nothing is said on it."""
        self.close()

    def _session(self) -> Session:
        session: Session = self.transport._build_session()  # noqa: SLF001 - no other way to it
        session.trust_env = False
        session.max_redirects = 0
        session.proxies = {}
        session.mount("http://", self.adapter)
        session.mount("https://", self.adapter)
        return session


def names_for(target: ExchangeOptions) -> tuple[str | bytes | None, str | bytes | None]:
    r"""User and password as pypsrp takes them.

    Kerberos wants a principal, its realm in capitals; the name in `DOMAIN\user` is one of this
    machine's realm, and without a password the ticket decides. For Basic, requests writes text as
    Latin-1; what that cannot hold goes as UTF-8.
    """
    user, password = target.user, target.password
    if target.auth == "kerberos":
        name, at, realm = user.partition("@")
        if at:
            return f"{name}@{realm.upper()}", password or None
        return (user.rpartition("\\")[2], password) if password else (None, None)
    if target.auth == "basic":
        try:
            f"{user}{password}".encode("latin-1")
        except UnicodeEncodeError:
            return user.encode(), password.encode()
    return user or None, password or None
