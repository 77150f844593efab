"""Console text as people pass it on: what must come out, and what never may."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.budget import BudgetError
from mailflow.sources.exports.console import read_console
from mailflow.sources.row import Enumeration, Items, Lost, Reading
from support import needs_shared

TEXTS = "captures/text"
ROWS = {
    "connector-list-2016-default-frontend.txt": ("Get-ReceiveConnector", 1),
    "connector-list-joined-strings.txt": ("Get-ReceiveConnector", 2),
    "queue-list-2013-proxy.txt": ("Get-Queue", 1),
    "queue-table-2007.txt": ("Get-Queue", 3),
}
TABLES = {
    "connector-table-2019-defaults.txt": "Get-ReceiveConnector",
    "queue-table-2007-pipes.txt": "Get-Queue",
    "queue-lasterror-alone.txt": "Get-Queue",
}
TRACKING = ("tracking-event-table.txt", "tracking-failed-list-dotted-date.txt")


def _field(name: str) -> Reading:
    path = needs_shared(f"{TEXTS}/{name}")
    return read_console(path.read_text(encoding="utf-8-sig"), name)


def test_field_texts() -> None:
    """Each text of the collection gives its rows, its row of unread, or is ignored by name."""
    names = [one["file"] for one in json.loads(needs_shared(f"{TEXTS}/index.json").read_bytes())]
    assert names
    for name in names:
        reading = _field(name)
        rows = [row.cmdlet for row in reading.rows]
        unread = [row.what for row in reading.unread]
        if name in ROWS:
            cmdlet, count = ROWS[name]
            assert (rows, unread, reading.ignored) == ([cmdlet] * count, [], []), name
        elif name in TABLES:
            assert (rows, unread, reading.ignored) == ([], [TABLES[name]], []), name
        else:
            words = "Get-MessageTrackingLog" if name in TRACKING else "not PowerShell output"
            words = "an object with Count, Name" if name.startswith("connections-per") else words
            [(what, place)] = reading.ignored
            assert what.startswith(words), name
            assert (rows, unread, place) == ([], [], name), name


def test_collapsed_queue() -> None:
    """Collapsed columns, empty lines between, a long value over three lines: all of it is read."""
    [row] = _field("queue-list-2013-proxy.txt").rows

    error = str(row.values["LastError"])
    assert error.startswith("[{LRT=15-01-21 23:50:05};{LED=450 4.7.0 Proxy session setup failed")
    assert '"451 4.4.0 Security status InvalidToken." Attempted failover' in error
    assert "delivery failed to all alternate hosts. The last endpoint" in error
    assert error.endswith("{IP=192.168.12.4}]")
    assert row.values["Status"] == Enumeration("Retry", None)
    assert row.values["MessageCount"] == 1


def test_collapsed_connector() -> None:
    """Trailing blanks and an empty line after every line are no cuts and no new objects."""
    [row] = _field("connector-list-2016-default-frontend.txt").rows

    assert row.values["Bindings"] == Items(("[::]:25", "0.0.0.0:25"))
    assert row.values["Enabled"] is True
    assert row.values["Name"] == "Default Frontend LON-EX01"


def test_joined_ranges() -> None:
    """Ranges that somebody joined with commas are a list, without any brace."""
    row = _field("connector-list-joined-strings.txt").rows[1]

    assert row.values["RemoteIPRanges"] == Items(("10.0.20.22", "10.0.21.11", "10.0.21.12"))


SESSION = """\
[PS] C:\\Windows\\system32>Get-ReceiveConnector | fl Identity,Bindings,RemoteIPRanges

Identity       : EX16A\\Relay
Bindings       : {0.0.0.0:25}
RemoteIPRanges : {10.0.0.11, 10.0.0.12...}

PS C:\\Work> Get-MessageTrackingLog | fl

EventId  : SEND
ClientIp : 10.0.0.11

[ex16a.contoso.com]: PS>Get-Queue|fl
Identity     : EX10A\\1
Status       : Retry
MessageCount : 7

[ex16a.contoso.com]: PS C:\\> exit
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_several_cmdlets_in_one_text(end: str) -> None:
    """Prompts of every kind part the answers; other cmdlets are named under ignored."""
    reading = read_console(SESSION.replace("\n", end), "x.txt")

    assert [(row.cmdlet, row.place) for row in reading.rows] == [
        ("Get-ReceiveConnector", "x.txt, line 3"),
        ("Get-Queue", "x.txt, line 13"),
    ]
    assert reading.ignored == [("Get-MessageTrackingLog", "x.txt")]
    assert not reading.unread


