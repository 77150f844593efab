"""Limits of receive connectors, as each form of an export spells them (sections 1.6 and 2.1)."""

from __future__ import annotations

import json

import pytest

from mailflow.errors import InputError
from mailflow.exchange.connectors import LimitKind
from mailflow.opening import open_source
from mailflow.snapshot import from_document
from mailflow.sources.row import Complex, Enumeration, Value
from mailflow.sources.values import UnreadableError, limit


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("size", "36 MB (37,748,736 bytes)", "37748736"),
        ("size", "36 MB (37.748.736 Bytes)", "37748736"),
        ("size", "36 MB (37\u00a0748\u00a0736 octets)", "37748736"),
        ("count", "Unlimited", "Unlimited"),
        ("count", Complex(None, {"IsUnlimited": False, "Value": 5000}), "5000"),
        ("count", Complex(None, {"IsUnlimited": True}), "Unlimited"),
        ("count", 0, "0"),
        ("time", "00:10:00", "600"),
        ("time", "1.00:00:05", "86405"),
        ("time", Complex(None, {"Ticks": 50_000_000}), "5"),
        ("name", Enumeration("User", 2), "User"),
        ("name", 1, "IPAddress"),
    ],
)
def test_a_limit_is_read_in_every_form(kind: LimitKind, value: Value, expected: str) -> None:
    """As bytes, seconds or a count, whatever the culture that printed it."""
    assert limit(kind)(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [("size", "36 MB"), ("time", "ten"), ("count", "-1"), ("count", "9" * 19), ("name", "Nobody")],
)
def test_what_is_no_limit_is_not_read(kind: LimitKind, value: str) -> None:
    """Also a size that is rounded: it is not known to the byte."""
    with pytest.raises(UnreadableError):
        limit(kind)(value)


@pytest.mark.parametrize("text", ["MaxMessageSize=$(1)", "Other=1", "MaxMessageSize", "x"])
def test_a_snapshot_with_another_limit_is_damaged(text: str) -> None:
    """A stranger's file may hold anything there, and commands are made of it."""
    document = open_source("demo:new-server").document()
    table = document["tables"]["connectors"]
    table["rows"][0][list(table["columns"]).index("limits")] = text

    with pytest.raises(InputError, match="damaged snapshot"):
        from_document(json.loads(json.dumps(document)), "x")
