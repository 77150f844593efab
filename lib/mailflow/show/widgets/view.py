"""What every interactive part is: live in JupyterLab, static HTML and words everywhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

from mailflow.show.markup import Markup
from mailflow.show.widgets.controls import VIEW, Control

MimeBundle = dict[str, object]


class View(ABC):
    """Something to look at that may be operated.

    an unattended run has nobody who could: there it is only its static form, and ipywidgets is not
    imported at all. With a front end the static form stands beside the live one, for a notebook
    that is read later without a kernel.
    """

    def __init__(self, *, live: bool) -> None:
        """Live where somebody may operate it."""
        self.live = live

    @abstractmethod
    def static(self) -> Markup:
        """As it stands now, for where nothing can be operated."""

    @abstractmethod
    def _build(self) -> Control:
        """The live form, made when it is first looked at."""

    @cached_property
    def widget(self) -> Control:
        """Made once: every look at the object shows the same controls."""
        return self._build()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> MimeBundle:
        """All forms; the front end takes the first it knows, a report the static one."""
        del include, exclude  # IPython sorts that out
        still = self.static()
        bundle: MimeBundle = {"text/plain": still.text, "text/html": still.html}
        if self.live:
            bundle[VIEW] = self.widget._repr_mimebundle_()[VIEW]
        return bundle

    def __repr__(self) -> str:
        """The words."""
        return self.static().text
