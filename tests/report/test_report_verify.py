"""Making pages again, and comparing two pages: figures, entities and the events that moved them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import eventsource as es
from eventsource import report
from eventsource.errors import LogError, ReportError
from eventsource.report._diff import Change
from tests.report.conftest import COUNT, bought, write_notebook
from tests.report.test_report_run import run


class Customer(es.Model, ignored="*"):
    """A customer with or without the plan."""

    premium = es.flag(on="Bought", off="Cancelled")


@pytest.fixture
def pages(project: Path) -> list[report.Report]:
    """Make the page of one day twice: before and after late events."""
    first = run(project)
    log = es.Log(project / "log")
    late = bought(5, "c5", datetime(2024, 6, 28, tzinfo=UTC)) | {"recorded_at": datetime(2024, 7, 9, tzinfo=UTC)}
    gone = bought(6, "c0", datetime(2024, 6, 27, tzinfo=UTC), "Cancelled")
    log.append([late, gone, bought(7, "c6", datetime(2024, 7, 3, tzinfo=UTC))])
    return [first, run(project)]


def test_why_did_the_figure_change(project: Path, pages: list[report.Report]) -> None:
    """Figures, entities, and the event of each: all of them came after the first page was made."""
    found = report.diff(pages[0].path, pages[1].path, model=Customer, root=project)
    assert found.changes == (Change("events", 2, 5),)
    assert found.changes[0].more == 3
    assert (found.parameters, found.events) == ((), 3)
    assert found.moves is not None
    moves = [(m.entity, m.change, m.field, m.before, m.after, m.event_id, m.is_later) for m in found.moves]
    assert moves == [
        ("c0", "changed", "premium", True, False, "e6", True),
        ("c5", "added", "", None, None, "e5", True),
    ]
    assert report.diff(pages[0].path, pages[1].path, root=project).moves is None
    same = report.diff(pages[1].path, pages[1].path, model=Customer, root=project)
    assert (same.changes, same.moves, same.events) == ((), (), 0)


def test_a_page_is_made_again_at_its_position(project: Path, pages: list[report.Report]) -> None:
    """The log grew since, and the page is the same; a page that was touched is not."""
    first, second = pages
    found = report.verify(first.path, root=project)
    assert (found.is_same, found.results, found.differences, found.changed) == (True, 2, (), ())
    mailed = project / "mailed.html"
    mailed.write_text((project / "out" / "premium" / "latest.html").read_text().replace("Premium", "Premimum"))
    touched = report.verify(mailed, root=project)
    assert (touched.is_same, touched.differences) == (False, ())
    write_notebook(
        project,
        "# Premium",
        COUNT.replace("premium=int", "premium=-int"),
        parameters='as_of: str = "2024-06-30"\npremium_text: str = "plans"',
    )
    changed = report.verify(second.path, root=project)
    assert changed.differences == (("premium", 2, -2),)
    assert changed.changed == ("report.ipynb has changed",)
    write_notebook(project, "# Premium", COUNT, parameters='as_of: str = "x"')
    with pytest.raises(ReportError, match=r"the parameters of premium.toml have changed since: some are gone"):
        report.verify(second.path, root=project)
    (project / "log").rename(project / "elsewhere")
    with pytest.raises(LogError, match="log"):
        report.verify(second.path, root=project)


def test_what_is_not_a_page(project: Path) -> None:
    """Other files and failure pages are refused."""
    (project / "x.html").write_text("<p>no</p>")
    for name, said in (
        ("x.html", "without a manifest"),
        ("y.html", "cannot be read"),
        ("z-failed.html", "cannot"),
    ):
        with pytest.raises(ReportError, match=said):
            report.verify(project / name, root=project)
