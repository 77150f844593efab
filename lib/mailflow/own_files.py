"""The files that travel with mailflow: cases, scripts, templates, runbooks, facts.

Some lie inside the package, in a zip perhaps. Others lie beside lib/ in a clone, and inside the
package where it was installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_PACKAGE = Path(__file__).parent
_CLONE = _PACKAGE.parents[1]


def packaged(name: str) -> Traversable:
    """A file or folder inside the package, `simulated/cases`; it may lie in a zip."""
    from importlib.resources import files

    return files("mailflow").joinpath(name)


def beside(name: str) -> Path:
    """A folder or file of the clone, `notebooks`; without a clone, the one inside the package.

    Other programs open what lies there, so it is a path. A zip holds none of these.
    """
    # A folder `notebooks` beside the site-packages of somebody's environment is not ours.
    is_clone = _PACKAGE.parent.name == "lib" and (_CLONE / "pyproject.toml").is_file()
    return (_CLONE if is_clone else _PACKAGE) / name
