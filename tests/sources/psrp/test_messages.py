"""Fragments and messages of PSRP: what they hold, and what is left where one is not whole."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.errors import InputError
from mailflow.simulated.writer import object_document
from mailflow.sources.psrp.messages import (
    COMPLETED,
    ERROR,
    FAILED,
    OUTPUT,
    STATE,
    WARNING,
    BrokenFragmentsError,
    CmdletAnswer,
    Fragments,
    PsrpMessage,
    hosts_of,
)
from mailflow.sources.row import Complex, Items, Row
from mailflow.sources.shell import Call, Fault, Reply

CALL = Call("Get-Queue", {"Server": "EX16A"})


def message(kind: int, xml: bytes) -> bytes:
    """A message as a server writes it."""
    return struct.pack("<iI", 1, kind) + bytes(32) + xml


def fragments(data: bytes, number: int, size: int = 1000) -> list[bytes]:
    """A message in fragments of a size."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [
        struct.pack(">QQBI", number, at, (at == 0) | 2 * (at == len(pieces) - 1), len(piece))
        + piece
        for at, piece in enumerate(pieces)
    ]


def state(number: int, record: bytes = b"") -> bytes:
    """The message that a cmdlet has come to its end."""
    body = b'<I32 N="PipelineState">%d</I32>' % number
    return message(STATE, b'<Obj RefId="0"><MS>' + body + record + b"</MS></Obj>")


def record(identity: str, text: str, name: str = "") -> bytes:
    """An error record."""
    label = f' N="{name}"' if name else ""
    return (
        f'<Obj RefId="1"{label}><ToString>{text}</ToString><MS>'
        f'<S N="FullyQualifiedErrorId">{identity}</S></MS></Obj>'
    ).encode()


def answered(*messages: bytes, size: int = 1000) -> Reply:
    """The reply that these messages make."""
    answer = CmdletAnswer(CALL, "Get-Queue on EX16A")
    for number, one in enumerate(messages, start=1):
        for fragment in fragments(one, number, size):
            answer.feed(fragment)
    return answer.reply()


def row(name: str) -> bytes:
    """A queue."""
    return message(OUTPUT, object_document(Row("Get-Queue", {"Identity": name}, "")))


@given(st.lists(st.binary(min_size=0, max_size=60), max_size=8), st.integers(1, 50), st.data())
def test_messages_come_out_as_they_went_in(
    bodies: list[bytes], size: int, data: st.DataObject
) -> None:
    """Whatever their fragments' size is, and however they are mixed; without a byte order mark."""
    sent = [message(OUTPUT, body) for body in bodies]
    lines = [fragments(one, number, size) for number, one in enumerate(sent)]
    mixed = []
    while any(lines):
        line = data.draw(st.sampled_from([one for one in lines if one]))
        mixed.append(line.pop(0))
    joined = Fragments()
    found = [one for piece in mixed for one in joined.feed(piece)]

    assert sorted(found) == sorted(
        PsrpMessage(OUTPUT, body.removeprefix(b"\xef\xbb\xbf")) for body in bodies
    )
    assert joined.is_whole


@given(st.binary(max_size=200))
def test_any_bytes_end_in_messages_or_in_one_error(data: bytes) -> None:
    """Nothing else is raised, and nothing is read beyond the end."""
    try:
        found = list(Fragments().feed(data))
    except BrokenFragmentsError:
        return

    assert sum(len(one.xml) for one in found) <= len(data)


@pytest.mark.parametrize("spoil", ["order", "gap", "cut", "twice"])
def test_fragments_that_are_not_in_order(spoil: str) -> None:
    """A lost or moved fragment is never taken for a shorter object."""
    pieces = fragments(row("EX16A\\1"), 1, 40)
    spoiled = {
        "order": [pieces[1], pieces[0], *pieces[2:]],
        "gap": [pieces[0], *pieces[2:]],
        "cut": [pieces[0][:-1]],
        "twice": [pieces[0], *pieces],
    }[spoil]
    joined = Fragments()
    with pytest.raises(BrokenFragmentsError):
        [one for piece in spoiled for one in joined.feed(piece)]


def test_a_whole_answer() -> None:
    """Rows, a warning, an error beside them, and the end."""
    reply = answered(
        row("EX16A\\1"),
        message(WARNING, b'<Obj RefId="0"><MS><S N="InformationalRecord_Message">w</S></MS></Obj>'),
        message(ERROR, record("X,Get-Queue", "no")),
        row("EX16A\\2"),
        state(COMPLETED),
        size=50,
    )

    assert [one.values["Identity"] for one in reply.rows] == ["EX16A\\1", "EX16A\\2"]
    assert reply.rows[1].place == "Get-Queue on EX16A, object 2"
    assert (reply.warnings, reply.fault) == (("w",), None)
    assert reply.errors == (Fault("failed", "X,Get-Queue", "no"),)


def test_rows_without_an_end_are_no_answer() -> None:
    """An empty or a shorter list would be taken for what there is."""
    for found in (answered(row("EX16A\\1")), answered(), answered(state(2))):
        assert found.rows == ()
        assert found.fault is not None
        assert found.fault.id == "cut-answer"


@pytest.mark.parametrize(
    ("identity", "kind"),
    [
        ("CommandNotFoundException", "no-such-cmdlet"),
        ("NamedParameterNotFound,Get-Queue", "no-such-parameter"),
        ("ScriptsNotAllowed", "refused"),
        ("PipelineStopped", "timed-out"),
        ("UnauthorizedAccess,Get-Queue", "denied"),
        ("Other,CommandNotFoundException", "failed"),
        ("", "failed"),
    ],
)
def test_kinds_come_of_the_id(identity: str, kind: str) -> None:
    """Whatever the text says: it comes in every language."""
    text = "The term is not recognized. Access denied."
    reply = answered(state(FAILED, record(identity, text, "ExceptionAsErrorRecord")))

    assert reply.fault == Fault(kind, identity, text)


def test_hostile_xml_is_an_input_error() -> None:
    """An entity is refused before it unfolds; so is what is no XML."""
    for xml in (b"<!DOCTYPE x>", b"<Obj", b'<Obj RefId="0"><Ref RefId="9"/></Obj></Objs><Objs>'):
        answer = CmdletAnswer(CALL, "x")
        with pytest.raises(InputError):
            answer.feed(fragments(message(OUTPUT, xml), 1)[0])


def test_which_server_answered() -> None:
    """S8.77: the server is in the identity of each queue, as an object or as a text."""
    rows = (
        Row("Get-Queue", {"Identity": Complex("EX16B\\Submission", {})}, ""),
        Row("Get-Queue", {"Identity": "ex16b\\3"}, ""),
        Row("Get-Queue", {"Identity": Items(())}, ""),
    )

    assert hosts_of(Reply(CALL, rows)) == {"ex16b"}
    assert hosts_of(Reply(CALL)) == set()
