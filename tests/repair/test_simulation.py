"""Commands run on paper: what they leave, and what Exchange would refuse at their turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailflow.analysis.analysis import analyze
from mailflow.analysis.change import Edit
from mailflow.analysis.servers import ServerView
from mailflow.exchange.conflicts import TEXT_B
from mailflow.exchange.connectors import AuthMechanism
from mailflow.exchange.ranges import AddressRange
from mailflow.repair.request import edited
from mailflow.repair.simulation import RefusedError, applied, refuser, set_values
from mailflow.snapshot import Snapshot
from organisations import Organisation, article

RELAY = r"EX16A\Relay"


def edit(org: Organisation | Snapshot, **values: Any) -> Edit:  # noqa: ANN401
    """A change of EX16A's relay."""
    read = org.snapshot() if isinstance(org, Organisation) else org
    return edited(read, "EX16A", "Relay", **values)


def texts(blocks: tuple[AddressRange, ...]) -> list[str]:
    """Ranges as they would be written."""
    return [str(one) for one in blocks]


def view_of(org: Organisation) -> ServerView:
    """EX16A with all that was read of it."""
    found = analyze(org.snapshot()).server("EX16A")
    assert found is not None
    return found


def test_applied_changes_the_lists_alone() -> None:
    """What is expected after the change is the organisation with these lists."""
    org = article().snapshot()
    changes = [edited(org, name, "Relay", remove=["10.0.0.11"]) for name in ("EX16A", "EX16B")]

    after = applied(org, changes)
    wanted = article()
    for name in ("EX16A", "EX16B"):
        wanted.change(rf"{name}\Relay", ranges="10.0.0.12, 10.0.5.0/24")
    assert after == wanted.snapshot()


def test_another_list_than_the_proven_one_is_refused() -> None:
    """S8.68: somebody changed it meanwhile; what they did is shown."""
    change = edit(article(), remove=["10.0.0.11"])
    meanwhile = article().change(r"EX16A\Relay", ranges="10.0.0.12, 10.0.5.0/24, 10.0.8.1")

    with pytest.raises(RefusedError, match=r"10\.0\.0\.11 was removed and 10\.0\.8\.1 was added"):
        applied(meanwhile.snapshot(), [change])
    with pytest.raises(RefusedError, match="wasn't found"):
        applied(article().remove(r"EX16A\Relay").snapshot(), [change])
    halves = article().change(
        r"EX16A\Relay", ranges="10.0.0.11, 10.0.0.12, 10.0.5.0/25, 10.0.5.128/25"
    )
    with pytest.raises(RefusedError, match="split differently"):
        applied(halves.snapshot(), [change])


def test_the_same_list_in_another_order_is_the_proven_one() -> None:
    """Section 1.4: the order of values is not fixed."""
    change = edit(article(), remove=["10.0.0.11"])
    turned = article().change(r"EX16A\Relay", ranges="10.0.5.0-10.0.5.255, 10.0.0.12, 10.0.0.11")

    after = applied(turned.snapshot(), [change])
    assert texts(
        next(one for one in after.connectors if one.identity == change.identity).ranges
    ) == [
        "10.0.0.12",
        "10.0.5.0/24",
    ]


def test_what_others_made_meanwhile_is_checked_again() -> None:
    """S1.31: a connector that was added since may be in the way now."""
    change = edit(article(), add=["10.0.9.0/24"])
    meanwhile = article().add_relay("EX16A", "10.0.9.0/24", name="Second")

    with pytest.raises(RefusedError) as caught:
        applied(meanwhile.snapshot(), [change])
    assert TEXT_B.format(r"EX16A\Second") in str(caught.value)


def changed(org: Organisation, identity: str, **values: Any) -> Edit:  # noqa: ANN401
    """A change of a connector to other values, made for the organization as it is."""
    before = org.connector(identity)
    return Edit(before, org.copy().change(identity, **values).connector(identity))