@pytest.mark.parametrize(
    ("printed", "values", "cut"),
    [
        ("{10.0.0.1, 10.0.0.2...}", ("10.0.0.1", "10.0.0.2"), True),
        ("{10.0.0.1, 10.0.0.2\u2026}", ("10.0.0.1", "10.0.0.2"), True),
        ("{10.0.0.1, 10.0.0.2}", ("10.0.0.1", "10.0.0.2"), False),
        ("{10.0.0.1, 10.0.0.2", ("10.0.0.1",), True),  # its end is missing
        ("{\u201c10.0.0.1\u201d, \u201c10.0.0.2\u201d}", ("10.0.0.1", "10.0.0.2"), False),
        ("{10.0.0.1\u201310.0.0.9}", ("10.0.0.1-10.0.0.9",), False),
        ("10.0.0.1 10.0.0.2", ("10.0.0.1", "10.0.0.2"), False),
        ("{}", (), False),
    ],
)
def test_lists(printed: str, values: tuple[str, ...], cut: bool) -> None:
    """A cut list says so (section 1.4); quotes and dashes of documents do no harm."""
    text = f"Identity       : A\\B\nRemoteIPRanges : {printed}\n"

    [row] = read_console(text, "x").rows

    assert row.values["RemoteIPRanges"] == Items(values, cut=cut)


def test_list_cut_at_any_width() -> None:
    """A list joins again wherever the console cut it, with and without the blanks (S10.03)."""
    ranges = tuple(f"10.0.{number}.0-10.0.{number}.255" for number in range(12))
    value = "{" + ", ".join(ranges) + "}"
    for width in range(6, 90):
        pieces = [value[at : at + width] for at in range(0, len(value), width)]
        for strip in (False, True):
            lines = ("\n" + " " * 17).join(one.rstrip() if strip else one for one in pieces)
            [row] = read_console(f"Identity       : A\\B\nRemoteIPRanges : {lines}", "x").rows
            assert row.values["RemoteIPRanges"] == Items(ranges)


@pytest.mark.parametrize(
    ("command", "server"),
    [
        ("Get-NetworkConnectionInfo EX10A | fl", "EX10A"),
        ("Get-NetworkConnectionInfo -Identity EX10A", "EX10A"),
        ("Get-NetworkConnectionInfo -DomainController dc1 -Identity 'EX10A'|fl *", "EX10A"),
        ("get-networkconnectioninfo \u201cEX10A\u201d", "EX10A"),
        ("'EX10A' | Get-NetworkConnectionInfo", "EX10A"),
        ("Get-ExchangeServer EX10A | Get-NetworkConnectionInfo | fl", "EX10A"),
        ("Get-NetworkConnectionInfo | fl", ""),
        ("Get-NetworkConnectionInfo $server | fl", ""),
        ("Get-ExchangeServer | Get-NetworkConnectionInfo", ""),
        ("Get-NetworkConnectionInfo A; Get-NetworkConnectionInfo B", ""),
    ],
)
def test_server_in_the_command(command: str, server: str) -> None:
    """The command line above names the server whose adapters these are (contract 8.9)."""
    adapters = "\nName        : NIC\nIPAddresses : {10.0.0.11}\n"
    text = f"[PS] C:\\>{command}\n{adapters}{adapters}PS C:\\> Get-Queue | fl\n{adapters}"

    rows = read_console(text, "x").rows

    assert [row.named_server for row in rows] == [server, server, ""]


def test_lines_padded_to_the_window() -> None:
    """Blanks that copying a window gives to every line are no part of any value."""
    text = (
        "Identity     : A\\1\nMessageCount : 1\n"
        "LastError    : one two three four\n"
        "               five six seven eight\n               nine\n"
    )
    padded = "\n".join(line.ljust(60) for line in text.split("\n"))

    [row] = read_console(padded, "x").rows

    assert row.values["LastError"] == "one two three four five six seven eight nine"


def test_objects_without_an_empty_line() -> None:
    """A name that comes again begins another object."""
    one = "Identity     : A\\1\nMessageCount : 1\n"

    assert len(read_console(one * 3, "x").rows) == 3


