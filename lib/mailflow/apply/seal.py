"""Who wrote a journal: a keyed digest over all of it, with a key in this user's data folder.

Whoever can write in a folder of runs can write a journal there; nobody else has the key. It is made
once, whole or not at all, and readable by its user alone. A journal is written whole at each step
(`journal.py`), so a digest over the whole holds wherever a repair was killed.

Without the key nothing is an error: every journal is foreign then, and a person decides.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mailflow.user_data import data_folder

FILE = "journal.key"

_LABEL = b"mailflow.apply\n"
"""In front of what is signed: a digest of something else with this key is none of a journal."""


def key_file() -> Path:
    """In the user's data folder; it is there once a journal was sealed."""
    return data_folder() / FILE


def sealed(document: Mapping[str, Any]) -> str:
    """The digest of a journal's document; makes the key first where there is none.

    Empty where there can be no key: the journal is foreign to every start then.
    """
    key = _key() or _made()
    return _digest(key, document) if key else ""


def is_ours(document: Mapping[str, Any], digest: object) -> bool:
    """Whether a digest is the one that this user's key gives; makes no key."""
    key = _key()
    if key is None or not isinstance(digest, str) or not digest.isascii():
        return False
    return hmac.compare_digest(digest, _digest(key, document))


def has_key() -> bool:
    """Whether this user has a key that can be read."""
    return _key() is not None


def _digest(key: bytes, document: Mapping[str, Any]) -> str:
    # Of what was understood, not of its bytes: none can say one thing and be read as another.
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, _LABEL + text.encode("ascii"), hashlib.sha256).hexdigest()


def _key() -> bytes | None:
    try:
        with key_file().open("rb") as file:
            found = file.read(100)
    except OSError:
        return None
    return bytes.fromhex(found.decode("ascii")) if re.fullmatch(rb"[0-9a-f]{64}", found) else None


def _made() -> bytes | None:
    """A new key, or the one that another process made meanwhile; None: none can be kept there."""
    with suppress(OSError):
        _make(key_file())
    return _key()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)  # its user's alone: 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        _claim(Path(name), path)
    finally:
        Path(name).unlink(missing_ok=True)


def _claim(made: Path, path: Path) -> None:
    """Give the new file its name, unless another process was first: then that one's key is kept."""
    try:
        path.hardlink_to(made)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            made.rename(path)
