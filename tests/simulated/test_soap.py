"""Envelopes of WS-Management: what is read, what is refused, what goes back."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.simulated import soap
from mailflow.simulated.soap import EnvelopeError, Trouble

ENVELOPE = (
    f'<e:Envelope xmlns:e="{soap.ENVELOPE}" xmlns:a="{soap.ADDRESSING}" xmlns:w="{soap.WSMAN}">'
    "<e:Header>"
    "<a:Action>http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Receive</a:Action>"
    "<a:MessageID>uuid:1</a:MessageID><w:MaxEnvelopeSize>153600</w:MaxEnvelopeSize>"
    f"<w:ResourceURI> {soap.CMD} </w:ResourceURI><w:OperationTimeout>PT20S</w:OperationTimeout>"
    '<w:SelectorSet><w:Selector Name="ShellId">AB</w:Selector></w:SelectorSet>'
    '<w:OptionSet><w:Option Name="winrs_codepage">65001</w:Option></w:OptionSet>'
    "</e:Header><e:Body>{}</e:Body></e:Envelope>"
)


def test_envelope_is_taken_apart() -> None:
    """Action, resource, limits, selectors and options come out, whatever the prefixes are."""
    request = soap.parse(ENVELOPE.format("<x/>").encode())

    assert (request.action, request.resource, request.message) == ("Receive", soap.CMD, "uuid:1")
    assert (request.envelope, request.seconds) == (153_600, 20.0)
    assert dict(request.selectors) == {"ShellId": "AB"}
    assert dict(request.options) == {"WINRS_CODEPAGE": "65001"}
    assert request.body is not None
    assert request.body.tag == "x"


def test_envelope_in_utf_16() -> None:
    """Another encoding that XML knows is read as well."""
    request = soap.parse(ENVELOPE.format("<x>ü</x>").encode("utf-16"))

    assert request.body is not None
    assert request.body.text == "ü"


def test_header_without_limits_has_the_defaults() -> None:
    """A size or time that is no number counts as not given."""
    text = ENVELOPE.format("").replace("153600", "many").replace("PT20S", "soon")

    request = soap.parse(text.encode())

    assert (request.envelope, request.seconds) == (153_600, 60.0)
    assert request.body is None


LAUGHS = "<!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>"


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS + ENVELOPE.format("&c;"),
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>" + ENVELOPE.format(""),
        ENVELOPE.format("<x>" * 1000 + "</x>" * 1000),
        ENVELOPE.format("<x>" * 100_000),
        ENVELOPE.format("&b;"),
        "<a/>",
        "",
        "\0",
        '<?xml version="1.0" encoding="nobody-knows"?><a/>',
        '<?xml version="1.0" encoding="shift_jis"?><a/>',
        f'<e:Envelope xmlns:e="{soap.ENVELOPE}"><e:Body><x/></e:Body></e:Envelope>',
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_envelope_is_refused(text: str) -> None:
    """A DTD, an entity, endless depth and what is no envelope end in one kind of error."""
    with pytest.raises(EnvelopeError):
        soap.parse(text.encode())


@given(st.one_of(st.binary(), st.text().map(str.encode), st.text().map(ENVELOPE.format)))
def test_nothing_else_is_raised(data: bytes | str) -> None:
    """Whatever comes in, it is read or refused."""
    with contextlib.suppress(EnvelopeError):
        soap.parse(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59_999))
def test_durations(days: int, hours: int, minutes: int, milliseconds: int) -> None:
    """An XML duration is what its parts add up to."""
    rest = f"{milliseconds // 1000}.{milliseconds % 1000:03}"
    expected = timedelta(days=days, hours=hours, minutes=minutes, milliseconds=milliseconds)

    assert expected.total_seconds() == pytest.approx(
        soap.seconds(f"P{days}DT{hours}H{minutes}M{rest}S", -1)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("PT0.5S", 0.5), ("PT2H", 7200.0), ("20", 20.0), ("P", -1.0), ("", -1.0), ("PT-1S", -1.0)],
)
def test_durations_by_example(text: str, expected: float) -> None:
    """Parts may be left out, all of them may not."""
    assert expected == soap.seconds(text, -1.0)


@given(st.text(st.sampled_from("<>&\"' ]x\u00fc\U0001f600"), max_size=30).map(str.strip))
def test_texts_are_escaped(text: str) -> None:
    """What came from a client goes back as text, never as XML."""
    data = soap.fault(Trouble(5, "w:AccessDenied", text), text, text)

    root = ET.fromstring(data)  # noqa: S314 - our own answer
    assert text == (root.findtext(f".//{{{soap.ADDRESSING}}}RelatesTo") or "")
    assert text == (root.findtext(f".//{{{soap.ENVELOPE}}}Text") or "")
    detail = root.find(f".//{{{soap.FAULT}}}WSManFault")
    assert detail is not None
    assert {"Code": "5", "Machine": text} == detail.attrib


def test_identity_is_what_identify_gets() -> None:
    """Identify has no action and needs none; the answer names protocol and product."""
    asked = (
        f'<s:Envelope xmlns:s="{soap.ENVELOPE}" xmlns:i="{soap.IDENTITY}"><s:Header/>'
        "<s:Body><i:Identify/></s:Body></s:Envelope>"
    )

    assert soap.parse(asked.encode()).action == "Identify"
    root = ET.fromstring(soap.identity())  # noqa: S314 - our own answer
    assert root.findtext(f".//{{{soap.IDENTITY}}}ProtocolVersion") == soap.WSMAN
