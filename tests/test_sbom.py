"""The bill of materials says what the locks say, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import ROOT

LOCKS = sorted(ROOT.glob("requirements*.lock"))


def sbom(*arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command, with nothing but Python."""
    return subprocess.run(
        [sys.executable, "-S", root / "run.py", "sbom", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def document() -> Any:  # noqa: ANN401 - parsed JSON
    """What the command prints."""
    done = sbom()
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_every_line_of_every_lock_is_there(document: Any) -> None:  # noqa: ANN401
    """Packages, versions and hashes are those of the locks, no fewer and no more."""
    text = "".join(lock.read_text("utf-8") for lock in LOCKS)
    components = document["components"]

    assert {(one["name"], one["version"]) for one in components} == set(
        re.findall(r"(?m)^([a-z0-9-]+)==([^\s;]+)", text)
    )
    assert {each["content"] for one in components for each in one["hashes"]} == set(
        re.findall(r"--hash=sha256:(\w{64})", text)
    )
    assert {each["value"] for one in components for each in one["properties"]} >= {
        lock.name for lock in LOCKS
    }


def test_it_is_cyclonedx(document: Any) -> None:  # noqa: ANN401
    """What readers rely on: the head, unique references, dependencies that lead somewhere."""
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["serialNumber"])
    refs = [one["bom-ref"] for one in document["components"]]
    known = {*refs, document["metadata"]["component"]["bom-ref"]}
    assert len(known) == len(refs) + 1
    assert {one["ref"] for one in document["dependencies"]} == known
    assert {ref for one in document["dependencies"] for ref in one["dependsOn"]} <= known
    needed = {ref for one in document["dependencies"] for ref in one["dependsOn"]}
    assert [ref for ref in refs if ref not in needed] == []


def test_it_is_the_same_every_time(document: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """No time and no machine stands in it: also as a file it is the same, to the byte."""
    done = sbom("--output", str(tmp_path / "bom.json"))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [one.name for one in tmp_path.iterdir()] == ["bom.json"]
    assert json.loads((tmp_path / "bom.json").read_bytes()) == document
    assert (tmp_path / "bom.json").read_text() == sbom().stdout


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    """Wrong usage, a folder that is not there, a damaged lock: one line and exit 3."""
    root = tmp_path / "clone"
    for name in ("run.py", ".ci/sbom.py", "pyproject.toml", "lib/mailflow/version.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for lock in LOCKS:
        (root / lock.name).write_text("tiny==1.0\n", "utf-8")

    for done in (
        sbom("--nonsense"),
        sbom("--output", str(tmp_path / "none" / "bom.json")),
        sbom(root=root),
    ):
        assert done.returncode == 3
        assert done.stderr.startswith("run.py sbom: ")
        assert len(done.stderr.splitlines()) == 1
    assert "tiny 1.0 has no hash" in sbom(root=root).stderr
