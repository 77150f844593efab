"""What goes over the wire: both directions, noise, cuts and flipped bits."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from far.side import PASSWORD, USER
from mailflow import budget
from mailflow.simulated.writer import answer_document
from mailflow.sources import wire
from mailflow.sources.row import Row, Value
from mailflow.sources.shell import Argument, Call, Fault
from mailflow.sources.wire import CallSettings

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SAID = TEXTS.filter(bool)
LISTS = st.lists(SAID, max_size=3).map(tuple)
ARGUMENTS: st.SearchStrategy[Argument] = st.one_of(
    TEXTS,
    st.integers(-(2**31), 2**31 - 1),
    st.booleans(),
    st.none(),
    LISTS,
    st.dictionaries(SAID, LISTS, max_size=2),
)
CALLS = st.builds(Call, SAID, st.dictionaries(SAID, ARGUMENTS, max_size=4))
SETTINGS = st.builds(CallSettings, SAID, st.integers(1, 600), SAID, TEXTS, st.booleans())
SCRIPTS = st.text(st.sampled_from("abc {}$'\"\t\n#"), max_size=60)
# What XML 1.0 can hold, and what survives its line ends.
SHOWN = st.text(st.characters(min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=["Cs"]))
FAULTS = st.builds(Fault, st.sampled_from(["failed", "denied"]), SHOWN, SHOWN)
CALL = Call("Get-Queue")
NOISE = st.binary(max_size=60).map(lambda data: data.replace(b"#mailflow", b""))


def document(count: int, **head: Value) -> bytes:
    """A frame's content: `count` rows."""
    rows = [Row("Get-Queue", {"Identity": f"EX16A\\{one}"}, "") for one in range(count)]
    return answer_document({**wire.head_values(), **head}, rows)


@given(SCRIPTS, SETTINGS, st.lists(CALLS, max_size=4))
def test_a_request_arrives_as_it_was_sent(
    script: str, settings: CallSettings, calls: list[Call]
) -> None:
    """Script, settings and calls, with every kind of value and every letter."""
    data = wire.request(script, settings, calls)

    assert wire.read_request(data) == (script, settings, calls)
    assert data.isascii()


@given(SCRIPTS.filter(bool), st.data())
def test_a_script_that_was_damaged_does_not_run(script: str, data: st.DataObject) -> None:
    """One letter of it changed, and it is not what was hashed."""
    sent = bytearray(wire.request(script, CallSettings(), []))
    start = sent.index(b"\n") + 1
    at = data.draw(st.integers(start, start + len(script) - 1))
    sent[at] ^= 1

    with pytest.raises(ValueError, match="damaged"):
        wire.read_request(bytes(sent))


@pytest.mark.parametrize("script", ["ä", "a\r\nb"])
def test_a_script_that_would_not_arrive_is_not_sent(script: str) -> None:
    """Only ASCII with plain line ends comes through every code page."""
    with pytest.raises(ValueError, match="ASCII"):
        wire.request(script, CallSettings(), [])


def test_an_empty_text_in_a_list_is_not_sent() -> None:
    """It could not be told from an empty list."""
    with pytest.raises(ValueError, match="empty"):
        wire.request("", CallSettings(), [Call("Get-Queue", {"Identity": ("",)})])


@pytest.mark.parametrize("data", [b"", b"x", b"3 AB\nabc\n", b"\xff", b"0 \n\nbWFpbGZsb3c=\ta"])
def test_what_is_no_request_is_refused(data: bytes) -> None:
    """Whatever a stranger sends ends as one kind of error."""
    with pytest.raises(ValueError):  # noqa: PT011 - of whichever layer noticed
        wire.read_request(data)


@pytest.mark.parametrize("value", ["", "False", "True", "1", 1, False, ("a",)])
def test_changes_are_meant_only_where_it_is_said(value: Argument) -> None:
    """A request says nothing of it unless asked to; anything but the truth value means no."""
    name = base64.b64encode(b"Writing")
    silent, said = (wire.request("", CallSettings(writing=one), []) for one in (False, True))
    line = wire._line(Call(wire.SETTINGS, {"Seconds": 60, "Writing": value}))
    other = silent.partition(b"\n")[0] + f"\n\n{line}\n".encode()

    assert (name in silent, name in said) == (False, True)
    assert [wire.read_request(one)[1].writing for one in (silent, said, other)] == [
        *(False, True, False),
    ]


def test_a_password_is_never_shown() -> None:
    """The settings hold it, and their text does not."""
    assert PASSWORD not in repr(CallSettings(user=USER, password=PASSWORD))


def test_a_command_line_stays_short() -> None:
    """S10.40: through cmd.exe it ends at 8,191 characters."""
    program, arguments = wire.command_line()

    assert len(" ".join([program, *arguments])) < 8000


@given(st.lists(st.integers(0, 5), max_size=4), st.data(), st.sampled_from([b"\n", b"\r\n"]))
def test_frames_are_found_in_noise(counts: list[int], data: st.DataObject, end: bytes) -> None:
    """S8.11: whatever the host writes between them, and with either line end."""
    output = wire.frame(0, document(0, Way="w", PowerShell="5.1", Computer="X"))
    for number, count in enumerate(counts, 1):
        output += data.draw(NOISE) + b"\n" + wire.frame(number, document(count))
    output = (output + wire.closing(len(counts))).replace(b"\n", end)

    found = wire.read_answers(output)

    rows = [len(wire.reply(CALL, found.documents[one], "x").rows) for one in found.documents]
    assert rows == counts
    assert (found.ended, found.damaged) == (True, set())
    assert found.hello == wire.Hello("w", "5.1", "X")


