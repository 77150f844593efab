"""Logs are known by how they begin, named with server and time, and never read as an export."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailflow.errors import InputError
from mailflow.sources.exports.files import read_source
from mailflow.sources.logs.kinds import kind_of_log, log_file
from organisations import article
from support import needs_shared

PROTOCOL = (
    "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,"
    "context"
)
RECEIVE = (
    "2026-11-24T03:11:10.000Z,EX16A\\Relay,08DE2B0000000002,0,10.0.0.21:25,10.0.0.11:50001,+,,\n"
    "2026-11-24T03:11:10.074Z,EX16A\\Relay,08DE2B0000000002,1,10.0.0.21:25,10.0.0.11:50001,<,"
    "EHLO ex10a.contoso.example,\n"
    "2026-11-25T04:00:00.000Z,EX16A\\Relay,08DE2B0000000003,0,10.0.0.21:25,10.0.0.12:50001,+,,\n"
)
SEND = (
    "2026-11-24T03:11:10.000Z,组织内 SMTP 发送连接器,08DE2B0000000004,0,,10.0.0.21:25,*,,x\n"
    "2026-11-24T03:11:11.000Z,组织内 SMTP 发送连接器,08DE2B0000000004,1,10.0.0.11:5,10.0.0.21:25,"
    ">,EHLO ex10a.contoso.example,\n"
)


def header(kind: str = "SMTP Receive Protocol Log", fields: str = PROTOCOL) -> str:
    """As Exchange begins a log (S7.23)."""
    return (
        f"#Software: Microsoft Exchange Server\n#Version: 15.0.0.0\n#Log-type: {kind}\n"
        f"#Date: 2026-11-24T03:11:10.000Z\n#Fields: {fields}\n"
    )


def pasted(text: str) -> str:
    """As it comes out of a mail: signs of headers lost, lines apart (S7.23)."""
    return text.replace("#", "").replace("\n", "  \n\n")


RECEIVE_TOLD = "SMTP receive log of EX16A, 2026-11-24 03:11 to 2026-11-25 04:00 UTC"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (header() + RECEIVE, RECEIVE_TOLD),
        (header("SMTP receive protocol log") + RECEIVE, RECEIVE_TOLD),
        (header() + RECEIVE + header() + RECEIVE, RECEIVE_TOLD),
        (pasted(header() + RECEIVE), RECEIVE_TOLD),
        (RECEIVE, RECEIVE_TOLD),
        (RECEIVE.replace(",+,", ",,"), RECEIVE_TOLD),
        (f"#Fields: {PROTOCOL}\n{RECEIVE}", RECEIVE_TOLD),
        (
            header("SMTP Send Protocol Log") + SEND,
            "SMTP send log of EX10A, 2026-11-24 03:11 UTC",
        ),
        (SEND, "SMTP send log of EX10A, 2026-11-24 03:11 UTC"),
        (
            header("Message Tracking Log", "date-time,client-ip") + "2026-11-24T03:12:00.000Z,x\n",
            "message tracking log (server unknown), 2026-11-24 03:12 UTC",
        ),
        (header(), "SMTP receive log (server unknown), without rows"),
        (
            header().replace("#Log-type: SMTP Receive Protocol Log\n", "") + RECEIVE,
            RECEIVE_TOLD,
        ),
    ],
)
def test_a_log_is_named(text: str, told: str, tmp_path: Path) -> None:
    """Kind, server where a row tells it, and period; with a mark and in UTF-16 as well (S7.22)."""
    whole = [row for row in article().reading().rows if row.cmdlet == "Get-ExchangeServer"]
    assert whole
    for name, data in (
        ("a.log", text.encode()),
        ("b.txt", text.encode("utf-8-sig")),
        ("c.LOG", text.encode("utf-16")),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            read_source(path)

        assert told in str(caught.value)


def test_a_log_among_exports_is_passed_over_by_name(tmp_path: Path) -> None:
    """It is ignored, and no missing data: its words are no output of a cmdlet."""
    (tmp_path / "RECV2026112403-1.LOG").write_text(header() + RECEIVE, encoding="utf-8")
    (tmp_path / "servers.csv").write_text("Name,AdminDisplayVersion\nEX16A,x\n", encoding="utf-8")
    reading = read_source(tmp_path).reading

    assert reading.ignored == [(RECEIVE_TOLD, "RECV2026112403-1.LOG")]
    assert reading.unread == []
    assert reading.cmdlets == {"Get-ExchangeServer"}


@pytest.mark.parametrize(
    "text",
    [
        "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip\n",
        "#Software: SMTP Receive Protocol Log\n",
        "[PS] C:\\>Get-Queue | fl\n" + RECEIVE,
        "2026-11-24T03:11:10.000Z,a,b,c\n",
        "date-time,connector-id\n",
        "",
    ],
)
def test_what_is_none(text: str) -> None:
    """Logs of other products, an export with a row behind it, any other list."""
    assert kind_of_log(text) == ""


def test_the_end_of_a_long_log_is_its_last_row(tmp_path: Path) -> None:
    """Of a file that is far longer than what is looked at, also where its last row is cut."""
    row = RECEIVE.splitlines()[0]
    rows = "".join(f"{row.replace('03:11', f'{3 + n // 60:02}:{n % 60:02}')}\n" for n in range(900))
    (tmp_path / "x.log").write_text(header() + rows * 3 + "2026-11-24T19", encoding="utf-8")

    with pytest.raises(InputError, match=r"EX16A, 2026-11-24 03:00 to 17:59 UTC"):
        read_source(tmp_path / "x.log")


def test_a_log_without_a_time_in_reach() -> None:
    """Nothing is made up."""
    assert log_file("agent log", "#Log-type: Agent Log", "").told == (
        "agent log (server unknown), without rows"
    )


def test_the_reference_logs() -> None:
    """Each in the shapes that people have is named with its kind."""
    folder = needs_shared("cases/logs")
    for path in sorted(folder.iterdir()):
        head = path.read_text("utf-8", "replace")[:2000]
        begin = path.name.partition("-")[0]
        expected = {"receive": "SMTP receive", "send": "SMTP send", "tracking": "message tracking"}

        assert kind_of_log(head).startswith(expected.get(begin, begin)), path.name
