"""A file, folder or zip comes in by its content; what is broken is named, what attacks refused."""

from __future__ import annotations

import hashlib
import io
import os
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow import budget
from mailflow.errors import InputError
from mailflow.snapshot import SCHEMA, Snapshot, Unread, from_document
from mailflow.sources.exports import files
from mailflow.sources.exports.files import Captured, read_source
from mailflow.sources.exports.recognise import HEAD, ExportForm, recognise
from mailflow.sources.row import Lost
from support import needs_shared

CLIXML = (
    '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj>'
    "<TN><T>Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo</T></TN><Props>"
    '<S N="Identity">EX1\\1</S><S N="LastError">Zürich</S></Props></Obj></Objs>'
)
LIST = "\r\nIdentity      : EX1\\1\r\nNextHopDomain : zürich\r\nStatus        : Retry\r\n\r\n"
TABLE = (
    "Identity DeliveryType Status MessageCount\n"
    "-------- ------------ ------ ------------\n"
    "EX1\\1    Smtp         Retry  3\n"
)
JSON = '[{"Identity": "EX1\\\\1", "NextHopDomain": "x", "Status": 3}]'
CSV = '"Identity","NextHopDomain","Status"\r\n"EX1\\1","x","Retry"\r\n'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def put(folder: Path, **contents: bytes | str) -> Path:
    """A folder with these files; `__` in a name is a dot, `___` a slash."""
    for name, content in contents.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def zipped(path: Path, contents: dict[str, bytes | str]) -> Path:
    """A zip with these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def why(captured: Captured) -> list[str]:
    """What could not be read."""
    return [one.why for one in captured.reading.unread]


@pytest.mark.parametrize(
    "content", [CLIXML, LIST, JSON, CSV], ids=["clixml", "list", "json", "csv"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("name", ["queues.txt", "queues.xml", "queues"])
def test_forms(tmp_path: Path, content: str, encoding: str, name: str) -> None:
    """Every form is recognised by content in every encoding, whatever the file is called (2)."""
    data = content.encode(encoding)
    (tmp_path / name).write_bytes(data)

    captured = read_source(tmp_path / name)

    assert [row.cmdlet for row in captured.reading.rows] == ["Get-Queue"]
    assert captured.reading.unread == []
    assert captured.reading.rows[0].place.startswith(name)
    assert captured.inputs == {name: hashlib.sha256(data).hexdigest()}
    assert captured.snapshot is None


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ("#< CLIXML\r\n<Objs/>", ExportForm.CLIXML),
        ('<?xml version="1.0"?>\n<!-- x -->\n<Objs/>', ExportForm.CLIXML),
        ('<!DOCTYPE Objs [<!ENTITY a "b">]>', ExportForm.CLIXML),
        ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><Objs>', ExportForm.CLIXML),
        ("<!DOCTYPE html><html>", ExportForm.FOREIGN),
        ('<!DOCTYPE HTML PUBLIC "x"><html>', ExportForm.FOREIGN),
        ("<Objective/>", ExportForm.TEXT),
        ("<what EX1 said>\nIdentity : EX1\\1", ExportForm.TEXT),
        ("[PS] C:\\Windows\\system32>Get-Queue | fl", ExportForm.TEXT),
        ("PS C:\\> Get-Queue", ExportForm.TEXT),
        ("**********************\nWindows PowerShell transcript start", ExportForm.TEXT),
        ("\x1b[32;1mIdentity : \x1b[0mEX1\\1", ExportForm.TEXT),
        ("[1]", ExportForm.JSON),
        ("{}", ExportForm.JSON),
        ('{"schema":"mailflow.snapshot/1"', ExportForm.SNAPSHOT),
        ("server,address\nEX1,10.0.0.1", ExportForm.CSV),
        ('#TYPE Some.Type\n"a","b"', ExportForm.CSV),
        ("Identity;Status\nx;y", ExportForm.CSV),
        ('"server","what","why"\n', ExportForm.FAILURES),
        ("BM is a text", ExportForm.TEXT),
        ("", ExportForm.EMPTY),
        ("\ufeff \n", ExportForm.EMPTY),
        ("PK\x03\x04", ExportForm.ZIP),
        ("%PDF-1.7", ExportForm.FOREIGN),
        ("\0\1\2\3" * 50, ExportForm.BINARY),
    ],
)
def test_recognise(head: str, form: ExportForm) -> None:
    """The beginning of a file decides."""
    assert recognise(head.encode())[0] is form


@given(st.binary(max_size=2000))
def test_recognise_anything(junk: bytes) -> None:
    """No bytes whatever make the recogniser fail."""
    form, encoding = recognise(junk)

    assert isinstance(form, ExportForm)
    junk.decode(encoding or "latin-1", "replace")


@pytest.mark.parametrize("head", ["<" * HEAD, "{" * HEAD, "a," * HEAD, '"' * HEAD, "<!--" * HEAD])
def test_recognise_is_quick(head: str) -> None:
    """A head made to make patterns try everything is still decided at once."""
    begun = os.times().user

    recognise(head.encode()[:HEAD])

    assert os.times().user - begun < 1


def test_mixed_folder(tmp_path: Path) -> None:
    """A folder may mix forms and hold other things; each is read, named or unread, none lost."""
    folder = put(
        tmp_path,
        a__txt=CLIXML,
        b___c__xml=LIST,
        d=JSON,
        addresses__csv="server,address\nEX1,10.0.0.1\n",
        unread__csv="server,what,why\nEX2,Get-Queue,no answer\n",
        picture__png=PNG,
        readme__txt="Collected on Sünday.\n",
        junk__bin=bytes(range(256)) * 4,
        empty__txt="",
        broken__xml=CLIXML[:-30],
        __git___config__xml=CLIXML,
        __hidden=CLIXML,
    )

    captured = read_source(folder)

    assert sorted({row.place.partition(",")[0] for row in captured.reading.rows}) == [
        "a.txt", "addresses.csv", "b/c.xml", "d",
    ]  # fmt: skip
    assert Unread("EX2", "Get-Queue", "no answer") in captured.reading.unread
    assert sorted(text.split(":")[0].split(",")[0] for text in why(captured)) == [
        "broken.xml", "empty.txt", "junk.bin", "no answer",
    ]  # fmt: skip
    assert {place for _, place in captured.reading.ignored} == {"picture.png", "readme.txt"}
    assert set(captured.inputs) == {
        "a.txt", "addresses.csv", "b/c.xml", "broken.xml", "d", "readme.txt", "unread.csv",
    }  # fmt: skip


def test_broken_behind_the_first_object(tmp_path: Path) -> None:
    """What stands before a fault is read; the rest is unread with file and line."""
    broken = CLIXML.replace("</Objs>", "\n<Obj>")

    captured = read_source(put(tmp_path, q__xml=broken) / "q.xml")

    assert len(captured.reading.rows) == 1
    assert why(captured)[0].startswith("q.xml, line 2: the document ends too early")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({}, "no files found"),
        ({"q.xml": CLIXML[:100]}, r"q\.xml, line 1: "),
        ({"q.xml": b"\0\1\2" * 99}, r"q\.xml: not an export"),
        ({"q.json": '{"a":'}, r"q\.json, line 1"),
        ({"q.txt": ""}, r"q\.txt: empty"),
        ({"q.txt": "", "r.txt": ""}, r"q\.txt: empty.*1 more"),
        ({"p.png": PNG}, r"no export.*p\.png"),
        ({"q.txt": b"Z\xfcrich \xfc\xfc\xfc"}, r"q\.txt: not PowerShell output"),
        ({"s.json": '{"schema":"mailflow.snapshot/1",'}, r"s\.json: damaged JSON"),
    ],
)
def test_nothing_to_read(tmp_path: Path, contents: dict[str, bytes], message: str) -> None:
    """Nothing to go by is an error in one line, with the file and the place; never an all-clear."""
    put(tmp_path, **{name.replace(".", "__"): content for name, content in contents.items()})

    with pytest.raises(InputError, match=message) as raised:
        read_source(tmp_path)
    assert "\n" not in str(raised.value)
    if len(contents) == 1:
        with pytest.raises(InputError, match=next(iter(contents))):
            read_source(tmp_path / next(iter(contents)))


@pytest.mark.parametrize("name", ["missing", "pipe", "zero\0"])
def test_no_source(tmp_path: Path, name: str) -> None:
    """What is not there, or would never end, is an error at once."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match=name.strip("\0")):
        read_source(tmp_path / name)


