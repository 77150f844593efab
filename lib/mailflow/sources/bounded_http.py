"""How the requests of one server's session travel: where to, verified by what, and how long.

An adapter for the `requests.Session` of pywinrm and of pypsrp. It connects where it is told and
still speaks to the server by its name (TLS, Host, and Kerberos by the URL); it ignores proxies; it
lets nothing out over plain HTTP that is not encrypted, and nothing in that answers it in the clear
(S8.80); it takes no answer that is compressed; and it ends every read at a deadline, also within a
body that comes drop by drop, and after a number of bytes.

Needs requests from end to end, so whoever uses it imports it inside a function.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_SECONDS = 10.0
"""How long one address may take to answer at all."""

_Socket = TypeVar("_Socket", bound=socket.socket)


class UnencryptedError(requests.RequestException):
    """A message was about to leave readable; a fault of ours, stopped at the last moment."""


class InTheClearError(requests.RequestException):
    """An encrypted request got an answer that is not: anybody on the way can have given it."""


class PackedError(requests.RequestException):
    """An answer came compressed: it could unfold to anything, and WinRM never does that."""


class Allowance:
    """How long and how much may be read, until it is renewed.

    Attributes:
        patience: seconds of silence after which a read fails.
        overdrawn: once something ended a read: `deadline`, `silent` (the deadline, and not one
            byte had come) or `endless`; else "".
    """

    def __init__(self, patience: float) -> None:
        """Begin with nothing to spend."""
        self.patience = patience
        self.overdrawn = ""
        self._until = 0.0
        self._bytes = 0
        self._heard = False

    def renew(self, until: float, most_bytes: int) -> None:
        """Allow reading until then, by `time.monotonic`, and so many bytes."""
        self.overdrawn, self._until, self._bytes = "", until, most_bytes
        self._heard = False

    def left(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: none.
        """
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            self.overdrawn = "deadline" if self._heard else "silent"
            raise TimeoutError("the deadline has passed")
        return seconds

    def spend(self, size: int) -> None:
        """Count bytes that were read.

        Raises:
            ConnectionAbortedError: they were more than allowed.
        """
        self._heard = True
        self._bytes -= size
        if self._bytes < 0:
            self.overdrawn = "endless"
            raise ConnectionAbortedError("the response is too large")


