"""Named results: the figures that a page says, by name, so that other runs can be compared with it.

A notebook gives them as outputs of a MIME type of their own. Another member than ``results`` may follow::

    {"application/vnd.eventsource.results+json": {"results": {"premium": 126, "share": 0.4}}}

`result` displays such an output. `named_results` reads all of an executed notebook.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from eventsource.errors import ReportError
from eventsource.mime_types import RESULTS

if TYPE_CHECKING:  # notebooks import this module, and need none of it
    from nbformat import NotebookNode

__all__ = ["named_results", "plain_value"]

_EXAMPLE: Final = 'report.result("premium", 126)'


def named_results(executed: "NotebookNode") -> dict[str, Any]:
    """Return the named results of an executed notebook, in the order of its cells.

    Raises:
        ReportError: an output is not an object of plain values, or gives a name a second time with another value.
    """
    results: dict[str, Any] = {}
    for number, cell in enumerate(executed.cells, 1):
        for output in cell.get("outputs", []):
            found = output.get("data", {}).get(RESULTS)
            if found is not None:
                for name, value in _members(found, number).items():
                    _add(results, name, value, number)
    return results


def plain_value(name: str, value: Any) -> str | int | float | bool | None:
    """Return a result as JSON holds it: a number, a text, true or false, or null.

    A `Decimal` becomes a number where a double holds its digits, else the text of its digits. Moments are ISO
    8601, durations seconds.

    Raises:
        ReportError: it is anything else, or a number that is not finite.
    """
    if not isinstance(value, str | int | float | bool | None) and callable(item := getattr(value, "item", None)):
        value = item()  # a scalar of NumPy, or a frame of one cell
    match value:
        case float() if not math.isfinite(value):
            raise ReportError(
                f"result {name!r}: expected a finite number, got {value}", hint="None says: no value"
            )
        case bool() | str() | int() | float() | None:
            return value
        case Decimal() if value.is_finite():
            return _number(value)
        case timedelta():
            return value.total_seconds()
        case datetime() | date():
            return value.isoformat()
    kind = type(value).__name__
    raise ReportError(f"result {name!r}: expected a number, a text, a moment or None, got {kind}", hint=_EXAMPLE)


def _number(value: Decimal) -> int | float | str:
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _members(found: Any, cell: int) -> Mapping[str, Any]:
    results = found.get("results") if isinstance(found, Mapping) else None
    if not isinstance(results, Mapping):
        raise ReportError(f"cell {cell}: expected an object with the member results, got {found!r}", hint=_EXAMPLE)
    return {str(name): plain_value(str(name), value) for name, value in results.items()}


def _add(results: dict[str, Any], name: str, value: Any, cell: int) -> None:
    if name in results and (results[name], type(results[name])) != (value, type(value)):
        raise ReportError(
            f"cell {cell}: result {name!r} was {results[name]!r} before and is {value!r} here",
            hint="give each figure a name of its own",
        )
    results[name] = value
