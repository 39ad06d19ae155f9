"""Whether a definition fits the cell of its notebook that is tagged ``parameters``."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from eventsource.errors import EventsourceError
from eventsource.messages import suggestion
from eventsource.report._definition import Definition, read_definition
from eventsource.report._execute import read
from eventsource.report._parameters import Parameter, declared, resolved
from eventsource.report._settings import ParameterSettings

__all__ = ["check_definition", "check_parameters", "fitted"]

_FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("date", "str", "datetime"),
    "datetime": ("datetime", "str"),
    "entity": ("str", "int"),
    "choice": ("str",),
    "str": ("str",),
    "int": ("int", "float"),
    "float": ("float",),
    "bool": ("bool",),
}
"""Type in a definition → types in a notebook that it may fill."""

_TYPES: Final = {"choice": "str"}
"""Type in a definition → how its values are read, where the name is another one."""


def check_definition(definition: Definition) -> None:
    """Check that a definition fits its notebook.

    Raises:
        DefinitionError: it does not; the error names the line to change.
        ReportError: the notebook cannot be read, or declares no literals.
    """
    fitted(definition, declared(read(definition.notebook)))


def check_parameters(report: str | Path, given: Mapping[str, str]) -> None:
    """Check that values fit the parameters of a report: the path of a definition or of a notebook.

    Raises:
        DefinitionError: the definition is broken.
        ReportError: a parameter is unknown, or its value invalid.
    """
    path = Path(report)
    if path.suffix == ".toml":
        definition = read_definition(path)
        resolved(fitted(definition, declared(read(definition.notebook))), given, tz=definition.settings.tz)
    else:
        resolved(declared(read(path)), given)


def fitted(definition: Definition, parameters: list[Parameter]) -> list[Parameter]:
    """Return the parameters of a notebook with the types, defaults, labels and choices of a definition.

    Raises:
        DefinitionError: the definition has a parameter that the notebook lacks, of another type, or with a default
            that is not a value of its type.
    """
    known = {parameter.name: parameter for parameter in parameters}
    merged = dict(known)
    for name, settings in definition.settings.parameters.items():
        path = ("parameters", name)
        if name not in known:
            where = f"{definition.notebook.name} does not declare {name!r} in its cell tagged `parameters`"
            raise definition.fault(path, where, suggestion(name, known))
        expected = (
            next(each for each, fit in _FITTING.items() if known[name].type in fit) if _has(known[name]) else ""
        )
        if known[name].type not in _FITTING[settings.type]:
            raise definition.fault(
                (*path, "type"),
                f"expected the type of the notebook's {name}, {known[name].type}, got {settings.type}",
                f'type = "{expected or known[name].type}"',
            )
        merged[name] = _merged(known[name], settings)
    _check_defaults(definition, list(merged.values()))
    return list(merged.values())


def _has(parameter: Parameter) -> bool:
    return any(parameter.type in fit for fit in _FITTING.values())


def _merged(parameter: Parameter, settings: ParameterSettings) -> Parameter:
    default = parameter.default if settings.default is None else settings.default
    return replace(
        parameter,
        type=_TYPES.get(settings.type, settings.type),
        default=default if isinstance(default, str) or default is None else type_of(settings.type, default),
        label=settings.label,
        choices=settings.choices,
    )


def type_of(name: str, default: object) -> object:
    """Return a default as its type has it: 1 for a float is 1.0."""
    return float(default) if name == "float" and isinstance(default, int) else default


def _check_defaults(definition: Definition, parameters: list[Parameter]) -> None:
    kinds: Mapping[str, type] = {"int": int, "float": float, "bool": bool}
    for parameter in parameters:
        path = ("parameters", parameter.name, "default")
        kind, default = kinds.get(parameter.type, str), parameter.default
        is_own = parameter.name in definition.settings.parameters
        if is_own and default is not None and type(default) is not kind:
            raise definition.fault(
                path,
                f"expected a default of type {parameter.type}, got {default!r}",
                "write it as the type says, texts in quotes",
            )
    try:
        resolved(parameters, {}, tz=definition.settings.tz)
    except EventsourceError as error:
        named = next((each.name for each in parameters if each.name in str(error)), "")
        message = str(error).removesuffix(f"\nHint: {error.hint}")
        raise definition.fault(("parameters", named, "default"), message, error.hint or "") from error