def test_every_parameter_is_set() -> None:
    """S3.23: what a command names is as named, and everything else stays."""
    org = article()
    values = {"ranges": "10.0.5.0/24", "auth": "Tls, Integrated", "groups": "Partners, Custom"}
    values |= {"bindings": "0.0.0.0:26", "fqdn": "relay.x"}
    change = changed(org, RELAY, **values)

    assert applied(org.snapshot(), [change]) == org.copy().change(RELAY, **values).snapshot()


def test_custom_stays_beside_the_groups() -> None:
    """S3.20, S3.22: setting the groups leaves the access list alone, which Custom shows."""
    org = article().change(RELAY, groups="AnonymousUsers, Custom")
    change = changed(org, RELAY, groups="ExchangeUsers")

    made = set_values(org.connector(RELAY), change)
    assert made == org.change(RELAY, groups="ExchangeUsers, Custom").connector(RELAY)


@pytest.mark.parametrize(
    ("wanted", "meanwhile", "words"),
    [
        ({"auth": "Tls, BasicAuth"}, {"auth": "None"}, "AuthMechanism is None, and was Tls"),
        ({"enabled": False}, {"enabled": None}, "Enabled is unknown, and was $true"),
        (
            {"bindings": "0.0.0.0:27"},
            {"bindings": "0.0.0.0:26"},
            "Bindings is 0.0.0.0:26, and was 0.0.0.0:25",
        ),
    ],
)
def test_another_setting_than_the_proven_one_is_refused(
    wanted: dict[str, Any], meanwhile: dict[str, Any], words: str
) -> None:
    """S8.68: whatever a command sets has to be as it was when the command was made."""
    org = article()
    change = changed(org, RELAY, **wanted)

    with pytest.raises(RefusedError, match="is no longer as it was") as caught:
        applied(org.copy().change(RELAY, **meanwhile).snapshot(), [change])
    assert words in str(caught.value)


def test_what_a_command_does_not_set_may_have_changed() -> None:
    """S3.23: only the named parameters are replaced; another change meanwhile stays."""
    org = article()
    change = changed(org, RELAY, auth="Tls, Integrated")
    meanwhile = org.copy().change(RELAY, ranges="10.0.5.0/24")

    after = applied(meanwhile.snapshot(), [change])
    assert after == meanwhile.change(RELAY, auth="Tls, Integrated").snapshot()


def test_commands_see_what_those_before_them_left() -> None:
    """S8.65: the second one frees no range before the first gave it up, and not the other way."""
    org = article().add_relay("EX16A", "10.0.9.0/24", name="Second")
    gives = changed(org, r"EX16A\Second", ranges="10.0.8.0/24")
    takes = changed(org, RELAY, ranges="10.0.5.0/24, 10.0.9.0/24")

    applied(org.snapshot(), [gives, takes])
    with pytest.raises(RefusedError, match="unique combination"):
        applied(org.snapshot(), [takes, gives])


def test_refuser_looks_at_the_whole_object() -> None:
    """Sections 1.5 and 3.4, S8.65: the settings first, then the mapping beside the others."""
    org = article().add_relay("EX16A", "10.0.9.0/24", name="Second")
    relay = org.connector(RELAY)
    view = view_of(org)
    refuse = refuser(view)

    assert refuse(relay, view.connectors) is None
    assert refuse(replace(relay, require_tls=True, auth=AuthMechanism(0)), view.connectors)
    taken = org.copy().change(RELAY, ranges="10.0.9.0/24").connector(RELAY)
    assert refuse(taken, view.connectors) == TEXT_B.format(r"EX16A\Second")


def test_refuser_knows_the_servers_own_switch() -> None:
    """Section 3.4, C10: SuppressXAnonymousTls needs UseDowngradedExchangeServerAuth."""
    org = article().change(RELAY, suppress_x_anonymous_tls=True)
    relay = org.connector(RELAY)

    for value, expected in ((True, True), (False, False)):
        view = view_of(org.set_downgraded_auth("EX16A", value=value))
        assert (refuser(view)(relay, view.connectors) is None) == expected
