r"""The slow model against hand-made examples: one or more for each rule it is written from."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace

import pytest

import organization_model as model
from mailflow.exchange.connectors import AuthMechanism, PermissionGroups, ReceiveConnector
from mailflow.snapshot import Right, ServerAddress, Snapshot
from organisations import E2010, E2013, E2016, E2019, Organisation, article, healthy
from organization_commands import NotTaken, NotTyped, binding_of, range_of, typed
from organization_hosts import host_changes
from organization_model import FRONT, HUB, Question

RELAY = r"EX16A\Relay"
FRONTEND = r"EX16A\Default Frontend EX16A"
SET = f'Set-ReceiveConnector "{RELAY}"'


# -- Commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('-RemoteIPRanges "10.0.5.0/24"', {"ranges": (range_of("10.0.5.0-10.0.5.255"),)}),
        (
            '-RemoteIPRanges "10.0.0.1", 10.0.0.2-10.0.0.3 -Enabled $TRUE',
            {"ranges": (range_of("10.0.0.1"), range_of("10.0.0.2-10.0.0.3")), "enabled": True},
        ),
        ("-enabled $false", {"enabled": False}),
        ("-AuthMechanism Tls,ExchangeServer", {"auth": AuthMechanism(17)}),
        ('-AuthMechanism "Tls, ExchangeServer"', {"auth": AuthMechanism(17)}),
        ("-AuthMechanism None", {"auth": AuthMechanism(0)}),
        ("-PermissionGroups exchangeservers", {"groups": PermissionGroups(4)}),
        (
            '-Bindings "0.0.0.0:25","[::]:25"',
            {"bindings": (binding_of("0.0.0.0:25"), binding_of("[::]:25"))},
        ),
        ("-Fqdn $null", {"fqdn": ""}),
        ("-Fqdn 'ex16a.contoso.com'", {"fqdn": "ex16a.contoso.com"}),
        ("-SuppressXAnonymousTls $false", {"suppress_x_anonymous_tls": False}),
        ("-RequireTLS $true", {"require_tls": True}),
        ("-TransportRole FrontendTransport", {"role": FRONT}),
    ],
)
def test_a_line_sets_what_it_names(line: str, values: dict[str, object]) -> None:
    """Each parameter gives its value (sections 1.4 and 3.1)."""
    assert typed(f"{SET} {line}").values == values
    assert typed(f'Set-ReceiveConnector {line} -Identity "{RELAY}"').values == values


@pytest.mark.parametrize(
    ("quoted", "identity"),
    [
        (r'"EX16A\Re`"lay"', r'EX16A\Re"lay'),
        (r'"EX16A\Re""lay"', r'EX16A\Re"lay'),
        (r'"EX16A\`$1"', r"EX16A\$1"),
        (r"'EX16A\$1'", r"EX16A\$1"),
        (r"'EX16A\It''s'", r"EX16A\It's"),
        ("\u201cEX16A\\Relay\u201d", RELAY),
        (r"EX16A\Relay", RELAY),
        ('"EX16A\\`\u201cRelay"', "EX16A\\\u201cRelay"),
    ],
)
def test_quotes_are_powershells(quoted: str, identity: str) -> None:
    """Quotes, escapes and typographic quotes are read as PowerShell does (S8.87)."""
    assert typed(f"Set-ReceiveConnector {quoted} -Enabled $true").identity == identity
    assert typed(f"Retry-Queue -Identity {quoted}").identity == identity


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Look at the list",
        SET,
        f"{SET} -Enabled",
        f"{SET} -Enabled true",
        f"{SET} -Enabled $true -Enabled $true",
        f"{SET} -Enabled $yes",
        f"{SET} -RemoteIPRanges",
        f'{SET} -RemoteIPRanges "10.0.0.9-10.0.0.1"',
        f'{SET} -RemoteIPRanges "10.0.0.1-::1"',
        f'{SET} -RemoteIPRanges "10.0.0.0/33"',
        f'{SET} -RemoteIPRanges "10.0.0.0(255.0.255.0)"',
        f'{SET} -RemoteIPRanges "Relay hosts"',
        f'{SET} -RemoteIPRanges "10.0.0.1" "10.0.0.2"',
        f'{SET} -RemoteIPRanges "10.0.0.1"; Remove-Item x',
        f'{SET} -RemoteIPRanges @{{Remove="10.0.0.1"}}',
        f"{SET} -RemoteIPRanges 10.0.0.0(255.255.255.0)",
        f'{SET} -Bindings "0.0.0.0"',
        f'{SET} -Bindings "0.0.0.0:70000"',
        f"{SET} -AuthMechanism Tls ExchangeServer",
        f"{SET} -AuthMechanism Kerberos",
        f"{SET} -TransportRole Mailbox",
        f"{SET} -Name Other",
        f'{SET} -Fqdn "$x"',
        f'{SET} -Fqdn "a`n"',
        f'{SET} -Fqdn "a',
        f'{SET} -Fqdn "a"b',
        f"{SET}\n-Enabled $true",
        'Retry-Queue -Identity "EX10A\\1" -Resubmit $true',
        'Remove-ReceiveConnector "EX16A\\Relay"',
    ],
)
def test_what_nobody_can_type_is_told(line: str) -> None:
    """What PowerShell or Exchange could not read is no command."""
    with pytest.raises(NotTyped):
        typed(line)


@pytest.mark.parametrize(
    "line",
    [
        "-PermissionGroups AnonymousUsers,Custom",
        "-AuthMechanism None,Tls",
        '-RemoteIPRanges "10.0.0.0/24","10.0.0.0-10.0.0.255"',
        '-Bindings "0.0.0.0:25","0.0.0.0:25"',
    ],
)
def test_some_values_are_refused_by_themselves(line: str) -> None:
    """Sections 3.4 and 1.4, S3.22."""
    with pytest.raises(NotTaken):
        typed(f"{SET} {line}")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("10.0.0.77/24", "10.0.0.0", "10.0.0.255"),
        ("10.0.0.77(255.255.255.0)", "10.0.0.0", "10.0.0.255"),
        ("2001:0DB8::CD3/60", "2001:db8::", "2001:db8:0:f:ffff:ffff:ffff:ffff"),
        ("fe80::1%11", "fe80::1", "fe80::1"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
    ],
)
def test_a_range_has_the_bounds_exchange_gives_it(text: str, first: str, last: str) -> None:
    """Section 1.4, S1.20."""
    block = range_of(text)
    assert block.first == int(ipaddress.ip_address(first))
    assert block.last == int(ipaddress.ip_address(last))


# -- What Exchange takes ---------------------------------------------------------------------------


def taken(org: Organisation | Snapshot, *lines: str) -> Snapshot:
    """The organization after commands that are all taken."""
    now = org if isinstance(org, Snapshot) else org.snapshot()
    for line in lines:
        now, wrong = model.take(now, line)
        assert wrong == []
    return now


def wrong_with(org: Organisation | Snapshot, line: str) -> str:
    """What is wrong with a command that changes nothing, or that should not have been printed."""
    before = org if isinstance(org, Snapshot) else org.snapshot()
    after, wrong = model.take(before, line)
    assert after == before or not any(one.startswith("refused") for one in wrong)
    return "; ".join(one.replace(line, "") for one in wrong)


def connector(org: Snapshot, identity: str) -> ReceiveConnector:
    """The connector of an identity."""
    return next(one for one in org.connectors if one.identity == identity)


def test_a_set_replaces_the_named_values_and_no_others() -> None:
    """Facts S8.60 and S3.23."""
    org = healthy()
    before = connector(org.snapshot(), RELAY)
    after = connector(taken(org, f'{SET} -RemoteIPRanges "10.0.9.0/24"'), RELAY)
    assert after == replace(before, ranges=(range_of("10.0.9.0/24"),))
    assert taken(org, f"{SET.casefold()} -Enabled $false") == taken(org, f"{SET} -Enabled $false")


def test_what_stands_in_the_access_list_beyond_the_groups_stays() -> None:
    """Fact S3.20."""
    org = healthy()
    after = connector(taken(org, f"{SET} -PermissionGroups AnonymousUsers,Partners"), RELAY)
    assert after.groups == PermissionGroups(1 | 16 | 32)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-AuthMechanism BasicAuth,BasicAuthRequireTLS", "without Tls"),
        ("-AuthMechanism Tls,BasicAuthRequireTLS", "without BasicAuth"),
        ("-AuthMechanism ExternalAuthoritative,Integrated", "beside something else"),
        ("-AuthMechanism ExternalAuthoritative", "without the group"),
        ("-AuthMechanism None -RequireTLS $true", "RequireTLS without Tls"),
        ('-AuthMechanism ExchangeServer -Fqdn "mail.example.com"', "foreign Fqdn"),
        ("-SuppressXAnonymousTls $true", "without UseDowngraded"),
        ("-RemoteIPRanges $null", "would be empty"),
        ("-Bindings $null", "would be empty"),
        ('-RemoteIPRanges "0.0.0.0-255.255.255.255"', "S1.31"),
        ("-TransportRole HubTransport", "S1.30"),
        ('-Bindings "10.0.0.21:2525"', "S1.30"),
    ],
)
def test_what_exchange_refuses_changes_nothing(line: str, why: str) -> None:
    """Sections 3.4 and 1.5."""
    assert why in wrong_with(healthy(), f"{SET} {line}")


@pytest.mark.parametrize(
    "line",
    [
        "-AuthMechanism Tls,ExternalAuthoritative -PermissionGroups ExchangeServers",
        "-AuthMechanism Tls -RequireTLS $true",
        '-AuthMechanism ExchangeServer -Fqdn "EX16A"',
        '-AuthMechanism ExchangeServer -Fqdn "ex16a.contoso.com"',
        "-AuthMechanism ExchangeServer -Fqdn $null",
        '-AuthMechanism Tls -Fqdn "mail.example.com"',
        '-Bindings "10.0.0.21:25"',
        '-Bindings "10.0.0.21:25" -RemoteIPRanges "0.0.0.0-255.255.255.255"',
    ],
)
def test_what_exchange_takes_is_taken(line: str) -> None:
    """Sections 3.4 and 1.5; equal ranges at the wildcard and a specific address: S1.33."""
    taken(healthy(), f"{SET} {line}")


def test_a_connector_that_is_not_there_is_not_found() -> None:
    """Section 1.5."""
    line = 'Set-ReceiveConnector "EX16A\\Other" -Enabled $true'
    assert "wasn't found" in wrong_with(healthy(), line)


def test_the_whole_connector_is_looked_at_again() -> None:
    """Fact S8.65: an old inconsistency refuses an innocent change."""
    org = healthy().change(RELAY, require_tls=True, auth="None")
    assert "RequireTLS" in wrong_with(org, f"{SET} -Enabled $false")
    taken(org, f"{SET} -RequireTLS $false -Enabled $false")


def test_suppression_needs_the_servers_own_setting() -> None:
    """Section 3.4: the setting of the server that holds the connector."""
    taken(healthy().set_downgraded_auth("EX16A", value=True), f"{SET} -SuppressXAnonymousTls $true")
    line = f"{SET} -SuppressXAnonymousTls $true"
    assert "Downgraded" in wrong_with(healthy().set_downgraded_auth("EX16B", value=True), line)


def test_an_old_conflict_refuses_every_change_of_either() -> None:
    """Fact S1.37; a connector that is disabled counts."""
    org = healthy().add_relay("EX16A", "10.0.5.128-10.0.6.9", name="Other", enabled=False)
    other = 'Set-ReceiveConnector "EX16A\\Other"'
    assert "overlaps" in wrong_with(org, f"{SET} -Enabled $false")
    assert "overlaps" in wrong_with(org, f"{other} -Enabled $true")
    taken(org, f'{other} -RemoteIPRanges "10.0.6.0-10.0.6.9"', f"{SET} -Enabled $false")


@pytest.mark.parametrize(
    ("mine", "theirs", "conflicts"),
    [
        (("10.0.0.0/24", "0.0.0.0:25"), ("10.0.0.0-10.0.0.255", "0.0.0.0:25"), True),
        (("10.0.0.0/24", "0.0.0.0:25"), ("10.0.0.0/25", "0.0.0.0:25"), False),
        (("10.0.0.0-10.0.0.9", "0.0.0.0:25"), ("10.0.0.9-10.0.0.20", "0.0.0.0:25"), True),
        (("10.0.0.9-10.0.0.20", "0.0.0.0:25"), ("10.0.0.0-10.0.0.9", "0.0.0.0:25"), True),
        (("10.0.0.0-10.0.0.9", "0.0.0.0:25"), ("10.0.0.10-10.0.0.20", "0.0.0.0:25"), False),
        (("10.0.0.0-10.0.0.9", "0.0.0.0:25"), ("10.0.0.0-10.0.0.20", "0.0.0.0:25"), False),
        (("10.0.0.0/24", "0.0.0.0:25"), ("10.0.0.0/24", "192.0.2.1:25"), False),
        (("10.0.0.0-10.0.0.9", "192.0.2.1:25"), ("10.0.0.9-10.0.0.20", "0.0.0.0:25"), True),
        (("10.0.0.0/24", "192.0.2.1:25"), ("10.0.0.0/24", "192.0.2.2:25"), False),
        (("10.0.0.0/24", "0.0.0.0:25"), ("10.0.0.0/24", "0.0.0.0:26"), False),
        (("10.0.0.0/24", "0.0.0.0:25"), ("10.0.0.0/24", "[::]:25"), False),
        (("::/64", "0.0.0.0:25"), ("::/64", "0.0.0.0:25"), True),
        (("::1-::9", "0.0.0.0:25"), ("0.0.0.5-0.0.0.30", "0.0.0.0:25"), False),
        # The first pair of bindings that meets decides (the quirk of 1.5).
        (("10.0.0.0/24", "0.0.0.0:25, 192.0.2.1:25"), ("10.0.0.0/24", "192.0.2.1:25"), False),
        (("10.0.0.0/24", "192.0.2.1:25, 0.0.0.0:25"), ("10.0.0.0/24", "192.0.2.1:25"), True),
    ],
)
def test_two_mappings_conflict_as_the_facts_say(
    mine: tuple[str, str], theirs: tuple[str, str], conflicts: bool
) -> None:
    """Facts S1.31 to S1.34."""
    org = healthy()
    for name, (ranges, bindings) in zip("AB", (mine, theirs), strict=True):
        org.add_relay("EX16A", ranges, name=name, bindings=bindings)
    one, other = (connector(org.snapshot(), f"EX16A\\{name}") for name in "AB")
    assert bool(model.conflict(one, other)) is conflicts


def test_another_role_conflicts_whatever_the_ranges() -> None:
    """Fact S1.30; a role that was not read conflicts with none."""
    org = healthy().add_relay("EX16A", "10.0.7.0/24", name="Hub", role=HUB, bindings="[::]:25")
    one, other = connector(org.snapshot(), r"EX16A\Hub"), connector(org.snapshot(), FRONTEND)
    assert "S1.30" in str(model.conflict(one, other))
    assert model.conflict(replace(one, role=None), other) is None


def test_a_list_past_the_limit_does_not_grow() -> None:
    """S1.35: somewhere from 1,200 to 1,300 entries Exchange refuses; above that for certain."""
    many = [f"10.{n // 250}.{n % 250}.7" for n in range(1303)]
    org = healthy().change(RELAY, ranges=many)

    def line(count: int, more: str = "10.77.0.1") -> str:
        return f"{SET} -RemoteIPRanges {','.join([*many[:count], more])}"

    assert "1,300" in wrong_with(org, line(1303))
    taken(org, line(1302), line(1300), line(1200))
    taken(healthy(), line(1299))
    assert "1,300" in wrong_with(healthy(), line(1300))


def test_setups_connectors_keep_their_role_and_2010_has_none() -> None:
    """Facts S1.30 and S2.07."""
    org = healthy().change(FRONTEND, enabled=False, bindings="0.0.0.0:2525")
    line = f'Set-ReceiveConnector "{FRONTEND}" -TransportRole HubTransport -RemoteIPRanges ::1'
    assert "setup's role" in wrong_with(org.change(r"EX16A\Default EX16A", bindings="[::]:9"), line)
    old = healthy().add_relay("EX10A", "10.0.7.0/24")
    line = 'Set-ReceiveConnector "EX10A\\Relay" -TransportRole HubTransport'
    assert "2007 and 2010" in wrong_with(old, line)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"groups": None}, "-PermissionGroups AnonymousUsers"),
        ({"auth": None}, "-AuthMechanism Tls"),
        ({"enabled": None}, "-Enabled $true"),
        ({"ranges_complete": False}, '-RemoteIPRanges "10.0.9.0/24"'),
        ({"bindings_complete": False}, '-Bindings "0.0.0.0:25"'),
        ({"suppress_x_anonymous_tls": None}, "-SuppressXAnonymousTls $false"),
        ({"require_tls": None}, "-RequireTLS $false"),
    ],
)
def test_a_value_that_was_not_read_is_never_written(values: dict[str, object], line: str) -> None:
    """A value nobody read can't be put back."""
    assert "unread written" in wrong_with(healthy().change(RELAY, **values), f"{SET} {line}")
    assert "unread written" not in wrong_with(healthy(), f"{SET} {line}")


