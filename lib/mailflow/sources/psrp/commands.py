"""What goes out for one cmdlet: the message that has the server run it. Pure.

pypsrp makes this message as well. It copies a tree of objects for each one, which cost a sixth of
what this side spent on a whole collection; the text around a cmdlet and its parameters is always
the same, so here it stands as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from uuid import UUID

from mailflow.sources.exports.clixml_texts import escape
from mailflow.sources.psrp.messages import TO_SERVER, fragmented, packed
from mailflow.sources.shell import Argument, Call

CREATE_PIPELINE = 0x21006
"""Kind of the message (MS-PSRP 2.2.2.10)."""


def fragments(call: Call, pool: UUID, pipeline: UUID, *, number: int, size: int) -> list[bytes]:
    """The message that runs a cmdlet, in pieces for one request each.

    Args:
        call: the cmdlet and its parameters.
        pool: the session's id.
        pipeline: the id under which the cmdlet runs.
        number: of the message; no two of a session may have the same.
        size: bytes of a piece.
    """
    return wrapped(create_pipeline(call), pool, pipeline, number=number, size=size)


def wrapped(xml: str, pool: UUID, pipeline: UUID, *, number: int, size: int) -> list[bytes]:
    """The same for XML that is there already."""
    message = packed(CREATE_PIPELINE, TO_SERVER, pool, pipeline, xml.encode())
    return list(fragmented(message, number, size))


def create_pipeline(call: Call) -> str:
    """The XML of the message (MS-PSRP 2.2.2.10): one command, no script, no input, no host.

    What only a server of PowerShell 3.0 or later may be told, where to merge its further streams,
    is left out, as clients of PowerShell 2.0 do: nothing is merged.
    """
    numbers = count(_USED)
    arguments = "".join(
        f'<Obj RefId="{next(numbers)}"><MS><S N="N">{escape(name)}</S>{_value(value, numbers)}</MS>'
        "</Obj>"
        for name, value in call.parameters.items()
    )
    return f"{_BEFORE}{escape(call.cmdlet)}{_BETWEEN}{arguments}{_AFTER}"


def _value(value: Argument, numbers: Iterator[int]) -> str:
    """A parameter's value; lists and hashtables are objects, not text (S8.07)."""
    if isinstance(value, tuple):
        return f'<Obj RefId="{next(numbers)}" N="V">{_list(value)}</Obj>'
    if isinstance(value, Mapping):
        entries = "".join(
            f'<En><S N="Key">{escape(key)}</S>'
            f'<Obj RefId="{next(numbers)}" N="Value">{_list(texts)}</Obj></En>'
            for key, texts in value.items()
        )
        return f'<Obj RefId="{next(numbers)}" N="V">{_HASHTABLE}<DCT>{entries}</DCT></Obj>'
    if value is None:
        return '<Nil N="V" />'
    if isinstance(value, bool):
        return f'<B N="V">{str(value).lower()}</B>'
    if isinstance(value, int):
        return f'<I32 N="V">{value}</I32>'
    return f'<S N="V">{escape(value)}</S>'


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<S>{escape(text)}</S>" for text in texts)
    return f"{_ARRAY}<LST>{items}</LST>"


def _types(number: int, *names: str) -> str:
    """The types of an object, the last of which is what all are."""
    shown = "".join(f"<T>{name}</T>" for name in (*names, "System.Object"))
    return f'<TN RefId="{number}">{shown}</TN>'


def _enumeration(number: int, name: str, kind: str, text: str) -> str:
    """An object of the value 0 of an enumeration of PowerShell."""
    return f'<Obj RefId="{number}" N="{name}">{kind}<ToString>{text}</ToString><I32>0</I32></Obj>'


_ENUM = ("System.Enum", "System.ValueType")
_AUTOMATION = "System.Management.Automation"
_OBJECTS = (
    f"System.Collections.Generic.List`1[[{_AUTOMATION}.PSObject, {_AUTOMATION}, "
    "Version=1.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]"
)
_MERGES = _types(3, f"{_AUTOMATION}.Runspaces.PipelineResultTypes", *_ENUM)
_ARRAY = _types(4, "System.Object[]", "System.Array")
_HASHTABLE = _types(5, "System.Collections.Hashtable")
_USED = 11
"""From here on numbers of objects are free."""

_BEFORE = (
    '<Obj RefId="0"><MS><B N="NoInput">true</B>'
    + _enumeration(
        1, "ApartmentState", _types(0, f"{_AUTOMATION}.Runspaces.ApartmentState", *_ENUM), "STA"
    )
    + _enumeration(
        2,
        "RemoteStreamOptions",
        _types(1, f"{_AUTOMATION}.Runspaces.RemoteStreamOptions", *_ENUM),
        "",
    )
    + '<B N="AddToHistory">false</B><Obj RefId="3" N="HostInfo"><MS>'
    '<B N="_isHostNull">true</B><B N="_isHostUINull">true</B><B N="_isHostRawUINull">true</B>'
    '<B N="_useRunspaceHost">true</B></MS></Obj>'
    '<Obj RefId="4" N="PowerShell"><MS><B N="IsNested">false</B><Nil N="ExtraCmds" />'
    f'<Obj RefId="5" N="Cmds">{_types(2, _OBJECTS)}<LST><Obj RefId="6"><MS><S N="Cmd">'
)
_BETWEEN = (
    '</S><B N="IsScript">false</B><Nil N="UseLocalScope" />'
    + _enumeration(7, "MergeMyResult", _MERGES, "None")
    + _enumeration(8, "MergeToResult", '<TNRef RefId="3" />', "None")
    + _enumeration(9, "MergePreviousResults", '<TNRef RefId="3" />', "None")
    + '<Obj RefId="10" N="Args"><TNRef RefId="2" /><LST>'
)
_AFTER = (
    "</LST></Obj></MS></Obj></LST></Obj>"
    '<Nil N="History" /><B N="RedirectShellErrorOutputPipe">false</B></MS></Obj>'
    '<B N="IsNested">false</B></MS></Obj>'
)
