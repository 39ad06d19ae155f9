"""What prepares pages and docstrings for Sphinx: handlers of its events."""

import re
from typing import Any

_SITE_ONLY = re.compile(r"^<!-- sphinx:\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r'\[`(\w+)`\]\(\S+ "(eventsource\.[\w.]+)"\)')
_NOT_ON_THE_SITE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:tests/|CONTRIBUTING|SECURITY)[^)]*\)")
_FENCE = re.compile(r"^(\s*)```(\w*)\s*$")


def fill_page(_app: Any, _page: str, content: list[str]) -> None:
    """Give Sphinx what only the site understands, and links to entries."""
    text = _SITE_ONLY.sub(r"\1", content[0])
    content[0] = _NOT_ON_THE_SITE.sub(r"\1", _ENTRY.sub(r"{py:obj}`\1 <\2>`", text))


def rewrite_docstring(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Turn the fenced code of a docstring into what reStructuredText understands."""
    found: list[str] = []
    inside: str | None = None
    for line in lines:
        fence = _FENCE.match(line)
        if fence and inside is None:
            inside = fence[1]
            found += ["", f"{inside}.. code-block:: {fence[2] or 'text'}", ""]
        elif fence:
            inside = None
            found.append("")
        else:
            found.append(line if inside is None else f"   {line}")
    lines[:] = found


def resolve_short_name(app: Any, env: Any, node: Any, contents: Any) -> Any:
    """Link a short name of a docstring, such as `Log.pull`, to its entry."""
    if node.get("refdomain") != "py":
        return None
    target, domain = node["reftarget"], env.domains.python_domain
    short = target.removeprefix("eventsource.")
    ends = [name for name in domain.objects if name.endswith(f".{short}")]
    if len(ends) != 1:
        return None
    entry = domain.objects[ends[0]]
    return (
        domain.resolve_xref(env, node["refdoc"], app.builder, node.get("reftype", "obj"), ends[0], node, contents)
        if entry
        else None
    )
