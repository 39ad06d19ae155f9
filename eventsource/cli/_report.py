"""The command `report run`: a notebook and its parameters become one page."""

from pathlib import Path
from typing import Annotated

from eventsource.cli._config import Project, short_path
from eventsource.cli._errors import MissingError, UsageError
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._terminal import say
from eventsource.errors import ReportError

__all__ = ["run"]


def run(
    notebook: Annotated[
        Path, Argument(metavar="NOTEBOOK", help="The notebook, an .ipynb file.", show_default=False)
    ],
    *,
    parameter: Annotated[
        list[str] | None,
        Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="Set a parameter of the notebook's cell tagged `parameters`. May be repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Option("--out", metavar="FOLDER", help="The folder for the page. Default: reports/out of the project."),
    ] = None,
    timeout: Annotated[
        int, Option("--timeout", metavar="SECONDS", min=1, help="Seconds that one cell may take.")
    ] = 600,
) -> None:
    """Run a notebook and write it as one self-contained page.

    The page needs no network. Dates may be relative, such as -p as_of=yesterday.
    """
    from eventsource import report  # slow to import: `report run --help` does without it

    if not notebook.is_file():
        raise MissingError(
            f"notebook {notebook} does not exist", hint="eventsource report run notebooks/NAME.ipynb"
        )
    given = dict(_pair(text) for text in parameter or [])
    try:
        report.resolved(report.parameters(notebook), given)
    except ReportError as error:
        raise UsageError.of(error) from error
    made = report.run(notebook, given, out=out or Project.find().folder / "reports" / "out", timeout=timeout)
    say(f"{short_path(str(made.path))}  {made.size / 1e6:.1f} MB, {made.seconds:.1f} s")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--parameter: expected NAME=VALUE, got {text!r}", hint="-p as_of=2024-06-30")
    return name.strip(), value
