"""The software bill of materials, made from the locks: CycloneDX 1.6, JSON, the same every time.

    python3 run.py sbom [--output FILE]

It needs nothing but Python, asks nobody, and says what the locks say: packages, versions, the
SHA-256 of every file that may be installed for one, conditions, and who needs what. Locks hold no
licenses, so there is one for mailflow alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (
    *("requirements.lock", "requirements-lab.lock"),
    *("requirements-dev.lock", "requirements-kerberos.lock"),
)
SPACE = uuid.UUID("5b6f7a52-6c0a-5d6e-9b53-0d7d0c7a2f11")
"""The serial number is a name in this space: the digest of all the rest."""

_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)\s*(?:;\s*([^\\\n]+?))?\s*\\?$")
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})\s*\\?$")
_VIA = re.compile(r"\s+# via (.+)$")


@dataclass
class Package:
    """A package of one version, as far as the locks tell."""

    name: str
    version: str
    conditions: set[str] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)
    needed_by: set[str] = field(default_factory=set)
    locks: set[str] = field(default_factory=set)

    @property
    def ref(self) -> str:
        """Its package URL, which is its name in the document."""
        return f"pkg:pypi/{self.name}@{self.version}"


def packages(root: Path) -> list[Package]:
    """All packages of all locks, in order of name and version.

    Raises:
        ValueError: a line that no lock of ours has, or a package without a hash.
    """
    found: dict[tuple[str, str], Package] = {}
    for lock in LOCKS:
        for one in _of_lock(lock, (root / lock).read_text(encoding="utf-8")):
            known = found.setdefault((one.name, one.version), one)
            for name in ("conditions", "hashes", "needed_by", "locks"):
                getattr(known, name).update(getattr(one, name))
    return [found[key] for key in sorted(found)]


def _of_lock(lock: str, text: str) -> Iterator[Package]:
    package = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith(("#", "--")):
            continue
        begun, digest, via = _PACKAGE.match(line), _HASH.match(line), _VIA.match(line)
        if begun:
            if package:
                yield _whole(package, lock)
            name = re.sub(r"[-_.]+", "-", begun[1]).lower()
            package = Package(name, begun[2], {begun[3] or ""}, locks={lock})
        elif package and digest:
            package.hashes.add(digest[1])
        elif package and via:
            package.needed_by |= {one.strip() for one in via[1].split(",")}
        else:
            raise ValueError(f"{lock}, line {number}: not understood: {line[:80]!r}")
    if package:
        yield _whole(package, lock)


def _whole(package: Package, lock: str) -> Package:
    if not package.hashes:
        raise ValueError(f"{lock}: {package.name} {package.version} has no hash")
    return package


def document(root: Path) -> dict[str, Any]:
    """The whole document."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = re.search(
        r'__version__ = "([^"]+)"', (root / "lib/mailflow/version.py").read_text(encoding="utf-8")
    )
    name = str(project["name"])
    own: dict[str, Any] = {
        "type": "application",
        "bom-ref": name,
        "name": name,
        "version": version[1] if version else "",
        "description": project["description"],
        "licenses": [{"license": {"id": project["license"]}}],
    }
    found = packages(root)
    body: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"lifecycles": [{"phase": "pre-build"}], "component": own},
        "components": [_component(one) for one in found],
        "dependencies": _dependencies(name, found),
    }
    serial = uuid.uuid5(SPACE, json.dumps(body, sort_keys=True))
    return {**body, "serialNumber": f"urn:uuid:{serial}"}


def _component(one: Package) -> dict[str, Any]:
    conditions = sorted(filter(None, one.conditions)) if "" not in one.conditions else []
    properties = [("mailflow:lock", lock) for lock in sorted(one.locks)]
    properties += [("mailflow:condition", text) for text in conditions]
    return {
        "type": "library",
        "bom-ref": one.ref,
        "name": one.name,
        "version": one.version,
        "scope": "required" if LOCKS[0] in one.locks else "optional",
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in sorted(one.hashes)],
        "purl": one.ref,
        "properties": [{"name": name, "value": value} for name, value in properties],
    }


def _dependencies(own: str, found: list[Package]) -> list[Mapping[str, Any]]:
    """Who needs what, by the locks' own notes; what is not a package there is needed by us."""
    named: dict[str, list[str]] = {}
    for one in found:
        named.setdefault(one.name, []).append(one.ref)
    needs: dict[str, set[str]] = {own: set(), **{one.ref: set() for one in found}}
    for one in found:
        for who in one.needed_by:
            for ref in named.get(who, [own]):
                needs[ref].add(one.ref)
    # A lock that was compiled from a list alone does not say that the list is ours.
    needs[own] |= {one.ref for one in found if not one.needed_by}
    return [{"ref": ref, "dependsOn": sorted(refs)} for ref, refs in needs.items()]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Wrong usage is 3 here."""
        raise ValueError(message)


def main(arguments: list[str]) -> int:
    """Print it, or write it whole into a file."""
    parser = _Parser(prog="run.py sbom", description="What the locks install, as CycloneDX.")
    parser.add_argument("--output", type=Path, help="file to write; left out: standard output")
    try:
        output: Path | None = parser.parse_args(arguments).output
        text = json.dumps(document(ROOT), indent=2) + "\n"
        if output is None:
            sys.stdout.buffer.write(text.encode("ascii"))
            sys.stdout.flush()
        else:
            beside = output.with_name(f".{output.name}.{os.getpid()}")
            try:
                beside.write_bytes(text.encode("ascii"))
                beside.replace(output)
            finally:
                beside.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"run.py sbom: {error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
