"""The proposed repair works: once applied, the fault is gone and nobody else moved."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from mailflow.analysis.assessment import SHADOWED
from mailflow.exchange.conflicts import find_conflicts
from mailflow.exchange.connectors import TransportRole
from mailflow.exchange.ranges import parse_address, parse_range
from mailflow.exchange.selection import select
from mailflow.snapshot import Snapshot
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis
from organisations import Organisation, healthy
from repair_property import typed_in

SENDERS = ("10.0.0.11", "10.0.0.12")


def typed(org: Organisation, commands: tuple[str, ...]) -> Snapshot:
    """The organization after an administrator pasted these commands, none of them refused."""
    after, wrong = typed_in(org.snapshot(), commands)
    assert wrong == []
    return after


def shadowed(diagnosis: Diagnosis) -> list[str | None]:
    """The connectors that are found to shadow the default."""
    return [
        one.connector
        for one in diagnosis.findings
        if one.cause == SHADOWED and one.state != "clear"
    ]


ENDS = st.integers(1, 40)
RANGES = st.lists(
    st.one_of(
        ENDS.map("10.0.0.{}".format),
        st.tuples(ENDS, ENDS).map(lambda ends: f"10.0.0.{min(ends)}-10.0.0.{max(ends)}"),
        st.sampled_from(["10.0.0.0/24", "10.0.0.0/28", "10.0.0.8(255.255.255.248)", "10.0.5.0/24"]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda text: (parse_range(text).first, parse_range(text).last),
)


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    """A healthy organisation with relays on one server that Exchange would have accepted."""
    org = healthy().remove(r"EX16A\Relay")
    for number, ranges in enumerate(draw(st.lists(RANGES, min_size=1, max_size=3))):
        org.add_relay("EX16A", *ranges, name=f"Relay {number}")
    assume(not find_conflicts([one for one in org.connectors if one.server == "EX16A"]))
    return org


@given(organisations())
def test_repair_ends_the_fault(org: Organisation) -> None:
    """Once typed, no custom connector accepts the servers any more (S8.63), or words say why not.

    No command is refused on the way: each list stands beside the others (S1.30 to S1.33).
    """
    before = findings(org.snapshot())
    assert before.plan is not None
    if shadowed(before) and not before.repair:
        assert before.plan.refused
        return

    after = findings(typed(org, before.repair))

    assert shadowed(after) == []
    assert after.verdict == "clear"


def test_nested_ranges_of_two_relays() -> None:
    """Equal pieces would be refused: the one that lost there before gives them up (S1.31)."""
    org = healthy().remove(r"EX16A\Relay")
    org.add_relay("EX16A", "10.0.0.0/28", name="Inner")
    org.add_relay("EX16A", "10.0.0.0/24", name="Outer")

    assert findings(org.snapshot()).repair == (
        (
            r'Set-ReceiveConnector "EX16A\Inner" -RemoteIPRanges '
            r'"10.0.0.0-10.0.0.10","10.0.0.13-10.0.0.15"'
        ),
        r'Set-ReceiveConnector "EX16A\Outer" -RemoteIPRanges "10.0.0.13-10.0.0.255"',
    )


@given(organisations())
def test_whom_else_the_repair_moves_is_said(org: Organisation) -> None:
    """Every other address is accepted as before, or the proof says that it is not (S1.13)."""
    before = findings(org.snapshot())
    assert before.plan is not None
    proof = before.plan.proof
    told = [one.block for one in proof.moved] if proof else []

    fixed = typed(org, before.repair)

    others = [f"10.0.0.{last}" for last in range(1, 41) if f"10.0.0.{last}" not in SENDERS]
    moved = [
        parse_address(one) for one in others if _winner(org.snapshot(), one) != _winner(fixed, one)
    ]
    assert [one for one in moved if not any(one in block for block in told)] == []


def test_a_disabled_list_is_not_overlapped() -> None:
    """S8.64, S1.31: the inner list would be empty; disabled, it still bounds the outer one."""
    org = healthy().remove(r"EX16A\Relay").remove(r"EX16B\Relay")
    org.add_relay("EX16A", "10.0.0.1-10.0.0.11", name="Inner")
    org.add_relay("EX16A", "10.0.0.0/24", "10.0.0.1-10.0.0.10", name="Outer")
    found = findings(org.snapshot())

    assert found.repair == (
        r'Set-ReceiveConnector "EX16A\Inner" -Enabled $false',
        (
            r'Set-ReceiveConnector "EX16A\Outer" -RemoteIPRanges '
            r'"10.0.0.0","10.0.0.1-10.0.0.10","10.0.0.13-10.0.0.255"'
        ),
    )
    assert findings(typed(org, found.repair)).verdict == "clear"


@given(organisations())
def test_undo_puts_every_list_back(org: Organisation) -> None:
    """The undo commands give each connector what it had."""
    found = findings(org.snapshot())

    after, wrong = typed_in(typed(org, found.repair), found.undo)

    assert wrong == []
    assert after.connectors == tuple(org.connectors)


def _winner(org: Snapshot, address: str) -> str | None:
    connectors = [one for one in org.connectors if one.server == "EX16A"]
    got = select(
        connectors,
        process=TransportRole.FrontendTransport,
        local=parse_address("10.0.0.21"),
        port=25,
        remote=parse_address(address),
    )
    return got.connector.name if got.connector else None
