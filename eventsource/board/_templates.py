"""Sentences whose values follow the sliders.

A template names figures and moments: ``"On {as_of} {premium} customers had the plan, {premium.change:more} on
{before}."`` It becomes pieces, which the page fills in.
"""

import string
from collections.abc import Collection
from typing import Final

from eventsource.errors import ReportError
from eventsource.formats import NAMES

__all__ = ["Piece", "pieces"]

Piece = dict[str, str]
_MOMENTS: Final = ("as_of", "known_at", "before")
_PARTS: Final = ("", "before", "change", "later")


def pieces(template: str, figures: Collection[str]) -> list[Piece]:
    """Return the pieces of a template: ``{"text": …}``, ``{"moment": …}``, or ``{"figure": …, "part", "form"}``.

    Raises:
        ReportError: it names neither a figure nor a moment, or a format does not exist.
    """
    found: list[Piece] = []
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ReportError(f"sentence {template!r}: {error}", hint='"{premium} customers had the plan"') from error
    for text, name, form, _ in parsed:
        if text:
            found.append({"text": text})
        if name is None:
            continue
        figure, _, part = name.partition(".")
        if name in _MOMENTS:
            found.append({"moment": name})
        elif figure in figures and part in _PARTS:
            found.append({"figure": figure, "part": part, "form": _checked(form or "", template)})
        else:
            known = ", ".join([*figures, *_MOMENTS])
            raise ReportError(
                f"sentence {template!r}: unknown value {name!r}",
                hint=f"there are {known}; a figure also has .before, .change and .later",
            )
    return found


def _checked(form: str, template: str) -> str:
    if form and "|" not in form and form not in NAMES:
        raise ReportError(
            f"sentence {template!r}: expected a format, got {form!r}", hint=f"{', '.join(NAMES)}, or one|many"
        )
    return form