@pytest.mark.parametrize(
    ("identity", "wrong"),
    [
        (r"EX10A\1187", False),
        (r"ex10a\1187", False),
        (r"EX10A\1188", True),
        (r"EX10A\Submission", True),
        ("1187", True),
    ],
)
def test_a_retry_names_a_numbered_queue(identity: str, wrong: bool) -> None:
    """Facts S8.74, S8.75, S8.77."""
    said = wrong_with(article(), f'Retry-Queue -Identity "{identity}"')
    assert ("no such queue" in said) is wrong


# -- Who answers -----------------------------------------------------------------------------------

ALL4 = "0.0.0.0-255.255.255.255"
WILD, SPECIFIC = "0.0.0.0:25", "192.0.2.10:25"
Row = tuple[str, str, str]


@pytest.mark.parametrize(
    ("rows", "remote", "local", "winners"),
    [
        ([("DF", ALL4, WILD), ("R", "10.0.0.5", WILD)], "10.0.0.5", "", ["R"]),
        ([("DF", ALL4, WILD), ("R", "10.0.0.0/24", WILD)], "10.0.0.5", "", ["R"]),
        (
            [("R1", "10.0.0.0/24", WILD), ("R2", "10.0.0.4-10.0.0.6", WILD)],
            *("10.0.0.5", "", ["R2"]),
        ),
        (
            [("R1", "10.0.0.0(255.255.255.0)", WILD), ("R2", "10.0.0.0-10.0.0.254", WILD)],
            *("10.0.0.5", "", ["R2"]),
        ),
        ([("DF", ALL4, WILD), ("R", "10.0.0.5", "off " + WILD)], "10.0.0.5", "", ["DF"]),
        (
            [("DF", ALL4, WILD), ("R", "10.0.0.0/24", SPECIFIC)],
            *("10.0.0.5", "192.0.2.10", ["R"]),
        ),
        (
            [("DF", ALL4, WILD), ("R", "10.0.0.0/24", SPECIFIC)],
            *("10.0.0.5", "192.0.2.11", ["DF"]),
        ),
        (
            [("R1", "10.0.0.5", WILD), ("R2", "10.0.0.0/24", SPECIFIC)],
            *("10.0.0.5", "192.0.2.10", ["R1"]),
        ),
        (
            [("R1", "10.0.0.5", WILD), ("R2", "10.0.0.5", SPECIFIC)],
            *("10.0.0.5", "192.0.2.10", ["R2"]),
        ),
        (
            [("DF", f"{ALL4},::/0", f"{WILD},[::]:25"), ("R", "10.0.0.5", WILD)],
            *("2001:db8::5", "", ["DF"]),
        ),
        ([("R", "10.0.0.5", WILD), ("DF", ALL4, "off " + WILD)], "10.0.0.9", "", [None]),
        ([("R", "10.0.0.5,10.0.0.0/24", WILD), ("S", "10.0.0.4/31", WILD)], "10.0.0.5", "", ["R"]),
        ([("R", "10.0.0.5", WILD), ("S", "10.0.0.5", WILD)], "10.0.0.5", "", ["R", "S"]),
        ([("R", "::5", WILD)], "::5", "", [None]),
        ([("R", "::1-ffff::", "[::]:25"), ("S", "::/0", "[::]:25")], "::5", "", ["R"]),
    ],
)
def test_the_most_specific_connector_answers(
    rows: list[Row], remote: str, local: str, winners: list[str | None]
) -> None:
    """The truth table of section 1.3; then S1.14, S1.36, S1.12 and S1.21."""
    org = healthy()
    for name, ranges, bindings in rows:
        org.add_relay(
            "EX10A",
            *ranges.split(","),
            name=name,
            bindings=bindings.removeprefix("off "),
            enabled=not bindings.startswith("off "),
        )
    mine = [one for one in org.connectors if one.name in {name for name, _, _ in rows}]
    question = Question(
        ipaddress.ip_address(local) if local else None, 25, ipaddress.ip_address(remote)
    )
    (world,) = model.worlds(mine, question)
    got = model.answer(mine, world, question)
    assert got is not None
    assert [one and one.name for one in got.winners] == winners


