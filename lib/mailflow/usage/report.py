"""The result of `mailflow usage` for people: headline, tables, exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from mailflow.exchange.ranges import AddressRange
from mailflow.phrases import counted, joined
from mailflow.table import Table
from mailflow.usage.columns import (
    CLIENTS,
    COMMANDS,
    COVERED,
    DIFFERING,
    ELEMENTS,
    LOGGING,
    NARROWED,
)
from mailflow.usage.combine import Client
from mailflow.usage.coverage import Covered, Period
from mailflow.usage.engine import UsageLogs
from mailflow.usage.lists import Beside, ElementUse, address_of
from mailflow.usage.narrow import Narrowed, claim
from mailflow.usage.pictured import moment_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Usage:
    """The hosts that use each connector, and what the logs prove.

    Attributes:
        logs: the logs that were read.
        period: the period that the logs have to cover.
        covered: the time that the logs cover, for each connector.
        beside: use compared with the configuration; None: no SOURCE was given.
        narrowed: the proposed RemoteIPRanges of one connector; None: none was requested.
        custom: identities, in lower case, of the connectors that setup did not make.
        zone: time zone of the times shown.
        names: addresses to names, from a hosts file or reverse DNS.
        not_told: why it is unknown whether some recipients are outside; empty: it is known.
        simulated: whether the logs are simulated data.
    """

    logs: UsageLogs
    period: Period
    covered: tuple[Covered, ...]
    beside: Beside | None = None
    narrowed: Narrowed | None = None
    custom: frozenset[str] = frozenset()
    zone: tzinfo = UTC
    names: Mapping[str, str] = field(default_factory=dict)
    not_told: str = ""
    simulated: bool = False

    @property
    def clients(self) -> tuple[Client, ...]:
        """All clients that the logs contain."""
        return self.logs.told.clients

    @property
    def asked(self) -> tuple[Covered, ...]:
        """The connectors that the result is about: the narrowed one, or all custom ones.

        Without SOURCE, all connectors with rows; with SOURCE also those that it does not contain.
        """
        if self.narrowed:
            return tuple(row for row in self.covered if row.connector == self.narrowed.connector)
        if self.beside is None:
            return self.covered
        return tuple(
            row
            for row in self.covered
            if row.connector.casefold() in self.custom or not row.service
        )

    @property
    def is_complete(self) -> bool:
        """Whether the logs cover the period for every connector in `asked`."""
        whole = not self.logs.missing and not self.logs.lost
        return whole and (self.beside is None or all(row.is_whole for row in self.asked))

    @property
    def exit_code(self) -> int:
        """0 done, 2 logs incomplete."""
        return 0 if self.is_complete else 2

    @property
    def headline(self) -> str:
        """One sentence: whether the logs cover the period."""
        if self.beside is None:
            return (
                "These clients were seen. Without SOURCE the logs do not show which clients are "
                "missing."
            )
        open_ones = [row.connector for row in self.asked if not row.is_whole]
        if open_ones:
            return f"The logs cannot show yet which clients do not use {joined(open_ones)}."
        if not self.asked:
            return "These servers have only the connectors that setup made."
        names = joined(row.connector for row in self.asked)
        return f"The logs cover the last {self.period.days} days of {names}."

    def shown(self, moment: datetime | str | None) -> str:
        """A moment in the chosen time zone; a text is UTC, as in the logs."""
        if moment is None:
            return ""
        if isinstance(moment, str):
            moment = moment_of(moment)
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M") if moment else ""

    def name_of(self, client: Client) -> str:
        """The name of a client: from the hosts file or DNS, else its EHLO name."""
        return self.names.get(client.address) or joined(client.names, most=1)

    def covered_table(self) -> Table:
        """The time that the logs cover, for each connector; those in `asked` first.

        Columns of the frame: connector, level, whole (`yes`, `no`), since, until, changed, trusted,
        why (string).
        """
        ordered = sorted(self.covered, key=lambda row: row not in self.asked)
        rows = [
            {
                "connector": row.connector,
                "level": row.level or "not read",
                "whole": "yes" if row.is_whole else "no",
                "since": self.shown(row.since)[:10],
                "until": self.shown(row.until)[:10],
                "changed": self.shown(row.changed)[:10],
                "trusted": f"{row.trusted_from:%Y-%m-%d}" if row.trusted_from else "",
                "why": " ".join(row.against),
            }
            for row in ordered
        ]
        tones = {
            (n, "whole"): "good" if row.is_whole else "unknown" for n, row in enumerate(ordered)
        }
        against = [f"{row.connector}: {' '.join(row.against)}" for row in self.asked if row.against]
        missing = [f"Missing: {each.name}, {each.why}." for each in self.logs.missing]
        return Table(
            name="usage_covered",
            frame=_frame(rows, COVERED),
            caption=f"Logging, and the time that the logs cover ({self.period.days} days needed).",
            columns=COVERED,
            reading="\n".join([self.headline, *against, *missing]),
            tones=tones,
            empty="No connector is known.",
        )

    def logging_table(self) -> Table:
        """The commands that turn logging on for the connectors in `asked` and keep their logs.

        Columns of the frame: connector, command, rollback, trusted (string).
        """
        rows = [
            {
                "connector": row.connector,
                "command": command,
                "rollback": "\n".join(row.rollback) if n == 0 else "",
                "trusted": f"{row.trusted_from:%Y-%m-%d}" if row.trusted_from else "",
            }
            for row in self.asked
            for n, command in enumerate(row.commands)
        ]
        return Table(
            name="usage_logging",
            frame=_frame(rows, LOGGING),
            caption="Commands that start the missing logging; it needs disk space.",
            columns=LOGGING,
            reading="",
            empty="No command is needed: the logs cover the period."
            if self.beside
            else "Add a SOURCE to see the commands that are needed.",
        )

    def clients_table(self, connector: str = "") -> Table:
        r"""Clients by connector, those with the most messages first.

        Columns of the frame: connector, client, name, first, last (string), sessions, messages,
        tls, authenticated, anonymous, outside, inside, untold (Int64), ended (string).

        Args:
            connector: `SERVER\Name`; empty: all.
        """
        wanted = connector.casefold()
        some = [each for each in self.clients if not wanted or each.connector.casefold() == wanted]
        some.sort(key=lambda each: (each.connector.casefold(), -each.messages, -each.sessions))
        rows = [
            {
                "connector": each.connector + (" (behind the Front End)" if each.proxied else ""),
                "client": each.address,
                "name": self.name_of(each),
                "first": self.shown(each.first),
                "last": self.shown(each.last),
                "sessions": each.sessions,
                "messages": each.messages,
                "tls": each.tls,
                "authenticated": each.authenticated,
                "anonymous": each.anonymous,
                "outside": each.outside if each.is_told else None,
                "inside": each.inside if each.is_told else None,
                "untold": each.untold,
                "ended": ", ".join(f"{how} {count}" for how, count in each.ended),
            }
            for each in some
        ]
        return Table(
            name="usage_clients",
            frame=_frame(rows, CLIENTS),
            caption=f"Clients that were seen, times in {self.zone}.",
            columns=CLIENTS,
            reading=self._spoken_of(some),
            empty="No client was seen.",
        )

    def elements_table(self) -> Table:
        """Entries of RemoteIPRanges with the clients seen in them; unused entries first.

        Columns of the frame: connector, element, state (string), addresses, clients, sessions,
        messages (Int64), who (string). `addresses` is empty above 2^63.
        """
        order = {"unused": 0, "unknown": 1, "used": 2}
        some = sorted(
            self.beside.elements if self.beside else (), key=lambda each: order[each.state]
        )
        rows = [
            {
                "connector": each.connector,
                "element": str(each.element),
                "state": _STATES[each.state],
                "addresses": each.element.size if each.element.size < 2**63 else None,
                "clients": len(each.clients),
                "sessions": each.sessions,
                "messages": each.messages,
                "who": joined(each.clients),
            }
            for each in some
        ]
        return Table(
            name="usage_elements",
            frame=_frame(rows, ELEMENTS),
            caption="Entries of RemoteIPRanges, and the clients seen in them.",
            columns=ELEMENTS,
            reading="" if not rows else _elements_spoken(some),
            empty="Add a SOURCE to compare use with RemoteIPRanges."
            if self.beside is None
            else "No connector of these servers has RemoteIPRanges of its own.",
        )

    def differing_table(self) -> Table:
        """Clients that used another connector than the predicted one, or have no prediction.

        Columns of the frame: client, seen, predicted, last, why (string).
        """
        found = (*self.beside.differing, *self.beside.undecided) if self.beside else ()
        rows = [
            {
                "client": each.client.address,
                "seen": each.client.connector,
                "predicted": each.predicted or "undetermined",
                "last": self.shown(each.client.last),
                "why": each.why,
            }
            for each in found
        ]
        return Table(
            name="usage_differing",
            frame=_frame(rows, DIFFERING),
            caption="Clients that used another connector than the configuration predicts.",
            columns=DIFFERING,
            reading="",
            empty="Add a SOURCE to compare with the prediction."
            if self.beside is None
            else "Every client used the predicted connector.",
        )

    def narrowed_table(self) -> Table:
        """The proposed RemoteIPRanges, with the clients in each range.

        Columns of the frame: element (string), clients (Int64), who (string).
        """
        narrowed = self.narrowed
        rows = [
            {"element": str(each), "clients": len(who), "who": joined(who)}
            for each in (narrowed.after if narrowed else ())
            for who in [_inside(each, narrowed.kept if narrowed else ())]
        ]
        return Table(
            name="usage_narrowed",
            frame=_frame(rows, NARROWED),
            caption=(
                f"Proposed RemoteIPRanges of {narrowed.connector}."
                if narrowed
                else "Proposed RemoteIPRanges."
            ),
            columns=NARROWED,
            reading=claim(narrowed) if narrowed and narrowed.proof else "",
            empty=_why_not(narrowed),
        )

    def proof_table(self) -> Table:
        """The hosts that would be handled differently, with the columns of `Proof.table`."""
        proof = self.narrowed.proof if self.narrowed else None
        return proof.table() if proof else _nothing("usage_proof", "Proof.")

    def commands_table(self) -> Table:
        """Dry run, change and rollback.

        Columns of the frame: step, command (string).
        """
        proof = self.narrowed.proof if self.narrowed else None
        if proof is None:
            return _nothing("usage_commands", "Commands.")
        steps = [("dry run", edit.rehearsal) for edit in proof.changes]
        steps += [("change", edit.command) for edit in proof.changes]
        steps += [("rollback", edit.undo) for edit in reversed(proof.changes)]
        rows = [{"step": step, "command": command} for step, command in steps if command]
        return Table(
            name="usage_commands",
            frame=_frame(rows, COMMANDS),
            caption="Commands of the proposed change.",
            columns=COMMANDS,
            reading="",
            empty="No command is shown: a name cannot be quoted safely.",
        )

    def _spoken_of(self, clients: Sequence[Client]) -> str:
        if not clients:
            return ""
        messages = sum(each.messages for each in clients)
        text = f"{counted(len(clients), 'client')}, {counted(messages, 'message')}."
        unreadable = self.logs.told.unreadable
        if unreadable:
            text += f" {counted(unreadable, 'session')} could not be told of anybody."
        return f"{text} {self.not_told}".rstrip()


_STATES = {"used": "used", "unused": "unused", "unknown": "undetermined"}


def _frame(rows: Sequence[Mapping[str, object]], columns: Mapping[str, object]) -> pd.DataFrame:
    import pandas as pd

    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    frame = pd.DataFrame(list(rows), columns=names)
    numbers = [name for name in names if rows and not isinstance(rows[0][name], str)]
    return frame.astype(dict.fromkeys(numbers, "Int64"))


def _nothing(name: str, caption: str) -> Table:
    empty = "No change is proposed."
    return Table(name, _frame([], {}), caption, {}, "", empty=empty)


def _inside(element: AddressRange, clients: Iterable[Client]) -> list[str]:
    return [each.address for each in clients if address_of(each) in element]


def _why_not(narrowed: Narrowed | None) -> str:
    if narrowed is None:
        return "No connector was named, so no list is proposed."
    return f"No change of {narrowed.connector} is proposed. {' '.join(narrowed.why_not)}"


def _elements_spoken(elements: Sequence[ElementUse]) -> str:
    unused = [each for each in elements if each.state == "unused"]
    unknown = sum(each.state == "unknown" for each in elements)
    parts = [f"{counted(len(unused), 'entry', 'entries')} unused."]
    if unknown:
        parts.append(f"{unknown:,} undetermined: the logs do not cover the period.")
    return " ".join(parts)
