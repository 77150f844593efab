"""Commands that people paste: a real PowerShell must read back exactly what was meant."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest

from mailflow.exchange.connectors import AuthMechanism, PermissionGroups
from mailflow.exchange.ranges import parse_range
from mailflow.steps import commands
from support import needs_powershell

NAMES = [
    r"EX16A\Relay",
    r"EX16A\a b",
    'quote " inside',
    "typographic \u201cquotes\u201d \u201e",
    "dollar $HOME $(Get-Date)",
    "back`tick `n",
    "apostrophe ' \u2019",
    "semi;colon | pipe # hash",
    "\u00c4 \u6f22 \U0001f600",
]


def test_powershell_reads_back_each_name() -> None:
    """Whatever a name holds, the pasted text means that name and runs nothing."""
    script = f"ConvertTo-Json -Compress @({','.join(commands.quoted(name) for name in NAMES)})"
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()

    done = subprocess.run(
        [needs_powershell(), "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded],
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert json.loads(done.stdout.decode("utf-8")) == NAMES


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b", "a\x00b"])
def test_names_that_cannot_be_seen_get_no_command(name: str) -> None:
    """Control, bidi and line characters would make a command lie about itself."""
    with pytest.raises(commands.Unquotable):
        commands.quoted(name)


def test_commands_name_the_whole_value() -> None:
    """A list or set of flags replaces the value, so all of it is named (S3.23, S8.60)."""
    ranges = [parse_range("10.0.0.30"), parse_range("10.0.0.32-10.0.0.40")]

    assert commands.set_ranges(r"EX16A\Relay", ranges) == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.0.30","10.0.0.32-10.0.0.40"'
    )
    assert commands.set_auth("x", AuthMechanism(17)).endswith("-AuthMechanism Tls,ExchangeServer")
    assert commands.set_groups("x", PermissionGroups(37)).endswith(
        "-PermissionGroups AnonymousUsers,ExchangeServers"
    )
    assert commands.retry(r"EX10A\1234") == r'Retry-Queue -Identity "EX10A\1234"'
