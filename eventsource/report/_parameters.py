"""Parameters of a report: those that a notebook declares in its cell tagged ``parameters``, and their values."""

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from nbformat import NotebookNode

from eventsource.errors import ReportError
from eventsource.messages import suggestion
from eventsource.moment import (
    is_reference,
    last_instant,
    parse_moment,
    references_resolved,
    relative_moment,
)

__all__ = ["Parameter", "as_source", "declared", "resolved"]

_TAG: Final = "parameters"
_NAMES: Final = {"str", "int", "float", "bool", "date", "datetime", "list"}
_EXAMPLE: Final = "write assignments of literals, such as as_of: str | None = None"
_EXPECTED: Final = {
    "str": ("a text", "text"),
    "int": ("an integer", "10"),
    "float": ("a number", "2.5"),
    "bool": ("true or false", "true"),
    "date": ("a date", "2024-06-30"),
    "datetime": ("a moment", "2024-06-30T12:00:00Z"),
    "list": ("a list", "a,b"),
    "entity": ("the id of an entity", "customer-42"),
}
"""Type of a parameter → what its value must be, and an example, for messages."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a notebook.

    Args:
        name: the name of the variable.
        type: ``str``, ``int``, ``float``, ``bool``, ``date``, ``datetime`` or ``list``.
        default: the value in the notebook.
        optional: whether it may be None.
        help: the comment after it.
        label: how pages call it; empty: its name.
        choices: the only texts that it may be; empty: any.
    """

    name: str
    type: str
    default: Any
    optional: bool
    help: str
    label: str = ""
    choices: tuple[str, ...] = ()


def declared(notebook: NotebookNode) -> list[Parameter]:
    """Return the parameters that a notebook declares, in order; none if no cell is tagged ``parameters``.

    Raises:
        ReportError: the cell holds anything but assignments of literals.
    """
    source = "\n".join(cell.source for cell in notebook.cells if _TAG in cell.metadata.get("tags", []))
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise ReportError(f"parameters cell: expected Python: {error}", hint=_EXAMPLE) from error
    return [_parameter(statement, source.splitlines()) for statement in statements]


