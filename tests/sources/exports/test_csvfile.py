"""CSV: values, what is lost of them, and rows that do not fit (S10.23)."""

from __future__ import annotations

import csv
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow import budget
from mailflow.errors import InputError
from mailflow.snapshot import Unread
from mailflow.sources.exports.csvfile import read_csv
from mailflow.sources.row import Enumeration, Items, Lost, Reading
from mailflow.sources.tables import assemble

HEAD = '"Identity","Enabled","Bindings","RemoteIPRanges","AuthMechanism"'


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", ["", "#TYPE Deserialized.X.ReceiveConnector\n", "\ufeff"])
def test_values(separator: str, end: str, kind: str) -> None:
    """Joined lists, flags and truth values, whatever separates the columns."""
    fields = ['"A\\B"', '"True"', '"0.0.0.0:25 [::]:25"', '"10.0.0.1 10.0.0.9"', '"Tls, BasicAuth"']
    text = f"{kind}{HEAD.replace(',', separator)}\n{separator.join(fields)}\n".replace("\n", end)

    [row] = read_csv(text, "x").rows

    assert row.values == {
        "Identity": "A\\B",
        "Enabled": True,
        "Bindings": Items(("0.0.0.0:25", "[::]:25")),
        "RemoteIPRanges": Items(("10.0.0.1", "10.0.0.9")),
        "AuthMechanism": Enumeration("Tls, BasicAuth", None),
    }


@pytest.mark.parametrize(
    "name",
    [
        "Microsoft.Exchange.Data.MultiValuedProperty`1[Microsoft.Exchange.Data.IPRange]",
        "System.String[]",
        "System.Collections.ArrayList",
        "Microsoft.Exchange.Data.MultiValuedProperty`1[[Microsoft.Exchange.Data.IPRange, X, V=15]]",
    ],
)
def test_type_name_is_lost(name: str) -> None:
    """A list of which only the type is left is unknown, never empty (contract, section 2)."""
    [row] = read_csv(f'{HEAD}\n"A\\B","True","{name}","{name}","Tls"\n', "x").rows

    assert isinstance(row.values["Bindings"], Lost)
    assert isinstance(row.values["RemoteIPRanges"], Lost)


def test_names_that_look_like_types() -> None:
    """Only lists are lost so: a text with dots is a text."""
    [row] = read_csv('"Identity","MessageCount","NextHopDomain"\nA\\1,3,System.example\n', "x").rows

    assert row.values["NextHopDomain"] == "System.example"
    assert row.values["MessageCount"] == 3


def test_type_line_decides() -> None:
    """The type tells what the columns alone would not, or would tell wrongly."""
    row = '"Name","Status"\n"a","b"\n'

    assert read_csv(f"#TYPE X.QueueInfo\n{row}", "x").cmdlets == {"Get-Queue"}
    assert read_csv(f'"#TYPE X.MailboxServer"\n{row}', "x").ignored == [("Get-MailboxServer", "x")]


def test_bad_rows_are_unread() -> None:
    """Too few or too many columns, or an open quote, are unread with their line."""
    text = f'{HEAD}\n"A\\B","True"\n1,2,3,4,5,6\n\n"A\nB\\C","True","","",""\n"open,1,2\nrest'

    reading = read_csv(text, "x.csv")

    assert [row.values["Identity"] for row in reading.rows] == ["A\nB\\C"]
    assert [one.what for one in reading.unread] == ["Get-ReceiveConnector"] * 4
    for one, line in zip(reading.unread, (2, 3, 7, 8), strict=True):
        assert f"x.csv, line {line}:" in one.why


@pytest.mark.parametrize("separator", [",", ";"])
def test_addresses(separator: str) -> None:
    """`server,address` is the small list people write by hand."""
    text = "Server,Address\n EX10A , 10.0.0.11\nEX10B\n".replace(",", separator)

    reading = read_csv(text, "x")

    [row] = reading.rows
    assert row.cmdlet == "addresses.csv"
    assert row.values == {"server": "EX10A", "address": "10.0.0.11"}
    assert [one.what for one in reading.unread] == ["addresses.csv"]


def test_failures() -> None:
    """`server,what,why` is what the collecting script could not read (contract, section 2)."""
    text = '"server","what","why"\r\n"EX10B","Get-Queue","no, ""RPC"""\r\n"EX10B"\r\n'

    reading = read_csv(text, "unread.csv")

    assert reading.unread[0] == Unread("EX10B", "Get-Queue", 'no, "RPC"')
    assert "unread.csv, line 3" in reading.unread[1].why
    assert not reading.rows
    assert not reading.ignored


@pytest.mark.parametrize("text", ["", "\n\n", "#TYPE X\n", "a,a\n1,2", '"open,b\n1,2'])
def test_no_header(text: str) -> None:
    """Without names for the columns nothing can be read, and the file is named."""
    with pytest.raises(InputError, match=r"^x\.csv"):
        read_csv(text, "x.csv")


