"""The form for a notebook that names no source: exports, a live server, or practice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mailflow.errors import MailflowError
from mailflow.show.markup import Markup
from mailflow.show.widgets import controls
from mailflow.show.widgets.controls import Control
from mailflow.show.widgets.saying import below, heading, note, saying
from mailflow.show.widgets.view import View

_ROADS = (
    ("exchange:// (Exchange Management Shell)", "exchange://"),
    ("winrm:// (Windows Remote Management, HTTPS)", "winrm://"),
    ("winrm+http:// (the same over HTTP, encrypted)", "winrm+http://"),
)
TITLE = "Where is the organization?"
AGAIN = "Now run all cells again (menu Run, Run All Cells)."


class SourceForm(View):
    """Three ways to name a source; the one that is taken is told to whoever made the form."""

    def __init__(
        self,
        samples: Iterable[tuple[str, str]],
        entries: Callable[[str], Sequence[str]],
        on_choose: Callable[[str], None],
    ) -> None:
        """Prepare the form.

        Args:
            samples: names and titles of the simulated organizations.
            entries: what lies in the folder that is being typed, as paths to go on with; what ends
                with a separator is a folder.
            on_choose: is told the source, once for each press of a button; raises MailflowError
                where it cannot be one, and the form says why.
        """
        super().__init__(live=True)
        self._samples = tuple(samples)
        self._entries, self._on_choose = entries, on_choose
        self._offering = False
        self.fields: dict[str, Control] = {}
        """The controls by their label; empty before the form is shown."""

    def static(self) -> Markup:
        """What the form asks; a notebook that is only read has nobody to answer it."""
        return below(heading(TITLE), note("No source was set when this notebook was run."))

    def _build(self) -> Control:
        path = controls.text_or_pick("Path", self._entries(""), hint=r"C:\exports or exports.zip")
        inside = controls.pick("In this folder", ())
        server = controls.text("Server", hint="ex16a.contoso.com")
        road = controls.pick("Through", _ROADS, _ROADS[0][1])
        samples = [(f"{name}: {title}", f"demo:{name}") for name, title in self._samples]
        sample = controls.pick("Sample", samples, "demo:article")
        self.fields = {each.description: each for each in (path, inside, server, road, sample)}
        self._said = controls.html(beside_fields=True)
        controls.watch(path, self._look)
        controls.watch(inside, self._go_on)
        self._look()
        controls.focus_soon(path)
        return controls.column(
            controls.html(heading(TITLE)),
            controls.html(heading("Exports", "a folder, a zip, a file, or a saved snapshot")),
            path,
            inside,
            controls.button("Use this path", lambda: self._take(path.value.strip())),
            controls.html(heading("A live server", "read-only; you are asked for a password")),
            server,
            road,
            controls.button("Use this server", self._take_server),
            controls.html(heading("Practice", "a simulated organization")),
            sample,
            controls.button("Use this sample", lambda: self._take(sample.value or "")),
            self._said,
        )

    def _look(self) -> None:
        """Offer what lies in the folder that stands in the path now."""
        path, inside = self.fields["Path"], self.fields["In this folder"]
        found = list(self._entries(path.value))
        controls.offer_texts(path, found)
        self._offering = True  # other options pick their first one, for a moment
        controls.offer(inside, [(each, each) for each in found])
        self._offering = False

    def _go_on(self) -> None:
        """Take the entry that was picked into the path."""
        picked = self.fields["In this folder"].value
        if picked and not self._offering:
            self.fields["Path"].value = picked

    def _take_server(self) -> None:
        host = self.fields["Server"].value.strip()
        self._take(f"{self.fields['Through'].value}{host}" if host else "")

    def _take(self, source: str) -> None:
        if not source:
            controls.put(self._said, saying("Nothing chosen", "Fill in the field above.", "bad"))
            return
        try:
            self._on_choose(source)
        except MailflowError as error:
            controls.put(self._said, saying("Not taken", str(error), "bad"))
            return
        is_raw = '"' not in source and not source.endswith("\\")
        line = f'source: str = r"{source}"' if is_raw else f"source: str = {source!r}"
        words = f"{source}. {AGAIN} To keep it, write into the first code cell: {line}"
        controls.put(self._said, saying("Chosen", words, "good"))
