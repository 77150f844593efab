"""exchange:// with a real PowerShell in server mode at the far end of it.

What the simulated endpoint takes for granted is shown by the real thing here: that our message runs
a cmdlet, that values arrive in their types, what no language means, and what its errors look like.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pypsrp.complex_objects import PSInvocationState
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from far.endpoints import FaultyEndpoints, serve
from mailflow.exchange.ranges import parse_range
from mailflow.opening import live_doors, open_source
from mailflow.simulated.authentication import bare
from mailflow.simulated.endpoints import COLLECTOR, ENGINEER, PASSWORD
from mailflow.simulated.organisation import Account
from mailflow.simulated.practice import Practice
from mailflow.sources.shell import Call, Reply, Shell
from mailflow.views.findings import findings
from support import needs_powershell

# A PowerShell starts for each session.
pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def served() -> Iterator[FaultyEndpoints]:
    """The article's organization; each session of it is a PowerShell."""
    with serve(Practice.begin("article"), powershell=needs_powershell()) as endpoints:
        yield endpoints


def opened(
    served: FaultyEndpoints, monkeypatch: pytest.MonkeyPatch, account: Account = ENGINEER
) -> Shell:
    """A session of an account with EX16A over our own client, which may change something."""
    monkeypatch.setenv(PASSWORD, served.passwords[bare(account.name)])
    live = replace(served.options, user=account.name)
    doors, _, _ = live_doors(served.sources["exchange"], live, writing=True)
    return doors.open("ex16a.contoso.example")


def asked(shell: Shell, *calls: Call) -> list[Reply]:
    """The replies to calls; the session is closed then."""
    try:
        return shell.ask(calls, seconds=30)
    finally:
        shell.close()


def processes(served: FaultyEndpoints) -> list[str]:
    """Processes that were begun for these endpoints and have not ended."""
    home = str(served.runner._folder)  # type: ignore[attr-defined]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if home.encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


def test_the_same_findings(served: FaultyEndpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is asked of an organization is answered, and no process is left."""
    for variable, value in served.env.items():
        monkeypatch.setenv(variable, value)
    org = open_source(served.sources["exchange"], live=served.options, tell=lambda _: None)
    simulated = open_source("demo:article")

    assert org.unread == ()
    assert findings(org).verdict == findings(simulated).verdict == "found"
    assert [one.as_json() for one in findings(org).findings] == [
        one.as_json() for one in findings(simulated).findings
    ]
    assert processes(served) == []


def test_a_change_arrives_in_its_types(
    served: FaultyEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S8.07: a list, $false and $null, as PowerShell's own reader takes our message apart."""
    name = "EX16B\\Relay"
    ranges = ("10.0.5.0/24", "10.0.9.9")
    change = {"Identity": name, "RemoteIPRanges": ranges, "Fqdn": None, "Confirm": False}
    replies = asked(
        opened(served, monkeypatch),
        Call("Set-ReceiveConnector", change),
        Call("Get-ReceiveConnector", {"Identity": name}),
    )
    practice = served.practice
    connectors = practice.organisation.connectors_of("EX16B", practice.clock.now)
    relay = next(one for one in connectors if one.name == "Relay")

    assert [reply.fault for reply in replies] == [None, None]
    assert [error.message for reply in replies for error in reply.errors] == []
    assert list(relay.ranges) == [parse_range(text) for text in ranges]
    assert len(replies[1].rows) == 1


def test_kinds_of_failure(served: FaultyEndpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """By FullyQualifiedErrorId alone: no such cmdlet for a reader, and an error that ends none."""
    shell = opened(served, monkeypatch, COLLECTOR)
    relay = {"Identity": "EX16A\\Relay", "Enabled": True, "Confirm": False}
    change, nowhere = asked(
        shell, Call("Set-ReceiveConnector", relay), Call("Get-Queue", {"Server": "NOWHERE"})
    )

    assert change.fault is not None
    assert (change.fault.kind, change.fault.id) == ("no-such-cmdlet", "CommandNotFoundException")
    assert (nowhere.rows, nowhere.fault) == ((), None)
    assert 'Exchange server "NOWHERE" was not found' in nowhere.errors[0].message


def test_no_language(served: FaultyEndpoints) -> None:
    """S8.06: an unmodified pypsrp may not send a script, and a cmdlet it may."""
    connection = WSMan(
        served["EX16A"].address,
        port=served.port,
        username="CONTOSO\\engineer",
        password=served.passwords["engineer"],
        ssl=False,
        auth="ntlm",
        path="PowerShell/",
    )
    with (
        warnings.catch_warnings(),
        connection,
        RunspacePool(connection, configuration_name="Microsoft.Exchange") as pool,
    ):
        warnings.simplefilter("ignore")  # of the library's own
        script = PowerShell(pool).add_script("Get-Queue; 1 + 1")
        script.invoke()
        cmdlet = PowerShell(pool).add_cmdlet("Get-ExchangeServer")
        cmdlet.invoke()

    assert script.state == PSInvocationState.FAILED
    assert "ScriptsNotAllowed" in script.streams.error[0].fq_error
    assert len(cmdlet.output) == len(served.practice.organisation.servers)
    assert processes(served) == []


def test_a_cmdlet_that_hangs(served: FaultyEndpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its PowerShell ends with the session, and the next one is asked in another."""
    shell = opened(served, monkeypatch)
    served.entrance.delays["ex16a"] = 60.0
    try:
        begun = time.monotonic()
        (reply,) = shell.ask([Call("Get-Queue", {"Server": "EX16A"})], seconds=3)
        took = time.monotonic() - begun
    finally:
        del served.entrance.delays["ex16a"]
    shell.close()

    assert reply.fault is not None
    assert reply.fault.kind == "timed-out"
    assert took < 3 + 2
    assert processes(served) == []
