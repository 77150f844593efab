"""EHLO sent from a sender: how questions become calls, and answers attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from mailflow.exchange.ehlo import EhloObservation
from mailflow.exchange.servers import Server
from mailflow.sources import probing, setup_faults
from mailflow.sources.row import Row, Value
from mailflow.sources.shell import Call, Doors, Reply, Shell, ShellError

SENDER = Server("EX10A", fqdn="ex10a.contoso.example", version=(14, 3, 123, 4))
GOOD: dict[str, Value] = {
    "Stage": "done",
    "Why": "",
    "Code": 0,
    "Banner": "220-please wait\r\n220 ex16a.contoso.example ready\r\n",
    "Reply": "250-ex16a.contoso.example Hello [10.0.0.11]\r\n250-X-EXPS GSSAPI\r\n250 XRDST\r\n",
}


@dataclass
class Far(Doors, Shell):
    """Doors and the shell behind them; answers each probe by the same values."""

    values: dict[str, Value] = field(default_factory=lambda: dict(GOOD))
    fault: str = ""
    closed: str = ""
    server: str = ""
    asked: list[tuple[list[Call], float]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def open(self, server: str) -> Shell:
        """Be the shell, unless the way is closed."""
        self.opened.append(server)
        if self.closed:
            raise ShellError(setup_faults.fault(self.closed))
        return self

    def ask(self, calls: Sequence[Call], *, seconds: float) -> list[Reply]:
        """Answer all alike."""
        self.asked.append((list(calls), seconds))
        fault = setup_faults.fault(self.fault) if self.fault else None
        rows = () if fault else (Row("Send-Ehlo", self.values, "here"),)
        return [Reply(call, rows, fault=fault) for call in calls]

    def close(self) -> None:
        """Keep that it was closed."""
        self.opened.append("closed")


def asked(far: Far, count: int = 1) -> list[probing.EhloAttempt]:
    """Ask so many targets."""
    questions = [
        EhloObservation("EX10A", f"T{number}", f"10.0.0.{number + 1}", 25, hello="ex10a")
        for number in range(count)
    ]
    said: list[str] = []
    found = probing.send_ehlo(
        *(far, SENDER, questions), servers=[SENDER], first="ex16a.contoso.example", tell=said.append
    )
    assert len(said) == len(far.opened) / (1 if far.closed else 2)
    assert [each.observed.target for each in found] == [each.target for each in questions]
    return found


def test_a_whole_reply() -> None:
    """Who, where and when beside what came; S5.30: as whom the target saw the sender."""
    (found,) = asked(Far())
    seen = found.observed

    assert (found.stage, found.why, found.code) == ("done", "", 0)
    assert (seen.target, seen.address, seen.port, seen.hello) == ("T0", "10.0.0.1", 25, "ex10a")
    assert (seen.keywords, seen.seen_as) == (("X-EXPS GSSAPI", "XRDST"), "10.0.0.11")
    assert (seen.complete, seen.offered_before_tls) == (True, True)
    assert seen.written is not None
    assert seen.written.tzinfo is not None


def test_many_targets_are_asked_in_parts() -> None:
    """Each part has time for all of its targets; the sender is entered by its full name."""
    far = Far()
    asked(far, 19)

    assert [len(calls) for calls, _ in far.asked] == [8, 8, 3]
    assert all(seconds > len(calls) * probing.SECONDS for calls, seconds in far.asked)
    assert set(far.opened) == {"ex10a.contoso.example", "closed"}


@pytest.mark.parametrize("far", [Far(closed="port-closed"), Far(fault="script-blocked")])
def test_a_sender_that_cannot_be_asked(far: Far) -> None:
    """Told of each target, with what to do about it."""
    found = asked(far, 2)

    assert [each.stage for each in found] == ["sender", "sender"]
    assert all(len(each.why) > 40 for each in found)


@pytest.mark.parametrize(
    "values",
    [
        {"Stage": "elsewhere"},
        {"Stage": None},
        {"Stage": 5},
        {"Reply": ""},
        {"Reply": None},
        {"Reply": "250-a Hello [10.0.0.11]\r\n250-X-EXPS\r\n"},
        {"Reply": "250-a Hello [10.0.0.11]\r\n250 X-EXPS"},
        {"Reply": "250-a Hello [10.0.0.11]\r\n250 X-EXPS\r\n250 more\r\n"},
        {"Reply": "250-a Hello [10.0.0.11]\r\n250 X\x1b[2J\r\n"},
        {"Reply": "250-a Hello [10.0.0.11]\r\n\r\n250 X-EXPS\r\n"},
        {"Reply": "250-a\r250-b\r250 X-EXPS\r\n"},
        {"Reply": "500 5.3.3 Unrecognized command\r\n"},
        {"Stage": "reply", "Why": "timed-out"},
    ],
)
def test_what_is_no_whole_reply(values: dict[str, Value]) -> None:
    """It is never complete, and nothing of it breaks a line."""
    (found,) = asked(Far({**GOOD, **values}))

    assert not found.observed.complete
    assert all(line.isprintable() for line in found.observed.lines)
