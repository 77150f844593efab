"""Bytes that are nearly right: good examples cut, crossed, repeated, and strewn with what hurts."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

HURTS = (
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\n", b"\r\n", b" ", b'"', b"'", b"\\", b"%", b"{", b"["),
    *(b"-1", b"0", b"9" * 20, b"1e999", b"NaN", b"Infinity", b"null", b"true", b"\xef\xbb\xbf"),
    *(
        b"<",
        b"&#0;",
        b"</Obj>",
        b"_x0000_",
        b"_xD800_",
        b"]]>",
        b"<!DOCTYPE x>",
        b"...",
        b"\xe2\x80\xae",
    ),
    *(b"9999-12-31T23:59:59Z", b"0000-00-00T00:00:00Z", b"/Date(9999999999999)/", b"::", b"/0"),
    *(b"Keys", b"__class__", b"\xd9\xa1", b"\xc2\xb2", b"\xe2\x91\xa0", b"PK\x03\x04"),
)


def mutated(examples: Sequence[bytes], dice: Random, most: int = 20_000) -> bytes:
    """One example, changed in one to eight places; at most so long."""
    data = bytearray(dice.choice(examples))
    if len(data) > most:  # a whole piece of it, for speed
        begin = dice.randrange(len(data) - most) if dice.random() < 0.5 else 0
        data = data[begin : begin + most]
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        _change(data, examples, dice)
    return bytes(data[: 2 * most])


def _change(data: bytearray, examples: Sequence[bytes], dice: Random) -> None:
    at = dice.randrange(len(data) + 1)
    size = dice.choice((1, 2, 8, 40, 400))
    kind = dice.randrange(6)
    if kind == 0:
        data[at:at] = dice.choice(HURTS)
    elif kind == 1:
        del data[at : at + size]
    elif kind == 2:
        data[at : at + size] = dice.choice(HURTS)
    elif kind == 3:
        data[at:at] = bytes(data[at : at + size]) * dice.choice((1, 2, 50))
    elif kind == 4:
        other = dice.choice(examples)
        begin = dice.randrange(len(other) + 1)
        data[at : at + size] = other[begin : begin + size]
    elif at < len(data):
        data[at] = dice.randrange(256)
