"""Log-on options, and where a password comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from far import kdc
from far.side import PASSWORD, USER
from mailflow.errors import UsageError
from mailflow.simulated.tls import Authority
from mailflow.sources import credentials
from mailflow.sources.credentials import (
    LiveOptions,
    Ticket,
    find_ticket,
    handed_over,
    parse_resolve,
    prompt,
    target,
)
from mailflow.sources.psrp.options import ExchangeOptions
from mailflow.sources.remote import RemotePlace
from mailflow.sources.winrm.options import WinrmOptions
from support import needs_kerberos, needs_kerberos_server

WORDS = st.text("abcXYZ019._-/", max_size=8)
RESOLVED = st.lists(
    st.tuples(st.from_regex(r"[a-z]{1,5}\.example", fullmatch=True), st.ip_addresses()), max_size=3
)
OPTIONS = st.builds(
    LiveOptions,
    *[WORDS] * 7,
    resolve=RESOLVED.map(lambda pairs: tuple(f"{name}=[{where}]" for name, where in pairs)),
    trust=st.lists(st.from_regex(r"[a-z]{1,5}\.example", fullmatch=True), unique=True).map(tuple),
    seconds=st.sampled_from(["", "30"]),
    seconds_per_server=st.sampled_from(["", "12.5"]),
)
NONE: Callable[[], Ticket | None] = lambda: None  # noqa: E731 - with its type
VALID = Ticket("anna@CONTOSO.EXAMPLE", datetime.now(UTC) + timedelta(hours=1), forwardable=True)


def logged_on(options: LiveOptions, **more: object) -> WinrmOptions:
    """What the options give, with neither ticket nor anybody to ask unless said."""
    return target(options, **{"environ": {}, "ticket": NONE, **more})  # type: ignore[arg-type]


# -- Options ---------------------------------------------------------------------------------------


@given(OPTIONS)
def test_options_come_through_the_environment(options: LiveOptions) -> None:
    """A notebook reads what the command line said, and no password is among it."""
    found = options.to_environment()

    assert LiveOptions.from_environment(found) == options
    assert all(name.startswith("MAILFLOW_") and text for name, text in found.items())


@given(OPTIONS, OPTIONS)
def test_the_command_line_goes_first(given_: LiveOptions, environment: LiveOptions) -> None:
    """Each option that it says; of `--resolve` and `--trust` both count."""
    found = given_.over(environment)

    assert found.user == (given_.user or environment.user)
    assert found.auth == (given_.auth or environment.auth)
    assert set(found.resolve) == {*given_.resolve, *environment.resolve}
    assert set(found.trust) == {*given_.trust, *environment.trust}
    assert LiveOptions().over(environment) == environment
    assert given_.over(LiveOptions()) == given_


def test_one_way_to_the_password_replaces_the_other() -> None:
    """What is given now does not quarrel with what the environment says."""
    before = LiveOptions(password_env="A", cert="c", key="k")  # noqa: S106 - a variable's name
    found = LiveOptions(keyring="s/u", cert="d", key="e").over(before)

    assert (found.password_env, found.keyring, found.cert, found.key) == ("", "s/u", "d", "e")


def test_what_is_handed_over_gives_the_same_target() -> None:
    """The kernel cannot ask: password and options come by environment."""
    options = LiveOptions(user=USER, auth="ntlm", resolve=("a.example=10.0.0.1",))
    asked = logged_on(options, ask=lambda _: PASSWORD)
    environ = handed_over(options, asked.password)

    found = logged_on(LiveOptions.from_environment(environ), environ=environ)

    assert found == asked
    assert handed_over(options, "") == options.to_environment()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A.example=10.0.0.1", RemotePlace("10.0.0.1")),
        ("a.example.=10.0.0.1:5986", RemotePlace("10.0.0.1", 5986)),
        ("a.example=2001:db8::1", RemotePlace("2001:db8::1")),
        ("a.example=[2001:db8::1]:5986", RemotePlace("2001:db8::1", 5986)),
        ("a.example=[::1]", RemotePlace("::1")),
    ],
)
def test_resolve(text: str, place: RemotePlace) -> None:
    """Both families, with and without a port; names in any case."""
    assert parse_resolve([text]) == {"a.example": place}


@pytest.mark.parametrize(
    "texts",
    [
        ["a"],
        ["=10.0.0.1"],
        ["a="],
        ["a=b"],
        ["a=10.0.0.1:"],
        ["a=10.0.0.1:0"],
        ["a=10.0.0.1:99999"],
        ["a=10.0.0.1:x"],
        ["a=[10.0.0.1"],
        ["a=10.0.0.1", "A=10.0.0.2"],
    ],
)
def test_resolve_that_cannot_be_read(texts: list[str]) -> None:
    """What was given stands in the message."""
    with pytest.raises(UsageError, match="--resolve"):
        parse_resolve(texts)


# -- Which log-on ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "ticket", "auth"),
    [
        (LiveOptions(), VALID, "kerberos"),
        (LiveOptions(user=USER), None, "ntlm"),
        (LiveOptions(user=USER), Ticket(ends=datetime(2020, 1, 1, tzinfo=UTC)), "ntlm"),
        (LiveOptions(user=USER, password_env="P"), VALID, "ntlm"),  # noqa: S106
        (LiveOptions(user=USER, auth="credssp"), VALID, "credssp"),
        (LiveOptions(auth="kerberos"), None, "kerberos"),
    ],
)
def test_left_out_it_is_kerberos_with_a_ticket_else_ntlm(
    options: LiveOptions, ticket: Ticket | None, auth: str
) -> None:
    """Contract, 3; an account with its password at hand is not the ticket's."""
    found = logged_on(
        options, ticket=lambda: ticket, environ={"P": PASSWORD}, ask=lambda _: PASSWORD
    )

    assert found.auth == auth


