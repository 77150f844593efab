"""CLIXML, what Export-Clixml and remote PowerShells write: objects from bytes, chunk by chunk.

Nothing is built that nobody reads: `SerializationData`, most of a real file, is passed over while
it is parsed. There is no recursion, and a document that attacks its reader (entities, depth, one
value without end, references that unfold to billions of objects) is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NoReturn
from xml.parsers import expat

from mailflow.budget import Budget, BudgetError
from mailflow.errors import InputError
from mailflow.snapshot import Unread
from mailflow.sources.exports.clixml_texts import LONGEST_INTEGER, TEXTS, unescape
from mailflow.sources.exports.cmdlets import cmdlet_of, describe
from mailflow.sources.exports.damage import drop_damaged, odd_ones, told
from mailflow.sources.exports.healthchecker import is_healthchecker, read_healthchecker
from mailflow.sources.row import (
    ROW,
    VALUE,
    Complex,
    Enumeration,
    Items,
    Lost,
    Reading,
    Row,
    Value,
)

MAX_DEPTH = 200
"""Elements inside each other; the deepest real file has 18."""
MAX_VALUES = 1_000_000
"""Elements inside one top-level object, with all that its references stand for."""
MAX_TEXT = 16 * 2**20
"""Characters of a single value."""
MAX_MARK = 2**20
"""Bytes of a single tag or comment: expat reads an unfinished one again with every chunk."""
MAX_TYPES = 100_000
"""Lists of type names of a document."""
REMEMBERED = 10_000
"""Objects a reference can reach back to. It keeps memory flat however long the document is."""
REMEMBERED_BYTES = 2**24
"""Bytes of the document that these objects may take, one inside another counted twice."""
UNFOLDED = 20
"""Bytes of memory that a byte of an object may take while it is read."""

_SLICE = 2**16
_NOT_READ = "SerializationData"  # base64 for .NET alone
_FIRST_LINE = b"#< CLIXML"


@dataclass(frozen=True, slots=True)
class ClixmlEntry:
    """One finished top-level object.

    Attributes:
        types: its type names, the most derived first; empty for a plain value.
        value: the object itself, Complex as a rule.
        stream: `Error`, `Warning` ... in what PowerShell writes to standard error; else "".
        number: 1 for the first of the document.
        line: where it ends.
        gap: objects are missing in it or right before it: the numbers that a document gives its
            objects, one after another, do not go on.
        size: bytes of memory that it takes, about; what references stand for counts again.
    """

    types: tuple[str, ...]
    value: Value
    stream: str
    number: int
    line: int
    gap: bool = False
    size: int = field(default=0, compare=False)


class _In(Enum):
    """Which part of an element the next value belongs to."""

    NOTHING = auto()  # before <Objs>
    DOCUMENT = auto()
    OBJECT = auto()
    MEMBERS = auto()  # Props or MS
    LIST = auto()
    TOP_LIST = auto()  # the list that is itself the top-level object: stands for its members
    TABLE = auto()  # DCT
    PAIR = auto()  # En
    TYPES = auto()  # TN


class _Open:
    """An element that is not finished: the document, or an Obj."""

    __slots__ = (
        "bare",
        "begun",
        "height",
        "items",
        "members",
        "name",
        "pair",
        "part",
        "ref",
        "spread",
        "stream",
        "text",
        "types",
        "weight",
    )

    def __init__(self, part: _In, name: str | None, ref: str | None, stream: str) -> None:
        self.part = part
        self.name = name
        self.ref = ref
        self.stream = stream
        self.types: tuple[str, ...] = ()
        self.text: str | None = None
        self.members: dict[str, Value] = {}
        self.items: list[Value] | None = None
        self.bare: Value = _ABSENT
        self.pair: dict[str, Value] = {}
        self.begun = 0  # the byte of the document where it begins
        self.spread = False  # its members stand for it
        self.weight = 1  # elements in it, references unfolded, without plain texts
        self.height = 0  # levels of objects in it, references unfolded

    @property
    def values(self) -> int:
        """All values in it, references unfolded."""
        return self.weight + len(self.members) + (len(self.items) if self.items else 0)

    def finished(self) -> Value:
        """The value that the element stands for."""
        if self.spread:
            return Lost("it refers to the list that holds all objects")
        if self.items is not None:
            return Items(tuple(self.items))
        if self.bare is not _ABSENT:
            # Only an enumeration has a text beside its number; a plain value that carries notes
            # (PSComputerName) has none, and the notes are of no use.
            if self.text is not None and type(self.bare) is int:
                return Enumeration(self.text, self.bare)
            return self.bare
        return Complex(self.text, self.members)


class ClixmlReader:
    """Reads one document from chunks of any size; knows neither files nor cmdlets.

    `for entry in reader.feed(chunk)` as long as there are chunks, then `for entry in
    reader.close()`. Both yield what is finished, in order, before they raise: all that stood before
    a fault is usable. The members of a list that is the top-level object itself come one by one.

    Raises (from feed and close):
        InputError: not CLIXML, malformed, broken off, or beyond one of the limits above; names the
            place and the line. The reader is of no use after that.
    """

    __slots__ = (
        "_attributes",
        "_begun",
        "_budget",
        "_closed",
        "_collect",
        "_count",
        "_depth",
        "_fed",
        "_finished",
        "_forgotten",
        "_gap",
        "_head",
        "_in_text",
        "_known_types",
        "_members",
        "_name",
        "_next_ref",
        "_objects",
        "_parser",
        "_pieces",
        "_place",
        "_remembered",
        "_skipped",
        "_stack",
        "_top",
        "_type_names",
        "_type_ref",
    )

    def __init__(self, place: str, budget: Budget | None = None) -> None:
        """Begin a document.

        Args:
            place: what messages call it.
            budget: what reading may cost; None: one for this document alone.
        """
        self._place = place
        self._budget = budget or Budget()
        self._begun = 0  # the byte behind the last top-level object
        self._head: bytes | None = b""  # bytes before the encoding is known
        self._fed = 0
        self._closed = False
        self._depth = 0  # elements that are open and hold elements
        self._skipped = 0  # elements that are open and passed over
        self._count = 0  # top-level objects
        self._top = _Open(_In.NOTHING, None, None, "")
        self._stack: list[_Open] = []
        self._members: dict[str, Value] | None = None  # of the top, while in its Props or MS
        self._type_names: list[str] = []  # of the TN that is open
        self._type_ref: str | None = None
        self._known_types: dict[str, tuple[str, ...]] = {}
        self._objects: dict[str, tuple[Value, int, int, int]] = {}  # value, weight, height, size
        self._remembered = 0  # sizes of all of them, in bytes of the document
        self._forgotten = False  # whether an object went out of reach of references
        self._next_ref: int | None = None  # the number that the next object must have
        self._gap = False  # it had another one since the last top-level object
        self._finished: list[ClixmlEntry] = []
        # The text element that is open, and its text so far.
        self._in_text = False
        self._name: str | None = None
        self._attributes: dict[str, str] = {}
        self._pieces: list[str] = []
        self._collect = self._pieces.append
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.buffer_size = 2**16
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def feed(self, chunk: bytes) -> Iterator[ClixmlEntry]:
        """Read on; yield the objects that are finished now."""
        if self._head is not None:
            self._head += chunk
            if len(self._head) < _HEAD_BYTES:
                return
            chunk, self._head = _without_first_line(self._head), None
        view = memoryview(chunk)
        for begin in range(0, len(view), _SLICE):
            yield from self._parse(view[begin : begin + _SLICE], final=False)

    def close(self) -> Iterator[ClixmlEntry]:
        """Say that there is nothing more; yield what that finishes."""
        if self._head is not None:
            begin, self._head = _without_first_line(self._head), None
            if not begin.strip():
                raise InputError(f"{self._place}: empty")
            yield from self._parse(begin, final=False)
        yield from self._parse(b"", final=True)

    def _parse(self, data: bytes | memoryview, *, final: bool) -> Iterator[ClixmlEntry]:
        fault = None
        try:
            self._parser.Parse(data, final)
            self._fed += len(data)
            self._check_growth()
        except InputError as error:
            fault = error
        except expat.ExpatError as error:
            broken_off = final and not self._closed
            reason = "the document ends too early" if broken_off else expat.ErrorString(error.code)
            fault = InputError(f"{self._place}, line {error.lineno}: {reason}")
        done, self._finished = self._finished, []
        yield from done
        if fault:
            raise fault

    def _check_growth(self) -> None:
        if self._top.values + len(self._type_names) > MAX_VALUES:
            self._fail(f"an object of more than {MAX_VALUES} values")
        if self._pieces and sum(map(len, self._pieces)) > MAX_TEXT:
            self._fail(f"a value of more than {MAX_TEXT} characters")
        if self._fed - self._parser.CurrentByteIndex > MAX_MARK:
            self._fail(f"a tag or comment of more than {MAX_MARK} bytes")
        self._budget.room(UNFOLDED * (self._fed - self._begun), self._here())
        self._budget.look()

    def _here(self) -> str:
        return f"{self._place}, line {self._parser.CurrentLineNumber}"

    def _fail(self, reason: str) -> NoReturn:
        raise InputError(f"{self._here()}: {reason}")

    def _refuse(self, *_declaration: object) -> None:
        self._fail("contains a DOCTYPE or entity; not a CLIXML export")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        # This and `_end` run for every element: attributes and calls cost more here than elsewhere.
        if self._skipped:
            self._skipped += 1
            if self._skipped > MAX_DEPTH:
                self._fail(f"more than {MAX_DEPTH} elements inside each other")
            if tag == "Obj":
                self._count_ref(attributes.get("RefId"))
            return
        name = attributes.get("N")
        if name == _NOT_READ:
            self._skipped = 1
            if tag == "Obj":
                self._count_ref(attributes.get("RefId"))
        elif tag in TEXTS and not self._in_text:
            self._in_text = True
            self._name = name
            self._attributes = attributes
            self._parser.CharacterDataHandler = self._collect
        else:
            self._open(tag, name, attributes)

    def _end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif self._in_text:
            self._parser.CharacterDataHandler = None
            self._in_text = False
            text = "".join(self._pieces)
            self._pieces.clear()
            try:
                value = text if tag == "S" and "_" not in text else TEXTS[tag](text)
            except (ValueError, KeyError):
                self._fail(f"<{tag}> cannot be {text[:40]!r}")
            name, members = self._name, self._members
            if members is None or name is None or "_" in name or len(text) > MAX_TEXT:
                self._close_text(tag, value, text)
            else:
                members[name] = value
        else:
            self._depth -= 1
            if tag == "Obj":
                self._close_object()
            elif tag not in _POINTS:
                self._close_part(tag)

    def _open(self, tag: str, name: str | None, attributes: dict[str, str]) -> None:
        """Begin an element that holds no text itself."""
        if self._in_text:
            self._fail(f"<{tag[:40]}> inside a value")
        self._depth += 1
        self._top.weight += 1
        if self._depth > MAX_DEPTH or self._top.weight > MAX_VALUES:
            self._fail(f"more than {MAX_DEPTH} levels, or {MAX_VALUES} values in one object")
        if name is not None and "_" in name:
            name = unescape(name)
        if tag == "Obj":
            self._open_object(name, attributes)
        elif tag == "Nil":
            self._deliver(None, name, "")
        elif tag == "Ref":
            self._deliver(self._referred(attributes.get("RefId", "")), name, "")
        elif tag == "TNRef":
            ref = attributes.get("RefId", "")
            if ref not in self._known_types or self._top.part is not _In.OBJECT:
                self._fail(f"<TNRef> to {ref[:40]!r}, which is not there")
            self._top.types = self._known_types[ref]
        elif tag == "PR":
            self._skipped = 1  # progress
            self._depth -= 1
        else:
            self._open_part(tag, attributes)

    def _open_object(self, name: str | None, attributes: dict[str, str]) -> None:
        if self._top.part not in _HOLD_OBJECTS:
            self._fail("<Obj> is out of place")
        ref = attributes.get("RefId")
        if ref is not None:
            self._objects[ref] = _OPEN
            self._count_ref(ref)
        self._stack.append(self._top)
        self._top = _Open(_In.OBJECT, name, ref, attributes.get("S", ""))
        if ref is not None:
            self._top.begun = self._parser.CurrentByteIndex
        self._members = None

    def _count_ref(self, ref: str | None) -> None:
        """Notice where numbers are missing: PowerShell counts the objects of a document."""
        if ref is not None and ref.isascii() and ref.isdigit() and len(ref) < LONGEST_INTEGER:
            number = int(ref)
            self._gap |= self._next_ref is not None and number > self._next_ref
            self._next_ref = number + 1

    def _open_part(self, tag: str, attributes: dict[str, str]) -> None:
        top = self._top
        before, after = _PARTS.get(tag, (None, None))
        if after is None:
            self._fail(f"<{tag[:40]}> is no element of CLIXML")
        if top.part is not before:
            self._fail(f"<{tag}> is out of place")
        top.part = after
        if after is _In.MEMBERS:
            self._members = top.members
        elif after is _In.LIST:
            if len(self._stack) == 1:
                top.part = _In.TOP_LIST
                top.spread = True
            if top.items is None:
                top.items = []
        elif after is _In.TYPES:
            self._type_ref = attributes.get("RefId")
            self._type_names = []

    def _close_text(self, tag: str, value: Value, text: str) -> None:
        """Put a value where it belongs, if it does not simply become a member."""
        top = self._top
        if len(text) > MAX_TEXT:
            self._fail(f"a value of more than {MAX_TEXT} characters")
        if (top.part is _In.TYPES) is not (tag == "T"):
            self._fail(f"<{tag}> is out of place")
        if tag == "T":
            self._type_names.append(sys.intern(str(value)))
        elif tag == "ToString" and top.part is _In.OBJECT:
            top.text = str(value)
        else:
            name = None if self._name is None else unescape(self._name)
            self._deliver(value, name, self._attributes.get("S", ""))

    def _close_object(self) -> None:
        done, above = self._top, self._stack.pop()
        self._top = above
        self._members = above.members if above.part is _In.MEMBERS else None
        value = done.finished()
        weight = done.values
        if weight > MAX_VALUES:
            self._fail(f"an object of more than {MAX_VALUES} values")
        if done.ref is not None:
            size = self._parser.CurrentByteIndex - done.begun
            self._remember(done.ref, (value, weight, done.height, size))
        if above.part is _In.DOCUMENT and done.spread:
            return
        above.weight += weight
        if above.height <= done.height:
            above.height = done.height + 1
        self._deliver(value, done.name, done.stream, done.types)

    def _close_part(self, tag: str) -> None:
        top = self._top
        if tag == "Objs":
            self._closed = True
            top.part = _In.NOTHING
        elif tag == "En":
            top.part = _In.TABLE
            if "Value" in top.pair:
                top.members.setdefault(_key(top.pair.get("Key")), top.pair["Value"])
            top.pair = {}
        else:
            top.part = _In.OBJECT
            self._members = None
            if tag == "TN":
                top.types = tuple(self._type_names)
                if self._type_ref is not None:
                    self._known_types[self._type_ref] = top.types
                if len(self._known_types) > MAX_TYPES:
                    self._fail(f"more than {MAX_TYPES} lists of type names")

    def _deliver(
        self, value: Value, name: str | None, stream: str, types: tuple[str, ...] = ()
    ) -> None:
        """Put a finished value where it belongs."""
        top = self._top
        part = top.part
        if part is _In.MEMBERS:
            if name is None:
                self._fail("a property without a name")
            top.members[name] = value  # MS stands behind Props and wins, as in PowerShell
        elif part is _In.LIST:
            if top.items is not None:
                top.items.append(value)
        elif part is _In.OBJECT:
            top.bare = value
        elif part is _In.PAIR:
            top.pair[name or ""] = value
        elif part is _In.DOCUMENT or part is _In.TOP_LIST:
            self._emit(value, types, stream or top.stream)
        else:
            self._fail("a value is out of place")

    def _emit(self, value: Value, types: tuple[str, ...], stream: str) -> None:
        self._count += 1
        line, at = self._parser.CurrentLineNumber, self._parser.CurrentByteIndex
        size = ROW + VALUE * self._top.weight + at - self._begun
        self._begun = at
        self._top.weight = 1
        self._top.height = 0
        self._finished.append(ClixmlEntry(types, value, stream, self._count, line, self._gap, size))
        self._gap = False

    def _remember(self, ref: str, what: tuple[Value, int, int, int]) -> None:
        objects = self._objects
        before = objects.pop(ref, _OPEN)  # the youngest stand last
        objects[ref] = what
        self._remembered += what[3] - before[3]
        while len(objects) > REMEMBERED or self._remembered > REMEMBERED_BYTES:
            oldest = next(iter(objects))
            self._remembered -= objects.pop(oldest)[3]
            self._forgotten = True

    def _referred(self, ref: str) -> Value:
        found = self._objects.get(ref)
        if found is None:
            if self._forgotten:
                return Lost("the object it refers to stands too far back in the document")
            self._fail(f"<Ref> to {ref[:40]!r}, which is not there")
        if found is _OPEN:
            return Lost("it refers to an object around itself")
        self._remember(ref, found)  # what is referred to is likely to be again
        value, weight, height, _size = found
        top = self._top
        top.weight += weight
        if top.height <= height:
            top.height = height + 1
        if top.weight > MAX_VALUES or len(self._stack) + top.height > MAX_DEPTH:
            self._fail("its references unfold to more than an object may hold")
        return value


def read_clixml(chunks: Iterable[bytes], place: str, budget: Budget | None = None) -> Reading:
    """The objects of one document as rows.

    A document that is broken behind its first object counts as far as it can be read: the rest is
    a row of *unread* that says where it breaks off. So does one that would cost more than the
    budget (None: one of its own).

    Raises:
        InputError: nothing of it can be read; names the place and the line.
    """
    reading = Reading()
    own = Budget()
    chunks = chunks if budget else _counted(chunks, own)
    budget = budget or own
    reader = ClixmlReader(place, budget)
    ignored: dict[tuple[str, str], None] = {}
    before: ClixmlEntry | None = None
    fault: InputError | None = None
    first_gap: ClixmlEntry | None = None
    of_gaps: set[str] = set()
    try:
        for entry in _entries(reader, chunks):
            # Where numbers are missing the object before may have lost its end as well.
            if entry.gap:
                first_gap = first_gap or before or entry
                of_gaps |= {
                    found
                    for neighbor in (before, entry)
                    if neighbor and (found := _cmdlet(neighbor))
                }
            elif before and not before.gap:
                budget.hold(_add(reading, before, place, ignored), place)
            before = entry
    except InputError as error:
        if before is None:
            raise
        fault = error
    is_costly = isinstance(fault, BudgetError)
    if before and not before.gap and not is_costly:
        _add(reading, before, place, ignored)
    reading.ignored += ignored
    if before is None:
        # No object, no type: an empty answer does not say whose it is, so no cmdlet counts as
        # answered because of it.
        reading.ignored.append(("CLIXML without any object; the cmdlet is unknown", place))
    reading.cmdlets |= of_gaps
    if first_gap:
        where = f"{place}, object {first_gap.number}, line {first_gap.line}"
        reading.unread += told(reading.cmdlets, f"{where}: a part of the export is missing")
    if fault:
        # What a limit kept from being read may be anything.
        named = set() if is_costly else reading.cmdlets
        reading.unread += told(named, f"{fault}; only the part before it was read")
    _drop_odd(reading, place)
    drop_damaged(reading)
    return reading


def _counted(chunks: Iterable[bytes], budget: Budget) -> Iterator[bytes]:
    for chunk in chunks:
        budget.given += len(chunk)
        yield chunk


def _drop_odd(reading: Reading, place: str) -> None:
    """Take out the objects that lack a property which the others of their cmdlet have."""
    for cmdlet in sorted(reading.cmdlets):
        rows = list(reading.of(cmdlet))
        odd = odd_ones(cmdlet, [list(row.values) for row in rows])
        dropped = {id(rows[number]) for number in odd}
        reading.rows = [row for row in reading.rows if id(row) not in dropped]
        if odd:
            why = f"{place}: objects lack properties that the others have: the export is damaged"
            reading.unread += told([cmdlet], why)


def _cmdlet(entry: ClixmlEntry) -> str | None:
    value = entry.value
    return cmdlet_of(entry.types, value.properties if isinstance(value, Complex) else {})


def _entries(reader: ClixmlReader, chunks: Iterable[bytes]) -> Iterator[ClixmlEntry]:
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.close()


def _add(
    reading: Reading, entry: ClixmlEntry, place: str, ignored: dict[tuple[str, str], None]
) -> int:
    """Put an object where it belongs: a row, something of another cmdlet, or a failure.

    Returns:
        Bytes of memory, about, that what is kept of it takes.
    """
    where = f"{place}, object {entry.number}, line {entry.line}"
    value = entry.value
    values = value.properties if isinstance(value, Complex) else {}
    if entry.stream.casefold() == "error" or any(map(_is_error, entry.types)):
        text = value.text if isinstance(value, Complex) else str(value)
        said = (text or "no text").strip()[:_SHOWN]
        reading.unread.append(
            Unread("", "capture", (f"{where}: it contains an error instead of data: {said}"))
        )
    elif is_healthchecker(values):
        reading.add(read_healthchecker(values, where))
    elif (cmdlet := cmdlet_of(entry.types, values)) is not None:
        computer = values.get("PSComputerName")
        name = computer if isinstance(computer, str) else ""
        reading.rows.append(Row(cmdlet, values, where, computer=name))
        reading.cmdlets.add(cmdlet)
    elif (what := describe(entry.types, values), place) not in ignored:
        ignored[what, place] = None
    else:
        return 0
    return entry.size


def _is_error(type_name: str) -> bool:
    return type_name.endswith("System.Management.Automation.ErrorRecord")


def _without_first_line(head: bytes) -> bytes:
    """The bytes behind the line `#< CLIXML` that stands before documents on standard error."""
    for encoding, marks in (("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe")):
        bare = head.removeprefix(marks)
        if bare.startswith(_FIRST_LINE.decode().encode(encoding)):
            begin = bare.find("<Objs".encode(encoding))
            return bare[begin:] if begin >= 0 else b""
    return head


def _key(key: Value) -> str:
    """The key of a table's entry as text."""
    if isinstance(key, Enumeration | Complex) and key.text is not None:
        return key.text
    return str(key)


_ABSENT: Value = Lost("no bare value")
_OPEN: tuple[Value, int, int, int] = (None, 0, 0, 0)
_SHOWN = 500  # characters of a message
_HEAD_BYTES = 64

_PARTS: dict[str, tuple[_In, _In]] = {
    "Objs": (_In.NOTHING, _In.DOCUMENT),
    "TN": (_In.OBJECT, _In.TYPES),
    "Props": (_In.OBJECT, _In.MEMBERS),
    "MS": (_In.OBJECT, _In.MEMBERS),
    **dict.fromkeys(("LST", "IE", "QUE", "STK"), (_In.OBJECT, _In.LIST)),
    "DCT": (_In.OBJECT, _In.TABLE),
    "En": (_In.TABLE, _In.PAIR),
}
"""Elements that hold elements: where they may stand, and what they begin."""

_HOLD_OBJECTS = (_In.MEMBERS, _In.LIST, _In.PAIR, _In.TOP_LIST, _In.DOCUMENT)

_POINTS = frozenset({"Nil", "Ref", "TNRef"})
"""Elements that are done when they begin."""
