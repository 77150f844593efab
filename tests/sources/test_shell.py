"""The seam: what may leave this side, and what may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.shell import ALLOWED, Argument, Call, Shell, ShellError, TwoWays, check
from mailflow.sources.winrm import Target, WinrmDoors


def test_nothing_that_writes_is_allowed() -> None:
    """Every cmdlet of the list only reads."""
    assert {name.partition("-")[0] for name in ALLOWED} == {"Get"}


@given(name=st.sampled_from(sorted(ALLOWED)))
def test_allowed_calls_pass(name: str) -> None:
    """Every cmdlet of the list passes with each of its parameters."""
    check(Call(name, dict.fromkeys(ALLOWED[name], "EX16A")))


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
