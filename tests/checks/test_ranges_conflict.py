"""S1.37: ranges that Exchange refuses side by side, and what that means today."""

from __future__ import annotations

import pytest

from check_cases import FRONT, RELAY, audited
from organisations import Organisation, healthy

ID = "ranges-conflict"
OTHER = r"EX16A\Scanners"


def beside(*ranges: str, **change: object) -> Organisation:
    """The relay for 10.0.5.0/24, and a second connector at the same endpoint."""
    org = healthy().add_relay("EX16A", *ranges, name="Scanners")
    return org.change(OTHER, **change) if change else org


def told(org: Organisation) -> str:
    """What the only finding says."""
    [found] = audited(org, ID)
    assert found.state == "found"
    return found.check.explain([found])


def test_ranges_that_overlap_in_part_are_found() -> None:
    """S1.31, S1.13: refused beside each other; the smaller range wins the hosts of both."""
    text = told(beside("10.0.5.200-10.0.6.3"))

    assert "10.0.5.200-10.0.5.255) are accepted by Scanners, whose range is smaller" in text
    assert "Exchange refuses every change of Scanners and Relay" in text


def test_equal_ranges_leave_the_winner_open() -> None:
    """S1.36: the conflict is certain (S1.31), who wins is not."""
    assert "could not be determined" in told(beside("10.0.5.0/24"))


def test_overlap_beside_a_specific_binding_is_decided_by_it() -> None:
    """S1.32, S1.16: of equal sizes the local address itself wins."""
    text = told(beside("10.0.5.128-10.0.6.127", bindings="10.0.0.21:25"))

    assert "are accepted by Scanners, which is bound to the local address itself" in text


def test_a_disabled_connector_counts_and_takes_nobody() -> None:
    """Section 1.5: the check compares disabled connectors too; selection does not (S1.10)."""
    text = told(beside("10.0.5.0/24", enabled=False))

    assert "Scanners is disabled" in text
    assert "could not be determined" not in text


@pytest.mark.parametrize(
    ("ranges", "change"),
    [
        ("10.0.5.0/25", {}),
        ("10.0.4.0/22", {}),
        ("10.0.5.0/24", {"bindings": "10.0.0.21:25"}),
        ("10.0.5.200-10.0.6.3", {"bindings": "0.0.0.0:2626"}),
        ("10.0.5.200-10.0.6.3", {"role": "HubTransport"}),
    ],
    ids=["inside", "around", "equal at the address", "another port", "another role"],
)
def test_what_exchange_allows_is_no_conflict(ranges: str, change: dict[str, object]) -> None:
    """S1.02, S1.33, S1.34; a conflict of roles has an id of its own (S1.30)."""
    assert audited(beside(ranges, **change), ID) == []


def test_the_custom_connector_is_named_beside_a_default_one() -> None:
    """The list that an administrator wrote is the one to change."""
    org = healthy().change(RELAY, ranges="0.0.0.0-255.255.255.255")
    [found] = audited(org, ID)

    assert found.connector is not None
    assert found.connector.identity == RELAY
    assert FRONT.partition("\\")[2] in found.check.explain([found])
    assert found.check.advise(found).splitlines()[-1] == (
        "mailflow whatif <source> --server EX16A --connector Relay --remove 0.0.0.0-255.255.255.255"
    )


def test_an_overlap_that_the_cmdlets_overlook_is_told_so() -> None:
    """Section 1.5: they compare the first pair of bindings that meets, and no other."""
    org = beside("10.0.5.0/24", bindings="10.0.0.21:25, 0.0.0.0:25")

    assert "overlook" in told(org)
