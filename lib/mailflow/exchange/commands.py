"""PowerShell an administrator can paste; nothing here is run by mailflow.

Names come from others. PowerShell also ends a quoted text at typographic quotes, so all of them are
escaped; a name with control or invisible characters gets no command at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

_SPECIAL = str.maketrans({character: f"`{character}" for character in '`$"\u201c\u201d\u201e'})


_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


class Unquotable(ValueError):  # noqa: N818 - it says what the name is
    """A name that cannot stand in a command that people paste."""


class PermissionEntry(Protocol):
    """An entry of an access list."""

    @property
    def user(self) -> str:
        """Who."""

    @property
    def right(self) -> str:
        """The extended right."""

    @property
    def deny(self) -> bool:
        """Whether it is denied."""


def quoted(text: str) -> str:
    """A PowerShell string in double quotes that means exactly this text.

    Raises:
        Unquotable: it holds a character that is not seen as itself: control, format, line break,
            private use, or none at all.
    """
    if not is_quotable(text):
        raise Unquotable(f"{text!r} cannot be quoted safely")
    return f'"{text.translate(_SPECIAL)}"'


def is_quotable(text: str) -> bool:
    """Whether a text can stand in a command: every character of it is seen as itself."""
    return not any(unicodedata.category(sign) in _HIDDEN for sign in text)


def set_connector(identity: str, arguments: Mapping[str, str]) -> str:
    r"""`Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"`.

    Each value is replaced as a whole (S3.23, S8.60), so it has to be named whole.

    Args:
        identity: of the connector.
        arguments: parameters with what `argument` made of their values.

    Raises:
        Unquotable: a name or value that cannot stand in a command.
    """
    given = (f" -{name} {text}" for name, text in arguments.items())
    return f"Set-ReceiveConnector {quoted(identity)}{''.join(given)}"


def new_connector(name: str, server: str, arguments: Mapping[str, str]) -> str:
    """`New-ReceiveConnector -Name "Relay" -Server "SE01" -Custom -Bindings "0.0.0.0:25" ...`.

    Bindings and RemoteIPRanges go with the usage Custom (S1.06).

    Args:
        name: of the connector, without the server.
        server: that is to have it.
        arguments: parameters with what `argument` made of their values.

    Raises:
        Unquotable: a name or value that cannot stand in a command.
    """
    given = (f" -{parameter} {text}" for parameter, text in arguments.items())
    head = f"New-ReceiveConnector -Name {quoted(name)} -Server {quoted(server)} -Custom"
    return f"{head}{''.join(given)}"


def remove_connector(identity: str) -> str:
    """Take a connector away; Exchange asks first."""
    return f"Remove-ReceiveConnector {quoted(identity)}"


def permission(verb: Literal["Add", "Remove"], identity: str, right: PermissionEntry) -> str:
    """Add or take away one entry of a connector's access list, a grant or a denial (section 3.3).

    Raises:
        Unquotable: a name that cannot stand in a command.
    """
    deny = " -Deny" if right.deny else ""
    entry = f"-User {quoted(right.user)} -ExtendedRights {quoted(right.right)}{deny}"
    return f"{verb}-ADPermission {quoted(identity)} {entry}"


def set_source_servers(name: str, servers: Sequence[str]) -> str:
    """The source servers of a send connector, all of them.

    Raises:
        Unquotable: a name that cannot stand in a command.
    """
    return f"Set-SendConnector {quoted(name)} -SourceTransportServers {argument(servers)}"


def argument(value: Sequence[str] | str | bool, *, is_text: bool = False) -> str:
    """A value of a parameter: a list of quoted texts, `$true`, or flags such as `Tls,Integrated`.

    Args:
        value: of the parameter.
        is_text: whether a text is free text, which is quoted; an empty one is `$null`.

    Raises:
        Unquotable: it cannot stand in a command.
    """
    if isinstance(value, bool):
        return "$true" if value else "$false"
    if not isinstance(value, str):
        return ",".join(map(quoted, value))
    if is_text:
        return quoted(value) if value else "$null"
    return value.replace(", ", ",")


def rehearsed(command: str) -> str:
    """The form of a command that says what it would do and does nothing (S8.66)."""
    return f"{command} -WhatIf"


def retry(identity: str) -> str:
    """Try a queue again at once; the server is always named (S8.77)."""
    return f"Retry-Queue -Identity {quoted(identity)}"


def log_sessions(identity: str) -> str:
    """Let a receive connector log its sessions, which a relay connector does not by itself (S7.20).

    Raises:
        Unquotable: a name that cannot stand in a command.
    """
    return f"Set-ReceiveConnector {quoted(identity)} -ProtocolLoggingLevel Verbose"


def keep_receive_logs(cmdlet: str, server: str, days: int, gigabytes: int) -> str:
    """Keep the receive logs of a service longer, and more of them (S7.41).

    Args:
        cmdlet: `Set-FrontEndTransportService`, `Set-TransportService` or `Set-TransportServer`.
        server: its name.
        days: how long a file stays.
        gigabytes: what all of them may take.

    Raises:
        Unquotable: a name that cannot stand in a command.
    """
    age = f"-ReceiveProtocolLogMaxAge {days}.00:00:00"
    size = f"-ReceiveProtocolLogMaxDirectorySize {gigabytes}GB"
    return f"{cmdlet} {quoted(server)} {age} {size}"


def filled(line: str, known: Mapping[str, str]) -> str:
    """A line of advice with its braces filled: a plain name as it is, any other one quoted.

    What is not known, or cannot be quoted, stands as `<name>` for the engineer to fill in.

    Args:
        line: with `{target}` and its like, or `"{queue}"` where the whole argument is quoted.
        known: names to what they stand for; empty: not known.
    """

    def value(found: re.Match[str]) -> str:
        text = known.get(found["name"], "")
        if _PLAIN.fullmatch(text) and not found["open"]:
            return text
        if text and is_quotable(text):
            return quoted(text)
        mark = found["open"] or ""
        return f"{mark}<{found['name']}>{mark}"

    return _BRACES.sub(value, line)


def split(line: str) -> tuple[str, str]:
    """A line of advice as words and the command behind them, either of which may be empty.

    `On both servers: w32tm /query /status`. A sentence that only names a cmdlet is words, and so is
    what changes something: that is pasted from the repair alone.
    """
    words, colon, rest = line.rpartition(": ")
    if _COMMAND.match(line) and not line.endswith("."):
        return "", line
    if colon and _COMMAND.match(rest) and not rest.endswith("."):
        return f"{words}:", rest
    return line, ""


_COMMAND = re.compile(
    r"(?:\$[A-Za-z]+ = |(?:Get|Resolve|Test)-[A-Z][A-Za-z]+(?: |$)"
    r"|(?:mailflow|netstat|nltest|nslookup|setspn|w32tm) )"
)
_BRACES = re.compile(r'(?P<open>")?\{(?P<name>[a-z_]+)\}(?(open)")')
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?")
