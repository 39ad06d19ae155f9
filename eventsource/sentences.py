r"""Sentences whose every value is computed, for notebooks and their pages.

A finding that is typed into a notebook is wrong as soon as a parameter changes. `say` fills values into a text
when the notebook runs:

>>> say("On {day:day} {premium:customer|customers} ({share:share}) had the plan.", day=date(2024, 6, 30),
...     premium=126, share=0.4)
On 30 June 2024 126 customers (40 %) had the plan.

The text may be Markdown; the values are not. What comes from events stays text:

>>> say("The reason was {reason}.", reason="[a](b) <i>")
The reason was \[a\]\(b\) \<i\>.
"""

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.presentation import shown_value

__all__ = ["Sentences", "markdown_of", "say"]

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$]|(?<=:)//)")
_LINES: Final = re.compile(r"\s+")


class Sentences:
    """Markdown that notebooks show: on screen, and on the page of a report."""

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.markdown


def say(*templates: str, rows: pl.DataFrame | None = None, otherwise: str = "", **values: Any) -> Sentences:
    """Return sentences with values filled in.

    Args:
        templates: Markdown with ``{name}`` or ``{name:format}`` for a value; see `eventsource.formats`. Several
            become the items of a list.
        rows: a frame whose rows give values, column by column: each template is then filled for each row.
        otherwise: the template in place of all others where there are no rows, or where a value of the first
            template is missing.
        values: the values.

    Raises:
        ReportError: a template names a value that was not given, or a format that does not fit.
    """
    filled = rows.to_dicts() if rows is not None else [{}]
    used = [values | row for row in filled if rows is not None or not _is_missing(templates, values, otherwise)]
    found = [_filled(template, each) for each in used for template in templates]
    if not used:
        found = [_filled(otherwise, values)] if otherwise else []
    return Sentences(found[0] if len(found) == 1 else "\n".join(f"- {sentence}" for sentence in found))


def _is_missing(templates: Sequence[str], values: Mapping[str, Any], otherwise: str) -> bool:
    names = [name for _, name, _, _ in string.Formatter().parse(templates[0]) if name]
    return bool(otherwise) and any(name in values and values[name] is None for name in names)


def _filled(template: str, values: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    for text, name, form, _ in string.Formatter().parse(template):
        pieces.append(text)
        if name is None:
            continue
        if name not in values:
            raise ReportError(f"a sentence needs the value {name!r}", hint=f"there are {', '.join(values)}")
        try:
            pieces.append(markdown_of(_readable(name, values[name], form or "")))
        except (TypeError, ValueError, AttributeError) as error:
            raise ReportError(f"value {name!r}: {error}", hint="see eventsource.formats") from error
    return "".join(pieces)


def _readable(name: str, value: Any, form: str) -> str:
    """Return a value as a text that the readers may see."""
    found = shown_value(name, value, form)
    return found if isinstance(found, str) and found is not value else formatted(value, form)


def markdown_of(text: str) -> str:
    """Return a text so that Markdown shows it as it is, in one line."""
    return _MARKUP.sub(r"\\\1", _LINES.sub(" ", text))