@pytest.mark.parametrize(
    ("options", "ticket", "auth", "password"),
    [
        (LiveOptions(), VALID, "kerberos", ""),
        (LiveOptions(), None, "kerberos", ""),
        (LiveOptions(user=USER), None, "kerberos", PASSWORD),
        (LiveOptions(user=USER), VALID, "kerberos", ""),
        (LiveOptions(user=USER, password_env="P"), VALID, "kerberos", PASSWORD),  # noqa: S106
        (LiveOptions(user=USER, auth="ntlm"), VALID, "ntlm", PASSWORD),
    ],
)
def test_exchanges_own_endpoint_takes_kerberos(
    options: LiveOptions, ticket: Ticket | None, auth: str, password: str
) -> None:
    """S8.04: it offers nothing else by itself; a user without a ticket is asked for a password."""
    found = logged_on(
        options,
        road="exchange",
        scheme="http",
        ticket=lambda: ticket,
        environ={"P": PASSWORD},
        ask=lambda _: PASSWORD,
    )

    assert isinstance(found, ExchangeOptions)
    assert (found.auth, found.password, found.usual_port) == (auth, password, 80)


@pytest.mark.parametrize(
    ("auth", "ticket", "forwards"),
    [
        ("kerberos", VALID, True),
        ("kerberos", Ticket(forwardable=False), False),
        ("kerberos", Ticket(), True),
        ("kerberos", None, False),
        ("credssp", None, True),
        ("ntlm", None, False),
    ],
)
def test_which_log_on_may_go_on(auth: str, ticket: Ticket | None, *, forwards: bool) -> None:
    """S8.23: CredSSP, and a ticket that may be forwarded or does not say."""
    options = LiveOptions(user="anna@contoso.example", auth=auth)
    found = logged_on(options, ticket=lambda: ticket, ask=lambda _: PASSWORD)

    assert found.forwards == forwards


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (LiveOptions(auth="digest"), "expected one of"),
        (LiveOptions(user="a", password_env="A", keyring="b"), "are both given"),  # noqa: S106
        (LiveOptions(cert="c"), "--key"),
        (LiveOptions(cert="c", key="k", auth="ntlm"), "--auth certificate"),
        (LiveOptions(cert="/none", key="/none"), "no such file"),
        (LiveOptions(ca="/none"), "no such file"),
        (LiveOptions(), "--user"),
        (LiveOptions(user="a"), "--password-env NAME"),
        (LiveOptions(user="a", password_env="NOT_SET"), "not set"),  # noqa: S106
        (LiveOptions(keyring="mailflow"), "SERVICE/USER"),
        (LiveOptions(user="a", way="sideways"), "snapin"),
        (LiveOptions(user="a", trust=("contoso.example", "https://x/")), "--trust https"),
        (LiveOptions(user="a", trust=("*.contoso.example",)), "--trust"),
        (LiveOptions(user="a", seconds="soon"), "--seconds soon"),
        (LiveOptions(user="a", seconds="0"), "--seconds 0"),
        (LiveOptions(user="a", seconds_per_server="-5"), "--seconds-per-server -5"),
    ],
)
def test_bad_combinations_say_what_to_do(options: LiveOptions, said: str) -> None:
    """One line each, before anything is connected."""
    with pytest.raises(UsageError, match=said):
        logged_on(options)


def test_a_ca_that_holds_no_certificate(tmp_path: Path) -> None:
    """DER is the usual mistake, and told at once."""
    file = tmp_path / "ca.der"
    file.write_bytes(b"\x30\x82")

    with pytest.raises(UsageError, match="PEM"):
        logged_on(LiveOptions(user="a", ca=str(file)), ask=lambda _: "x")


