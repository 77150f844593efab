"""Kerberos with a real KDC, and an unmodified pywinrm that knows the server by its address."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from winrm.exceptions import InvalidCredentialsError, WSManFaultError

from far import kdc as kdc_module
from far.endpoints import FaultyEndpoint
from far.faults import CLOCK_SKEW, TICKET_EXPIRED, kerberos_error
from far.kdc import Kdc
from mailflow.errors import UsageError
from mailflow.simulated.wsman import Job
from support import needs_kerberos, needs_kerberos_server
from winrm_client import NAME, PASSWORD, Outcome, echo, endpoint, make_tls, protocol, recorded, run

USERS = {"engineer": PASSWORD, "guest": 'a "quoted" \\ word'}


@pytest.fixture(scope="module")
def realm() -> Iterator[Kdc]:
    """A realm with one server."""
    needs_kerberos()
    needs_kerberos_server()
    with Kdc([NAME], USERS) as running:
        yield running


@pytest.fixture
def kdc(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> Kdc:
    """The realm, with the environment of both ends and without a ticket."""
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{realm.folder / 'none'}")
    return realm


@pytest.fixture
def plain() -> Iterator[FaultyEndpoint]:
    """An endpoint over HTTP."""
    with endpoint(echo) as listening:
        yield listening


def ask(listening: FaultyEndpoint, **options: Any) -> Outcome:  # noqa: ANN401 - those of pywinrm
    """One command by Kerberos, to the address of a server whose name is known nowhere."""
    chosen = {"kerberos_hostname_override": NAME, "username": None, "password": None} | options
    client = protocol(listening, "kerberos", **chosen)
    try:
        return run(client, "hostname")
    finally:
        client.transport.close_session()


def refused(listening: FaultyEndpoint, **options: Any) -> str:  # noqa: ANN401 - those of pywinrm
    """What Kerberos says on the side of the client."""
    from winrm.vendor.requests_kerberos.exceptions import KerberosExchangeError

    with pytest.raises(KerberosExchangeError) as caught:
        ask(listening, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("forwardable", "asked", "delegated"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_log_on_with_a_ticket(
    kdc: Kdc,
    plain: FaultyEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    *,
    forwardable: bool,
    asked: bool,
    delegated: bool,
) -> None:
    """The server may go on only with a forwardable ticket that the client hands over (S8.23)."""
    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("engineer", PASSWORD, forwardable=forwardable))

    outcome = ask(plain, kerberos_delegation=asked)

    assert outcome.stdout.decode().startswith(f"hostname|engineer|kerberos|{delegated}|")
    assert all(entry.encrypted for entry in plain.log if entry.action)
    assert f"HTTP/{NAME}@" in kdc.log()


def test_messages_are_not_readable_on_the_wire(kdc: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    """In all bytes of a connection neither the envelope nor what a command says is to be found."""

    def secret(job: Job) -> int:
        job.write(b" MARKER " * 3000)
        return 0

    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("engineer", PASSWORD))
    with endpoint(secret) as listening, recorded(listening) as recorder:
        outcome = ask(listening, url=f"http://127.0.0.1:{recorder.port}/wsman")

    assert b"MARKER" in outcome.stdout
    assert b"HTTP-SPNEGO-session-encrypted" in recorder.data
    assert b"MARKER" not in recorder.data
    assert b"Envelope" not in recorder.data


def test_over_https(kdc: Kdc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With TLS, which encrypts, the log-on is bound to the server's certificate."""
    tls = make_tls(tmp_path)
    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("engineer", PASSWORD))
    with endpoint(echo, tls=tls) as listening:
        assert ask(listening, ca_trust_path=str(tls.ca)).code == 3
        assert not any(entry.encrypted for entry in listening.log)


def test_no_ticket(kdc: Kdc, plain: FaultyEndpoint) -> None:
    """Without a ticket nothing is sent."""
    assert kdc.realm
    assert "No Kerberos credentials available" in refused(plain)
    assert plain.log == []


def test_expired_ticket(kdc: Kdc, plain: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that is over is noticed by the client itself (S10.46)."""
    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("engineer", PASSWORD, seconds=1))
    time.sleep(2)

    assert "Ticket expired" in refused(plain)


def test_unknown_server(kdc: Kdc, plain: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The KDC has no key for another name."""
    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("engineer", PASSWORD))
    said = refused(plain, kerberos_hostname_override="other.contoso.example")

    assert "not found in Kerberos database" in said


def test_user_without_an_account(
    kdc: Kdc, plain: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has a ticket and may not use WinRM is told so."""
    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("guest", USERS["guest"]))

    with pytest.raises(WSManFaultError) as caught:
        ask(plain)
    assert (caught.value.wsman_fault_code, plain.service.opened) == (5, 0)


@pytest.mark.parametrize("fault", ["expired-ticket", "clock-skew"])
def test_server_that_refuses_the_ticket(
    kdc: Kdc, plain: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A fault switch makes the server refuse Kerberos; other log-ons work."""
    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("engineer", PASSWORD))
    plain.faults.add(fault)

    with pytest.raises(InvalidCredentialsError):
        ask(plain)
    assert [entry.fault for entry in plain.log] == [fault]
    assert run(protocol(plain), "hostname").code == 3


@pytest.mark.parametrize(
    ("code", "words"), [(TICKET_EXPIRED, "Ticket expired"), (CLOCK_SKEW, "Clock skew too great")]
)
def test_tokens_of_refusal(
    kdc: Kdc, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    """MIT's own client reads in the token what the server means."""
    import gssapi

    monkeypatch.setenv("KRB5CCNAME", kdc.kinit("engineer", PASSWORD))
    name = gssapi.Name(f"HTTP@{NAME}", gssapi.NameType.hostbased_service)
    flags = gssapi.RequirementFlag.mutual_authentication
    context = gssapi.SecurityContext(name=name, usage="initiate", flags=flags)
    context.step()

    with pytest.raises(gssapi.exceptions.GSSError, match=words):
        context.step(kerberos_error(code, datetime.now(UTC)))


def test_wrong_password(kdc: Kdc) -> None:
    """Kerberos' own words are in the error."""
    with pytest.raises(UsageError, match="Password incorrect"):
        kdc.kinit("engineer", "wrong")


def test_nothing_is_left() -> None:
    """After the end neither the daemon runs nor its folder with all keys is there."""
    needs_kerberos_server()
    with Kdc([NAME], {}) as running:
        folder, daemon = running.folder, running._daemon
        assert daemon is not None
        assert (folder.stat().st_mode & 0o777, daemon.poll()) == (0o700, None)

    assert not folder.exists()
    assert daemon.returncode is not None
    assert (
        str(folder)
        not in subprocess.run(
            ["ps", "-eo", "args"], capture_output=True, text=True, check=True
        ).stdout
    )


@pytest.mark.parametrize("users", [{"a": "x\naddprinc -pw x root"}, {"a\nb": "x"}, {"": "x"}])
def test_names_that_kadmin_would_misread(realm: Kdc, users: dict[str, str]) -> None:
    """No name or password becomes another command of kadmin."""
    assert realm.realm
    with pytest.raises(UsageError, match="printable"):
        Kdc([NAME], users)


def test_programs_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where MIT Kerberos is not installed, the error names what to install."""
    monkeypatch.setattr(kdc_module, "_found", lambda _: None)

    with pytest.raises(UsageError, match="krb5-kdc"):
        Kdc([NAME], {})
