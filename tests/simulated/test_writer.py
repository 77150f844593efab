"""What the writer writes is what PowerShell would, and reads back as what it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.simulated.organisation import AccessEntry
from mailflow.simulated.writer import (
    NOTES,
    answer_document,
    cells,
    clixml,
    format_list,
    printed,
    wrap,
)
from mailflow.sources import wire
from mailflow.sources.exports.clixml import ClixmlReader, read_clixml
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Row, Value
from mailflow.sources.shell import Call, Fault
from practice_bench import NOW, Bench
from support import needs_powershell, run_powershell

CALL = Call("Get-Queue")
WIDTHS = (60, 137)


def row(**values: Value) -> Row:
    """An object of Get-Queue with these properties."""
    return Row("Get-Queue", values, "")


def read(text: str) -> list[dict[str, Value]]:
    """The objects of a document."""
    reader = ClixmlReader("document")
    entries = [*reader.feed(text.encode()), *reader.close()]
    return [dict(one.value.properties) for one in entries if isinstance(one.value, Complex)]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.from_regex("[A-Z][A-Za-z]{0,12}", fullmatch=True)
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.datetimes(
        datetime(1990, 1, 1),  # noqa: DTZ001 - the zone is another argument
        datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    st.builds(Enumeration, texts, st.integers(0, 2**31 - 1)),
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.builds(Complex, texts, st.dictionaries(names, inner, max_size=4)),
        st.builds(lambda many: Items(tuple(many)), st.lists(inner, max_size=4)),
    ),
    max_leaves=8,
)


# -- CLIXML ----------------------------------------------------------------------------------------


@given(st.lists(st.dictionaries(names, values, min_size=1, max_size=5), max_size=4))
def test_what_is_written_reads_back(objects: list[dict[str, Value]]) -> None:
    """Each value comes back as it was, of whatever type and depth (section 1.6)."""
    rows = [Row("Get-Queue", one, "") for one in objects]

    assert read(clixml(rows)) == objects


@given(texts)
def test_no_text_breaks_the_document(text: str) -> None:
    """Marks of XML, control characters and what looks like an escape (S10.24)."""
    assert read(clixml([row(LastError=text)])) == [{"LastError": text}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\t\x7f\x9f\xa0", "a_x000A_b_x0009__x007F__x009F_\xa0"),
        ("_x0041_ __x _X1 _y", "_x005F_x0041_ __x005F_x _x005F_X1 _y"),
        ("\U0001f600", "_xD83D__xDE00_"),
        ("\ud83d", "_xD83D_"),
        ("\ufffe\uffff", "_xFFFE__xFFFF_"),
        ("<&>", "&lt;&amp;&gt;"),
    ],
)
def test_text_is_escaped_as_powershell_does(text: str, expected: str) -> None:
    """Control characters, surrogates and `_x`: seen in the output of Export-Clixml."""
    assert f'<S N="Comment">{expected}</S>' in clixml([row(Comment=text)])


def test_a_type_is_named_once_and_then_referred_to() -> None:
    """5,000 connectors name their types once (section 1.6)."""
    text = clixml([row(Status=Enumeration("Retry", 3)) for _ in range(3)])

    assert len(re.findall("<TN ", text)) == 2
    assert len(re.findall("<TNRef ", text)) == 4


def test_numbers_of_objects_are_all_different() -> None:
    """A reader that follows references must not find two objects under one number."""
    text = clixml(list(Bench().run("Get-ReceiveConnector").rows))
    ids = re.findall(r'<Obj[^>]* RefId="(\d+)"', text)

    assert len(ids) == len(set(ids))
    assert ids == [str(number) for number in range(len(ids))]


def test_notes_of_the_session_stand_apart() -> None:
    """PSComputerName and its like are members that the session added (section 1.6)."""
    text = clixml([row(PSComputerName="ex16a", MessageCount=3)])

    assert re.search(r"<Props>\s*<I32 N=\"MessageCount\">3</I32>\s*</Props>", text)
    assert re.search(r"<MS>\s*<S N=\"PSComputerName\">ex16a</S>\s*</MS>", text)


def test_the_computer_of_a_row_is_written_too() -> None:
    """Rows that readers made hold it beside their values."""
    one = Row("Get-Queue", {"MessageCount": 3}, "", computer="ex16a")

    assert read(clixml([one])) == [{"MessageCount": 3, "PSComputerName": "ex16a"}]


def test_nothing_is_an_empty_document() -> None:
    """As Export-Clixml of nothing."""
    assert read(clixml([])) == []


@pytest.mark.parametrize(
    "value", [Lost("cut"), Items((Lost("cut"),)), Complex("", {"A": Lost("")})]
)
def test_what_was_lost_cannot_be_written(value: Value) -> None:
    """Unknown is never written as empty."""
    with pytest.raises(TypeError, match="no value"):
        clixml([row(LastError=value)])


# -- One answer ------------------------------------------------------------------------------------


def test_an_answer_goes_through_the_wire() -> None:
    """The head says what became of the call, the objects follow."""
    rows = [row(MessageCount=1), row(MessageCount=2)]
    errors = [Fault("failed", "id1", "no <server>"), Fault("failed", "", "line\nend")]
    document = answer_document(wire.head_values(["careful"], errors), rows)
    answers = wire.read_answers(b"noise" + wire.frame(1, document) + wire.closing(1))
    reply = wire.reply(CALL, answers.documents[1], "Get-Queue on EX10A")

    assert reply.fault is None
    assert reply.warnings == ("careful",)
    assert list(reply.errors) == errors
    assert [one.values for one in reply.rows] == [{"MessageCount": 1}, {"MessageCount": 2}]
    assert reply.rows[1].place == "Get-Queue on EX10A, object 2"


def test_an_answer_may_be_a_fault_alone() -> None:
    """No objects, one fault."""
    fault = Fault("no-such-cmdlet", "CommandNotFoundException", "The term ...")
    document = answer_document(wire.head_values(fault=fault), [])
    answers = wire.read_answers(wire.frame(1, document) + wire.closing(1))

    assert wire.reply(CALL, answers.documents[1], "x") == wire.Reply(CALL, fault=fault)


# -- Format-List -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.2, "0.2"),
        (0.1 + 0.2, "0.3"),
        (600000.0, "600000"),
        (1e15, "1E+15"),
        (1e-05, "1E-05"),
        (1 / 144, "0.00694444444444444"),
        (True, "True"),
        (datetime(2026, 1, 2, 0, 5, 9, tzinfo=UTC), "1/2/2026 12:05:09 AM"),
        (datetime(2026, 11, 23, 13, 59, 17, tzinfo=UTC), "11/23/2026 1:59:17 PM"),
        (Items((1, Complex("a", {}), None)), "{1, a, }"),
        (Enumeration("Retry", 3), "Retry"),
    ],
)
def test_values_print_as_in_english(value: Value, expected: str) -> None:
    """Seen in the output of PowerShell (section 10.1)."""
    assert printed(value) == expected


def test_notes_print_first() -> None:
    """Members that the session added stand before the object's own (section 1.6)."""
    text = format_list([row(MessageCount=3, RunspaceId="x", PSComputerName="ex16a")])

    assert [line.split()[0] for line in text.split("\n") if line] == [*NOTES[:2], "MessageCount"]


