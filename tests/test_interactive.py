"""What an engineer operates: the widgets on the rules, without a browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mailflow
from mailflow.errors import UsageError
from mailflow.interactive import MOST_RANGES, address_explorer, choose_queues, confirm_box
from mailflow.repair.request import edited
from mailflow.show.widgets.choice import MOST_BOXES
from mailflow.show.widgets.controls import VIEW, tick
from mailflow.show.widgets.explorer import AddressExplorer
from mailflow.snapshot import Snapshot
from mailflow.this_run import RUN_FOLDER
from organisations import Organisation, article, healthy
from show_cases import HOSTILE
from support import ROOT


def opened(org: Organisation | Snapshot, **question: str) -> AddressExplorer:
    """The explorer on the screen."""
    snapshot = org.snapshot() if isinstance(org, Organisation) else org
    shown = address_explorer(snapshot, **question)
    assert shown.widget
    return shown


def html(shown: AddressExplorer) -> str:
    """All HTML that is on the screen now."""
    waiting, parts = [shown.widget], []
    while waiting:
        one = waiting.pop()
        waiting.extend(getattr(one, "children", ()))
        if type(one).__name__ == "HTML":
            parts.append(one.value)
    return "\n".join(parts)


def ruler_of(shown: AddressExplorer) -> list[str]:
    """The titles of the rulers on the screen."""
    return [part.partition("<")[0] for part in html(shown).split("<figcaption>")[1:]]


@pytest.fixture
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a headless run."""
    monkeypatch.setenv(RUN_FOLDER, "/runs/one")


def test_it_begins_with_the_first_way_that_cannot_work() -> None:
    """The caught server, the target and the connector that catches it (S1.13), before any key."""
    shown = opened(article())

    assert shown.source.value == "10.0.0.11 (EX10A)"
    assert (shown.server.value, shown.port.value) == ("EX16A", "25")
    assert shown.connector.value == "Relay"
    assert "Relay accepts 10.0.0.11 (EX10A) on EX16A, port 25." in html(shown)


def test_where_all_is_well_it_begins_with_any_way() -> None:
    """Without a fault there is an answer to begin with as well."""
    assert "It accepts mail from Exchange servers." in html(opened(healthy()))


def test_another_address_has_another_answer_at_once() -> None:
    """Typed, picked, or by the server's name: words, table and ruler follow each key."""
    shown = opened(article())
    shown.source.value = "10.0.0.99"
    first = html(shown)
    shown.source.value = "ex10b"
    second = html(shown)

    assert "Default Frontend EX16A accepts 10.0.0.99 on EX16A" in first
    assert ">10.0.0.99</text>" in first
    assert "<td>10.0.0.99 is not in its ranges</td>" in first
    assert "Relay accepts 10.0.0.12 (EX10B)" in second
    assert "10.0.0.99" not in second
    assert ruler_of(shown) == ["Now: EX16A, port 25: which connector accepts which server"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Type a source address"),
        ("   ", "Type a source address"),
        ("10.0.0.", "The format of the IP address 10.0.0. is invalid"),
        ("EX99", "The format of the IP address EX99 is invalid"),
        ("10.0.0.0/24", "invalid"),
        (HOSTILE, "invalid"),
    ],
)
def test_what_is_no_address_gets_a_sentence(typed: str, sentence: str) -> None:
    """Bad input is answered with a sentence; no old answer stays beside it."""
    shown = opened(article())
    shown.source.value = typed
    seen = html(shown)

    assert sentence in seen
    assert "accepts 10.0.0.11" not in seen
    assert ruler_of(shown) == []
    assert "<script" not in seen


def test_two_families_in_one_question_get_a_sentence() -> None:
    """An IPv6 source cannot reach an IPv4 address (S1.17)."""
    shown = opened(article())
    shown.local.value = "10.0.0.21"
    shown.source.value = "2001:db8::9"

    assert "two address families" in html(shown)


