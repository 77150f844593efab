"""All benchmarks, or those named: python tests/benchmarks [run] [selection] [proof] ...

Nothing else should work on the machine meanwhile. Ends with 1 where a goal is missed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).parents[1]

if __name__ == "__main__":
    sys.path[:0] = [str(TESTS.parent / "lib"), str(TESTS)]
    names = sys.argv[1:] or [
        "run",
        "clixml",
        "selection",
        "proof",
        "whole",
        "usage",
        "usage_cluster",
        "scale",
        "live",
        "twin",
    ]
    codes = []
    for name in names:
        print(f"== {name}", flush=True)
        codes.append(import_module(name).main())
    sys.exit(max(codes))
