"""The seam: what may leave this side, and what may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.shell import ALLOWED, Call, ShellError, check


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


@pytest.mark.parametrize("empty", ["", ()])
def test_an_empty_identity_is_refused(empty: str | tuple[str, ...]) -> None:
    """S8.59: a Get cmdlet with an empty identity would return all objects."""
    with pytest.raises(ShellError):
        check(Call("Get-ReceiveConnector", {"Identity": empty}))
