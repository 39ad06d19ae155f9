"""The page: one self-contained file that opens offline, makes no request, and never runs its data as code."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
import vl_convert
from markupsafe import Markup
from nbformat import NotebookNode

from eventsource.charts import DARK, LIGHT
from eventsource.errors import ReportError
from eventsource.report._about import About
from eventsource.report._outputs import Item, items

__all__ = ["json_for_script", "page", "title_of"]

_LIMIT: Final = 5_000_000
_HEADING: Final = re.compile(r"<h([23])(?: id=\"[^\"]*\")?>(.*?)</h[23]>", re.DOTALL)
_MARKUP: Final = re.compile(r"<[^>]+>")
_CONTENTS_FROM: Final = 3
"""A page with more headings than this has a table of contents."""
_ESCAPES: Final = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def page(notebook: NotebookNode, about: About) -> str:
    """Return an executed notebook as the HTML of a page.

    Args:
        notebook: the notebook with its outputs.
        about: what the page says about itself.

    Raises:
        ReportError: the page would be larger than 5 MB; the hint names its largest item.
    """
    found = list(items(notebook))
    charts = [item.spec for item in found if item.spec is not None]
    _check_size(found)
    style, script = _palettes() + _asset("page.css"), _asset("page.js")
    bundle = _bundle() if charts else ""
    body, contents = _numbered(found)
    opening = body.pop(0)["html"] if body and "<h1" in str(body[0].get("html")) else ""
    html = _template().render(
        title=about.title,
        about=about.lines(),
        opening=opening,
        body=body,
        contents=contents if len(contents) > _CONTENTS_FROM else [],
        charts=[json_for_script(spec) for spec in charts],
        manifest=json_for_script(dict(about.manifest)),
        style=Markup(style),  # noqa: S704 - files of this package
        script=Markup(script),  # noqa: S704 - likewise
        bundle=Markup(bundle),  # noqa: S704 - of vl-convert, made safe by _bundle
        policy=_policy([script, bundle] if charts else [script]),
    )
    if len(html.encode()) > _LIMIT:
        raise ReportError(f"a page has at most {_LIMIT:,} bytes, got {len(html.encode()):,}", hint=_largest(found))
    return html


def json_for_script(value: Any) -> Markup:
    """Return a value as JSON for ``<script type="application/json">``; no text in it can end the element."""
    return Markup(json.dumps(value, ensure_ascii=False, sort_keys=True).translate(_ESCAPES))  # noqa: S704 - escaped


def title_of(notebook: NotebookNode, default: str) -> str:
    """Return the first heading of a notebook, or the default."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^#\s+(.+)$", cell.source, re.MULTILINE)
            if heading:
                return heading[1].strip()
    return default


def _policy(scripts: list[str]) -> str:
    """Return the content security policy: only these scripts run, and the page makes no request.

    Vega writes style attributes into its drawings. Only ``unsafe-inline`` allows them; it does not allow scripts.
    """
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _bundle() -> str:
    """Return the script that draws charts; no text in it can end the script element."""
    return re.sub(r"</(?=script)", r"<\\/", _all_of_vega(), flags=re.IGNORECASE).replace("<!--", "<\\!--")


def _all_of_vega() -> str:
    """Return Vega, Vega-Lite and their embedding as one script."""
    whole: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks the default
    return whole


def _palettes() -> str:
    """Return the colours of series as variables: one palette for light paper and print, one for dark screens."""
    light, dark = (
        "".join(f"--series-{number}:{colour};" for number, colour in enumerate(palette))
        for palette in (LIGHT, DARK)
    )
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


@cache
def _asset(name: str) -> str:
    return files("eventsource.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(_asset("page.html"))


def _numbered(found: list[Item]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return the items with numbers for charts and ids for headings, and the table of contents."""
    body: list[dict[str, Any]] = []
    contents: list[dict[str, str]] = []
    chart = 0
    for item in found:
        if item.spec is not None:
            body.append({"chart": chart, "title": item.title, "rows": item.rows or [], "about": _about(item.spec)})
            chart += 1
            continue
        html = str(item.html)
        for heading in _HEADING.finditer(html):
            contents.append({"id": f"s{len(contents) + 1}", "text": _MARKUP.sub("", heading[2])})
        names = iter(contents[-len(_HEADING.findall(html)) :] if _HEADING.search(html) else [])
        html = _HEADING.sub(lambda h: f'<h{h[1]} id="{next(names)["id"]}">{h[2]}</h{h[1]}>', html)  # noqa: B023
        body.append({"html": Markup(html)})  # noqa: S704 - cleaned before; only ids are added
    return body, contents


def _about(spec: Mapping[str, Any]) -> str:
    return str(spec.get("description") or spec.get("title") or "chart")


def _check_size(found: list[Item]) -> None:
    if sum(len(str(item.html)) + len(str(json_for_script(item.spec))) for item in found) > _LIMIT:
        raise ReportError(f"a page has at most {_LIMIT:,} bytes, got more", hint=_largest(found))


def _largest(found: list[Item]) -> str:
    sizes = [(len(str(item.html)) + len(str(json_for_script(item.spec))), item) for item in found]
    size, item = max(sizes, key=lambda pair: pair[0])
    name = _about(item.spec) if item.spec is not None else "a table or text"
    return f"aggregate the largest item first: {name!r} has {size:,} bytes"