def test_a_server_with_several_addresses_is_not_guessed() -> None:
    """By name alone it would not be known which address is meant."""
    org = article()
    org.set_addresses("EX10A", "10.0.0.11", "10.0.9.11")
    shown = opened(org)
    shown.source.value = "EX10A"

    assert "10.0.0.11 and 10.0.9.11; take one" in html(shown)


def test_a_range_taken_off_on_trial() -> None:
    """Now and with the trial side by side: words, ruler, reasons; and back with one button."""
    shown = opened(article())
    assert shown.forget.disabled
    shown.remove.value = "10.0.0.11"
    seen = html(shown)

    assert "Relay accepts 10.0.0.11 (EX10A)" in seen
    assert "Default Frontend EX16A accepts 10.0.0.11 (EX10A)" in seen
    assert "EX10A (10.0.0.11): Default Frontend EX16A instead of Relay." in seen
    assert ruler_of(shown) == [
        f"{side}: EX16A, port 25: which connector accepts which server"
        for side in ("Now", "What if")
    ]
    shown.add.value = "10.0.8.0/24"
    shown.forget.click()
    assert (shown.remove.value, shown.add.value) == ("", "")
    assert len(ruler_of(shown)) == 1


def test_a_range_put_on_on_trial() -> None:
    """A range that is added catches another server, and that is said as well."""
    shown = opened(article())
    shown.server.value = "EX16A"
    shown.port.value = "2525"
    shown.source.value = "10.0.0.22"
    assert "Default EX16A accepts 10.0.0.22 (EX16B) on EX16A, port 2525" in html(shown)
    shown.port.value = "25"
    shown.add.value = "10.0.0.22, 10.0.0.30-10.0.0.40"

    assert "Relay accepts 10.0.0.22 (EX16B) on EX16A, port 25" in html(shown)


@pytest.mark.parametrize(
    ("add", "remove", "words"),
    [
        ("10.0.0.", "", "The format of the IP address"),
        ("10.0.0.11", "", "is an element of EX16A\\Relay already"),
        ("", "10.0.5.9", "It is part of 10.0.5.0/24: remove 10.0.5.0/24 and add"),
        ("", "10.0.0.11, 10.0.0.12, 10.0.5.0/24", "RemoteIPRanges would be empty"),
        ("0.0.0.0-255.255.255.255", "", "Exchange would refuse the change of EX16A\\Relay"),
    ],
)
def test_a_trial_that_exchange_refuses(add: str, remove: str, words: str) -> None:
    """What Exchange would refuse is said, in its words; the answer as it is now stays (S1.31)."""
    shown = opened(article())
    shown.remove.value = remove
    shown.add.value = add
    seen = html(shown)

    assert "Invalid change:" in seen
    assert words in seen
    assert "Relay accepts 10.0.0.11 (EX10A)" in seen
    assert len(ruler_of(shown)) == 1


def test_another_server_brings_its_own_choices() -> None:
    """Ports, addresses, connectors and ranges are those of the server; the address stays."""
    org = article()
    org.add_relay("EX16B", "10.0.6.0/24", name="Scanner")
    shown = opened(org)
    shown.remove.value = "10.0.0.11"
    shown.server.value = "EX16B"
    ranges = list(shown.remove.options)
    shown.connector.value = "Scanner"

    assert [value for _, value in shown.local.options] == ["", "10.0.0.22"]
    assert ranges == ["10.0.0.11", "10.0.0.12", "10.0.5.0/24"]
    assert list(shown.remove.options) == ["10.0.6.0/24"]
    assert shown.remove.value == ""
    assert "Relay accepts 10.0.0.11 (EX10A) on EX16B, port 25" in html(shown)
    shown.server.value = "EX10A"
    assert [text for text, _ in shown.connector.options] == ["none: it has no custom connector"]
    assert "Default EX10A accepts 10.0.0.11" in html(shown)


