"""The envelopes of WS-Management: read with a parser that refuses DTDs, written from templates.

Only what a shell needs. Names of elements are compared with their namespace; what an envelope holds
besides is passed over.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CMD = f"{SHELL}/cmd"
CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"
FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"

DEEPEST = 40
"""Levels of an envelope; those of real clients have seven."""

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class EnvelopeError(Exception):
    """What came in is no envelope that this endpoint reads; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """One envelope, taken apart.

    Attributes:
        action: The last segment of the action, for example `Receive`; `Identify` has no action.
        resource: The resource URI, empty if there is none.
        message: The MessageID, which the answer repeats.
        envelope: The largest answer in bytes that the client takes.
        seconds: How long the client waits for the answer of this request.
        selectors: Name to value, for example of `ShellId`.
        options: Name to value, names in capitals.
        body: The first element of the body; None if it is empty.
    """

    action: str
    resource: str = ""
    message: str = ""
    envelope: int = 153_600
    seconds: float = 60.0
    selectors: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    body: Element | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the service answers instead of a result; SOAP calls it a fault.

    Attributes:
        code: Number of the fault as WS-Management of Windows has it.
        subcode: Its class, with prefix.
        text: What a person reads.
    """

    code: int
    subcode: str
    text: str


class TroubleError(Exception):
    """A request cannot be served; `trouble` says why."""

    def __init__(self, trouble: Trouble) -> None:
        """For one trouble."""
        super().__init__(trouble.text)
        self.trouble = trouble


def parse(data: bytes) -> Request:
    """Take an envelope apart.

    Raises:
        EnvelopeError: it is no XML, has a DTD, is nested too deep or is no envelope.
    """
    root = _tree(data)
    header, body = root.find(f"{{{ENVELOPE}}}Header"), root.find(f"{{{ENVELOPE}}}Body")
    if root.tag != f"{{{ENVELOPE}}}Envelope" or body is None:
        raise EnvelopeError("not an envelope with a body")
    first = next(iter(body), None)
    if first is not None and first.tag == f"{{{IDENTITY}}}Identify":
        return Request("Identify", body=first)
    if header is None:
        raise EnvelopeError("an envelope without header")

    def text(namespace: str, name: str) -> str:
        return (header.findtext(f"{{{namespace}}}{name}") or "").strip()

    def pairs(group: str, tag: str) -> dict[str, str]:
        found = header.iterfind(f"{{{WSMAN}}}{group}/{{{WSMAN}}}{tag}")
        return {item.get("Name", ""): (item.text or "").strip() for item in found}

    size = text(WSMAN, "MaxEnvelopeSize")
    return Request(
        action=text(ADDRESSING, "Action").rpartition("/")[2],
        resource=text(WSMAN, "ResourceURI"),
        message=text(ADDRESSING, "MessageID"),
        envelope=int(size) if size.isdecimal() and len(size) < 10 else 153_600,
        seconds=seconds(text(WSMAN, "OperationTimeout"), 60.0),
        selectors=pairs("SelectorSet", "Selector"),
        options={name.upper(): value for name, value in pairs("OptionSet", "Option").items()},
        body=first,
    )


def seconds(duration: str, default: float) -> float:
    """An XML duration such as `PT20S` or a plain number, in seconds; `default` if it is neither."""
    if duration.isdecimal() and len(duration) < 10:
        return float(duration)
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        return default
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def answer(action: str, relates_to: str, body: str) -> bytes:
    """An envelope with a result; `body` is XML that uses the prefixes declared here."""
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{ENVELOPE}" xmlns:a="{ADDRESSING}" '
        f'xmlns:x="{TRANSFER}" xmlns:w="{WSMAN}" xmlns:rsp="{SHELL}">'
        f"<s:Header><a:Action>{action}</a:Action>"
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>{ADDRESSING}/role/anonymous</a:To>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def created(resource: str, relates_to: str, identity: str, described: str) -> bytes:
    """An envelope that says that a shell was opened; `described` is what `shell` gives."""
    body = (
        f"<x:ResourceCreated><a:Address>{ADDRESSING}/role/anonymous</a:Address>"
        f"<a:ReferenceParameters><w:ResourceURI>{resource}</w:ResourceURI><w:SelectorSet>"
        f'<w:Selector Name="ShellId">{escape(identity)}</w:Selector>'
        "</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
    )
    return answer(f"{TRANSFER}/CreateResponse", relates_to, body + described)


def began(relates_to: str, identity: str) -> bytes:
    """An envelope that says that a command of this id runs."""
    body = (
        f"<rsp:CommandResponse><rsp:CommandId>{escape(identity)}</rsp:CommandId>"
        "</rsp:CommandResponse>"
    )
    return answer(f"{SHELL}/CommandResponse", relates_to, body)


def shell(
    resource: str, identity: str, user: str, idle: float, input_streams: str, output_streams: str
) -> str:
    """What a server tells of a shell; `idle` in seconds."""
    return (
        f"<rsp:Shell><rsp:ShellId>{escape(identity)}</rsp:ShellId>"
        f"<rsp:ResourceUri>{resource}</rsp:ResourceUri>"
        f"<rsp:Owner>{escape(user)}</rsp:Owner><rsp:ClientIP>127.0.0.1</rsp:ClientIP>"
        f"<rsp:IdleTimeOut>PT{idle:.3f}S</rsp:IdleTimeOut>"
        f"<rsp:InputStreams>{input_streams}</rsp:InputStreams>"
        f"<rsp:OutputStreams>{output_streams}</rsp:OutputStreams>"
        "<rsp:State>Connected</rsp:State></rsp:Shell>"
    )


def fault(trouble: Trouble, relates_to: str, machine: str) -> bytes:
    """An envelope with a fault."""
    side = "s:Receiver" if trouble.subcode == "w:TimedOut" else "s:Sender"
    text = escape(trouble.text)
    return answer(
        "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault",
        relates_to,
        f"<s:Fault><s:Code><s:Value>{side}</s:Value>"
        f"<s:Subcode><s:Value>{trouble.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason>'
        f'<s:Detail><f:WSManFault xmlns:f="{FAULT}" Code="{trouble.code}" '
        f'Machine="{escape(machine)}"><f:Message>{text}</f:Message></f:WSManFault></s:Detail>'
        "</s:Fault>",
    )


def identity() -> bytes:
    """What an Identify gets, also without sign-in."""
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{ENVELOPE}"><s:Header/><s:Body>'
        f'<wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
        f"<wsmid:ProtocolVersion>{WSMAN}</wsmid:ProtocolVersion>"
        "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
        "<wsmid:ProductVersion>OS: 10.0.17763 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
        "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
    ).encode()


def _tree(data: bytes) -> Element:
    """Parse XML without DTD, entities or endless nesting.

    expat feeds a tree builder, because ElementTree's own parser cannot be told to refuse a DTD.
    """
    from xml.etree.ElementTree import TreeBuilder

    builder = TreeBuilder()
    level = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal level
        level += 1
        if level > DEEPEST:
            raise EnvelopeError(f"nested deeper than {DEEPEST} levels")
        builder.start(_braced(tag), {_braced(name): value for name, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal level
        level -= 1
        builder.end(_braced(tag))

    def refuse(*_: object) -> None:
        raise EnvelopeError("a DTD is refused")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes no name for it
    except expat.ExpatError as error:
        raise EnvelopeError(f"no XML: {expat.ErrorString(error.code)}") from error
    # How expat's wrapper says that it does not know the encoding that the XML declares.
    except (LookupError, ValueError) as error:
        raise EnvelopeError(f"no XML: {error}") from error
    return builder.close()


def _braced(name: str) -> str:
    """Expat's `uri}name` as ElementTree writes it, `{uri}name`."""
    return "{" + name if "}" in name else name
