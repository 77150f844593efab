"""One SOURCE in, a snapshot out: every form of it, and what is said of all others."""

from __future__ import annotations

import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

import capture_forms
from mailflow import opening
from mailflow.errors import InputError, UsageError
from mailflow.exchange.queues import Moment, Queue
from mailflow.opening import live_source, open_source, scenarios
from mailflow.snapshot import Snapshot
from mailflow.sources.credentials import LiveOptions
from mailflow.views.findings import findings
from make_demo import CAPTURES, SCENARIOS, make
from organisations import Organisation, article, healthy


def same(found: Snapshot, org: Organisation) -> None:
    """The snapshot shows this organisation, but for what some forms don't hold of queues.

    A printed time has no zone, and Export-Csv has the columns of its first object, here a queue of
    2010.
    """
    expected = org.snapshot()
    assert found.unread == ()
    for table in ("servers", "addresses", "connectors", "settings"):
        assert getattr(found, table) == getattr(expected, table)
    assert [_common(one) for one in found.queues] == [_common(one) for one in expected.queues]
    assert found.cmdlets == expected.cmdlets


def _common(queue: Queue) -> Queue:
    timeless = replace(queue, last_retry=None, next_retry=None, first_retry=None)
    return replace(timeless, velocity=None, deferred_count=None, next_hop_category="")


@pytest.mark.parametrize("form", capture_forms.FORMS)
@pytest.mark.parametrize("build", [article, healthy])
def test_every_form_of_capture_gives_the_same_organisation(
    tmp_path: Path, form: capture_forms.Form, build: Callable[[], Organisation]
) -> None:
    """CLIXML, lists, JSON and CSV of the same objects say the same (contract, section 2)."""
    folder = capture_forms.write(build().reading(), tmp_path / "captures", form)

    same(open_source(str(folder)), build())


