"""One connector's values on the server: read, set, read back.

A Set writes to one domain controller, and others know of it later; so the values are read from the
one that is written to, before and after (S8.66). A value replaces the old one whole (S3.23, S8.60),
so it is set only while the server still has the one that was proven (S8.68). All parameters of a
command are set by one call: Exchange looks at the whole connector (S8.65), and takes some values
only together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mailflow.analysis.change import Parameter, SettingValue, is_read, printed
from mailflow.apply.live import LiveOrganisation, failure
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.phrases import joined
from mailflow.plain import unbroken
from mailflow.snapshot import Snapshot
from mailflow.sources import tables
from mailflow.sources.row import Reading
from mailflow.sources.shell import Argument, Call

WRITE = "Set-ReceiveConnector"


@dataclass(frozen=True, slots=True)
class LiveConnector:
    """A connector as its server shows it.

    Attributes:
        connector: None where it could not be read, or not all values that were asked for.
        controller: the domain controller that was asked; empty: not told.
        why: why it could not be read; a line.
    """

    connector: ReceiveConnector | None
    controller: str = ""
    why: str = ""


def in_snapshot(
    org: Snapshot, identity: str, parameters: Iterable[Parameter]
) -> ReceiveConnector | None:
    """A connector in a snapshot; None where not all of these values were read, to the end."""
    wanted = identity.casefold()
    found = next(
        (connector for connector in org.connectors if connector.identity.casefold() == wanted), None
    )
    return None if found is None or _unread(found, parameters) else found


def read(
    live: LiveOrganisation, identity: str, parameters: Iterable[Parameter], controller: str = ""
) -> LiveConnector:
    r"""Read one connector, `SERVER\Name`, in a session on its own server.

    Args:
        live: the organization.
        identity: the connector; never empty, or all would come (S8.59).
        parameters: what has to be known of it.
        controller: the domain controller to ask; empty: the one the session has.
    """
    given = {"Identity": identity} | ({"DomainController": controller} if controller else {})
    server = identity.partition("\\")[0]
    reply = live.ask(server, Call(tables.CONNECTORS, given))
    fault = failure(reply)
    if fault:
        return LiveConnector(None, controller, unbroken(fault.message))
    rows = [replace(row, cmdlet=tables.CONNECTORS, named_server=server) for row in reply.rows]
    found = tables.assemble(
        Reading(rows=rows, cmdlets={tables.CONNECTORS}), origin=live.source
    ).connectors
    if len(found) != 1 or found[0].identity.casefold() != identity.casefold():
        named = ", ".join(connector.identity for connector in found) or "nothing"
        return LiveConnector(None, controller, f"asked for {identity}, Exchange gave {named}")
    unread = _unread(found[0], parameters)
    if unread:
        return LiveConnector(
            None, controller, f"{joined(unread)} of {identity} could not be read whole"
        )
    told = rows[0].values.get("OriginatingServer")
    return LiveConnector(found[0], controller or (told if isinstance(told, str) else ""))


def setting(identity: str, values: Mapping[Parameter, SettingValue], controller: str = "") -> Call:
    """The one call that sets all of these values."""
    parameters: dict[str, Argument] = {"Identity": identity}
    parameters |= {name: argument(name, value) for name, value in values.items()}
    parameters["Confirm"] = False
    if controller:
        parameters["DomainController"] = controller
    return Call(WRITE, parameters)


def write(
    live: LiveOrganisation, identity: str, values: Mapping[Parameter, SettingValue], controller: str
) -> str:
    """Set a connector's values; what came against it, a line, empty where nothing did.

    Says nothing of what is there now: read it back.
    """
    call = setting(identity, values, controller)
    fault = failure(live.ask(identity.partition("\\")[0], call))
    return unbroken(fault.message) if fault else ""


def argument(parameter: Parameter, value: SettingValue) -> Argument:
    """A value as the cmdlet takes it: a list of texts, a truth, flags as text; no Fqdn is $null."""
    form = printed(value)
    if isinstance(form, list):
        return tuple(form)
    return None if parameter == "Fqdn" and form == "" else form


def _unread(connector: ReceiveConnector, parameters: Iterable[Parameter]) -> list[Parameter]:
    return [name for name in parameters if not is_read(connector, name)]