@pytest.mark.parametrize(
    ("values", "winners"),
    [
        ({"enabled": None}, {"Relay", "Default Frontend EX16A"}),
        ({"role": None}, {"Relay"}),  # as HubTransport Exchange would have refused it (S1.30)
        ({"ranges": "10.0.9.0/24", "ranges_complete": False}, {"Relay", "Default Frontend EX16A"}),
        ({"bindings": "", "bindings_complete": False}, {"Relay", "Default Frontend EX16A"}),
        ({"ranges": "10.0.9.0/24"}, {"Default Frontend EX16A"}),
    ],
)
def test_what_was_not_read_may_be_anything(values: dict[str, object], winners: set[str]) -> None:
    """All that may be is tried, but for what Exchange would have refused."""
    org = article().change(RELAY, **{**values, "bindings": "0.0.0.0:25"})
    if "bindings" in values:
        bare = replace(org.connector(RELAY), bindings=(), bindings_complete=False)
        org.connectors = [bare if one.identity == RELAY else one for one in org.connectors]
    snapshot = org.snapshot()
    mine = model.connectors_of(snapshot, org.server("EX16A"))
    question = Question(ipaddress.ip_address("10.0.0.21"), 25, ipaddress.ip_address("10.0.0.11"))
    answers = [model.answer(mine, world, question) for world in model.worlds(mine, question)]
    names = {one.name for got in answers if got for one in got.winners if one}
    assert names == winners


