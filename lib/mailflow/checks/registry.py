"""Every check, in order of likelihood for mail between Exchange servers that does not move.

The ids are public (contract, section 7). The audit's own come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from mailflow.checks import (
    anonymoustls_suppressed,
    certificate_problem,
    connector_never_answers,
    connector_tie,
    connectors_differ,
    custom_connector_shadows_default,
    errors,
    exchange_auth_missing_on_default,
    exchange_servers_group_missing,
    internal_transport_certificate,
    no_connector_answers,
    open_relay,
    planned_server_shadowed,
    poison_messages,
    queue_suspended,
    ranges_conflict,
    ranges_limit,
    ranges_redundant,
    relay_wider_than_it_looks,
    rights_denied,
    send_connector_source,
    submission_backlog,
    transport_role_conflict,
    twin_differs,
)
from mailflow.checks.check import Card, Check, Finding, State

_TOLD = {check.id: check for check in (*errors.CHECKS, internal_transport_certificate.CHECK)}

_OBSERVED = (
    "smtp-inspection",
    "source-address-translated",
    "internal-transport-certificate",
    "observed-differs",
)
"""Causes that a text names as possible and logs decide."""

_IN_ORDER = (
    custom_connector_shadows_default.CHECK,
    exchange_auth_missing_on_default.CHECK,
    exchange_servers_group_missing.CHECK,
    anonymoustls_suppressed.CHECK,
    rights_denied.CHECK,
    no_connector_answers.CHECK,
    *(_TOLD[cause] for cause in _OBSERVED),
    transport_role_conflict.CHECK,
    connector_tie.CHECK,
    certificate_problem.CHECK,
    send_connector_source.CHECK,
    queue_suspended.CHECK,
    submission_backlog.CHECK,
    poison_messages.CHECK,
    *(check for cause, check in _TOLD.items() if cause not in _OBSERVED),
    open_relay.CHECK,
    planned_server_shadowed.CHECK,
    ranges_conflict.CHECK,
    twin_differs.CHECK,
    connectors_differ.CHECK,
    connector_never_answers.CHECK,
    relay_wider_than_it_looks.CHECK,
    ranges_limit.CHECK,
    ranges_redundant.CHECK,
)

CHECKS: Mapping[str, Check] = MappingProxyType({check.id: check for check in _IN_ORDER})
"""Every check by its id."""

CARDS: Mapping[str, Card] = MappingProxyType({cause: check.card for cause, check in CHECKS.items()})
"""What is told of every cause, by its id."""

_STATES: Mapping[State, int] = {"found": 0, "unknown": 1, "clear": 2, "not-applicable": 3}
_RANKS: Mapping[str, int] = {cause: number for number, cause in enumerate(CHECKS)}


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Found before unknown before clear; what explains stuck queues first; then by likelihood.

    What harms most goes first of all in an audit, which has no queues.
    """
    return sorted(
        findings,
        key=lambda each: (
            _STATES[each.state],
            not each.queues,
            -each.harm,
            _RANKS[each.id],
            each.server.name if each.server else "",
            each.connector.identity if each.connector else "",
        ),
    )
