"""What is said in the same words of several servers, said once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailflow.phrases import joined
from mailflow.views.verdict import FindingRecord

MOST_PLACES = 12
"""Connectors that a row names; more are counted, and findings.json has all."""

_SERVER = "\0"
"""Stands for a server's name while texts are compared."""


def same_words(text: str, server: str) -> str:
    """A text without the name of its server: equal for those of which the same is said."""
    return re.sub(rf"(?<![\w.-]){re.escape(server)}(?![\w-])", _SERVER, text) if server else text


def alike(findings: Iterable[FindingRecord]) -> list[list[FindingRecord]]:
    """Entries of one state and cause that say the same of other servers, in the first one's place.

    What is said of connectors of other names, or of other hosts, stays apart.
    """
    groups: dict[tuple[str, ...], list[FindingRecord]] = {}
    for each in findings:
        server = each.server or ""
        parts = (each.connector or "", each.reading)
        key = (each.state, each.cause, *(same_words(part, server) for part in parts))
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def places(group: Iterable[FindingRecord]) -> str:
    """The connectors of a group, or their servers; empty where it has neither."""
    names = (each.connector or each.server for each in group)
    return joined((name for name in names if name), MOST_PLACES)


def reading(group: list[FindingRecord]) -> str:
    """What the first says, and of how many others the same holds."""
    first, *others = group
    if not others:
        return first.reading
    of = "the other one" if len(others) == 1 else f"the other {len(others)}"
    return f"{first.reading} The same holds for {of}."
