"""How a session shows objects, and the parts that objects of several cmdlets have.

What a property is called, holds and looks like was taken from objects that real servers returned
(sections 1.6, 2, 3.3, 4.5 and 9 of the facts). Which properties an object has depends on the shell
that shows it, not on the server it belongs to (section 8.4); queues are the exception, because
their own server sends them (S8.41).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from mailflow.simulated.organisation import DOMAIN
from mailflow.sources.row import Complex, Enumeration, Value

Values = dict[str, Value]
Version = tuple[int, ...]

E2010: Version = (14,)
E2010_SP1: Version = (14, 1, 218)
E2013: Version = (15, 0)
E2016: Version = (15, 1)

NO_GUID = str(uuid.UUID(int=0))
ORGANISATION = "Contoso"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a session shows objects.

    Attributes:
        version: of the server that hosts the session, and so of its shell.
        flat: whether the values of lists come as their texts and not as objects; it depends on the
            serialization level of the session (S8.14).
    """

    version: Version
    flat: bool = False

    def knows(self, since: Version) -> bool:
        """Whether the shell is of this version or a newer one."""
        return self.version >= since


_DN = ",".join(f"DC={part}" for part in DOMAIN.split("."))
_GROUPS = (
    "CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,"
    f"CN={ORGANISATION},CN=Microsoft Exchange,CN=Services,CN=Configuration,{_DN}"
)
CONFIGURABLE: Mapping[str, Value] = {
    "IsValid": True,
    "ObjectState": Enumeration("New", 0),
}
EXCHANGE_VERSION = Complex(
    "0.1 (8.0.535.0)", {"Major": 0, "Minor": 1, "ExchangeBuild": "8.0.535.0"}
)
"""Of servers and receive connectors: any shell may read them (S8.40)."""


def server_dn(name: str) -> str:
    """Where a server, by its short name, stands in the directory of the organization."""
    return f"CN={name},CN=Servers,{_GROUPS}"


def directory_id(text: str, dn: str) -> Complex:
    """An object of the directory as other objects name it: what it prints as, and what it is."""
    first = dn.partition(",CN=")[0]
    return Complex(
        text,
        {
            "Rdn": first,
            "DistinguishedName": dn,
            "DomainId": DOMAIN,
            "ObjectGuid": guid_of(dn),
            "Name": first.removeprefix("CN="),
        },
    )


@cache
def site_id(name: str) -> Complex:
    """A site of Active Directory (S9.11)."""
    dn = f"CN={name},CN=Sites,CN=Configuration,{_DN}"
    return Complex(f"{DOMAIN}/Configuration/Sites/{name}", {"DistinguishedName": dn, "Name": name})


@cache
def schema_id(name: str) -> Complex:
    """A class of the directory's schema, by its name, as an object that names it."""
    dn = f"CN={name},CN=Schema,CN=Configuration,{_DN}"
    return Complex(f"{DOMAIN}/Configuration/Schema/{name}", {"DistinguishedName": dn, "Name": name})


@cache
def time_span(length: timedelta) -> Complex:
    """A length of time as Exchange prints it: `00:10:00`, `2.00:00:00`."""
    seconds = int(length.total_seconds())
    days, rest = divmod(seconds, 86400)
    hours, minutes, left = rest // 3600, rest // 60 % 60, rest % 60
    text = f"{hours:02}:{minutes:02}:{left:02}"
    return Complex(
        f"{days}.{text}" if days else text,
        {
            "Days": days,
            "Hours": hours,
            "Minutes": minutes,
            "Seconds": left,
            "Ticks": seconds * 10**7,
            "TotalSeconds": float(seconds),
        },
    )


@cache
def unlimited(number: int | None) -> Complex:
    """A number, or Unlimited for None."""
    if number is None:
        return Complex("Unlimited", {"IsUnlimited": True})
    return Complex(str(number), {"IsUnlimited": False, "Value": number})


@cache
def byte_size(text: str, number: int) -> Complex:
    """A size as Exchange prints it: `36 MB (37,748,736 bytes)`."""
    return Complex(f"{text} ({number:,} bytes)", {})


def guid_of(text: str) -> str:
    """The same identifier each time for the same thing."""
    return str(uuid.uuid5(uuid.NAMESPACE_X500, text))


def known_to(values: Values, since: Mapping[str, Version], shape: Shape) -> Values:
    """The properties that a shell knows; `since` says of some in which version they came."""
    return {name: value for name, value in values.items() if shape.knows(since.get(name, ()))}


def address_object(text: str) -> Complex:
    """An IP address."""
    family = FAMILIES[6 if ":" in text else 4]
    return Complex(text, {"AddressFamily": family, "IPAddressToString": text})


FAMILIES = {4: "InterNetwork", 6: "InterNetworkV6"}
