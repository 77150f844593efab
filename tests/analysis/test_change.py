"""A change of a connector as an object: what it sets, its commands, its words and its hash."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.change import (
    PARAMETERS,
    Change,
    Edit,
    Parameter,
    SettingValue,
    fingerprint,
    is_read,
    list_hash,
    printed,
    taken_off,
    value_of,
    with_value,
)
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
)
from mailflow.exchange.ranges import AddressRange, parse_range
from organisations import article
from strategies import ranges

RELAY = r"EX16A\Relay"


def relay(**values: Any) -> ReceiveConnector:  # noqa: ANN401
    """EX16A's relay of the article, with other values."""
    return article().change(RELAY, **values).connector(RELAY)


def edit(**values: Any) -> Edit:  # noqa: ANN401
    """That relay as it was read, and with other values."""
    return Edit(relay(), relay(**values))


def blocks(*texts: str) -> tuple[AddressRange, ...]:
    """Ranges from their texts."""
    return tuple(map(parse_range, texts))


def test_commands_replace_the_whole_list_and_put_it_back() -> None:
    """S8.60, S8.66: the change, its rehearsal and the way back, the last with the texts as read."""
    change = edit(ranges="10.0.5.0/24")

    command = r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"'
    assert change.command == command
    assert change.rehearsal == f"{command} -WhatIf"
    assert change.undo == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.0.11","10.0.0.12","10.0.5.0/24"'
    )
    assert change.undo_refusal == ""
    assert change.as_json() == {
        "server": "EX16A",
        "connector": r"EX16A\Relay",
        "removed": ["10.0.0.11", "10.0.0.12"],
        "added": [],
        "old": ["10.0.0.11", "10.0.0.12", "10.0.5.0/24"],
        "new": ["10.0.5.0/24"],
        "complete": True,
        "sha256": list_hash(map(parse_range, ["10.0.0.11", "10.0.0.12", "10.0.5.0/24"])),
        "command": command,
        "whatif": f"{command} -WhatIf",
        "undo": change.undo,
        "undo_refusal": None,
        "changes": [
            {
                "identity": r"EX16A\Relay",
                "parameter": "RemoteIPRanges",
                "old": ["10.0.0.11", "10.0.0.12", "10.0.5.0/24"],
                "new": ["10.0.5.0/24"],
            }
        ],
    }


VALUES: list[tuple[Parameter, dict[str, Any], str, str]] = [
    ("Enabled", {"enabled": False}, "-Enabled $false", "Disable {}."),
    (
        "AuthMechanism",
        {"auth": "Tls, ExchangeServer"},
        "-AuthMechanism Tls,ExchangeServer",
        "Set AuthMechanism of {} to Tls, ExchangeServer.",
    ),
    (
        "PermissionGroups",
        {"groups": "ExchangeServers, Custom"},
        "-PermissionGroups ExchangeServers",
        "Set PermissionGroups of {} to ExchangeServers.",
    ),
    (
        "Bindings",
        {"bindings": "0.0.0.0:26, [::]:26"},
        '-Bindings "0.0.0.0:26","[::]:26"',
        "Set Bindings of {} to 0.0.0.0:26, [::]:26.",
    ),
    ("Fqdn", {"fqdn": "relay.x"}, '-Fqdn "relay.x"', "Set Fqdn of {} to relay.x."),
    ("Fqdn", {"fqdn": ""}, "-Fqdn $null", "Set Fqdn of {} to $null."),
    (
        "SuppressXAnonymousTls",
        {"suppress_x_anonymous_tls": True},
        "-SuppressXAnonymousTls $true",
        "Set SuppressXAnonymousTls of {} to $true.",
    ),
    (
        "TransportRole",
        {"role": "HubTransport"},
        "-TransportRole HubTransport",
        "Set TransportRole of {} to HubTransport.",
    ),
]


@pytest.mark.parametrize(("parameter", "values", "argument", "words"), VALUES)
def test_each_parameter(
    parameter: Parameter, values: dict[str, Any], argument: str, words: str
) -> None:
    """Each of the eight has a command, a way back and a sentence; S3.22: no Custom."""
    change = edit(**values)

    assert change.parameters == (parameter,)
    assert change.command == rf'Set-ReceiveConnector "EX16A\Relay" {argument}'
    assert Edit(change.after, change.before).command == change.undo != ""
    assert str(change) == words.format(RELAY)
    assert change.changes == (
        Change(
            RELAY,
            parameter,
            value_of(change.before, parameter),
            was_read(value_of(change.after, parameter)),
        ),
    )


def was_read(value: SettingValue | None) -> SettingValue:
    """A value that was read."""
    assert value is not None
    return value


