"""Data that was not read, and the command that fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailflow.exchange.cmdlets import SPECS
from mailflow.exchange.commands import filled, is_quotable
from mailflow.snapshot import Unread

CONNECTORS = "Get-ReceiveConnector"
SERVERS = "Get-ExchangeServer"
SETTINGS = "Get-TransportService"
QUEUES = "Get-Queue"
RIGHTS = "Get-ADPermission"
ADDRESSES = "addresses.csv"


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that was not read.

    Attributes:
        server: short name of the server it belongs to; empty: of no one server, or not known which.
        cmdlet: what would give it; `addresses.csv` for addresses that no cmdlet was asked for.
        property_name: the property that is missing; empty: all of the output.
        reason: why it is missing, in words.
    """

    server: str
    cmdlet: str
    property_name: str = ""
    reason: str = ""

    @property
    def command(self) -> str:
        """What to export, or the line to fill in; empty where nothing is known to help."""
        if self.cmdlet == ADDRESSES:
            return f"{self.server},<IP address>" if self.server else ""
        template = _COMMANDS.get(self.cmdlet, "")
        if self.server and is_quotable(self.server):
            return filled(template, {"server": self.server})
        template = template.replace(_OF_SERVER, "")
        return "" if "{server}" in template else template  # some are asked about one server alone

    @property
    def shows(self) -> str:
        """What shows the addresses of the server to a person; empty where nothing does."""
        template = "Get-NetworkConnectionInfo {server} | Format-List Name, IPAddresses"
        known = self.server and is_quotable(self.server)
        return filled(template, {"server": self.server}) if known else ""

    @property
    def how(self) -> str:
        """What to do with the command."""
        if self.cmdlet == ADDRESSES:
            return "Add the server's address to addresses.csv (server,address), then rerun:"
        return "Export it in full, then rerun:"


def missing_of(row: Unread) -> Missing:
    """A row of a snapshot's missing data: the cmdlet and the property in `what` apart."""
    cmdlet, _, rest = row.what.partition(" ")
    known = {"addresses": (ADDRESSES, ""), "version": (SERVERS, "AdminDisplayVersion")}
    return Missing(row.server, *known.get(row.what, (cmdlet, rest)), row.why)


_COMMANDS: Mapping[str, str] = {
    **{spec.name: spec.export for spec in SPECS.values()},
    **{spec.older: spec.export.replace(spec.name, spec.older) for spec in SPECS.values()},
}

_OF_SERVER = " -Server {server}"
