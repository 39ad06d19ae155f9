"""The page of a comparison: what changed between two runs of a report, and by which events.

It is written beside the later page, as ``RUN-diff.html``, when either of the two runs is published. The bars of
both pages and the index lead to it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from eventsource.errors import EventsourceError, UnknownNameWarning
from eventsource.formats import formatted
from eventsource.messages import counted
from eventsource.moment import readable_time
from eventsource.plan import Plan
from eventsource.report._bar import plain_page
from eventsource.report._diff import Change, Difference, Move, diff
from eventsource.report._files import Files
from eventsource.report._utc_minutes import utc_minute

__all__ = ["LoadModel", "diff_page", "write_diffs"]

LoadModel = Callable[[str], Plan]
"""Returns the plan of the model that a definition names, such as ``models:Customer``."""

_MOST_ROWS: Final = 300


def write_diffs(
    files: Files,
    series: Sequence[Mapping[str, Any]],
    run: str,
    *,
    model: str,
    load_model: LoadModel | None,
    root: Path,
) -> None:
    """Compare a run with the one before it in its series, and the one after it with this run.

    Args:
        files: the files of all pages.
        series: the manifests of the runs with a page of figures, in their order.
        run: the run that was just published.
        model: the model that the definition names; empty: it names none.
        load_model: loads it; None: entities are not compared.
        root: the folder of the project.

    Raises:
        ReportError: a file cannot be written.
    """
    here = next(number for number, manifest in enumerate(series) if manifest["run"] == run)
    for number in range(max(here, 1), min(here + 2, len(series))):
        a, b = series[number - 1], series[number]
        pages = [files.page(str(each["report"]), str(each["run"])) for each in (a, b)]
        if not all(page.exists() for page in pages):
            continue
        found, note = _compared(pages, model, load_model, root)
        files.write(files.diff(str(b["report"]), str(b["run"])), diff_page(found, note=note))


def _compared(
    pages: Sequence[Path], model: str, load_model: LoadModel | None, root: Path
) -> tuple[Difference, str]:
    """Return what differs, and why entities are not compared. What fails with the model never fails a run."""
    why = (
        ""
        if model
        else 'The definition names no model: with model = "models:Customer", entities are compared too.'
    )
    if model and load_model is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnknownNameWarning)  # the run has said so
                return diff(*pages, model=load_model(model), root=root), ""
        except EventsourceError as error:
            why = f"Entities could not be compared: {type(error).__name__}."
    return diff(*pages, root=root), why


def diff_page(found: Difference, *, note: str = "", a: str = "", b: str = "") -> str:
    """Return a comparison as a page without scripts.

    A comparison of pages for an audience has no more than these pages themselves: their figures and parameters.

    Args:
        found: what differs.
        note: why entities are not compared; empty: they are.
        a: the address of page A; default: its file, in the folder of the comparison.
        b: likewise.
    """
    audience = found.b.get("audience") or found.a.get("audience")
    if audience:
        found, note = replace(found, moves=None), f"Left out for {audience}: which entities differ."
    moves = found.moves or ()
    return plain_page(
        "diff.html",
        title=f"{found.b['title']}: what changed",
        pages=[_described(found.a, a), _described(found.b, b)],
        summary=_summary(found),
        parameters=[_row(change) for change in found.parameters],
        figures=[_row(change) for change in found.changes],
        moves=[_move(move) for move in moves[:_MOST_ROWS]],
        more=max(len(moves) - _MOST_ROWS, 0),
        is_compared=found.moves is not None,
        note=note,
    )


def _described(manifest: Mapping[str, Any], href: str) -> dict[str, str]:
    """Return what the page says of one of the two runs."""
    asked = ", ".join(f"{label} {text}" for label, text in manifest["shown"])
    moments = [log["last_recorded_at"] for log in manifest["logs"] if log["last_recorded_at"]]
    position = max((int(log["position"]) for log in manifest["logs"]), default=0)
    return {
        "href": href or f"{manifest['run']}.html",
        "title": str(manifest["title"]),
        "asked": asked,
        "data": f"{utc_minute(max(moments))}, position {position:,}" if moments else "–",
        "made": utc_minute(str(manifest["made"])),
    }


def _summary(found: Difference) -> str:
    """Return the comparison in a sentence or two."""
    figures = len(found.changes)
    names = len(found.a["results"].keys() | found.b["results"].keys())
    parts = [f"{figures} of {counted(names, 'figure')} changed." if names else "The pages name no figures."]
    if found.events is not None:
        parts.append(f"{counted(found.events, 'event')} came between the two pages.")
    if found.moves is not None:
        entities = len({move.entity for move in found.moves})
        late = len({move.entity for move in found.moves if move.is_later})
        said = f"{entities} {'entity' if entities == 1 else 'entities'} differ{'s' if entities == 1 else ''}"
        parts.append(f"{said}, {late} by events that came after the earlier page." if late else f"{said}.")
    return " ".join(parts)


def _row(change: Change) -> dict[str, str]:
    more = change.more
    sign = "" if more is None else "−" if more < 0 else "+"
    return {
        "name": change.name.replace("_", " "),
        "before": formatted(change.before),
        "after": formatted(change.after),
        "more": "" if more is None else f"{sign}{formatted(abs(more))}",
    }


def _move(move: Move) -> dict[str, Any]:
    return {
        "entity": move.entity,
        "field": move.field.replace("_", " "),
        "before": formatted(move.before) if move.field else "",
        "after": formatted(move.after) if move.field else move.change,
        "type": formatted(move.type, "event"),
        "at": "–" if move.at is None else readable_time(move.at, "minutes"),
        "event": move.event_id or "",
        "is_later": move.is_later,
    }
