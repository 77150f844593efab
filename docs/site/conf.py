"""How Sphinx makes the site out of the pages that `docs/build.py` has put together."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from mailflow.version import __version__

project = "mailflow"
author = "the authors of mailflow"
version = release = __version__
extensions = ["myst_nb"]  # MyST for all pages; the runbooks come executed, by mailflow itself

root_doc = "index"
nitpicky = True
smartquotes = False  # what is pasted into a shell keeps its quotes and dashes
myst_heading_anchors = 4
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # widgets would be fetched from elsewhere
nb_merge_streams = True

html_theme = "furo"
html_title = f"mailflow {__version__}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]  # the sample reports, as they are
html_copy_source = False
html_use_index = False  # there are no entries for one
html_show_sourcelink = False
html_show_copyright = False
html_last_updated_fmt = None  # the same pages give the same site
html_theme_options = {"navigation_with_keys": True}


def setup(app: Sphinx) -> None:
    """Let our change of a page come after those of the theme."""
    app.connect("html-page-context", _accessible, priority=900)


def _accessible(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _: object
) -> None:
    """What the theme leaves out: a keyboard scrolls code and tables, menu heads have a level."""
    for name, old, new in (
        ("body", "<pre>", '<pre tabindex="0">'),
        ("body", '<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
        ("furo_navigation_tree", 'role="heading"', 'role="heading" aria-level="2"'),
    ):
        if name in context:
            context[name] = context[name].replace(old, new)
