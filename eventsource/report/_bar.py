"""The bar of a page: the runs before and after it, the index, and a warning where a later run failed.

These change after a page was made, when the next run comes. So they are a part of the file of their own, which is
replaced without making the page again. The hash of a page leaves it out.
"""

import hashlib
import re
from typing import Any, Final

from markupsafe import Markup

from eventsource.report._about import About
from eventsource.report._templates import asset, template

__all__ = ["bar", "page_hash", "plain_page", "with_bar"]

_BEGIN: Final = "<!-- run -->"
_END: Final = "<!-- /run -->"
_PART: Final = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""The content security policy of a page without scripts: no script, and no request."""


def bar(about: About) -> Markup:
    """Return the bar of a page."""
    return Markup(_BEGIN + template("run_bar.html").render(about=about) + _END)  # noqa: S704 - autoescaped


def with_bar(html: str, about: About) -> str:
    """Return a page with another bar. No text of a page can begin a comment, as ``<`` is escaped."""
    return _PART.sub(lambda _: str(bar(about)), html, count=1)


def page_hash(html: str) -> str:
    """Return the SHA-256 of a page without its bar."""
    return hashlib.sha256(_PART.sub("", html, count=1).encode()).hexdigest()


def plain_page(name: str, **values: Any) -> str:
    """Return a page without scripts from a template of this package, such as ``index.html``."""
    style = Markup(asset("page.css"))  # noqa: S704 - of this package
    return template(name).render(style=style, policy=_POLICY, **values)
