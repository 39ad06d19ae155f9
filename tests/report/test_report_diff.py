"""The page of a comparison: written with each run, linked from both pages and the index, gone with its run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import eventsource as es
from eventsource import report
from eventsource.errors import ReportError
from eventsource.model import plan_of
from eventsource.plan import Plan
from tests.report.conftest import DEFINITION, bought
from tests.report.test_report_run import run


class Customer(es.Model, ignored="*"):
    """A customer with or without the plan."""

    premium = es.flag(on="Bought", off="Cancelled")


def load_model(name: str) -> Plan:
    """Return the only model."""
    assert name == "models:Customer"
    return plan_of(Customer)


def defined(project: Path, more: str = 'model = "models:Customer"') -> None:
    """Write the definition of the report."""
    (project / "reports" / "premium.toml").write_text(more + DEFINITION)


def append(project: Path, number: int, customer: str = "c<i>5") -> None:
    """Append an event of June that was recorded in July."""
    late = bought(number, customer, datetime(2024, 6, number, tzinfo=UTC))
    es.Log(project / "log").append([late | {"recorded_at": datetime(2024, 7, number, tzinfo=UTC)}])


def test_the_second_run_says_what_changed(project: Path) -> None:
    """Figures, entities with their events, and links between index, comparison and both pages."""
    defined(project)
    first = run(project, load_model=load_model)
    folder = project / "out" / "premium"
    assert not list(folder.glob("*-diff.html"))
    assert "What changed" not in first.path.read_text()
    append(project, 8)
    second = run(project, load_model=load_model)
    page = folder / f"{second.run}-diff.html"
    html = page.read_text()
    assert "2 of 2 figures changed. 1 event came between the two pages. " in html
    assert "1 entity differs, 1 by events that came after the earlier page." in html
    assert "<td>added</td><td>Bought</td>" in html
    assert "c&lt;i&gt;5" in html
    assert "<i>" not in html
    assert f'href="{first.run}.html">Earlier: Premium on 30 June 2024' in html
    assert f'<a href="{page.name}">What changed next</a>' in first.path.read_text()
    assert f'<a href="{page.name}">What changed since</a>' in second.path.read_text()
    assert f'href="premium/{page.name}">changes</a>' in (project / "out" / "index.html").read_text()
    assert run(project, load_model=load_model).is_served
    assert report.verify(second.path, root=project).is_same


def test_without_a_model_only_figures_are_compared(project: Path) -> None:
    """The page says why; a model that cannot be loaded never fails a run."""
    run(project)
    append(project, 8)
    second = run(project)
    html = (project / "out" / "premium" / f"{second.run}-diff.html").read_text()
    assert "The definition names no model" in html
    assert "Entities that differ" not in html
    defined(project)

    def broken(name: str) -> Plan:
        raise ReportError(f"no {name} with a secret")

    append(project, 9)
    run(project, load_model=broken)
    append(project, 10)
    third = run(project, load_model=broken)
    html = (project / "out" / "premium" / f"{third.run}-diff.html").read_text()
    assert "Entities could not be compared: ReportError." in html
    assert "secret" not in html


def test_retired_runs_leave_no_dead_links(project: Path) -> None:
    """The comparison with a run that has gone goes, too; the oldest page names no page before it."""
    defined(project, "keep = 2\n")
    runs = []
    for number in (13, 14, 15):
        append(project, number)
        runs.append(run(project))
    folder = project / "out" / "premium"
    assert {file.stem for file in folder.glob("*-diff.html")} == {f"{runs[2].run}-diff"}
    oldest = runs[1].path.read_text()
    assert runs[0].run not in oldest
    assert f"{runs[2].run}-diff.html" in oldest
    for page in folder.glob("*.html"):
        links = [part.split('"')[0] for part in page.read_text().split('href="')[1:]]
        files = [link for link in links if ":" not in link and not link.startswith("#")]
        assert files, page
        assert all((folder / link).exists() for link in files), page


def test_hundreds_of_changes_are_counted(project: Path) -> None:
    """The page lists three hundred changes, and says how many more there are."""
    es.Log(project / "log").append(
        [bought(n, f"d{n}", datetime(2024, 6, 20, tzinfo=UTC)) for n in range(100, 500)]
    )
    defined(project)
    first = run(project, load_model=load_model)
    es.Log(project / "log").append(
        [bought(n, f"d{n - 500}", datetime(2024, 6, 21, tzinfo=UTC), "Cancelled") for n in range(600, 1000)]
    )
    second = run(project, load_model=load_model)
    found = report.diff(first.path, second.path, model=Customer, root=project)
    html = report.diff_page(found, a="there/a.html")
    assert "100 more changes are not listed here" in html
    assert 'href="there/a.html"' in html


@pytest.mark.parametrize(("before", "after", "more"), [(1.5, 1, "−0.5"), (None, 2, ""), (1000, 3000, "+2,000")])
def test_figures_are_formatted(before: float | None, after: float, more: str) -> None:
    """Signs, thousands, and no difference where a value is missing."""
    manifest = {"title": "x", "shown": [], "logs": [], "made": "2024-07-01T00:00:00+00:00", "run": "r"}
    a, b = ({**manifest, "results": {"premium": value}} for value in (before, after))
    change = report.Change("premium", before, after)
    html = report.diff_page(report.Difference(a, b, (change,), (), None, None))
    assert f'<td class="number">{more}</td></tr>' in html
