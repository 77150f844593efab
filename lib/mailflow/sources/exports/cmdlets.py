"""Which cmdlet an object came from, told by its type or its properties (contract, section 2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mailflow.exchange.cmdlets import PROPERTIES, SPECS, Signs


def _set(names: str) -> frozenset[str]:
    return frozenset(names.casefold().split())


_BY_TYPE: Mapping[str, str] = {
    **{
        name.rpartition(".")[2].casefold(): spec.name
        for spec in SPECS.values()
        for name in spec.types
    },
    # Known, and not read: named so that people see what was passed over.
    "messagetrackingevent": "Get-MessageTrackingLog",
    "netipconfiguration": "Get-NetIPConfiguration",
    "frontendtransportserver": "Get-FrontendTransportService",
    "mailboxtransportserver": "Get-MailboxTransportService",
    "mailboxserver": "Get-MailboxServer",
    "exchangediagnosticinforesult": "Get-ExchangeDiagnosticInfo",
}

# Types that say nothing about their maker: what Select-Object or a script puts together, and what a
# remote session makes of a certificate, which any store of Windows holds as well.
_SHAPELESS = {
    *("pscustomobject", "psobject", "object", "hashtable", "ordereddictionary"),
    "x509certificate2",
}

# WMI and CIM have one type for all classes, of which one is read.
_OF_WINDOWS = {"managementobject", "ciminstance"}

# Only for naming what is passed over.
_OTHERS: Mapping[str, Signs] = {
    **{spec.name: spec.signs for spec in SPECS.values() if not spec.properties},
    "Get-MessageTrackingLog": Signs(
        _set("EventId MessageSubject ServerHostname ClientHostname ConnectorId")
    ),
    "Get-NetIPConfiguration": Signs(
        together=(_set("InterfaceAlias IPv4Address"), _set("InterfaceAlias NetAdapter"))
    ),
    "Get-QueueDigest": Signs(_set("GroupByValue")),
}


def cmdlet_of(type_names: Sequence[str], properties: Collection[str]) -> str | None:
    """The cmdlet that mailflow reads and that made this object; None for anything else.

    The type decides where there is one; an object that Select-Object or a script put together, and
    a form without types, is told by its properties. Case is free. Get-TransportServer, the older
    name of the same thing, counts as Get-TransportService. Properties that fit two cmdlets decide
    nothing: None, never a guess.
    """
    kind = _kind(type_names)
    if kind is not None and kind not in _OF_WINDOWS:
        cmdlet = _BY_TYPE.get(kind)
        return cmdlet if cmdlet in PROPERTIES else None
    if not properties:
        return None
    names = frozenset(name.strip().casefold() for name in properties)
    found = [name for name in PROPERTIES if SPECS[name].signs.fit(names)]
    if kind is not None and found != ["Win32_NetworkAdapterConfiguration"]:
        return None
    return found[0] if len(found) == 1 else None


def describe(type_names: Sequence[str], properties: Collection[str]) -> str:
    """What an object of another cmdlet is, in a few words, for the list of the ignored."""
    kind = _kind(type_names)
    if kind is not None:
        return _BY_TYPE.get(kind) or _short(type_names[0])
    if not properties:
        return "an object without properties"
    names = frozenset(name.strip().casefold() for name in properties)
    known = next((name for name, signs in _OTHERS.items() if signs.fit(names)), None)
    if known:
        return known
    shown = [name.strip()[:40] for name in properties][:4]
    return "an object with " + ", ".join(shown) + (", …" if len(properties) > len(shown) else "")


def _short(type_name: str) -> str:
    """The last part of a type's name, without generic arguments, assembly and CIM path."""
    bare = type_name.strip().partition("[")[0].partition(",")[0].partition("#")[0]
    return bare.rpartition(".")[2].partition("`")[0][:80]


def _kind(type_names: Sequence[str]) -> str | None:
    """The folded short name of the first type; None where there is none that says anything."""
    short = _short(type_names[0]).casefold() if type_names else ""
    return None if not short or short in _SHAPELESS else short
