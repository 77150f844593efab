"""A saved mail as a person would read it: its texts decoded, markup taken out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

_ENCODED = re.compile(
    r"^Content-Transfer-Encoding:[ \t]*(?:quoted-printable|base64)|^Content-Type:[ \t]*multipart/",
    re.IGNORECASE | re.MULTILINE,
)
_READABLE = ("text/plain", "message/delivery-status")
_HIDDEN = re.compile(r"<(style|script)\b[^>]{0,400}>[^<]{0,100000}", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d)\b[^>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,2000}>")


def readable(text: str) -> str:
    """The readable parts of a mail that is encoded; every other text as it is.

    The plain text and the machine's report count; the markup only where there is no plain text.
    Mails inside the mail are left out: what they say is not the report's own (S6.18).
    """
    if not _ENCODED.search(text):
        return text
    from email import message_from_string

    parts = list(_parts(message_from_string(text.lstrip())))
    wanted = [body for kind, body in parts if kind in _READABLE]
    wanted = wanted or [_plain(body) for kind, body in parts if kind == "text/html"]
    return "\n\n".join(wanted) or text


def _parts(mail: Message[str, str]) -> Iterator[tuple[str, str]]:
    """Kind and text of each part, without those of a mail inside."""
    kind = mail.get_content_type()
    if kind == "message/delivery-status":
        inside = mail.get_payload()
        yield kind, "\n\n".join(map(str, inside)) if isinstance(inside, list) else str(inside)
    elif kind.startswith("multipart/"):
        inside = mail.get_payload()
        for part in inside if isinstance(inside, list) else ():
            if not isinstance(part, str):
                yield from _parts(part)
    elif kind.startswith("text/") and kind != "text/rfc822-headers":
        data = mail.get_payload(decode=True)
        if isinstance(data, bytes):
            yield kind, _decoded(data, mail.get_content_charset() or "utf-8")


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except LookupError:  # a character set that nobody knows
        return data.decode("utf-8", "replace")


def _plain(markup: str) -> str:
    """Text without tags, a line for each paragraph."""
    bare = _TAG.sub("", _BREAK.sub("\n", _HIDDEN.sub("", markup)))
    return html.unescape(bare)
