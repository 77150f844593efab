"""docs/contract.md names what there is: commands, options, causes, keys."""

from __future__ import annotations

import re
from functools import cache

from command_line import commands
from mailflow.checks.registry import CHECKS
from mailflow.exchange.ehlo import EhloAttempt
from mailflow.opening import open_source
from mailflow.views.explanation import explain_text
from mailflow.views.findings import findings
from mailflow.views.probe import judge, probed, questions_of, sender_of, targets_of
from mailflow.views.which import probe, which
from support import ROOT


@cache
def section(number: int) -> str:
    """One section of the contract."""
    text = (ROOT / "docs" / "contract.md").read_text("utf-8")
    return re.split(r"^## \d+ ", text, flags=re.MULTILINE)[number]


def test_every_command_is_named() -> None:
    """In section 3, and none that is not there."""
    named = set(re.findall(r"`mailflow ([a-z]+)", section(3)))

    assert named == {name for name, *_ in commands()}


def test_every_cause_is_named() -> None:
    """In section 7, and none that is not there."""
    named = set(re.findall(r"^\| `([a-z-]+)` \|", section(7), re.MULTILINE))
    named |= set(re.findall(r"`([a-z-]+)`", section(7).rpartition("Of the audit alone")[2]))

    assert named - {"clear", "connector"} == set(CHECKS)


def test_every_key_of_the_findings_is_named() -> None:
    """In section 6: of the document, of a finding, of its changes, of what was checked."""
    document = findings(open_source("demo:article")).as_json()
    first = document["findings"][0]
    keys = {*document, *first, *first["changes"][0], *document["checked"]}

    assert keys - set(re.findall(r'"(\w+)"', section(6))) == set()


def test_keys_of_answers_are_named() -> None:
    """In section 3, those of `which` and of `explain`."""
    answer = which(open_source("demo:article"), probe("EX16A", "10.0.0.11"))
    explained = explain_text("451 5.7.3 Cannot achieve Exchange Server authentication")
    named = set(re.findall(r"`(\w+)`", section(3)))

    assert {*answer, *explained} - named - {"schema"} == set()


def test_keys_of_an_ehlo_probe_are_named() -> None:
    """In section 3: of the document, and of a target."""
    org = open_source("demo:article")
    sender = sender_of(org, "EX10A")
    target, *_ = targets_of(org, sender)
    question, *_ = questions_of(sender, [target])
    result = judge(sender, target, EhloAttempt(question))
    found = probed(org, "demo:article", sender, [result], named=True).as_json()
    named = set(re.findall(r"`(\w+)`", section(3)))

    assert {*found, *found["targets"][0]} - named - {"schema"} == set()


def test_every_option_is_named() -> None:
    """In section 3, by one of its names."""
    unnamed = {
        f"{name} {option.opts}"
        for (name, *_), command in commands().items()
        for option in command.params
        if option.param_type_name == "option"
        and not any(re.search(rf"{re.escape(one)}\b", section(3)) for one in option.opts)
    }

    assert unnamed == set()
