"""All servers of a simulated organization, listening on loopback, and how a client reaches them.

    with serve(Practice.begin("article")) as endpoints:
        print(endpoints.source, endpoints.args, endpoints.env)

Each server has an address of its own, 127.0.1.N, and all have the same port, as on a network: a
client that was told the port of one asks the others there too.
"""

from __future__ import annotations

import errno
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

from mailflow.simulated.authentication import Accounts, bare
from mailflow.simulated.doors import Session
from mailflow.simulated.endpoint import ListeningPlace, PracticeEndpoint, Silence
from mailflow.simulated.organisation import Account, PracticeServer
from mailflow.simulated.practice import Practice
from mailflow.simulated.runner import Entrance, PythonRunner, has_endpoint
from mailflow.simulated.running import Running
from mailflow.simulated.shell_endpoint import ShellService
from mailflow.simulated.smtp import PracticeSmtp
from mailflow.simulated.tls import Authority
from mailflow.simulated.wsman import Runner
from mailflow.sources.credentials import LiveOptions

PASSWORD = "MAILFLOW_PRACTICE_PASSWORD"  # noqa: S105 - the name of a variable
"""Environment variable in which a client is told the password."""

ENGINEER = Account("CONTOSO\\engineer", frozenset({"Organization Management"}))
COLLECTOR = Account("CONTOSO\\collector", frozenset({"View-Only Organization Management"}))
"""Who may sign in besides the accounts of the scenario."""

_TRIES = 20


class Endpoints(Running):
    """The endpoints of one practice. Start it, or use it as a context manager."""

    def __init__(
        self,
        practice: Practice,
        *,
        https: bool = False,
        passwords: Mapping[str, str] | None = None,
    ) -> None:
        """Bind all addresses; nothing is answered before `start`.

        Args:
            practice: whose servers these are.
            https: with TLS, by certificates of an authority of its own.
            passwords: bare name of an account to its password; the others get one by chance.

        Raises:
            OSError: no port is free on all addresses.
        """
        self.practice = practice
        people = (ENGINEER, COLLECTOR, *practice.organisation.accounts.values())
        self._people = {bare(account.name): account for account in people}
        given = {bare(name): password for name, password in (passwords or {}).items()}
        self.passwords: Mapping[str, str] = {
            name: given.get(name, secrets.token_urlsafe(12)) for name in self._people
        }
        self.accounts = Accounts(self.passwords)
        servers = practice.organisation.servers
        self.smtp = PracticeSmtp(practice)
        self.entrance = Entrance(
            [server.exchange for server in servers], self.accounts, self._session, self.smtp
        )
        self.addresses: Mapping[str, str] = {
            server.name: f"127.0.1.{number}" for number, server in enumerate(servers, start=1)
        }
        self._folder = Path(tempfile.mkdtemp(prefix="mailflow-practice-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self.authority = Authority() if https else None
        if self.authority is not None:
            self.authority.write(self.ca)
        self.runner = self.new_runner()
        self.all = self._bound()

    @property
    def ca(self) -> Path:
        """The file with the authority's certificate, with https."""
        return self._folder / "ca.pem"

    @property
    def source(self) -> str:
        """What a client takes as SOURCE: the server of the practice to enter at, over WinRM."""
        return self.sources["winrm"]

    @property
    def sources(self) -> Mapping[str, str]:
        """The same for each road: `exchange` and `winrm`, on the same port."""
        entry = self.practice.organisation.server(self.practice.entry)
        name = entry.exchange.fqdn if entry else self.practice.entry
        schemes = ("exchange+https", "winrm") if self.authority else ("exchange", "winrm+http")
        roads = dict(zip(("exchange", "winrm"), schemes, strict=True))
        return {road: f"{scheme}://{name}:{self.port}" for road, scheme in roads.items()}

    @property
    def options(self) -> LiveOptions:
        """The sign-in options that go with the source: who signs in, and where each name leads."""
        return LiveOptions(
            user=ENGINEER.name,
            auth="ntlm",
            ca=str(self.ca) if self.authority else "",
            password_env=PASSWORD,
            resolve=tuple(
                f"{server.exchange.fqdn}={self.addresses[server.name]}:{self.port}"
                for server in self.practice.organisation.servers
            ),
        )

    @property
    def args(self) -> list[str]:
        """The same options as a command line has them."""
        return self.options.to_arguments()

    @property
    def env(self) -> dict[str, str]:
        """What has to be in the environment of a client."""
        return {PASSWORD: self.passwords[bare(ENGINEER.name)]}

    @property
    def port(self) -> int:
        """The port of all servers."""
        return self.all[0].port

    def __getitem__(self, name: str) -> PracticeEndpoint:
        """The endpoint of a server, by its short or full name; KeyError: nothing listens there."""
        server = self.practice.organisation.server(name)
        found = (
            practice_endpoint
            for practice_endpoint in self.all
            if server and practice_endpoint.server == server.name
        )
        endpoint = next(found, None)
        if endpoint is None:
            raise KeyError(name)
        return endpoint

    def start(self) -> None:
        """Begin to answer."""
        for endpoint in self.all:
            endpoint.start()

    def stop(self) -> None:
        """Stop answering, and leave no thread, process or file."""
        for endpoint in self.all:
            endpoint.stopping.set()
        for endpoint in self.all:
            endpoint.stop()
        self.smtp.close()
        self.accounts.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _session(self, server: str, user: str | None) -> Session | None:
        """Exchange's session for an account; without one: the snap-in's."""
        if user is None:
            return Session(self.practice, server)
        account = self._people.get(user)
        if account is None or not account.role_groups:
            return None
        return Session(self.practice, server, account)

    def _bound(self) -> list[PracticeEndpoint]:
        """An endpoint for each server that listens, on one port for all."""
        for _ in range(_TRIES):
            bound: list[PracticeEndpoint] = []
            try:
                for server in self.practice.organisation.servers:
                    if server.shell and server.network != "refuses":
                        bound.append(self._endpoint(server, bound[0].port if bound else 0))
            except OSError as error:
                for endpoint in bound:
                    endpoint.stop()
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return bound
        raise OSError(errno.EADDRINUSE, "no port is free on all addresses")

    def _endpoint(self, server: PracticeServer, port: int) -> PracticeEndpoint:
        address = self.addresses[server.name]
        tls = self.authority.server(server.exchange.fqdn, address) if self.authority else None
        is_silent = server.network == "silent"
        made = self.new_endpoint(server.name, ListeningPlace(address, port, tls), silent=is_silent)
        if has_endpoint(server.exchange):
            made.shells = self.new_shells(server.name)
        return made

    def new_runner(self) -> Runner:
        """What executes command lines."""
        return PythonRunner(self.entrance)

    def new_shells(self, name: str) -> ShellService:
        """Exchange's own endpoint of a server."""
        return ShellService(name, self.entrance)

    def new_endpoint(self, name: str, place: ListeningPlace, *, silent: bool) -> PracticeEndpoint:
        """The endpoint of a server; a silent one takes connections and never answers."""
        made = PracticeEndpoint(name, self.runner, self.accounts, place=place)
        if silent:
            made.interference = Silence()
        return made


def serve(practice: Practice, *, https: bool = False) -> Endpoints:
    """The endpoints of a practice, as a context manager."""
    return Endpoints(practice, https=https)
