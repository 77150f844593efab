"""How two connectors treat a host, whatever they are called and on whichever servers they are.

Compared are the abilities of section 3.2 and 3.3, further extended rights where both access lists
were read (S3.20, S3.21), sizes, rates and timeouts (section 2.1), and protocol logging (S7.20). A
value that was not read on either side is never taken for equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from mailflow.analysis.capabilities import (
    ANY_RECIPIENT,
    SUBMIT,
    Effect,
    Entry,
    Rights,
    effect,
)
from mailflow.exchange.connectors import (
    LIMITS,
    UNLIMITED,
    LimitKind,
    PermissionGroups,
    ReceiveConnector,
)

CONNECTION = "a connection (421 4.3.2 without one)"
"""What a host lacks that no connector accepts (S1.18)."""

LOGGING = "protocol logging"
FURTHER_RIGHTS = "further extended rights"

_PRINCIPALS = {
    "anonymous logon": PermissionGroups.AnonymousUsers,
    "authenticated users": PermissionGroups.ExchangeUsers,
    "exchange servers": PermissionGroups.ExchangeServers,
    "hub transport servers": PermissionGroups.ExchangeServers,
    "edge transport servers": PermissionGroups.ExchangeServers,
    "externally secured servers": PermissionGroups.ExchangeServers,
    "exchangelegacyinterop": PermissionGroups.ExchangeLegacyServers,
    "partner servers": PermissionGroups.Partners,
}
"""Whom the permission groups stand for in an access list (section 3.3)."""

_LESS_IS_MORE = frozenset({"TarpitInterval"})


def treatment(
    old: ReceiveConnector | None,
    new: ReceiveConnector | None,
    rights: Rights,
    rights_after: Rights,
) -> Effect:
    """What a host gains and loses that `old` accepts first and then `new`; None: no connector.

    Args:
        old: the connector that accepts it first.
        new: the connector that accepts it then.
        rights: those of the organization of `old`.
        rights_after: those of the organization of `new`.
    """
    found = effect(old, new, rights, rights_after)
    if old is None and new is None:
        return Effect()
    if old is None:
        return replace(found, gains=(CONNECTION, *found.gains))
    if new is None:
        return replace(found, loses=(CONNECTION, *found.loses))
    gains, loses, not_known = list(found.gains), list(found.loses), list(found.not_known)
    further = _rights(old, new, rights.of(old), rights_after.of(new))
    for name, gained, lost in chain(_settings(old, new), further):
        if not gained and not lost:
            not_known.append(name)
        gains += [gained] if gained else []
        loses += [lost] if lost else []
    return Effect(tuple(gains), tuple(loses), tuple(not_known))


_Trait = tuple[str, str, str]
"""A name, what is gained and what is lost; neither: it is not known."""


def _settings(old: ReceiveConnector, new: ReceiveConnector) -> Iterator[_Trait]:
    """Limits and logging that differ or were not read."""
    before, after = dict(old.limits), dict(new.limits)
    for name, kind in LIMITS.items():
        was, will = before.get(name), after.get(name)
        if was is None or will is None:
            yield name, "", ""
        elif was != will:
            words = f"{name} {limit_in_words(kind, will)} instead of {limit_in_words(kind, was)}"
            if kind == "name":
                yield name, f"{name} {will}", f"{name} {was}"
            elif (_amount(will) > _amount(was)) is (name not in _LESS_IS_MORE):
                yield name, words, ""
            else:
                yield name, "", words
    logged, logs = old.protocol_logging.casefold(), new.protocol_logging.casefold()
    if not logged or not logs:
        yield LOGGING, "", ""
    elif logged != logs:
        yield (LOGGING, LOGGING, "") if logs == "verbose" else (LOGGING, "", LOGGING)


def _amount(value: str) -> float:
    return float("inf") if value == UNLIMITED else int(value)


def limit_in_words(kind: LimitKind, value: str) -> str:
    """`36 MB`, `10 min`, `5000`, `Unlimited`."""
    if value == UNLIMITED or kind in ("name", "count"):
        return value
    units = (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)) if kind == "size" else (("min", 60),)
    number = int(value)
    for unit, size in units:
        if number and number % size == 0:
            return f"{number // size} {unit}"
    return f"{number} {'bytes' if kind == 'size' else 's'}"


def _rights(
    old: ReceiveConnector,
    new: ReceiveConnector,
    before: frozenset[Entry] | None,
    after: frozenset[Entry] | None,
) -> Iterator[_Trait]:
    """Entries of the access lists that are not those of permission groups which differ anyway."""
    groups, groups_after = old.groups, new.groups
    if before is None or after is None:
        # The groups are computed from the list; what goes beyond them shows as Custom (S3.20).
        both = (groups, groups_after)
        if any(each is None or PermissionGroups.Custom in each for each in both):
            yield FURTHER_RIGHTS, "", ""
        return
    changed = PermissionGroups(0)
    if groups is not None and groups_after is not None:
        changed = groups ^ groups_after
    standing, standing_after = _standing(before, changed), _standing(after, changed)
    for user, right in sorted(standing.keys() | standing_after.keys()):
        was, will = standing.get((user, right), 0), standing_after.get((user, right), 0)
        words = f"{right} for {user}"
        if was < will:
            yield words, words, ""
        elif was > will:
            yield words, "", words


def _standing(entries: frozenset[Entry], but: PermissionGroups) -> dict[tuple[str, str], int]:
    """User and right to 1 where it is granted, -1 where it is denied, whatever is granted.

    Exchange's own groups count without their domain, so that two forests can be compared.
    """
    found: dict[tuple[str, str], int] = {}
    for user, right, deny in entries:
        bare = user.rpartition("\\")[2]
        group = _PRINCIPALS.get(bare)
        if group is not None and group & but:
            continue
        if bare == "anonymous logon" and right in (ANY_RECIPIENT, SUBMIT):
            continue  # abilities of their own
        key = (user if group is None else bare, right)
        found[key] = -1 if deny else found.get(key, 1)
    return found
