"""One connector's list of remote ranges on the server: read, set, read back.

A Set writes to one domain controller, and others know of it later; so the list is read from the one
that is written to, before and after (S8.66). The whole list replaces the old one (S8.60), so it is
set only while the server still has the list that was proven (S8.68).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailflow.apply.journal import texts
from mailflow.apply.live import LiveOrganisation, failure
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange
from mailflow.snapshot import Snapshot
from mailflow.sources import tables
from mailflow.sources.row import Reading
from mailflow.sources.shell import Call

WRITE = "Set-ReceiveConnector"


@dataclass(frozen=True, slots=True)
class Seen:
    """A connector as its server shows it.

    Attributes:
        connector: None where it could not be read.
        controller: the domain controller that was asked; empty: not told.
        why: why it could not be read; a line.
    """

    connector: ReceiveConnector | None
    controller: str = ""
    why: str = ""

    @property
    def ranges(self) -> tuple[AddressRange, ...] | None:
        """Its list; None where it was not read to the end."""
        one = self.connector
        return one.ranges if one is not None and one.ranges_complete else None


def in_snapshot(org: Snapshot, identity: str) -> tuple[AddressRange, ...] | None:
    """A connector's list in a snapshot; None where it was not read to the end."""
    wanted = identity.casefold()
    found = next((one for one in org.connectors if one.identity.casefold() == wanted), None)
    return Seen(found).ranges


def read(live: LiveOrganisation, identity: str, controller: str = "") -> Seen:
    r"""Read one connector, `SERVER\Name`, in a session on its own server.

    Args:
        live: the organisation.
        identity: the connector; never empty, or all would come (S8.59).
        controller: the domain controller to ask; empty: the one the session has.
    """
    parameters = {"Identity": identity} | ({"DomainController": controller} if controller else {})
    reply = live.ask(identity.partition("\\")[0], Call(tables.CONNECTORS, parameters))
    fault = failure(reply)
    if fault:
        return Seen(None, controller, one_line(fault.message))
    server = identity.partition("\\")[0]
    rows = [replace(row, cmdlet=tables.CONNECTORS, named_server=server) for row in reply.rows]
    found = tables.assemble(
        Reading(rows=rows, cmdlets={tables.CONNECTORS}), origin=live.source
    ).connectors
    if len(found) != 1 or found[0].identity.casefold() != identity.casefold():
        named = ", ".join(one.identity for one in found) or "nothing"
        return Seen(None, controller, f"asked for {identity}, Exchange gave {named}")
    if not found[0].ranges_complete:
        return Seen(None, controller, f"{identity}: its list did not come whole")
    told = rows[0].values.get("OriginatingServer")
    return Seen(found[0], controller or (told if isinstance(told, str) else ""))


def write(
    live: LiveOrganisation, identity: str, ranges: tuple[AddressRange, ...], controller: str
) -> str:
    """Set a connector's list; what came against it, a line, empty where nothing did.

    Says nothing of what is there now: read it back.
    """
    parameters: dict[str, str | bool | tuple[str, ...]] = {
        "Identity": identity,
        "RemoteIPRanges": texts(ranges),
        "Confirm": False,
    }
    if controller:
        parameters["DomainController"] = controller
    fault = failure(live.ask(identity.partition("\\")[0], Call(WRITE, parameters)))
    return one_line(fault.message) if fault else ""


def one_line(text: str) -> str:
    """A message of the far side without its line breaks."""
    return " ".join(text.split())
