"""Damage to exports as disks, transfers and people do it: cut ends, zeroed pages, dropped blocks.

damage = any_damage(content, Random(7))   # kind, content, where
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal["cut", "zeros", "drop"]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
SMALLEST = 512
"""Bytes of a block of a disk."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged file: its content, and what was done to which bytes of it."""

    kind: Kind
    start: int
    end: int
    content: bytes


def any_damage(content: bytes, random: Random, kind: Kind) -> Damage:
    """One damage of this kind at a random place."""
    if kind == "cut":
        at = random.randrange(1, len(content))
        return Damage(kind, at, len(content), content[:at])
    size = SMALLEST + (random.randrange(3) and random.randrange(4 * SMALLEST))
    start = random.randrange(max(1, len(content) - size))
    if kind == "zeros":  # a page that was never written
        start -= start % SMALLEST
    end = min(start + size, len(content))
    middle = bytes(end - start) if kind == "zeros" else b""
    return Damage(kind, start, end, content[:start] + middle + content[end:])
