"""What exceptions of the way to Exchange's endpoint mean: by number and kind, never by a text."""

from __future__ import annotations

import pytest
from pypsrp.exceptions import (
    AuthenticationError,
    FragmentError,
    InvalidPSRPOperation,
    WinRMTransportError,
    WSManFaultError,
)

from mailflow.errors import InputError
from mailflow.sources.psrp.faults import _HERE, _OF_HTTP, _OF_KRB5, _OF_WSMAN, classify, of_endpoint
from mailflow.sources.setup_faults import CAUSES, fault
from mailflow.sources.shell import Fault


def wsman(code: object, reason: str = "") -> WSManFaultError:
    """A fault of WS-Management."""
    return WSManFaultError(code, "EX16A", reason, None, None, None)


@pytest.mark.parametrize(
    ("error", "identity"),
    [
        (wsman(5, "Access is denied."), "exchange-refused"),
        (wsman(5, "unencrypted traffic: not encrypted"), "unencrypted-refused"),
        (wsman(2150858843), "session-gone"),
        (wsman(2150859173, "any words"), "session-limit"),
        (wsman(2150859194), "no-endpoint"),
        (wsman(1, "quota access denied"), "garbage"),
        (WinRMTransportError("http", 503, ""), "endpoint-busy"),
        (WinRMTransportError("http", 403, ""), "endpoint-forbids"),
        (WinRMTransportError("http", 404, "quota"), "no-endpoint"),
        (WinRMTransportError("http", 302, ""), "redirected"),
        (FragmentError("x"), "cut-answer"),
        (InvalidPSRPOperation("broken"), "session-gone"),
        (AuthenticationError("x"), "wrong-password"),
        (ModuleNotFoundError(name="pypsrp.wsman"), "psrp-missing"),
        (KeyError("ex16a"), "no-endpoint"),
        (ConnectionRefusedError(), "web-closed"),
        (RuntimeError("x"), "garbage"),
    ],
)
def test_what_it_means(error: Exception, identity: str) -> None:
    """Each has its own next action."""
    assert classify(error, auth="ntlm").id == identity


def test_a_ticket_and_an_offer() -> None:
    """Kerberos is missing, refused, or not offered."""
    missing = ModuleNotFoundError(name="gssapi")

    assert classify(missing, auth="kerberos").id == "kerberos-missing"
    assert classify(AuthenticationError("x"), auth="kerberos").id == "ticket-refused"
    offers = frozenset({"kerberos"})
    assert classify(AuthenticationError("x"), auth="ntlm", offers=offers).id == "auth-not-offered"
    assert classify(InputError("EX16A: no XML"), auth="ntlm") == Fault(
        "protocol", "", "EX16A: no XML"
    )


def test_every_id_is_known() -> None:
    """And what is told of WinRM's service keeps its detail on this road."""
    told = {*_HERE, *_HERE.values(), *_OF_HTTP.values(), *_OF_KRB5.values(), *_OF_WSMAN.values()}

    assert told <= set(CAUSES)
    assert of_endpoint(fault("not-winrm", "HTTP 404")) == fault("no-endpoint", "HTTP 404")
    assert of_endpoint(fault("wrong-password")) == fault("wrong-password")
