"""The texts of a board at the stops that its page opens with; the scripts say the same of all other stops."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from eventsource.formats import formatted
from eventsource.moment import parse_moment

__all__ = ["Opening"]

_FULL_MONTH: Final = re.compile(r"([A-Z][a-z]{2})[a-z]+")


@dataclass(frozen=True)
class Opening:
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
        if not part:
            return here
        there = values[-1][self.t] if part == "later" else values[self.k][self._before]
        if part == "before":
            return there
        is_number = isinstance(here, int | float) and isinstance(there, int | float)
        return ((there - here) if part == "later" else (here - there)) if is_number else None

    def text(self, name: str, part: str = "", form: str = "") -> str:
        """Return a figure as people read it."""
        return self._form(self.value(name, part), form or self.data["figures"][name]["form"])

    def form(self, name: str, value: Any) -> str:
        """Return a value in the format of a figure."""
        return self._form(value, self.data["figures"][name]["form"])

    def _form(self, value: Any, form: str) -> str:
        """Return a value in a format; a text stays one: a number that is too long, or that readers may not see."""
        if isinstance(value, str):
            return f"{value} {form.partition('|')[2]}".strip()
        return formatted(value, form)

    def sentence(self, pieces: Sequence[dict[str, str]]) -> str:
        """Return a sentence with its values filled in."""
        return "".join(
            piece["text"]
            if "text" in piece
            else self.moment(piece["moment"])
            if "moment" in piece
            else self.text(piece["figure"], piece["part"], piece["form"])
            for piece in pieces
        )

    def stop(self, iso: str) -> str:
        """Return a moment in words."""
        return formatted(parse_moment(iso))

    def moment(self, name: str) -> str:
        """Return one of the moments of the page in words."""
        return self.stop(self._moments[name])

    @cached_property
    def _moments(self) -> dict[str, str]:
        moments: list[str] = self.data["moments"]["moments"]
        known: str = self.data["known"]["moments"][self.k]
        return {"as_of": moments[self.t], "known_at": known, "before": moments[self._before]}

    def change(self, name: str) -> str:
        """Return how a figure changed since the moment before."""
        change = self.value(name, "change")
        if change is None:
            return ""
        short = _FULL_MONTH.sub(r"\1", self.moment("before"))
        since = "since " + short.replace(f" {self._moments['as_of'][:4]}", "")
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