def test_several_parameters_are_one_command() -> None:
    """S8.65: in the order of the parameters, and all of them come back in one as well."""
    change = edit(ranges="10.0.5.0/24", enabled=False, auth="Tls, ExchangeServer")

    assert change.parameters == ("RemoteIPRanges", "Enabled", "AuthMechanism")
    assert change.command == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24" -Enabled $false '
        "-AuthMechanism Tls,ExchangeServer"
    )
    assert change.undo.endswith('"10.0.5.0/24" -Enabled $true -AuthMechanism Tls')
    assert str(change) == (
        r"Remove 10.0.0.11 and 10.0.0.12 from RemoteIPRanges of EX16A\Relay. "
        r"Disable EX16A\Relay. Set AuthMechanism of EX16A\Relay to Tls, ExchangeServer."
    )


def test_nothing_changed_is_no_command() -> None:
    """The same values, also with another mark for what no command sets (S3.22)."""
    assert (edit().parameters, edit().command, edit().undo) == ((), "", "")
    assert edit(groups="AnonymousUsers").command == ""


@pytest.mark.parametrize(
    ("unread", "values"),
    [
        ({"ranges_complete": False}, {"ranges": "10.0.5.0/24"}),
        ({"bindings_complete": False}, {"bindings": "0.0.0.0:26"}),
        ({"enabled": None}, {"enabled": True}),
        ({"auth": None}, {"auth": "Tls"}),
        ({"groups": None}, {"groups": "ExchangeServers"}),
        ({"role": None}, {"role": "HubTransport"}),
    ],
)
def test_without_the_old_value_there_is_no_command(
    unread: dict[str, Any], values: dict[str, Any]
) -> None:
    """Section 1.4, S3.23: what is not known would be lost, and could not be put back."""
    before = relay(**unread)
    change = Edit(before, relay(**{**unread, **values}))
    (name,) = change.parameters

    assert change.unread == (name,)
    assert not change.is_complete
    assert not is_read(before, name)
    assert (change.command, change.rehearsal, change.undo, change.sha256) == ("", "", "", "")
    assert [one.old for one in change.changes] == [None]
    assert change.as_json()["changes"][0]["old"] is None


def test_another_value_than_the_unread_one_is_written() -> None:
    """What was not read of one parameter keeps no command from another."""
    change = Edit(relay(auth=None), relay(auth=None, ranges="10.0.5.0/24"))

    assert change.is_complete
    assert change.command


def test_an_empty_list_is_no_command() -> None:
    """S8.64: whether Exchange takes one is not known."""
    before = relay()
    change = Edit(before, replace(before, ranges=()))

    assert (change.command, change.rehearsal) == ("", "")
    assert change.undo != ""


def test_a_way_back_that_is_refused_is_no_command() -> None:
    """S8.65: what Exchange would not take today cannot be put back."""
    change = replace(edit(enabled=False), undo_refusal="It is refused.")

    assert (change.undo, change.as_json()["undo"]) == ("", None)
    assert change.command


def test_a_name_that_cannot_be_quoted_is_no_command() -> None:
    """A control character would make a command lie about itself."""
    before = replace(relay(), name="Re\x1b[31mlay")
    change = Edit(before, replace(before, enabled=False))

    assert (change.command, change.rehearsal, change.undo) == ("", "", "")
    assert change.is_complete


def test_lists_differ_by_bounds() -> None:
    """S8.62: what comes and what goes, element by element."""
    change = edit(ranges="10.0.0.11/32, 10.0.5.0/25, 10.0.5.128/25")

    assert change.removed == blocks("10.0.0.12", "10.0.5.0/24")
    assert change.added == blocks("10.0.5.0/25", "10.0.5.128/25")
    assert str(change) == r"Remove 10.0.0.12 from RemoteIPRanges of EX16A\Relay."
    assert taken_off(change.before.ranges, change.ranges) == blocks("10.0.0.12")
    assert str(edit(ranges="10.0.0.11-10.0.0.12, 10.0.5.0/24")) == (
        r"Write RemoteIPRanges of EX16A\Relay with the same addresses in another form."
    )
    assert str(edit(ranges="10.0.0.11, 10.0.0.12, 10.0.5.0/24, 10.0.6.0/31")) == (
        r"Add 10.0.6.0/31 to RemoteIPRanges of EX16A\Relay."
    )