def test_pipes_and_links(tmp_path: Path) -> None:
    """Inside a folder pipes are not opened, and links are followed only if they stay inside."""
    outside = put(tmp_path / "outside", secret=CLIXML)
    folder = put(tmp_path / "folder", q__xml=CLIXML)
    os.mkfifo(folder / "pipe")
    (folder / "out").symlink_to(outside / "secret")
    (folder / "outdir").symlink_to(outside)
    (folder / "in").symlink_to("q.xml")
    (folder / "circle").symlink_to("circle")

    captured = read_source(folder)

    assert set(captured.inputs) == {"q.xml", "in"}
    assert {place for _, place in captured.reading.ignored} == {"pipe", "out"}
    assert [text.split(":")[0] for text in why(captured)] == ["circle"]


def test_other_code_page(tmp_path: Path) -> None:
    """Bytes of a code page nobody names show as U+FFFD and are unread: never a wrong letter."""
    data = LIST.encode("cp1252") + b"Comment       : " + b"x" * 100

    captured = read_source(put(tmp_path, q__txt=data))

    assert captured.reading.rows[0].values["NextHopDomain"] == Lost(
        "characters are lost", "z\ufffdrich"
    )
    assert "q.txt, line 3: characters that are not utf-8 show as \ufffd; export again" in why(
        captured
    )


