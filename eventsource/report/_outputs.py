"""The items of a page that a notebook's outputs give: charts, tables, pictures and text, but nothing that runs.

HTML in an output is not trusted, because it may contain event data. An allow-list keeps only its tables. A cell
tagged ``trusted`` keeps the HTML of its outputs as it is, styles included; the page forbids its scripts to run.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import nh3
from markupsafe import Markup, escape
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat import NotebookNode

from eventsource.charts import HIDDEN, VEGA_MIMETYPES
from eventsource.mime_types import BOARD, RESULTS

__all__ = ["Item", "is_trusted", "items"]

_HIDDEN: Final = {"remove-cell", "parameters", "injected-parameters", "results"}
_TRUSTED: Final = "trusted"
_TABLE: Final = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "small", "br"}
_PROSE: Final = nh3.ALLOWED_TAGS - {"img"}  # a page loads nothing
_LEFT_OUT: Final = {"script", "style", "details"}
"""Tags that go with their content: what a notebook folds away, such as a payload, is on no page."""
_SPANS: Final = {"th": {"colspan", "rowspan", "scope"}, "td": {"colspan", "rowspan"}}
_ANCHOR: Final = re.compile(r'<a class="anchor-link"[^>]*>[^<]*</a>')
_QUOTED: Final = re.compile(r'<td>(?:"|&quot;)([^<]*)(?:"|&quot;)</td>')  # Polars quotes texts
_ALT_ROWS: Final = 200
"""Rows of a chart's data that the table below it shows."""
_NOTHING: Final = Markup()
_WIDE: Final = Markup('<div class="wide" role="region" tabindex="0" aria-label="Table">{}</div>')


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a page.

    Args:
        kind: ``html``, ``chart``, ``board`` or ``trusted``.
        html: the HTML of the item; safe, or trusted.
        spec: the Vega-Lite specification of a chart, without its title.
        title: the title of a chart; the page shows it as text above the chart.
        rows: the data of a chart, for the table below it.
        part: the JSON of a part of a board.
        tags: the tags of the cell, which say where the item is on the page.
    """

    kind: str
    html: Markup = _NOTHING
    spec: Mapping[str, Any] | None = None
    title: str = ""
    rows: list[dict[str, Any]] | None = None
    part: dict[str, Any] | None = None
    tags: frozenset[str] = frozenset()


def items(notebook: NotebookNode) -> Iterator[Item]:
    """Yield the items of an executed notebook in their order, without code."""
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if tags & _HIDDEN:
            continue
        if cell.cell_type == "markdown":
            yield Item("html", _clean(markdown2html_mistune(cell.source), markdown=True))
        elif cell.cell_type == "code" and "remove-output" not in tags:
            for output in cell.get("outputs", []):
                found = _trusted(output) if _TRUSTED in tags else _output(output)
                yield from (replace(item, tags=frozenset(tags)) for item in found)


def is_trusted(item: Item) -> bool:
    """Return whether an item is HTML of a library, as it is."""
    return item.kind == _TRUSTED


def _trusted(output: NotebookNode) -> Iterator[Item]:
    """Yield the item for one output of a trusted cell: its HTML as it is, if it has some."""
    html = output.get("data", {}).get("text/html")
    if html is None or BOARD in output["data"]:
        yield from _output(output)
    else:
        yield Item(_TRUSTED, Markup('<div class="trusted">{}</div>').format(Markup(html)))  # noqa: S704 - by the tag


def _output(output: NotebookNode) -> Iterator[Item]:
    """Yield the item for one output, in the best format that the output has."""
    if output.output_type == "stream":
        if output.name == "stdout":
            yield Item("html", _pre(output.text))
        return
    data = output.get("data", {})
    if RESULTS in data and not set(data) - {RESULTS, "text/plain"}:
        return  # a named result: the manifest holds it
    if BOARD in data:
        yield Item("board", part=dict(data[BOARD]))
        return
    chart = next((data[kind] for kind in VEGA_MIMETYPES if kind in data), None)
    if chart is not None:
        title = chart.get("title", "")
        spec = {name: value for name, value in chart.items() if name != "title"}
        yield Item("chart", spec=spec, title=title if isinstance(title, str) else "", rows=_rows(chart))
    elif "image/png" in data:
        source = escape("data:image/png;base64," + data["image/png"].replace("\n", ""))
        yield Item("html", Markup('<img src="{}" alt="figure">').format(source))
    elif "text/html" in data and "<table" in data["text/html"]:
        yield Item("html", _WIDE.format(_clean(data["text/html"], markdown=False)))
    elif "text/markdown" in data:
        yield Item("html", _clean(markdown2html_mistune(data["text/markdown"]), markdown=True))
    elif "text/plain" in data:
        yield Item("html", _pre(data["text/plain"]))


def _pre(text: str) -> Markup:
    return Markup('<pre tabindex="0">{}</pre>').format(text)


def _clean(html: str, *, markdown: bool) -> Markup:
    """Return HTML with only the tags and attributes of an allow-list."""
    if markdown:
        cleaned = nh3.clean(_ANCHOR.sub("", html), tags=_PROSE, url_schemes={"https", "mailto"})
    else:
        cleaned = nh3.clean(html, tags=_TABLE, attributes=_SPANS, clean_content_tags=_LEFT_OUT)
        cleaned = _QUOTED.sub(r"<td>\1</td>", cleaned)
    return Markup(cleaned)  # noqa: S704 - cleaned by nh3


def _rows(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the first rows of a chart's data that are for readers."""
    values: Any = spec.get("data", {}).get("values")
    if values is None:
        values = next(iter(spec.get("datasets", {}).values()), [])
    if not isinstance(values, list):
        return []
    shown = [{name: row[name] for name in row if not name.startswith(HIDDEN)} for row in values]
    return [row for row in shown if any(value is not None for value in row.values())][:_ALT_ROWS]