def test_a_certificate_needs_neither_user_nor_password(tmp_path: Path) -> None:
    """It is a log-on of its own kind; with it nothing has to be said of `--auth`."""
    Authority().write_client("anna", tmp_path / "c.pem", tmp_path / "k.pem")
    found = logged_on(LiveOptions(cert=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem")))

    assert (found.auth, found.user, found.password) == ("certificate", "", "")


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (("", ""), (180.0, 0.0, 60)),
        (("30", ""), (30.0, 0.0, 60)),
        (("600", ""), (600.0, 0.0, 200)),
        (("", "45"), (180.0, 45.0, 60)),
        (("", "300"), (900.0, 300.0, 300)),
        (("100", "300"), (100.0, 300.0, 100)),
    ],
)
def test_how_long_it_may_take(given_: tuple[str, str], expected: tuple[float, float, int]) -> None:
    """For all, for a server (0: a third), and for one cmdlet, which more time is meant for too."""
    options = LiveOptions(user=USER, seconds=given_[0], seconds_per_server=given_[1])
    found = logged_on(options, ask=lambda _: PASSWORD)

    assert (found.seconds, found.each, found.call_seconds) == expected


def test_whom_the_credentials_are_for() -> None:
    """The server to enter at and what was trusted come into the target."""
    options = LiveOptions(user=USER, trust=("fabrikam.example",))
    found = logged_on(options, entry="ex16a.contoso.example", ask=lambda _: PASSWORD)

    assert (found.entry, found.trust) == ("ex16a.contoso.example", ("fabrikam.example",))


# -- The password ----------------------------------------------------------------------------------


class Ring(keyring.backend.KeyringBackend):
    """A keyring of one entry, or one that is locked."""

    priority = 1.0
    locked = False

    def get_password(self, service: str, username: str) -> str | None:
        """The entry."""
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return PASSWORD if (service, username) == ("mailflow", USER) else None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Not here."""

    def delete_password(self, service: str, username: str) -> None:
        """Not here."""


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    """It, in place of this machine's."""
    made = Ring()
    monkeypatch.setattr(keyring, "get_password", made.get_password)
    return made


def test_passwords_from_each_place(ring: Ring) -> None:
    """Environment, keyring with and without the user in the entry, a person."""
    assert not ring.locked
    found = [
        logged_on(LiveOptions(user=USER, password_env="P"), environ={"P": PASSWORD}),  # noqa: S106
        logged_on(LiveOptions(user=USER, keyring="mailflow")),
        logged_on(LiveOptions(user=USER, keyring=f"mailflow/{USER}")),
        logged_on(LiveOptions(user=USER), ask=lambda _: PASSWORD),
    ]

    assert [one.password for one in found] == [PASSWORD] * 4
    assert not any(PASSWORD in repr(one) for one in found)


def test_a_keyring_that_does_not_give_it(ring: Ring) -> None:
    """No such entry, and a locked one: what to do, and no traceback."""
    with pytest.raises(UsageError, match="keyring set other"):
        logged_on(LiveOptions(user=USER, keyring="other"))
    ring.locked = True
    with pytest.raises(UsageError, match="unlock"):
        logged_on(LiveOptions(user=USER, keyring="mailflow"))


def test_a_password_where_its_name_belongs_is_not_repeated() -> None:
    """`--password-env hunter2!` is a mistake that must not end in a log."""
    with pytest.raises(UsageError) as caught:
        logged_on(LiveOptions(user=USER, password_env=PASSWORD))

    assert PASSWORD not in str(caught.value)


def test_an_empty_answer_is_no_password() -> None:
    """Whoever only presses enter is told."""
    with pytest.raises(UsageError, match="no password"):
        logged_on(LiveOptions(user=USER), ask=lambda _: "")


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe or a scheduled task a prompt would wait for ever."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert prompt() is None

    monkeypatch.setattr(sys, "stdin", None)
    assert prompt() is None


# -- The ticket ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A real KDC."""
    needs_kerberos_server()
    del tmp_path_factory
    with kdc.Kdc([], {"anna": PASSWORD}) as found:
        yield found


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
@pytest.mark.parametrize("way", ["", ".", "here"])
def test_no_klist_of_the_current_directory_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """An entry of PATH that is empty or relative leads to no program."""
    program = tmp_path / way / "klist"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\necho krbtgt/ > hijacked\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", way)

    assert credentials._ticket_of_klist() is None
    assert not (tmp_path / "hijacked").exists()


@pytest.mark.parametrize("reader", ["krb5", "klist"])
@pytest.mark.parametrize("forwardable", [True, False])
def test_a_real_ticket_is_found(
    realm: kdc.Kdc, monkeypatch: pytest.MonkeyPatch, reader: str, *, forwardable: bool
) -> None:
    """By library and by program: whose, whether it may go on, whether it has expired; or none."""
    if reader == "krb5":
        needs_kerberos()
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    find = find_ticket if reader == "krb5" else credentials._ticket_of_klist
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{realm.folder / 'none'}")
    nothing = find()
    monkeypatch.setenv("KRB5CCNAME", realm.kinit("anna", PASSWORD, forwardable=forwardable))
    found = find()
    subprocess.run(["kdestroy"], env=os.environ, check=False, capture_output=True)

    assert nothing is None
    assert found is not None
    assert found.principal.startswith("anna@")
    assert found.forwardable == forwardable
    assert found.is_valid(datetime.now(UTC))
    assert find() is None
