"""Which hosts may get the credentials: names of servers are foreign text until they are judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.shell import ShellError
from mailflow.sources.trust import Trust, host_name

ENTRY = "ex16a.corp.example"


def judged(server: str, entry: str = ENTRY, *further: str, entered: str = "") -> str:
    """The name that is connected to, or the id of why none is."""
    trust = Trust(entry, further)
    trust.entered(entered)
    try:
        return trust.admit(server)
    except ShellError as error:
        return error.fault.id


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (ENTRY, ENTRY),
        ("EX16B.Corp.EXAMPLE", "ex16b.corp.example"),
        ("ex16b.corp.example.", "ex16b.corp.example"),
        ("ex19.emea.corp.example", "ex19.emea.corp.example"),
        ("ex16b.evil-corp.example", "host-not-trusted"),
        ("evilcorp.example", "host-not-trusted"),
        ("corp.example.evil.example", "host-not-trusted"),
        ("ex16b.example", "host-not-trusted"),
        ("example", "host-not-trusted"),
        ("ex16b", "host-not-trusted"),
        ("EX16A", "host-not-trusted"),
        ("10.0.0.5", "host-not-trusted"),
        ("2001:db8::5", "host-not-trusted"),
        ("[2001:db8::5]", "host-not-trusted"),
        ("", "no-host-name"),
        (".corp.example", "no-host-name"),
        ("ex16b..corp.example", "no-host-name"),
        ("ex16b.corp.example..", "no-host-name"),
        ("evil.example/.corp.example", "no-host-name"),
        ("evil.example#.corp.example", "no-host-name"),
        ("evil.example?.corp.example", "no-host-name"),
        ("evil.example\\.corp.example", "no-host-name"),
        ("evil.example:80@ex16b.corp.example", "no-host-name"),
        ("user@ex16b.corp.example", "no-host-name"),
        ("ex16b.corp.example:8080", "no-host-name"),
        ("ex16b.corp.example\n", "no-host-name"),
        ("ex16b.corp.example\0.evil.example", "no-host-name"),
        ("evil.example %.corp.example", "no-host-name"),
        ("evil.example\uff0f.corp.example", "no-host-name"),
        ("ex16b.c\u043erp.example", "host-not-trusted"),
        ("\uff45x16b\u3002corp\u3002example", "ex16b.corp.example"),
        ("x" * 64 + ".corp.example", "no-host-name"),
        ("0x7f.1", "no-host-name"),
    ],
)
def test_the_domain_of_the_entry_server(server: str, expected: str) -> None:
    """Compared label by label, in the form that is connected to; a trick is no host name."""
    assert judged(server) == expected


@pytest.mark.parametrize(
    ("server", "further", "expected"),
    [
        ("ex19.other.example", "other.example", "ex19.other.example"),
        ("ex19.other.example", "OTHER.example.", "ex19.other.example"),
        ("ex19.other.example", "ex19.other.example", "ex19.other.example"),
        ("ex20.other.example", "ex19.other.example", "host-not-trusted"),
        ("ex19.m\u00fcnchen.example", "xn--mnchen-3ya.example", "ex19.xn--mnchen-3ya.example"),
        ("ex19.xn--mnchen-3ya.example", "M\u00dcNCHEN.example", "ex19.xn--mnchen-3ya.example"),
        ("ex19", "ex19", "ex19"),
        ("10.0.0.5", "10.0.0.5", "10.0.0.5"),
        ("9.10.0.0", "10.0.0", "host-not-trusted"),
        ("2001:db8:0::5", "2001:db8::5", "2001:db8::5"),
    ],
)
def test_who_is_trusted_besides(server: str, further: str, expected: str) -> None:
    """A suffix, a name or an address, in any of its forms."""
    assert judged(server, ENTRY, further) == expected


@pytest.mark.parametrize(
    ("server", "entry", "entered", "expected"),
    [
        ("EX16A", "ex16a", "", "ex16a"),
        ("ex16b.corp.example", "ex16a", "", "host-not-trusted"),
        ("ex16b.corp.example", "EX16A", "ex16a.corp.example", "ex16b.corp.example"),
        ("ex16b.corp.example", "ex16a", "ex16x.corp.example", "host-not-trusted"),
        ("ex16b.corp.example", ENTRY, "ex16a.evil.example", "ex16b.corp.example"),
        ("ex16b.evil.example", ENTRY, "ex16a.evil.example", "host-not-trusted"),
        ("ex16b.example", "ex16a", "ex16a.example", "host-not-trusted"),
        ("ex16b.example", "ex16a.example", "", "host-not-trusted"),
        ("ex16b.corp.example", "10.0.0.1", "ex16a.corp.example", "host-not-trusted"),
        ("10.0.0.2", "10.0.0.1", "", "host-not-trusted"),
        ("10.0.0.1", "10.0.0.1", "", "10.0.0.1"),
        ("ex16b.corp.example", "", "", "host-not-trusted"),
        ("", "", "", "no-host-name"),
        ("10.1", "10.1", "", "10.1"),
    ],
)
def test_what_the_entry_is_called(server: str, entry: str, entered: str, expected: str) -> None:
    """Of one label: its full name counts as it reports it. An address has no domain."""
    assert judged(server, entry, entered=entered) == expected


def test_the_advice_can_be_typed() -> None:
    """It names the host and the option that lets it have the credentials; a short name itself."""
    with pytest.raises(ShellError) as caught:
        Trust(ENTRY).admit("EX19.Other.example")
    with pytest.raises(ShellError) as short:
        Trust(ENTRY).admit("EX19")

    assert caught.value.fault.kind == "refused"
    assert (
        "ex19.other.example. If it may have them, add --trust other.example"
        in caught.value.fault.message
    )
    assert "--trust ex19" in short.value.fault.message


@given(st.text(max_size=40), st.sampled_from(["", ".corp.example", ".CORP.example."]))
def test_whatever_is_admitted_lies_in_the_domain(text: str, end: str) -> None:
    """By the form that is connected to, which is its own form again."""
    name = judged(text + end)

    if name not in ("host-not-trusted", "no-host-name"):
        assert name.isascii()
        assert name.split(".")[-2:] == ["corp", "example"]
        assert not set(name) & set("@:/\\?#[]% ")
        assert host_name(name) == name
