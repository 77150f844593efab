"""Fuzz one target with atheris, guided by coverage, until it is stopped.

    python -m pip install atheris
    PYTHONPATH=lib:tests python tests/fuzz TARGET [option of libFuzzer]...

Atheris is in no lock: it has no wheels for every platform. Without it the tests beside this file
mutate good examples at random.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Run a target; a failure is kept by libFuzzer in the current directory."""
    import atheris

    with atheris.instrument_imports(include=["mailflow"]):
        from fuzz.targets import TARGETS, seeds

    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"expected a target: {', '.join(TARGETS)}")
    name = sys.argv[1]
    corpus = Path(tempfile.mkdtemp(prefix=f"mailflow-corpus-{name}-"))
    for number, data in enumerate(seeds(name)):
        (corpus / str(number)).write_bytes(data)
    atheris.Setup([sys.argv[0], *sys.argv[2:], str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
