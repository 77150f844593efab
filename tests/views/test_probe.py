"""What a target offers, beside what configuration predicts: which targets, and how each counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailflow.errors import UsageError
from mailflow.exchange.ehlo import EhloAttempt, EhloObservation, predicted_keywords
from mailflow.snapshot import Snapshot
from mailflow.views.probe import (
    ProbeResult,
    judge,
    probed,
    questions_of,
    sender_of,
    targets_of,
    unaskable,
)
from organisations import Organisation, article, healthy

BOTH = ("STARTTLS", "X-ANONYMOUSTLS", "X-EXPS GSSAPI NTLM")
EXPS_ALONE = ("STARTTLS", "X-EXPS GSSAPI NTLM")


def places(org: Organisation | Snapshot, sender: str, *names: str) -> list[tuple[str, str, int]]:
    """Server, address and port of each target."""
    snapshot = org if isinstance(org, Snapshot) else org.snapshot()
    found = targets_of(snapshot, sender_of(snapshot, sender), names)
    return [(each.view.name, str(each.address or ""), each.port) for each in found]


def judged(
    org: Organisation, *keywords: str, target: str = "EX16A", **observed: object
) -> ProbeResult:
    """What a whole reply with these keywords comes to, seen by EX10A."""
    snapshot = org.snapshot()
    sender = sender_of(snapshot, "EX10A")
    (asked,) = targets_of(snapshot, sender, [target])
    (question,) = questions_of(sender, [asked])
    reply = replace(
        question,
        **{
            "keywords": keywords,
            "complete": True,
            "seen_as": "10.0.0.11",
            "lines": ("250-", "250 x"),
        }
        | observed,  # type: ignore[arg-type]
    )
    return judge(sender, asked, EhloAttempt(reply))


def test_where_a_sender_sends_to() -> None:
    """S4.02 to S4.04: 2010 knows port 25 alone, 2016 speaks to its like on 2525."""
    assert places(article(), "EX10A") == [
        ("EX10B", "10.0.0.12", 25),
        ("EX16A", "10.0.0.21", 25),
        ("EX16B", "10.0.0.22", 25),
    ]
    assert places(article(), "EX16A", "ex16b") == [("EX16B", "10.0.0.22", 2525)]


def test_each_address_of_a_target() -> None:
    """S4.66: of a family that the sender has as well; where its own are not known, of each."""
    org = article().set_addresses("EX16A", "10.0.0.21", "10.0.9.21", "2001:db8::21")
    all_known = [("EX16A", "10.0.0.21", 25), ("EX16A", "10.0.9.21", 25)]

    assert places(org, "EX10A", "EX16A") == all_known
    assert places(org.set_addresses("EX10A"), "EX10A", "EX16A") == [
        *all_known,
        ("EX16A", "2001:db8::21", 25),
    ]


def test_a_target_without_an_address_is_named() -> None:
    """It cannot be asked, and that is said."""
    snapshot = article().set_addresses("EX16A").snapshot()
    found = targets_of(snapshot, sender_of(snapshot, "EX10A"), ["EX16A"])

    assert [bool(unaskable(each)) for each in found] == [True] * len(found)
    assert found


def test_who_sends_nothing_there() -> None:
    """S4.64: an Edge server of another site."""
    org = article().add_server("EDGE1", "2016", "10.0.7.1", roles="Edge")
    for name, site in (("EDGE1", "Elsewhere"), ("EX10A", "Here")):
        org.change_server(name, site=site)
    with pytest.raises(UsageError, match="sends no mail to EDGE1 directly"):
        places(org, "EX10A", "EDGE1")


@pytest.mark.parametrize(
    ("keywords", "state", "lacks"),
    [
        (BOTH, "offers", ()),
        (("STARTTLS",), "lacks", ("X-ANONYMOUSTLS", "X-EXPS")),
        (EXPS_ALONE, "lacks", ("X-ANONYMOUSTLS",)),
        ((), "lacks", ("X-ANONYMOUSTLS", "X-EXPS")),
    ],
)
def test_what_is_offered_decides(
    keywords: tuple[str, ...], state: str, lacks: tuple[str, ...]
) -> None:
    """S5.03, whatever the configuration says."""
    org = article().set_downgraded_auth("EX10A", value=False)
    found = judged(org, *keywords)

    assert (found.state, found.lacks) == (state, lacks)
    assert found.connector == "EX16A\\Relay"


@pytest.mark.parametrize(("downgraded", "state"), [(True, "offers"), (None, "unknown")])
def test_the_downgraded_mode(downgraded: bool | None, state: str) -> None:
    """S3.42: X-EXPS GSSAPI does there; where the setting was not read it is not decided."""
    org = article().set_downgraded_auth("EX10A", value=downgraded)

    assert judged(org, *EXPS_ALONE).state == state


def test_a_reply_that_is_not_whole_lacks_nothing() -> None:
    """Nothing is concluded from absence."""
    found = judged(article(), "STARTTLS", complete=False)

    assert (found.state, found.lacks) == ("unknown", ())


def test_what_differs_from_the_prediction_is_said() -> None:
    """Neither is accused: the reasons that are left are named."""
    agrees = judged(article(), "STARTTLS")
    more = judged(article(), *BOTH)
    less = judged(healthy(), "STARTTLS")

    assert agrees.notes == ()
    assert ["does not offer what is needed" in note for note in more.notes] == [True]
    assert ["predicted connector offers what is needed" in note for note in less.notes] == [True]


def test_a_connector_of_which_nothing_is_known_predicts_nothing() -> None:
    """Its authentication was not read."""
    found = judged(article().change("EX16A\\Relay", auth=None), *BOTH)

    assert found.notes == ()


@pytest.mark.parametrize(("seen", "notes"), [("10.0.0.11", 0), ("10.0.5.9", 1), ("", 0)])
def test_as_whom_the_target_sees_it(seen: str, notes: int) -> None:
    """S5.30: an address that is none of the sender's."""
    found = judged(article(), "STARTTLS", seen_as=seen)

    assert len(found.notes) == notes


