"""Something that is shown anew, where it stands, whenever it has become another."""

from __future__ import annotations

from collections.abc import Callable

from mailflow.show.widgets.saying import display


class Following:
    """An output of a cell that changes when the work of another cell goes on."""

    def __init__(
        self, make: Callable[[], object], follow: Callable[[Callable[[], None]], None]
    ) -> None:
        """Prepare it; it is made when it is shown.

        Args:
            make: gives what is to be shown now.
            follow: takes what is to be called whenever that is another one.
        """
        self._make, self._follow = make, follow

    def _ipython_display_(self) -> None:
        shown = display(self._make())
        self._follow(lambda: shown.update(self._make()))

    def __repr__(self) -> str:
        """In words, made anew at each look."""
        return repr(self._make())