def test_what_was_not_read_makes_no_tie() -> None:
    """Exchange would have refused it (S1.31)."""
    org = article().add_relay("EX16A", "10.0.9.0/24", name="Other", ranges_complete=False)
    snapshot = org.snapshot()
    mine = model.connectors_of(snapshot, org.server("EX16A"))
    question = Question(None, 25, ipaddress.ip_address("10.0.0.11"))
    answers = [model.answer(mine, world, question) for world in model.worlds(mine, question)]
    assert [[one and one.name for one in got.winners] for got in answers if got] == [["Relay"]]


def test_connectors_of_2010_count_as_hub() -> None:
    """Fact S2.07: the role may be missing, or be what a newer shell shows."""
    org = healthy()
    roles = {"EX10A": None, "EX10B": FRONT}
    org.connectors = [
        replace(one, role=roles[one.server]) if one.server in roles else one
        for one in org.connectors
    ]
    for name in roles:
        mine = model.connectors_of(org.snapshot(), org.server(name))
        assert {one.role for one in mine} == {HUB}


# -- Ways ------------------------------------------------------------------------------------------


def way(org: Organisation | Snapshot, sender: str, target: str, address: str = "") -> model.Way:
    """The one way between two servers, or from one address."""
    snapshot = org if isinstance(org, Snapshot) else org.snapshot()
    (found,) = [
        one
        for one in model.ways(snapshot)
        if (one.sender, one.target) == (sender, target) and address in (one.address, "")
    ]
    return found


