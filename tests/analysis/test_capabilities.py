"""What a host may do at a connector, what it gains or loses, and what was not read of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailflow.analysis.capabilities import (
    RELAY,
    TRUSTED,
    AccessChange,
    Effect,
    Rights,
    abilities,
    access_changes,
    effect,
    relays,
)
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.snapshot import Right, Unread
from organisations import article

ANONYMOUS = r"NT AUTHORITY\ANONYMOUS LOGON"
SUBMIT, ANY_RECIPIENT = "ms-Exch-SMTP-Submit", "ms-Exch-SMTP-Accept-Any-Recipient"
SUBMITS = "anonymous submission"


def relay(**values: Any) -> ReceiveConnector:  # noqa: ANN401
    """EX16A's relay, with other values."""
    return article().change(r"EX16A\Relay", **values).connector(r"EX16A\Relay")


def right(name: str, user: str = ANONYMOUS, *, deny: bool = False) -> Right:
    """An entry of its access list."""
    return Right("EX16A", "Relay", user, name, deny)


def rights(*entries: Right, unread: tuple[Unread, ...] = ()) -> Rights:
    """What was read of access lists."""
    return Rights(replace(article().snapshot(), rights=entries, unread=unread))


NOTHING = rights()
CUSTOM = "AnonymousUsers, Custom"


@pytest.mark.parametrize(
    ("groups", "entries", "expected"),
    [
        (CUSTOM, (), None),
        (CUSTOM, (right(ANY_RECIPIENT),), True),
        (CUSTOM, (right(SUBMIT),), False),
        (CUSTOM, (right(ANY_RECIPIENT), right(ANY_RECIPIENT, deny=True)), False),
        (CUSTOM, (right(ANY_RECIPIENT, "somebody"),), None),
        ("AnonymousUsers", (), False),
        ("AnonymousUsers", (right(ANY_RECIPIENT),), True),
        ("ExchangeUsers", (), False),
        (None, (), None),
    ],
)
def test_who_relays(groups: str | None, entries: tuple[Right, ...], expected: bool | None) -> None:
    """Section 2.6, S3.20, S3.21: by the access list; without Custom nobody was given the right."""
    assert relays(relay(groups=groups), rights(*entries)) == expected


def test_an_access_list_that_was_cut_is_not_known() -> None:
    """S3.21: what was cut may hold the denial."""
    for server, expected in (("EX16A", None), ("", None), ("EX16B", True)):
        cut = (Unread(server, "Get-ADPermission", "cut"),)
        assert relays(relay(groups=CUSTOM), rights(right(ANY_RECIPIENT), unread=cut)) is expected


@pytest.mark.parametrize(
    ("values", "entries", "expected"),
    [
        ({"groups": "AnonymousUsers"}, (), True),
        ({"groups": "AnonymousUsers"}, (right(SUBMIT, deny=True),), False),
        ({"groups": "ExchangeUsers"}, (), False),
        ({"groups": "Custom"}, (), None),
        ({"groups": "Custom"}, (right(SUBMIT),), True),
        ({"groups": "ExchangeServers", "auth": "Tls, ExternalAuthoritative"}, (), True),
    ],
)
def test_who_submits_without_logging_on(
    values: dict[str, Any], entries: tuple[Right, ...], expected: bool | None
) -> None:
    """Sections 3.2, 3.3: the group, an entry of its own, or the trust of the connector."""
    assert abilities(relay(**values), rights(*entries))[SUBMITS] == expected


def test_where_nobody_accepts_a_host_may_do_nothing() -> None:
    """S1.18: 421 4.3.2."""
    assert set(abilities(None, NOTHING).values()) == {False}
    assert set(abilities(None, NOTHING)) == set(abilities(relay(), NOTHING))


def test_gains_and_losses() -> None:
    """What is known of both sides; what was not read of one is neither."""
    trusted = relay(auth="Tls, ExternalAuthoritative", groups="ExchangeServers")
    plain = relay(groups="AnonymousUsers")
    found = effect(trusted, plain, NOTHING)

    assert {RELAY, TRUSTED} <= set(found.loses)
    assert effect(plain, trusted, NOTHING) == replace(
        found, gains=found.loses, loses=found.gains, not_known=found.not_known
    )
    assert RELAY in effect(plain, relay(groups=CUSTOM), NOTHING).not_known
    assert effect(plain, plain, NOTHING) == Effect()


def test_an_effect_in_words() -> None:
    """Losses first; false where no difference is known."""
    one = Effect(gains=("a (A)",), loses=("b (B)",), not_known=("c",))

    assert str(one) == "loses b; gains a; undetermined: c"
    assert (bool(one), bool(Effect(not_known=("c",))), bool(Effect())) == (True, False, False)
    assert str(Effect()) == "nothing that was read differs"


def test_who_gained_and_lost_rights() -> None:
    """S3.21: granted, not named and denied, in that order; a denial goes before a grant."""
    before = [("u", "a", False), ("u", "b", False), ("v", "a", True)]
    after = [("u", "a", False), ("u", "b", False), ("u", "b", True), ("u", "c", False)]

    assert access_changes("X", before, after) == [
        AccessChange("X", "u", ("c",), ("b",)),
        AccessChange("X", "v", ("a",), ()),
    ]
    assert access_changes("X", before, before) == []


def test_entries_of_one_user() -> None:
    """S1.38: where one user's entries alone were exported, they decide about that user alone."""
    gap = (Unread("EX16A", "Get-ADPermission User", "some entries only"),)
    mine = rights(right(ANY_RECIPIENT), unread=gap)
    foreign = rights(right(SUBMIT, r"CONTOSO\Exchange Servers"), unread=gap)
    one = relay(groups=CUSTOM)

    assert (relays(one, mine), relays(one, foreign)) == (True, None)
    assert mine.anonymous(one, ANY_RECIPIENT.casefold()) is True
    assert mine.denies_servers(one) is None
    assert mine.of(one) is None
    assert foreign.anonymous(relay(groups="ExchangeServers"), SUBMIT.casefold()) is None
