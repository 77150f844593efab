"""ConvertTo-Json: values come back as they print, or are lost and say so (section 10.2)."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow import budget
from mailflow.errors import InputError
from mailflow.sources.exports.jsonfile import read_json
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Value

DN = "CN=Re\\\\,lay,CN=SMTP Receive Connectors,CN=Protocols,CN=EX16A,CN=Servers,CN=x"


def _value(name: str, literal: str, *others: str) -> Value:
    """One property of a queue or connector whose JSON is given."""
    members = ", ".join([f'"{name}": {literal}', *others])
    [row] = read_json(f"{{{members}}}", "x").rows
    return row.values[name]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('{"value": 3, "Value": "Retry"}', Enumeration("Retry", 3)),
        ('{"Value": "Retry", "value": 3}', Enumeration("Retry", 3)),
        ('"Retry"', Enumeration("Retry", None)),
        ("3", Enumeration(None, 3)),
        ('"3"', Enumeration(None, 3)),
        ("null", None),
    ],
)
def test_enumerations(literal: str, value: Value) -> None:
    """Text, number or both; the two members differ in case only."""
    assert _value("Status", literal, '"MessageCount": 1') == value


@pytest.mark.parametrize("literal", ["{}", '{"SerializationData": [0, 1, 0]}', '{"x": 1}'])
def test_enumeration_that_is_gone(literal: str) -> None:
    """An object without the value is lost, not empty."""
    assert isinstance(_value("Status", literal, '"MessageCount": 1'), Lost)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('"/Date(1700000000000)/"', datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ('"\\/Date(1700000000000)\\/"', datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (
            '{"value": "\\/Date(0)\\/", "DisplayHint": 2, "DateTime": "x"}',
            datetime(1970, 1, 1, tzinfo=UTC),
        ),
        ('"2026-11-23T09:34:17+01:00"', datetime(2026, 11, 23, 8, 34, 17, tzinfo=UTC)),
        ('"2026-11-23T08:34:17.1234567Z"', datetime(2026, 11, 23, 8, 34, 17, 123456, tzinfo=UTC)),
        ('"2026-11-23T09:34:17"', "2026-11-23T09:34:17"),  # no zone: no instant
        ('"11/23/2026 9:34:17\u202fAM"', "11/23/2026 9:34:17 AM"),
        ('"2026-99-99T09:34:17Z"', "2026-99-99T09:34:17Z"),
        ('"/Date(999999999999999)/"', "/Date(999999999999999)/"),
    ],
)
def test_times(literal: str, value: Value) -> None:
    """A time with a zone is an instant; one without stays text (S6.03)."""
    assert _value("LastRetryTime", literal) == value


@pytest.mark.parametrize(
    ("literal", "values"),
    [
        ('"10.0.0.1 10.0.0.0/24"', ("10.0.0.1", "10.0.0.0/24")),
        ('["10.0.0.1", "10.0.0.0/24"]', ("10.0.0.1", "10.0.0.0/24")),
        (
            '[{"LowerBound": "10.0.0.0", "Expression": "10.0.0.0/24", "SerializationData": "0 1"}]',
            ("10.0.0.0/24",),
        ),
        (
            '{"LowerBound": {"IPAddressToString": "::1"}, "UpperBound": "::9", "Expression": null}',
            ("::1-::9",),
        ),
        ('{"LowerBound": "10.0.0.1", "UpperBound": "10.0.0.1"}', ("10.0.0.1",)),
        ('{"value": ["10.0.0.1"], "Count": 1}', ("10.0.0.1",)),
        ("[]", ()),
    ],
)
def test_ranges(literal: str, values: tuple[str, ...]) -> None:
    """Ranges as texts, as one text joined with blanks, and as objects (section 1.6)."""
    assert _value("RemoteIPRanges", literal) == Items(values)


def test_cut_range_is_lost() -> None:
    """What the depth cut out of a list is lost in its place; the others stay."""
    value = _value("RemoteIPRanges", '["10.0.0.1", {}, {"SerializationData": [1]}, 5]')

    assert isinstance(value, Items)
    assert value.values[0] == "10.0.0.1"
    assert all(isinstance(one, Lost) for one in value.values[1:])
    assert isinstance(_value("RemoteIPRanges", "{}"), Lost)


def test_bindings() -> None:
    """Bindings as objects give their text back (section 1.4)."""
    literal = (
        '[{"Port": 25, "Address": "0.0.0.0"},'
        ' {"Port": 25, "Address": {"IPAddressToString": "::"}}, "[::]:587"]'
    )

    assert _value("Bindings", literal, '"RemoteIPRanges": []') == Items(
        ("0.0.0.0:25", "[::]:25", "[::]:587")
    )


@pytest.mark.parametrize(
    ("identity", "others", "text"),
    [
        ('"EX16A\\\\Relay"', '"Enabled": true', "EX16A\\Relay"),
        (f'{{"Name": "Re,lay", "DistinguishedName": "{DN}"}}', '"Enabled": true', "EX16A\\Re,lay"),
        ("{}", f'"DistinguishedName": "{DN}"', "EX16A\\Re,lay"),
        ("{}", '"Server": {"Name": "EX16A"}, "Name": "Relay"', "EX16A\\Relay"),
        ('{"Name": "Relay"}', '"Server": "EX16A"', "EX16A\\Relay"),
        ('{"Name": "Relay"}', '"Enabled": true', None),
        ("{}", '"Enabled": true', None),
    ],
)
def test_connector_identity(identity: str, others: str, text: str | None) -> None:
    """An identity is put together from what identifies it, or it is lost (S10.21, section 1.6)."""
    value = _value("Identity", identity, '"RemoteIPRanges": []', others)

    assert value == text if text else isinstance(value, Lost)


def test_queue_identity_that_names_only_its_server() -> None:
    """A queue is never named by its server alone, and never lost where that is known (S10.21)."""
    value = _value("Identity", '{"Server": "EX10A", "IsEmpty": false}', '"NextHopDomain": "x"')

    assert value == Complex(None, {"Server": "EX10A", "RowId": None})
    assert isinstance(_value("Identity", '{"IsEmpty": false}', '"NextHopDomain": "x"'), Lost)


def test_objects_without_text() -> None:
    """Other objects keep their members, for whoever knows one that says the same."""
    value = _value(
        "Fqdn", '{"Domain": "a.example", "serializationdata": [1]}', '"RemoteIPRanges": []'
    )

    assert value == Complex(None, {"Domain": "a.example"})


@pytest.mark.parametrize(
    "text",
    [
        '{"NextHopDomain": "a"} {"NextHopDomain": "b"}',
        '{"NextHopDomain": "a"}\n{"NextHopDomain": "b"}\n',
        '\ufeff[{"NextHopDomain": "a"}]\r\n\r\n[{"NextHopDomain": "b"}]',
        '{"value": [{"NextHopDomain": "a"}, {"NextHopDomain": "b"}], "Count": 2}',
        '[{"nexthopdomain": "a"}, [{"NEXTHOPDOMAIN": "\\u0062"}]]',
    ],
)
def test_documents(text: str) -> None:
    """One object, a list, lines, or several documents after each other; names in any case."""
    reading = read_json(text, "x")

    assert [row.values["NextHopDomain"] for row in reading.rows] == ["a", "b"]
    assert reading.cmdlets == {"Get-Queue"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"EventId": "SEND"}', "Get-MessageTrackingLog"),
        ("[1, 2]", "JSON values that are no objects"),
        ("[]", "JSON without any object; the cmdlet is unknown"),
    ],
)
def test_others_are_ignored(text: str, what: str) -> None:
    """What is of another cmdlet, or of none, is named and no row."""
    reading = read_json(text, "x")

    assert reading.ignored == [(what, "x")]
    assert not reading.rows
    assert not reading.cmdlets


@pytest.mark.parametrize(
    "text",
    [
        '{"NextHopDomain": "a"',
        '{"MessageCount": NaN}',
        '{"MessageCount": Infinity}',
        '{"NextHopDomain": "a", "NextHopDomain": "b"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 500 + "]" * 500,
        '{"MessageCount": ' + "9" * 10_000 + "}",
        json.dumps({f"n{number}": 1 for number in range(10_001)}),
        "nonsense",
    ],
    ids=lambda text: text[:30],
)
def test_damaged(text: str) -> None:
    """What is no JSON, says a thing twice or is built to hurt is refused, with file and place."""
    with pytest.raises(InputError, match=r"^x\.json"):
        read_json(text, "x.json")


def test_damage_behind_a_document() -> None:
    """What stands before the damage counts; the rest is unread."""
    reading = read_json('{"NextHopDomain": "a"}\n{"NextHop', "x.json")

    assert len(reading.rows) == 1
    [row] = reading.unread
    assert row.what == "Get-Queue"
    assert "x.json, line 2" in row.why


@pytest.mark.alone
def test_bounded_time() -> None:
    """A name built to be searched over and over costs no more than its length."""
    dn = "CN=a" + ",CN=SMTP Receive Connectors,CN=Protocols,CN=" * 100_000
    begin = time.monotonic()

    read_json(json.dumps([{"Identity": {"DistinguishedName": dn}, "Bindings": []}] * 3), "x")

    assert time.monotonic() - begin < 10


@pytest.mark.alone
@pytest.mark.parametrize(
    "text",
    ['["' + '\\"' * 1_000_000, "[" * 3_000_000, '{"a":"\\' * 500_000, '"[' * 1_000_000],
    ids=["escaped quotes", "brackets", "backslashes", "quotes"],
)
def test_each_character_is_looked_at_once(text: str) -> None:
    """A quote that is never closed does not begin the search again at the next one."""
    begin = time.monotonic()

    with pytest.raises(InputError):
        read_json(text, "x")
    assert time.monotonic() - begin < 10


def test_objects_beyond_the_budget_are_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands before counts; what does not may be of any cmdlet and any server."""
    text = json.dumps([{"NextHopDomain": "a"}] * 500)
    monkeypatch.setattr(budget, "LEAST_MEMORY", 160_000)

    reading = read_json(text, "x.json")

    assert 0 < len(reading.rows) < 500
    assert [(one.server, one.what) for one in reading.unread] == [("", "capture")]
    assert reading.unread[0].why.startswith("x.json: holds more values")


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
NAMES = st.sampled_from(
    ["Identity", "Status", "MessageCount", "RemoteIPRanges", "Bindings", "Server", "Name", "value",
     "Value", "LastRetryTime", "LowerBound", "UpperBound", "Port", "Address", "Count", "Enabled"]
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)


@given(TREES)
def test_anything_is_read(tree: object) -> None:
    """No JSON at all makes the reader fail, and none is passed over without a word."""
    reading = read_json(json.dumps(tree), "x")

    assert reading.rows or reading.unread or reading.ignored


@given(st.text(max_size=200))
def test_any_text_is_refused_or_read(text: str) -> None:
    """A text that is no JSON is an InputError and nothing else."""
    try:
        read_json(text, "x")
    except InputError as error:
        assert str(error).startswith("x")  # noqa: PT017 - most texts raise, some do not