@pytest.mark.parametrize(
    ("sender", "target", "port"),
    [
        ("EX10A", "EX10B", 25),
        ("EX10A", "EX16A", 25),
        ("EX16A", "EX10A", 25),
        ("EX16A", "EX16B", 2525),
        ("EX16A", "EX16A", 2525),
        ("EX10A", "EX10A", None),
        ("EX16A", "EX13M", 25),
        ("EX10A", "EX13M", 25),
        ("EX13M", "EX16A", 2525),
        ("EX10A", "EX13C", None),  # S4.63
        ("EX16A", "EX13C", None),
        ("EX13C", "EX16A", 2525),
        ("EX13C", "EX13M", 25),
        ("EX13C", "EX10A", None),
        ("EX16A", "EDGE", 25),
        ("EDGE", "EX16A", 25),
        ("EX13M", "EX13M", None),
    ],
)
def test_a_way_takes_the_port_of_the_versions(sender: str, target: str, port: int | None) -> None:
    """Section 4.1."""
    org = healthy().add_server("EX13M", E2013, "10.0.0.31", roles="Mailbox")
    org.add_server("EX13C", E2013, "10.0.0.32", roles="ClientAccess")
    org.add_server("EDGE", E2019, "10.0.0.33", roles="Edge")
    assert model.port_for(org.server(sender), org.server(target)) == port


def test_in_order_every_way_works() -> None:
    """An organization in order has all its ways, and all of them work."""
    found = model.ways(healthy().snapshot())
    assert {one.state for one in found} == {"works"}
    assert len(found) == 4 * 3 + 2  # and from each Front End to its own Transport
    assert model.role_conflicts(healthy().snapshot()) == []


@pytest.mark.parametrize(
    ("identity", "values", "cause"),
    [
        (RELAY, {"ranges": "10.0.0.11"}, model.SHADOWED),
        (
            RELAY,
            {
                "ranges": "10.0.0.0/24",
                "auth": "Tls, ExternalAuthoritative",
                "groups": "ExchangeServers",
            },
            model.SHADOWED,
        ),
        (FRONTEND, {"auth": "Tls, Integrated"}, model.DEFAULT_LACKS_AUTH),
        (FRONTEND, {"auth": "Tls", "groups": "AnonymousUsers"}, model.DEFAULT_LACKS_AUTH),
        (FRONTEND, {"groups": "AnonymousUsers, ExchangeLegacyServers"}, model.GROUP_MISSING),
        (FRONTEND, {"suppress_x_anonymous_tls": True}, model.SUPPRESSED),
        (FRONTEND, {"enabled": False}, model.NOBODY),
        (FRONTEND, {"ranges": "10.0.0.12, ::/0"}, model.NOBODY),
        (FRONTEND, {"bindings": "[::]:25"}, model.NOBODY),
        (FRONTEND, {"bindings": "0.0.0.0:26"}, model.NOBODY),
        (r"EX16A\Default EX16A", {"bindings": "0.0.0.0:25"}, model.ROLE_CONFLICT),
    ],
)
def test_each_fault_stops_the_old_senders(
    identity: str, values: dict[str, object], cause: str
) -> None:
    """S3.30 to S3.32, C9, C10, C13, S1.18; the other senders go on (S4.03a)."""
    org = healthy().change(identity, **values)
    found = way(org, "EX10A", "EX16A")
    assert (found.state, found.causes, found.was_read) == ("fails", (cause,), True)
    assert way(org, "EX10A", "EX16B").state == "works"
    if "Default EX16A" not in identity:
        assert way(org, "EX16B", "EX16A").state == "works"
        assert way(org, "EX16A", "EX16A").state == "works"


