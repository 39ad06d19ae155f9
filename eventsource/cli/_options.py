"""Options that several commands share.

A group of options is a dataclass. Each field is one option with its help text, and methods turn what was typed
into arguments of the library. A command takes a group as one parameter, and `grouped` replaces that parameter by
the fields, because Typer reads options from a function's signature only. So an option is documented once, and a
command has few parameters.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, Final, get_type_hints

import typer

from eventsource.cli._config import Project
from eventsource.cli._models import load_plan
from eventsource.cli._progress import Bar
from eventsource.moment import Moment, relative_moment, time_zone
from eventsource.timeline import Timeline

__all__ = ["LogOption", "ModelOption", "QuestionOptions", "grouped"]

_SOURCE: Final = "Log and model"
_VIEW: Final = "Which events to use"

LogOption = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="PATH",
        help="Folder or URL of the log. Default: log in pyproject.toml, else data/log.",
        rich_help_panel=_SOURCE,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODULE:CLASS",
        help="The model, such as models:Customer. Default: model in pyproject.toml.",
        rich_help_panel=_SOURCE,
    ),
]


@dataclass(frozen=True, slots=True)
class QuestionOptions:
    """The log and the model that a question is about, and the events that the answer is made from."""

    log: LogOption = None
    model: ModelOption = None
    tz: Annotated[
        str | None,
        typer.Option(
            "--tz",
            metavar="ZONE",
            help="Time zone of moments without one, such as Europe/Warsaw. Default: tz in the project, else UTC.",
            rich_help_panel=_VIEW,
        ),
    ] = None
    known_at: Annotated[
        str | None,
        typer.Option(
            "--known-at",
            metavar="MOMENT",
            help="Only events recorded up to this moment, inclusive (transaction time).",
            rich_help_panel=_VIEW,
        ),
    ] = None
    upto: Annotated[
        int | None,
        typer.Option(
            "--upto",
            metavar="POSITION",
            min=0,
            help="Only events at smaller positions in the log, exclusive.",
            rich_help_panel=_VIEW,
        ),
    ] = None

    def timeline(self) -> Timeline:
        """Return the timeline of the log and the model.

        Raises:
            MomentError: the time zone is unknown.
        """
        project = Project.find()
        tz = self.tz or project.tz
        time_zone(tz)
        plan = load_plan(self.model or project.model, project.folder)
        return Timeline(project.open(self.log), plan, tz=tz, progress=Bar())

    @property
    def view(self) -> dict[str, Any]:
        """The arguments of a question that say which events it sees."""
        return {"known_at": self.moment(self.known_at), "upto": self.upto}

    def moment(self, text: str | None) -> Moment | None:
        """Return the moment that a text names; relative ones (today, -7d, …) are days of the time zone."""
        found = relative_moment(text, self.tz or Project.find().tz) if text else None
        return text if found is None else found


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has the fields of its dataclass parameters as options.

    Example: ``def as_of(asked: QuestionOptions, *, where: Where)`` becomes
    ``def as_of(*, where, log, model, tz, …)``.
    """
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name not in groups
    ]
    shared = [option for group in groups.values() for option in _options(group)]

    @wraps(command)
    def run(**given: Any) -> None:
        values = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**values, **given)

    parameters = [*own, *shared]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what inspect reads
    run.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    del run.__wrapped__  # otherwise Typer would read the annotations of the original
    return run


def _options(group: type[Any]) -> list[inspect.Parameter]:
    """Return the fields of a group as parameters of a function."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
