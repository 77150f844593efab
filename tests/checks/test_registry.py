"""The checks: every public cause has one, with texts that are whole."""

from __future__ import annotations

from itertools import chain

from mailflow.analysis.paths import CONFIGURATION_CAUSES
from mailflow.checks.registry import CARDS, CHECKS
from mailflow.exchange.catalogue import BY_CODE, GENERAL, PLAIN, TELLING, WINSOCK

PUBLIC_IDS = {
    *("custom-connector-shadows-default", "exchange-auth-missing-on-default"),
    *("exchange-servers-group-missing", "anonymoustls-suppressed", "no-connector-answers"),
    *("transport-role-conflict", "smtp-inspection", "source-address-translated"),
    *("internal-transport-certificate", "outside-the-connectors", "kerberos-or-permission"),
    *("target-unreachable", "target-refuses", "connection-dropped", "name-resolution"),
    *("service-inactive", "back-pressure", "connection-limit", "tls-or-certificate"),
    *("relay-denied", "mailbox-or-recipient", "routing-or-loop", "unrecognised-error"),
    *("planned-server-shadowed", "connectors-differ", "connector-never-answers"),
    "relay-wider-than-it-looks",
}


ENTRIES = tuple(chain(TELLING, WINSOCK.values(), PLAIN, GENERAL, BY_CODE))


def test_every_public_id_has_a_full_card() -> None:
    """Each cause of the contract has a check, and its card has nothing left empty."""
    empty = [
        (card.id, name)
        for card in CARDS.values()
        for name in card.__slots__
        if not getattr(card, name)
    ]

    assert set(CHECKS) == set(CARDS) == PUBLIC_IDS
    assert empty == []
    assert all(name == check.id == check.card.id for name, check in CHECKS.items())


def test_catalogue_names_causes_that_exist() -> None:
    """Each row's causes have cards."""
    assert {cause for entry in ENTRIES for cause in entry.causes} <= set(CARDS)


def test_what_configuration_shows_has_a_step() -> None:
    """What is found on a mail path by configuration alone is repaired by commands, step by step."""
    assert [cause for cause in CONFIGURATION_CAUSES if CHECKS[cause].step is None] == []
