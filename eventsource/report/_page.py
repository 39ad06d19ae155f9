"""The page: one self-contained file that opens offline, makes no request, and never runs its data as code."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup
from nbformat import NotebookNode

from eventsource.charts import DARK, LIGHT
from eventsource.errors import ReportError
from eventsource.report._about import About
from eventsource.report._bar import bar
from eventsource.report._board import view_of
from eventsource.report._bundle import bundle
from eventsource.report._compact import compact
from eventsource.report._layout import blocks
from eventsource.report._outputs import Item, is_trusted, items
from eventsource.report._still import still
from eventsource.report._templates import asset, template

__all__ = ["json_for_script", "page", "title_of"]

_LIMIT: Final = 5_000_000
_ANSWER: Final = "answer"
"""The tag of cells whose output is the answer: it is at the top of the page."""
_TITLE: Final = re.compile(r"<h1[^>]*>.*?</h1>", re.DOTALL)
_HEADING: Final = re.compile(r"<h2(?: id=\"[^\"]*\")?>(.*?)</h2>", re.DOTALL)
_MARKUP: Final = re.compile(r"<[^>]+>")
_CONTENTS_FROM: Final = 3
"""A page with more headings than this has a table of contents."""
_BOARD_SCRIPTS: Final = ("sliders.js", "parts.js", "following.js", "lives.js", "lifeline.js", "find.js")
_WITH_DATA: Final = ("board", "trend", "by", "chart", "table", "find")
"""The parts that scripts need the JSON of."""
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
    parts = [item.part for item in found if item.part is not None]
    _check_size(found)
    view = view_of(parts)
    style = _palettes() + asset("page.css") + (asset("board.css") if view else "")
    script = _script(is_board=view is not None)
    vega = bundle() if charts or any(part["part"] == "chart" for part in parts) else ""
    body, contents = _numbered(found)
    opening = _titled(notebook, body.pop(0)[1]["html"], about) if body and _is_opening(body[0][1]) else ""
    answers = [item for tags, item in body if _ANSWER in tags]
    body = [(tags, item) for tags, item in body if _ANSWER not in tags]
    html = (
        template("page.html")
        .render(
            title=view.data["title"] if view else about.title,
            about=about,
            run=bar(about),
            opening=opening,
            has_words=bool(_MARKUP.sub("", _TITLE.sub("", opening)).strip()),
            answers=answers,
            view=view,
            body=list(blocks(body)),
            contents=contents if len(contents) > _CONTENTS_FROM and view is None else [],
            charts=[json_for_script(spec) for spec in charts],
            parts=[
                {
                    "id": "board" if part["part"] == "board" else f"part-{number}",
                    "json": json_for_script(_compact(part)),
                }
                for number, part in enumerate(parts)
                if part["part"] in _WITH_DATA
            ],
            manifest=json_for_script(dict(about.manifest)),
            style=Markup(style),  # noqa: S704 - files of this package
            script=Markup(script),  # noqa: S704 - likewise
            bundle=Markup(vega),  # noqa: S704 - of vl-convert, made safe by `bundle`
            policy=_policy(style, [script, vega] if vega else [script], is_trusted=any(map(is_trusted, found))),
        )
        .lstrip()
    )
    if len(html.encode()) > _LIMIT:
        raise ReportError(f"a page has at most {_LIMIT:,} bytes, got {len(html.encode()):,}", hint=_largest(found))
    return html


def json_for_script(value: Any) -> Markup:
    """Return a value as JSON for ``<script type="application/json">``; no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - escaped


def title_of(notebook: NotebookNode, default: str) -> str:
    """Return the first heading of a notebook, or the default."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^#\s+(.+)$", cell.source, re.MULTILINE)
            if heading:
                return heading[1].strip()
    return default


def _is_opening(item: Mapping[str, Any]) -> bool:
    return "<h1" in str(item.get("html"))


def _titled(notebook: NotebookNode, opening: Markup, about: About) -> Markup:
    """Return the opening of a notebook under the title of its report, which may name the values of parameters."""
    if about.title == title_of(notebook, ""):
        return opening
    return Markup(_TITLE.sub(lambda _: str(Markup("<h1>{}</h1>").format(about.title)), opening, count=1))  # noqa: S704 - both are safe


def _policy(style: str, scripts: list[str], *, is_trusted: bool) -> str:
    """Return the content security policy: only these scripts, and no request.

    Only the page's own style counts, unless there is trusted HTML: libraries give theirs with it.
    """
    styles = "'unsafe-inline'" if is_trusted else f"'sha256-{_digest(style)}'"
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {styles}; img-src data:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _palettes() -> str:
    """Return the colours of series as variables: one palette for light paper and print, one for dark screens."""
    light, dark = (
        "".join(f"--series-{number}:{colour};" for number, colour in enumerate(palette))
        for palette in (LIGHT, DARK)
    )
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _id(part: dict[str, Any], number: int) -> str:
    return "board" if part["part"] == "board" else f"part-{number}"


def _compact(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a board as the page holds it."""
    return part | {"specs": compact(part["specs"])} if part["part"] == "chart" else part


def _script(*, is_board: bool) -> str:
    """Return the scripts of a page as one."""
    names = ["forms.js", "charts.js", "tables.js", *(_BOARD_SCRIPTS if is_board else ()), "page.js"]
    return "\n".join(asset(name) for name in names)


def _numbered(found: list[Item]) -> tuple[list[tuple[frozenset[str], dict[str, Any]]], list[dict[str, str]]]:
    """Return the items with their tags, numbers for charts and ids for headings, and the table of contents."""
    body: list[tuple[frozenset[str], dict[str, Any]]] = []
    contents: list[dict[str, str]] = []
    chart = part = 0
    for item in found:
        if item.part is not None:
            body.append((item.tags, {"part": item.part, "number": part}))
            part += 1
            continue
        if item.spec is not None:
            drawn = {"chart": chart, "title": item.title, "rows": item.rows or [], "about": _about(item.spec)}
            body.append((item.tags, drawn | {"still": still(item.spec)}))
            chart += 1
            continue
        html = str(item.html)
        for heading in _HEADING.finditer(html):
            contents.append({"id": f"s{len(contents) + 1}", "text": _MARKUP.sub("", heading[1])})
        names = iter(contents[-len(_HEADING.findall(html)) :] if _HEADING.search(html) else [])
        html = _HEADING.sub(lambda h: f'<h2 id="{next(names)["id"]}">{h[1]}</h2>', html)  # noqa: B023
        body.append((item.tags, {"html": Markup(html)}))  # noqa: S704 - cleaned before; only ids are added
    return body, contents


def _about(spec: Mapping[str, Any]) -> str:
    return str(spec.get("description") or spec.get("title") or "chart")


def _check_size(found: list[Item]) -> None:
    if sum(map(_size, found)) > _LIMIT:
        raise ReportError(f"a page has at most {_LIMIT:,} bytes, got more", hint=_largest(found))


def _size(item: Item) -> int:
    return len(str(item.html)) + len(str(json_for_script(item.spec))) + len(str(json_for_script(item.part)))


def _largest(found: list[Item]) -> str:
    item = max(found, key=_size)
    name = "a table or text"
    if item.spec is not None:
        name = _about(item.spec)
    elif item.part is not None:
        name = f"the {item.part['part']} of the board"
    return f"aggregate the largest item first: {name!r} has {_size(item):,} bytes"
