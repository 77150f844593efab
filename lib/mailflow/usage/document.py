"""The result of `mailflow usage` for programs: the document of `--json`."""

from __future__ import annotations

from typing import Any

from mailflow.usage.combine import Client
from mailflow.usage.coverage import Covered
from mailflow.usage.lists import Beside, Differing, ElementUse
from mailflow.usage.narrow import Narrowed, claim
from mailflow.usage.report import Usage

SCHEMA = "mailflow.usage/1"


def usage_json(found: Usage) -> dict[str, Any]:
    """The document of `mailflow usage --json`."""
    beside = found.beside or Beside()
    return {
        "schema": SCHEMA,
        "simulated": found.simulated,
        "complete": found.is_complete,
        "days": found.period.days,
        "files": {
            "parts": len(found.logs.parts),
            "read": found.logs.read,
            "others": found.logs.others,
            "lost_lines": sum(part.lost for part in found.logs.parts),
        },
        "missing": [{"file": each.name, "why": each.why} for each in found.logs.missing],
        "covered": [_covered_json(row) for row in found.covered],
        "clients": [_client_json(found, each) for each in found.clients],
        "recipients_not_told": found.not_told or None,
        "internal_sessions": found.logs.told.internal,
        "unused": list(map(_element_json, beside.unused)),
        "elements": list(map(_element_json, beside.elements)),
        "differing": list(map(_differing_json, beside.differing)),
        "undecided": list(map(_differing_json, beside.undecided)),
        "narrowed": _narrowed_json(found.narrowed) if found.narrowed else None,
    }


def _client_json(found: Usage, client: Client) -> dict[str, Any]:
    return {
        "connector": client.connector,
        "client": client.address,
        "name": found.names.get(client.address),
        "ehlo": list(client.names),
        "port": client.port,
        "proxied": client.proxied,
        "first": f"{client.first}Z",
        "last": f"{client.last}Z",
        "sessions": client.sessions,
        "messages": client.messages,
        "tls": client.tls,
        "authenticated": client.authenticated,
        "exchange_authenticated": client.exchange,
        "anonymous": client.anonymous,
        "recipients": {
            "inside": client.inside,
            "outside": client.outside,
            "untold": client.untold,
            "domains": list(client.domains),
        },
        "ended": dict(client.ended),
        "hours": {each.hour: [each.sessions, each.messages] for each in client.hours},
    }


def _covered_json(row: Covered) -> dict[str, Any]:
    return {
        "server": row.server,
        "connector": row.connector,
        "service": row.service or None,
        "from": row.since.isoformat() if row.since else None,
        "until": row.until.isoformat() if row.until else None,
        "level": row.level or None,
        "changed": row.changed.isoformat() if row.changed else None,
        "gaps": [[gap.since.isoformat(), gap.until.isoformat()] for gap in row.gaps],
        "whole": row.is_whole,
        "against": list(row.against),
        "trusted_from": row.trusted_from.date().isoformat() if row.trusted_from else None,
        "commands": list(row.commands),
        "rollback": list(row.rollback),
    }


def _element_json(each: ElementUse) -> dict[str, Any]:
    return {
        "connector": each.connector,
        "element": str(each.element),
        "state": each.state,
        "addresses": each.element.size,
        "clients": list(each.clients),
        "sessions": each.sessions,
        "messages": each.messages,
    }


def _differing_json(each: Differing) -> dict[str, Any]:
    return {
        "client": each.client.address,
        "connector": each.client.connector,
        "predicted": each.predicted or None,
        "last": f"{each.client.last}Z",
        "why": each.why,
    }


def _narrowed_json(narrowed: Narrowed) -> dict[str, Any]:
    proof = narrowed.proof
    return {
        "connector": narrowed.connector,
        "addresses": {"before": narrowed.before, "after": narrowed.size if proof else None},
        "ranges": [str(each) for each in narrowed.after] if proof else None,
        "kept": [each.address for each in narrowed.kept],
        "claim": claim(narrowed) if proof else None,
        "why_not": list(narrowed.why_not),
        "changes": [edit.as_json() for edit in proof.changes] if proof else [],
        "proof": proof.as_json() if proof else None,
    }