def test_a_list_that_grew_too_long_may_be_refused() -> None:
    """S1.35: above 1,200 entries, unless there were as many before."""
    many = ", ".join(f"10.1.{n // 250}.{n % 250}" for n in range(1201))
    short = many.rpartition(",")[0]

    assert edit(ranges=many).may_be_refused
    assert not edit(ranges=short).may_be_refused
    assert not Edit(relay(ranges=many), relay(ranges=f"{short}, 10.9.9.9")).may_be_refused


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (blocks("10.0.0.0/24", "10.0.1.5"), ["10.0.0.0/24", "10.0.1.5"]),
        ((parse_binding("[::]:25"),), ["[::]:25"]),
        (AuthMechanism(17), "Tls, ExchangeServer"),
        (PermissionGroups(0), "None"),
        (TransportRole.HubTransport, "HubTransport"),
        (True, True),
        ("relay.x", "relay.x"),
    ],
)
def test_values_as_json_holds_them(value: SettingValue, text: object) -> None:
    """Lists of texts, flags as Exchange prints them, truths and names as they are."""
    assert printed(value) == text


@pytest.mark.parametrize(("parameter", "values"), [row[:2] for row in VALUES])
def test_a_value_comes_where_it_belongs(parameter: Parameter, values: dict[str, Any]) -> None:
    """A connector with another one's value has it, and everything else as it was."""
    other = relay(**values)
    made = with_value(relay(), parameter, was_read(value_of(other, parameter)))

    assert value_of(made, parameter) == value_of(other, parameter)
    rest = [name for name in PARAMETERS if name != parameter]
    assert [value_of(made, name) for name in rest] == [value_of(relay(), name) for name in rest]


def test_custom_stays_beside_new_groups() -> None:
    """S3.20, S3.22: it shows entries of the access list, which setting the groups leaves alone."""
    made = with_value(
        relay(groups="AnonymousUsers, Custom"), "PermissionGroups", PermissionGroups.ExchangeServers
    )

    assert made.groups == PermissionGroups.ExchangeServers | PermissionGroups.Custom
    assert value_of(made, "PermissionGroups") == PermissionGroups.ExchangeServers


def test_the_hash_of_a_list_alone_is_the_lists() -> None:
    """A journal written when only lists changed is still right."""
    change = edit(ranges="10.0.5.0/24")

    assert change.sha256 == list_hash(change.before.ranges)
    assert change.new_sha256 == list_hash(change.ranges)
    assert fingerprint(change.before, ("RemoteIPRanges",)) == change.sha256


@pytest.mark.parametrize(
    ("values", "other"),
    [
        ({"fqdn": "RELAY.contoso.com"}, {"fqdn": "relay.CONTOSO.com"}),
        ({"bindings": "0.0.0.0:25, [::]:25"}, {"bindings": "[::]:25, 0.0.0.0:25"}),
        ({"groups": "AnonymousUsers, Custom"}, {"groups": "AnonymousUsers"}),
        ({"ranges": "10.0.0.0/24, 10.0.1.1"}, {"ranges": "10.0.1.1, 10.0.0.0-10.0.0.255"}),
    ],
)
def test_values_that_mean_the_same_have_one_hash(
    values: dict[str, Any], other: dict[str, Any]
) -> None:
    """Case of names, order of lists, and Custom beside groups mean nothing (section 1.4, S3.22)."""
    assert fingerprint(relay(**values), PARAMETERS) == fingerprint(relay(**other), PARAMETERS)


@pytest.mark.parametrize("values", [values for _, values, _, _ in VALUES])
def test_another_value_has_another_hash(values: dict[str, Any]) -> None:
    """Every parameter counts, and which ones are meant counts as well."""
    change = edit(**values)

    assert change.sha256 != change.new_sha256
    assert fingerprint(change.after, PARAMETERS) != fingerprint(change.before, PARAMETERS)
    assert fingerprint(relay(), ("Enabled",)) != fingerprint(relay(), ("Enabled", "Fqdn"))


@given(st.lists(ranges(near=False), max_size=6), st.data())
def test_the_hash_is_of_the_bounds(some: list[AddressRange], data: st.DataObject) -> None:
    """Lists that differ in order and notation have one hash (S1.11, S1.13); others another."""
    turned = [
        AddressRange(one.family, one.first, one.last, "written otherwise", "cidr")
        for one in data.draw(st.permutations(some))
    ]
    other = data.draw(ranges(near=False))

    assert list_hash(turned) == list_hash(some)
    assert (list_hash([*some, other]) == list_hash(some)) == (other in some)


def test_two_halves_are_another_list() -> None:
    """Smaller ranges win elsewhere (S1.13); nor is the other family with these numbers one."""
    whole, halves = [parse_range("10.0.0.0/24")], [parse_range(f"10.0.0.{n}/25") for n in (0, 128)]

    assert list_hash(whole) != list_hash(halves)
    assert list_hash([parse_range("0.0.0.5")]) != list_hash([parse_range("::5")])
