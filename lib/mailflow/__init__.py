"""mailflow: from stuck Exchange queues to the cause, with evidence.

The names a notebook needs, each imported when it is first used, so that the command line starts
without pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mailflow.version import __version__

if TYPE_CHECKING:
    from mailflow.closing import conclude, mail_flow
    from mailflow.errors import InputError, MailflowError, UsageError
    from mailflow.interactive import address_explorer, choose_queues, confirm_box, progress
    from mailflow.opening import open_source as open  # noqa: A004 - mailflow.open reads well
    from mailflow.repairing import (
        apply_changes,
        conclude_repair,
        queues_to_retry,
        repair_flow,
        unfinished,
        what_changed,
    )
    from mailflow.show.chart import range_ruler
    from mailflow.training.lab import practice
    from mailflow.using import conclude_usage, use_by_day
    from mailflow.using import usage as relay_usage
    from mailflow.views.answering_connectors import answering_connectors
    from mailflow.views.audit import audit
    from mailflow.views.audit_connectors import audit_connectors
    from mailflow.views.audit_names import same_names
    from mailflow.views.audit_results import audit_results
    from mailflow.views.audit_silence import connector_reach
    from mailflow.views.change_request import (
        change_commands,
        other_ways,
        proposed_change,
        rollback,
    )
    from mailflow.views.findings import findings
    from mailflow.views.last_errors import last_errors
    from mailflow.views.not_read import not_read
    from mailflow.views.overlapping_ranges import overlapping_ranges
    from mailflow.views.proposal import prove_proposal as prove
    from mailflow.views.queues import non_empty_queues
    from mailflow.views.receive_connectors import receive_connectors
    from mailflow.views.remedy import remedy
    from mailflow.views.servers_left import servers_left
    from mailflow.views.twin_report import twin
    from mailflow.views.twin_tables import (
        twin_commands,
        twin_differences,
        twin_further,
        twin_result,
        twin_rollback,
    )

__all__ = [
    "InputError",
    "MailflowError",
    "UsageError",
    "__version__",
    "address_explorer",
    "answering_connectors",
    "apply_changes",
    "audit",
    "audit_connectors",
    "audit_results",
    "change_commands",
    "choose_queues",
    "conclude",
    "conclude_repair",
    "conclude_usage",
    "confirm_box",
    "connector_reach",
    "findings",
    "last_errors",
    "mail_flow",
    "non_empty_queues",
    "not_read",
    "open",
    "other_ways",
    "overlapping_ranges",
    "practice",
    "progress",
    "proposed_change",
    "prove",
    "queues_to_retry",
    "range_ruler",
    "receive_connectors",
    "relay_usage",
    "remedy",
    "repair_flow",
    "rollback",
    "same_names",
    "servers_left",
    "twin",
    "twin_commands",
    "twin_differences",
    "twin_further",
    "twin_result",
    "twin_rollback",
    "unfinished",
    "use_by_day",
    "what_changed",
]

_HOMES = {
    "InputError": "errors",
    "MailflowError": "errors",
    "UsageError": "errors",
    "address_explorer": "interactive",
    "answering_connectors": "views.answering_connectors",
    "apply_changes": "repairing",
    "audit": "views.audit",
    "audit_connectors": "views.audit_connectors",
    "audit_results": "views.audit_results",
    "change_commands": "views.change_request",
    "choose_queues": "interactive",
    "conclude": "closing",
    "conclude_repair": "repairing",
    "conclude_usage": "using",
    "confirm_box": "interactive",
    "connector_reach": "views.audit_silence",
    "findings": "views.findings",
    "last_errors": "views.last_errors",
    "mail_flow": "closing",
    "non_empty_queues": "views.queues",
    "not_read": "views.not_read",
    "open": "opening",
    "other_ways": "views.change_request",
    "overlapping_ranges": "views.overlapping_ranges",
    "practice": "training.lab",
    "progress": "interactive",
    "proposed_change": "views.change_request",
    "prove": "views.proposal",
    "queues_to_retry": "repairing",
    "range_ruler": "show.chart",
    "receive_connectors": "views.receive_connectors",
    "relay_usage": "using",
    "remedy": "views.remedy",
    "repair_flow": "repairing",
    "rollback": "views.change_request",
    "same_names": "views.audit_names",
    "servers_left": "views.servers_left",
    "twin": "views.twin_report",
    "twin_commands": "views.twin_tables",
    "twin_differences": "views.twin_tables",
    "twin_further": "views.twin_tables",
    "twin_result": "views.twin_tables",
    "twin_rollback": "views.twin_tables",
    "unfinished": "repairing",
    "use_by_day": "using",
    "what_changed": "repairing",
}
_OTHER_NAMES = {"open": "open_source", "prove": "prove_proposal", "relay_usage": "usage"}
"""Names that read well behind `mailflow.`, and what they are called where they stand."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - functions and classes alike
    """Import a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mailflow' has no attribute {name!r}")
    home = import_module(f"mailflow.{_HOMES[name]}")
    return getattr(home, _OTHER_NAMES.get(name, name))


def __dir__() -> list[str]:
    """All public names, for tab completion."""
    return sorted(__all__)
