"""Step 5: the ranges of custom connectors that contain addresses of Exchange servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mailflow.analysis.analysis import addresses_of, analyze, connectors_of
from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import is_custom
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange
from mailflow.exchange.servers import Server
from mailflow.phrases import counted, joined
from mailflow.picture import Pin, Ruler, Tone
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.views.rulers import ruler_of
from mailflow.views.together import together

_COLUMNS = {
    "target": ("On", "the server whose connector it is"),
    "connector": ("Connector", "a custom connector"),
    "range": ("Range", "the entry of its RemoteIPRanges"),
    "size": ("Addresses", "how many it contains"),
    "server": ("Contains", "the Exchange server whose address is in the range"),
    "address": ("Address", "that address"),
    "effect": ("Effect", "whether it changes which connector handles that server: a fault or not"),
}


def overlapping_ranges(org: Snapshot) -> Table:
    """Every range of a custom connector that contains a server's address, faults first.

    Overlap with the default connector is by design; it is a fault only where it changes how a
    server is treated (S1.02). Columns of the frame: target, connector, range (string), size
    (object, integers), server, address, effect (string), and for code: fault (boolean).
    """
    import pandas as pd

    paths = analyze(org).paths
    rows = [
        _row(target, connector, block, server, address, paths)
        for target in org.servers
        if org.covers(target.name)
        for connector in _custom(org, target)
        for server in org.servers
        for address in addresses_of(org, server)
        if (block := _smallest(connector, address)) is not None
    ]
    rows.sort(key=lambda row: not row["fault"])
    shown = list(together(rows, [*_COLUMNS, "fault"], "target"))
    return Table(
        name="overlapping_ranges",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "fault"]).astype({"fault": "boolean"}),
        caption="Custom connectors whose ranges contain an Exchange server.",
        columns=_COLUMNS,
        reading=_reading(org, rows),
        tones={(place, "effect"): "bad" for place, row in enumerate(shown) if row["fault"]},
        grouped=pd.DataFrame(shown, columns=[*_COLUMNS, "fault"]),
        empty="No custom connector's range contains an address of an Exchange server.",
        pictures=rulers(org),
    )


def rulers(org: Snapshot) -> tuple[Ruler, ...]:
    """A ruler for each endpoint with a fault; without faults one for the first endpoint in use."""
    paths = analyze(org).paths
    asked = [path for path in paths if path.endpoint and path.was_asked and path.address]
    wrong = [path for path in asked if path.state == "found"]
    places: dict[tuple[str, int, int], MailPath] = {}
    for path in wrong or asked[:1]:
        if path.endpoint and path.address:
            places.setdefault((path.target.name, path.endpoint.port, path.address.version), path)
    return tuple(_alike(_ruler(path, paths) for path in places.values()))


def _alike(rulers: Iterable[Ruler]) -> Iterator[Ruler]:
    """Servers whose rulers are the same as one, with the connectors' names without theirs."""
    groups: dict[Ruler, list[Ruler]] = {}
    for ruler in rulers:
        groups.setdefault(_plain(ruler), []).append(ruler)
    for plain, mine in groups.items():
        several = replace(plain, server=joined(each.server for each in mine))
        yield several if len(mine) > 1 else mine[0]


def _plain(ruler: Ruler) -> Ruler:
    end = f" {ruler.server}"
    lanes = (replace(lane, connector=lane.connector.removesuffix(end)) for lane in ruler.lanes)
    pins = (
        replace(pin, answered_by=pin.answered_by and pin.answered_by.removesuffix(end))
        for pin in ruler.pins
    )
    reading = ruler.reading.replace(end, "")
    return replace(ruler, server="", lanes=tuple(lanes), pins=tuple(pins), reading=reading)


def _custom(org: Snapshot, target: Server) -> list[ReceiveConnector]:
    connectors = connectors_of(org, target)
    return [connector for connector in connectors if is_custom(connector, connectors)]


def _smallest(connector: ReceiveConnector, address: Address) -> AddressRange | None:
    holding = [block for block in connector.ranges if address in block]
    return min(holding, key=lambda block: block.size, default=None)


def _row(
    target: Server,
    connector: ReceiveConnector,
    block: AddressRange,
    server: Server,
    address: Address,
    paths: Sequence[MailPath],
) -> dict[str, object]:
    mine = [path for path in paths if path.target.server is target and path.address == address]
    caught = [path for path in mine if path.accepted_by is connector]
    faults = {
        path.cause for path in caught if path.state == "found" and path.connector is connector
    }
    if "custom-connector-shadows-default" in faults:
        effect = "accepts this server but offers no Exchange Server authentication"
    elif faults:
        effect = "accepts this server, but mail from it fails; see the findings"
    elif caught and all(path.state == "clear" for path in caught):
        effect = "accepts this server and offers what it needs: no fault"
    elif caught:
        effect = "accepts this server; whether mail from it works could not be determined"
    elif connector.enabled is False:
        effect = "none: the connector is disabled"
    else:
        effect = "none: mail from this server does not arrive here, or another range wins"
    return {
        "target": target.name,
        "connector": connector.name,
        "range": str(block),
        "size": block.size,
        "server": server.name,
        "address": str(address),
        "effect": effect,
        "fault": bool(faults),
    }


def _reading(org: Snapshot, rows: Sequence[dict[str, object]]) -> str:
    sentences = []
    faults = [row for row in rows if row["fault"]]
    if faults:
        where = joined(dict.fromkeys(f"{row['target']}\\{row['connector']}" for row in faults))
        which = joined(dict.fromkeys(f"{row['address']} ({row['server']})" for row in faults))
        entries = counted(len(faults), "overlap changes", "overlaps change")
        sentences.append(f"{entries} which connector handles a server: {which} on {where}.")
    elif rows:
        sentences.append("No overlap changes how a server is handled.")
    cut = [connector.identity for connector in org.connectors if not connector.ranges_complete]
    if cut:
        sentences.append(f"The ranges of {joined(cut)} are incomplete in the data.")
    return " ".join(sentences)


def _ruler(path: MailPath, paths: Sequence[MailPath]) -> Ruler:
    if path.endpoint is None or path.address is None:
        raise ValueError("a ruler needs an endpoint and an address")
    port, family = path.endpoint.port, path.address.version
    pins = [
        Pin(
            label=arrival.sender.name,
            address_label=str(arrival.address),
            address=int(arrival.address),
            tone=_TONE[arrival.state],
            answered_by=arrival.accepted_by.name if arrival.accepted_by else "",
        )
        for arrival in paths
        if arrival.target is path.target
        and arrival.endpoint == path.endpoint
        and arrival.address is not None
        and arrival.address.version == family
    ]
    return ruler_of(
        path.target.server,
        path.target.connectors,
        pins,
        port=port,
        family=4 if family == 4 else 6,
        process=path.endpoint.process,
    )


_TONE: dict[str, Tone] = {"found": "bad", "unknown": "unknown", "clear": "good"}