@pytest.mark.alone
@pytest.mark.parametrize(
    "text",
    ['Identity,MessageCount\n"' + "a" * 10_000_000, "Identity,MessageCount\n" + '"",' * 2_000_000,
     "Identity,MessageCount\n" + '"a"b' * 1_000_000, "Identity,MessageCount\n" * 200_000],
    ids=["open", "columns", "quotes", "rows"],
)  # fmt: skip
def test_bounded_time(text: str) -> None:
    """Hostile text costs seconds at most."""
    begin = time.monotonic()

    read_csv(text, "x")

    assert time.monotonic() - begin < 20


def test_rows_beyond_the_budget_are_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands before counts; what does not is missing data."""
    text = "Identity,NextHopDomain,Status\n" + "EX1\\1,x,Retry\n" * 1000
    monkeypatch.setattr(budget, "LEAST_MEMORY", 200_000)

    reading = read_csv(text, "x.csv")

    assert 0 < len(reading.rows) < 1000
    assert [(one.server, one.what) for one in reading.unread] == [("", "capture")]


def test_a_row_of_columns_without_end_is_unread() -> None:
    """Its fields are not made one by one."""
    reading = read_csv("Identity,NextHopDomain,Status\n" + "xy," * 30_000 + "\n", "x.csv")

    [row] = reading.unread
    assert row.why == "x.csv, line 2: more than 20000 columns; 3 columns expected"


FIELDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.just("\n"), max_size=20
)


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=8), st.sampled_from(",;\t"))
def test_like_the_csv_module(rows: list[tuple[str, str]], separator: str) -> None:
    """What the csv module writes comes back field by field, quotes and line breaks too."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("NextHopDomain", "LastError"), *rows])

    reading = read_csv(file.getvalue(), "x") if rows else Reading()

    read = [(row.values["NextHopDomain"], row.values["LastError"]) for row in reading.rows]
    assert read == [(one.strip(), two.strip()) for one, two in rows]
    assert not reading.unread


@given(st.text(max_size=300))
def test_anything_is_read_or_refused(text: str) -> None:
    """No text at all makes the reader fail otherwise than by saying what is wrong."""
    try:
        read_csv(text, "x")
    except InputError as error:
        assert str(error).startswith("x")  # noqa: PT017 - most texts pass, some do not


def test_an_export_of_queue_viewer_is_read() -> None:
    """Its columns are those on the screen, with blanks in their names."""
    text = (
        "Identity,Next Hop Domain,Delivery Type,Status,Message Count,Last Error\r\n"
        'EX16A\\31,head-office,SmtpRelayToDag,Retry,12,"421 4.4.2 Connection dropped, by host"\r\n'
    )

    (row,) = read_csv(text, "queues.csv").rows

    assert (row.cmdlet, row.values["MessageCount"]) == ("Get-Queue", 12)
    assert row.values["NextHopDomain"] == "head-office"
    assert row.values["LastError"] == "421 4.4.2 Connection dropped, by host"


def test_addresses_with_what_tells_of_their_adapter() -> None:
    """S9.05: further columns that a person or the collecting script fills in as far as known."""
    text = (
        "server,address,has_gateway,registers_in_dns\nEX10A,10.0.0.11,True,\nEX10A,10.9.0.11,,no\n"
    )
    org = assemble(read_csv(text, "x"), origin="")

    assert [(one.address, one.has_gateway, one.registers_in_dns) for one in org.addresses] == [
        ("10.0.0.11", True, None),
        ("10.9.0.11", None, None),
    ]
    assert read_csv("server,address,comment\nEX10A,10.0.0.11,x\n", "x").rows == []


@pytest.mark.parametrize("head", ["Address,Server", "IP-Adresse,Servername", "ip address,SERVER"])
def test_addresses_by_other_names_of_the_columns(head: str) -> None:
    """People write the two columns in either order and in their own words."""
    reading = read_csv(f"{head},has_gateway\n10.0.0.11,EX10A,True\n", "list.csv")

    assert [row.values for row in reading.of("addresses.csv")] == [
        {"address": "10.0.0.11", "server": "EX10A", "has_gateway": "True"}
    ]
    assert (reading.ignored, reading.unread) == ([], [])


@pytest.mark.parametrize("head", ["Name,IPAddress", "server,address,model"])
def test_another_table_is_no_list_of_addresses(head: str) -> None:
    """Printers with their addresses are no servers of the organization."""
    line = ",".join(["a", "10.0.0.11", "b"][: head.count(",") + 1])
    reading = read_csv(f"{head}\n{line}\n", "list.csv")

    assert list(reading.of("addresses.csv")) == []
    assert [place for _, place in reading.ignored] == ["list.csv"]
