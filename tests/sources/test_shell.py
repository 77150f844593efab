"""The seam: what may leave this side, and what may not."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.change import PARAMETERS
from mailflow.sources.shell import (
    ALLOWED,
    FORMS,
    SETTINGS,
    WORDS,
    WRITES,
    Argument,
    Call,
    Shell,
    ShellError,
    TwoWays,
    changes_something,
    check,
    is_probe,
)
from mailflow.sources.winrm.options import WinrmOptions
from mailflow.sources.winrm.shell import WinrmDoors

RELAY, QUEUE = "EX16A\\Relay", "EX10A\\14"
LIST = ("10.0.0.0-10.0.0.10", "10.0.5.0/24", "2001:db8::/64")
GOOD: Mapping[str, tuple[Argument, ...]] = {
    "AuthMechanism": ("None", "Tls", "Tls, Integrated, BasicAuth, BasicAuthRequireTLS"),
    "Bindings": (("0.0.0.0:25",), ("10.0.0.21:2525", "[::]:25", "[2001:db8::11]:587")),
    "Enabled": (True, False),
    "Fqdn": ("ex16a.contoso.example", "EX16A", "a", "my_host-1.contoso.example", None),
    "PermissionGroups": ("None", "AnonymousUsers", "ExchangeServers, ExchangeLegacyServers"),
    "RemoteIPRanges": (
        LIST,
        ("10.0.0.1", "::1", "fe80::1%11", "10.0.0.0(255.255.255.0)", "10.0.0.0 - 10.0.0.9"),
        ("10.0.0.0/8", "2001:db8::-2001:db8::ffff", "::/0", "0.0.0.0-255.255.255.255"),
    ),
    "SuppressXAnonymousTls": (True, False),
    "TransportRole": ("FrontendTransport", "HubTransport"),
}
"""What each parameter may be."""

BAD: Mapping[str, tuple[Argument, ...]] = {
    "AuthMechanism": (
        *("Custom", "Tls,Integrated", "Tls, ", ", Tls", "tls", "None, Tls", "Tls, None", "Tls\n"),
        *("Tls; Remove-Item C:\\", "31", 31, True, ("Tls", "Integrated"), {"Add": ("Tls",)}, None),
        *("ExchangeServers", "Tls Integrated", " Tls", "Tls, Integrated, $(hostname)"),
    ),
    "Bindings": (
        *(("0.0.0.0",), ("0.0.0.0:25\n",), ("25",), (":25",), ("0.0.0.0:x",), ("[::]",)),
        *(("::25",), ("0.0.0.0:25", "$(hostname):25"), ("0.0.0.0:250000",), "0.0.0.0:25"),
        *(("*:25",), {"Add": ("0.0.0.0:25",)}, 25, None, ("0.0.0.0:25;[::]:25",)),
    ),
    "Enabled": ("True", "$true", 1, 0, None, ("True",), ("False",)),
    "Fqdn": (
        *("mail.contoso.example; x", "a b", "-a", "a-", ".a", "a.", "$(hostname)", "`a", '"', "'"),
        *("a\n", "a\x00", "ma\u200bil", "m\u00fcller.example", "a" * 256, True, 1, ("a",)),
        *("a|b", "a&b", "\u201ca\u201d", "a\\b", "a/b", "a:b", {"Add": ("a",)}, "*"),
    ),
    "PermissionGroups": (
        *("Custom", "AnonymousUsers, Custom", "anonymoususers", "AnonymousUsers,ExchangeUsers"),
        *("None, Partners", "Everyone", 13, True, None, ("AnonymousUsers",), "AnonymousUsers\n"),
    ),
    "RemoteIPRanges": (
        *("10.0.0.1", ("host",), ("10.0.0.1\n",), ("10.0.0.1;10.0.0.2",), ("10.0.0.1,10.0.0.2",)),
        *(("10.0.0.1", "$(hostname)"), ("10.0.0.0/x",), ("",), (), {"Remove": LIST}, None, 1, True),
        *(("10.0.0.1--10.0.0.2",), ("10.0.0.1 -  10.0.0.2",), ("10.0.0.1 ",), ("-",), ("*",)),
    ),
    "SuppressXAnonymousTls": ("False", "$false", 0, 1, None, ("False",)),
    "TransportRole": (
        *(
            "FrontendTransport, HubTransport",
            "frontendtransport",
            "Mailbox",
            "All",
            "None",
            32,
            True,
        ),
        *("HubTransport\n", ("HubTransport",), None, ""),
    ),
}
"""What none of them may be, on either side of the wire."""

CHANGES = (
    Call("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": LIST}),
    Call(
        "Set-ReceiveConnector",
        {
            "Identity": "EX16A\\Relay (Scanner & Fax) \u00fc",
            "RemoteIPRanges": LIST[:1],
            "DomainController": "dc1.contoso.example",
            "WhatIf": True,
            "Confirm": False,
        },
    ),
    *(
        Call("Set-ReceiveConnector", {"Identity": RELAY, name: value})
        for name, values in GOOD.items()
        for value in values
    ),
    Call(
        "Set-ReceiveConnector",
        {"Identity": RELAY, "AuthMechanism": "Tls, ExchangeServer", "Fqdn": None, "Enabled": True},
    ),
    Call("Retry-Queue", {"Identity": QUEUE}),
    Call("Retry-Queue", {"Identity": "EX10A\\Shadow\\7", "WhatIf": True, "Confirm": False}),
)


def test_nothing_that_writes_is_allowed() -> None:
    """Every cmdlet of the list only reads."""
    assert {name.partition("-")[0] for name in ALLOWED} == {"Get"}
    assert ALLOWED.keys().isdisjoint(WRITES)


def test_what_may_be_changed() -> None:
    """What a repair sets and a retry, for one object each; nothing else of the two cmdlets."""
    assert {
        "Retry-Queue": {"Identity", "WhatIf", "Confirm"},
        "Set-ReceiveConnector": {
            *("Identity", "DomainController", "WhatIf", "Confirm"),
            *("AuthMechanism", "Bindings", "Enabled", "Fqdn", "PermissionGroups"),
            *("RemoteIPRanges", "SuppressXAnonymousTls", "TransportRole"),
        },
    } == WRITES
    assert set(PARAMETERS) == SETTINGS


@given(name=st.sampled_from(sorted(ALLOWED)))
def test_allowed_calls_pass(name: str) -> None:
    """Every cmdlet of the list passes with each of its parameters, and changes nothing."""
    call = Call(name, dict.fromkeys(ALLOWED[name], "EX16A"))
    check(call)
    check(call, writing=True)

    assert not changes_something(call)


@pytest.mark.parametrize("call", CHANGES)
def test_a_change_leaves_only_where_changes_are_meant(call: Call) -> None:
    """Without that it is refused as any cmdlet that nobody knows."""
    check(call, writing=True)
    with pytest.raises(ShellError, match="not on the list of allowed cmdlets") as caught:
        check(call)

    assert caught.value.fault.kind == "refused"
    assert changes_something(call)


@pytest.mark.parametrize(
    ("cmdlet", "parameters"),
    [
        ("Retry-Queue", {"Identity": QUEUE, "Resubmit": True}),  # S8.72
        ("Retry-Queue", {"Filter": "Status -eq 'Retry'"}),
        ("Retry-Queue", {"Identity": QUEUE, "Server": "EX10A"}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": LIST, "RequireTLS": False}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "Banner": "220 mail"}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "enabled": False}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "Confirm": False, "WhatIf": True}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "DomainController": "dc1"}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "Enabled": True, "DomainController": None}),
        ("Set-ReceiveConnector", {"Identity": None, "Enabled": True}),
        ("Set-ReceiveConnector", {"Enabled": True}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "remoteipranges": LIST}),
        ("set-receiveconnector", {"Identity": RELAY, "RemoteIPRanges": LIST}),
        ("Remove-ReceiveConnector", {"Identity": RELAY}),
        ("New-ReceiveConnector", {"Name": "Relay"}),
        ("Set-ReceiveConnector", {"RemoteIPRanges": LIST}),
        ("Set-ReceiveConnector", {"Identity": "", "RemoteIPRanges": LIST}),  # S8.59
        ("Set-ReceiveConnector", {"Identity": (RELAY,), "RemoteIPRanges": LIST}),
        ("Set-ReceiveConnector", {"Identity": "Relay", "RemoteIPRanges": LIST}),  # S8.77
        ("Set-ReceiveConnector", {"Identity": "\\Relay", "RemoteIPRanges": LIST}),
        ("Set-ReceiveConnector", {"Identity": "EX16A\\ ", "RemoteIPRanges": LIST}),
        ("Set-ReceiveConnector", {"Identity": RELAY}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": ()}),  # S8.64
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": (" ",)}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": "10.0.0.1"}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": {"Remove": LIST}}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": LIST, "Confirm": "no"}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": LIST, "WhatIf": 1}),
        (
            "Set-ReceiveConnector",
            {"Identity": RELAY, "RemoteIPRanges": LIST, "DomainController": ("dc1", "dc2")},
        ),
        ("Retry-Queue", {}),
        ("Retry-Queue", {"Identity": "EX10A\\*"}),
        ("Retry-Queue", {"Identity": "*\\14"}),
        ("Retry-Queue", {"Identity": "EX10A\\1*"}),
        ("Retry-Queue", {"Identity": "14"}),
        ("Retry-Queue", {"Identity": 14}),
        ("Retry-Queue", {"Identity": QUEUE, "Confirm": ()}),
    ],
)
def test_no_other_change_leaves(cmdlet: str, parameters: Mapping[str, Argument]) -> None:
    """Other cmdlets and parameters, more than one object, and a list that is not a whole one."""
    with pytest.raises(ShellError) as caught:
        check(Call(cmdlet, parameters), writing=True)

    assert caught.value.fault.kind == "refused"
    assert cmdlet in caught.value.fault.message


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_a_value_in_another_form(name: str, value: Argument) -> None:
    """Custom is no group (S3.22); a host name has no other characters; a list is the whole one."""
    for more in ({}, {"Enabled": True}):
        parameters = {"Identity": RELAY, **more, name: value}
        with pytest.raises(ShellError, match=f"Set-ReceiveConnector -{name}: ") as caught:
            check(Call("Set-ReceiveConnector", parameters), writing=True)

        assert caught.value.fault.kind == "refused"


@pytest.mark.parametrize("name", sorted({*WORDS, *FORMS}))
@given(text=st.text(max_size=60))
def test_no_other_text_leaves(name: str, text: str) -> None:
    """Whatever passes is made of the letters of a name, an address or a word of the list."""
    value = (text,) if name in ("Bindings", "RemoteIPRanges") else text
    try:
        check(Call("Set-ReceiveConnector", {"Identity": RELAY, name: value}), writing=True)
    except ShellError:
        return

    assert re.fullmatch(r"[0-9A-Za-z.:%/()\[\], _-]+", text)


GIVEN: Mapping[str, Argument] = {
    "Address": "10.0.0.21",
    "Hello": "ex10a.contoso.example",
    "Port": 25,
    "Seconds": 10,
}
NO_PROBES: Mapping[str, tuple[Argument, ...]] = {
    "Address": (
        *("ex16a", "10.0.0.0/8", "10.0.0.1 10.0.0.2", "10.0.0.1\n", "", "1", "167772161", ":"),
        *("10.0.0.1;x", ("10.0.0.1",), None, True, "fe80::1%11", "10.0.0.\u0661"),
    ),
    "Hello": ("a b", "a\r\nMAIL FROM:<x>", "", "-a", "a\u200b", "[10.0.0.1]", ("a",), "a" * 256),
    "Port": (0, 80, 250, "25 ", "2525\n", 3389, None, True, (25,), "", -25, 587),
    "Seconds": (0, 61, 600, -1, "1 0", None, "", True, 1.5),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("address", ["10.0.0.21", "2001:db8::21", "::1"])
@pytest.mark.parametrize("port", [25, 2525])
def test_a_probe_leaves_where_it_is_meant(address: str, port: int) -> None:
    """EHLO to one address, at one of the ports between servers; and nowhere else."""
    call = Call("Send-Ehlo", {**GIVEN, "Address": address, "Port": port})

    check(call, probing=True)
    for meant in ({}, {"writing": True}):
        with pytest.raises(ShellError, match="not on the list"):
            check(call, **meant)
    assert is_probe(call)
    assert not changes_something(call)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NO_PROBES.items() for value in values]
)
def test_no_other_probe_leaves(name: str, value: Argument) -> None:
    """No name, no second address, no other port, no line end behind EHLO, no long time."""
    with pytest.raises(ShellError, match=f"Send-Ehlo -{name}: "):
        check(Call("Send-Ehlo", {**GIVEN, name: value}), probing=True)


@pytest.mark.parametrize("name", [*GIVEN, "Source"])
def test_a_probe_has_all_its_parameters_and_no_more(name: str) -> None:
    """Each of the four, and none beside them."""
    given = {key: value for key, value in GIVEN.items() if key != name}
    with pytest.raises(ShellError, match=f"Send-Ehlo -{name}: "):
        check(Call("Send-Ehlo", given if name in GIVEN else {**GIVEN, name: "x"}), probing=True)


def test_who_may_probe_may_change_nothing() -> None:
    """These are two permissions."""
    call = Call("Retry-Queue", {"Identity": QUEUE})
    with pytest.raises(ShellError, match="not on the list"):
        check(call, probing=True)


@pytest.mark.parametrize(
    "call",
    [
        Call("Set-ReceiveConnector", {"Identity": "EX16A\\Relay"}),
        Call("get-queue"),
        Call("Get-Queue; Remove-Item"),
        Call("Get-Queue", {"Bookmark": "1"}),
        Call("Get-Queue", {"server": "EX16A"}),
        Call("Get-ExchangeServer", {"ErrorAction": "SilentlyContinue"}),
        Call("Invoke-Expression", {"Command": "exit"}),
        Call(""),
    ],
)
def test_anything_else_is_refused(call: Call) -> None:
    """A cmdlet or parameter that is not on the list never leaves, in whatever spelling."""
    with pytest.raises(ShellError) as caught:
        check(call)

    assert caught.value.fault.kind == "refused"


@pytest.mark.parametrize(
    "empty", ["", " ", "\t\n", (), ("",), ("EX16A", " "), {}, {"Add": ()}, {"Add": ("a", "")}]
)
def test_an_empty_identity_is_refused(empty: Argument) -> None:
    """S8.59: a Get cmdlet with an empty identity would return all objects; nor part of one."""
    with pytest.raises(ShellError):
        check(Call("Get-ReceiveConnector", {"Identity": empty}))


@pytest.mark.parametrize("value", [0, False, True, 1, "0", ("a", "b"), {"Add": ("a",)}])
def test_what_is_not_empty_passes(value: Argument) -> None:
    """Zero and False say something."""
    check(Call("Get-Queue", {"ResultSize": value}))


def test_whoever_implements_a_shell_may_leave_out_what_it_cannot_tell() -> None:
    """`way` and `powershell` are empty then; doors with one way are no `TwoWays`."""

    class Bare(Shell):
        server = "EX16A"

    assert (Bare.way, Bare.powershell) == ("", "")
    assert not isinstance(Bare, TwoWays)
    assert isinstance(WinrmDoors(WinrmOptions(auth="kerberos"), ""), TwoWays)
