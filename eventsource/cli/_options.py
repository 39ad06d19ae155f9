"""Options that several commands share, as groups: a dataclass whose fields are the options."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from eventsource.cli._config import Project, load_plan
from eventsource.cli._progress import Indexing
from eventsource.moment import Moment, relative_moment, time_zone
from eventsource.timeline import Timeline

__all__ = ["Asked", "LogOption", "grouped"]

LogOption = Annotated[
    str | None, typer.Option("--log", metavar="PATH", help="Folder or URL of the log.", rich_help_panel="Where")
]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask: a log as a model sees it, and how much of it the question may see."""

    log: LogOption = None
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODULE:CLASS", help="The model.", rich_help_panel="Where"),
    ] = None
    tz: Annotated[
        str | None,
        typer.Option("--tz", metavar="ZONE", help="Zone of moments that name none.", rich_help_panel="Where"),
    ] = None
    known_at: Annotated[
        str | None,
        typer.Option(
            "--known-at", metavar="MOMENT", help="Only what was recorded by then.", rich_help_panel="Where"
        ),
    ] = None
    upto: Annotated[
        int | None,
        typer.Option("--upto", metavar="POSITION", min=0, help="Only smaller positions.", rich_help_panel="Where"),
    ] = None

    def timeline(self) -> Timeline:
        """Return the timeline that the options and the project mean.

        Raises:
            MomentError: there is no such zone.
        """
        project = Project.find()
        tz = self.tz or project.tz
        time_zone(tz)
        plan = load_plan(self.model or project.model, project.folder)
        return Timeline(project.open(self.log), plan, tz=tz, progress=Indexing())

    @property
    def view(self) -> dict[str, Any]:
        """The arguments of a question that say which events it may see."""
        return {"known_at": self.moment(self.known_at), "upto": self.upto}

    def moment(self, text: str | None) -> Moment | None:
        """Return the moment that a text names; today, yesterday, -7d and their like are days of the zone."""
        found = relative_moment(text, self.tz or Project.find().tz) if text else None
        return text if found is None else found


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the fields of its dataclass parameters as options of their own."""
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
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**made, **given)

    flat = [*own, *shared]
    run.__signature__ = signature.replace(parameters=flat)  # type: ignore[attr-defined]  # what inspect looks for
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat} | {"return": None}
    del run.__wrapped__  # its annotations are not those of the options
    return run


def _options(group: type[Any]) -> list[inspect.Parameter]:
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
