"""What a finding was found on, as one short text: equal as long as nothing of it changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mailflow.checks.check import ConnectorWords, Finding
from mailflow.exchange.connectors import ReceiveConnector

_DIGITS = 16


def fingerprint(finding: Finding) -> str:
    """Sixteen hexadecimal digits over what is found.

    In it: the cause, server, connector and the settings of the connector that checks judge; the
    servers whose mail it concerns, their addresses and the ports; the next hops of its queues where
    no configuration is at fault; what the evidence says where no queue is part of it. Not in it:
    times, message counts and numbers of queues, which differ from night to night, the order in
    which anything was read, and upper or lower case.
    """
    connector = finding.connector
    content = {
        "cause": finding.id,
        "server": finding.server.name.casefold() if finding.server else None,
        "connector": _settings(connector) if connector else None,
        "senders": sorted(name.casefold() for name in finding.senders),
        "addresses": sorted(map(str, finding.addresses)),
        "ports": sorted({path.endpoint.port for path in finding.paths if path.endpoint}),
        "hops": _hops(finding),
        "evidence": _evidence(finding),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _settings(connector: ReceiveConnector) -> dict[str, Any]:
    """What mail paths are judged by; other settings are not in every form of export."""
    return {
        "identity": connector.identity.casefold(),
        "enabled": connector.enabled,
        "role": str(connector.role),
        "bindings": sorted(map(str, connector.bindings)),
        "ranges": sorted((block.family, block.first, block.last) for block in connector.ranges),
        "whole": [connector.bindings_complete, connector.ranges_complete],
        "auth": str(connector.auth),
        "groups": str(connector.groups),
        "suppress": connector.suppress_x_anonymous_tls,
    }


def _hops(finding: Finding) -> list[list[str]]:
    if finding.connector or finding.paths:
        return []
    queues = (case.queue for case in finding.queues)
    return [
        list(hop)
        for hop in sorted(
            {(each.server.casefold(), each.next_hop_domain.casefold()) for each in queues}
        )
    ]


def _evidence(finding: Finding) -> str:
    """A sentence about queues counts messages."""
    told = isinstance(finding.evidence, ConnectorWords) and not finding.queues
    return finding.evidence.reading if told else ""  # type: ignore[attr-defined]
