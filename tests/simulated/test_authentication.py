"""Log-on of one connection: schemes, hostile tokens, encrypted messages."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
import spnego
from hypothesis import given
from hypothesis import strategies as st

from far.log_ons import MUTUAL, SCHEMES, AnyLogOn
from mailflow.simulated.authentication import STORE, Accounts, MessageError, bare
from mailflow.simulated.shell_host import LogOn
from winrm_client import PASSWORD

ACCOUNTS = Accounts({"engineer": PASSWORD, "CONTOSO\\Collector": "second"})


def basic(user: bytes, password: bytes) -> str:
    """A header of Basic."""
    return "Basic " + base64.b64encode(user + b":" + password).decode()


def logged_on(
    accounts: Accounts = ACCOUNTS, user: str = "CONTOSO\\engineer", word: str = PASSWORD
) -> tuple[AnyLogOn, spnego.ContextProxy]:
    """A connection after a log-on by NTLM, and the context of the client."""
    connection = AnyLogOn(accounts)
    client = spnego.client(
        user, word, protocol="ntlm", options=spnego.NegotiateOptions.wrapping_winrm
    )
    token = client.step()
    outcome = connection.authenticate(f"Negotiate {base64.b64encode(token or b'').decode()}")
    challenge = base64.b64decode(outcome.headers[0].partition(" ")[2])
    answer = client.step(challenge) or b""
    connection.authenticate(f"Negotiate {base64.b64encode(answer).decode()}")
    return connection, client


def through(connection: AnyLogOn, word: str) -> spnego.ContextProxy | None:
    """The context of a client after a log-on by CredSSP; None: it was refused."""
    client = spnego.client("CONTOSO\\engineer", word, protocol="credssp")
    token = client.step()
    connection.authenticate(None)
    try:
        while True:
            outcome = connection.authenticate(f"CredSSP {base64.b64encode(token or b'').decode()}")
            if outcome.logon:
                return client
            if outcome.headers == SCHEMES:
                return None
            token = client.step(base64.b64decode(outcome.headers[0].partition(" ")[2]))
    except spnego.exceptions.SpnegoError:
        return None


def sealed(client: spnego.ContextProxy, text: bytes) -> bytes:
    """A message as pywinrm encrypts it (S10.44)."""
    wrapped = client.wrap_winrm(text)
    return (
        b"--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
        b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length="
        + str(len(text)).encode()
        + b"\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
        + len(wrapped.header).to_bytes(4, "little")
        + wrapped.header
        + wrapped.data
        + b"--Encrypted Boundary--\r\n"
    )


def test_nobody_is_let_in_without_a_header() -> None:
    """Without Authorization the answer is the offer; a certificate is never offered."""
    outcome = AnyLogOn(ACCOUNTS).authenticate(None)

    assert outcome.logon is None
    assert outcome.headers == SCHEMES


@pytest.mark.parametrize("user", [b"engineer", b"CONTOSO\\Engineer", b"ENGINEER@contoso.example"])
@pytest.mark.parametrize("password", [PASSWORD.encode(), PASSWORD.encode("latin-1", "replace")])
def test_basic(user: bytes, password: bytes) -> None:
    """Each spelling of the name is one account, in UTF-8 and as requests sends it (S10.42)."""
    outcome = AnyLogOn(ACCOUNTS).authenticate(basic(user, password))

    assert outcome.logon == LogOn("engineer", "basic", delegated=True)


def test_basic_comes_with_every_request() -> None:
    """What Basic proved for one request counts for no other."""
    connection = AnyLogOn(ACCOUNTS)
    connection.authenticate(basic(b"engineer", PASSWORD.encode()))

    assert connection.authenticate(None).logon is None


@pytest.mark.parametrize(
    "header",
    [
        basic(b"engineer", b"wrong"),
        basic(b"engineer", b""),
        basic(b"nobody", PASSWORD.encode()),
        basic(b"\xff", b"\xff"),
        "Basic ???",
        "Basic",
        "Digest eA==",
        MUTUAL,
    ],
)
def test_refused(header: str) -> None:
    """A wrong name or password, a scheme not offered and no base64 end in the whole offer."""
    outcome = AnyLogOn(ACCOUNTS).authenticate(header)

    assert outcome.logon is None
    assert outcome.headers == SCHEMES
    assert outcome.why


def test_only_what_is_offered() -> None:
    """A right password by a scheme that this server does not offer is refused."""
    outcome = AnyLogOn(ACCOUNTS, offer=["Negotiate"]).authenticate(
        basic(b"engineer", PASSWORD.encode())
    )

    assert (outcome.logon, outcome.headers) == (None, ("Negotiate",))


@pytest.mark.parametrize(
    ("name", "user"), [("engineer", "engineer"), ("Engineer", "engineer"), ("nobody", ""), ("", "")]
)
def test_certificate(name: str, user: str) -> None:
    """The name that TLS found in the certificate must be an account; it cannot go on (S8.23)."""
    outcome = AnyLogOn(ACCOUNTS, certificate_user=name).authenticate(MUTUAL)

    assert (LogOn(user, "certificate") if user else None) == outcome.logon


@pytest.mark.parametrize("user", ["CONTOSO\\engineer", "engineer", "engineer@contoso.example"])
def test_ntlm_proves_the_connection(user: str) -> None:
    """After the last token requests need no header, until the connection forgets."""
    connection, _ = logged_on(user=user)

    assert connection.authenticate(None).logon == LogOn("engineer", "ntlm")
    connection.forget()
    assert connection.authenticate(None).logon is None


def test_ntlm_with_a_wrong_password() -> None:
    """Nobody is logged on, and the next try begins anew."""
    connection, _ = logged_on(word="wrong")

    assert connection.authenticate(None).logon is None


def test_credssp_after_a_wrong_password() -> None:
    """A log-on that was refused does not spoil the next one on the same connection."""
    connection = AnyLogOn(ACCOUNTS)

    assert through(connection, "wrong") is None
    assert through(connection, PASSWORD) is not None
    assert connection.authenticate(None).logon == LogOn("engineer", "credssp", delegated=True)


def test_credssp_splits_what_is_large() -> None:
    """Above 16,384 bytes the message has several parts, and says so (S10.45)."""
    connection = AnyLogOn(ACCOUNTS)
    client = through(connection, PASSWORD)
    assert client is not None
    kind = 'multipart/encrypted;protocol="application/HTTP-CredSSP-session-encrypted";boundary="x"'

    small, _ = connection.seal(kind, b"x" * 16_384)
    large, message = connection.seal(kind, b"x" * 40_000)

    assert small.startswith("multipart/encrypted;")
    assert large.startswith("multipart/x-multi-encrypted;")
    assert message.count(b"octet-stream") == 3


def test_each_practice_has_its_own_accounts() -> None:
    """The same name has one password here and another there, at the same time."""
    other = Accounts({"engineer": "other"})

    assert logged_on(other, word="other")[0].authenticate(None).logon
    assert logged_on()[0].authenticate(None).logon
    assert logged_on(other)[0].authenticate(None).logon is None


def test_accounts_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is for this user alone and there for a moment; the environment is as before."""
    monkeypatch.setenv(STORE, "before")
    accounts = Accounts({"anna": "x"})
    with accounts.in_turn():
        file = Path(os.environ[STORE])
        mode, text = file.parent.stat().st_mode & 0o777, file.read_text("utf-8")

    assert (mode, file.parent.exists(), os.environ[STORE]) == (0o700, False, "before")
    assert text.splitlines() == ["CONTOSO:anna:x", ":anna:x", ":anna@contoso.example:x"]


