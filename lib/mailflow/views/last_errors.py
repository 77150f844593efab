"""Step 2: the LastError of each queue, decoded."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.queues import is_stuck
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.causes import explain, who_said_it
from mailflow.exchange.last_error import LastError, parse
from mailflow.exchange.queues import Queue
from mailflow.phrases import counted, joined
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.views.queues import none_of_the_queues, queues_of
from mailflow.views.together import together

_COLUMNS = {
    "queue": ("Queue", "server and number"),
    "code": ("Code", "reply code of the innermost level: it carries the cause (section 6.3)"),
    "message": ("Innermost message", "its text, as printed"),
    "said_by": ("Who said it", "the target, or the sender about the target"),
    "points_to": (
        "Points to",
        "causes that fit the text; several if it does not show which",
    ),
    "host": ("Host", "the host that the error names"),
}

_MOST_TITLES = 3
"""More causes than that are counted."""


def last_errors(org: Snapshot, min_messages: int = 1) -> Table:
    """The errors of the stuck queues, innermost level first in the frame's order of queues.

    Columns of the frame: queue, code, message, said_by, points_to, host (string), and for code:
    chain, cause, candidates, text, stuck. Queues that move may still carry an old error (S4.42);
    they are not shown.
    """
    import pandas as pd

    stuck = [queue for queue in queues_of(org) if is_stuck(queue, min_messages)]
    stuck.sort(key=lambda queue: (-(queue.message_count or 0), queue.identity))
    rows = [_row(queue) for queue in stuck]
    shown = list(together(rows, [*_COLUMNS, "cause"], "queue"))
    extra = ["chain", "cause", "candidates", "text"]
    return Table(
        name="last_errors",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, *extra]),
        caption=f"Decoded LastError of {counted(len(rows), 'stuck queue')} (innermost error).",
        columns=_COLUMNS,
        reading=_reading(rows),
        tones={
            (place, "points_to"): "unknown"
            for place, row in enumerate(shown)
            if row["cause"] is None or row["cause"] == "unrecognised-error"
        },
        grouped=pd.DataFrame(shown, columns=[*_COLUMNS, "cause"]),
        empty=none_of_the_queues(org, "is stuck"),
    )


def _row(queue: Queue) -> dict[str, object]:
    error = parse(queue.last_error or "")
    says = explain(error)
    causes = (says.cause,) if says.cause else says.candidates
    empty = not (queue.last_error or "").strip()
    if empty:
        message = "nothing was printed" if queue.last_error is not None else None
    else:
        message = error.inner_text or error.text
    return {
        "queue": queue.identity,
        "code": _code(error) or None,
        "message": message,
        "said_by": who_said_it(error) or None,
        "points_to": _points_to(causes) or None,
        "host": error.fqdn or error.ip or error.last_endpoint or "not named",
        "chain": " | ".join(error.chain),
        "cause": says.cause,
        "candidates": ", ".join(says.candidates),
        "is_exchange_auth": says.is_exchange_auth,
        "text": queue.last_error,
    }


def _points_to(causes: Sequence[str]) -> str:
    """The titles of up to three causes; more are counted, for the verdict names the right one."""
    if len(causes) > _MOST_TITLES:
        return f"{len(causes)} possible causes; see the verdict"
    return joined(CAUSES[cause].title for cause in causes)


def _code(error: LastError) -> str:
    inner = (error.inner_code, error.inner_enhanced)
    outer = (error.outer_code, error.outer_enhanced)
    return " ".join(part for part in (inner if any(inner) else outer) if part)


def _reading(rows: list[dict[str, object]]) -> str:
    sentences = []
    if any(row["is_exchange_auth"] for row in rows):
        sentences.append(
            "The target did not reject the sender. The sender found neither X-ANONYMOUSTLS nor "
            "X-EXPS in the EHLO response and gave up. A connector other than the default one has "
            "probably accepted the connection."
        )
    empty = [str(row["queue"]) for row in rows if not str(row["text"] or "").strip()]
    if empty:
        sentences.append(f"{joined(empty)}: no error text, so the cause is unknown.")
    return " ".join(sentences)
