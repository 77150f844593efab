"""CLIXML comes in whole, as PowerShell itself and psrpcore read it, and defends its reader."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clixml_model import ROOT, Flat, Writer, flat_own, flat_powershell, flat_psrpcore
from mailflow import budget
from mailflow.budget import BudgetError
from mailflow.errors import InputError
from mailflow.sources.exports import clixml
from mailflow.sources.exports.clixml import ClixmlEntry, ClixmlReader, read_clixml
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Value
from support import ROOT as PROJECT
from support import each_of, needs_powershell, needs_shared, shared_files

REAL = [*shared_files("captures/*.xml"), *shared_files("captures/powershell/*.xml")]
CIM = "net-ip-configuration-2016.xml"


def entries(data: bytes | str, size: int = 0) -> list[ClixmlEntry]:
    """All top-level objects of a document, fed in chunks of a size (0: at once)."""
    data = data.encode() if isinstance(data, str) else data
    reader = ClixmlReader("here.xml")
    found: list[ClixmlEntry] = []
    for begin in range(0, len(data), size or max(1, len(data))):
        found += reader.feed(data[begin : begin + (size or len(data))])
    return found + list(reader.close())


def values(data: bytes | str, size: int = 0) -> list[Value]:
    """Their values."""
    return [one.value for one in entries(data, size)]


def only(inside: str) -> Value:
    """The value of a document with one object."""
    (value,) = values(f"{ROOT}{inside}</Objs>")
    return value


# What PowerShell can hold, without the two things XML itself cannot tell apart.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.datetimes(timezones=st.just(UTC)),
    st.builds(Enumeration, texts, st.integers(-(2**31), 2**31 - 1)),
)
names = texts.filter(lambda name: name != "SerializationData")
trees: st.SearchStrategy[Value] = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.builds(Items, st.lists(inner, max_size=4).map(tuple)),
        st.builds(Complex, st.none() | texts, st.dictionaries(names, inner, max_size=4)),
    ),
    max_leaves=12,
)
tops = st.lists(trees.filter(lambda one: not isinstance(one, Items)), max_size=4)


@given(tops, st.integers(1, 200), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]))
def test_what_is_written_is_read(objects: list[Value], size: int, encoding: str) -> None:
    """Any tree of objects comes back equal, in every encoding and however it is cut."""
    document = Writer().document(objects).encode(encoding)

    assert values(document) == objects
    assert values(document, size) == objects


@given(tops, st.data())
def test_broken_off_anywhere(objects: list[Value], data: st.DataObject) -> None:
    """A cut document gives what stood before the cut, then one error that names the place."""
    document = Writer().document(objects).encode()
    cut = data.draw(st.integers(0, len(document) - 1))
    reader = ClixmlReader("here.xml")
    found: list[ClixmlEntry] = []

    found += reader.feed(document[:cut])

    with pytest.raises(InputError, match=r"^here\.xml"):
        found.extend(reader.close())
    assert [one.value for one in found] == objects[: len(found)]


@given(st.binary(max_size=300), st.data())
def test_damaged_anywhere(junk: bytes, data: st.DataObject) -> None:
    """Junk, or junk amid a document, raises the one error or is read; nothing else happens."""
    document = Writer().document(["x", Complex("t", {"a": 1}), Items(("b",))]).encode()
    at = data.draw(st.integers(0, len(document)))

    for damaged in (junk, document[:at] + junk + document[at + len(junk) // 2 :]):
        fault = None
        try:
            values(damaged, 7)
        except InputError as error:
            fault = str(error)
        assert fault is None or re.fullmatch(r"here\.xml.*", fault)


def test_every_chunk_size() -> None:
    """A document with everything in it reads the same in chunks of one byte to all of it."""
    document = (
        f'\ufeff{ROOT}<Obj RefId="0"><TN RefId="0"><T>A</T><T>B</T></TN><ToString>é😀</ToString>'
        '<Props><I32 N="n">5</I32><Obj N="l" RefId="1"><TNRef RefId="0"/><LST><S>x</S><Ref RefId='
        '"2"/></LST></Obj></Props></Obj></Objs>'
    ).replace("<Ref RefId=", '<Obj RefId="2"><I32>1</I32></Obj><Ref RefId=')
    whole = entries(document.encode())

    assert whole[0].types == ("A", "B")
    assert whole[0].value == Complex("é😀", {"n": 5, "l": Items(("x", 1, 1))})
    for encoding in ("utf-8", "utf-16-le"):
        data = document.encode(encoding)
        assert all(entries(data, size) == whole for size in range(1, len(data)))


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("<S>a_x000A_b_x005F_x0041__xd83d__xDE00_</S>", "a\nb_x0041_😀"),
        ("<S>_xD83D_</S>", "\ufffd"),
        ("<S></S>", ""),
        ("<I32> -5 </I32>", -5),
        ("<U64>18446744073709551615</U64>", 2**64 - 1),
        ("<By>7</By>", 7),
        ("<B>true</B>", True),
        ("<Db>-1.5E3</Db>", -1500.0),
        ("<Db>INF</Db>", float("inf")),
        ("<C>65</C>", "A"),
        ("<G>ab-c</G>", "ab-c"),
        ("<TS>PT1H</TS>", "PT1H"),
        ("<D>12.50</D>", "12.50"),
        ("<Nil />", None),
        ("<DT>2024-03-01T10:00:00</DT>", "2024-03-01T10:00:00"),
        (
            "<DT>2024-03-01T10:00:00.1234567+02:00</DT>",
            datetime(2024, 3, 1, 8, 0, 0, 123456, UTC),
        ),
        ("<DT>0001-01-01T00:00:00+05:00</DT>", "0001-01-01T00:00:00+05:00"),
        ("<Obj><I32>5</I32><MS><S N='note'>x</S></MS></Obj>", 5),
        ("<Obj><ToString>Retry</ToString><I32>3</I32></Obj>", Enumeration("Retry", 3)),
        (
            "<Obj><DCT><En><S N='Key'>k</S><I32 N='Value'>1</I32></En></DCT></Obj>",
            Complex(None, {"k": 1}),
        ),
        (
            "<Obj><Props><S N='a'>p</S></Props><MS><S N='a'>m</S><S N='b'>m</S></MS></Obj>",
            Complex(None, {"a": "m", "b": "m"}),
        ),
        (
            "<Obj><MS><BA N='SerializationData'>AAEC</BA><Obj N='l'><IE/></Obj></MS></Obj>",
            Complex(None, {"l": Items(())}),
        ),
        ("<SS>0123</SS>", Lost("a secure string is not read")),
    ],
)
def test_values(element: str, expected: Value) -> None:
    """Each element of the format becomes the value it stands for."""
    assert only(element) == expected


@pytest.mark.parametrize("tag", ["LST", "IE", "QUE", "STK"])
def test_lists(tag: str) -> None:
    """Every kind of collection is a list."""
    inside = f"<Obj><Props><Obj N='l'><{tag}><S>a</S><Nil/></{tag}></Obj></Props></Obj>"

    assert only(inside) == Complex(None, {"l": Items(("a", None))})


def test_list_at_the_top() -> None:
    """A list that is itself the top-level object stands for its members, with their types."""
    member = "<Obj><TN RefId='{0}'><T>T{0}</T></TN><Props><I32 N='a'>{0}</I32></Props></Obj>"
    document = f"{ROOT}<Obj RefId='9'><TN RefId='9'><T>System.Collections.ArrayList</T></TN><LST>"
    document += f"{member.format(1)}{member.format(2)}</LST></Obj></Objs>"

    found = entries(document)

    assert [one.types for one in found] == [("T1",), ("T2",)]
    assert [one.value for one in found] == [Complex(None, {"a": 1}), Complex(None, {"a": 2})]


def test_references_hold_for_the_document() -> None:
    """A Ref, also inside a list, means what it meant wherever in the document that stands."""
    first = (
        "<Obj RefId='1'><Props><Obj N='o' RefId='2'><ToString>org</ToString></Obj></Props></Obj>"
    )
    second = "<Obj RefId='3'><Props><Obj N='l'><LST><Ref RefId='2'/></LST></Obj></Props></Obj>"

    found = values(f"{ROOT}{first}{second}</Objs>")

    assert found[1] == Complex(None, {"l": Items((Complex("org", {}),))})


def test_a_reference_to_what_is_around_it_is_lost() -> None:
    """No value ever holds itself: code that walks it would not end."""
    value = only("<Obj RefId='1'><Props><Ref N='self' RefId='1'/></Props></Obj>")

    assert isinstance(value, Complex)
    assert isinstance(value.properties["self"], Lost)


def test_a_reference_too_far_back_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is flat: what went out of reach is unknown, and what is used stays in reach."""
    monkeypatch.setattr(clixml, "REMEMBERED", 10)
    one = "<Obj RefId='{0}'><ToString>{0}</ToString></Obj>"
    used = "<Obj><LST><Ref RefId='0'/></LST></Obj>"
    body = one.format(0) + "".join(one.format(n) + used for n in range(1, 30))

    found = values(f"{ROOT}{body}{used}<Ref RefId='1'/></Objs>")

    assert found[-2] == Complex("0", {})
    assert isinstance(found[-1], Lost)


