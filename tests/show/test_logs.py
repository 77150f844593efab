"""Protocol logs on a page and in words: whatever stands in them is text."""

from __future__ import annotations

import re

from mailflow.show.logs import SILENT, WIDTH, LogEnd, LoggedBothEnds, logs_card

HOSTILE = "220 <script>alert(1)</script> \x1b[31m\u202eladder"


def card(lines: tuple[str, ...], rows: tuple[str, ...]) -> LoggedBothEnds:
    """A session whose sender wrote these rows, and whose target wrote none."""
    place = r"EX16A\Relay, local 10.0.0.21:25, remote 10.0.0.11:53465"
    sender = LogEnd("Send log of EX10A", place, lines, rows)
    return LoggedBothEnds("EX10A to EX16A", (sender, LogEnd("Receive log of EX16A")))


def test_rows_are_shown_as_text() -> None:
    """S7.27: a banner is a stranger's; in both forms, twice on the page: in short and as it is."""
    shown = logs_card([card((HOSTILE,), (f"2026,{HOSTILE}",))])

    assert "<script" not in shown.html
    assert shown.html.count("&lt;script&gt;") == 2
    assert not {"\x1b", "\u202e"} & {*shown.html, *shown.text}


def test_an_end_without_a_row_says_so() -> None:
    """Once, at the end that wrote nothing."""
    shown = logs_card([card(("12:00:00.000 +",), ("row",))])

    assert shown.html.count(SILENT) == 1
    assert SILENT in " ".join(shown.text.split())


def test_only_the_first_session_is_unfolded() -> None:
    """A page of four sessions begins with one."""
    shown = logs_card([card(("+",), ("row",))] * 4)

    assert len(re.findall(r'<details class="mf-log" open>', shown.html)) == 1
    assert shown.html.count('<details class="mf-log"') == 4


def test_words_fit_a_terminal() -> None:
    """A whole reply in one row is broken (S7.22), and loses nothing."""
    words = " ".join(f"X-KEYWORD{number}" for number in range(40))

    text = logs_card([card((words,), (words,))]).text

    assert max(map(len, text.splitlines())) <= WIDTH
    assert words in " ".join(text.split())
