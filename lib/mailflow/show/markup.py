"""The templates of this package, filled in with every value escaped."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mailflow.plain import visible
from mailflow.table import STYLE, whole

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Markup:
    """Finished HTML that a notebook shows, with the same in words for where there is no HTML."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __str__(self) -> str:
        """The words."""
        return self.text

    def __repr__(self) -> str:
        """The words as well: what a notebook keeps beside the HTML."""
        return self.text


def fill(template: str, **values: object) -> str:
    """A template of this package with these values; `visible` is there as a filter."""
    return _environment().get_template(template).render(values).strip()


def unique(*texts: str) -> str:
    """A short id made of these texts: the same in every run, other than any other picture's."""
    return hashlib.sha256("\0".join(texts).encode(errors="replace")).hexdigest()[:10]


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup as Trusted

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["whole"] = whole
    environment.globals["style"] = Trusted(STYLE)  # noqa: S704 - a constant of ours
    return environment
