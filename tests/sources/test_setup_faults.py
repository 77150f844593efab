"""The causes of faults on the way to a server: each has its words."""

from __future__ import annotations

from mailflow.sources.setup_faults import CAUSES, fault, is_lost
from mailflow.sources.shell import KINDS


def test_every_cause_says_what_to_do() -> None:
    """Each has a known kind, a sentence that says what is wrong, and a next action."""
    assert {one.kind for one in CAUSES.values()} <= KINDS
    assert all(one.cause.endswith(".") and one.action.endswith(".") for one in CAUSES.values())
    assert len({one.cause for one in CAUSES.values()}) == len(CAUSES)
    assert len(CAUSES) >= 15


def test_only_a_lost_answer_is_worth_asking_again() -> None:
    """What a second try cannot change is not tried."""
    lost = {one for one in CAUSES if is_lost(fault(one))}

    assert lost == {
        *("answer-in-the-clear", "cut-answer", "dropped", "endpoint-silent", "garbage"),
        *("log-on-lost", "session-gone", "shell-gone", "silent"),
    }


def test_a_long_text_of_the_far_side_is_one_short_line() -> None:
    """A page of HTML in a fault does not become a page of report."""
    found = fault("not-winrm", "a\nb " * 1000)

    assert "\n" not in found.message
    assert len(found.message) < 500
