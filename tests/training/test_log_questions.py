"""Questions that protocol logs answer, before and after these are read."""

from __future__ import annotations

from functools import cache

import pytest

from mailflow.opening import practice_snapshot
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.training.asking import KINDS
from mailflow.training.question import Question

TRANSLATED, INSPECTED, LOST = "address-translated", "smtp-inspection", "certificate-lost"


def begun(name: str, *, read: bool) -> Practice:
    """A scenario, with its logs where they are read."""
    found = Practice.begin(name)
    if read:
        found.fetch_logs()
    return found


@cache
def org(name: str, *, read: bool) -> Snapshot:
    """The same as a snapshot, read once."""
    return practice_snapshot(begun(name, read=read), name)


def judged(name: str, kind: str, answer: object, *, read: bool = True) -> tuple[str, str]:
    """Grade and reason."""
    made = KINDS[kind](lambda: begun(name, read=read))
    one = Question(kind, made, lambda: org(name, read=read), live=False)
    one.answer(answer)
    return one.asked().grade, one.asked().reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        (TRANSLATED, "10.0.5.1", "right", "connects from 10.0.0.11"),
        (TRANSLATED, "10.0.0.11", "wrong", "local-endpoint"),
        (TRANSLATED, "10.0.0.21", "wrong", "No row"),
        (TRANSLATED, "10.0.5.1, 10.0.0.11", "wrong", "No row"),
        (TRANSLATED, "unknown", "wrong", "The log contains it"),
        (TRANSLATED, "a router", "wrong", "The log contains it"),
        (INSPECTED, "10.0.0.11", "right", "nothing translates it"),
        (INSPECTED, "10.0.5.1", "wrong", "No row"),
    ],
)
def test_which_address_was_seen(name: str, answer: str, grade: str, says: str) -> None:
    """S5.30: the target greets the address that it sees."""
    found, reason = judged(name, "which-address-was-seen", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        (TRANSLATED, "not-sent", "right", "sent STARTTLS; EX10A wrote that it received STARTTLS"),
        (TRANSLATED, "altered", "wrong", "received STARTTLS"),
        (INSPECTED, "altered", "right", "masked keywords"),
        (INSPECTED, "not-sent", "wrong", "sent AUTH, STARTTLS, X-ANONYMOUSTLS and X-EXPS"),
        (INSPECTED, "arrived", "wrong", "masked keywords"),
        (INSPECTED, "not-known", "wrong", "masked keywords"),
        (LOST, "arrived", "right", "X-EXPS"),
        ("article", "not-known", "right", "needs both logs"),
    ],
)
def test_what_arrived(name: str, answer: str, grade: str, says: str) -> None:
    """C4: by what both ends wrote; the article's relay does not log (S7.20)."""
    found, reason = judged(name, "what-arrived", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("kind", "honest", "guess"),
    [
        ("which-address-was-seen", "unknown", "10.0.5.1"),
        ("which-address-was-seen", "Unknown", "10.0.0.11"),
        ("what-arrived", "not-known", "not-sent"),
        ("what-cause", "not-known", "source-address-translated"),
        ("what-repair", "none", 'Set-ReceiveConnector "EX16A\\Relay" -Enabled $false'),
        ("what-request", "nothing", "no-translation"),
    ],
)
def test_before_the_logs_nothing_is_known(kind: str, honest: str, guess: str) -> None:
    """What happens to be true is a guess as well."""
    assert judged(TRANSLATED, kind, honest, read=False)[0] == "right"
    assert judged(TRANSLATED, kind, guess, read=False)[0] == "wrong"


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        (TRANSLATED, "source-address-translated", "right", "saw 10.0.5.1"),
        (TRANSLATED, "custom-connector-shadows-default", "half", "appear with these addresses"),
        (TRANSLATED, "smtp-inspection", "wrong", "compare the two logs"),
        (TRANSLATED, "not-known", "wrong", "both ends of one session"),
        (INSPECTED, "smtp-inspection", "right", "masked"),
        (INSPECTED, "custom-connector-shadows-default", "wrong", "a connector made by Setup"),
    ],
)
def test_the_cause_by_logs(name: str, answer: str, grade: str, says: str) -> None:
    """Found once both ends were read; what else the text allows is contradicted by them."""
    found, reason = judged(name, "what-cause", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        (TRANSLATED, "no-translation", "right", "drained"),
        (TRANSLATED, "no-inspection", "wrong", "EX10A"),
        (TRANSLATED, "nothing", "wrong", "between the servers"),
        (INSPECTED, "no-inspection", "right", "drained"),
        (INSPECTED, "open-ports", "wrong", "delivers nothing"),
        ("article", "nothing", "right", "could do delivers this mail"),
        ("article", "no-inspection", "wrong", "delivers nothing"),
        ("healthy-but-suspicious", "nothing", "right", "shows no fault"),
        ("healthy-but-suspicious", "open-ports", "wrong", "ask why"),
    ],
)
def test_what_to_request(name: str, answer: str, grade: str, says: str) -> None:
    """Tried on a copy: only what is at fault helps."""
    found, reason = judged(name, "what-request", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("answer", "grade", "says"),
    [
        ("none", "right", "between the servers"),
        ("Get-Queue", "wrong", "still waiting"),
        (r"Set-ReceiveConnector EX16A\Relay -Enabled $false", "half", "between the servers"),
        (
            "\n".join(
                rf'Set-ReceiveConnector {server}\Relay -RemoteIPRanges "10.0.5.2-10.0.5.255"'
                for server in ("EX16A", "EX16B")
            ),
            "half",
            "2 other addresses (10.0.5.0/31)",
        ),
    ],
)
def test_no_command_repairs_a_device(answer: str, grade: str, says: str) -> None:
    """To let the device's address fall on the default connector costs who else is behind it."""
    found, reason = judged(TRANSLATED, "what-repair", answer)

    assert found == grade, reason
    assert says in reason
