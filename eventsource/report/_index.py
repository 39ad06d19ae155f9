"""The index: all reports and their runs, as a page without scripts that works from a file share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eventsource.formats import formatted
from eventsource.report._bar import plain_page
from eventsource.report._files import Files
from eventsource.report._manifest import GOOD
from eventsource.report._utc_minutes import utc_minute

__all__ = ["Row", "Series", "series_of", "sparkline", "write_index"]

_SHOWN: Final = 25
"""Runs of a report that the index shows at most."""
_WIDTH, _HEIGHT, _EDGE = 120, 24, 2
_STATUS: Final = {"ok": "ok", "stale": "data too old", "failed": "failed", "checks": "checks failed"}


@dataclass(frozen=True, slots=True)
class Row:
    """A run in the index.

    Args:
        href: its page.
        text: what the link says: the moment of its data.
        made: when it was made.
        status: how it ended, in words.
        is_good: whether there is a page of figures.
        asked: its parameters in words.
        headline: the headline figure; empty: none.
        diff: the page that compares it with the run before; empty: there is none.
    """

    href: str
    text: str
    made: str
    status: str
    is_good: bool
    asked: str
    headline: str
    diff: str


@dataclass(frozen=True, slots=True)
class Series:
    """A report in the index.

    Args:
        name: its name.
        title: the title of its newest page.
        description: what its definition says.
        latest: its newest page; empty: no run has succeeded.
        status: how its newest run ended, in words.
        is_good: whether it ended well.
        data: the moment up to which it has data, in words.
        headline: the name and the newest value of its headline result; empty: none.
        line: the points of the sparkline, for ``<polyline>``; empty: fewer than two numbers.
        runs: its runs, the newest first.
        more: how many older runs there are.
    """

    name: str
    title: str
    description: str
    latest: str
    status: str
    is_good: bool
    data: str
    headline: str
    line: str
    runs: tuple[Row, ...]
    more: int


def write_index(files: Files) -> None:
    """Write ``index.html``.

    Raises:
        ReportError: it cannot be written.
    """
    found = [series_of(files, name) for name in files.reports()]
    files.write(files.out / "index.html", plain_page("index.html", title="Reports", reports=found))


def series_of(files: Files, name: str) -> Series:
    """Return a report for the index."""
    manifests = sorted(files.manifests(name), key=lambda each: (asked_at(each), each["run"]))
    newest, good = manifests[-1], [each for each in manifests if _is_good(each)]
    described = good[-1] if good else newest
    values = [(each["results"].get(each["headline"])) for each in good if each.get("headline")]
    headline = f"{described['headline']}: {formatted(values[-1])}" if values and values[-1] is not None else ""
    rows = tuple(_rows(files, manifests))
    return Series(
        name,
        str(described["title"]),
        str(described["description"]),
        f"{name}/latest.html" if good else "",
        _STATUS.get(newest["status"], str(newest["status"])),
        newest["status"] == "ok",
        _data(described),
        headline,
        sparkline([value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]),
        rows[:_SHOWN],
        max(len(rows) - _SHOWN, 0),
    )


def asked_at(manifest: Mapping[str, Any]) -> str:
    """Return when a run was asked for last, as a text that sorts."""
    return str(manifest.get("asked") or manifest["made"])


def sparkline(values: Sequence[float]) -> str:
    """Return points of a line through values, in a box of 120 by 24; empty for fewer than two values."""
    if len(values) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    low, high = min(values), max(values)
    step = (_WIDTH - 2 * _EDGE) / (len(values) - 1)
    share = (_HEIGHT - 2 * _EDGE) / ((high - low) or 1)
    heights = (_HEIGHT - _EDGE - (value - low) * share if high > low else _HEIGHT / 2 for value in values)
    return " ".join(f"{_EDGE + number * step:.1f},{height:.1f}" for number, height in enumerate(heights))


def _rows(files: Files, manifests: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for manifest in reversed(manifests):
        name, run, is_good = manifest["report"], manifest["run"], _is_good(manifest)
        value = manifest["results"].get(manifest.get("headline"))
        diff = files.diff(name, run)
        yield Row(
            f"{name}/{run}.html",
            _data(manifest) or run,
            utc_minute(manifest["made"]),
            _STATUS.get(manifest["status"], str(manifest["status"])),
            is_good,
            ", ".join(f"{label} {text}" for label, text in manifest["shown"]),
            "" if value is None else formatted(value),
            f"{name}/{diff.name}" if diff.exists() else "",
        )


def _data(manifest: Mapping[str, Any]) -> str:
    moments = [log["last_recorded_at"] for log in manifest["logs"] if log["last_recorded_at"]]
    return f"data until {utc_minute(max(moments))}" if moments else ""


def _is_good(manifest: Mapping[str, Any]) -> bool:
    return manifest["status"] in GOOD
