"""The parts of a board on a page, at the stops that it opens with: what a page without scripts shows."""

from collections.abc import Sequence
from datetime import datetime
from json import dumps
from typing import Any, Final

import polars as pl
from markupsafe import Markup

from eventsource import charts
from eventsource.board import VERSION, Opening
from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.moment import parse_moment
from eventsource.report._about import About
from eventsource.report._still import still

__all__ = ["View", "view_of"]

_NOTHING: Final = Markup()


def view_of(parts: Sequence[dict[str, Any]]) -> "View | None":
    """Return what the parts of a page have in common: their board; None for a page without one.

    Raises:
        ReportError: there are parts but no board, two boards, or parts of another version.
    """
    if not parts:
        return None
    if other := next((part for part in parts if part.get("version") != VERSION), None):
        raise ReportError(
            f"expected parts of a board of version {VERSION}, got {other.get('version')!r}",
            hint="run the notebook with this version",
        )
    boards = [part for part in parts if part["part"] == "board"]
    if len(boards) != 1:
        raise ReportError(
            f"expected one board on a page, got {len(boards)}", hint="show the Board itself in a cell, once"
        )
    return View(boards[0])


class View(Opening):
    """What a page shows of a board."""

    def raw(self, name: str) -> str:
        """Return a figure as the text of ``data-value``, as a browser writes numbers."""
        value = self.value(name)
        return "" if value is None else value if isinstance(value, str) else dumps(value)

    def stops(self, moments: dict[str, Any]) -> str:
        """Return the stops of a slider as JSON."""
        return dumps(moments["moments"][: moments["stops"]])

    def chip(self, about: About) -> list[tuple[str, str]]:
        """Return how fresh the page is, as pairs of a label and a text."""
        lines = about.lines()[len(about.parameters) :]
        if about.freshness is None:
            data = self.data["data"]
            until = datetime.fromisoformat(data["until"])
            lines.insert(0, ("data", f"until {formatted(until)} UTC, position {formatted(data['position'])}"))
        return lines

    def labels(self, names: Sequence[str]) -> str:
        """Return the labels of figures, as the title of a chart without one."""
        return ", ".join(self.data["figures"][name]["label"] for name in names)

    def groups(self, part: dict[str, Any]) -> list[tuple[str, Any, str]]:
        """Return the groups of bars, the largest first: name, value, and how many there are."""
        name, of = part["figures"][0], part["of"]
        row = part["values"][name][self.k][self.t]
        counts = part["values"][of][self.k][self.t] if of else [None] * len(row)
        found = [entry for entry in zip(part["groups"], row, counts, strict=True) if entry[1] is not None]
        found.sort(key=lambda entry: (entry[0] == "other", -entry[1], entry[0]))
        return [(group, value, formatted(count)) for group, value, count in found]

    def width(self, part: dict[str, Any], value: float) -> float:
        """Return the width of a bar in percent; the longest of all stops is 100, and of shares the whole."""
        name = part["figures"][0]
        values = [each for table in part["values"][name] for row in table for each in row if each is not None]
        most = 1 if self.data["figures"][name]["form"] == "share" else max(values, default=0) or 1
        return round(100 * max(value, 0) / most, 2)

    def chosen(self, part: dict[str, Any]) -> Any:
        """Return the chart or the rows at the stops that the page opens with; None: no entity exists then."""
        number = part["numbers"][self.k][self.t]
        if part["part"] == "table":
            return part["tables"][number]
        own = part["specs"][number]
        return None if own is None else {**part["shared"], **own}

    def described(self, part: dict[str, Any]) -> str:
        """Return what a chart shows, for readers who do not see it."""
        return str((self.chosen(part) or {}).get("description") or part["title"])

    def drawing(self, part: dict[str, Any]) -> Markup:
        """Return a chart for readers without scripts."""
        spec = self.chosen(part)
        return _NOTHING if spec is None else still({name: spec[name] for name in spec if name != "title"})

    def still(self, part: dict[str, Any]) -> Markup:
        """Return the drawing of a trend for readers without scripts."""
        count, known = self.data["moments"]["stops"], self.data["known"]["instants"][self.k]
        rows = [
            {"as_of": parse_moment(moment), "figure": self.data["figures"][name]["label"], "value": value}
            for name in part["figures"]
            for moment, instant, value in zip(
                self.data["moments"]["moments"][:count],
                self.data["moments"]["instants"],
                self.data["figures"][name]["values"][self.k],
                strict=False,
            )
            if instant <= known and isinstance(value, int | float)
        ]
        if not rows:
            return _NOTHING
        form = self.data["figures"][part["figures"][0]]["form"]
        drawn = charts.line(pl.DataFrame(rows), "as_of", "value", color="figure", form=form)
        return still(drawn.to_dict())
