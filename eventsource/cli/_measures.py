"""Measures as a user types them: ``NAME=op(field)``, such as ``premium=sum(premium)``."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from eventsource.cli._errors import UsageError
from eventsource.messages import suggestion

__all__ = ["HELP", "measures"]

_OPS: Final[Mapping[str, Callable[[pl.Expr], pl.Expr]]] = {
    "sum": pl.Expr.sum,
    "mean": pl.Expr.mean,
    "min": pl.Expr.min,
    "max": pl.Expr.max,
    "count": pl.Expr.count,
    "n_unique": pl.Expr.n_unique,
    "median": pl.Expr.median,
}
_FORM: Final = re.compile(r"\s*([^\W\d]\w*)\s*=\s*(\w+)\s*\(\s*(\w*)\s*\)\s*")

HELP: Final = (
    f"What to measure: NAME=op(field), where op is {', '.join(_OPS)}; or NAME=len(), the number of entities. "
    "May be repeated. Default: entities=len()."
)
_EXAMPLE: Final = "--measure 'revenue=sum(spent)'"


def measures(texts: list[str]) -> dict[str, pl.Expr]:
    """Return an aggregation for each name; without any text, the number of entities.

    Raises:
        UsageError: a text has another form, an operation is unknown, or a name is given twice.
    """
    found: dict[str, pl.Expr] = {}
    for text in texts or ["entities=len()"]:
        name, measure = _measure(text)
        if name in found:
            raise UsageError(
                f"--measure {text!r}: expected a name of its own, got {name!r} twice",
                hint=f"{name}2={text.partition('=')[2]}",
            )
        found[name] = measure
    return found


def _measure(text: str) -> tuple[str, pl.Expr]:
    form = _FORM.fullmatch(text)
    if form is None:
        raise UsageError(f"--measure: expected NAME=op(field), got {text!r}", hint=_EXAMPLE)
    name, op, field = form.groups()
    if op == "len" and not field:
        return name, pl.len()
    if op not in _OPS:
        raise UsageError(f"--measure {text!r}: unknown operation {op!r}", hint=suggestion(op, [*_OPS, "len"]))
    if not field:
        raise UsageError(f"--measure {text!r}: expected a field between the brackets, got none", hint=_EXAMPLE)
    return name, _OPS[op](pl.col(field))