def resolved(
    parameters: list[Parameter], given: Mapping[str, str], *, now: datetime | None = None, tz: str = "UTC"
) -> dict[str, Any]:
    """Return the value of every parameter: the given one, or its default.

    A text becomes a value of the parameter's type. Moments may be relative, in days of ``tz``: ``now``, ``today``,
    ``yesterday``, ``-7d``, ``last month end``, ``last quarter end``. Values, defaults too, may count from another
    parameter: ``as_of - 3mo``, ``start of quarter of as_of``. They are resolved here, so that the report shows
    which days it is about. A datetime becomes an instant in UTC.

    Args:
        parameters: what the notebook, or the definition, declares.
        given: parameter → text; others keep their defaults.
        now: the moment that relative moments count from; default: now.
        tz: the zone of days, and of datetimes without one.

    Raises:
        ReportError: the notebook does not declare a name, or a value does not fit the type.
        MomentError: a value counts from a parameter that is not a moment.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            raise ReportError(f"unknown parameter {name!r}", hint=_hint(name, known))
    clock = _Clock(now or datetime.now(UTC), tz, frozenset(known))
    texts = {
        name: parameter.default
        for name, parameter in known.items()
        if isinstance(parameter.default, str) and parameter.type != "list"
    }
    values = {name: parameter.default for name, parameter in known.items()}
    values |= {name: _converted(known[name], text, clock) for name, text in (texts | dict(given)).items()}
    found = references_resolved(values)
    for name, parameter in known.items():
        if parameter.type == "datetime" and found[name] is not None:
            found[name] = last_instant(str(found[name]), tz).isoformat()
    return found


def as_source(value: Any) -> str:
    """Return Python for a value of a parameter; ``repr`` gives names that do not exist for infinity and NaN."""
    match value:
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case list():
            return f"[{', '.join(map(as_source, value))}]"
        case tuple():
            return f"({''.join(f'{as_source(each)}, ' for each in value)})"
        case set() if value:
            return f"{{{', '.join(map(as_source, value))}}}"
        case dict():
            return f"{{{', '.join(f'{as_source(key)}: {as_source(each)}' for key, each in value.items())}}}"
        case _:
            return repr(value)


def _hint(name: str, known: Mapping[str, Parameter]) -> str:
    if not known:
        return "tag a cell of assignments with `parameters` (View > Right sidebar > Property inspector)"
    return suggestion(name, known)


def _parameter(statement: ast.stmt, lines: list[str]) -> Parameter:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        name, annotation = statement.target.id, ast.unparse(statement.annotation)
        value = statement.value
    elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name, annotation, value = statement.targets[0].id, "", statement.value
    else:
        raise ReportError(f"parameters cell: expected an assignment in line {statement.lineno}", hint=_EXAMPLE)
    try:
        default = ast.literal_eval(value)
    except ValueError as error:
        raise ReportError(
            f"parameter {name!r}: expected a plain literal as default, got {ast.unparse(value)}", hint=_EXAMPLE
        ) from error
    return Parameter(
        name, _type(annotation, default), default, _optional(annotation, default), _help(statement, lines)
    )


def _type(annotation: str, default: Any) -> str:
    found = re.findall(r"[a-z]+", annotation.replace("None", "").replace("Optional", ""))
    return next(
        (name for name in found if name in _NAMES), type(default).__name__ if default is not None else "str"
    )


def _optional(annotation: str, default: Any) -> bool:
    return default is None or "None" in annotation or "Optional" in annotation


def _help(statement: ast.stmt, lines: list[str]) -> str:
    rest = lines[(statement.end_lineno or 1) - 1][statement.end_col_offset or 0 :]
    return rest.partition("#")[2].strip()


@dataclass(frozen=True, slots=True)
class _Clock:
    """What relative moments count from: an instant, the zone of its day, and the names of parameters."""

    now: datetime
    tz: str
    names: frozenset[str]


def _converted(parameter: Parameter, text: str, clock: _Clock) -> Any:
    if parameter.optional and text.lower() in ("", "none", "null"):
        return None
    if parameter.choices and text not in parameter.choices:
        raise ReportError(
            f"parameter {parameter.name!r}: expected one of {', '.join(parameter.choices)}, got {text!r}",
            hint=suggestion(text, parameter.choices),
        )
    try:
        return text if parameter.choices else _CONVERTERS[parameter.type](text, clock)
    except (KeyError, ValueError) as error:
        kind, sample = _EXPECTED.get(parameter.type, (f"a {parameter.type}, which no text can be", "none"))
        raise ReportError(
            f"parameter {parameter.name!r}: expected {kind}, got {text!r}",
            hint=f"-p {parameter.name}={sample}",
        ) from error


def _text(text: str, clock: _Clock) -> str:
    """Return a text; a relative moment becomes the moment itself."""
    moment = relative_moment(text, clock.tz, now=clock.now)
    return text if moment is None else moment.isoformat()


def _moment(text: str, clock: _Clock) -> str:
    if is_reference(text, clock.names):
        return text
    found = _text(text, clock)
    parse_moment(found)  # raises if the text is not a moment
    return found


def _boolean(text: str, _clock: _Clock) -> bool:
    return {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}[text.lower()]


_CONVERTERS: Final[Mapping[str, Callable[[str, _Clock], Any]]] = {
    "str": _text,
    "int": lambda text, _: int(text),
    "float": lambda text, _: float(text),
    "bool": _boolean,
    "date": _moment,
    "datetime": _moment,
    "entity": lambda text, _: text,
    "list": lambda text, _: [part.strip() for part in text.split(",") if part.strip()],
}
