"""The commands `report run`, `new`, `list` and `history`: notebooks become pages."""

import re
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

from click.exceptions import Exit

from eventsource.cli._config import Project, short_path
from eventsource.cli._errors import FAILED, UsageError, code_of, explained
from eventsource.cli._models import load_plan
from eventsource.cli._output import OutputOptions
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._progress import Bar
from eventsource.cli._terminal import complain, note, say
from eventsource.errors import EventsourceError, ReportError
from eventsource.messages import suggestion

__all__ = ["CHECKS_FAILED", "OutOption", "folder_of_pages", "history", "list_reports", "new", "run"]

CHECKS_FAILED = 3
"""The exit code of `report run` where checks do not hold, or the data are too old."""

_USAGE = 2
_WORST = (FAILED, _USAGE, CHECKS_FAILED, 0)
"""Exit codes of one report; of several, the first in this order counts."""

OutOption = Annotated[
    Path | None,
    Option("--out", metavar="FOLDER", help="The folder of all pages. Default: reports/out of the project."),
]


def run(
    reports: Annotated[
        list[str],
        Argument(
            metavar="REPORT…", help="Names of definitions, notebooks, or folders of them.", show_default=False
        ),
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
    out: OutOption = None,
    fresh: Annotated[
        bool,
        Option(
            "--fresh", help="Run the report again, even if it has run before with the same parameters and data."
        ),
    ] = False,
    show: Annotated[bool, Option("--open", help="Open the pages in the browser.")] = False,
    pdf: Annotated[bool, Option("--pdf", help="Print the pages as PDF too, by Chromium.")] = False,
    timeout: Annotated[
        int | None,
        Option("--timeout", metavar="SECONDS", min=1, help="Seconds that a notebook may take. Default: 600."),
    ] = None,
) -> None:
    """Run reports, and write each as a self-contained page.

    A report is a definition (reports/NAME.toml) or a notebook. The page needs no network. Moments may be relative,
    such as -p as_of=yesterday. Exit codes: 0 fine, 1 a run failed, 2 wrong usage, 3 a check does not hold.
    """
    project = Project.find()
    given = dict(_pair(text) for text in parameter or [])
    targets = list(_targets(reports, project))
    after = [*([_print_pdf] if pdf else []), *([_open_page] if show else [])]
    codes = []
    for target in targets:
        try:
            codes.append(_run_one(target, given, project, out=out, fresh=fresh, after=after, timeout=timeout))
        except EventsourceError as error:
            if len(targets) == 1 and _code(error) == code_of(error):
                raise
            message, hint = explained(error)
            complain("Error", message)
            if hint:
                complain("Hint", hint)
            codes.append(_code(error))
    if code := next(code for code in _WORST if code in codes):
        raise Exit(code)


def new(
    notebook: Annotated[
        Path, Argument(metavar="NOTEBOOK", help="The notebook, an .ipynb file.", show_default=False)
    ],
) -> None:
    """Write the definition of a report for a notebook, with its parameters and their defaults."""
    from eventsource import report  # slow to import: `--help` does without it

    project = Project.find()
    try:
        file = report.new_definition(notebook, project.folder / "reports")
        report.check_definition(report.read_definition(file))
    except ReportError as error:
        raise UsageError.of(error) from error
    say(f"{short_path(str(file))}  run it: eventsource report run {file.stem}")


_PARAMETER: Final = re.compile(r"\{[^{}]*\}")
"""In the title of a definition, the place of a parameter's value."""


def list_reports(*, shown: OutputOptions, out: OutOption = None) -> None:
    """List the definitions of reports, when they run, and how their last run ended."""
    import polars as pl

    from eventsource import report

    project = Project.find()
    ledger = report.Ledger(folder_of_pages(project, out) / ".private")
    last = {row["report"]: row for row in reversed(ledger.history().to_dicts())}
    rows, broken = [], False
    for file in sorted((project.folder / "reports").glob("*.toml")):
        row = {"report": file.stem, "title": "", "schedule": "", "status": "", "last_run": None}
        try:
            definition = report.read_definition(file)
            report.check_definition(definition)
            settings = definition.settings
            row["title"] = _PARAMETER.sub("…", settings.title)
            row["schedule"] = f"{settings.schedule.cron} {settings.schedule.tz}" if settings.schedule else ""
        except ReportError as error:
            broken = True
            row["status"] = "broken"
            complain("Error", explained(error)[0])
        if file.stem in last:
            row["status"] = row["status"] or last[file.stem]["status"]
            row["last_run"] = last[file.stem]["began"]
        rows.append(row)
    texts = pl.Schema(dict.fromkeys(("report", "title", "schedule", "status"), pl.String()))
    frame = pl.DataFrame(rows, schema={**texts, "last_run": pl.Datetime("us", "UTC")})
    shown.show(frame, "Reports")
    if broken:
        raise Exit(_USAGE)


def history(
    name: Annotated[
        str | None, Argument(metavar="REPORT", help="Only runs of this report.", show_default=False)
    ] = None,
    *,
    shown: OutputOptions,
    out: OutOption = None,
) -> None:
    """List the runs of reports, the newest first: how they ended, and how long they took."""
    from eventsource import report

    runs = report.Ledger(folder_of_pages(Project.find(), out) / ".private").history(name)
    shown.show(shown.ranked(runs, ("report", "began", "status", "seconds", "reason")), "Runs of reports")


def folder_of_pages(project: Project, out: Path | None) -> Path:
    """Return the folder of all pages."""
    return out or project.folder / "reports" / "out"


def _run_one(
    target: Path,
    given: dict[str, str],
    project: Project,
    *,
    out: Path | None,
    fresh: bool,
    after: Sequence[Callable[[Path], None]],
    timeout: int | None,
) -> int:
    """Run one report, print where its page is, and return its exit code."""
    from eventsource import report

    if given or target.suffix == ".ipynb":
        try:
            report.check_parameters(target, given)
        except ReportError as error:
            raise UsageError.of(error) from error
    with Bar() as bar:
        made = report.run(
            target,
            given,
            out=folder_of_pages(project, out),
            root=project.folder,
            log=project.located(project.log),
            fresh=fresh,
            limits=None if timeout is None else report.Limits(timeout),
            load_model=lambda name: load_plan(name, project.folder),
            progress=lambda _, done, total: bar.draw(f"{target.stem}: cell {done} of {total}", done, total),
        )
    how = "as before" if made.is_served else f"{made.seconds:.1f} s"
    say(f"{short_path(str(made.path))}  {made.size / 1e6:.1f} MB, {how}")
    for line in made.notes:
        note(line)
    for act in after:
        act(made.path)
    if made.status == "stale":
        complain("Warning", f"{made.name}: the data are older than {made.manifest['max_age']}")
        return CHECKS_FAILED
    return 0


def _print_pdf(page: Path) -> None:
    from eventsource import report

    say(short_path(str(report.write_pdf(page))))


def _open_page(page: Path) -> None:
    webbrowser.open(page.resolve().as_uri())


def _targets(reports: Sequence[str], project: Project) -> Iterator[Path]:
    """Yield the definitions and notebooks that some texts name.

    Raises:
        UsageError: a text names none.
    """
    folder = project.folder / "reports"
    for text in reports:
        path = Path(text)
        if path.suffix in (".ipynb", ".toml"):
            if not path.is_file():
                raise UsageError(f"{path} does not exist", hint="eventsource report run notebooks/NAME.ipynb")
            yield path
        elif path.is_dir():
            found = sorted([*path.glob("*.toml"), *path.glob("*.ipynb")])
            if not found:
                raise UsageError(f"{path} holds neither definitions nor notebooks", hint="name another folder")
            yield from found
        elif (folder / f"{text}.toml").is_file():
            yield folder / f"{text}.toml"
        else:
            known = [file.stem for file in folder.glob("*.toml")]
            raise UsageError(
                f"{text} is neither a report nor a notebook",
                hint=suggestion(text, known) if known else "eventsource report new notebooks/NAME.ipynb",
            )


def _code(error: EventsourceError) -> int:
    """Return the exit code of a report for an error."""
    from eventsource import report

    if isinstance(error, report.ChecksFailedError):
        return CHECKS_FAILED
    return code_of(error)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--parameter: expected NAME=VALUE, got {text!r}", hint="-p as_of=2024-06-30")
    return name.strip(), value
