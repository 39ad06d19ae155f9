"""Runs: what is published, what stays, what is served again; and that a page has one state of its log."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource import report
from eventsource.errors import DefinitionError, LogError, ReportError
from eventsource.report._bar import page_hash
from tests.report.conftest import COUNT, bought, write_notebook

NOW = datetime(2024, 7, 15, 12, tzinfo=UTC)


def run(project: Path, **given: Any) -> report.Report:
    """Run the report of the project."""
    given = {"now": NOW, **given}
    return report.run(
        project / "reports" / "premium.toml", given.pop("given", None), out=project / "out", root=project, **given
    )


def test_a_run_is_published_with_its_manifest_and_served_when_asked_again(project: Path) -> None:
    """All files are there; the second call runs nothing; `fresh` gives the same bytes."""
    seen: list[tuple[str, int, int]] = []
    made = run(project, progress=lambda *done: seen.append(done))
    assert (made.results, made.status, made.is_served) == ({"premium": 2, "events": 2}, "ok", False)
    assert made.parameters["as_of"] == "2024-06-30"
    assert seen[0][0] == "cell"
    assert seen[-1][1] <= seen[-1][2] == 4
    folder = project / "out" / "premium"
    html = (folder / f"{made.run}.html").read_text()
    assert made.run.startswith("2024-06-12T000000-")
    assert "Premium on 30 June 2024" in html
    assert (folder / "latest.html").read_text() == html
    beside = json.loads((folder / f"{made.run}.json").read_text())
    assert beside["page_sha256"] == page_hash(html)
    assert (beside["logs"][0]["path"], beside["logs"][0]["position"]) == ("log", 2)
    assert set(beside["sources"]) >= {"report.ipynb", "reports/premium.toml"}
    index = (project / "out" / "index.html").read_text()
    assert 'href="premium/latest.html"' in index
    assert "premium: 2" in index
    private = project / "out" / ".private"
    assert stat.S_IMODE((private / "premium" / f"{made.run}.ipynb").stat().st_mode) == 0o600
    assert stat.S_IMODE((private / "runs.sqlite").stat().st_mode) == 0o600
    assert str(project) not in html

    again = run(project, now=NOW.replace(hour=15))
    assert again.is_served
    assert (again.run, again.results) == (made.run, made.results)
    fresh = run(project, fresh=True, now=NOW.replace(hour=18))
    assert not fresh.is_served
    assert (folder / f"{made.run}.html").read_text() == html
    history = report.Ledger(private).history()
    assert history["status"].to_list() == ["ok", "ok"]


def test_a_log_that_lacks_a_file_is_the_cause_and_not_the_folder_of_pages(project: Path) -> None:
    """The error is that of the log, although it is one of a file that does not exist."""
    for file in (project / "log" / "events").glob("*.parquet"):
        file.unlink()
    with pytest.raises(LogError, match="log lacks a file"):
        run(project)


def test_events_that_come_during_a_run_do_not_show(project: Path) -> None:
    """The log is pinned before the run; a note says that it grew, and the next run has another id."""
    first = run(project)
    grow = "es.Log('log').append([{'event_id': 'x', 'stream': 'c9', 'type': 'Bought', "
    grow += "'occurred_at': '2024-06-20', 'data': {}}])"
    write_notebook(project, "# Premium", f"import eventsource as es\n{grow}", COUNT, parameters='as_of: str = "x"')
    made = run(project)
    assert made.run != first.run
    assert made.results == {"premium": 2, "events": 2}
    assert made.notes == ("log got 1 event since the run began",)
    later = run(project)
    assert not later.is_served
    assert later.results == {"premium": 3, "events": 3}
    folder = project / "out" / "premium"
    assert f'href="{later.run}.html" rel="next"' in (folder / f"{made.run}.html").read_text()
    assert f'href="{made.run}.html" rel="prev"' in (folder / "latest.html").read_text()
    series = (project / "out" / "index.html").read_text()
    assert series.count("<polyline") == 1
    assert series.count("data until") >= 3


def test_a_failure_keeps_the_last_good_page_and_marks_it(project: Path) -> None:
    """The failure page names kind and place, without traceback or data; a later success removes the mark."""
    good = run(project)
    folder = project / "out" / "premium"
    email = "c1@example.org"
    cells = ["# Premium", "## The second part", f"raise ValueError('{email}')"]
    write_notebook(project, *cells, parameters='as_of: str = "x"')
    with pytest.raises(ReportError, match=r"cell 4 .* failed: ValueError"):
        run(project)
    (page,) = folder.glob("*-failed.html")
    text = page.read_text()
    assert "ValueError" in text
    assert "below “The second part”" in text
    assert email not in text + (project / "out" / "index.html").read_text()
    assert "Traceback" not in text
    latest = (folder / "latest.html").read_text()
    assert "Not up to date: the run of 2024-07-15 12:00 UTC failed." in latest
    assert "Premium on 30 June 2024" in latest
    assert "Not up to date" not in (folder / f"{good.run}.html").read_text()
    (private,) = (project / "out" / ".private" / "premium").glob("*-failed.ipynb")
    assert email in private.read_text()
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    write_notebook(project, "# Premium", COUNT, parameters='as_of: str = "x"')
    run(project)
    assert "Not up to date" not in (folder / "latest.html").read_text()


def test_checks_that_do_not_hold_fail_a_report(project: Path) -> None:
    """An expectation fails the run; the page names the check but not the value. The first page is the failure."""
    with pytest.raises(report.ChecksFailedError, match="premium > 0 does not hold: premium = 0"):
        run(project, given={"as_of": "2024-01-31"})
    latest = (project / "out" / "premium" / "latest.html").read_text()
    assert "could not be made" in latest
    assert "premium &gt; 0" in latest
    assert "premium = 0" not in latest
    assert report.Ledger(project / "out" / ".private").history()["status"].to_list() == ["checks"]


def test_old_data_are_published_and_say_so(project: Path) -> None:
    """Freshness is a property of the page: it is amber, and the run does not look like a success."""
    file = project / "reports" / "premium.toml"
    file.write_text(file.read_text().replace("[checks]", '[checks]\nmax_age = "30d"'))
    assert run(project, now=datetime(2024, 7, 1, tzinfo=UTC)).status == "ok"
    late = run(project)
    assert (late.status, late.is_served) == ("stale", False)
    assert late.manifest["stale"]
    assert "data too old" in (project / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    ("code", "limits", "why"),
    [
        ("import time\ntime.sleep(60)", report.Limits(2), "longer than 2 seconds"),
        (
            "x = b'a' * 900_000_000\nimport time\ntime.sleep(60)",
            report.Limits(60, 600_000_000),
            "more than 600 MB",
        ),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", report.Limits(60), "DeadKernelError"),
    ],
)
def test_limits_end_a_notebook(project: Path, code: str, limits: report.Limits, why: str) -> None:
    """Time, memory, a killed kernel: the error says which, a failure page is there."""
    write_notebook(project, "# Premium", code, parameters='as_of: str = "x"')
    with pytest.raises(ReportError, match=why):
        run(project, limits=limits)
    assert list((project / "out" / "premium").glob("*-failed.html"))


def test_a_broken_definition_or_log_gives_a_failure_page(project: Path) -> None:
    """What cannot even begin is visible to readers, too."""
    good = run(project)
    file = project / "reports" / "premium.toml"
    file.write_text(file.read_text().replace("../report.ipynb", "../gone.ipynb"))
    with pytest.raises(DefinitionError, match=r"premium.toml:4: notebook: the notebook .*gone.ipynb"):
        run(project)
    latest = (project / "out" / "premium" / "latest.html").read_text()
    assert "Not up to date" in latest
    assert good.run in {each["run"] for each in map(json.loads, map(Path.read_text, _manifests(project)))}
    assert "definition is broken" in "".join(
        map(Path.read_text, (project / "out" / "premium").glob("*-failed.html"))
    )


def _manifests(project: Path) -> list[Path]:
    return list((project / "out" / "premium").glob("*.json"))


def test_runs_that_are_no_longer_kept_are_removed(project: Path) -> None:
    """`keep` counts runs; a module that changed makes a page again."""
    file = project / "reports" / "premium.toml"
    file.write_text(file.read_text().replace("headline", "keep = 2\nheadline"))
    log = es.Log(project / "log")
    for number in range(3):
        log.append([bought(10 + number, "c7", datetime(2024, 6, 20 + number, tzinfo=UTC))])
        run(project)
    assert len(_manifests(project)) == 2
    assert len(list((project / "out" / ".private" / "premium").glob("*.ipynb"))) == 2


def test_a_notebook_without_definition(project: Path) -> None:
    """Its name is that of the notebook; links to notebooks become links to their pages."""
    write_notebook(project, "# A\n[c](../n/03_y.ipynb#part) [d](https://x.org/z.ipynb)", name="01.ipynb")
    made = report.run(project / "01.ipynb", out=project / "out", root=project, log=str(project / "log"), now=NOW)
    html = made.path.read_text()
    assert made.name == "01"
    assert 'href="../03_y/latest.html#part"' in html
    assert "https://x.org/z.ipynb" in html
