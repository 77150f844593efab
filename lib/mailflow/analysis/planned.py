"""Servers that are still to come, as somebody names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailflow.errors import UsageError
from mailflow.exchange.ranges import Address, RangeError, host_address


@dataclass(frozen=True, slots=True)
class Planned:
    """An address that is meant for a server to come; `name` is empty where none was given."""

    address: Address
    name: str = ""

    @property
    def label(self) -> str:
        """What sentences call it."""
        return f"{self.name} (planned)" if self.name else "a planned server"


def parse_planned(texts: Iterable[str]) -> tuple[Planned, ...]:
    """The servers to come, each `ADDRESS` or `NAME=ADDRESS`, each once.

    Raises:
        UsageError: a text that is neither.
    """
    found: dict[Planned, None] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        try:
            address = host_address(rest if equals else name)
        except RangeError as error:
            raise UsageError(f"planned: expected ADDRESS or NAME=ADDRESS ({error})") from error
        found.setdefault(Planned(address, name.strip() if equals else ""))
    return tuple(found)