def test_the_computer_of_a_row_prints_too() -> None:
    """Rows that readers made hold it beside their values."""
    one = Row("Get-Queue", {"MessageCount": 3}, "", computer="ex16a")

    assert format_list([one]) == "\nPSComputerName : ex16a\nMessageCount   : 3\n\n\n"


def test_a_console_leaves_no_blank_at_the_end() -> None:
    """The screen and Start-Transcript have one cell less, and lose the blank (S10.01, S10.03)."""
    one = row(LastError="one two three", Comment="")

    assert format_list([one], width=20) == (
        "\nLastError : one two \n            three\nComment   : \n\n\n"
    )
    assert format_list([one], width=20, console=True) == (
        "\nLastError : one\n            two\n            three\nComment   :\n\n\n"
    )


def test_wide_characters_take_two_cells() -> None:
    """A line holds half as many of them (S10.05)."""
    assert cells("日本a") == 5
    assert wrap("日本語日本語", 7) == ["日本語", "日本語"]
    assert wrap("日本 語日本語", 7) == ["日本 語", "日本語"]


# -- A real PowerShell -----------------------------------------------------------------------------

JUDGE = """param($Folder)
[Threading.Thread]::CurrentThread.CurrentCulture = 'en-US'
[Threading.Thread]::CurrentThread.CurrentUICulture = 'en-US'
$ErrorActionPreference = 'Stop'
$FormatEnumerationLimit = 16
foreach ($file in Get-ChildItem $Folder -Filter *.xml) {
    $objects = Import-Clixml $file.FullName
    foreach ($width in 60, 137) {
        $text = $objects | Format-List * | Out-String -Width $width
        [IO.File]::WriteAllText("$($file.FullName).$width.txt", $text)
    }
    $objects | Export-Clixml "$($file.FullName).again"
}
$first = @(Import-Clixml "$Folder/strange.xml")[0]
$numbers = foreach ($c in $first.LastError.ToCharArray()) { [int] $c }
[IO.File]::WriteAllText("$Folder/codes.txt", $numbers -join ' ')
[IO.File]::WriteAllText("$Folder/types.txt", @(
    $first.MessageCount.GetType().Name, $first.NextHopConnector.GetType().Name,
    $first.LastRetryTime.GetType().Name, $first.Velocity.GetType().Name,
    $first.IsValid.GetType().Name, $first.Large.GetType().Name, $first.pstypenames[0],
    ($first.Status -eq 3), $first.Status.ToString(), $first.Identity.Server, $first.Empty.Count,
    $first.Identity.pstypenames[0], "$first", "$($first.Identity)"
) -join ' ')
"""
STRANGE = "".join(map(chr, [*range(1, 0x100), 0x20AC, 0xFFFD])) + "_x0041_ <&>\"' \U0001f600"