def test_empty_line_parts_objects() -> None:
    """Objects of two cmdlets are not mixed, even if their columns agree."""
    text = (
        "Identity     : A\\1\nMessageCount : 1\n\nName         : A\nServerRole   : Mailbox\n"
        "Fqdn         : a\n"
    )

    rows = read_console(text, "x").rows

    assert [(row.cmdlet, len(row.values)) for row in rows] == [
        ("Get-Queue", 2),
        ("Get-ExchangeServer", 3),
    ]


def test_damaged_value_is_lost() -> None:
    """A line that lost its indent leaves a value of which the end can't be told."""
    text = (
        "Identity     : EX10A\\1\nStatus       : Retry\nMessageCount : 7\n"
        "LastError    : 451 4.4.0 Primary target IP\naddress responded with\n"
    )

    [row] = read_console(text, "x").rows

    assert isinstance(row.values["LastError"], Lost)
    assert row.values["LastError"].visible.startswith("451 4.4.0")


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("Identity     : A\\2\nMessageCount : 1\nStatus       : Ret", {"Identity", "MessageCount"}),
        ("Identity     : A\\2\nMessageCount : 12", None),
        ("Identity     : A\\", None),
    ],
)
def test_text_that_breaks_off(end: str, last: set[str] | None) -> None:
    """The value at the break is not taken, and what may have stood below is unread."""
    whole = "Identity     : A\\1\nMessageCount : 7\nStatus       : Retry\nLastError    : x\n\n"

    reading = read_console(whole + end, "x")

    assert [set(row.values) for row in reading.rows[1:]] == ([last] if last else [])
    assert [row.what for row in reading.unread] == ["Get-Queue"]
    assert "the text ends at" in reading.unread[0].why
    assert not reading.ignored
    assert not read_console(whole + whole, "x").unread


def test_errors_and_warnings_are_unread() -> None:
    """What a cmdlet of ours complained of may be what is missing: unread."""
    text = (
        "[PS] C:\\>Get-Queue -Server EX10B | fl\n"
        "Get-Queue : The RPC server is unavailable.\nAt line:1 char:1\n"
        "    + CategoryInfo          : NotSpecified: (:) [Get-Queue], Exception\n\n"
        "[PS] C:\\>Get-Queue | fl\nWARNING: There are more results available.\n\n"
        "Identity     : A\\1\nMessageCount : 1\n"
    )

    reading = read_console(text, "x")

    assert [row.what for row in reading.unread] == ["Get-Queue", "Get-Queue"]
    assert "RPC server is unavailable" in reading.unread[0].why
    assert "more results" in reading.unread[1].why
    assert len(reading.rows) == 1


def test_command_line_tells_the_cmdlet() -> None:
    """Columns that fit two cmdlets belong to the one in the command line; alone to none."""
    columns = "\nIdentity  : A\\1\nLastError : x\n"

    assert [row.cmdlet for row in read_console(f"PS> Get-Queue | fl Id*\n{columns}", "x").rows] == [
        "Get-Queue"
    ]
    assert not read_console(columns, "x").rows
    assert not read_console(f"PS> Get-Queue | Get-Message | fl\n{columns}", "x").rows


@pytest.mark.alone
@pytest.mark.parametrize(
    "text",
    [
        "A" * 10_000_000,
        "a : " * 2_500_000,
        "x :\n" * 300_000,
        " : \n" * 1_000_000,
        "- " * 3_000_000,
        "[" * 3_000_000,
        "PS " + " " * 3_000_000,
        "PS> Get-Queue\n" + ">> x\n" * 1_000_000,
        "".join(f"Identity : x\nNextHopDomain : x\nc{n} : 1\n\n" for n in range(20_000)),
        "\x1b[" * 1_000_000,
        "Identity : x\n" + "  " * 1_000_000,
        "Get-Queue " * 300_000 + "\nfoo",
    ],
    ids=lambda text: text[:8],
)
def test_bounded_time(text: str) -> None:
    """Hostile text costs seconds at most, and breaks nothing; what holds too much is refused."""
    begin = time.monotonic()

    with suppress(BudgetError):
        read_console(text, "x")

    assert time.monotonic() - begin < 20


LINES = st.lists(
    st.one_of(
        st.sampled_from(SESSION.splitlines()),
        st.sampled_from(
            [
                "",
                "---- ----",
                "Identity Status MessageCount",
                "               more",
                "WARNING: x",
                "}",
            ]
        ),
        st.text(max_size=30),
        st.builds("{} : {}".format, st.text(max_size=8), st.text(max_size=20)),
    ),
    max_size=30,
)