def test_what_the_budget_cut_is_no_all_clear(tmp_path: Path) -> None:
    """A healthy organization beside a file that was refused is inconclusive; the file is named."""
    folder = capture_forms.write(healthy().reading(), tmp_path, "clixml")
    whole = findings(open_source(str(folder)))
    with zipfile.ZipFile(folder / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("queues.txt", b"a" * 50_000_000)

    cut = findings(open_source(str(folder)))

    assert (whole.verdict, cut.verdict) == ("clear", "unknown")
    assert any("more.zip/queues.txt: refused" in str(one) for one in cut.as_json()["unread"])


@pytest.mark.parametrize("width", [79, 120, 4096])
@pytest.mark.parametrize("form", ["list", "transcript"])
def test_lists_of_any_width(tmp_path: Path, form: capture_forms.Form, width: int) -> None:
    """Values cut at the width of a console are joined again (S10.03)."""
    folder = capture_forms.write(article().reading(), tmp_path / "captures", form, width=width)

    same(open_source(str(folder)), article())


@pytest.mark.parametrize("form", ["list", "transcript"])
def test_a_narrow_console_loses_nothing_that_matters(
    tmp_path: Path, form: capture_forms.Form
) -> None:
    """A GUID or a site cut in two may be lost; no verdict rests on it."""
    folder = capture_forms.write(article().reading(), tmp_path / "captures", form, width=50)

    org, expected = open_source(str(folder)), article().snapshot()

    assert org.unread == ()
    assert org.connectors == expected.connectors
    assert [one.last_error for one in org.queues] == [one.last_error for one in expected.queues]


def test_only_clixml_and_json_know_when(tmp_path: Path) -> None:
    """An instant where the form has a zone; a printed time stays text (S6.03)."""
    moments = {}
    for form in ("clixml", "json", "list"):
        folder = capture_forms.write(article().reading(), tmp_path / form, form)  # type: ignore[arg-type]
        org = open_source(str(folder))
        found = next(one for one in org.queues if one.identity == r"EX10A\1187")
        moments[form] = found.first_retry

    expected = article().queue(r"EX10A\1187").first_retry
    assert expected
    assert [one and one.instant for one in moments.values()] == [expected.instant] * 2 + [None]
    assert moments["list"] == Moment("11/23/2026 11:48:00 AM")


def test_forms_may_be_mixed_in_a_folder_and_in_a_zip(tmp_path: Path) -> None:
    """Captures come as they come (contract, section 2)."""
    folder = tmp_path / "mixed"
    for cmdlet, form in zip(capture_forms.NAMES, ("json", "list", "clixml", "csv"), strict=False):
        reading = article().reading()
        reading.cmdlets &= {cmdlet}
        capture_forms.write(reading, folder, form)  # type: ignore[arg-type]
    archive = shutil.make_archive(str(tmp_path / "mixed"), "zip", folder)

    same(open_source(str(folder)), article())
    same(open_source(archive), article())
    assert set(open_source(str(folder)).inputs) == {one.name for one in folder.iterdir()}


def test_the_demo_is_the_article() -> None:
    """`demo:article` behaves as the captures of section 0 of the facts say, at a known time."""
    org, captured = open_source("demo:article"), open_source(str(CAPTURES / "article"))

    assert org.taken == datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
    assert org.unread == captured.unread == ()
    assert _told(org) == _told(captured)


def _told(org: Snapshot) -> list[dict[str, object]]:
    """The findings without the sentences that tell them."""
    return [
        {key: value for key, value in one.as_json().items() if key not in ("summary", "reading")}
        for one in findings(org).findings
    ]


def test_the_captures_are_what_their_maker_makes(tmp_path: Path) -> None:
    """The captures and tests/organisations.py do not drift apart."""
    for name in SCENARIOS:
        made = make(name, tmp_path / name)
        assert {one.name: one.read_bytes() for one in made.iterdir()} == {
            one.name: one.read_bytes() for one in (CAPTURES / name).iterdir()
        }


def test_scenarios_are_listed_and_each_opens() -> None:
    """By name, the article first, with a title; each has servers and what is asked of them."""
    names = [name for name, _ in scenarios()]

    assert names[0] == "article"
    assert len(names) == len(set(names)) > 13
    for name, title in scenarios():
        assert title
        org = open_source(f"demo:{name}")
        assert {"Get-Queue", "Get-ServerComponentState"} <= org.cmdlets
        assert org.servers
        assert org.rights or not any(one.name == "Relay" for one in org.connectors)


def test_a_saved_snapshot_comes_back_with_its_origin(tmp_path: Path) -> None:
    """Where it was read stays known (contract, section 5)."""
    org = open_source("demo:article")
    org.save(tmp_path / "anything.bin")

    assert open_source(str(tmp_path / "anything.bin")) == org


def test_a_snapshot_beside_captures_is_refused(tmp_path: Path) -> None:
    """Which of the two is meant is not guessed."""
    capture_forms.write(article().reading(), tmp_path, "clixml")
    healthy().snapshot().save(tmp_path / "snapshot")

    with pytest.raises(InputError, match=r"snapshot.*exports.*name the one"):
        open_source(str(tmp_path))


def test_a_run_may_be_limited_to_servers() -> None:
    """By short or full name; an unknown one is a wrong question."""
    assert open_source("demo:article", servers=["ex16a.contoso.example"]).only == {"EX16A"}
    with pytest.raises(UsageError, match="EX99"):
        open_source("demo:article", servers=["EX99"])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("winrm://ex16a", ("https", "ex16a", 0, "winrm")),
        (
            " winrm://ex16a.contoso.example:5986/ ",
            ("https", "ex16a.contoso.example", 5986, "winrm"),
        ),
        ("winrm+http://10.0.0.21:80", ("http", "10.0.0.21", 80, "winrm")),
        ("winrm://[2001:db8::5]:5986", ("https", "2001:db8::5", 5986, "winrm")),
        ("exchange://ex16a", ("http", "ex16a", 0, "exchange")),
        ("exchange+https://ex16a:444", ("https", "ex16a", 444, "exchange")),
    ],
)
def test_live_source(source: str, expected: tuple[str, str, int, str]) -> None:
    """WinRM by HTTPS unless said otherwise, Exchange's endpoint by HTTP (contract, section 2)."""
    assert live_source(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "winrm://",
        "winrm://a b",
        "winrm://user:secret@ex16a",
        "winrm://ex16a/path",
        "winrm://ex16a:0",
        "winrm://ex16a:99999",
        "winrms://ex16a",
        "exchange://",
        "exchange://ex16a/PowerShell",
        "exchange+http://ex16a",
        "ex16a",
    ],
)
def test_live_source_that_is_none(source: str) -> None:
    """No user, password or path stands in a SOURCE, and a port is one."""
    with pytest.raises(UsageError, match="expected exchange://HOST"):
        live_source(source)


