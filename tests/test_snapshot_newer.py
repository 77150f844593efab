"""A snapshot of a newer version: what is not known here is kept, and changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.errors import InputError
from mailflow.opening import open_source
from mailflow.snapshot import SCHEMA, TABLES, Snapshot, Unread, from_document, load
from mailflow.views.findings import findings
from organisations import article
from strategies import NAMES, snapshots

PLACE = "tomorrow.snapshot"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=3,
)


def again(document: object) -> Any:  # noqa: ANN401 - parsed JSON
    """A document by way of its text."""
    return json.loads(json.dumps(document))


def read(document: object) -> Snapshot:
    """A snapshot by way of its text."""
    return from_document(again(document), PLACE)


def cells(document: Any, table: str) -> list[dict[str, Any]]:  # noqa: ANN401 - parsed JSON
    """The rows of a table by the names of its columns."""
    held = document["tables"][table]
    return [dict(zip(held["columns"], row, strict=True)) for row in held["rows"]]


@st.composite
def newer(draw: st.DrawFn) -> dict[str, Any]:
    """The document of a version that stores more: keys, tables, columns in any place."""
    document: dict[str, Any] = again(draw(snapshots()).document())
    for name in draw(st.lists(NAMES, max_size=2)):
        document[f"new {name}"] = draw(JSON)
    for name in draw(st.lists(NAMES, max_size=2)):
        document["tables"][f"new {name}"] = draw(JSON)
    for table in draw(st.lists(st.sampled_from(tuple(TABLES)), max_size=3)):
        held = document["tables"][table]
        names = list(held["columns"])
        new = f"new {len(names)}"
        if new in names:
            continue
        place = draw(st.integers(0, len(names)))
        kinds = held["columns"] | {new: draw(JSON)}
        held["columns"] = {name: kinds[name] for name in [*names[:place], new, *names[place:]]}
        for row in held["rows"]:
            row.insert(place, draw(JSON))
    return document


@given(snapshots())
def test_any_organization_comes_back_as_it_was(org: Snapshot) -> None:
    """Saved and loaded it is the same, and so is what is saved then."""
    assert read(org.document()) == org
    assert read(org.document()).document() == org.document()


@given(newer())
def test_what_a_newer_version_stored_is_kept(document: dict[str, Any]) -> None:
    """Loaded, saved, loaded: every key, table and value is still there."""
    once = read(document)
    saved = again(once.document())

    assert read(saved) == once
    assert {name: saved[name] for name in document if name != "tables"} == {
        name: value for name, value in document.items() if name != "tables"
    }
    assert saved["tables"].keys() == document["tables"].keys()
    for table, held in document["tables"].items():
        if table in TABLES:
            assert cells(saved, table) == cells(document, table)
            assert saved["tables"][table]["columns"] == held["columns"]
        else:
            assert saved["tables"][table] == held


@given(newer())
def test_what_is_kept_changes_nothing(document: dict[str, Any]) -> None:
    """The typed tables are those of the same file without it, and nothing is missing data."""
    once = read(document)
    plain = replace(once, newer=Snapshot().newer)

    assert read(plain.document()) == plain
    for table, columns in TABLES.items():
        names = set(columns)
        assert [row.keys() for row in cells(plain.document(), table)] == [names] * len(
            document["tables"][table]["rows"]
        )


def _with_column(org: Snapshot, table: str) -> dict[str, Any]:
    """The organization with a new first column that numbers the rows of a table."""
    document: dict[str, Any] = again(org.document())
    held = document["tables"][table]
    held["columns"] = {"number": "Int64", **held["columns"]}
    held["rows"] = [[number, *row] for number, row in enumerate(held["rows"])]
    return document


def test_a_value_stays_with_its_row() -> None:
    """Rows that were changed or added since have none; the others keep theirs, in any order."""
    org = read(_with_column(article().snapshot(), "connectors"))
    first, second, *rest = org.connectors
    changed = replace(org, connectors=(*reversed(rest), replace(first, comment="new"), second))

    numbers = [row["number"] for row in cells(changed.document(), "connectors")]

    assert numbers == [*reversed(range(2, len(org.connectors))), None, 1]


def test_ranges_in_another_order_keep_their_values() -> None:
    """A file may list the ranges of all connectors mixed."""
    document = _with_column(article().snapshot(), "ranges")
    document["tables"]["ranges"]["rows"].reverse()

    saved = cells(read(document).document(), "ranges")

    def ordered(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted(tuple(row[name] for name in ("number", *TABLES["ranges"])) for row in rows)

    assert ordered(saved) == ordered(cells(document, "ranges"))


def test_a_row_of_missing_data_more() -> None:
    """What was read beside the snapshot adds rows; the old ones keep what they had."""
    unread = (Unread("EX16A", "Get-Queue", "timed out"),)
    org = read(_with_column(replace(article().snapshot(), unread=unread), "unread"))
    more = replace(org, unread=(*org.unread, Unread("", "capture", "cut")))

    assert [row["number"] for row in cells(more.document(), "unread")] == [0, None]


def test_a_newer_file_is_a_source(tmp_path: Path) -> None:
    """It is recognized, judged as before, and saved again with all it holds."""
    document = _with_column(article().snapshot("demo:article"), "queues")
    document |= {"tenant": {"name": "contoso"}}
    document["tables"]["agents"] = {"columns": {"server": "string"}, "rows": [["EX16A"]]}
    file = tmp_path / "tomorrow.snapshot"
    file.write_text(json.dumps(document), encoding="utf-8")

    org = open_source(str(file))
    org.save(tmp_path / "again")

    assert findings(org) == findings(article().snapshot("demo:article"))
    saved = json.loads((tmp_path / "again").read_text("utf-8"))
    assert saved["tenant"] == {"name": "contoso"}
    assert saved["tables"]["agents"] == document["tables"]["agents"]
    assert cells(saved, "queues") == cells(document, "queues")


def test_a_higher_number_is_refused(tmp_path: Path) -> None:
    """The message names the file, its number, the number that is read, and what to do."""
    file = tmp_path / "tomorrow.snapshot"
    file.write_text(json.dumps({"schema": "mailflow.snapshot/12", "tables": []}), encoding="utf-8")

    for read_it in (load, lambda path: open_source(str(path))):
        with pytest.raises(InputError) as caught:
            read_it(file)
        said = str(caught.value)
        assert file.name in said
        assert "mailflow.snapshot/12" in said
        assert f"reads {SCHEMA}" in said
        assert "Use a newer version of mailflow" in said


@pytest.mark.parametrize(
    "schema",
    [None, 1, "mailflow.snapshot", "mailflow.snapshot/0", "mailflow.snapshot/x", "other/2"],
)
def test_what_is_no_schema_is_refused(schema: object) -> None:
    """A number that never was, another document, none: what was expected, and what was found."""
    with pytest.raises(InputError, match=rf"{PLACE}: expected schema {SCHEMA}, found"):
        from_document({"schema": schema, "tables": {}}, PLACE)


@pytest.mark.parametrize("table", TABLES)
def test_newer_in_one_thing_and_older_in_another(table: str) -> None:
    """A file may hold what this version does not know and lack what it knows."""
    document = _with_column(article().snapshot(), "ranges")
    document["tables"]["agents"] = {"columns": {}, "rows": []}
    del document["tables"][table]

    once = read(document)

    assert read(once.document()) == once
    assert "agents" in once.document()["tables"]