@pytest.mark.parametrize(
    ("downgraded", "state"), [(True, "works"), (False, "fails"), (None, "unknown")]
)
def test_a_sender_that_does_without_anonymous_tls_gets_through(
    downgraded: bool | None, state: str
) -> None:
    """C10, S3.42: the sender's setting decides, not the target's."""
    org = healthy().change(FRONTEND, suppress_x_anonymous_tls=True)
    org.set_downgraded_auth("EX10A", downgraded).set_downgraded_auth("EX16A", value=not downgraded)
    assert way(org, "EX10A", "EX16A").state == state


@pytest.mark.parametrize(
    ("user", "deny", "state"),
    [
        (r"CONTOSO\Exchange Servers", True, "fails"),
        (r"CONTOSO\Exchange Servers", False, "works"),
        (r"NT AUTHORITY\ANONYMOUS LOGON", True, "works"),
        ("", True, "unknown"),
    ],
)
def test_a_denied_right_stops_servers(user: str, deny: bool, state: str) -> None:
    """Fact S3.43; not read where `Custom` is shown: unknown."""
    org = healthy().change(FRONTEND, groups="ExchangeServers, Custom").snapshot()
    name = "Default Frontend EX16A"
    rights = (Right("EX16A", name, user, "ms-Exch-SMTP-Submit", deny),) if user else ()
    assert way(replace(org, rights=rights), "EX10A", "EX16A").state == state


def test_a_connector_with_exchange_authentication_may_cover_servers() -> None:
    """Fact S3.42."""
    values = {"auth": "Tls, ExchangeServer", "groups": "ExchangeServers", "ranges": "10.0.0.0/24"}
    assert way(healthy().change(RELAY, **values), "EX10A", "EX16A").state == "works"


@pytest.mark.parametrize(
    ("other", "state"),
    [({"auth": "Tls, ExchangeServer", "groups": "ExchangeServers"}, "unknown"), ({}, "fails")],
)
def test_a_tie_is_open_unless_both_are_alike(other: dict[str, object], state: str) -> None:
    """Fact S1.36."""
    org = article().add_relay("EX16A", "10.0.0.11", name="Other", **other)
    assert way(org, "EX10A", "EX16A").state == state


def test_a_conflict_concerns_the_local_address_that_both_claim() -> None:
    """C9, S1.30."""
    org = healthy().add_relay("EX16A", "10.7.0.0/16", name="X", role=HUB, bindings="10.9.9.9:25")
    assert way(org, "EX10A", "EX16A").state == "works"
    assert model.role_conflicts(org.snapshot())
    org.change(r"EX16A\X", bindings="10.0.0.21:25")
    assert way(org, "EX10A", "EX16A").causes == (model.ROLE_CONFLICT,)
    org.change(r"EX16A\X", enabled=False)
    assert way(org, "EX10A", "EX16A").state == "works"
    assert model.role_conflicts(org.snapshot()) == []


def test_only_a_hub_connector_on_25_answers_there() -> None:
    """S1.10: the process that has the endpoint answers, whatever the versions expect."""
    org = healthy().change(FRONTEND, enabled=False).remove(RELAY)
    org.change(r"EX16A\Default EX16A", bindings="0.0.0.0:25, 0.0.0.0:2525")
    assert way(org, "EX10A", "EX16A").state == "works"


def test_a_pair_meets_in_a_family_that_both_have() -> None:
    """Fact S4.66."""
    org = healthy().set_addresses("EX10A", "10.0.0.11", "2001:db8::11")
    org.change(RELAY, ranges="2001:db8::/64", bindings="0.0.0.0:25, [::]:25")
    mine = [one for one in model.ways(org.snapshot()) if one.sender == "EX10A"]
    assert {one.address for one in mine} == {"10.0.0.11"}
    org.set_addresses("EX16A", "10.0.0.21", "2001:db8::21")
    assert way(org, "EX10A", "EX16A", "10.0.0.11").state == "works"
    assert way(org, "EX10A", "EX16A", "2001:db8::11").state == "fails"


def test_several_local_addresses_leave_it_open() -> None:
    """S9.04; where nobody listens the sender goes on to the next address."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "10.0.2.21")
    org.change(RELAY, ranges="10.0.0.11", bindings="10.0.2.21:25")
    found = way(org, "EX10A", "EX16A")
    assert found.state == "unknown"
    assert dict(found.locals) == {"10.0.0.21": "works", "10.0.2.21": "fails"}
    org.change(RELAY, bindings="0.0.0.0:25")
    assert way(org, "EX10A", "EX16A").state == "fails"
    org.change(RELAY, ranges="10.0.5.0/24").change(FRONTEND, bindings="10.0.0.21:25")
    assert way(org, "EX10A", "EX16A").state == "works"


def test_a_fault_on_one_of_several_own_addresses_is_open() -> None:
    """Fact S4.65."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "10.0.2.21")
    org.add_relay("EX16A", "10.0.2.21", name="Hub", role=HUB, bindings="0.0.0.0:2525")
    assert way(org, "EX16A", "EX16A").state == "unknown"
    org.change(r"EX16A\Hub", ranges="10.0.2.21, 10.0.0.21")
    assert way(org, "EX16A", "EX16A").state == "fails"


