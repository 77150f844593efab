"""The grammar of LastError, delivery reports and SMTP replies, 2007 to SE (sections 6.1, 6.3).

Three families, nested as deep as they come:

    plain     451 4.4.0 Primary target IP address responded with: "CODE TEXT." Attempted failover...
    wrapped   [{LRT=TIME};{LED=CODE TEXT};{FQDN=NAME};{IP=ADDRESS}]
    chain     [{LED=CODE TEXT -> CODE TEXT -> WORDS};{MSG=};{FQDN=NAME};{IP=ADDRESS};{LRT=TIME}]

What holds them together in every version and language is where a reply code may begin: at the
start, behind an arrow, behind an opening quote, behind `{LED=`. So the text is read once from left
to right; every such place opens a level, and the last one is the innermost. Nothing recurses, every
expression has bounded repeats, and the work grows with the length of the text alone.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple


class Level(NamedTuple):
    """One reply of a nested error.

    Attributes:
        code: three digits (`451`); None where the level has none.
        enhanced: the enhanced code as printed (`4.4.0`, also mistyped: `4-4.395`); else None.
        text: the words behind the codes, without those of the levels inside.
    """

    code: str | None
    enhanced: str | None
    text: str

    @property
    def codes(self) -> str:
        """`451 4.4.0`, `550`, `5.2.2`, or nothing."""
        return " ".join(filter(None, (self.code, self.enhanced)))


@dataclass(frozen=True, slots=True)
class LastError:
    """A text taken apart; None means: not there, or not to be known from the text.

    Attributes:
        text: as it was given, untouched.
        outer_code, outer_enhanced: of the outermost reply.
        inner_code, inner_enhanced: of the innermost reply; None where there is one level only.
        inner_text: words of the innermost level (also of the only one), without the final period.
        fqdn, ip: of the host that answered, as printed; `ip` only where it is an address.
        port: of the last endpoint attempted; 0 to 65535.
        winsock: socket error number.
        last_retry_time: as printed; its culture is not known, so it stays text (S6.03).
        chain: codes of all levels, outermost first.
        last_endpoint: as printed; with several targets not the host that is quoted (S6.09).
        levels: all levels, outermost first; the last may lack a code (a quoted socket error).
        detail: what stands around the innermost text and belongs to it: words behind a further
            arrow, `[Message=...]`, the words before `The error was:`.
        complete: false where the text was visibly cut off.
    """

    text: str
    outer_code: str | None = None
    outer_enhanced: str | None = None
    inner_code: str | None = None
    inner_enhanced: str | None = None
    inner_text: str | None = None
    fqdn: str | None = None
    ip: str | None = None
    port: int | None = None
    winsock: int | None = None
    last_retry_time: str | None = None
    chain: tuple[str, ...] = ()
    last_endpoint: str | None = None
    levels: tuple[Level, ...] = field(default=(), repr=False)
    detail: str = field(default="", repr=False)
    complete: bool = True

    @property
    def innermost(self) -> Level:
        """Code and words that decide (contract 8.6): the last code with the innermost words."""
        coded = next((level for level in reversed(self.levels) if level.codes), None)
        code, enhanced = (coded.code, coded.enhanced) if coded else (None, None)
        return Level(code, enhanced, self.inner_text or "")


_CODE = (
    r"(?P<code>[2-5]\d\d)"
    r"(?:(?P<dash>[ -]) ?(?P<enhanced>[2-5][.,-]\d{1,3}[.,-]\d{1,4})(?!\d)|(?=[ -]\D))"
)
# Where a level may begin. A quote opens one only behind a blank or punctuation: an apostrophe
# stands behind a letter. A bare colon does where the quotes got lost.
_LEVEL = re.compile(
    r"(?P<context>\A[ *#\[{(]*(?P<first>[\"'])? ?"
    r"|(?P<arrow>->) ?"
    r"|(?<![^ :(\[{>=;,])(?P<quote>[\"']) ?"
    r"|(?P<colon>:) "
    r"|\bLED ?= ?"
    r"|\[(?P<message>Message)="
    r"|\bsmtp; ?"
    r"|(?P<property>SmtpResponse): ?)" + _CODE,
    re.IGNORECASE,
)
_ANY_CODE = re.compile(
    r"(?<![\d.])(?P<code>[2-5]\d\d)(?P<dash>[ -])(?P<enhanced>[2-5]\.\d{1,3}\.\d{1,4})(?!\.?\d)"
)
_ENHANCED_ALONE = re.compile(
    r"\A[ *\"'#]*(?:<(?P<host>[^<>\s#]{1,255})? ?#)?"
    r"(?P<enhanced>[2-5]\.\d{1,3}\.\d{1,4})(?=[ >]|\Z)(?P<words>[^>]*)"
)

# The wrapper: `[{KEY=` opens a group, `};{KEY=` goes on in it, `}]` closes it. Blanks are single.
_WRAPPER = re.compile(
    r"(?P<close>\} ?;? ?\](?= ?(?:$|[}'\"\]),;.])))"
    r"|(?:(?P<open>\[ ?)|(?P<next>\} ?; ?))?\{(?P<key>LED|MSG|LRT|FQDN|IP) ?= ?",
    re.IGNORECASE,
)
_LED = re.compile(r"\{LED ?= ?", re.IGNORECASE)
_LABEL = re.compile(r"\A(?:Last ?Error|Reason) ?: ?", re.IGNORECASE)
_NEXT_REPORT = re.compile(
    r"['\"] \d[^'\"]{5,48} - (?:Remote )?Server (?:at|returned) ", re.IGNORECASE
)
_KEYS_OUTSIDE = ("MSG", "LRT", "FQDN", "IP")

_SERVER = re.compile(
    r"\bserver at (?P<name>\S{1,255})(?: \((?P<ip>[^()\s]{1,80})\))? returned", re.IGNORECASE
)
_TIME_IN_FRONT = re.compile(r"\A[ *]*(\d[^'\"{}]{5,48}?) - ")
_BRACKETED_HOST = re.compile(r"<(?P<host>[^<>\s#]{1,255}) #[2-5]\.\d{1,3}\.\d{1,4}\b")
_ATTEMPTED_NAME = re.compile(r"\[LastAttemptedServerName=([^\]\s]{1,255})\]", re.IGNORECASE)
_ATTEMPTED_IP = re.compile(r"\[LastAttemptedIP=([^\]\s]{1,80}):(\d{1,5})\]", re.IGNORECASE)
_SERVICE_NAME = re.compile(r"\bSMTPSVC/([^\s,;'\"]{1,255})", re.IGNORECASE)
_ENDPOINT = re.compile(r"last endpoint attempted was:? ?(\S{1,100})", re.IGNORECASE)
_ENDPOINT_AT_END = re.compile(
    r"[ \"']((?:\d{1,3}\.){3}\d{1,3}:\d{1,5}|\[[0-9A-Fa-f:.%]{2,60}\]:\d{1,5})[ .'\"]*\Z"
)
_WINSOCK = re.compile(
    r"\b(?:win)?sock(?:et)?[ -](?:error )?\w{0,12}code ?:? ?(\d{1,6})\b", re.IGNORECASE
)
_QUOTED_WORDS = re.compile(r"(?:: ?|\bwith ?)(?P<quote>[\"'])")
_THE_ERROR_WAS = "the error was:"
_FAILOVER = " Attempted failover"
_GLUED = re.compile(r"(?<=[^\s(])\([^()]*\)\Z")

_TYPOGRAPHY = str.maketrans(
    # The quotes that editors and mail clients put in.
    dict.fromkeys("“”„‟«»″", '"')
    | dict.fromkeys("‘’‚‛`´′", "'")  # noqa: RUF001
    | {"→": "->", "\u200b": None, "\ufeff": None, "\u00ad": None}
)
_LONG_BLANK = re.compile(r"[ \t\u00a0]{8,}")
"""Blanks in a row that tell two pasted replies apart; a wrapped line has a line break there."""
_LONGEST_REPLY = 65_536
"""Characters in which the closing quote of a reply is looked for."""


def parse(text: str) -> LastError:
    """Take a LastError, delivery report, tracking status or SMTP reply apart.

    Never fails: what is not understood is None, and the text itself is kept. An empty text has
    None everywhere (a queue may be in Retry with an empty LastError: unknown, not healthy).
    """
    line = _normalised(text)
    if not line:
        return LastError(text)
    values, closings = _wrapper(line)
    starts = _starts(line, closings)
    alone = _ENHANCED_ALONE.match(line) if not starts else None
    inner = _innermost(line, starts[-1] if starts else None, starts, closings)
    levels = _levels(line, starts, inner)
    if alone:
        inner = _Inner(_tidy(alone["words"]) or None, "", closed=True)
        levels = [Level(None, alone["enhanced"], inner.text or "")]
    coded = [level for level in levels if level.codes]
    lost = _outer_is_lost(line, starts, inner)
    outer = coded[0] if coded and not lost else Level(None, None, "")
    innermost = coded[-1] if len(coded) > 1 or (coded and lost) else Level(None, None, "")
    host = _host(line, values)
    endpoint, address, port = _endpoint(line, inner)
    return LastError(
        text=text,
        outer_code=outer.code,
        outer_enhanced=outer.enhanced,
        inner_code=innermost.code,
        inner_enhanced=innermost.enhanced,
        inner_text=inner.text,
        fqdn=host[0],
        ip=_address(values.get("IP"))
        or _address(host[1])
        or _address(address)
        or _address(host[0]),
        port=port,
        winsock=_last_number(_WINSOCK, line),
        last_retry_time=values.get("LRT") or _time_in_front(line),
        chain=tuple(level.codes for level in coded),
        last_endpoint=endpoint,
        levels=tuple(levels),
        detail=inner.detail,
        complete=inner.closed and not lost and not line.endswith(("...", "…")),
    )


_TARGET = re.compile(r"\{FQDN ?= ?([^{}]{1,255})\} ?; ?\{IP ?= ?([^{}]{1,80})\}", re.IGNORECASE)


def target_of(text: str) -> tuple[str, str]:
    """Name and address of the target, which 2016 and later put beside each other (S9.13).

    The last such pair is the outermost one. Both are empty where there is none.
    """
    pairs = _TARGET.findall(_normalised(text))
    name, address = pairs[-1] if pairs else ("", "")
    return name.strip().rstrip("."), address.strip()


class _Start(NamedTuple):
    """Where a level begins: its context from `at`, its words from `end`."""

    at: int
    end: int
    code: str
    enhanced: str | None
    kind: str
    quote: str
    is_first_line: bool


class _Inner(NamedTuple):
    """The innermost words; they end at `after`, and all that belongs to them at `region`."""

    text: str | None
    detail: str
    closed: bool
    quoted: bool = False
    after: int = 0
    region: int = 0


class _Closings(NamedTuple):
    """Where wrapper values end, in order, and the values that hold no levels."""

    ends: list[int]
    outside: list[tuple[int, int]]
    opened: bool


def _normalised(text: str) -> str:
    """One line, single blanks, plain quotes (S6.08); of pasted replies or reports the first."""
    plain = text.translate(_TYPOGRAPHY).replace("-&gt;", "->")
    for run in _LONG_BLANK.finditer(plain):
        if plain[run.start() - 1 : run.start()] in {"\r", "\n"}:
            continue
        if _ANY_CODE.match(plain, run.end()) and _ANY_CODE.search(plain, 0, run.start()):
            plain = plain[: run.start()]
            break
    line = " ".join(plain.split())
    second = _NEXT_REPORT.search(line)
    return _LABEL.sub("", line[: second.start() + 1] if second else line)


def _wrapper(line: str) -> tuple[dict[str, str], _Closings]:
    """The values of the outermost wrapper, empty ones left out, and where values end (S6.05)."""
    found: dict[str, tuple[int, str]] = {}
    closings = _Closings([], [], opened="{" in line)
    depth, open_key, begun = 0, "", 0
    for token in _WRAPPER.finditer(line):
        if open_key in _KEYS_OUTSIDE:
            _keep(found, closings, (depth, open_key, begun), line, token.start())
        open_key = ""
        if token["close"]:
            closings.ends.append(token.start())
            depth -= 1
            continue
        if token["next"]:
            closings.ends.append(token.start())
        elif token["open"] or depth <= 0:
            depth = max(depth, 0) + 1
        open_key, begun = token["key"].upper(), token.end()
    if open_key in _KEYS_OUTSIDE:
        end = line.find("}", begun)
        _keep(found, closings, (depth, open_key, begun), line, end if end >= 0 else len(line))
    return {key: value for key, (_, value) in found.items() if value}, closings


def _keep(
    found: dict[str, tuple[int, str]],
    closings: _Closings,
    opened: tuple[int, str, int],
    line: str,
    end: int,
) -> None:
    """Note a value: the outermost wins, and a deeper one only stands in for an empty one."""
    depth, key, begun = opened
    closings.outside.append((begun, end))
    known = found.get(key)
    value = line[begun:end].strip()
    if known is None or not known[1] or (value and depth < known[0]):
        found[key] = (depth, value)


def _starts(line: str, closings: _Closings) -> list[_Start]:
    """All levels by where they begin, outermost first (section 6.3, rules 2 and 3)."""
    starts: list[_Start] = []
    outside = iter([*closings.outside, (len(line) + 1, len(line) + 1)])
    span = next(outside)
    for found in _LEVEL.finditer(line):
        while span[1] <= found.start():
            span = next(outside)
        in_value = span[0] <= found.start()
        if not in_value and _opens_level(line, found):
            starts.append(_start(found))
    leading = _ANY_CODE.search(line, 0, starts[0].at if starts else len(line))
    if leading and not any(begin <= leading.start() < end for begin, end in closings.outside[:8]):
        starts.insert(0, _start(leading))
    if starts and starts[-1].is_first_line:
        last = starts[-1]
        again = line.find(f" {last.code} {last.enhanced} ", last.end)
        if again >= 0 and (found_again := _ANY_CODE.match(line, again + 1)):
            starts.append(_start(found_again))
    return starts


def _opens_level(line: str, found: re.Match[str]) -> bool:
    """Whether a quoted number is a reply: without an enhanced code only behind a colon or verb."""
    if found["enhanced"] or not (found["quote"] or found["colon"]):
        return True
    if found["colon"]:
        return False
    before = line[max(0, found.start() - 12) : found.start()].rstrip().casefold()
    return before.endswith((":", " with", " returned"))


def _start(found: re.Match[str]) -> _Start:
    groups = found.groupdict()
    kind = next((name for name in ("arrow", "message", "property") if groups.get(name)), "")
    return _Start(
        at=found.start(),
        end=found.end(),
        code=found["code"],
        enhanced=found["enhanced"],
        kind=kind,
        quote=groups.get("quote") or groups.get("first") or "",
        is_first_line=found["dash"] == "-" and found["enhanced"] is not None,
    )


def _levels(line: str, starts: list[_Start], inner: _Inner) -> list[Level]:
    """Each level with its own words; the codeless quoted words count as a level of their own."""
    levels = [
        Level(start.code, start.enhanced, line[start.end : after.at].strip(" :.[{(\"'"))
        for start, after in pairwise(starts)
    ]
    if starts:
        last = starts[-1]
        words = inner.text or ""
        if inner.quoted:
            own = line[last.end : inner.after].partition(words)[0] if words else ""
            levels.append(Level(last.code, last.enhanced, own.strip(" :.\"'")))
            levels.append(Level(None, None, words))
        else:
            levels.append(Level(last.code, last.enhanced, words))
    elif inner.text:
        levels.append(Level(None, None, inner.text))
    return levels


def _innermost(line: str, last: _Start | None, starts: list[_Start], closings: _Closings) -> _Inner:
    """The words of the innermost level, and what belongs to them (rule 2 of section 6.3)."""
    led = _LED.search(line) if last is None else None
    begin = last.end if last else led.end() if led else 0
    region = next((end for end in closings.ends if end >= begin), None)
    closed = not closings.opened or region is not None
    if region is None:
        region = len(line)
        if (last or led) and closings.opened and line.rstrip(" ;]").endswith("}"):
            region, closed = line.rstrip(" ;]").rfind("}"), True
        region = max(region, begin)
    enclosing = next((start for start in reversed(starts) if start.quote), None)
    end = region
    if enclosing:
        is_report = (
            line[: enclosing.at].rstrip().endswith("returned") if enclosing is starts[0] else False
        )
        end = _closing_quote(line, begin, region, enclosing.quote, last_one=is_report)
        closed = closed and end >= 0
        end = region if end < 0 else end
    stop = end
    if last and last.kind == "message":
        stop = _earliest(line, "]", begin, stop)
    elif last and (last.kind == "property" or line.startswith("{[")):
        stop = _earliest(line, "], [", begin, stop)
    for mark in (_FAILOVER, " [Message=", " ->"):
        stop = _earliest(line, mark, begin, stop)
    return _words(line, last, (begin, stop, region), closed=closed)


def _words(line: str, last: _Start | None, bounds: tuple[int, int, int], *, closed: bool) -> _Inner:
    begin, stop, region = bounds
    words, detail, quoted = line[begin:stop], line[stop:region], False
    inside = _quoted_words(words, last)
    if inside:
        opened, close = inside
        quoted = bool(opened.start())
        stop = begin + close
        closed = closed and close < len(words)
        words = words[opened.end() : close]
    head, marker, rest = _partition_folded(words, _THE_ERROR_WAS)
    if marker:
        words, detail = rest, f"{head} {detail}"
    return _Inner(_tidy(words) or None, detail.strip(), closed, quoted, stop, region)


def _quoted_words(words: str, last: _Start | None) -> tuple[re.Match[str], int] | None:
    """Quoted words without a code: `451 5.7.3 "words"`, or a quoted socket error (section 6.1)."""
    if last is None:
        return None
    opened = re.match(r" ?(?P<quote>[\"'])", words)
    if opened is None and (last.enhanced or "").startswith(("4.4.", "4.7.")):
        opened = _QUOTED_WORDS.search(words)
    if opened is None:
        return None
    close = _closing_quote(words, opened.end(), len(words), opened["quote"], last_one=False)
    return opened, close if close >= 0 else len(words)


def _closing_quote(line: str, begin: int, end: int, quote: str, *, last_one: bool) -> int:
    """Where the quote that is open at `begin` closes; -1 where it does not.

    A delivery report quotes up to its end (`last_one`). Else quotes inside the words pair up: one
    behind a blank and before a word opens, one between letters is an apostrophe.
    """
    if last_one:
        return line.rfind(quote, begin, end)
    tail = line.find(quote + _FAILOVER, begin, end)
    if tail >= 0:
        return tail
    end, depth, seen = min(end, begin + _LONGEST_REPLY), 1, -1
    at = line.find(quote, begin, end)
    while at >= 0:
        before, after = line[at - 1 : at], line[at + 1 : at + 2]
        if after.isalnum() and not before.isalnum():
            depth += before in (" ", "(", "[", ":", "=")
        elif not (before.isalnum() and after.isalnum()):
            depth, seen = depth - 1, at
            if depth == 0:
                return at
        at = line.find(quote, at + 1, end)
    return seen


def _earliest(line: str, mark: str, begin: int, end: int) -> int:
    found = line.find(mark, begin, end)
    return found if found >= 0 else end


def _partition_folded(words: str, marker: str) -> tuple[str, str, str]:
    found = re.search(re.escape(marker), words, re.IGNORECASE)
    if not found:
        return words, "", ""
    return words[: found.start()], found[0], words[found.end() :]


def _tidy(words: str) -> str:
    """Without what only closes: glued parenthesis, left-over quote or bracket, final period."""
    bare = words.partition("##")[0].removesuffix("#SMTP#").strip(" *#").removesuffix(";")
    if bare.endswith("'") and bare.count("'") == 1:
        bare = bare[:-1]
    for opening, closing in ("<>", "[]"):
        if bare.endswith(closing) and bare.count(closing) > bare.count(opening):
            bare = bare[:-1]
    bare = _GLUED.sub("", bare).strip(" *#")
    return bare if bare.endswith("..") else bare.removesuffix(".").rstrip()


def _outer_is_lost(line: str, starts: list[_Start], inner: _Inner) -> bool:
    """Whether the text begins with the quoted inner reply and only its tail follows."""
    if (
        len(starts) != 1
        or not starts[0].quote
        or line[: starts[0].end].strip(" *")[:1] not in "\"'"
    ):
        return False
    return _FAILOVER.strip().casefold() in line[inner.after :].casefold()


def _host(line: str, values: dict[str, str]) -> tuple[str | None, str | None]:
    """Name and address: from the wrapper, a report's first words, or the cloud's own keys."""
    report = _SERVER.search(line, 0, 2_000)
    if report:
        return values.get("FQDN") or report["name"], report["ip"]
    for pattern in (_ATTEMPTED_NAME, _BRACKETED_HOST, _SERVICE_NAME):
        found = pattern.search(line)
        if found and "FQDN" not in values:
            return found[1].rstrip("."), None
    return values.get("FQDN"), None


def _endpoint(line: str, inner: _Inner) -> tuple[str | None, str | None, int | None]:
    """The last endpoint as printed, its address and port; the port is behind the last colon."""
    named = _ENDPOINT.search(line)
    if named:
        endpoint = re.split(r"['\"}]", named[1])[0].rstrip(".,;)")
    else:
        found = _ENDPOINT_AT_END.search(
            line[: inner.region or len(line)], max(0, inner.region - 90)
        )
        endpoint = found[1] if found and inner.after < inner.region else ""
    if endpoint:
        address, _, port = endpoint.rpartition(":")
        return endpoint, address.strip("[]"), _port(port)
    attempted = _ATTEMPTED_IP.search(line)
    return (None, attempted[1], _port(attempted[2])) if attempted else (None, None, None)


def _port(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= 65535 else None


def _address(text: str | None) -> str | None:
    """The text, if it is an IPv4 or IPv6 address; masked and placeholder ones are none."""
    try:
        ipaddress.ip_address((text or "").strip("[]"))
    except ValueError:
        return None
    return (text or "").strip("[]")


def _time_in_front(line: str) -> str | None:
    """The time in front of `Server at`, or of its translation, as printed."""
    found = _TIME_IN_FRONT.match(line)
    return found[1].strip() if found and ":" in found[1] else None


def _last_number(pattern: re.Pattern[str], line: str) -> int | None:
    number = None
    for found in pattern.finditer(line):
        number = int(found[1])
    return number