def test_a_live_source_without_a_log_on_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a ticket and without a name nothing is tried; the next action is named."""
    monkeypatch.setattr("mailflow.sources.credentials.find_ticket", lambda: None)
    monkeypatch.delenv("MAILFLOW_USER", raising=False)
    with pytest.raises(UsageError, match="--user"):
        open_source("winrm://ex16a.contoso.example")


@pytest.mark.parametrize("source", ["", "  ", "https://ex16a", "ssh://x", "demo:", "demo:nothing"])
def test_a_wrong_source_says_what_was_expected(source: str) -> None:
    """The forms, or the scenarios, there are."""
    with pytest.raises(UsageError, match=r"winrm://HOST|mailflow scenarios"):
        open_source(source)


@pytest.mark.parametrize("name", ["nowhere", "no\0thing", "x" * 5000])
def test_a_path_that_leads_nowhere(tmp_path: Path, name: str) -> None:
    """Whatever the name, an input error with a next step."""
    with pytest.raises(InputError, match="demo:NAME"):
        open_source(str(tmp_path / name))


def test_a_headless_run_reads_what_it_has_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook judges the snapshot that the run folder keeps; other sources are read."""
    collected = healthy().snapshot("demo:article")
    collected.save(tmp_path / "snapshot")
    monkeypatch.setenv("MAILFLOW_RUN", str(tmp_path))

    assert open_source("demo:article") == collected
    assert open_source("relative/captures") == collected
    assert open_source("demo:article", servers=["EX16A"]).only == {"EX16A"}

    healthy().snapshot("winrm://ex16a").save(tmp_path / "snapshot")
    assert open_source("winrm://ex16a").origin == "winrm://ex16a"
    assert len(open_source("demo:article").queues) == len(article().queues)


def test_a_run_knows_which_source_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another path beside the run's own is read itself, and never taken for it."""
    healthy().snapshot("mine").save(tmp_path / "snapshot")
    article().snapshot("other").save(tmp_path / "other")
    monkeypatch.setenv("MAILFLOW_RUN", str(tmp_path))
    monkeypatch.setenv("MAILFLOW_SOURCE", "captures/mine")

    assert open_source("captures/mine").origin == "mine"
    assert open_source(str(tmp_path / "other")).origin == "other"
    with pytest.raises(InputError):
        open_source("captures/yours")


def test_outside_a_run_the_source_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder without a snapshot, or none, changes nothing."""
    for folder in (str(tmp_path), "", str(tmp_path / "gone")):
        monkeypatch.setenv("MAILFLOW_RUN", folder)

        assert open_source("demo:article").origin == "demo:article"


def test_people_are_told_what_is_read(tmp_path: Path) -> None:
    """A line before what may take a while."""
    lines: list[str] = []
    folder = capture_forms.write(article().reading(), tmp_path, "clixml")

    open_source(str(folder), tell=lines.append)

    assert lines == [f"reading {folder}"]


def test_objects_that_lost_their_text_are_told_by_their_members(tmp_path: Path) -> None:
    """JSON of a deeper depth: ranges, bindings, identities as members (section 10.2)."""
    reading = article().without("queues").reading()
    reading.cmdlets.add("Get-Queue")
    for cmdlet in reading.cmdlets:
        rows = list(reading.of(cmdlet))
        text = capture_forms.json_text(rows, objects="members", enums="text")
        (tmp_path / f"{cmdlet}.json").write_text(text, encoding="utf-8")

    org, expected = open_source(str(tmp_path)), article().snapshot()

    assert org.connectors == expected.connectors
    assert org.servers == expected.servers
    assert org.settings == expected.settings


def kernel(monkeypatch: pytest.MonkeyPatch, *, runs: bool) -> None:
    """The package of kernels is loaded, and one runs here or not; the real one changes too much."""
    loaded = SimpleNamespace(IPKernelApp=SimpleNamespace(initialized=lambda: runs))
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", loaded)  # type: ignore[arg-type]


def test_a_process_that_is_no_kernel_asks_at_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it has loaded; without a terminal nobody is asked."""
    kernel(monkeypatch, runs=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    assert opening.asking() is None


def test_a_notebook_asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several cells log on: one question; again where nothing was read with that password."""
    asked: list[str] = []
    kernel(monkeypatch, runs=True)

    def typed(question: str) -> str:
        asked.append(question)
        return "secret"

    monkeypatch.setattr("getpass.getpass", typed)
    monkeypatch.setattr(opening, "_answers", {})
    ask = opening.asking()
    assert ask is not None

    assert [ask("Password of a: ") for _ in range(3)] == ["secret"] * 3
    assert asked == ["Password of a: "]
    ask("Password of b: ")
    assert asked == ["Password of a: ", "Password of b: "]
    live = LiveOptions(
        user="x",
        auth="ntlm",
        password_env="SECRET",  # noqa: S106 - the name of a variable
        resolve=("h=127.0.0.1:9",),
    )
    monkeypatch.setenv("SECRET", "x")
    open_source("winrm+http://h:9", live=live, tell=lambda _: None)
    ask("Password of a: ")
    assert asked[2:] == ["Password of a: "]
