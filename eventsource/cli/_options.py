"""Options that several commands share: which log and model, and which events to use."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Struct

from eventsource.cli._config import Project
from eventsource.cli._models import load_plan
from eventsource.cli._parameters import Option
from eventsource.cli._progress import Bar
from eventsource.moment import Moment, relative_moment, time_zone
from eventsource.timeline import Timeline

__all__ = ["FaultsOption", "HealthOption", "LogOption", "ModelOption", "QuestionOptions", "RetriesOption"]

_SOURCE: Final = "Log and model"
_VIEW: Final = "Which events to use"
_SERVICE: Final = "Service"

LogOption = Annotated[
    str | None,
    Option(
        "--log",
        metavar="PATH",
        help="Folder or URL of the log. Default: log in pyproject.toml, else data/log.",
        panel=_SOURCE,
    ),
]
ModelOption = Annotated[
    str | None,
    Option(
        "--model",
        "-m",
        metavar="MODULE:CLASS",
        help="The model, such as models:Customer. Default: model in pyproject.toml.",
        panel=_SOURCE,
    ),
]
FaultsOption = Annotated[
    Literal["raise", "skip"],
    Option(
        "--faults",
        help="What to do where an event cannot be folded: raise an error that names it, or answer without that"
        " value. The command faults lists such events.",
        panel=_VIEW,
    ),
]
RetriesOption = Annotated[
    int | None,
    Option(
        "--retries",
        metavar="TIMES",
        min=0,
        help="Consecutive failures before giving up. Default: never give up.",
        panel=_SERVICE,
        show_default=False,
    ),
]
HealthOption = Annotated[
    Path | None,
    Option(
        "--health",
        metavar="FILE",
        help="Write the state of the service to this JSON file, for a supervisor.",
        panel=_SERVICE,
    ),
]


class QuestionOptions(Struct, frozen=True):
    """The log and the model that a question is about, and the events that the answer is made from."""

    log: LogOption = None
    model: ModelOption = None
    tz: Annotated[
        str | None,
        Option(
            "--tz",
            metavar="ZONE",
            help="Time zone of moments without one, such as Europe/Warsaw. Default: tz in the project, else UTC.",
            panel=_VIEW,
        ),
    ] = None
    known_at: Annotated[
        str | None,
        Option(
            "--known-at",
            metavar="MOMENT",
            help="Only events recorded up to this moment, inclusive (transaction time).",
            panel=_VIEW,
        ),
    ] = None
    upto: Annotated[
        int | None,
        Option(
            "--upto",
            metavar="POSITION",
            min=0,
            help="Only events at smaller positions in the log, exclusive.",
            panel=_VIEW,
        ),
    ] = None

    faults: FaultsOption = "raise"

    def timeline(self) -> Timeline:
        """Return the timeline of the log and the model.

        Raises:
            MomentError: the time zone is unknown.
        """
        project = Project.find()
        tz = self.tz or project.tz
        time_zone(tz)
        plan = load_plan(self.model or project.model, project.folder)
        return Timeline(project.open(self.log), plan, tz=tz, faults=self.faults, progress=Bar())

    @property
    def view(self) -> dict[str, Any]:
        """The arguments of a question that say which events it sees."""
        return {"known_at": self.moment(self.known_at), "upto": self.upto}

    def moment(self, text: str | None) -> Moment | None:
        """Return the moment that a text names; relative ones (today, -7d, …) are days of the time zone."""
        found = relative_moment(text, self.tz or Project.find().tz) if text else None
        return text if found is None else found