def test_what_a_healthy_connector_offers_is_enough() -> None:
    """The prediction and the judgement are one rule (section 3.6, S5.03)."""
    connector = healthy().connector("EX16A\\Default Frontend EX16A")

    assert judged(healthy(), *predicted_keywords(connector)).state == "offers"


def test_servers_that_were_not_read_are_no_all_clear() -> None:
    """Unless the targets were named."""
    org = article()
    partial = replace(org.snapshot(), cmdlets=frozenset({"Get-ReceiveConnector"}))
    sender = sender_of(partial, "EX10A")
    results = [judged(org, *BOTH)]
    whole = probed(org.snapshot(), "x", sender, results, named=False)
    cut = probed(partial, "x", sender, results, named=False)
    named = probed(partial, "x", sender, results, named=True)

    assert [each.exit_code for each in (whole, cut, named)] == [0, 2, 0]
    assert "there may be other servers" in cut.summary


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (("offers", "offers"), 0),
        (("offers", "lacks", "not-reached"), 1),
        (("offers", "not-reached"), 2),
        (("offers", "unknown"), 2),
        ((), 2),
    ],
)
def test_exit_codes(states: tuple[str, ...], code: int) -> None:
    """Contract, section 4."""
    org = article()
    base = judged(org, *BOTH)
    snapshot = org.snapshot()
    results = [replace(base, state=state) for state in states]  # type: ignore[arg-type]
    found = probed(snapshot, "x", sender_of(snapshot, "EX10A"), results, named=True)

    assert found.exit_code == code
    assert found.summary.endswith(".")


def test_a_name_that_cannot_stand_behind_ehlo() -> None:
    """A line end in it would be another command."""
    snapshot = article().snapshot()
    sender = sender_of(snapshot, "EX10A")
    hostile = replace(sender, server=replace(sender.server, fqdn="a\r\nMAIL FROM:<b>"))
    with pytest.raises(UsageError, match="is not a host name"):
        questions_of(hostile, targets_of(snapshot, sender))


def test_an_observation_says_nothing_by_itself() -> None:
    """Every field is empty until it is told."""
    assert EhloObservation().complete is False
    assert EhloObservation().offered_before_tls is None
