"""Ranges as prose: what a connector lists, and how many addresses that are."""

from __future__ import annotations

from collections.abc import Mapping

from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import EVERYTHING, WIDTH, Family
from mailflow.phrases import MOST


def ranges_in_words(connector: ReceiveConnector, most: int = MOST) -> str:
    """`all addresses`, or its ranges as read; says where the list was cut."""
    texts = [str(block) for block in connector.ranges]
    everything = {block.family for block in connector.ranges if block.is_everything}
    if everything and len(texts) == len(everything):
        texts = ["all addresses" if everything == set(EVERYTHING) else f"all IPv{min(everything)}"]
    shown = texts if len(texts) <= most else [*texts[:most], f"{len(texts) - most} more"]
    if not connector.ranges_complete:
        shown.append("the rest was not read")
    return ", ".join(shown) or "none"


def count_in_words(counts: Mapping[Family, int]) -> str:
    """`all addresses`, `256 IPv4`, `all IPv4 but 513, all IPv6`, `none`."""
    if all(counts[family] == 1 << WIDTH[family] for family in WIDTH):
        return "all addresses"
    words = [_of_family(family, counts[family]) for family in WIDTH if counts[family]]
    return ", ".join(words) or "none"


def _of_family(family: Family, count: int) -> str:
    left = (1 << WIDTH[family]) - count
    if left == 0:
        return f"all IPv{family}"
    if left < count:
        return f"all IPv{family} but {_number(left)}"
    return f"{_number(count)} IPv{family}"


def _number(count: int) -> str:
    """Exact as long as people can read it; beyond that the power of two."""
    if count < 1 << 40:
        return f"{count:,}"
    bits = count.bit_length() - 1
    return f"2^{bits}" if count == 1 << bits else f"more than 2^{bits}"
