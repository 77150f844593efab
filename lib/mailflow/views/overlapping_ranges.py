"""Step 5: the ranges of custom connectors that hold addresses of Exchange servers."""

from __future__ import annotations

from collections.abc import Sequence

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

_COLUMNS = {
    "target": ("On", "the server whose connector it is"),
    "connector": ("Connector", "a custom connector"),
    "range": ("Range", "the entry of its RemoteIPRanges"),
    "size": ("Addresses", "how many it holds"),
    "server": ("Holds", "the Exchange server whose address lies inside"),
    "address": ("Address", "that address"),
    "effect": ("Effect", "whether it changes who answers that server, and whether that is a fault"),
}


def overlapping_ranges(org: Snapshot) -> Table:
    """Every range of a custom connector that holds a server's address, faults first.

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
    return Table(
        name="overlapping_ranges",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "fault"]).astype({"fault": "boolean"}),
        caption="Custom connectors whose ranges hold an Exchange server.",
        columns=_COLUMNS,
        reading=_reading(org, rows),
        tones={(place, "effect"): "bad" for place, row in enumerate(rows) if row["fault"]},
        empty="No custom connector's range holds an address of an Exchange server.",
        pictures=rulers(org),
    )


def rulers(org: Snapshot) -> tuple[Ruler, ...]:
    """A ruler for each endpoint with a fault; without faults one for the first endpoint in use."""
    paths = analyze(org).paths
    asked = [one for one in paths if one.endpoint and one.was_asked and one.address]
    wrong = [one for one in asked if one.state == "found"]
    places: dict[tuple[str, int, int], MailPath] = {}
    for one in wrong or asked[:1]:
        if one.endpoint and one.address:
            places.setdefault((one.target.name, one.endpoint.port, one.address.version), one)
    return tuple(_ruler(one, paths) for one in places.values())


def _custom(org: Snapshot, target: Server) -> list[ReceiveConnector]:
    connectors = connectors_of(org, target)
    return [one for one in connectors if is_custom(one, connectors)]


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
    mine = [one for one in paths if one.target.server is target and one.address == address]
    caught = [one for one in mine if one.accepted_by is connector]
    fault = any(one.state == "found" and one.connector is connector for one in caught)
    if fault:
        effect = "answers this server and offers it no way in"
    elif caught and all(one.state == "clear" for one in caught):
        effect = "answers this server and lets it in: harmless"
    elif caught:
        effect = "answers this server; whether it lets it in is not known"
    elif connector.enabled is False:
        effect = "none: the connector is disabled"
    else:
        effect = "none: this server's mail does not arrive here, or another range wins"
    return {
        "target": target.name,
        "connector": connector.name,
        "range": str(block),
        "size": block.size,
        "server": server.name,
        "address": str(address),
        "effect": effect,
        "fault": fault,
    }


def _reading(org: Snapshot, rows: Sequence[dict[str, object]]) -> str:
    sentences = []
    faults = [row for row in rows if row["fault"]]
    if faults:
        where = joined(dict.fromkeys(f"{row['target']}\\{row['connector']}" for row in faults))
        which = joined(dict.fromkeys(f"{row['address']} ({row['server']})" for row in faults))
        entries = counted(len(faults), "overlap changes", "overlaps change")
        sentences.append(f"{entries} who answers a server: {which} on {where}.")
    elif rows:
        sentences.append("No overlap changes how a server is treated.")
    cut = [one.identity for one in org.connectors if not one.ranges_complete]
    if cut:
        sentences.append(f"Not all ranges were read: {joined(cut)}; an address may hide there.")
    return " ".join(sentences)


def _ruler(path: MailPath, paths: Sequence[MailPath]) -> Ruler:
    if path.endpoint is None or path.address is None:
        raise ValueError("a ruler needs an endpoint and an address")
    port, family = path.endpoint.port, path.address.version
    pins = [
        Pin(
            label=one.sender.name,
            address_label=str(one.address),
            address=int(one.address),
            tone=_TONE[one.state],
            answered_by=one.accepted_by.name if one.accepted_by else "",
        )
        for one in paths
        if one.target is path.target
        and one.endpoint == path.endpoint
        and one.address is not None
        and one.address.version == family
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