def test_table(tmp_path: Path) -> None:
    """A table is recognised and read; one whose blanks are gone asks for Format-List (2)."""
    captured = read_source(put(tmp_path, q__txt=TABLE))
    [row] = captured.reading.rows

    assert row.values["MessageCount"] == 3
    assert not why(captured)
    captured = read_source(put(tmp_path, q__txt=" ".join(TABLE.split(" ")).replace("    ", " ")))
    assert "Format-List" in why(captured)[0]


def test_snapshot(tmp_path: Path) -> None:
    """A saved snapshot comes back as its document, from a file, a folder, and re-formatted."""
    saved = Snapshot(origin="x", unread=(Unread("EX1", "Get-Queue", "no answer"),))
    saved.save(tmp_path / "snapshot")

    for source in (tmp_path, tmp_path / "snapshot"):
        captured = read_source(source)
        assert from_document(captured.snapshot, captured.snapshot_place) == saved
        assert captured.snapshot_place == "snapshot"
        assert set(captured.inputs) == {"snapshot"}

    put(tmp_path, other=f'{{"origin": "y",\n "schema": "{SCHEMA}"}}')
    assert read_source(tmp_path / "other").snapshot == {"origin": "y", "schema": SCHEMA}
    with pytest.raises(InputError, match="more than one snapshot"):
        read_source(tmp_path)


def test_zip(tmp_path: Path) -> None:
    """A zip, with a folder in it or in a folder itself, reads like what it holds (section 8, 9)."""
    path = zipped(
        tmp_path / "c.zip",
        {"inner/q.xml": CLIXML, "inner/r.txt": LIST, "__MACOSX/._q.xml": "x", "inner/.DS": "x"},
    )
    for source in (path, tmp_path):
        captured = read_source(source)

        assert len(captured.reading.rows) == 2
        assert captured.reading.unread == []
        assert captured.inputs == {
            "c.zip": hashlib.sha256(path.read_bytes()).hexdigest(),
            "c.zip/inner/q.xml": hashlib.sha256(CLIXML.encode()).hexdigest(),
            "c.zip/inner/r.txt": hashlib.sha256(LIST.encode()).hexdigest(),
        }


@pytest.mark.parametrize(
    "name", ["../evil.xml", "/evil.xml", "a/../../evil.xml", "C:\\evil.xml", "..\\evil"]
)
def test_zip_slip(tmp_path: Path, name: str) -> None:
    """A member whose name leads out of the zip is refused, and nothing is written anywhere."""
    path = zipped(tmp_path / "c.zip", {name: CLIXML, "good.xml": CLIXML})

    captured = read_source(path)

    assert len(captured.reading.rows) == 1
    assert "leads out of the zip" in why(captured)[0]
    assert [one.name for one in tmp_path.iterdir()] == ["c.zip"]