def test_environment_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was not set it is not set afterwards."""
    monkeypatch.delenv(STORE, raising=False)
    with ACCOUNTS.in_turn():
        assert STORE in os.environ

    assert STORE not in os.environ


def test_closed_accounts_let_nobody_in() -> None:
    """After the end no password is known any more, by whatever way to log on."""
    accounts = Accounts({"engineer": PASSWORD})
    accounts.close()
    connection, _ = logged_on(accounts)

    assert connection.authenticate(None).logon is None
    assert connection.authenticate(basic(b"engineer", PASSWORD.encode())).logon is None


@pytest.mark.parametrize(("user", "password"), [("a:b", "x"), ("a", "x:y"), ("a", "x\n:b:")])
def test_accounts_that_the_file_cannot_hold(user: str, password: str) -> None:
    """A colon or a line end would make another account of it."""
    with pytest.raises(ValueError, match="no colon"):
        Accounts({user: password})


@given(st.sampled_from(["Negotiate", "Kerberos", "CredSSP", "Basic"]), st.binary(max_size=300))
def test_hostile_tokens(scheme: str, token: bytes) -> None:
    """Whatever a token holds, it ends in 401 and in nothing else."""
    outcome = AnyLogOn(ACCOUNTS).authenticate(f"{scheme} {base64.b64encode(token).decode()}")

    assert outcome.logon is None
    assert outcome.headers


@given(st.binary(min_size=1, max_size=300))
def test_hostile_last_token(token: bytes) -> None:
    """The same where the log-on has begun well."""
    connection = AnyLogOn(ACCOUNTS)
    first = spnego.client("engineer", PASSWORD, protocol="ntlm").step() or b""
    connection.authenticate(f"Negotiate {base64.b64encode(first).decode()}")
    header = b"NTLMSSP\0\x03\0\0\0" + token

    outcome = connection.authenticate(f"Negotiate {base64.b64encode(header).decode()}")

    assert outcome.logon is None


def test_messages_are_opened_and_sealed() -> None:
    """What one end encrypts the other opens, in both directions."""
    connection, client = logged_on()
    kind = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="x"'

    assert connection.open(sealed(client, b"hello")) == b"hello"
    answered, message = connection.seal(kind, b"world")
    assert answered.startswith('multipart/encrypted;protocol="application/HTTP-SPNEGO-session')
    data = message.partition(b"octet-stream\r\n")[2]
    size = int.from_bytes(data[:4], "little")
    rest = data[4 + size :].removesuffix(b"--Encrypted Boundary--\r\n")
    assert client.unwrap_winrm(data[4 : 4 + size], rest) == b"world"
    assert b"world" not in message


def test_boundary_with_a_blank() -> None:
    """Other clients write a blank behind the dashes (S10.44)."""
    connection, client = logged_on()
    message = sealed(client, b"hello").replace(b"--Encrypted", b"-- Encrypted")

    assert connection.open(message) == b"hello"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda message: message[:-40],
        lambda message: message.replace(b"Length=5", b"Length=6"),
        lambda message: message.replace(b"Length=5", b""),
        lambda message: message.replace(b"octet-stream\r\n", b"octet-stream\r\n\xff\xff\xff\xff"),
        lambda message: bytearray(message[:-30]) + bytes([message[-30] ^ 1]) + message[-29:],
        lambda _: b"",
        lambda _: b"--Encrypted Boundary\r\n",
    ],
)
def test_damaged_messages(spoil: object) -> None:
    """A message that is not what was encrypted is refused."""
    connection, client = logged_on()
    assert callable(spoil)

    with pytest.raises(MessageError):
        connection.open(bytes(spoil(sealed(client, b"hello"))))


def test_encrypted_without_a_log_on() -> None:
    """There is nothing to decrypt with, and nothing to encrypt with."""
    connection = AnyLogOn(ACCOUNTS)

    with pytest.raises(MessageError):
        connection.open(b"--Encrypted Boundary\r\n")
    with pytest.raises(MessageError):
        connection.seal('protocol="x"', b"")


@pytest.mark.parametrize("text", ["CONTOSO\\Jane", "jane@contoso.example", "JANE", "jane"])
def test_bare_names(text: str) -> None:
    """Domain, suffix and case do not count."""
    assert bare(text) == "jane"
