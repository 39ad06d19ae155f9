"""Reports: a notebook and its parameters become one page."""

from pathlib import Path
from typing import Annotated

import typer

from eventsource.cli._config import Project, near
from eventsource.cli._failures import MissingError, UsageError
from eventsource.cli._output import say
from eventsource.errors import ReportError

__all__ = ["run"]


def run(
    notebook: Annotated[Path, typer.Argument(help="The notebook.", show_default=False)],
    *,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A parameter of the notebook; several."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Default: reports/out of the project.")
    ] = None,
    timeout: Annotated[int, typer.Option("--timeout", metavar="SECONDS", min=1, help="For one cell.")] = 600,
) -> None:
    """Run a notebook and write it as one self-contained page."""
    from eventsource import report  # noqa: PLC0415 - slow to import, and no other command needs it

    if not notebook.is_file():
        raise MissingError(f"there is no notebook {notebook}")
    given = dict(_pair(text) for text in parameter or [])
    try:
        report.resolved(report.parameters(notebook), given)
    except ReportError as error:
        raise UsageError.of(error) from error
    made = report.run(notebook, given, out=out or Project.find().folder / "reports" / "out", timeout=timeout)
    told = f"{near(str(made.path))}  {made.size / 1e6:.1f} MB, {made.seconds:.1f} s"
    say(told)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no parameter", hint="-p as_of=2024-06-30")
    return name.strip(), value
