"""Receive logs of a few lines, and what was counted in them."""

from __future__ import annotations

from mailflow.usage.engine import UsageLogs

HEAD = (
    "#Software: Microsoft Exchange Server\r\n#Log-type: SMTP Receive Protocol Log\r\n#Fields: "
    "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,"
    "context\r\n"
)


def session(number: int, client: str = "10.0.5.7", *, ends: bool = True) -> str:
    """A session with one message; cut before its answer where it does not end."""
    said = [("+", ""), (">", "220 ready"), ("<", "EHLO h.example"), ("<", "DATA")]
    said += [(">", "354 Start mail input"), (">", "250 2.6.0 Queued mail for delivery"), ("-", "")]
    rows = [
        rf"2026-11-23T{number % 24:02}:00:00.000Z,EX16A\Relay,{number:016X},{at},10.0.0.21:25,"
        f"{client}:999,{event},{data},{'Local' if event == '-' else ''}\r\n"
        for at, (event, data) in enumerate(said)
    ]
    return "".join(rows if ends else rows[:5])


def counted(read: UsageLogs) -> dict[str, tuple[int, int]]:
    """Client to sessions and messages."""
    return {each.address: (each.sessions, each.messages) for each in read.told.clients}
