"""PowerShell an administrator can paste; nothing here is run by mailflow.

Names come from others. PowerShell also ends a quoted text at typographic quotes, so all of them are
escaped; a name with control or invisible characters gets no command at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from mailflow.exchange.connectors import AuthMechanism, PermissionGroups, flag_names
from mailflow.exchange.ranges import AddressRange

_SPECIAL = str.maketrans({character: f"`{character}" for character in '`$"\u201c\u201d\u201e'})


class Unquotable(ValueError):  # noqa: N818 - it says what the name is
    """A name that cannot stand in a command that people paste."""


def quoted(text: str) -> str:
    """A PowerShell string in double quotes that means exactly this text.

    Raises:
        Unquotable: it holds control, format or line-breaking characters.
    """
    if any(unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for one in text):
        raise Unquotable(f"{text!r} cannot be quoted safely")
    return f'"{text.translate(_SPECIAL)}"'


def set_ranges(identity: str, ranges: Iterable[AddressRange]) -> str:
    """Replace RemoteIPRanges by this whole list (S8.60)."""
    return f"{_set(identity)} -RemoteIPRanges {','.join(quoted(str(one)) for one in ranges)}"


def rehearsed(command: str) -> str:
    """The form of a command that says what it would do and does nothing (S8.66)."""
    return f"{command} -WhatIf"


def set_auth(identity: str, auth: AuthMechanism) -> str:
    """Replace AuthMechanism; all wanted ones are named (S3.23)."""
    return f"{_set(identity)} -AuthMechanism {flag_names(auth).replace(', ', ',')}"


def set_groups(identity: str, groups: PermissionGroups) -> str:
    """Replace PermissionGroups; all wanted ones are named, Custom can't be (S3.22, S3.23)."""
    wanted = groups & ~PermissionGroups.Custom
    return f"{_set(identity)} -PermissionGroups {flag_names(wanted).replace(', ', ',')}"


def set_enabled(identity: str, *, enabled: bool) -> str:
    """Switch a connector on or off."""
    return f"{_set(identity)} -Enabled {_truth(truth=enabled)}"


def set_bindings(identity: str, bindings: Iterable[object]) -> str:
    """Replace the local endpoints."""
    return f"{_set(identity)} -Bindings {','.join(quoted(str(one)) for one in bindings)}"


def set_role(identity: str, role: str) -> str:
    """Move a connector to another transport process (C9)."""
    return f"{_set(identity)} -TransportRole {role}"


def set_suppression(identity: str, *, suppressed: bool) -> str:
    """Offer X-ANONYMOUSTLS again, or hide it (C10)."""
    return f"{_set(identity)} -SuppressXAnonymousTls {_truth(truth=suppressed)}"


def retry(identity: str) -> str:
    """Try a queue again at once; the server is always named (S8.77)."""
    return f"Retry-Queue -Identity {quoted(identity)}"


def _set(identity: str) -> str:
    return f"Set-ReceiveConnector {quoted(identity)}"


def _truth(*, truth: bool) -> str:
    return "$true" if truth else "$false"
