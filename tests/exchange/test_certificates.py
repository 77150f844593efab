"""Certificates: names, hosts, times as printed, and whether one that is needed is there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.certificates import (
    CertificateName,
    ExchangeCertificate,
    Fitness,
    look_for,
    normal_thumbprint,
    parse_certificate_name,
    window,
)

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
DAYS = st.dates(date(1995, 1, 1), date(2190, 1, 1))
FORMS = (
    "{0:%m/%d/%Y} 1:59:17 PM",
    "{0.month}/{0.day}/{0.year} 13:59",
    "{0:%d.%m.%Y} 13:59:17",
    "{0:%d. %m. %Y} 13:59",
    "{0:%d-%m-%Y}",
    "{0:%d/%m/%Y 00:00:00}",
    "{0:%Y-%m-%d} 23:59:59",
    "{0:%Y/%m/%d}",
)
"""As cultures print a day."""


@given(DAYS, st.sampled_from(FORMS), st.integers(-12, 14), st.integers(0, 23))
def test_a_printed_day_is_within_its_window(day: date, form: str, zone: int, hour: int) -> None:
    """S6.03: whatever the zone and the order of day and month, the true instant lies inside."""
    truth = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) - timedelta(hours=zone)
    span = window(form.format(day))

    assert span is not None
    assert span[0] <= truth <= span[1]


@given(DAYS)
def test_a_window_holds_no_day_that_cannot_be_meant(day: date) -> None:
    """Slow model: every day whose numbers print alike, with the hours of all zones around it."""
    text = f"{day.month}/{day.day}/{day.year}"
    numbers = {(day.month, day.day), (day.day, day.month)}
    meant = []
    for month, number in numbers:
        try:
            meant.append(datetime(day.year, month, number, tzinfo=UTC))
        except ValueError:
            continue
    hours = timedelta(hours=14)

    assert window(text) == (min(meant) - hours, max(meant) + timedelta(days=1) + hours)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "23/11/26",
        "23/11/2569 13:59:17",
        "02/09/1405",
        "令和8年11月23日",
        "Montag, 23. November 2026",
        "99/99/2026",
        "0001-01-01T00:00:00",
    ],
)
def test_what_tells_no_day_of_our_calendar_tells_nothing(text: str) -> None:
    """Other calendars (2569, 1405), years of two digits, and .NET's smallest time."""
    assert window(text) is None


def test_a_time_with_its_zone_is_exact() -> None:
    """As CLIXML and JSON give it."""
    assert window("2026-11-23T15:02:00+01:00") == (NOW, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<I>CN=CA<S>CN=mail", CertificateName("CN=CA", "CN=mail")),
        (" <i> CN=CA, O=X <s> CN=mail ", CertificateName("CN=CA, O=X", "CN=mail")),
        ("", None),
        ("CN=mail", None),
        ("<I><S>CN=mail", None),
        ("<S>CN=mail<I>CN=CA", None),
    ],
)
def test_names_in_tls_certificate_name(text: str, expected: CertificateName | None) -> None:
    """S9.24: issuer and subject; any other form names nothing."""
    assert parse_certificate_name(text) == expected


@pytest.mark.parametrize(
    ("domains", "host", "expected"),
    [
        (("mail.contoso.com",), "MAIL.contoso.com.", True),
        (("*.contoso.com",), "mail.contoso.com", True),
        (("*.contoso.com",), "contoso.com", False),
        (("*.contoso.com",), "a.mail.contoso.com", False),
        ((), "mail.contoso.com", False),
        (None, "mail.contoso.com", None),
    ],
)
def test_a_wildcard_stands_for_one_label(
    domains: tuple[str, ...] | None, host: str, expected: bool | None
) -> None:
    """S9.25."""
    assert ExchangeCertificate("EX16A", "AB", domains=domains).covers(host) is expected


def test_a_quoted_comma_parts_no_name() -> None:
    """`O="Contoso, Ltd."` is one part."""
    name = CertificateName('CN=CA, O="Contoso, Ltd."', "CN=mail")
    same = ExchangeCertificate("EX16A", "AB", "CN=mail", 'O="Contoso, Ltd.",CN=CA')
    other = ExchangeCertificate("EX16A", "AB", "CN=mail", "CN=CA, O=Contoso")

    assert (name.fits(same), name.fits(other)) == (True, False)


def test_a_thumbprint_without_what_is_pasted_along() -> None:
    """An invisible mark before it, blanks and case."""
    assert normal_thumbprint("\u200eab cd:01") == "ABCD01"


CERTIFICATES = st.builds(
    ExchangeCertificate,
    st.just("EX16A"),
    st.sampled_from(["AB", "CD"]),
    status=st.sampled_from(["", "Valid", "DateInvalid"]),
    not_after=st.sampled_from(
        [
            None,
            "2026-11-20T00:00:00+00:00",
            "2026-12-01T00:00:00+00:00",
            "2030-01-01T00:00:00+00:00",
        ]
    ),
    has_private_key=st.sampled_from([None, True, False]),
)


@given(st.lists(CERTIFICATES, max_size=4), st.sampled_from([None, NOW]))
def test_a_fault_is_told_only_where_no_certificate_may_do(
    held: list[ExchangeCertificate], moment: datetime | None
) -> None:
    """Slow model: a fault means that each one that fits cannot be used, and there is a list."""
    need = look_for(held, lambda each: each.thumbprint == "AB", moment)
    usable = [
        each
        for each in held
        if each.thumbprint == "AB"
        and each.has_private_key is not False
        and each.status != "DateInvalid"
        and not (each.not_after and moment and datetime.fromisoformat(each.not_after) < moment)
    ]

    assert need.fitness.is_fault == (bool(held) and not usable)
    assert (need.fitness is Fitness.UNREAD) == (not held)


def test_one_whose_names_were_not_read_may_be_the_one() -> None:
    """Then nothing is missing for certain."""
    need = look_for(
        [ExchangeCertificate("EX16A", "AB")], CertificateName("CN=CA", "CN=x").fits, NOW
    )

    assert need.fitness is Fitness.UNSURE
