"""The certificates of each server beside what needs them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mailflow.analysis.queues import as_of
from mailflow.analysis.servers import short_name
from mailflow.exchange.certificates import (
    CertificateNeed,
    ExchangeCertificate,
    look_for,
    normal_thumbprint,
    parse_certificate_name,
    window,
)
from mailflow.exchange.servers import Server
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot


class Certificates:
    """What servers hold, as far as it was read.

    Attributes:
        moment: the latest one that the data surely saw; what expires is held against it.
    """

    def __init__(self, org: Snapshot) -> None:
        """Take the certificates of a snapshot; one that names no server belongs to none."""
        self.moment: datetime | None = as_of(org) or _surely_seen(org)
        self._held: dict[str, list[ExchangeCertificate]] = {}
        for row in org.objects("certificates"):
            made = _certificate(row)
            self._held.setdefault(short_name(made.server), []).append(made)
        self._internal = {
            short_name(each.server): normal_thumbprint(each.internal_certificate or "")
            for each in org.settings
        }

    def internal(self, server: Server) -> CertificateNeed | None:
        """The internal transport certificate of a server (S3.41, S8.85).

        None: its thumbprint was not read.
        """
        wanted = self._internal.get(short_name(server.name), "")
        if not wanted:
            return None
        return self._look_for(server, lambda each: each.thumbprint == wanted)

    def internal_thumbprint(self, server: Server) -> str:
        """The thumbprint that Get-TransportService names; empty: not read."""
        return self._internal.get(short_name(server.name), "")

    def named(self, server: Server, name: str | None) -> CertificateNeed | None:
        """The certificate that a TlsCertificateName names; None: it names none that can be read."""
        wanted = parse_certificate_name(name or "")
        return self._look_for(server, wanted.fits) if wanted else None

    def for_host(self, server: Server, host: str) -> CertificateNeed:
        """A certificate for SMTP that covers a host name, as STARTTLS needs it (S6.17)."""
        return self._look_for(server, lambda each: _both(_is_for_smtp(each), each.covers(host)))

    def _look_for(
        self, server: Server, fits: Callable[[ExchangeCertificate], bool | None]
    ) -> CertificateNeed:
        return look_for(self._held.get(short_name(server.name), ()), fits, self.moment)


def _surely_seen(org: Snapshot) -> datetime | None:
    """The latest moment that printed retry times, which have no zone, are certain of."""
    spans = (window(queue.last_retry.text) for queue in org.queues if queue.last_retry)
    return max((span[0] for span in spans if span), default=None)


def _certificate(row: dict[str, str | bool | None]) -> ExchangeCertificate:
    domains, services = row["domains"], str(row["services"] or "")
    words = frozenset(word.strip().casefold() for word in services.split(",") if word.strip())
    return ExchangeCertificate(
        server=str(row["server"]),
        thumbprint=normal_thumbprint(str(row["thumbprint"])),
        subject=_text(row["subject"]),
        issuer=_text(row["issuer"]),
        services=words if words and not services.strip().isdigit() else None,
        status=str(row["status"] or ""),
        domains=None
        if domains is None
        else tuple(part.strip().casefold() for part in str(domains).split(",") if part.strip()),
        not_after=_text(row["not_after"]),
        has_private_key=None if row["has_private_key"] is None else bool(row["has_private_key"]),
    )


def _text(value: object) -> str | None:
    """On one line: what a stranger wrote over several would print lines of its own."""
    return None if value is None else one_line(str(value))


def _is_for_smtp(certificate: ExchangeCertificate) -> bool | None:
    return None if certificate.services is None else "smtp" in certificate.services


def _both(first: bool | None, second: bool | None) -> bool | None:
    if first is False or second is False:
        return False
    return None if first is None or second is None else True