def test_zip_encrypted(tmp_path: Path) -> None:
    """An encrypted member is named as such."""
    path = zipped(tmp_path / "c.zip", {"q.xml": CLIXML})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    with pytest.raises(InputError, match=r"c\.zip/q\.xml: refused: encrypted"):
        read_source(path)


def test_zip_bomb(tmp_path: Path) -> None:
    """A member that unpacks to far more than its size is refused before it is unpacked."""
    path = zipped(tmp_path / "c.zip", {"q.txt": b"a" * 50_000_000, "good.xml": CLIXML})

    captured = read_source(path)

    assert "refused: unpacks to more than 300 times" in why(captured)[0]
    assert len(captured.reading.rows) == 1


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_FILES", 1, "more than 1 "),
        ("MOST_UNPACKED", 400, "all together unpacks to more than 400"),
        ("MOST_UNPACKED", 100, "all together unpacks to more than 100"),
    ],
)
def test_zip_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    """Number, size and sum of members are limited."""
    monkeypatch.setattr(files if limit == "MAX_FILES" else budget, limit, value)
    path = zipped(tmp_path / "c.zip", {"q.xml": CLIXML, "r.xml": CLIXML})

    with pytest.raises(InputError, match=message):
        read_source(path)


def test_zip_damaged(tmp_path: Path) -> None:
    """A zip cut or damaged anywhere is one error or a row, never anything else."""
    good = zipped(tmp_path / "c.zip", {"q.xml": CLIXML * 3, "r.txt": LIST}).read_bytes()
    path = tmp_path / "bad.zip"
    for at in range(4, len(good), 7):
        for data in (good[:at], good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]):
            path.write_bytes(data)
            try:
                captured = read_source(path)
            except InputError as error:
                assert "bad.zip" in str(error)  # noqa: PT017 - either is right
            else:
                assert captured.inputs


def packed(members: Mapping[str, str | bytes]) -> bytes:
    """A zip of these members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def test_zip_in_zip(tmp_path: Path) -> None:
    """One for each server inside one is read (S8.84); deeper ones and Office's are not."""
    office = packed({"[Content_Types].xml": "<x/>"})
    inner = packed({"q.xml": CLIXML, "deep.zip": packed({"q.xml": CLIXML}), "d.docx": office})
    zipped(tmp_path / "c.zip", {"EX16A.zip": inner, "d.docx": office})

    captured = read_source(tmp_path)

    assert why(captured) == [
        "c.zip/EX16A.zip/deep.zip: a zip inside a zip inside a zip; unpack it first",
        "c.zip/EX16A.zip/d.docx: a zip inside a zip inside a zip; unpack it first",
    ]
    assert captured.reading.ignored == [("an Office document", "c.zip/d.docx")]
    assert {row.place.partition(",")[0] for row in captured.reading.rows} == {
        "c.zip/EX16A.zip/q.xml"
    }
    assert "c.zip/EX16A.zip" in captured.inputs


def test_zips_in_a_zip_share_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members and bytes of all count together: a bomb of bombs ends as one bomb does."""
    inner = packed({f"{number}.txt": "x" for number in range(6)})
    zipped(tmp_path / "c.zip", {f"{number}.zip": inner for number in range(5)} | {"q.xml": CLIXML})
    monkeypatch.setattr(files, "MAX_FILES", 20)

    assert any("more than 20 members" in each for each in why(read_source(tmp_path)))
    bomb = packed({"a.txt": "\0" * 10**6})
    zipped(tmp_path / "c.zip", {"b.zip": bomb, "q.xml": CLIXML})

    assert any("times its size" in each for each in why(read_source(tmp_path)))


def test_too_large_for_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is limited, as it is in memory whole; CLIXML is not."""
    monkeypatch.setattr(budget, "MOST_TEXT", 1000)
    put(tmp_path, q__txt=LIST + "x" * 1000, q__xml=CLIXML + " " * 1000)

    captured = read_source(tmp_path)

    assert [row.place.partition(",")[0] for row in captured.reading.rows] == ["q.xml"]
    assert "q.txt: more than 1000 bytes" in why(captured)[0]


