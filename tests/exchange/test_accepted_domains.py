"""Accepted domains: who is inside, who is outside, and of whom that is not known."""

from __future__ import annotations

import pytest

from mailflow.exchange.accepted_domains import AcceptedDomains, sorted_out

ALL = AcceptedDomains(
    inside=("contoso.example", "*.lab.example"),
    outside=("hosted.lab.example", "*.partner.example"),
    either=("*.plant.example",),
)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("Contoso.example", True),
        ("sub.contoso.example", False),
        ("lab.example", True),
        ("a.b.lab.example", True),
        ("notlab.example", False),
        ("hosted.lab.example", False),
        ("partner.example", False),
        ("north.plant.example", None),
        ("elsewhere.example", False),
    ],
)
def test_by_type_and_wildcard(domain: str, expected: bool | None) -> None:
    """By DomainType (S9.30), wildcards with all below (S9.31), the most exact one (S9.32)."""
    assert ALL.is_inside(domain) is expected


def test_a_list_that_is_not_whole_calls_nobody_outside() -> None:
    """Nothing is concluded from absence; what an ExternalRelay domain says stands."""
    cut = AcceptedDomains(("contoso.example",), ("partner.example",), is_whole=False)

    found = [cut.is_inside(f"{name}.example") for name in ("contoso", "partner", "elsewhere")]
    assert found == [True, False, None]


def test_what_the_cmdlet_says() -> None:
    """MatchSubDomains is a wildcard (S9.31); a type or one of them not read tells nothing."""
    found = sorted_out(
        [
            ("Contoso.example", "Authoritative", False),
            ("wide.example", "authoritative", True),
            ("*.partner.example", "ExternalRelay", None),
            ("plant.example", "InternalRelay", False),
            ("old.example", "Authoritative", None),
            ("torn.example", None, False),
        ]
    )

    names = ("contoso", "a.contoso", "a.wide", "partner", "plant", "old", "a.old", "torn", "other")
    assert [found.is_inside(f"{name}.example") for name in names] == [
        *(True, False, True, False, None, True, None, None, False)
    ]


def test_a_name_that_is_no_domain_leaves_the_list_open() -> None:
    """What it stands for is not known: no other domain is outside then."""
    found = sorted_out(
        [("contoso.example", "Authoritative", False), ("a b", "Authoritative", None)]
    )

    assert found.inside == ("contoso.example",)
    assert found.is_inside("elsewhere.example") is None


def test_every_domain() -> None:
    """`*` takes what no more exact one does; said to be two things, a domain is neither."""
    found = AcceptedDomains(
        inside=("contoso.example", "twice.example"), outside=("*", "twice.example")
    )

    names = ("contoso.example", "elsewhere.example", "twice.example")
    assert [found.is_inside(name) for name in names] == [True, False, None]
