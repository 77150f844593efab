"""Every check, in order of likelihood for mail between Exchange servers that does not move.

The ids are public (contract, section 7). The audit's own come last.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mailflow.checks import (
    anonymoustls_suppressed,
    connector_never_answers,
    connector_tie,
    connectors_differ,
    custom_connector_shadows_default,
    errors,
    exchange_auth_missing_on_default,
    exchange_servers_group_missing,
    no_connector_answers,
    planned_server_shadowed,
    relay_wider_than_it_looks,
    transport_role_conflict,
)
from mailflow.checks.check import Card, Check

_TOLD = {check.id: check for check in errors.CHECKS}

_IN_ORDER = (
    custom_connector_shadows_default.CHECK,
    exchange_auth_missing_on_default.CHECK,
    exchange_servers_group_missing.CHECK,
    anonymoustls_suppressed.CHECK,
    no_connector_answers.CHECK,
    _TOLD["smtp-inspection"],
    _TOLD["source-address-translated"],
    _TOLD["internal-transport-certificate"],
    transport_role_conflict.CHECK,
    connector_tie.CHECK,
    *(
        check
        for cause, check in _TOLD.items()
        if cause
        not in {"smtp-inspection", "source-address-translated", "internal-transport-certificate"}
    ),
    planned_server_shadowed.CHECK,
    connectors_differ.CHECK,
    connector_never_answers.CHECK,
    relay_wider_than_it_looks.CHECK,
)

CHECKS: Mapping[str, Check] = MappingProxyType({check.id: check for check in _IN_ORDER})
"""Every check by its id."""

CARDS: Mapping[str, Card] = MappingProxyType({cause: check.card for cause, check in CHECKS.items()})
"""What is told of every cause, by its id."""
