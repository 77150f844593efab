"""The mail-flow picture: one drawing for wide pages, one for narrow ones, and the same in words."""

from __future__ import annotations

from mailflow.picture import MailFlow
from mailflow.show.flow_drawing import drawn
from mailflow.show.flow_text import described, flow_lines, title
from mailflow.show.markup import fill, unique

SVG = "image/svg+xml"


class FlowPicture:
    """A drawing as a notebook keeps it: `image/svg+xml`, which GitHub and VS Code show as well."""

    def __init__(self, flow: MailFlow | None) -> None:
        """Take what is to be drawn; None: there is nothing."""
        self._flow = flow

    @property
    def html(self) -> str:
        """Both drawings inside a page, of which it shows the one that fits; empty: nothing."""
        if self._flow is None:
            return ""
        return both(self._svg("wide"), self._svg("narrow"))

    @property
    def text(self) -> str:
        """The words."""
        return "\n".join(flow_lines(self._flow, 80)) if self._flow else "No mail path to draw."

    def _svg(self, form: str) -> str:
        flow = self._flow
        if flow is None:
            return ""
        sheet = drawn(flow, form)
        heading, sentences = title(flow), " ".join(described(flow))
        return fill(
            "flow.svg.j2",
            title=heading,
            description=sentences,
            id=unique(form, heading, sentences),
            form=form,
            wide=round(sheet.across),
            high=round(sheet.depth),
            shapes=sheet.shapes,
        )

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, object]]:
        """The wide drawing; beside it, for the report, the narrow one."""
        if self._flow is None:
            return {"text/plain": self.text}, {}
        shown = {SVG: self._svg("wide"), "text/plain": self.text}
        return shown, {"mailflow": {"narrow": self._svg("narrow")}}

    def __str__(self) -> str:
        """The words."""
        return self.text

    __repr__ = __str__


def both(wide: str, narrow: str) -> str:
    """The two drawings of one picture, which this module made, as a part of a page."""
    from markupsafe import Markup as Trusted

    return fill("flow.html.j2", wide=Trusted(wide), narrow=Trusted(narrow))  # noqa: S704 - ours
