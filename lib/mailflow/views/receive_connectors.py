"""Step 3: the default connector beside the custom ones, on the endpoints that servers use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.analysis import analyze, connectors_of
from mailflow.analysis.servers import is_custom
from mailflow.exchange.connectors import (
    ReceiveConnector,
    SetupDefault,
    flag_names,
    setup_default,
)
from mailflow.exchange.range_words import ranges_in_words
from mailflow.exchange.servers import Server
from mailflow.phrases import counted, joined
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.views.together import together

_COLUMNS = {
    "connector": ("Connector", "server and name, as commands take it"),
    "listens_on": ("Listens on", "local addresses and ports; 0.0.0.0 and [::] mean all (S1.05)"),
    "ranges": ("Remote IP ranges", "clients it may accept; the most specific range wins (S1.13)"),
    "exchange_auth": ("Exchange Server auth", "offers X-ANONYMOUSTLS and X-EXPS (S3.30)"),
    "exchange_group": (
        "Exchange Servers group",
        "allows an authenticated server to submit (S3.30)",
    ),
    "differs": ("Changed from default", "changes that matter here; custom: not created by setup"),
}


def receive_connectors(org: Snapshot) -> Table:
    """Connectors on ports that servers of the organization use towards each target.

    Columns of the frame: connector, listens_on, ranges, exchange_auth, exchange_group, differs
    (string), and for code: server, custom (boolean), enabled (boolean), process (string).
    """
    import pandas as pd

    ports = _ports_in_use(org)
    rows: list[dict[str, object]] = []
    for server in org.servers:
        if not org.covers(server.name):
            continue
        connectors = connectors_of(org, server)
        wanted = [
            connector for connector in connectors if _uses(connector, ports.get(server.name, set()))
        ]
        wanted.sort(key=lambda connector: is_custom(connector, connectors))
        for connector in wanted:
            row = _row(server, connector, connectors)
            if row["enabled"] is False:
                row["connector"] = f"{row['connector']} (disabled)"
            rows.append(row)
    shown = list(_alike(rows))
    extra = ["server", "custom", "enabled", "process"]
    return Table(
        name="receive_connectors",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, *extra]).astype(
            {"custom": "boolean", "enabled": "boolean"}
        ),
        caption="What an Exchange server needs from the connector that accepts it.",
        columns=_COLUMNS,
        reading=_reading(rows),
        tones={
            (place, column): _TONES[str(row[column])]
            for place, row in enumerate(shown)
            for column in ("exchange_auth", "exchange_group")
        },
        grouped=pd.DataFrame(shown, columns=list(_COLUMNS)),
        empty="No receive connector was read.",
    )


def _alike(rows: Sequence[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Connectors that are the same on several servers as one row: `Relay on EX16A and EX16B`."""
    named = [row | {"name": _without_server(row)} for row in rows]
    alone = {(row["name"], row["server"]): row["connector"] for row in named}
    for row in together(named, ["name", "server", *list(_COLUMNS)[1:]], "server"):
        several = f"{row['name']} on {row['server']}"
        yield {**row, "connector": alone.get((row["name"], row["server"]), several)}


def _without_server(row: dict[str, object]) -> str:
    return str(row["connector"]).partition("\\")[2].replace(f" {row['server']}", "")


_TONES = {"offered": "good", "allowed": "good", "not offered": "bad", "not allowed": "bad"} | {
    "unknown": "unknown"
}


def differences(connector: ReceiveConnector, server: Server | None = None) -> list[str]:
    """What differs from the way setup makes it and matters for mail between servers (section 2)."""
    default = setup_default(connector)
    if default is None:
        return ["custom"]
    found = []
    if connector.enabled is False:
        found.append("disabled")
    if connector.auth is not None and default.auth & ~connector.auth:
        found.append(f"lacks {flag_names(default.auth & ~connector.auth)}")
    if connector.groups is not None and default.groups & ~connector.groups:
        found.append(f"lacks the group {flag_names(default.groups & ~connector.groups)}")
    modern = server is None or server.generation is None or server.generation.is_modern
    if modern and connector.role is not None and connector.role != default.role:
        found.append(f"transport role {flag_names(connector.role)}")
    found += _narrowed(connector, default, modern=modern)
    if connector.suppress_x_anonymous_tls:
        found.append("SuppressXAnonymousTls")
    return found


def _narrowed(connector: ReceiveConnector, default: SetupDefault, *, modern: bool) -> list[str]:
    found = []
    if connector.ranges_complete and not any(block.is_everything for block in connector.ranges):
        found.append("not for all remote addresses")
    # 2010, and a 2013 server with the Mailbox role alone, listen on 25 (section 2.2, S2.05).
    ports = {default.port} | ({25} if default.name == "Default {}" or not modern else set())
    bound = {binding.port for binding in connector.bindings}
    if connector.bindings_complete and bound and not bound & ports:
        found.append(f"other port ({joined(sorted(bound))})")
    if connector.bindings_complete and not any(
        binding.is_wildcard for binding in connector.bindings
    ):
        found.append("not on all local addresses")
    return found


def _ports_in_use(org: Snapshot) -> dict[str, set[int]]:
    ports: dict[str, set[int]] = {}
    for path in analyze(org).paths:
        if path.endpoint:
            ports.setdefault(path.target.name, set()).add(path.endpoint.port)
    return ports


def _uses(connector: ReceiveConnector, ports: set[int]) -> bool:
    return not connector.bindings_complete or any(
        binding.port in ports for binding in connector.bindings
    )


def _row(
    server: Server, connector: ReceiveConnector, connectors: Sequence[ReceiveConnector]
) -> dict[str, object]:
    return {
        "connector": connector.identity,
        "listens_on": ", ".join(map(str, connector.bindings)) or None,
        "ranges": ranges_in_words(connector),
        "exchange_auth": _said(connector.offers_exchange_auth, "offered"),
        "exchange_group": _said(connector.admits_exchange_servers, "allowed"),
        "differs": joined(differences(connector, server)) or "no",
        "server": server.name,
        "custom": is_custom(connector, connectors),
        "enabled": connector.enabled,
        "process": None if connector.role is None else flag_names(connector.role),
    }


def _said(truth: bool | None, word: str) -> str:
    if truth is None:
        return "unknown"
    return word if truth else f"not {word}"


def _reading(rows: Sequence[dict[str, object]]) -> str:
    sentences = []
    changed = [
        f"{row['connector']} ({row['differs']})"
        for row in rows
        if not row["custom"] and row["differs"] != "no"
    ]
    if changed:
        sentences.append(f"Changed since setup: {joined(changed)}.")
    elif any(not row["custom"] for row in rows):
        sentences.append(
            "The default connectors have their default settings (as far as relevant here)."
        )
    without = [
        str(row["connector"])
        for row in rows
        if row["custom"] and row["exchange_auth"] == "not offered" and row["enabled"] is not False
    ]
    if without:
        verb = "offers" if len(without) == 1 else "offer"
        sentences.append(
            f"{counted(len(without), 'custom connector')} {verb} no Exchange Server "
            f"authentication: {joined(without)}. That is normal for relay connectors. It "
            "matters only if an Exchange server's address is in their ranges."
        )
    return " ".join(sentences)
