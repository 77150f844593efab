"""What a picture shows, as plain data: a step fills it in, `show` draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Tone = Literal["good", "bad", "unknown", ""]
"""What a colour stands for; the empty tone is neither good nor bad. Never meaning alone."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart.

    Attributes:
        label: whose bar it is.
        value: its length in the unit of the whole; None where it is not known.
        note: what stands behind the number.
        tone: what its colour stands for.
    """

    label: str
    value: int | None
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart.

    Attributes:
        title: what is compared, with its unit.
        description: the same facts in words, for those who do not see the picture.
        bars: in the order to show.
        empty: what to say where there is no bar.
    """

    title: str
    description: str
    bars: tuple[Bar, ...]
    empty: str = "Nothing to show."


@dataclass(frozen=True, slots=True)
class Span:
    """A range of remote addresses, with the text people know its two ends by."""

    first_label: str
    last_label: str
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many addresses it holds."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Lane:
    """A receive connector and its ranges.

    Attributes:
        connector: its name.
        note: in two or three words what it offers, `no ExchangeServer auth`.
        tone: whether that is right for an Exchange server.
        spans: its ranges of the ruler's family, in any order.
        complete: false where the export cut the list: an address may hide in the rest.
    """

    connector: str
    note: str
    tone: Tone
    spans: tuple[Span, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Pin:
    """A server at its address, as it falls on the ranges below it.

    Attributes:
        label: its name.
        address_label: its address as text.
        address: as a number.
        tone: whether the connector that accepts is right for it.
        answered_by: name of the connector that accepts it, empty where none does; None: draw it on
            the smallest range that holds it.
    """

    label: str
    address_label: str
    address: int
    tone: Tone = ""
    answered_by: str | None = None


@dataclass(frozen=True, slots=True)
class Ruler:
    """Which connector's ranges hold which servers, at one endpoint of one target server.

    Attributes:
        server: the target.
        port: of the endpoint.
        lanes: its connectors in any order; `show` puts the most specific on top.
        pins: the servers that matter.
        family: 4 or 6; all addresses are of this family.
        reading: what to see, in words; becomes the description of the picture.
        legend: what stands below all rulers; empty: what a server's line means.
        whom: what a pin stands for.
    """

    server: str
    port: int
    lanes: tuple[Lane, ...]
    pins: tuple[Pin, ...]
    family: int = 4
    reading: str = ""
    legend: str = ""
    whom: str = "server"


@dataclass(frozen=True, slots=True)
class FlowWait:
    """How much waits on a sending server.

    Attributes:
        server: its name.
        messages: in its queues that do not move; None: a count was not read.
    """

    server: str
    messages: int | None


@dataclass(frozen=True, slots=True)
class FlowDoor:
    """A receive connector at the end of an arrow.

    Attributes:
        connector: its name, without that of its server.
        note: the ranges by which it is chosen, or nothing.
        says: what it means for the sender, a clause.
    """

    connector: str
    note: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True)
class FlowRoute:
    """Mail paths of one kind: an arrow of the picture.

    Attributes:
        state: `bad`, `unknown`, or `good`.
        senders, targets: names of the servers, or of the next hop; no target: mail stays where it
            is.
        paths: how many pairs of sender and target these are.
        port: of the endpoint; None: not known, or several.
        sender_note, target_note: the version, `Exchange 2010`.
        door: the connector that accepts the connection; None: none does, or that is not known.
        should: the connector that should accept it; None: the same one, or that is not known.
        why: what is wrong, or not known, a clause.
        waits: what waits on the senders, the most first.
        since: since when, and by which error, as people read it.
    """

    state: Tone
    senders: tuple[str, ...]
    targets: tuple[str, ...]
    paths: int
    port: int | None = None
    sender_note: str = ""
    target_note: str = ""
    door: FlowDoor | None = None
    should: FlowDoor | None = None
    why: str = ""
    waits: tuple[FlowWait, ...] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class MailFlow:
    """Who tries to reach whom, through which connectors.

    Attributes:
        routes: what fails, then what is not known, then what works.
        servers: how many there are.
        caption: of when it is, `After the repair (proven)`; empty: now.
        after: the same after the repair; None: no repair is shown.
        is_past: whether the repair is done and verified, so that nothing here is an alarm.
    """

    routes: tuple[FlowRoute, ...]
    servers: int
    caption: str = ""
    after: MailFlow | None = None
    is_past: bool = False

    def paths(self, state: Tone = "") -> int:
        """How many mail paths there are in this state; empty: in all."""
        return sum(
            route.paths for route in self.routes if route.targets and state in ("", route.state)
        )


def flow_from_json(document: Mapping[str, Any]) -> MailFlow:
    """The picture in a document that `dataclasses.asdict` made of one."""
    after = document.get("after")
    return MailFlow(
        tuple(_route_from_json(each) for each in document["routes"]),
        document["servers"],
        document["caption"],
        flow_from_json(after) if after else None,
        document["is_past"],
    )


def _route_from_json(document: Mapping[str, Any]) -> FlowRoute:
    values = dict(document)
    for name in ("senders", "targets"):
        values[name] = tuple(values[name])
    for name in ("door", "should"):
        values[name] = FlowDoor(**values[name]) if values[name] else None
    values["waits"] = tuple(FlowWait(**each) for each in values["waits"])
    return FlowRoute(**values)
