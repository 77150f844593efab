"""An extension of IPython for the kernel of an unattended run: it imports what the cells will need.

The kernel waits between two cells while papermill saves the notebook; a thread uses that time.
"""

from __future__ import annotations

import threading


def load_ipython_extension(_shell: object) -> None:
    """Begin; IPython calls this when the kernel has booted."""
    threading.Thread(target=_import, daemon=True).start()


def _import() -> None:
    import pandas  # noqa: F401, ICN001 - only to have it loaded

    from mailflow.views import findings  # noqa: F401 - the same
