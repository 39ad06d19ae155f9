"""The bar of a page: the runs before and after it, the index, and a warning where a later run failed.

These change after a page was made, when the next run comes. So they are a part of the file of their own, which is
replaced without making the page again. The hash of a page leaves it out.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
from markupsafe import Markup

from eventsource.report._about import About

__all__ = ["bar", "page_hash", "plain_page", "with_bar"]

_BEGIN: Final = "<!-- run -->"
_END: Final = "<!-- /run -->"
_PART: Final = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)


def bar(about: About) -> Markup:
    """Return the bar of a page."""
    return Markup(_BEGIN + _template("run_bar.html").render(about=about) + _END)  # noqa: S704 - autoescaped


def with_bar(html: str, about: About) -> str:
    """Return a page with another bar. No text of a page can begin a comment, as ``<`` is escaped."""
    return _PART.sub(lambda _: str(bar(about)), html, count=1)


def page_hash(html: str) -> str:
    """Return the SHA-256 of a page without its bar."""
    return hashlib.sha256(_PART.sub("", html, count=1).encode()).hexdigest()


def plain_page(name: str, **values: Any) -> str:
    """Return a page without scripts from a template of this package, such as ``index.html``."""
    return _template(name).render(style=Markup(_asset("page.css")), **values)  # noqa: S704 - of this package


@cache
def _template(name: str) -> jinja2.Template:
    loader: Mapping[str, str] = {
        each: _asset(each) for each in ("run_bar.html", "plain.html", "index.html", "failure.html")
    }
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, loader=jinja2.DictLoader(loader)
    )
    return environment.get_template(name)


@cache
def _asset(name: str) -> str:
    return files("eventsource.report").joinpath(name).read_text(encoding="utf-8")
