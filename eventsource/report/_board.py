"""The parts of a board on a page: their texts at the stops that the page opens with, as a page without scripts shows them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from json import dumps
from typing import Any, Final

import polars as pl
from markupsafe import Markup

from eventsource import charts
from eventsource.board import VERSION
from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.moment import parse_moment
from eventsource.report._still import still

__all__ = ["View", "view_of"]

_NOTHING: Final = Markup()
_FULL_MONTH: Final = re.compile(r"([A-Z][a-z]{2})[a-z]+")


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


@dataclass(frozen=True)
class View:
    """The texts of a board at the stops that its page opens with.

    Args:
        data: the JSON of the board.
    """

    data: dict[str, Any]

    @cached_property
    def t(self) -> int:
        """The number of the moment."""
        return int(self.data["moments"]["start"])

    @cached_property
    def k(self) -> int:
        """The number of the known moment."""
        return int(self.data["known"]["start"])

    @property
    def _before(self) -> int:
        return int(self.data["moments"]["before"][self.t])

    def value(self, name: str, part: str = "") -> Any:
        """Return a figure, or what it was before, or how it changed since, or by how much it changed later."""
        values = self.data["figures"][name]["values"]
        here = values[self.k][self.t]
        other = {"": None, "before": self._before, "change": self._before, "later": self.t}[part]
        if other is None:
            return here
        there = values[-1 if part == "later" else self.k][other]
        if part == "before":
            return there
        is_number = isinstance(here, int | float) and isinstance(there, int | float)
        return ((there - here) if part == "later" else (here - there)) if is_number else None

    def raw(self, name: str) -> str:
        """Return a figure as the text of ``data-value``, as a browser writes numbers."""
        value = self.value(name)
        return "" if value is None else value if isinstance(value, str) else dumps(value)

    def text(self, name: str, part: str = "", form: str = "") -> str:
        """Return a figure as people read it."""
        return formatted(self.value(name, part), form or self.data["figures"][name]["form"])

    def form(self, name: str, value: Any) -> str:
        """Return a value in the format of a figure."""
        return formatted(value, self.data["figures"][name]["form"])

    def stop(self, iso: str) -> str:
        """Return a moment in words."""
        moment: date | datetime = parse_moment(iso)
        return formatted(moment)

    def stops(self, moments: dict[str, Any]) -> str:
        """Return the stops of a slider as JSON."""
        return dumps(moments["moments"][: moments["stops"]])

    def moment(self, name: str) -> str:
        """Return one of the moments of the page in words."""
        moments = self.data["moments"]["moments"]
        found = {
            "as_of": moments[self.t],
            "known_at": self.data["known"]["moments"][self.k],
            "before": moments[self._before],
        }
        return self.stop(found[name])

    def labels(self, names: Sequence[str]) -> str:
        """Return the labels of figures, as the title of a chart without one."""
        return ", ".join(self.data["figures"][name]["label"] for name in names)

    def change(self, name: str) -> str:
        """Return how a figure changed since the moment before."""
        change = self.value(name, "change")
        since = "since " + _FULL_MONTH.sub(r"\1", self.moment("before"))
        if change is None:
            return ""
        return f"unchanged {since}" if not change else f"{self._signed(name, change)} {since}"

    def later(self, name: str) -> str:
        """Return by how much a figure changed after the known moment."""
        later = self.value(name, "later")
        figure = self.data["figures"][name]
        is_many = figure["form"] in ("", "count") and later not in (1, -1)
        noun = f" {figure['label'].lower()}" if is_many else ""
        return f"{self._signed(name, later)}{noun} came in later" if later else ""

    def _signed(self, name: str, value: float) -> str:
        sign = "−" if value < 0 else "+"
        if self.data["figures"][name]["form"] == "share":
            points = f"{abs(100 * value):.1f}".removesuffix(".0")
            return f"{sign}{points} {'point' if points == '1' else 'points'}"
        return sign + self.form(name, abs(value))

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
