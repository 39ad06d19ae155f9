"""What of a notebook's outputs goes into a page: charts, tables, pictures and text, nothing that can act.

HTML that a cell made is not trusted: it may hold event data. Of it only tables are kept, by an allow-list.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import nh3
from markupsafe import Markup, escape
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat import NotebookNode

__all__ = ["Part", "parts"]

VEGA: Final = ("application/vnd.vegalite.v6+json", "application/vnd.vegalite.v5+json")
_HIDDEN: Final = {"remove-cell", "parameters", "injected-parameters", "results"}
_TABLE: Final = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "small", "br"}
_PROSE: Final = nh3.ALLOWED_TAGS - {"img"}  # a page fetches nothing
_SPANS: Final = {"th": {"colspan", "rowspan", "scope"}, "td": {"colspan", "rowspan"}}
_ANCHOR: Final = re.compile(r'<a class="anchor-link"[^>]*>[^<]*</a>')
_QUOTED: Final = re.compile(r'<td>(?:"|&quot;)([^<]*)(?:"|&quot;)</td>')  # Polars quotes its texts
_ALT_ROWS: Final = 200
_NOTHING: Final = Markup()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a page.

    Args:
        kind: ``html`` or ``chart``.
        html: what stands there; safe.
        spec: of a chart: its Vega-Lite specification, without its title.
        title: of a chart: its title, which stands above it as text.
        rows: of a chart: its data, for the table beside it.
    """

    kind: str
    html: Markup = _NOTHING
    spec: Mapping[str, Any] | None = None
    title: str = ""
    rows: list[dict[str, Any]] | None = None


def parts(notebook: NotebookNode) -> Iterator[Part]:
    """Yield the parts of an executed notebook, in order; code is left out."""
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if tags & _HIDDEN:
            continue
        if cell.cell_type == "markdown":
            yield Part("html", _clean(markdown2html_mistune(cell.source), markdown=True))
        elif cell.cell_type == "code" and "remove-output" not in tags:
            for output in cell.get("outputs", []):
                yield from _output(output)


def _output(output: NotebookNode) -> Iterator[Part]:
    if output.output_type == "stream":
        if output.name == "stdout":
            yield Part("html", _pre(output.text))
        return
    data = output.get("data", {})
    chart = next((data[kind] for kind in VEGA if kind in data), None)
    if chart is not None:
        title = chart.get("title", "")
        spec = {name: value for name, value in chart.items() if name != "title"}
        yield Part("chart", spec=spec, title=title if isinstance(title, str) else "", rows=_rows(chart))
    elif "image/png" in data:
        source = escape("data:image/png;base64," + data["image/png"].replace("\n", ""))
        yield Part("html", Markup('<img src="{}" alt="figure">').format(source))
    elif "text/html" in data and "<table" in data["text/html"]:
        yield Part("html", Markup('<div class="wide">{}</div>').format(_clean(data["text/html"], markdown=False)))
    elif "text/markdown" in data:
        yield Part("html", _clean(markdown2html_mistune(data["text/markdown"]), markdown=True))
    elif "text/plain" in data:
        yield Part("html", _pre(data["text/plain"]))


def _pre(text: str) -> Markup:
    return Markup("<pre>{}</pre>").format(text)


def _clean(html: str, *, markdown: bool) -> Markup:
    """Return HTML with only what an allow-list names."""
    if markdown:
        cleaned = nh3.clean(_ANCHOR.sub("", html), tags=_PROSE, url_schemes={"https", "mailto"})
    else:
        cleaned = nh3.clean(html, tags=_TABLE, attributes=_SPANS, clean_content_tags={"script", "style"})
        cleaned = _QUOTED.sub(r"<td>\1</td>", cleaned)
    return Markup(cleaned)  # noqa: S704 - what nh3 cleaned


def _rows(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the data of a chart as rows, as many as a reader may want."""
    values: Any = spec.get("data", {}).get("values")
    if values is None:
        values = next(iter(spec.get("datasets", {}).values()), [])
    return values[:_ALT_ROWS] if isinstance(values, list) else []