def bounded(kind: type[_Socket], allowance: Allowance) -> type[_Socket]:
    """A class of sockets whose every read is held to the allowance.

    A time-out of the socket alone begins anew with each byte that comes.
    """

    class Bounded(kind):  # type: ignore[valid-type,misc] # a class made for a class
        def recv_into(self, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - as in the library
            self.settimeout(min(allowance.patience, allowance.left()))
            try:
                size: int = super().recv_into(*args, **kwargs)
            except TimeoutError:
                allowance.left()  # tells a deadline from a silence
                raise
            allowance.spend(size)
            return size

    return Bounded


class HttpAdapter(HTTPAdapter):
    """Carries all requests of one session to one server.

    Attributes:
        offers: kinds of sign-in that the server offered in a 401, in lower case.
        token: what stood behind the scheme in the last 401.
    """

    def __init__(
        self,
        *,
        address: str,
        port: int,
        allowance: Allowance,
        context: ssl.SSLContext | None,
        is_readable: bool,
    ) -> None:
        """Nothing is connected yet.

        Args:
            address: where to connect; a name or an address.
            port: which port there.
            allowance: what reads are held to.
            context: how TLS is verified; None for plain HTTP.
            is_readable: whether messages may leave as they are (TLS protects them).
        """
        self.offers: set[str] = set()
        self.token = b""
        self._address, self._port, self._allowance = address, port, allowance
        self._is_readable = is_readable
        self._context = context
        if context is not None:
            context.sslsocket_class = bounded(ssl.SSLSocket, allowance)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in the library
        """Make plain connections read through the allowance too."""
        super().init_poolmanager(*args, **kwargs)
        held = bounded(socket.socket, self._allowance)

        class Connection(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                patience = self.sock.gettimeout()
                self.sock = held(fileno=self.sock.detach())
                self.sock.settimeout(patience)

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        pools = {"http": Pool, "https": HTTPSConnectionPool}
        self.poolmanager.pool_classes_by_scheme = pools

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: Any,  # noqa: ANN401 - as in the library; our own context verifies
        cert: Any = None,  # noqa: ANN401
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where to connect, and by which name the certificate is checked."""
        del verify, cert
        url = urlsplit(str(request.url))
        where = {"scheme": url.scheme, "host": self._address, "port": self._port}
        if self._context is None:
            return where, {}
        return where, {"ssl_context": self._context, "server_hostname": url.hostname}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401
        """Nothing to add: the context holds authorities and client certificate."""

    def add_headers(self, request: requests.PreparedRequest, **kwargs: Any) -> None:  # noqa: ANN401
        """Name the server as the URL does, wherever the connection leads; want nothing packed."""
        del kwargs
        request.headers["Host"] = urlsplit(str(request.url)).netloc
        request.headers["Accept-Encoding"] = "identity"

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,  # noqa: ANN401 - as in the library
        verify: Any = True,  # noqa: ANN401
        cert: Any = None,  # noqa: ANN401
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request, never by a proxy, never readable on plain HTTP, within the allowance.

        The libraries above take an answer in the clear to an encrypted request for the server's
        own (S8.80), whatever its status: here it ends, before any of them reads it.

        Raises:
            requests.RequestException: whatever goes wrong.
        """
        del timeout, proxies
        kind = str(request.headers.get("Content-Type", ""))
        if request.body and not self._is_readable and not kind.startswith("multipart/"):
            raise UnencryptedError("a message was about to leave unencrypted", request=request)
        try:
            left = self._allowance.left()
        except TimeoutError as error:
            raise requests.ReadTimeout(str(error), request=request) from error
        limits = (min(CONNECT_SECONDS, left), min(self._allowance.patience, left))
        answer = super().send(request, stream, limits, verify, cert, {})
        if request.body and not _is_sealed_like(kind, str(answer.headers.get("Content-Type", ""))):
            answer.close()
            raise InTheClearError(f"HTTP {answer.status_code}", request=request)
        packed = str(answer.headers.get("Content-Encoding", "")).strip().casefold()
        if packed not in ("", "identity"):
            answer.close()  # nothing of its body was read
            raise PackedError(f"HTTP {answer.status_code}", request=request)
        if answer.status_code == requests.codes.unauthorized:
            self._note(answer.headers.get("WWW-Authenticate", ""))
        return answer

    def _note(self, offered: str) -> None:
        for offer in offered.split(","):
            scheme, _, value = offer.strip().partition(" ")
            if scheme:
                self.offers.add(scheme.casefold())
            with contextlib.suppress(binascii.Error):
                self.token = base64.b64decode(value, validate=True) or self.token


def _is_sealed_like(asked: str, answered: str) -> bool:
    """Whether an answer is encrypted as its request was, by the two content types.

    The test by which pywinrm decides to decrypt is part of it: what it would not decrypt it would
    take as it stands.
    """
    if not asked.startswith("multipart/"):
        return True
    protocol = re.search(r'protocol="[^"]+"', asked)
    return protocol is not None and answered.startswith("multipart/") and protocol[0] in answered


def tls_context(ca: str = "", cert: str = "", key: str = "", password: str = "") -> ssl.SSLContext:
    """How a server is verified: by one file of authorities, or by those this machine trusts.

    Environment variables of requests (REQUESTS_CA_BUNDLE) have no say.

    Args:
        ca: file with authorities in PEM, taken alone; empty: the machine's.
        cert: client certificate in PEM.
        key: its key.
        password: of the key; an encrypted key without it fails instead of asking.

    Raises:
        OSError: a file cannot be read, or does not hold what it should (ssl.SSLError).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
        if not (context.cert_store_stats()["x509_ca"] or ssl.get_default_verify_paths().capath):
            context.load_verify_locations(certifi.where())
    if cert:
        context.load_cert_chain(cert, key or None, password=password)
    return context
