"""What changes on other pages when a run is published: bars, the copy of the newest page, the index."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from eventsource.report._about import About, Link
from eventsource.report._bar import with_bar
from eventsource.report._files import Files
from eventsource.report._index import asked_at, write_index
from eventsource.report._manifest import GOOD
from eventsource.report._utc_minutes import utc_minute

__all__ = ["about_of", "renew", "series_of_run"]


def about_of(manifest: Mapping[str, Any]) -> About:
    """Return what a page says about itself, from its manifest, without the bar."""
    return About(
        str(manifest["title"]),
        datetime.fromisoformat(manifest["made"]),
        str(manifest["description"]),
        tuple((label, text) for label, text in manifest["shown"]),
        index=Link("../index.html", "All reports"),
    )


def renew(files: Files, report: str, run: str) -> None:
    """Bring the bars of a run and of its neighbours, the copy of the newest page, and the index up to date.

    Raises:
        ReportError: a file cannot be written.
    """
    manifests = files.manifests(report)
    good = [manifest for manifest in manifests if manifest["status"] in GOOD]
    for about, manifest in _with_neighbours(files, good, run):
        _rewrite(files, files.page(report, manifest["run"]), about)
    for first in {each["series"]: each for each in reversed(good)}.values():
        _forget_before(files, good, first)  # it may have been retired
    if good:
        newest = max(good, key=lambda manifest: (asked_at(manifest), manifest["run"]))
        later = [each for each in manifests if each not in good and asked_at(each) >= asked_at(newest)]
        html = files.page(report, newest["run"]).read_text(encoding="utf-8")
        files.write(files.latest(report), _warned(html, newest, later))
    write_index(files)


def series_of_run(files: Files, report: str, run: str) -> list[dict[str, Any]]:
    """Return the manifests of a run's series, those of older data first; empty if it has no page of figures."""
    return _series([each for each in files.manifests(report) if each["status"] in GOOD], run)


def _series(good: Sequence[dict[str, Any]], run: str) -> list[dict[str, Any]]:
    this = next((manifest for manifest in good if manifest["run"] == run), None)
    return [] if this is None else [other for other in good if other["series"] == this["series"]]


def _with_neighbours(
    files: Files, good: Sequence[dict[str, Any]], run: str
) -> Iterator[tuple[About, Mapping[str, Any]]]:
    """Yield a run and those before and after it in its series, each with what its bar says."""
    series = _series(good, run)
    here = next((number for number, manifest in enumerate(series) if manifest["run"] == run), 0)
    for number in range(max(here - 1, 0), min(here + 2, len(series))):
        before = _link(series[number - 1], "Previous run") if number else None
        after = _link(series[number + 1], "Next run") if number + 1 < len(series) else None
        changes = tuple(_changes(files, series, number))
        yield replace(about_of(series[number]), previous=before, next=after, changes=changes), series[number]


def _changes(files: Files, series: Sequence[Mapping[str, Any]], number: int) -> Iterator[Link]:
    """Yield links to the pages that compare a run with those before and after it."""
    for other, text in ((number, "What changed since"), (number + 1, "What changed next")):
        if 0 < other < len(series):
            diff = files.diff(str(series[other]["report"]), str(series[other]["run"]))
            if diff.exists():
                yield Link(diff.name, text)


def _forget_before(files: Files, good: Sequence[dict[str, Any]], first: Mapping[str, Any]) -> None:
    """Remove what the first run of a series says about a run before it."""
    diff = files.diff(str(first["report"]), str(first["run"]))
    if diff.exists():
        diff.unlink()
        about = next(about for about, each in _with_neighbours(files, good, first["run"]) if each is first)
        _rewrite(files, files.page(str(first["report"]), str(first["run"])), about)


def _warned(html: str, newest: Mapping[str, Any], later: Sequence[Mapping[str, Any]]) -> str:
    """Return the page for ``latest.html``: with a warning if later runs failed."""
    if not later:
        return html
    about = about_of(newest)
    when = later[-1]["made"]
    text = (
        f"Not up to date: the run of {utc_minute(when)} failed. These figures are from {utc_minute(about.made)}."
    )
    failure = Link(f"{later[-1]['run']}.html", "Why it failed")
    return with_bar(html, replace(about, warning=text, next=failure))


def _rewrite(files: Files, path: Path, about: About) -> None:
    """Write a page with another bar, if it is there and has another one."""
    try:
        before = path.read_text(encoding="utf-8")
    except OSError:
        return
    after = with_bar(before, about)
    if after != before:
        files.write(path, after)


def _link(manifest: Mapping[str, Any], text: str) -> Link:
    return Link(f"{manifest['run']}.html", text)