def test_an_object_below_a_foreign_cmdlet_is_none_of_ours() -> None:
    """Get-OrganizationConfig prints a name and a version too, and is no server."""
    text = (
        "[PS] C:\\>{} | Format-List\n\nName                : Contoso\n"
        "AdminDisplayVersion : Version 15.1 (Build 2375.7)\nIdentity            : Contoso\n\n"
    )

    assert read_console(text.format("Get-OrganizationConfig"), "x").rows == []
    assert len(read_console(text.format("Get-ExchangeServer"), "x").rows) == 1
    assert len(read_console(text.format("Get-Content servers.txt"), "x").rows) == 1


@given(LINES)
def test_anything_is_read(lines: list[str]) -> None:
    """No text at all makes the reader fail; whatever it holds, the reading is not empty."""
    reading = read_console("\n".join(lines), "x")

    assert reading.rows or reading.unread or reading.ignored or reading.commands


def test_collapsed_blanks_where_names_have_one_length() -> None:
    """Two names of one length look aligned; the object goes on all the same (section 10.1)."""
    text = (
        "Identity : EX16A\\Relay\nBindings : {0.0.0.0:25}\nRemoteIPRanges : {10.0.0.5}\n"
        "AuthMechanism : Tls\nPermissionGroups : AnonymousUsers\nEnabled : True\n"
    )

    (row,) = read_console(text, "x").rows

    assert set(row.values) == {
        "Identity", "Bindings", "RemoteIPRanges", "AuthMechanism", "PermissionGroups", "Enabled",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("PS C:\\> Get-Queue -Server EX10A | fl", "Get-Queue -Server EX10A | fl"),
        ("[1] PS> Get-Queue | fl", "Get-Queue | fl"),
        ("[03:11:10] PS C:\\> Get-Queue | fl", "Get-Queue | fl"),
        ("[03:11:10] [PS] C:\\>Get-Queue | fl", "Get-Queue | fl"),
        ("PS C:\\> Get-Queue |\n>> where {$_.MessageCount -gt 0} |\n>> fl\n>>",
         "Get-Queue | where {$_.MessageCount -gt 0} | fl"),
        (f"PS C:\\> Get-Queue -Server {'x' * 60} | whe\nre {{$_.Status -eq 'Retry'}} | fl",
         f"Get-Queue -Server {'x' * 60} | where {{$_.Status -eq 'Retry'}} | fl"),
        (f"PS C:\\> Get-Queue {'x' * 3000}", f"Get-Queue {'x' * 1990}"),
    ],
)  # fmt: skip
def test_command_line_above_an_output(typed: str, command: str) -> None:
    """Rows keep the command line above them, from any prompt, whole where it was cut (S8.86)."""
    printed = "Identity     : EX10A\\12\nStatus       : Retry\nMessageCount : 4\n\n"

    reading = read_console(f"{typed}\n\n{printed}\n{printed}", "x")

    assert [row.command for row in reading.rows] == [command, command]
    assert reading.commands == [(command, "x, line 1")]


def test_command_lines_that_printed_nothing() -> None:
    """A command line of ours is kept where nothing stands below; others are not."""
    text = (
        "[PS] C:\\>Get-Queue EX10A\\Shadow\n[PS] C:\\>Get-Mailbox\nPS> Get-ExchangeServer EX1 | fl"
    )

    reading = read_console(text, "x")

    assert reading.commands == [
        ("Get-Queue EX10A\\Shadow", "x, line 1"),
        ("Get-ExchangeServer EX1 | fl", "x, line 3"),
    ]


def test_table_right_below_a_long_command() -> None:
    """A table's head below a command line as wide as a console is no part of the command alone."""
    typed = f"PS C:\\> Get-Queue -Filter {{Status -eq 'Retry'}} | {'sort Status | ' * 4} ft"
    head = (
        "Identity DeliveryType Status\n-------- ------------ ------\nEX10A\\12 DnsConnector Retry"
    )

    reading = read_console(f"{typed}\n{head}", "x")

    [row] = reading.rows
    assert row.values["DeliveryType"] == Enumeration("DnsConnector", None)
    assert reading.commands == [(typed.partition("> ")[2], "x, line 1")]
    assert not reading.unread