def test_an_edge_speaks_to_its_own_site() -> None:
    """Fact S4.64."""
    org = healthy().add_server("EDGE", E2019, "10.0.0.33", roles="Edge")
    assert way(org, "EDGE", "EX16A").state == "works"
    org.change_server("EDGE", site="Elsewhere")
    assert not [one for one in model.ways(org.snapshot()) if "EDGE" in (one.sender, one.target)]


def without(table: str, server: str) -> Callable[[Snapshot], Snapshot]:
    """What cuts a table for one server."""

    def cut(org: Snapshot) -> Snapshot:
        kept = tuple(one for one in getattr(org, table) if one.server != server)
        return replace(org, **{table: kept})

    return cut


@pytest.mark.parametrize("cut", [without("addresses", "EX10A"), without("connectors", "EX16A")])
def test_without_addresses_or_connectors_nothing_is_known(
    cut: Callable[[Snapshot], Snapshot],
) -> None:
    """What is missing accuses nobody."""
    found = way(cut(article().snapshot()), "EX10A", "EX16A")
    assert (found.state, found.was_read) == ("unknown", False)


def test_without_a_targets_addresses_it_fails_if_it_does_everywhere() -> None:
    """Whatever address the target has, the way fails."""
    cut = without("addresses", "EX16A")
    assert way(cut(article().snapshot()), "EX10A", "EX16A").state == "fails"
    org = article().change(RELAY, bindings="10.0.0.21:25")
    assert way(cut(org.snapshot()), "EX10A", "EX16A").state == "unknown"


@pytest.mark.parametrize("name", ["enabled", "role", "auth", "groups"])
def test_a_way_is_read_when_all_was_that_decides(name: str) -> None:
    """A value of the other port's connectors does not matter."""
    org = healthy()
    bare = replace(org.connector(FRONTEND), **{name: None})
    org.connectors = [bare if one.identity == FRONTEND else one for one in org.connectors]
    assert way(org, "EX10A", "EX16A").was_read is False
    assert way(org, "EX16B", "EX16A").was_read is True
    if name != "role":
        assert way(org, "EX10A", "EX16A").state == "unknown"


# -- Hosts -----------------------------------------------------------------------------------------


def changes(org: Organisation | Snapshot, *lines: str) -> list[str]:
    """What hosts lose or gain by commands that are taken."""
    before = org if isinstance(org, Snapshot) else org.snapshot()
    return host_changes(before, taken(before, *lines))


def test_taking_servers_off_a_relay_hurts_no_host() -> None:
    """The founding repair (section 0)."""
    assert changes(article(), f'{SET} -RemoteIPRanges "10.0.5.0/24"') == []


def test_a_host_that_is_taken_off_with_them_loses_what_it_could() -> None:
    """Whoever falls to another connector may lose (S3.20)."""
    org = article().change(RELAY, auth="None")
    (said,) = changes(org, f'{SET} -RemoteIPRanges "10.0.5.0/25"')
    assert said.startswith("may lose: 10.0.5.128-10.0.5.255 to relay without logging on:")
    assert "from Relay to Default Frontend EX16A at EX16A port 25" in said


def rights(*names: str, deny: bool = False) -> tuple[Right, ...]:
    """Entries of the relay's access list for hosts that don't log on."""
    user = r"NT AUTHORITY\ANONYMOUS LOGON"
    return tuple(Right("EX16A", "Relay", user, name, deny) for name in names)


ANY = "ms-Exch-SMTP-Accept-Any-Recipient"


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ((), ["may lose"]),
        (rights(ANY), ["loses"]),
        (rights("ms-Exch-SMTP-Submit"), []),
        (rights(ANY, "ms-Exch-SMTP-Submit") + rights(ANY, deny=True), []),
        (rights(ANY) + rights("ms-Exch-SMTP-Submit", deny=True), []),
    ],
)
def test_who_may_relay_stands_in_the_access_list(
    given: tuple[Right, ...], kinds: list[str]
) -> None:
    """Facts S3.20 and S3.21."""
    org = replace(healthy().snapshot(), rights=given)
    found = changes(org, f"{SET} -Enabled $false")
    relay = [one.partition(":")[0] for one in found if "relay" in one]
    assert relay == kinds


def test_a_wider_relay_gives_away_what_nobody_should_gain() -> None:
    """A host that comes onto an open relay gains relaying."""
    org = replace(healthy().snapshot(), rights=rights(ANY))
    said = changes(org, f'{SET} -RemoteIPRanges "10.0.5.0/24","10.0.6.0/24"')
    gains = [one for one in said if one.startswith("gains")]
    assert [one.partition(": ")[2][:30] for one in gains] == ["10.0.6.0-10.0.6.255 to relay w"]


def test_trust_is_not_given_away() -> None:
    """Section 3.2."""
    org = healthy().change(RELAY, groups="AnonymousUsers")
    line = "-AuthMechanism Tls,ExternalAuthoritative -PermissionGroups AnonymousUsers,"
    (said,) = changes(org, f"{SET} {line}ExchangeServers")
    assert said.startswith("gains: 10.0.5.0-10.0.5.255 to relay without logging on, be trusted")


