"""A real Kerberos realm for the practice organisation: MIT's KDC in a private folder.

It needs Debian's packages krb5-kdc and krb5-admin-server (for `kadmin.local`) and krb5-user, and no
root: everything lies in one folder that is removed at the end, and the KDC listens on loopback.
Both ends find the realm by environment variables (`Kdc.environment`); names need not resolve, since
a client that connects to an address can say whose ticket it wants (S10.47).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailflow.errors import UsageError
from mailflow.simulated.running import Running

REALM = "CONTOSO.EXAMPLE"
PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
SERVICES = ("HTTP", "host", "WSMAN")
"""What clients ask tickets for: pywinrm HTTP, others host or WSMAN."""

_START_SECONDS, _STOP_SECONDS = 10.0, 5.0


def missing_programs() -> tuple[str, ...]:
    """Which of the programs a KDC is made of are not installed."""
    return tuple(name for name in PROGRAMS if _found(name) is None)


class Kdc(Running):
    """A realm with its users and hosts, as a context manager."""

    def __init__(self, hosts: Sequence[str], users: Mapping[str, str], realm: str = REALM) -> None:
        """Make the database; `start` runs the daemon.

        Args:
            hosts: full names of the servers, each with a key for every one of `SERVICES`.
            users: name without realm to password.
            realm: in capitals.

        Raises:
            UsageError: the programs of MIT Kerberos are not installed, or refused.
        """
        if missing := missing_programs():
            raise UsageError(
                f"no Kerberos here: {', '.join(missing)} not found (Debian's packages krb5-kdc, "
                "krb5-admin-server and krb5-user)"
            )
        self.realm = realm
        self.folder = Path(tempfile.mkdtemp(prefix="mailflow-kdc-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._port = _free_port()
        self._daemon: subprocess.Popen[bytes] | None = None
        self._caches = 0
        self._configure(hosts)
        self._fill(hosts, users)

    @property
    def environment(self) -> Mapping[str, str]:
        """What both ends need in their environment; a client KRB5CCNAME (`kinit`) as well."""
        return {
            "KRB5_CONFIG": str(self.folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "KRB5_KTNAME": f"FILE:{self._keytab}",
            "KRB5RCACHENAME": f"file2:{self.folder / 'replay'}",
        }

    def start(self) -> None:
        """Run the daemon until `stop`.

        Raises:
            UsageError: it does not come up; its log is in the message.
        """
        self._daemon = subprocess.Popen(
            [str(_found("krb5kdc")), "-n"],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + _START_SECONDS
        while self._daemon.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            time.sleep(0.02)
        self.stop()
        raise UsageError("the KDC did not start")

    def stop(self) -> None:
        """End the daemon and remove the folder with all keys and tickets."""
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
            self._daemon = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def kinit(
        self, user: str, password: str, *, forwardable: bool = True, seconds: int = 3600
    ) -> str:
        """Log a user on; the credential cache with the ticket, for KRB5CCNAME.

        Args:
            user: name without realm.
            password: of the user.
            forwardable: whether a server may be given the ticket to go on with (S8.23).
            seconds: how long the ticket is good for.

        Raises:
            UsageError: Kerberos refused; its own words are in the message.
        """
        self._caches += 1
        cache = f"FILE:{self.folder / f'cache-{self._caches}'}"
        flag = "-f" if forwardable else "-F"
        self._run(
            "kinit", "-c", cache, flag, "-l", f"{seconds}s", f"{user}@{self.realm}", text=password
        )
        return cache

    def log(self) -> str:
        """What the KDC logged: who asked for which ticket."""
        path = self.folder / "kdc.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def _keytab(self) -> Path:
        return self.folder / "keytab"

    def _configure(self, hosts: Sequence[str]) -> None:
        domains = {"localhost", *(host.partition(".")[2] for host in hosts)} - {""}
        mapped = "\n".join(
            f"    {one} = {self.realm}\n    .{one} = {self.realm}" for one in sorted(domains)
        )
        (self.folder / "krb5.conf").write_text(
            f"""\
[libdefaults]
    default_realm = {self.realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
    default_keytab_name = FILE:{self._keytab}
[realms]
    {self.realm} = {{
        kdc = 127.0.0.1:{self._port}
    }}
[domain_realm]
{mapped}
""",
            "utf-8",
        )
        (self.folder / "kdc.conf").write_text(
            f"""\
[kdcdefaults]
    kdc_listen = 127.0.0.1:{self._port}
    kdc_tcp_listen = 127.0.0.1:{self._port}
[realms]
    {self.realm} = {{
        database_name = {self.folder}/principal
        key_stash_file = {self.folder}/stash
        acl_file = {self.folder}/acl
        max_life = 10h
        supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
    }}
[logging]
    kdc = FILE:{self.folder}/kdc.log
""",
            "utf-8",
        )

    def _fill(self, hosts: Sequence[str], users: Mapping[str, str]) -> None:
        # The database is as short-lived as its folder: nobody needs its password again.
        master = secrets.token_urlsafe(16)
        self._run("kdb5_util", "create", "-s", "-r", self.realm, text=f"{master}\n{master}")
        lines = []
        for user, password in users.items():
            if not (user.isprintable() and password.isprintable() and user):
                raise UsageError("kadmin takes names and passwords of printable characters only")
            # kadmin's own rule: a quotation mark inside quotation marks is written twice.
            quoted = [one.replace('"', '""') for one in (password, user)]
            lines.append('addprinc -pw "{}" "{}"'.format(*quoted))
        for host in hosts:
            for service in SERVICES:
                lines += [
                    f"addprinc -randkey {service}/{host}",
                    f"ktadd -k {self._keytab} {service}/{host}",
                ]
        self._run("kadmin.local", "-r", self.realm, text="\n".join(lines))

    def _run(self, program: str, *arguments: str, text: str) -> None:
        """Run a program with a text on its standard input, where no process list shows it."""
        done = subprocess.run(
            [str(_found(program)), *arguments],
            env={**os.environ, **self.environment, "LC_ALL": "C.UTF-8"},
            input=f"{text}\n".encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            words = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise UsageError(f"{program}: {words}")


def _found(program: str) -> str | None:
    """Where a program is; Debian keeps the daemons where not everybody's PATH leads."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
