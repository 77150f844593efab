"""What a picture shows, as plain data: a step fills it in, `show` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "unknown", ""]
"""What a colour stands for; the empty tone is neither good nor bad. Never meaning alone."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a queue.

    Attributes:
        label: whose bar it is.
        value: its length in the unit of the whole; None where it is not known.
        note: what stands behind the number: age, status.
        tone: `bad` for a stuck queue.
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
        complete: false where the capture cut the list: an address may hide in the rest.
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
        tone: whether the connector that answers is right for it.
        answered_by: name of the connector that answers it, empty where none does; None: draw it on
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
    """

    server: str
    port: int
    lanes: tuple[Lane, ...]
    pins: tuple[Pin, ...]
    family: int = 4
    reading: str = ""
    legend: str = ""
