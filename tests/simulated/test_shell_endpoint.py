"""Exchange's own endpoint of a practice organization, for an unmodified pypsrp."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from far.endpoints import FaultyEndpoints, serve
from mailflow.simulated.practice import Practice
from mailflow.simulated.runspace import Outbox
from mailflow.simulated.shell_endpoint import MOST_SESSIONS
from mailflow.simulated.soap import TroubleError


@pytest.fixture(scope="module")
def served() -> Iterator[FaultyEndpoints]:
    """The article's organization, listening."""
    with serve(Practice.begin("article")) as endpoints:
        yield endpoints


def wsman(served: FaultyEndpoints, server: str = "EX16A", **changes: object) -> WSMan:
    """Pypsrp's connection to a server, as its documentation shows it for Exchange."""
    options: dict[str, object] = {
        "username": "CONTOSO\\engineer",
        "password": served.passwords["engineer"],
        "ssl": False,
        "auth": "ntlm",
        "path": "PowerShell/",
        "operation_timeout": 5,
        **changes,
    }
    return WSMan(served[server].address, port=served.port, **options)


@contextmanager
def pool(served: FaultyEndpoints, **changes: object) -> Iterator[RunspacePool]:
    """A runspace pool there, closed at the end."""
    with (
        warnings.catch_warnings(),
        wsman(served, **changes) as connection,
        RunspacePool(connection, configuration_name="Microsoft.Exchange") as opened,
    ):
        warnings.simplefilter("ignore")  # of the library's own
        yield opened


def ran(opened: RunspacePool, cmdlet: str, **parameters: object) -> PowerShell:
    """A cmdlet that has come to its end."""
    command = PowerShell(opened).add_cmdlet(cmdlet).add_parameters(parameters)
    command.invoke()
    return command


def test_objects_and_errors(served: FaultyEndpoints) -> None:
    """S8.03: rows by name and kind, an error record beside them, and no session is left."""
    with pool(served) as opened:
        servers = ran(opened, "Get-ExchangeServer")
        queues = ran(opened, "Get-Queue", Server="NOWHERE")
        alive = opened.is_alive()

    names = [one.adapted_properties["Name"] for one in servers.output]
    assert alive
    assert names == [one.name for one in served.practice.organisation.servers]
    assert servers.output[0].types[0].endswith("Management.ExchangeServer")
    assert servers.state == PSInvocationState.COMPLETED
    assert queues.output == []
    assert 'Exchange server "NOWHERE" was not found' in str(queues.streams.error[0])
    assert queues.streams.error[0].fq_error.endswith(",Get-Queue")
    assert served["EX16A"].shells is not None
    assert served["EX16A"].shells.open_shells == 0


@pytest.mark.parametrize(
    "text", ["Get-Queue | Where-Object { $_.Status -eq 'Retry' }", "1 + 1", "$x"]
)
def test_no_language(served: FaultyEndpoints, text: str) -> None:
    """S8.06: a script ends with ScriptsNotAllowed, whatever stands in it."""
    with pool(served) as opened:
        command = PowerShell(opened).add_script(text)
        command.invoke()

    assert command.state == PSInvocationState.FAILED
    assert command.streams.error[0].fq_error == "ScriptsNotAllowed"
    assert "not supported by this runspace" in str(command.streams.error[0])


def test_what_the_roles_do_not_hold_does_not_exist(served: FaultyEndpoints) -> None:
    """Section 8.8: a view-only account has no Set-ReceiveConnector, and nobody has Get-Process."""
    viewer = {"username": "CONTOSO\\collector", "password": served.passwords["collector"]}
    with pool(served, **viewer) as opened:
        found = [
            ran(opened, cmdlet).streams.error[0].fq_error
            for cmdlet in ("Set-ReceiveConnector", "Get-Process")
        ]
        right = ran(opened, "Get-ReceiveConnector", Server="EX16A", Wrong="x")

    assert found == ["CommandNotFoundException"] * 2
    assert right.streams.error[0].fq_error.startswith("NamedParameterNotFound")