def test_a_very_long_list_offers_what_holds_a_server() -> None:
    """Of thousands of elements those that matter can be picked, wherever they stand (S1.20)."""
    org = article()
    many = ", ".join(f"10.9.{a}.{b}" for a in range(4) for b in range(250))
    org.change("EX16A\\Relay", ranges=f"{many}, 10.0.0.11, 10.0.0.12")
    shown = opened(org)

    assert len(shown.remove.options) == MOST_RANGES
    assert list(shown.remove.options[:2]) == ["10.0.0.11", "10.0.0.12"]


def test_it_can_be_asked_for() -> None:
    """A server and a source to begin with; an unknown server gets a sentence, no traceback."""
    shown = opened(article(), server="ex16b", source="10.0.5.7")
    unknown = opened(article(), server="EX99")

    assert shown.server.value == "EX16B"
    assert "Relay accepts 10.0.5.7 on EX16B" in html(shown)
    assert "No server called EX99 was read" in html(unknown)
    unknown.server.value = "EX16A"
    assert "accepts" in html(unknown)


def test_an_organisation_without_anything() -> None:
    """No server, no connector: a sentence."""
    empty = Organisation().snapshot()
    bare = article()
    bare.connectors = []

    assert "No server was read" in html(opened(empty))
    assert "no receive connector of EX10A was read" in html(opened(bare))
    assert "no receive connector of EX16A was read" in html(opened(bare, server="EX16A"))


def test_hostile_names_stay_text() -> None:
    """Names of servers, connectors and queues become no element, in the options neither."""
    org = article()
    org.add_server(f"EX{HOSTILE}", "Version 15.1 (Build 2375.7)", "10.0.0.77")
    org.add_relay("EX16A", "10.0.0.77", name=HOSTILE)
    shown = opened(org, source="10.0.0.77")
    shown.server.value = "EX16A"
    shown.port.value = "25"
    options = [text for text, _ in (*shown.server.options, *shown.connector.options)]

    assert "accepts 10.0.0.77" in html(shown)
    assert "&lt;script&gt;" in html(shown)
    for forbidden in ("<script", "<img"):
        assert forbidden not in html(shown)
    assert all(text.isprintable() for text in (*options, *shown.source.options))


@pytest.mark.usefixtures("headless")
def test_headless_it_tells_of_the_first_stuck_way() -> None:
    """Without anybody to ask: static, who answers the caught server and why the others do not."""
    bundle = address_explorer(article().snapshot())._repr_mimebundle_()

    assert VIEW not in bundle
    assert "Relay accepts 10.0.0.11 (EX10A) on EX16A" in str(bundle["text/html"])
    assert "larger range: 4,294,967,296 addresses against 1" in str(bundle["text/html"])
    assert "VBox" not in str(bundle["text/plain"])


def queues(org: Organisation) -> Any:  # noqa: ANN401 - a table
    """The first step's result."""
    return mailflow.non_empty_queues(org.snapshot())


def test_stuck_queues_are_chosen_until_somebody_chooses() -> None:
    """All stuck ones; then what is chosen in the list, in its order."""
    chosen = choose_queues(queues(article()))
    before = chosen.value
    assert chosen.widget
    chosen.boxes["EX10A\\1187"].value = False
    chosen.boxes["EX16A\\15"].value = True

    assert before == ("EX10A\\1187", "EX10B\\902")
    assert chosen.value == ("EX10B\\902", "EX16A\\15")
    assert "[ ] EX10A\\1187" in str(chosen)
    for box in chosen.boxes.values():
        box.value = False
    assert chosen.value == ()


