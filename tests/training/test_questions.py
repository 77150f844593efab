"""Questions: judged by the rules at that moment; a wrong answer gets a reason that teaches."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.opening import practice_snapshot
from mailflow.simulated import scenarios
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.training import console
from mailflow.training.asking import KINDS
from mailflow.training.lab import Lab, practice
from mailflow.training.question import Question

CASES = list(scenarios.difficulties())


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path))


@cache
def telling(name: str) -> Snapshot:
    """A scenario whose names are known, read once."""
    return practice_snapshot(Practice.begin(name), name)


def about(name: str, kind: str) -> Question:
    """A question about a scenario with known names."""
    begun = Practice.begin(name)

    def copy() -> Practice:
        return Practice.begin(name)

    return Question(kind, KINDS[kind](copy), lambda: practice_snapshot(begun, name), live=False)


def judged(name: str, kind: str, answer: object) -> tuple[str, str]:
    """Grade and reason."""
    one = about(name, kind)
    one.answer(answer)
    return one.asked().grade, one.asked().reason


# --- each kind ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("article", [r"EX10A\1187", r"EX10B\902"], "right", "214 messages"),
        ("article", r"EX10A\1187, EX10B\902", "right", "Retry"),
        ("article", r"EX10A\1187", "half", "1 queue more"),
        ("article", r"EX16A\Shadow\7", "wrong", "S4.43"),
        ("article", "none of them", "wrong", "2 queues cannot move"),
        ("article", ["none", r"EX10A\1187"], "wrong", "Either none"),
        ("article", r"EX99\1", "wrong", "none of the choices"),
        ("healthy-but-suspicious", "none", "right", "S4.42"),
        ("healthy-but-suspicious", r"EX10A\Shadow\4", "wrong", "copies"),
    ],
)
def test_which_queues(name: str, answer: object, grade: str, says: str) -> None:
    """By status and kind, never by an old text or a number (contract 8.4, S4.42, S4.43)."""
    found, reason = judged(name, "which-queues", answer)

    assert found == grade
    assert says in reason


def test_an_old_text_is_told_to_be_old() -> None:
    """S4.42: a queue that is Ready, with an error from an hour ago."""
    org = telling("healthy-but-suspicious")
    queue = next(one for one in org.queues if one.last_error and one.server == "EX10A")

    _, reason = judged("healthy-but-suspicious", "which-queues", queue.identity)

    assert "left from an attempt" in reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("article", "sender", "right", "S5.01"),
        ("article", "target", "wrong", "quote a reply even where the target gave none"),
        ("article", "network", "wrong", "socket error"),
        ("default-without-exchange-servers", "target", "right", "L2"),
        ("default-without-exchange-servers", "sender", "wrong", "Temporary authentication"),
        ("service-stopped", "network", "right", "could not open a connection"),
        ("partner-unresolved", "before", "right", "DNS"),
        ("incomplete", "none", "right", "No queue"),
        ("incomplete", "target", "wrong", "No queue"),
        ("article", "none", "wrong", "holds one"),
    ],
)
def test_who_gave_up(name: str, answer: str, grade: str, says: str) -> None:
    """By the innermost words (S5.01, section 6.3)."""
    found, reason = judged(name, "who-gave-up", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("article", r"EX16A\Relay", "right", "1 address"),
        ("article", r"EX16A\Default Frontend EX16A", "wrong", "Default Frontend EX16A does not"),
        ("article", r"EX16A\Default EX16A", "wrong", "does not accept this connection"),
        ("article", "nobody", "wrong", "S1.18"),
        ("article", "not-known", "wrong", "All relevant data"),
        ("article", r"EX16B\Relay", "wrong", "none of the choices"),
        ("default-narrowed", "nobody", "right", "421 4.3.2"),
        ("relay-2525", r"EX19A\Application mail", "right", "256 addresses"),
        ("healthy-but-suspicious", r"EX16A\Branch servers", "right", "meets the needs of"),
    ],
)
def test_who_answers(name: str, answer: str, grade: str, says: str) -> None:
    """By the selection; a loser gets the reason why it loses (S1.10 to S1.18)."""
    found, reason = judged(name, "who-answers", answer)

    assert found == grade
    assert says in reason


def test_who_answers_next() -> None:
    """Without the first relay the second answers, after that Default Frontend (section 1.2)."""
    assert judged("relay-behind-relay", "who-answers-next", r"EX16A\Monitoring")[0] == "right"
    assert judged("relay-behind-relay", "who-answers-next", r"EX16A\Default Frontend EX16A")[0] == (
        "wrong"
    )
    assert judged("article", "who-answers-next", r"EX16A\Default Frontend EX16A")[0] == "right"


def test_who_answers_elsewhere() -> None:
    """A way that works, of the same sender; where there is none, that is said."""
    one = about("relay-on-one-server", "who-answers-elsewhere")

    assert "EX10A connects" in repr(one)
    assert "EX16B" in repr(one)
    one.answer(r"EX16B\Default Frontend EX16B")
    assert one.solved
    assert "nothing to ask" in repr(about("article", "who-answers-elsewhere"))


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("article", 25, "right", "S4.03"),
        ("article", "port 25", "right", "S4.03"),
        ("article", "2525", "wrong", "Exchange 2010 connects to Exchange 2016"),
        ("relay-2525", "2525", "right", "S4.02"),
        ("relay-2525", "25", "wrong", "Here Exchange 2013 connects to"),
        ("article", "26", "wrong", "none of the choices"),
    ],
)
def test_which_port(name: str, answer: object, grade: str, says: str) -> None:
    """By the versions of the two (S4.02, S4.03)."""
    found, reason = judged(name, "which-port", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("article", "10.0.0.11, 10.0.0.12", "right", "EX10A"),
        ("article", ["10.0.0.12", "10.0.0.11"], "right", "EX10B"),
        ("article", "10.0.0.11", "half", "1 address more"),
        ("article", "10.0.0.11;10.0.0.12;10.0.0.21", "half", "EX16A"),
        ("article", "10.0.0.0/24", "wrong", "is a range"),
        ("article", "10.0.5.7", "wrong", "No Exchange server has 10.0.5.7"),
        ("article", "printers", "wrong", "is not an address"),
        ("article", "none", "wrong", "at least one"),
        ("relay-ipv6", "2001:db8::11, 2001:DB8:0::12", "right", "EX10A"),
        ("relay-ipv6", "10.0.0.11", "wrong", "Default Frontend"),
        ("healthy-but-suspicious", "none", "right", "No custom connector blocks a server"),
        ("healthy-but-suspicious", "10.0.0.11", "wrong", "which meets its needs"),
    ],
)
def test_which_addresses(name: str, answer: object, grade: str, says: str) -> None:
    """By the way of each address, of both families (C1, C16)."""
    found, reason = judged(name, "which-addresses", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("article", ["EX16A", "EX16B"], "right", r"EX16A\Relay and EX16B\Relay"),
        ("article", "EX16A", "half", "1 server more"),
        ("article", "EX10A", "wrong", "the cause is at the target"),
        ("relay-on-one-server", "EX16A", "right", r"EX16A\Relay"),
        ("relay-on-one-server", ["EX16A", "EX16B"], "half", "On EX16B"),
        ("service-stopped", "EX16A", "right", "EX16A itself"),
        ("article", "nothing", "wrong", "There is at least one"),
        ("incomplete", "on none of them", "right", "The data available shows no fault"),
    ],
)
def test_which_servers(name: str, answer: object, grade: str, says: str) -> None:
    """By the servers of the findings, and without the cause in the answer."""
    found, reason = judged(name, "which-servers", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("article", "exchange-auth-missing-on-default", "But it is there"),
        ("article", "exchange-servers-group-missing", "S5.01"),
        ("article", "no-connector-answers", "a connector accepts the connection"),
        ("article", "transport-role-conflict", "no server do two services"),
        ("article", "anonymoustls-suppressed", "False on every connector"),
        ("article", "target-refuses", "Cannot achieve"),
        ("article", "smtp-inspection", "look at them first"),
        ("article", "nothing", "214 messages"),
        ("article", "not-known", "enough to decide"),
        (
            "default-without-exchange-auth",
            "custom-connector-shadows-default",
            "made by Setup accepts",
        ),
        ("healthy-but-suspicious", "custom-connector-shadows-default", "what they need"),
        ("healthy-but-suspicious", "target-refuses", "no queue is stuck"),
        ("healthy-but-suspicious", "not-known", "All relevant data was read"),
        ("incomplete", "nothing", "EX16B"),
    ],
)
def test_a_wrong_cause_is_contradicted_by_a_fact(name: str, answer: str, says: str) -> None:
    """What it would mean, and what of this organisation it does not go with."""
    grade, reason = judged(name, "what-cause", answer)

    assert grade == "wrong"
    assert says in reason
    if answer not in ("nothing", "not-known"):
        assert reason.startswith("That would mean: ")


@pytest.mark.parametrize("name", scenarios.difficulties())
def test_the_cause_is_the_one_that_was_built_in(name: str) -> None:
    """The model finds what the scenario was made with, though no question knows it.

    Where protocol logs decide, it can't be known before they are read.
    """
    known = scenarios.seeded(name)
    ends = {"clear": "nothing", "unknown": "not-known"}
    lab = practice(name)
    one = lab.ask("what-cause")
    one.solve()
    assert one.value == ends.get(known.verdict, known.cause)

    lab.logs()
    one.solve()

    known = known.with_logs or known
    assert one.value == ends.get(known.verdict, known.cause)


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("incomplete", "unknown", "right", "Missing data"),
        ("incomplete", "clear", "wrong", "'no fault found' cannot be concluded"),
        ("incomplete", "found", "wrong", "have to show a fault"),
        ("healthy-but-suspicious", "clear", "right", "checked and work"),
        ("healthy-but-suspicious", "found", "wrong", "none to fail"),
        ("healthy-but-suspicious", "unknown", "wrong", "All relevant data was read"),
        ("article", "unknown", "wrong", "The data is enough to decide it"),
    ],
)
def test_what_verdict(name: str, answer: str, grade: str, says: str) -> None:
    """Found, clear, unknown (contract, section 6)."""
    found, reason = judged(name, "what-verdict", answer)

    assert found == grade
    assert says in reason


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("incomplete", ["queues of EX16B", "the addresses of EX16B"], "right", "RPC"),
        ("incomplete", "queues of EX16B", "half", "1 thing more"),
        ("incomplete", "receive connectors of EX16B", "wrong", "stored in Active Directory"),
        ("incomplete", "nothing", "wrong", "has rows"),
        ("incomplete", ["nothing", "queues of EX16B"], "wrong", "Either nothing"),
        ("article", "nothing", "right", "returned all data"),
        ("article", "addresses of EX10A", "wrong", "were read"),
        ("service-stopped", "queues of EX16A", "right", "Verify that the service is started"),
    ],
)
def test_what_is_missing(name: str, answer: object, grade: str, says: str) -> None:
    """By the rows of unread."""
    found, reason = judged(name, "what-is-missing", answer)

    assert found == grade
    assert says in reason


BOTH = "\n".join(
    rf'Set-ReceiveConnector "{one}\Relay" -RemoteIPRanges "10.0.5.0/24"'
    for one in ("EX16A", "EX16B")
)
HALF = BOTH.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "answer", "grade", "says"),
    [
        ("article", BOTH, "right", "214 messages were delivered"),
        (
            "article",
            "\n".join(
                rf"Set-ReceiveConnector {one}\Relay -RemoteIPRanges "
                "@{Remove='10.0.0.11','10.0.0.12'}"
                for one in ("EX16A", "EX16B")
            ),
            "right",
            "no other host loses",
        ),
        ("article", HALF, "half", "EX16B"),
        ("article", r'Retry-Queue -Identity "EX10A\1187"', "wrong", "the same response again"),
        ("article", "Get-Queue", "wrong", "changes nothing that keeps the mail waiting"),
        ("article", "take them off", "wrong", "you can type"),
        ("article", "none", "wrong", "does not go away"),
        (
            "article",
            BOTH.replace("EX16B", "EX16C"),
            "half",
            "wasn't found",
        ),
        (
            "article",
            "\n".join(
                rf"Set-ReceiveConnector {one}\Relay -Enabled $false" for one in ("EX16A", "EX16B")
            ),
            "half",
            "anonymous relay",
        ),
        (
            "article",
            "\n".join(
                rf"Set-ReceiveConnector {one}\Relay -AuthMechanism Tls,ExchangeServer "
                "-PermissionGroups AnonymousUsers,ExchangeServers"
                for one in ("EX16A", "EX16B")
            ),
            "right",
            "S3.34",
        ),
        (
            "article",
            "\n".join(
                rf"Set-ReceiveConnector {one}\Relay -AuthMechanism Tls,ExchangeServer"
                for one in ("EX16A", "EX16B")
            ),
            "half",
            "ExchangeServers",
        ),
        ("relay-subnet", BOTH, "half", "252 other addresses"),
        ("relay-behind-relay", BOTH, "half", "Monitoring"),
        ("healthy-but-suspicious", "none", "right", "can only break"),
        ("healthy-but-suspicious", HALF, "wrong", "changes something that works"),
        ("incomplete", "none", "right", "a guess"),
        (
            "service-stopped",
            "Invoke-Command -ComputerName EX16A { Start-Service MSExchangeTransport }",
            "right",
            "243 messages",
        ),
        ("service-stopped", HALF, "wrong", "On the copy mail is still waiting in"),
    ],
)
def test_what_repair(name: str, answer: str, grade: str, says: str) -> None:
    """Tried on a copy: what Exchange says, whether it drains, whom it costs something (S8.6x)."""
    found, reason = judged(name, "what-repair", answer)

    assert found == grade, reason
    assert says in reason


def test_a_repair_is_judged_by_what_is_there_now() -> None:
    """The second half is the whole repair once the first half is done; nothing is left after it."""
    lab = practice("case-1")
    one = lab.ask("what-repair")
    first, second, *_ = one._kind.solution(lab.open())[0].splitlines()
    one.answer(second)
    assert one.asked().grade == "half"

    lab.run(first)
    one.answer(second)
    assert one.asked().grade == "right"
    lab.run(second)
    lab.wait(minutes=14)
    one.answer(second)
    assert "something that works" in one.asked().reason


def test_trying_changes_nothing() -> None:
    """A judged repair was run on a copy alone."""
    lab = practice("case-1")
    before = lab.open()

    lab.ask("what-repair").solve()

    assert lab.open() == before


# --- all of them ----------------------------------------------------------------------------------


@cache
def shared() -> Lab:
    """A case whose questions are asked again and again."""
    return practice("case-1")


@given(
    st.sampled_from([*KINDS]),
    st.one_of(
        st.text(max_size=60),
        st.lists(st.text(max_size=20), max_size=4),
        st.none() | st.integers() | st.floats() | st.booleans() | st.binary(max_size=5),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
        st.sampled_from(["nothing", "none", "Get-Queue -Server EX1", "10.0.0.1", "25", "clear"]),
    ),
)
def test_whatever_is_answered_something_is_said(kind: str, answer: object) -> None:
    """Never a traceback, never silence, nothing that is not escaped."""
    one = shared().ask(kind)

    said = one.answer(answer)

    assert one.asked().reason
    assert said.text.strip()
    assert "\x1b" not in repr(one)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "case-1",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("case-9", "case-10", "case-11")),
    ],
)
def test_hints_unfold_one_by_one(name: str, kind: str) -> None:
    """Each once, in order; then there are no more, and asking on does no harm."""
    one = practice(name).ask(kind)
    number = one.hints_left()
    shown = []
    for _ in range(number + 1):
        one.hint()
        shown.append(one.asked().hints)

    assert [len(hints) for hints in shown] == [*range(1, number + 1), number]
    assert one.hints_left() == 0
    assert one.hints_used == number
    assert number or "nothing to ask" in repr(one)


def test_no_answer_is_no_try() -> None:
    """Check without a choice: said, and not counted."""
    one = practice("case-1").ask("what-cause")

    one.answer()
    one.answer("   ")
    one.answer([])

    assert one.tries == 0
    assert "no answer yet" in one.asked().reason


def test_a_right_answer_stays() -> None:
    """A later slip shows as one, and does not undo what was solved."""
    one = practice("case-1").ask("what-cause")
    one.answer("custom-connector-shadows-default")
    one.answer("A name does not resolve, or to the wrong host")

    assert one.asked().grade == "wrong"
    assert one.solved
    assert one.value == "custom-connector-shadows-default"


def test_a_question_asked_of_what_is_gone() -> None:
    """A server that no longer answers: the way is still asked about, and nothing is raised."""
    lab = practice("case-1")
    one = lab.ask("who-answers")
    for server in lab._practice.organisation.servers:
        server.rpc = server.shell = False

    assert "not" in one.answer("nobody").text
    one.hint()


def test_without_controls_it_says_how_to_answer() -> None:
    """The static form: what is asked, the choices, and how."""
    text = repr(practice("case-1").ask("what-verdict"))

    assert "no fault found: all relevant data was read" in text
    assert ".answer(" in text
    assert ".hint()" in text


def test_no_stored_answer() -> None:
    """The same answer is right in one organisation and wrong in another one."""
    answer = r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"'
    assert judged("relay-hidden-by-failover", "what-repair", answer)[0] == "right"
    assert judged("article", "what-repair", answer)[0] == "half"
    practice_ = Practice.begin("article")
    console.run(practice_, answer.replace("EX16A", "EX16B"))
    one = Question(
        "q",
        KINDS["what-repair"](lambda: _with(practice_, answer)),
        lambda: practice_snapshot(practice_, "x"),
        live=False,
    )
    one.answer(answer)
    assert one.solved


def _with(like: Practice, answer: str) -> Practice:
    del like
    copy = Practice.begin("article")
    console.run(copy, answer.replace("EX16A", "EX16B"))
    return copy