@pytest.mark.parametrize(
    "inside",
    [
        "<Obj><TNRef RefId='7'/></Obj>",
        "<Ref RefId='7'/>",
        "<I32>five</I32>",
        "<I32>1_0</I32>",
        "<I32>٣</I32>",  # digits of another script
        "<I32>" + "9" * 5000 + "</I32>",
        "<Db>1_0</Db>",
        "<B>yes</B>",
        "<C>99999</C>",
        "<DT>yesterday</DT>",
        "<S>a<S>b</S></S>",
        "<T>x</T>",
        "<Obj><Props><S>no name</S></Props></Obj>",
        "<Obj><Obj/></Obj>",
        "<What/>",
        "<S>&unknown;</S>",
        "</Obj>",
    ],
)
def test_malformed(inside: str) -> None:
    """Whatever is wrong, it is one error in one line with place and line number; no other."""
    with pytest.raises(InputError, match=r"^here\.xml, line 2: [^\n]+$"):
        values(f"{ROOT}<S>fine</S>\n{inside}</Objs>")


def test_what_stands_before_a_fault_is_used() -> None:
    """A broken document counts as far as it can be read, and says where it breaks off (2)."""
    queue = Writer().document(
        [Complex("A\\1", {"Identity": "A\\1", "NextHopDomain": "x", "PSComputerName": "EX1"})],
        types=("Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo",),
    )
    broken = queue.replace("</Objs>", "\n<Obj><Props>")

    reading = read_clixml([broken.encode()], "q.xml")

    assert [(row.cmdlet, row.computer) for row in reading.rows] == [("Get-Queue", "EX1")]
    assert reading.cmdlets == {"Get-Queue"}
    assert reading.unread[0].what == "Get-Queue"
    assert "q.xml, line 2: the document ends too early" in reading.unread[0].why