def test_a_hashtable_travels_as_an_object() -> None:
    """S8.07, S8.61: the ranges of a connector change by Add and Remove."""
    with serve(Practice.begin("article")) as served, pool(served) as opened:
        where = {"Identity": "EX16A\\Relay"}
        command = ran(
            opened, "Set-ReceiveConnector", **where, RemoteIPRanges={"Add": ["10.99.0.1"]}
        )
        after = ran(opened, "Get-ReceiveConnector", **where)

    assert command.streams.error == []
    assert "10.99.0.1" in after.output[0].adapted_properties["RemoteIPRanges"].property_sets[0]


def test_a_session_more_than_exchange_allows(served: FaultyEndpoints) -> None:
    """S8.16: 18 of one user; another one still gets in."""
    open_ones = []
    try:
        for _ in range(MOST_SESSIONS):
            open_ones.append(RunspacePool(wsman(served), configuration_name="Microsoft.Exchange"))
            open_ones[-1].open()
        with pytest.raises(WSManFaultError), pool(served):
            pass
        viewer = {"username": "CONTOSO\\collector", "password": served.passwords["collector"]}
        with pool(served, **viewer) as opened:
            assert opened.is_alive()
    finally:
        for one in open_ones:
            one.close()
            one.connection.close()


def test_a_cmdlet_stops(served: FaultyEndpoints) -> None:
    """A stop ends it at once, and the session goes on."""
    served.entrance.delays["ex16a"] = 20.0
    try:
        with pool(served) as opened:
            command = PowerShell(opened).add_cmdlet("Get-ExchangeServer")
            command.begin_invoke()
            command.stop()
            served.entrance.delays.clear()
            again = ran(opened, "Get-ExchangeServer")
    finally:
        served.entrance.delays.clear()

    assert command.state == PSInvocationState.STOPPED
    assert len(again.output) == len(served.practice.organisation.servers)


def test_who_is_let_in(served: FaultyEndpoints) -> None:
    """A wrong password, another configuration, and a path that is not there."""
    with pytest.raises(AuthenticationError), pool(served, password="wrong"):  # noqa: S106
        pass
    with pytest.raises(WSManFaultError) as caught:
        RunspacePool(wsman(served), configuration_name="Microsoft.PowerShell").open()
    url = f"http://{served['EX16A'].address}:{served.port}/elsewhere/PowerShell/"

    assert "Microsoft.Exchange" in str(caught.value)
    assert requests.post(url, data=b"<x/>", timeout=5).status_code == 401


def test_a_server_without_endpoint() -> None:
    """S8.25: an Edge server answers 404 there, and its WinRM goes on."""
    with serve(Practice.begin("article")) as served:
        served["EX16A"].shells = None
        with pytest.raises(WinRMTransportError) as caught, pool(served):
            pass

    assert caught.value.code == 404


@pytest.mark.parametrize("junk", [b"x", b"\x00" * 21, b"\xff" * 80])
def test_bytes_that_are_no_fragments(served: FaultyEndpoints, junk: bytes) -> None:
    """They are the client's fault, and leave no session."""
    shells = served["EX16A"].shells
    assert shells is not None
    connection = wsman(served)
    opened = RunspacePool(connection, configuration_name="Microsoft.Exchange")
    opened._fragmenter.fragment_multiple = lambda *_: [junk]  # type: ignore[method-assign]
    with pytest.raises(WSManFaultError):
        opened.open()
    connection.close()

    assert shells.open_shells == 0


def test_what_waits_is_never_split() -> None:
    """A fragment goes whole, also where it is larger than the answer may be."""
    box = Outbox()
    for piece in (b"a" * 50, b"b" * 10, b"c" * 10):
        box.put(piece)
    first = box.take(20, 0)
    box.finish()

    assert first == ([b"a" * 50], False)
    assert box.take(100, 0) == ([b"b" * 10, b"c" * 10], True)
    box.finish(gone=True)
    with pytest.raises(TroubleError):
        box.take(1, 0)


def test_a_session_that_nobody_uses_closes_by_itself(served: FaultyEndpoints) -> None:
    """After the time that the client asked for."""
    shells = served["EX16A"].shells
    assert shells is not None
    with wsman(served) as connection:
        opened = RunspacePool(connection, configuration_name="Microsoft.Exchange", idle_timeout=120)
        opened.open()
        before = shells.open_shells
        shells._clock = lambda: time.monotonic() + 121
        after = shells.open_shells
        shells._clock = time.monotonic

    assert (before, after) == (1, 0)
