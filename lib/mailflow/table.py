"""What every step returns: a frame that says what it shows, wherever it is shown."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from mailflow.picture import Ruler
from mailflow.plain import grid, kept_whole, visible, wrap

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Template
    from markupsafe import Markup

NOT_KNOWN = "unknown"
"""What stands where a value was not read: never a blank, never a zero."""

MOST_ROWS = 150
"""More rows than this help nobody to read; the frame holds them all."""

MOST_OPEN = 8
"""A page shows so many rows open; the others are folded below them."""

MOST_CHARACTERS = 4000
"""A longer text is shown up to here and says how much more there is."""

STYLE = """
.mf{--mf-ink:var(--jp-ui-font-color1,#1c2430);--mf-soft:var(--jp-ui-font-color2,#5b6675);
--mf-line:var(--jp-border-color2,#d9dee5);--mf-band:var(--jp-layout-color2,#f5f7fa);
--mf-bad:#a1260d;--mf-good:#0f6b3c;--mf-unknown:#7a5200;--mf-link:var(--jp-brand-color1,#1f5fa8);
--mf-tint:7%;--mf-wash:1;color:var(--mf-ink);font-size:.94rem;line-height:1.5;max-width:66rem;
overflow-wrap:anywhere}
[data-jp-theme-light="false"] .mf{--mf-bad:#ff9d88;--mf-good:#7fd6a6;--mf-unknown:#f0c060;
--mf-link:#8ab4f8;--mf-tint:16%;--mf-wash:.3}
.mf table.mf-table{border-collapse:collapse;width:100%;margin:.5rem 0 .4rem;font-size:.9rem;
table-layout:auto}
.mf table.mf-table caption{text-align:left;color:var(--mf-soft);padding:0 0 .3rem;
caption-side:top}
.mf table.mf-table :is(th,td){text-align:left;padding:.34rem .6rem;vertical-align:top;border:0;
border-bottom:1px solid var(--mf-line);white-space:pre-line;overflow-wrap:break-word;min-width:4em;
max-width:38em;background:none;line-height:1.45}
.mf table.mf-table thead th{background:var(--mf-band);font-weight:600;overflow-wrap:normal;
vertical-align:bottom}
.mf table.mf-table tbody th{font-weight:600}
.mf table.mf-table tbody th>span{display:inline-block;max-width:17em;overflow-wrap:break-word}
.mf .w{white-space:nowrap}
.mf table.mf-table .command{font:400 .82rem/1.5 Consolas,"Liberation Mono",monospace}
.mf table.mf-table th.command>span{max-width:none}
.mf table.mf-table .num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.mf .bad{color:var(--mf-bad);font-weight:600}.mf .good{color:var(--mf-good)}
.mf .unknown{color:var(--mf-unknown);font-style:italic}
.mf .mf-scroll{overflow-x:auto}
.mf table.mf-table td[class*="bar"]{background:linear-gradient(
color-mix(in srgb,var(--mf-soft) 24%,transparent)
0 0) no-repeat left 70%/var(--mf-w) 60%}
.mf details.mf-rest>summary{cursor:pointer;color:var(--mf-link);padding:.15rem 0}
.mf [tabindex="0"]:focus-visible{outline:2px solid var(--mf-link);outline-offset:1px}
.mf p{margin:.35rem 0 .6rem;max-width:52rem}
.mf p.mf-reading{border-left:3px solid var(--mf-line);padding-left:.8rem;white-space:pre-line;
overflow-wrap:anywhere}
.mf details.mf-meaning{color:var(--mf-soft);font-size:.82rem;margin:.2rem 0 .5rem}
.mf details.mf-meaning summary{cursor:pointer}.mf details.mf-meaning dl{margin:.3rem 0}
.mf details.mf-meaning dt{font-weight:600}.mf details.mf-meaning dd{margin:0 0 .25rem 1rem}
@media screen{.mf .mf-scroll{container-type:inline-size}}
@container (max-width:48rem){.mf table.mf-table{width:max-content;min-width:100%}
.mf table.mf-table :is(th,td){min-width:0;max-width:16em}
.mf table.mf-table td:has(.wl){max-width:26em}
.mf table.mf-table .command{max-width:30em}
.mf table.mf-table tbody th>span{max-width:14em}
.mf table.mf-table:not(.mf-broad){width:100%}
.mf table.mf-table:not(.mf-broad) .wl{white-space:normal;overflow-wrap:anywhere}
.mf table.mf-table caption{position:sticky;left:0;max-width:100cqi}
.mf table.mf-broad caption::after{content:" Scroll sideways to see all columns.";font-style:italic}}
@media print{.mf details.mf-meaning{display:none}.mf .mf-scroll{overflow:visible}
.mf table.mf-table{font-size:8.2pt;break-inside:auto;margin:.3rem 0}
.mf table.mf-table :is(th,td){padding:.16rem .3rem;line-height:1.3;min-width:0;max-width:32em}
.mf table.mf-table .command{font-size:7.4pt;max-width:none}
.mf table.mf-table thead{break-after:avoid}
.mf table.mf-table tbody>tr:is(:first-child,:last-child){break-before:avoid}
.mf table.mf-table caption{break-after:avoid}.mf p{orphans:3;widows:3}
.mf td[class*="bar"]{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
_TWENTIETHS = 20
STYLE += "".join(f".mf .bar{n}{{--mf-w:{n * 5}%}}" for n in range(_TWENTIETHS + 1))
"""For everything inside `class="mf"`: takes JupyterLab's colours where there are any, light or
dark, and the report's elsewhere. `mathjax_ignore` beside it: JupyterLab sets text between two
dollar signs as a formula, and an error text may hold them."""

_TEMPLATE = """
<style>{{ style }}</style><div class="mf mathjax_ignore">
{%- macro table(rows, label, has_caption) -%}
<div class="mf-scroll" role="group" aria-label="{{ label }}" tabindex="0">
<table class="mf-table{% if is_broad %} mf-broad{% endif %}">
{%- if has_caption %}<caption>{{ label }}</caption>{% endif %}
<thead><tr>{% for one in heads %}<th scope="col"
 {%- if one.number %} class="num"{% endif %}>{{ one.heading }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}
<tr>{% for cell in row %}{% set is_head = loop.first and not loop.last -%}
{% set tag = "th" if is_head else "td" -%}
<{{ tag }}{% if is_head %} scope="row"{% endif %}
 {%- if cell.classes %} class="{{ cell.classes }}"{% endif %}>
 {%- if loop.first %}<span>{{ cell.text|whole }}</span>
 {%- else %}{{ cell.text|whole }}{% endif %}</{{ tag }}>
{%- endfor %}</tr>{% endfor %}
</tbody></table></div>
{%- endmacro -%}
{% if rows or folded %}
{% if rows %}{{ table(rows, caption, true) }}
{% else %}<p class="mf-empty"><b>{{ caption }}</b></p>{% endif %}
{% if folded %}<details class="mf-rest"><summary>{{ rest }}</summary>
{{ table(folded, rest, false) }}
{% if more %}<p class="unknown">{{ more }}</p>{% endif %}</details>
{% elif more %}<p class="unknown">{{ more }}</p>{% endif %}
{% if meanings %}<details class="mf-meaning"><summary>What the columns mean</summary><dl>
{% for heading, meaning in meanings %}<dt>{{ heading }}</dt><dd>{{ meaning }}</dd>{% endfor %}
</dl></details>{% endif %}
{% else %}<p class="mf-empty"><b>{{ caption }}</b> {{ empty }}</p>{% endif %}
{% if reading %}<p class="mf-reading">{{ reading|whole }}</p>{% endif %}
</div>
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A step's result.

    Attributes:
        name: the step, `non_empty_queues`.
        frame: one row per thing shown; all columns are named in `columns`.
        caption: one sentence over the table.
        columns: heading and meaning of each column of the frame to show, in order: name in the
            frame to (heading, meaning). Columns of the frame that are not named here are for code.
        reading: the table read aloud, generated from the data; may be several sentences.
        tones: (row position, column) to `good`, `bad` or `unknown`; drives colour, never meaning
            alone.
        empty: what to say where the frame has no rows.
        pictures: what a chart of this table shows; `show` draws them.
        grouped: the rows as people read them, equal ones as one; None: those of `frame`. Its
            positions are those of `tones`.
        opened: how many rows a page shows open; None: `MOST_OPEN`.
        rest: what to call the rows that are folded: `381 other mail paths work`; empty: counted.
        bars: columns of numbers that are drawn as bars behind the number.
    """

    name: str
    frame: pd.DataFrame
    caption: str
    columns: Mapping[str, tuple[str, str]]
    reading: str
    tones: Mapping[tuple[int, str], str] = field(default_factory=dict)
    empty: str = "Nothing to show."
    pictures: tuple[Ruler, ...] = ()
    grouped: pd.DataFrame | None = None
    opened: int | None = None
    rest: str = ""
    bars: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The table as plain text of 80 columns that can be pasted into a ticket."""
        parts = ["\n".join(wrap(visible(self.caption), 80))]
        rows = self._texts()
        if rows:
            heads = [visible(heading) for heading, _ in self.columns.values()]
            parts.append(grid(heads, rows, self._numeric()))
        else:
            parts.append("\n".join(wrap(visible(self.empty), 80)))
        parts += ["\n".join(wrap(visible(text), 80)) for text in (self._more(), self.reading)]
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        """The same: what a notebook keeps beside the HTML."""
        return str(self)

    def _repr_html_(self) -> str:
        """The table as HTML: every text escaped, no script, readable in light and dark."""
        numeric = self._numeric()
        lengths = {column: self._lengths(column) for column in self.bars}
        rows = [
            [
                {
                    "text": text,
                    "classes": self._classes(place, column, text, number, lengths),
                }
                for column, text, number in zip(self.columns, row, numeric, strict=True)
            ]
            for place, row in enumerate(self._texts())
        ]
        opened = MOST_OPEN if self.opened is None else self.opened
        if len(rows) <= opened + 2 and not self.rest:  # a fold that hides two rows helps nobody
            opened = len(rows)
        return render(
            _TEMPLATE,
            caption=visible(self.caption),
            heads=[
                {"heading": visible(heading), "number": number}
                for (heading, _), number in zip(self.columns.values(), numeric, strict=True)
            ],
            is_broad=len(self.columns) > 3 or ("command" in self.columns and len(self.columns) > 1),
            rows=rows[:opened],
            folded=rows[opened:],
            rest=visible(self.rest) or f"{len(self._rows) - opened:,} more rows",
            more=self._more(),
            meanings=[
                (visible(heading), visible(meaning))
                for heading, meaning in self.columns.values()
                if meaning
            ],
            empty=visible(self.empty),
            reading=visible(self.reading),
        )

    @property
    def _rows(self) -> pd.DataFrame:
        return self.frame if self.grouped is None else self.grouped

    def _lengths(self, column: str) -> list[int]:
        """Of each row the length of its bar in twentieths; none where the number is not known."""
        values = [0 if _is_missing(each) else int(each) for each in self._rows[column]]
        most = max(values, default=0) or 1
        return [-(-_TWENTIETHS * each // most) for each in values]

    def _texts(self) -> list[list[str]]:
        shown = self._rows[list(self.columns)].head(MOST_ROWS)
        return [[text_of(value) for value in row] for row in shown.itertuples(index=False)]

    def _numeric(self) -> list[bool]:
        """Which columns hold numbers only, and at least one."""
        return [
            any(map(_is_number, values)) and all(_is_number(v) or _is_missing(v) for v in values)
            for values in (self._rows[column].tolist() for column in self.columns)
        ]

    def _more(self) -> str:
        hidden = len(self._rows) - MOST_ROWS
        if hidden <= 0:
            return ""
        bad = len({row for (row, _), tone in self.tones.items() if row >= MOST_ROWS and tone})
        marked = f", {bad} of them marked" if bad else ""
        return f"{hidden} more rows are not shown here{marked}; `.frame` has them all."

    def _classes(
        self, row: int, column: str, text: str, number: bool, lengths: Mapping[str, list[int]]
    ) -> str:
        tone = self.tones.get((row, column), "unknown" if text == NOT_KNOWN else "")
        bar = f"bar{lengths[column][row]}" if column in lengths else ""
        kind = "command" if column == "command" else ""
        return " ".join(filter(None, (tone, "num" if number else "", bar, kind)))


def text_of(value: Any) -> str:  # noqa: ANN401 - a cell of a frame holds anything
    """A cell as people read it; a missing value says that it is not known."""
    if _is_missing(value):
        return NOT_KNOWN
    if hasattr(value, "item"):
        value = value.item()  # numpy's scalars, as Python's own
    if isinstance(value, datetime):
        return instant_of(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(text_of, value)) or "none"
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, int) and value >= _MANY:
        value = f"{value:,}" if value < _TOO_MANY else _roughly(value)
    text = visible(f"{value:g}" if isinstance(value, float) else str(value))
    if len(text) > MOST_CHARACTERS:
        hidden = len(text) - MOST_CHARACTERS
        return f"{text[:MOST_CHARACTERS]} ... ({hidden} more characters are not shown here)"
    return text


_MANY = 100_000
"""From here on digits stand in groups; no port and no build is that large."""
_TOO_MANY = 10**12


def _roughly(number: int) -> str:
    """A number of addresses that nobody reads digit by digit: `2^64`, `about 1.2e+20`."""
    power = number.bit_length() - 1
    return f"2^{power}" if number == 1 << power else f"about {number:.2g}"


def instant_of(moment: datetime) -> str:
    """An instant as people read it: `23 Nov 2026 14:02 UTC`; without a zone it says so."""
    if moment.tzinfo is None:
        return f"{moment:%d %b %Y %H:%M} (time zone unknown)"
    return f"{moment.astimezone(UTC):%d %b %Y %H:%M} UTC"


def render(source: str, **values: object) -> str:
    """A Jinja template filled in; every value is escaped, `style` is there."""
    return _template(source).render(values).strip()


@cache
def _template(source: str) -> Template:
    """Compiled once: that takes longer than to fill in a table."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["whole"] = whole
    environment.globals["style"] = Markup(STYLE)  # noqa: S704 - a constant of ours
    return environment.from_string(source)


def whole(text: str) -> Markup:
    """A text as HTML, escaped; names and addresses in it are not broken at the end of a line."""
    from markupsafe import Markup

    kept = Markup('<span class="{}">{}</span>')
    return Markup("").join(
        kept.format("w wl" if len(piece) > _LONG else "w", piece) if is_whole else piece
        for piece, is_whole in kept_whole(text)
    )


_LONG = 26
"""Characters; a longer name gets a wider cell where the page is narrow."""


def _is_missing(value: object) -> bool:
    return (
        value is None
        or type(value).__name__ in {"NAType", "NaTType"}
        or (isinstance(value, float) and math.isnan(value))
    )


def _is_number(value: object) -> bool:
    return (
        not _is_missing(value) and not isinstance(value, bool) and isinstance(value, numbers.Real)
    )