@pytest.mark.parametrize("data", [b"", b"   ", b"<Objs", b"hello", b"<Obj/>", b"\xff\xfe", b"\0\0"])
def test_nothing_to_read(data: bytes) -> None:
    """A document of which nothing can be read is an error, not an empty answer."""
    with pytest.raises(InputError, match=r"^q\.xml"):
        read_clixml([data], "q.xml")


@pytest.mark.parametrize(
    "root", ["<Objs/>", f"{ROOT}</Objs>", f'<?xml version="1.0"?>\n{ROOT}</Objs>']
)
def test_empty_document(root: str) -> None:
    """An answer without objects is named; it counts for no cmdlet, as it does not say for which."""
    reading = read_clixml([root.encode()], "q.xml")

    assert (reading.rows, reading.unread, reading.cmdlets) == ([], [], set())
    assert "without any object" in reading.ignored[0][0]
    assert reading.ignored[0][1] == "q.xml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("size", [1, 5, 0])
def test_standard_error(encoding: str, size: int) -> None:
    """The form of standard error: a first line in front, plain texts with a stream, progress."""
    progress = "<Obj S='progress' RefId='0'><MS><PR N='Record'><T>Completed</T></PR></MS></Obj>"
    document = f"#< CLIXML\r\n{ROOT}{progress}<S S='Error'>broken_x000D__x000A_</S></Objs>"

    found = entries(document.encode(encoding), size)

    assert [(one.stream, one.value) for one in found] == [
        ("progress", Complex(None, {})),
        ("Error", "broken\r\n"),
    ]


def test_an_error_in_a_capture_is_unread() -> None:
    """An error record amid the answers says that something was not answered."""
    record = Complex("The server is not there", {})
    document = Writer().document([record], types=("System.Management.Automation.ErrorRecord",))

    reading = read_clixml([document.encode()], "q.xml")

    assert "The server is not there" in reading.unread[0].why
    assert reading.ignored == []


