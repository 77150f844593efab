"""The seam: what may leave this side, and what may not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.shell import (
    ALLOWED,
    WRITES,
    Argument,
    Call,
    Shell,
    ShellError,
    TwoWays,
    changes_something,
    check,
)
from mailflow.sources.winrm import Target, WinrmDoors

RELAY, QUEUE = "EX16A\\Relay", "EX10A\\14"
LIST = ("10.0.0.0-10.0.0.10", "10.0.5.0/24", "2001:db8::/64")
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
    Call("Retry-Queue", {"Identity": QUEUE}),
    Call("Retry-Queue", {"Identity": "EX10A\\Shadow\\7", "WhatIf": True, "Confirm": False}),
)


def test_nothing_that_writes_is_allowed() -> None:
    """Every cmdlet of the list only reads."""
    assert {name.partition("-")[0] for name in ALLOWED} == {"Get"}
    assert ALLOWED.keys().isdisjoint(WRITES)


def test_what_may_be_changed() -> None:
    """A connector's list and a retry, for one object each, and nothing else of the two cmdlets."""
    assert {
        "Retry-Queue": {"Identity", "WhatIf", "Confirm"},
        "Set-ReceiveConnector": {
            *("Identity", "RemoteIPRanges", "DomainController", "WhatIf", "Confirm"),
        },
    } == WRITES


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
        ("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": LIST, "Enabled": False}),
        ("Set-ReceiveConnector", {"Identity": RELAY, "Bindings": ("0.0.0.0:25",)}),
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
    assert isinstance(WinrmDoors(Target(auth="kerberos"), ""), TwoWays)
