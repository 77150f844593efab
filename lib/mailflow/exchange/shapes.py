"""What a line of pasted text looks like, told by its shape and not by its words."""

from __future__ import annotations

import re

REPLY = re.compile(
    r"\s*(?:smtp; ?)?[2-5]\d\d[ -][2-5]\.\d{1,3}\.\d{1,4}(?![\d.])"
    r"|\s*\{?\[\{(?:LED|LRT|MSG|FQDN) ?=",
    re.IGNORECASE,
)
"""A line that begins with a reply of its own."""

CODED = re.compile(r"(?<![\w.])[45]\d\d[ -][45]\.\d{1,3}\.\d{1,4}(?![\w.]\d)|\{LED ?=")
"""A reply that reports an error, anywhere in a line."""

LIST = re.compile(r"(?P<name>[^\W\d][\w.#-]{0,80})[ \t]{1,60}:(?:[ \t](?P<value>.*)|$)")
"""`Name : value`, as PowerShell prints a list."""

LABEL = re.compile(r"(?P<name>[^\W\d][^:<>{}\"\n]{0,40}?)[ \u00a0]?[:\uff1a](?P<value>\s.*|)$")
"""`Label: value`, as the Event Viewer copies it."""

QUOTED = re.compile(r"\s{0,3}>")
"""A line of a mail that another mail quotes."""

NO_TEXT = re.compile(
    r"\s*(?:\[[^\]\n]{1,80}\] ?)?(?:PS\b|[A-Z]:\\)[^>\n]{0,300}>|\s*\[PS\][^>\n]{0,300}>"
    r"|#(?:Software|Version|Log-type|Date|Fields): ",
    re.IGNORECASE,
)
"""What stands above texts and is none: a prompt of PowerShell, the head of a log."""

RULE = re.compile(r"\s*-{2,}(?: +-{2,})+\s*")
"""The line below the heading of a Format-Table."""

_HEADER = re.compile(
    r"(?:Received|Return-Path|DKIM-Signature|ARC-[\w-]{1,40}|Authentication-Results|Received-SPF"
    r"|X-[\w-]{1,80}|From|To|Cc|Sent|Date|Subject|Reply-To|Sender|Message-ID|MIME-Version"
    r"|Content-[\w-]{1,40}|In-Reply-To|References|Thread-[\w-]{1,20}|Accept-Language"
    r"|Auto-Submitted|List-[\w-]{1,40}|Importance|Priority):(?=\s|$)",
    re.IGNORECASE,
)


def is_header(line: str) -> bool:
    """Whether a line is a header of a mail, whose words are no reply (S6.18)."""
    return _HEADER.match(line) is not None


def has_headers(lines: list[str]) -> bool:
    """Whether the headers of a mail stand there: two together, what continues them between."""
    above = False
    for line in lines:
        if is_header(line):
            if above:
                return True
            above = True
        elif line.strip() and not line[0].isspace():
            above = False
    return False


def unquoted(lines: list[str]) -> list[str]:
    """Lines without the marks of quoting, however deep, and without the blank behind them."""
    if not any(QUOTED.match(line) for line in lines):
        return lines
    return [_MARKS.sub("", line, count=1) for line in lines]


_MARKS = re.compile(r"\s{0,3}>(?:[ ]?>){0,50}[ ]?")
