"""The commands `report verify` and `report diff`: make a page again, compare two pages."""

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import polars as pl
from click.exceptions import Exit

from eventsource.atomic_write import atomic_write
from eventsource.cli._config import Project, short_path
from eventsource.cli._errors import FAILED, writing
from eventsource.cli._models import load_plan
from eventsource.cli._options import ModelOption
from eventsource.cli._output import OutputOptions
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._progress import Bar
from eventsource.cli._report import OutOption, folder_of_pages
from eventsource.cli._terminal import complain, note, say
from eventsource.formats import formatted
from eventsource.messages import counted

__all__ = ["diff", "verify"]


def verify(
    pages: Annotated[
        list[Path],
        Argument(metavar="PAGE…", help="Pages, or reports: their newest pages.", show_default=False),
    ],
    *,
    out: OutOption = None,
) -> None:
    """Run reports again as their pages say, and compare every named figure and the page.

    The exit code is 1 if one differs. The output then says what has changed since the page was made.
    """
    from eventsource import report

    project, is_same = Project.find(), True
    for page in pages:
        path = _page(page, project, out)
        with Bar() as bar:
            found = report.verify(
                path,
                root=project.folder,
                out=folder_of_pages(project, out),
                progress=lambda _, done, total: bar.draw(f"cell {done} of {total}", done, total),
            )
        same = "the same page" if found.is_same_page else "another page"
        say(f"{page}: {counted(found.results, 'figure')}, {len(found.differences)} differ, {same}")
        for name, before, after in found.differences:
            complain("Error", f"{name}: {before!r} on the page, {after!r} now")
        for change in found.changed:
            note(change)
        is_same = is_same and found.is_same
    if not is_same:
        raise Exit(FAILED)


def diff(
    a: Annotated[Path, Argument(metavar="A", help="The earlier page.", show_default=False)],
    b: Annotated[Path, Argument(metavar="B", help="The later page.", show_default=False)],
    *,
    entities: Annotated[
        int, Option("--entities", min=0, metavar="COUNT", help="Look up the events of this many entities.")
    ] = 100,
    html: Annotated[
        Path | None,
        Option("--html", metavar="FILE", help="Write the comparison as a page too, with links to both pages."),
    ] = None,
    model: ModelOption = None,
    shown: OutputOptions,
) -> None:
    """Compare two pages: which figures changed, which entities moved, and by which events.

    The model is that of the definition, of --model, or of the project. On a terminal the figures come first; files
    and pipes get the entities, or without a model the figures.
    """
    from eventsource import report

    project = Project.find()
    plan = None
    name = model or report.model_of_page(a, project.folder) or project.model
    if name:
        plan = load_plan(name, project.folder)
    found = report.diff(a, b, model=plan, root=project.folder, limit=entities)
    if html is not None:
        addresses = [quote(Path(os.path.relpath(page, html.parent)).as_posix()) for page in (a, b)]
        with writing(html, "name another file with --html"), atomic_write(html) as draft:
            draft.write_text(report.diff_page(found, a=addresses[0], b=addresses[1]), encoding="utf-8")
        say(short_path(str(html)))
    is_table = shown.form == "table"
    rows = [(each.name, _text(each.before), _text(each.after), _text(each.more)) for each in found.changes]
    figures = pl.DataFrame(rows, schema=["figure", "before", "after", "more"], orient="row", strict=False)
    for each in found.parameters:
        note(f"{each.name}: {_text(each.before)} → {_text(each.after)}")
    if found.events is not None:
        note(f"{counted(found.events, 'event')} came between the two pages")
    if is_table or found.moves is None:
        shown.show(figures, "Figures that changed")
    if found.moves is not None:
        moves = [
            (m.entity, m.change, m.field, _text(m.before), _text(m.after), m.type, m.at, m.is_later, m.event_id)
            for m in found.moves
        ]
        names = ("entity", "change", "field", "before", "after", "type", "at", "came_later", "event_id")
        dtypes: dict[str, Any] = dict.fromkeys(names, pl.String)
        dtypes |= {"at": pl.Datetime("us", "UTC"), "came_later": pl.Boolean}
        shown.show(pl.DataFrame(moves, schema=dtypes, orient="row"), "Entities that moved")


def _page(page: Path, project: Project, out: Path | None) -> Path:
    """Return the path of a page; a name of a report is its newest page."""
    latest = folder_of_pages(project, out) / page.name / "latest.html"
    return latest if not page.exists() and not page.suffix and latest.exists() else page


def _text(value: Any) -> str:
    return value if isinstance(value, str) else formatted(value)
