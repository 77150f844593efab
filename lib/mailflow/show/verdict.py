"""The head of a report: what was found, what waits, what to do. The first screen is enough."""

from __future__ import annotations

import re

from mailflow.plain import one_line, visible
from mailflow.show import words
from mailflow.show.markup import Markup, fill
from mailflow.show.terminal import screen
from mailflow.views import alike
from mailflow.views.verdict import Diagnosis, missing_in_words

SLOT = '<div class="mf-picture"></div>'
"""Where a report puts the mail-flow picture: below the verdict, before what to do."""

MOST_UNREAD = 5
"""More rows than this stand in the report's last section only."""


def verdict_card(diagnosis: Diagnosis, ticket: str = "", word: str = "") -> Markup:
    """The findings as the card that stands over a report and closes a notebook.

    Args:
        diagnosis: what the findings add up to.
        ticket: number of the ticket, as the engineer gave it; hostile like all text.
        word: what stands over the summary; empty: the verdict's own.
    """
    from markupsafe import Markup as Trusted

    changes, retries = words.repairs(diagnosis.repair)
    missing = missing_in_words(diagnosis.untold)
    html = fill(
        "verdict.html.j2",
        meta=[
            one_line(part)
            for part in (ticket, words.read_when(diagnosis), _origin(diagnosis))
            if part
        ],
        simulated=words.simulated(diagnosis.origin) if diagnosis.is_simulated else "",
        verdict=diagnosis.verdict,
        word=word or words.over(diagnosis),
        headline=one_line(diagnosis.headline),
        summary=_emphasised(diagnosis),
        stuck=words.stuck(diagnosis.stuck) if diagnosis.stuck else "",
        remedies=words.remedies(diagnosis, "found"),
        changes=changes,
        retries=retries,
        deliver=words.deliver(diagnosis.stuck),
        undo=[one_line(command) for command in diagnosis.undo],
        slot=Trusted(SLOT),  # noqa: S704 - ours
        undecided=[
            (alike.places(group), alike.reading(group))
            for group in alike.alike(words.of_state(diagnosis, "unknown"))
        ],
        steps=[(each.text, one_line(each.command)) for each in diagnosis.next_steps],
        accepted=words.accepted(diagnosis),
        accepted_notes=words.accepted_notes(diagnosis),
        accepted_count=len(diagnosis.accepted),
        since=words.since(diagnosis.since) if diagnosis.since else [],
        since_run=diagnosis.since.run if diagnosis.since else "",
        unread=missing[:MOST_UNREAD],
        unread_more=max(0, len(missing) - MOST_UNREAD),
        unread_count=len(diagnosis.unread),
    )
    return Markup(html, screen(diagnosis, word=word))


def _origin(diagnosis: Diagnosis) -> str:
    return f"from {diagnosis.origin}" if diagnosis.origin else ""


def _emphasised(diagnosis: Diagnosis) -> list[tuple[str, bool]]:
    """The summary in pieces, and which of them are names of connectors at fault."""
    names = {
        visible(finding.connector.rpartition("\\")[2])
        for finding in diagnosis.findings
        if finding.state == "found" and finding.connector
    }
    text = visible(diagnosis.summary)
    long = sorted((re.escape(name) for name in names if len(name) > 2), key=len, reverse=True)
    if not long:
        return [(text, False)]
    pieces = re.split(rf"(?<!\w)({'|'.join(long)})(?!\w)", text)
    return [(piece, place % 2 == 1) for place, piece in enumerate(pieces) if piece]
