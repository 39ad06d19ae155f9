"""Payload values as Python values, and Python values as a column shows them: for the reference engine."""

import decimal
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.decode import UNFIT, VALUE, Member
from eventsource.operations import Json, Rule, Unfoldable

__all__ = ["NO_KEY", "member_json", "member_value", "shown", "unfit_reason"]

NO_KEY: Final = "expected a text or a number"

_KINDS: Final = ("bool", "int", "long", "big", "huge", "float", "text", "time", "json", VALUE, UNFIT)


def member_value(row: Mapping[str, Any], member: Member, rule: Rule) -> Any:
    """Return the value of a member in a row of kinds; None: it is absent or null.

    Raises:
        Unfoldable: no column can hold the value.
    """
    kind, value = _found(row, member)
    if kind == UNFIT:
        raise Unfoldable(unfit_reason(rule))
    if kind in ("big", "huge"):
        return int(value)
    return Json(value) if kind == "json" else value


def member_json(row: Mapping[str, Any], member: Member) -> str:
    """Return the value of a member in a row of kinds as JSON."""
    kind, value = _found(row, member)
    if kind in (UNFIT, "json", "big", "huge"):
        return str(value)
    if isinstance(value, datetime):
        return f'"{_text(value)}"'
    return str(value) if isinstance(value, decimal.Decimal) else msgspec.json.encode(value).decode()


def unfit_reason(rule: Rule) -> str:
    """Return what was expected where a value cannot be held."""
    if rule.dtype is None:
        return "expected a number that can be represented"
    return f"expected {rule.dtype}" + ("" if rule.rounding or not rule.dtype.is_numeric() else " exactly")


def shown(value: Any, dtype: pl.DataType | None) -> Any:
    """Return a value, or each value of a list, as a column of a dtype holds it."""
    if isinstance(dtype, pl.List):
        return [shown(each, dtype.inner) for each in value]  # type: ignore[arg-type]  # a dtype
    if value is None or dtype is None:
        return value
    if dtype == pl.String():
        return _text(value)
    if isinstance(dtype, pl.Decimal) and isinstance(value, int | float):
        return decimal.Decimal(repr(value))
    return float(value) if dtype == pl.Float64() and isinstance(value, int) else value


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return msgspec.json.encode(value).decode()


def _found(row: Mapping[str, Any], member: Member) -> tuple[str, Any]:
    """Return the kind of the member's value, and the value."""
    stored = ((kind, row[column]) for kind in _KINDS for column in member.stored(kind, row))
    return next(((kind, value) for kind, value in stored if value is not None), ("", None))