@pytest.mark.parametrize(
    ("line", "ability"),
    [
        ("-AuthMechanism Tls,Integrated,BasicAuth,ExchangeServer -RequireTLS $true", "without TLS"),
        ("-AuthMechanism BasicAuth,Integrated", "use STARTTLS"),
        ("-AuthMechanism Tls,BasicAuth", "log on by NTLM"),
        ("-AuthMechanism Tls,Integrated", "log on by password"),
        ("-AuthMechanism Tls,Integrated,BasicAuth,BasicAuthRequireTLS", "password without TLS"),
        ("-PermissionGroups AnonymousUsers,ExchangeUsers", "submit as a partner"),
        ("-PermissionGroups Partners,ExchangeUsers", "submit without logging on"),
        ("-PermissionGroups AnonymousUsers,Partners", "submit after logging on"),
        ("-Enabled $false", "submit without logging on"),
    ],
)
def test_a_host_loses_what_a_connector_no_longer_offers(line: str, ability: str) -> None:
    """Sections 3.2 and 3.3."""
    org = healthy().remove(FRONTEND)
    org.change(
        RELAY,
        auth="Tls, Integrated, BasicAuth",
        groups="AnonymousUsers, ExchangeUsers, Partners",
    )
    found = changes(org, f"{SET} {line}")
    assert any(one.startswith("loses") and ability in one for one in found)


@pytest.mark.parametrize(
    ("front", "hub", "after", "kinds"),
    [
        ("AnonymousUsers", "AnonymousUsers", "AnonymousUsers", []),
        ("AnonymousUsers", "ExchangeUsers", "ExchangeUsers", []),
        ("ExchangeUsers", "AnonymousUsers", "ExchangeUsers", []),
        ("AnonymousUsers", "AnonymousUsers", "ExchangeUsers", ["loses"]),
    ],
)
def test_where_two_processes_compete_a_host_loses_what_both_gave(
    front: str, hub: str, after: str, kinds: list[str]
) -> None:
    """C9: before, it was open which of them had the host."""
    auth = "Tls, Integrated"
    org = healthy().remove(FRONTEND)
    org.change(RELAY, groups=hub, auth=auth, role=HUB)
    org.add_relay("EX16A", "0.0.0.0/0", name="Front", groups=front, auth=auth)
    mended = org.copy().change(RELAY, bindings="0.0.0.0:2599").change(r"EX16A\Front", groups=after)
    found = host_changes(org.snapshot(), mended.snapshot())
    here = [one for one in found if "10.0.5.0-10.0.5.255" in one and "port 25 " in one]
    assert [one.partition(":")[0] for one in here if "to submit without" in one] == kinds


@pytest.mark.parametrize(("before", "kinds"), [("", ["gains"]), ("10.0.0.0/8", [])])
def test_where_it_was_open_a_host_gains_what_neither_gave(before: str, kinds: list[str]) -> None:
    """C9."""
    org = healthy().add_relay("EX16A", before or "10.7.0.0/16", name="Hub", role=HUB)
    org.change(r"EX16A\Hub", auth="ExternalAuthoritative", groups="ExchangeServers")
    mended = org.copy().change(r"EX16A\Hub", role=FRONT, ranges="10.0.0.0/8")
    mended.change(RELAY, enabled=False)
    found = host_changes(org.snapshot(), mended.snapshot())
    gains = [one for one in found if one.startswith("gains") and "10.0.5.0-10.0.5.255" in one]
    assert [one.partition(":")[0] for one in gains] == kinds


def test_a_role_conflict_refuses_to_be_disabled_away() -> None:
    """Facts S1.30 and S8.65: disabled connectors count as well."""
    org = healthy().change(RELAY, role=HUB)
    assert "S1.30" in wrong_with(org, f"{SET} -Enabled $false")
    taken(org, f"{SET} -TransportRole FrontendTransport")
    taken(org, f'{SET} -Bindings "0.0.0.0:2525"')


def test_a_relay_whose_settings_were_not_read_may_have_given_more() -> None:
    """Unread is no loss where it stays, and may be one where it goes."""
    org = article().change(RELAY, groups="AnonymousUsers", auth="Tls", require_tls=False)
    bare = replace(org.connector(RELAY), groups=None)
    org.connectors = [bare if one.identity == RELAY else one for one in org.connectors]
    assert changes(org, f'{SET} -RemoteIPRanges "10.0.5.0/24"') == []
    (said,) = changes(org, f'{SET} -RemoteIPRanges "10.0.5.0/25"')
    assert said.startswith("may lose: 10.0.5.128-10.0.5.255 to relay")


def test_a_port_that_setup_never_gave_is_none_that_hosts_count_on() -> None:
    """Section 2: of setup's connectors only their own ports count."""
    org = healthy().change(FRONTEND, bindings="0.0.0.0:26, [::]:26")
    back = f'Set-ReceiveConnector "{FRONTEND}" -Bindings "0.0.0.0:25","[::]:25"'
    assert changes(org, back) == []
    org = healthy().change(RELAY, bindings="0.0.0.0:26", groups="AnonymousUsers")
    assert any("port 26 " in one for one in changes(org, f'{SET} -Bindings "0.0.0.0:25"'))


def test_other_servers_are_judged_by_their_ways_and_not_as_hosts() -> None:
    """An address of a server is no host."""
    org = healthy().change(RELAY, ranges="10.0.0.11, 10.0.9.9").snapshot()
    strange = replace(
        org,
        rights=rights(ANY),
        addresses=tuple(
            ServerAddress("EX10A", "10.0.9.9", one.source) if one.address == "10.0.0.12" else one
            for one in org.addresses
        ),
    )
    assert changes(strange, f'{SET} -RemoteIPRanges "10.0.5.0/24"') == [
        one for one in changes(strange, f'{SET} -RemoteIPRanges "10.0.5.0/24"') if "10.0.5" in one
    ]


def test_versions_of_the_samples_are_the_ones_meant() -> None:
    """2010 is old, 2016 is not (S9.11)."""
    org = Organisation().add_server("A", E2010).add_server("B", E2016)
    assert [model.is_legacy(one) for one in org.servers] == [True, False]
