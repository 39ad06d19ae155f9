"""Measures as they are typed: ``NAME=op(field)``, such as ``premium=sum(premium)``."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from eventsource.cli._failures import UsageError
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

HELP: Final = f"NAME=op(field), where op is {', '.join(_OPS)}; or NAME=len(), the number of entities."


def measures(texts: list[str]) -> dict[str, pl.Expr]:
    """Return name → aggregation; without any text the number of entities.

    Raises:
        UsageError: a text of another form, an op that is not known, a name twice.
    """
    found = dict(_measure(text) for text in texts or ["entities=len()"])
    if len(found) < len(texts):
        raise UsageError("two measures have the same name", hint=HELP)
    return found


def _measure(text: str) -> tuple[str, pl.Expr]:
    form = _FORM.fullmatch(text)
    if form is None:
        raise UsageError(f"{text!r} is no measure", hint=HELP)
    name, op, field = form.groups()
    if op == "len" and not field:
        return name, pl.len()
    if op not in _OPS:
        raise UsageError(f"{text!r}: there is no op {op!r}", hint=suggestion(op, [*_OPS, "len"]))
    if not field:
        raise UsageError(f"{text!r}: {op} of which field?", hint=HELP)
    return name, _OPS[op](pl.col(field))
