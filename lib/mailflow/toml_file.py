"""A TOML file that a person wrote: read as editors save it, refused with what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mailflow.errors import InputError

_MOST = 2**20
"""Bytes; what a person writes is far smaller."""

_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""How a file begins that PowerShell or Notepad saved as UTF-16."""


def read_toml(file: Path, expected: str, quoted: str) -> tuple[dict[str, Any], str]:
    r"""The document in a file, and its text.

    Args:
        file: TOML in UTF-8 or UTF-16.
        expected: what the file has to hold, for people.
        quoted: a line with a backslash in single quotes, which double quotes would take for an
            escape: `connector = 'EX16A\Relay'`.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it cannot be read, is no TOML, or a text holds an escape nobody meant.
    """
    import tomllib

    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{file}: cannot be read ({why}); expected {expected}") from error
    if len(data) > _MOST:
        raise InputError(f"{file}: too large; expected {expected}")
    try:
        text = data.decode("utf-16" if data.startswith(_WIDE) else "utf-8-sig")
        return tomllib.loads(text), text
    except (ValueError, RecursionError) as error:
        is_escape = "\\" in str(error) or "escape" in str(error)
        hint = f". {in_single_quotes(quoted)}" if is_escape else ""
        raise InputError(f"{file}: no TOML ({error}){hint}") from error


def in_single_quotes(quoted: str) -> str:
    """What to do where a backslash was taken for an escape."""
    return f"In single quotes a backslash stays as it is: {quoted}"
