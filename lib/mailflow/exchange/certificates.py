"""Certificates as Get-ExchangeCertificate shows them, and whether one that is needed is there.

Nothing is concluded from an empty list: the cmdlet is not fully usable from afar (S8.15).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

SOON = timedelta(days=30)
"""A certificate that expires within this time is told."""
_ZONES = timedelta(hours=14)
"""No zone is further from UTC: a printed time without a zone is that uncertain."""


@dataclass(frozen=True, slots=True)
class ExchangeCertificate:
    """One certificate of one server. `None` means: not known.

    Attributes:
        server: short name; empty: the export does not say whose it is (S9.21).
        thumbprint: in capitals, without blanks.
        subject, issuer: as printed.
        services: names of what it is assigned to, in lower case; None also where only a number was
            read.
        status: as printed: `Valid`, `DateInvalid` ...; empty where not read.
        domains: names it is for, in lower case, `*.contoso.com` among them.
        not_after: as stored: with its zone, or as it was printed.
        has_private_key: whether the server can use it.
    """

    server: str
    thumbprint: str
    subject: str | None = None
    issuer: str | None = None
    services: frozenset[str] | None = None
    status: str = ""
    domains: tuple[str, ...] | None = None
    not_after: str | None = None
    has_private_key: bool | None = None

    def covers(self, name: str) -> bool | None:
        """Whether it is for a host: by name, or by a wildcard for one label (S9.25)."""
        wanted = name.strip().rstrip(".").casefold()
        if self.domains is None:
            return None
        parent = wanted.partition(".")[2]
        return wanted in self.domains or bool(parent and f"*.{parent}" in self.domains)

    def is_expired(self, moment: datetime | None) -> bool | None:
        """Whether it had expired when the data was collected; None: not known.

        Status tells without any clock: `DateInvalid`, or `Valid`.

        Args:
            moment: the latest one that the data surely saw; None: none is known.
        """
        status = self.status.casefold()
        if status == "dateinvalid":
            return True
        span = window(self.not_after or "")
        if span and moment and span[1] < moment:
            return True
        if status == "valid":
            return False
        return False if span and moment and span[0] > moment else None

    def expires_soon(self, moment: datetime | None) -> bool:
        """Whether it surely expires within 30 days of the moment, and has not yet."""
        span = window(self.not_after or "")
        return bool(span and moment and span[1] <= moment + SOON)

    @property
    def until(self) -> str:
        """The day of its end for people; the text as printed where the day is open."""
        span = window(self.not_after or "")
        exact = span and span[0] == span[1]
        return f"{span[0]:%Y-%m-%d}" if span and exact else (self.not_after or "").strip()


def normal_thumbprint(text: str) -> str:
    """A thumbprint without blanks, colons and invisible characters, in capitals."""
    return re.sub(r"[^0-9A-F]", "", text.upper())


# -- Names of certificates -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CertificateName:
    """Issuer and subject that TlsCertificateName holds, `<I>CN=CA<S>CN=mail.contoso.com` (S9.24).

    Attributes:
        issuer, subject: as printed.
    """

    issuer: str
    subject: str

    def fits(self, certificate: ExchangeCertificate) -> bool | None:
        """Whether a certificate has both; None: issuer or subject of it was not read."""
        pairs = ((self.issuer, certificate.issuer), (self.subject, certificate.subject))
        if any(theirs is not None and not _same_dn(mine, theirs) for mine, theirs in pairs):
            return False
        return None if any(theirs is None for _, theirs in pairs) else True

    def __str__(self) -> str:
        """For people: the subject, and who issued it."""
        return f"{self.subject} (issued by {self.issuer})"


def parse_certificate_name(text: str) -> CertificateName | None:
    """The two names in TlsCertificateName; None: empty, or another form."""
    found = re.fullmatch(r"\s*<I>(.*?)<S>(.*)", text, re.IGNORECASE | re.DOTALL)
    if not found or not found[1].strip() or not found[2].strip():
        return None
    return CertificateName(found[1].strip(), found[2].strip())


def _same_dn(first: str, second: str) -> bool:
    """Whether two distinguished names are one: blanks and case do not count, order does not."""
    return sorted(_parts(first)) == sorted(_parts(second))


def _parts(name: str) -> list[str]:
    pieces = re.split(r'[,;+](?=(?:[^"]*"[^"]*")*[^"]*$)(?<!\\.)', name)
    bare = (re.sub(r"\s*=\s*", "=", piece.replace('"', "").strip(), count=1) for piece in pieces)
    return [" ".join(piece.casefold().split()) for piece in bare if piece]


# -- Times -----------------------------------------------------------------------------------------


def window(text: str) -> tuple[datetime, datetime] | None:
    """The earliest and the latest instant that a stored time may mean; None: it tells no day.

    With a zone both are the same. A printed time has no zone and a culture's own order of day and
    month (S6.03): each reading that is a day of the calendar counts. A year of another calendar, or
    of two digits, tells nothing.
    """
    try:
        exact = datetime.fromisoformat(text.strip())
    except ValueError:
        exact = None
    if exact and exact.tzinfo:
        return (exact.astimezone(UTC),) * 2 if 1970 <= exact.year < _LAST else None
    days = list(_days(text))
    if not days:
        return None
    first, last = (datetime.combine(day, time(), UTC) for day in (min(days), max(days)))
    return first - _ZONES, last + timedelta(days=1) + _ZONES


_LAST = 2200
_DATE = re.compile(r"(?<!\d)(\d{1,4})\s?[-/. ]\s?(\d{1,2})\s?[-/. ]\s?(\d{1,4})(?!\d)")


def _days(text: str) -> Iterable[date]:
    found = _DATE.search(text)
    if not found:
        return
    first, second, third = map(int, found.groups())
    orders = (
        ((first, second, third),)
        if len(found[1]) == 4
        else ((third, second, first), (third, first, second))
        if len(found[3]) == 4
        else ()
    )
    for year, month, day in orders:
        try:
            made = date(year, month, day)
        except ValueError:
            continue
        if 1990 <= year < _LAST:
            yield made


# -- Whether one that is needed is there -----------------------------------------------------------


class Fitness(Enum):
    """How a server stands with a certificate that something needs."""

    GOOD = "good"
    SOON = "soon"  # expires within 30 days
    EXPIRED = "expired"
    KEYLESS = "keyless"  # there, and the server has no private key for it
    ABSENT = "absent"  # its list was read and does not hold it
    UNREAD = "unread"  # no certificate of this server was read
    UNSURE = "unsure"  # values are missing that decide it

    @property
    def is_fault(self) -> bool:
        """Whether it is wrong for certain."""
        return self in (Fitness.EXPIRED, Fitness.KEYLESS, Fitness.ABSENT)


@dataclass(frozen=True, slots=True)
class CertificateNeed:
    """What became of looking for a certificate.

    Attributes:
        fitness: how the server stands.
        certificate: the one that shows it; None where there is none.
    """

    fitness: Fitness
    certificate: ExchangeCertificate | None = None


def look_for(
    held: Sequence[ExchangeCertificate],
    fits: Callable[[ExchangeCertificate], bool | None],
    moment: datetime | None,
) -> CertificateNeed:
    """Whether a server holds a certificate that fits and can be used.

    Args:
        held: the certificates of the server; none: the list was not read, or came empty.
        fits: whether a certificate is what is needed; None: not known.
        moment: when the data was collected; None: not known.
    """
    if not held:
        return CertificateNeed(Fitness.UNREAD)
    fitting = [each for each in held if fits(each)]
    open_ones = any(fits(each) is None for each in held)
    keyed = [each for each in fitting if each.has_private_key is not False]
    living = [each for each in keyed if each.is_expired(moment) is False]
    if living:
        soon = all(each.expires_soon(moment) for each in living)
        return CertificateNeed(Fitness.SOON if soon and not open_ones else Fitness.GOOD, living[-1])
    undated = next((each for each in keyed if each.is_expired(moment) is None), None)
    if open_ones or undated:
        return CertificateNeed(Fitness.UNSURE, undated)
    if keyed:
        return CertificateNeed(Fitness.EXPIRED, keyed[-1])
    return (
        CertificateNeed(Fitness.KEYLESS, fitting[-1])
        if fitting
        else CertificateNeed(Fitness.ABSENT)
    )