@given(st.data())
def test_a_cut_is_noticed_wherever_it_is(data: st.DataObject) -> None:
    """What is missing is missing; what is there is whole; only the whole output has ended."""
    whole = wire.frame(0, document(0)) + wire.frame(1, document(2)) + wire.frame(2, document(1))
    whole += wire.closing(2)
    cut = data.draw(st.integers(0, len(whole) - 2))

    found = wire.read_answers(whole[:cut])

    for number, count in {1: 2, 2: 1}.items():
        if number in found.documents:
            assert len(wire.reply(CALL, found.documents[number], "x").rows) == count
    assert not found.ended


@given(st.data())
def test_a_flipped_bit_is_noticed(data: st.DataObject) -> None:
    """Nothing wrong is read, and what was hurt is not there."""
    good = document(2)
    begun = wire.frame(1, good)
    output = bytearray(begun + wire.closing(1))
    at = data.draw(st.integers(0, len(begun) - len(b"\n#mailflow end 1#\n") - 1))
    output[at] ^= 1 << data.draw(st.integers(0, 7))

    found = wire.read_answers(bytes(output))

    assert all(len(wire.reply(CALL, one, "x").rows) == 2 for one in found.documents.values())
    assert not found.ended or found.documents.keys() == {1}


def test_a_cut_frame_does_not_take_the_next_one_with_it() -> None:
    """The search goes on behind its head; a whole frame of the same number mends it."""
    first, second = wire.frame(1, document(1)), wire.frame(2, document(2))
    half = first[: len(first) // 2]

    found = wire.read_answers(half + second + wire.closing(2))
    mended = wire.read_answers(half + second + first + wire.closing(2))

    assert (set(found.documents), found.damaged, found.ended) == ({2}, {1}, False)
    assert (set(mended.documents), mended.damaged, mended.ended) == ({1, 2}, set(), True)


def test_marks_inside_each_other_end_the_search() -> None:
    """A hostile server cannot make the search hash the same bytes again and again."""
    head = b"#mailflow begin 1 999999999 " + b"0" * 64 + b"#\n"
    begun = time.monotonic()

    found = wire.read_answers(head * 60_000)

    assert found.documents == {}
    assert time.monotonic() - begun < 5


@given(st.lists(SHOWN, max_size=3), st.lists(FAULTS, max_size=3), st.none() | FAULTS)
def test_what_became_of_a_call_arrives(
    warnings: list[str], errors: list[Fault], fault: Fault | None
) -> None:
    """Warnings, error records and the fault, each with its text and id."""
    head: Mapping[str, Value] = wire.head_values(warnings, errors, fault)
    packed = wire.read_answers(wire.frame(1, answer_document(head, []))).documents[1]

    found = wire.reply(CALL, packed, "x")

    assert found.warnings == tuple(warnings)
    assert found.errors == tuple(Fault("failed", one.id, one.message) for one in errors)
    assert found.fault == fault


@pytest.mark.parametrize("content", [b"", b"<Objs", b"<Objs><S>x</S></Objs>", b"\x00\xff"])
def test_an_answer_that_is_no_clixml_is_a_fault(content: bytes) -> None:
    """Whole by its hash, and of no use: a fault of kind protocol, not an exception."""
    packed = wire.read_answers(wire.frame(1, content)).documents[1]

    found = wire.reply(CALL, packed, "Get-Queue on EX16A")

    assert (found.rows, found.fault and found.fault.kind) == ((), "protocol")


def test_all_answers_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hostile server's frames unfold to is counted together, and none is half an answer."""
    first, second = wire.frame(1, document(3)), wire.frame(2, document(3))
    found = wire.read_answers(first + second + wire.closing(2))
    monkeypatch.setattr(budget, "MOST_UNPACKED", int(1.5 * len(document(3))))
    both = wire.budget_of(first + second)

    replies = [wire.reply(CALL, found.documents[one], "x", both) for one in (1, 2)]

    assert [len(one.rows) for one in replies] == [3, 0]
    assert replies[1].fault == Fault(
        "protocol",
        "",
        f"x: refused: all together unpacks to more than {budget.MOST_UNPACKED} bytes; "
        "if this server has so many objects, run Collect-MailFlow.ps1 on it and read its folder",
    )


def test_an_answer_of_too_many_objects_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are small, and what stands in them is kept: memory is limited by their size."""
    empty = answer_document(wire.head_values(), [Row("Get-Queue", {}, "")] * 500)
    packed = wire.read_answers(wire.frame(1, empty)).documents[1]
    whole = wire.reply(CALL, packed, "x")
    monkeypatch.setattr(budget, "LEAST_MEMORY", 0)

    cut = wire.reply(CALL, packed, "x")

    assert (len(whole.rows), whole.fault) == (500, None)
    assert (cut.rows, cut.fault and cut.fault.kind) == ((), "protocol")


def test_a_bomb_ends_at_once() -> None:
    """What unfolds to far more than its size is no cmdlet's output; none of it is kept."""
    blanks = document(3).replace(b"</Objs>", b" " * 10**6 + b"</Objs>")
    packed = wire.read_answers(wire.frame(1, blanks)).documents[1]
    spent = budget.Budget(len(packed))

    bomb = wire.reply(CALL, packed, "x", spent)

    assert (bomb.rows, bomb.fault and bomb.fault.kind) == ((), "protocol")
    assert bomb.fault is not None
    assert "x: refused: unpacks to more than 300 times its size" in bomb.fault.message
    assert spent.unpacked < 10**6
    assert spent.held == 0


def test_an_answer_that_is_no_gzip_is_a_fault() -> None:
    """Base64 of something else, or no base64 at all."""
    for packed in (b"QUJD", b"%%%", b""):
        found = wire.reply(CALL, packed, "x")

        assert found.fault is not None
        assert found.fault.kind == "protocol"