def test_hundreds_of_queues_have_boxes_for_those_that_are_chosen() -> None:
    """Nobody ticks hundreds; the stuck ones come first, and what has no box is counted."""
    org = article()
    for number in range(100):
        org.add_queue("EX16A", 1, name=str(2000 + number))
    chosen = choose_queues(queues(org), ["EX16A\\2099"])
    assert chosen.widget

    assert len(chosen.boxes) == MOST_BOXES
    assert chosen.boxes["EX16A\\2099"].value is True
    assert f"{106 - MOST_BOXES} have no box here" in chosen._count.value


def test_a_label_from_outside_is_no_formula() -> None:
    """A front end typesets labels: what would be mathematics there stays text, and readable."""
    assert tick(r"EX\1: $x^2$ to \(a\)", ticked=True).description == (
        "EX\\1: \uff04x^2\uff04 to \\\u2060(a\\)"
    )


def test_queues_can_be_named() -> None:
    """Identities in any case; a name that is no queue's is refused with those that are."""
    assert choose_queues(queues(article()), ["ex10b\\902"]).value == ("EX10B\\902",)
    assert choose_queues(queues(article()), []).value == ()
    with pytest.raises(UsageError, match=r"no queue that holds messages is called EX10A\\7"):
        choose_queues(queues(article()), ["EX10A\\7"])


@pytest.mark.usefixtures("headless")
def test_headless_the_choice_is_a_list() -> None:
    """Its default, as a list that says what is left out."""
    chosen = choose_queues(queues(article()))
    bundle = chosen._repr_mimebundle_()

    assert VIEW not in bundle
    assert chosen.value == ("EX10A\\1187", "EX10B\\902")
    assert str(bundle["text/plain"]).splitlines()[1].startswith("[x] EX10A\\1187: 131 messages")
    assert str(bundle["text/html"]).count("<b>Chosen:</b>") == 2


def test_no_queue_to_choose() -> None:
    """Nothing waits, or nothing was read: that is said, and nothing is chosen."""
    org = healthy()
    org.queues = []
    chosen = choose_queues(queues(org))

    assert chosen.widget
    assert chosen.value == ()
    assert "No queue holds messages" in str(chosen)


def test_a_change_is_asked_for_by_its_connector() -> None:
    """The confirm box takes changes as the steps make them, with words and command."""
    org = article().snapshot()
    calls: list[tuple[str, ...]] = []
    box = confirm_box([edited(org, "EX16A", "Relay", remove=["10.0.0.11"])], calls.append)

    assert "Remove 10.0.0.11 from RemoteIPRanges of EX16A\\Relay." in str(box)
    assert 'Set-ReceiveConnector "EX16A\\Relay"' in str(box)
    assert "--confirm" in str(box)
    assert box.widget
    box.fields["EX16A\\Relay"].value = "EX16A\\Relay"
    box.button.click()
    assert calls == [("EX16A\\Relay",)]


def test_names_are_there_for_notebooks() -> None:
    """A notebook reaches all four by `mailflow` alone."""
    for name in ("address_explorer", "choose_queues", "confirm_box", "progress"):
        assert name in mailflow.__all__
        assert callable(getattr(mailflow, name))


def test_a_report_holds_the_static_form(tmp_path: Path) -> None:
    """A headless run: what a widget would say stands in the report, and no trace of a widget."""
    command = ("-m", "mailflow", "run", "mail_stuck_in_queue", "demo:article", "--runs", "runs")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "lib")}
    subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, check=False)
    (folder,) = (tmp_path / "runs").iterdir()
    report = (folder / "report.html").read_text("utf-8")
    notebook = json.loads((folder / "notebook.ipynb").read_text("utf-8"))
    outputs = [data for cell in notebook["cells"] for data in cell.get("outputs", ())]

    assert "Relay accepts 10.0.0.11 (EX10A) on EX16A, port 25." in report
    assert "larger range: 4,294,967,296 addresses against 1 of EX16A\\Relay" in report
    assert "widgets" not in notebook["metadata"]
    for trace in ("VBox(", "widget-view", "widget-state"):
        assert trace not in report + json.dumps(outputs)
