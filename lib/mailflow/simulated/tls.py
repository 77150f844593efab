"""TLS of the practice organization: its own certificate authority, and what that issues.

Keys live in memory and in a folder of the process; nothing is installed anywhere.
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a listener needs.

    Attributes:
        context: To accept with; a client's certificate is asked for, and checked if there is one.
        fingerprint: SHA-256 of the certificate, to which a sign-in can be bound.
    """

    context: ssl.SSLContext
    fingerprint: bytes


class Authority:
    """A certificate authority of its own, made anew for each practice."""

    def __init__(self) -> None:
        """Make the key and the root certificate; some milliseconds."""
        import trustme

        self._authority: trustme.CA = trustme.CA(
            organization_name="Simulated organization", organization_unit_name="made by mailflow"
        )

    def server(self, name: str, address: str) -> ServerTls:
        """Certificate and context of a server that is reached by name or by address."""
        certificate = self._authority.issue_cert(name, address, common_name=name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        certificate.configure_cert(context)
        context.verify_mode = ssl.CERT_OPTIONAL
        self._authority.configure_trust(context)
        public = certificate.cert_chain_pems[0].bytes().decode()
        return ServerTls(context, hashlib.sha256(ssl.PEM_cert_to_DER_cert(public)).digest())

    def write(self, path: Path) -> None:
        """Write the root certificate, for the client's `--ca`."""
        self._authority.cert_pem.write_to_path(str(path))

    def write_client(self, user: str, certificate: Path, key: Path) -> None:
        """Write certificate and key with which a user signs in; the key for this account only."""
        issued = self._authority.issue_cert(f"{user}@contoso.example", common_name=user)
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(key))