def test_other_cmdlets_are_named() -> None:
    """An object of another cmdlet is ignored under its name, once for each capture."""
    one = Complex("x", {"a": 1})
    document = Writer().document([one, one], types=("Some.Space.MailboxThing",))

    assert read_clixml([document.encode()], "q.xml").ignored == [("MailboxThing", "q.xml")]


ATTACKS = {
    "billion laughs": '<!DOCTYPE Objs [<!ENTITY e0 "lol">'
    + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    + f"]>{ROOT}<S>&e9;</S></Objs>",
    "quadratic": f'<!DOCTYPE Objs [<!ENTITY a "{"a" * 100_000}">]>'
    f"{ROOT}<S>{'&a;' * 20_000}</S></Objs>",
    "external": f'<!DOCTYPE Objs [<!ENTITY a SYSTEM "file:///etc/passwd">]>{ROOT}<S>&a;</S></Objs>',
    "references": ROOT
    + "<Obj RefId='0'><LST><S>x</S></LST></Obj>".replace("LST", "QUE").join(
        ("<Obj><LST>", "</LST></Obj>")
    )
    + "".join(
        f"<Obj RefId='{n}'><Props><Obj N='l' RefId='l{n}'><LST>"
        + f"<Ref RefId='{n - 1}'/>" * 10
        + "</LST></Obj></Props></Obj>"
        for n in range(1, 40)
    )
    + "</Objs>",
    "chain": ROOT
    + "<Obj RefId='0'><ToString>x</ToString></Obj>"
    + "".join(
        f"<Obj RefId='{n}'><Props><Ref N='a' RefId='{n - 1}'/></Props></Obj>"
        for n in range(1, 5000)
    )
    + "</Objs>",
    "one value": f"{ROOT}<S>{'x' * (clixml.MAX_TEXT + 1)}</S></Objs>",
    "one tag": f"{ROOT}<S N='{'x' * 30_000_000}'>x</S></Objs>",
    "one comment": f"{ROOT}<!--{'x' * 30_000_000}--></Objs>",
    "many values": f"{ROOT}<Obj><LST><Obj><LST>{'<Nil/>' * 1_000_001}</LST></Obj></LST></Obj>"
    "</Objs>",
} | {
    f"{levels} levels": ROOT
    + "<Obj><Props><Obj N='a'><LST>" * levels
    + "</LST></Obj></Props></Obj>" * levels
    + "</Objs>"
    for levels in (50, 100, 200, 500, 1_000, 10_000, 100_000)
}

UNDER_A_LIMIT = """
import resource, sys, time
from mailflow.errors import InputError
from mailflow.sources.exports.clixml import ClixmlReader
data = sys.stdin.buffer.read()
reader = ClixmlReader("attack")
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (64 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    for begin in range(0, len(data), 65536):
        for one in reader.feed(data[begin:begin + 65536]): pass
    for one in reader.close(): pass
except InputError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    """Each is refused in 64 MB and ten seconds at most, by a message."""
    done = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT],
        input=ATTACKS[attack].encode(),
        env={"PYTHONPATH": str(PROJECT / "lib")},
        capture_output=True,
        timeout=10,
        check=False,
    )

    assert done.stdout.startswith(b"refused: attack, line 1: "), done.stderr[-500:]


def test_what_references_reach_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the bytes that objects take as well: an older one is lost, and says so."""
    monkeypatch.setattr(clixml, "REMEMBERED_BYTES", 1000)
    small, large = "<Obj RefId='{}'><S>x</S></Obj>", f"<Obj RefId='9'><S>{'x' * 2000}</S></Obj>"
    near = ROOT + small.format(0) + "<Ref RefId='0'/></Objs>"
    far = ROOT + small.format(0) + large + "<Ref RefId='0'/></Objs>"

    assert values(near.encode())[-1] == "x"
    assert isinstance(values(far.encode())[-1], Lost)