def judged(folder: Path) -> dict[str, list[Row]]:
    """All cmdlets' objects, each as a file for PowerShell; gives the rows."""
    bench = Bench()
    many = [f"10.9.{n}.0/24" for n in range(20)]
    bench.relay("EX16A", *many, name="打印机 und Scanner & Co", comment="日本語 テスト " * 9)
    bench.organisation.access[r"ex16a\relay"] = [
        AccessEntry("CONTOSO\\x", ("ms-Exch-SMTP-Submit",))
    ]
    bench.stuck("EX10A")
    rows = {
        "servers": bench.run("Get-ExchangeServer").rows,
        "connectors": bench.run("Get-ReceiveConnector").rows,
        "flat": bench.session("EX16A", flat=True).run(Call("Get-ReceiveConnector")).rows,
        "queues": bench.run("Get-Queue", server="EX10A").rows,
        "modern": bench.run("Get-Queue").rows,
        "messages": bench.run("Get-Message", server="EX10A").rows,
        "settings": bench.run("Get-TransportService").rows,
        "adapters": bench.run("Get-NetworkConnectionInfo").rows,
        "components": bench.run("Get-ServerComponentState", Identity="EX16A").rows,
        "rights": bench.run("Get-ADPermission", Identity=r"EX16A\Relay").rows,
        "strange": (
            row(
                LastError=STRANGE,
                MessageCount=3,
                NextHopConnector="00000000-0000-0000-0000-000000000000",
                LastRetryTime=NOW,
                Velocity=-0.25,
                IsValid=True,
                Large=2**40,
                Status=Enumeration("Retry", 3),
                Identity=Complex("EX10A\\1", {"Server": "ex10a", "IsFullySpecified": True}),
                Empty=Items(()),
            ),
        ),
    }
    for name, some in rows.items():
        (folder / f"{name}.xml").write_text(clixml(some), encoding="utf-8")
    return {name: list(some) for name, some in rows.items()}


def holds(theirs: Value, ours: Value) -> bool:
    """Whether all of a value came back; PowerShell adds members to a true IP address."""
    if isinstance(theirs, Complex) and isinstance(ours, Complex):
        return theirs.text == ours.text and all(
            name in theirs.properties and holds(theirs.properties[name], one)
            for name, one in ours.properties.items()
        )
    if isinstance(theirs, Items) and isinstance(ours, Items):
        same = len(theirs.values) == len(ours.values)
        return same and all(map(holds, theirs.values, ours.values))
    return type(theirs) is type(ours) and theirs == ours


def test_powershell_reads_it_and_prints_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Import-Clixml takes every object without an error, value by value, and prints our lists.

    PowerShell judges what is written in its name.
    """
    needs_powershell()
    monkeypatch.setenv("TZ", "UTC")  # times print in the reader's zone
    rows = judged(tmp_path)
    script = tmp_path / "judge.ps1"
    script.write_text(JUDGE, encoding="utf-8")

    run_powershell(script, str(tmp_path))

    for name, some in rows.items():
        assert some, name
        for width in WIDTHS if name != "strange" else ():
            text = (tmp_path / f"{name}.xml.{width}.txt").read_text(encoding="utf-8")
            expected = format_list(some, width=width, mark="\u2026")
            # PowerShell 7 has a narrow blank before AM and PM.
            assert text.replace("\u202f", " ").strip("\n") == expected.strip("\n"), name
        again = (tmp_path / f"{name}.xml.again").read_text(encoding="utf-8")
        for theirs, ours in zip(read(again), some, strict=True):
            assert holds(Complex(None, theirs), Complex(None, ours.values)), name
    units = STRANGE.encode("utf-16-le")
    codes = [int.from_bytes(units[n : n + 2], "little") for n in range(0, len(units), 2)]
    assert (tmp_path / "codes.txt").read_text() == " ".join(map(str, codes))
    assert (tmp_path / "types.txt").read_text().split() == [
        *("Int32", "Guid", "DateTime", "Double", "Boolean", "Int64"),
        "Deserialized.Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo",
        *("True", "Retry", "ex10a", "0"),
        *("Deserialized.Microsoft.Exchange.Data.QueueViewer.QueueIdentity", "EX10A\\1", "EX10A\\1"),
    ]


def test_our_reader_knows_whose_objects_they_are() -> None:
    """The types that the writer gives tell the cmdlet."""
    bench = Bench()
    for cmdlet in ("Get-ExchangeServer", "Get-ReceiveConnector", "Get-Queue"):
        text = clixml(bench.run(cmdlet).rows)

        assert read_clixml([text.encode()], "x").cmdlets == {cmdlet}
