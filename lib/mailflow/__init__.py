"""mailflow: from stuck Exchange queues to the cause, with evidence.

The names a notebook needs, each imported when it is first used, so that the command line starts
without pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailflow.closing import conclude
    from mailflow.errors import InputError, MailflowError, UsageError
    from mailflow.opening import open_source as open  # noqa: A004 - mailflow.open reads well
    from mailflow.show.chart import queue_chart, range_ruler
    from mailflow.steps.answering_connectors import answering_connectors
    from mailflow.steps.audit import audit
    from mailflow.steps.audit_connectors import audit_connectors
    from mailflow.steps.audit_names import same_names
    from mailflow.steps.audit_results import audit_results
    from mailflow.steps.audit_silence import connector_reach
    from mailflow.steps.findings import findings
    from mailflow.steps.last_errors import last_errors
    from mailflow.steps.not_read import not_read
    from mailflow.steps.overlapping_ranges import overlapping_ranges
    from mailflow.steps.queues import non_empty_queues
    from mailflow.steps.receive_connectors import receive_connectors
    from mailflow.steps.remedy import remedy

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "MailflowError",
    "UsageError",
    "__version__",
    "answering_connectors",
    "audit",
    "audit_connectors",
    "audit_results",
    "conclude",
    "connector_reach",
    "findings",
    "last_errors",
    "non_empty_queues",
    "not_read",
    "open",
    "overlapping_ranges",
    "queue_chart",
    "range_ruler",
    "receive_connectors",
    "remedy",
    "same_names",
]

_HOMES = {
    "InputError": "errors",
    "MailflowError": "errors",
    "UsageError": "errors",
    "answering_connectors": "steps.answering_connectors",
    "audit": "steps.audit",
    "audit_connectors": "steps.audit_connectors",
    "audit_results": "steps.audit_results",
    "conclude": "closing",
    "connector_reach": "steps.audit_silence",
    "findings": "steps.findings",
    "last_errors": "steps.last_errors",
    "non_empty_queues": "steps.queues",
    "not_read": "steps.not_read",
    "open": "opening",
    "overlapping_ranges": "steps.overlapping_ranges",
    "queue_chart": "show.chart",
    "range_ruler": "show.chart",
    "receive_connectors": "steps.receive_connectors",
    "remedy": "steps.remedy",
    "same_names": "steps.audit_names",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - functions and classes alike
    """Import a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mailflow' has no attribute {name!r}")
    home = import_module(f"mailflow.{_HOMES[name]}")
    return getattr(home, "open_source" if name == "open" else name)


def __dir__() -> list[str]:
    """All public names, for tab completion."""
    return sorted(__all__)