def test_a_costly_object_ends_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes more than the budget while it is open is not waited for."""
    monkeypatch.setattr(budget, "LEAST_MEMORY", 20 * 2**17)
    one = "<Obj><TN><T>ExtensibleQueueInfo</T></TN><Props><S N='a'>x</S></Props></Obj>"
    many = "".join(f"<S N='n{number}'>{'x' * 1000}</S>" for number in range(1000))

    with pytest.raises(BudgetError, match="holds more values"):
        values(f"{ROOT}{one}<Obj><Props>{many}</Props></Obj></Objs>".encode())


@pytest.mark.alone
def test_attack_in_one_chunk() -> None:
    """A caller may hand over a whole document: the limits hold inside it as well."""
    begun = time.monotonic()

    with pytest.raises(InputError, match="tag or comment"):
        values(ATTACKS["one tag"])
    assert time.monotonic() - begun < 3


def test_streaming_is_flat() -> None:
    """A long document that nobody keeps costs no more memory than a short one."""
    one = Complex("t", {"a": "x" * 1000, "l": Items(tuple(Enumeration("e", n) for n in range(9)))})
    body = Writer().value(one)
    reader = ClixmlReader("long")
    count = sum(1 for _ in reader.feed(ROOT.encode()))
    peaks = []
    for _round in range(4):
        for number in range(1500):
            again = re.sub(r'Id="(\d+)"', rf'Id="{len(peaks)}-{number}-\1"', body)
            count += sum(1 for _ in reader.feed(again.encode()))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    count += sum(1 for _ in reader.feed(b"</Objs>")) + sum(1 for _ in reader.close())

    assert count == 6000
    assert peaks[-1] - peaks[0] < 4096, peaks


def test_real_files_are_there() -> None:
    """The captures of real servers are at hand, so that the tests below have something to do."""
    needs_shared("captures/powershell")

    assert len(REAL) >= 10


@pytest.mark.parametrize("path", each_of(REAL))
def test_real_files_against_psrpcore(path: Path) -> None:
    """Every real capture holds the values that psrpcore finds in it."""
    text = path.read_text(encoding="utf-8-sig")
    judge = flat_psrpcore(text)

    own = flat_own(values(path.read_bytes()))

    assert differences(own, judge) == {}
    assert values(text.encode("utf-16"), 4096) == values(path.read_bytes())


def differences(own: Flat, judge: Flat) -> dict[str, tuple[object, object]]:
    """The paths at which two readers do not agree, with what each has."""
    alive = [path for path, (kind, _) in judge.items() if kind == "address"]
    for path in alive:
        assert own[f"{path}:text"] == ("text", judge[path][1])
    below = tuple(f"{path}{mark}" for path in alive for mark in ".:")
    own = {path: own[path] for path in own if path not in alive and not path.startswith(below)}
    judge = {path: judge[path] for path in judge if path not in alive}
    return {
        path: (own.get(path), judge.get(path))
        for path in {**judge, **own}
        if _differ(own.get(path), judge.get(path))
    }


def _differ(own: tuple[str, object] | None, judge: tuple[str, object] | None) -> bool:
    if own == judge:
        return False
    if own is None or judge is None:
        # Without a ToString element psrpcore has none and PowerShell makes one up.
        return (own or judge or ("", ""))[0] != "text"
    if judge[0] == "duration":  # psrpcore makes an object of its own of it
        return not re.fullmatch(r"-?P[\dDTHMS.]+", str(own[1]))
    if judge[0] == "date" and own[0] == "plain":  # a time without a zone stays as it stood
        return not str(own[1]).startswith(str(judge[1])[:19])
    return True


def test_real_files_against_powershell(tmp_path: Path) -> None:
    """Every real capture holds the values that Import-Clixml of a real PowerShell gives."""
    needs_powershell()
    needs_shared("captures")
    copies = []
    for number, path in enumerate(REAL):
        copy = tmp_path / f"{number}-{path.name}"
        data = path.read_bytes()
        if path.name == CIM:  # a native library of it is missing outside Windows (S10.25)
            data = data.replace(b"Microsoft.Management.Infrastructure.CimInstance", b"Some.Cim")
        copy.write_bytes(data)
        copies.append(copy)

    judges = flat_powershell(copies, tmp_path)

    assert list(judges) == copies
    for copy in copies:
        own = flat_own(values(copy.read_bytes()))
        assert differences(own, judges[copy]) == {}


@pytest.mark.parametrize("path", each_of(REAL))
def test_real_files_import(path: Path) -> None:
    """Every real capture is either rows of one cmdlet or named as something else; none is lost."""
    reading = read_clixml([path.read_bytes()], path.name)

    assert reading.unread == []
    assert (len(reading.cmdlets), len(reading.ignored)) in {(1, 0), (0, 1)}
    assert all(row.place.startswith(f"{path.name}, object ") for row in reading.rows)