MANY = {
    "q.xml": CLIXML.replace(
        "</Objs>", CLIXML[CLIXML.index("<Obj>") :].removesuffix("</Objs>") * 300 + "</Objs>"
    ),
    "q.csv": CSV + CSV.splitlines(keepends=True)[1] * 300,
    "q.json": JSON * 300,
    "q.txt": LIST * 300,
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("is_packed", [False, True], ids=["file", "zip"])
def test_what_the_budget_cuts_is_missing_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, is_packed: bool
) -> None:
    """In each form: of any cmdlet and any server; what was read before it stays."""
    put(tmp_path, a__txt=LIST)
    if is_packed:
        zipped(tmp_path / "q.zip", {name: MANY[name]})
    else:
        (tmp_path / name).write_bytes(MANY[name].encode())
    assert read_source(tmp_path).reading.unread == []
    given = sum(each.stat().st_size for each in tmp_path.iterdir())
    monkeypatch.setattr(budget, "LEAST_MEMORY", 50_000 - given * budget.MEMORY_PER_BYTE)

    captured = read_source(tmp_path)

    [row] = captured.reading.unread
    assert (row.server, row.what) == ("", "capture")
    assert name in row.why
    assert "holds more values than reading may keep" in row.why
    assert captured.reading.rows[0].place.startswith("a.txt")
    assert len(captured.reading.rows) < 200


def test_the_time_is_one_for_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is over, what is left is named once, however much it is."""
    monkeypatch.setattr(budget, "LEAST_SECONDS", -1.0)
    put(tmp_path, **{f"q{number}__xml": CLIXML for number in range(5)})

    with pytest.raises(InputError, match=r"q0\.xml.*took more than .*and 1 more") as raised:
        read_source(tmp_path)
    assert "q4" not in str(raised.value)


def test_people_see_what_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which file of how many, and how large it is; nothing where it is quick."""
    put(tmp_path, a__xml=CLIXML, b__txt=LIST)
    zipped(tmp_path / "c.zip", {"q.xml": CLIXML})
    quick: list[str] = []
    read_source(tmp_path, quick.append)
    monkeypatch.setattr(budget, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(budget, "EVERY_SECONDS", 0.0)
    said: list[str] = []

    read_source(tmp_path, said.append)

    assert quick == []
    assert list(dict.fromkeys(said)) == [
        "Reading a.xml (1 of 3 files, 0.0 MB) ...",
        "Reading b.txt (2 of 3 files, 0.0 MB) ...",
        "Reading c.zip (3 of 3 files, 0.0 MB) ...",
    ]


def test_long_clixml_streams(tmp_path: Path) -> None:
    """A long capture of a cmdlet nobody reads costs next to no memory."""
    begin, end = CLIXML.split("<Obj>", maxsplit=1)[0], "</Objs>"
    one = "<Obj><TN><T>Other</T></TN><Props><S N='a'>" + "x" * 10_000 + "</S></Props></Obj>"
    put(tmp_path, big__xml=begin + one * 3000 + end, q__xml=CLIXML)
    tracemalloc.start()

    captured = read_source(tmp_path)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert captured.reading.ignored == [("Other", "big.xml")]
    assert peak < 6_000_000


def test_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is unread (acted, as root may read everything)."""
    put(tmp_path, q__xml=CLIXML, no=CLIXML)
    really = Path.open

    def refusing(path: Path, mode: str) -> object:
        if path.name == "no":
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, mode)

    monkeypatch.setattr(Path, "open", refusing)

    assert why(read_source(tmp_path)) == ["no: Permission denied"]


def test_names_are_harmless(tmp_path: Path) -> None:
    """A file name with control characters or broken bytes shows without them."""
    folder = put(tmp_path, q__xml=CLIXML)
    (folder / os.fsdecode(b"\x1b[31m\xff")).write_bytes(b"")

    assert why(read_source(folder))[0].startswith("\ufffd[31m\ufffd: empty")


def test_all_real_captures_at_once() -> None:
    """The whole folder of real captures imports: queues, connectors and servers in every form."""
    captured = read_source(needs_shared("captures"))

    assert {"Get-Queue", "Get-ReceiveConnector", "Get-ExchangeServer"} <= captured.reading.cmdlets
    assert all("breaks off" not in text for text in why(captured))
    assert len(captured.inputs) > 60
