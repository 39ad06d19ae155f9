"""Boards: what a page with two sliders shows, *as of* a moment and *as known on* a day.

```python
board = Board(
    customers,
    title="Premium",
    moments=month_ends,
    figures={"customers": pl.len(), "premium": pl.col("premium").sum()},
    sentence="{premium} of {customers} customers had the plan, {premium.change:more} on {before}.",
    fields={"city": Field("City", says="lived in {}"), "premium": Field("Plan", says="had the plan")},
)
board                        # in a notebook: title, sentence, sliders
board.cards()                # a card per figure
board.trend("premium")       # a line over all stops
board.by("country", "share") # a figure for each value of a field
board.chart(draw, title="…") # a chart of the states, drawn by a function of yours; board.table(make) likewise
board.late()                 # which events came in later, by name
board.find("customer-42")    # search, table, life line
```

Each is the output of a cell. A report draws them; every number in them follows the sliders, without a network, and
equals that of `Timeline.as_of` at the moment and the day on which it was known. In a page there is one board.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import polars as pl

from eventsource.board._changed import Changed, counts_of_changes
from eventsource.board._columns import in_columns
from eventsource.board._events import events_of
from eventsource.board._figures import Figure, figures_of, grouped_values, plain_value, values_at
from eventsource.board._following import Drawn, drawn_at, plain_charts, plain_tables
from eventsource.board._lives import Field, Lives, defaults_of, fields_of
from eventsource.board._opening import Opening
from eventsource.board._part import MIMETYPE, RESULTS_MIMETYPE, VERSION, Part
from eventsource.board._seen import (
    ENTITIES,
    ENTITIES_COLUMN,
    left_out_by,
    seen_choice,
    seen_events,
    seen_fields,
    seen_groups,
    seen_lives,
    seen_names,
    seen_value,
    seen_values,
)
from eventsource.board._stops import stops_of
from eventsource.board._templates import pieces
from eventsource.errors import ReportError
from eventsource.moment import Moment
from eventsource.presentation import look, looks_of
from eventsource.timeline import Timeline

__all__ = ["MIMETYPE", "RESULTS_MIMETYPE", "VERSION", "Board", "Changed", "Field", "Figure", "Opening", "Part"]

_MOST_GROUPS: Final = 10


class Board(Part):
    """The figures of a timeline at each stop of two sliders; shown, it is the head of a page.

    Args:
        timeline: what is asked.
        moments: the stops of *as of*, such as month-ends; a date is the end of its day.
        known: the stops of *as known on*; default: those of ``moments``. The day of the last recorded event is one
            too: as known then, all events count.
        figures: name → a `Figure`, a `Changed`, or a Polars aggregation over the fields of the states.
        title: what the page is about, in a word or two.
        sentence: the answer, with ``{name}`` for a figure, ``{name.change}`` for its change since ``before``, and
            ``{as_of}``, ``{known_at}``, ``{before}`` for moments. A format follows a colon: see
            `eventsource.formats`.
        fields: the fields of an entity that `find` and `late` show: names, or name → `Field`.
        noun: what an entity is called, one and many.
        as_of: the stop that the page opens with; default: the last one.
        known_at: likewise.
        before: how long before each stop the moment is that changes are counted from.
        upto: only events with a smaller position; default: all that the log has now.

    Raises:
        ReportError: an argument does not fit; the message says which.
    """

    def __init__(  # noqa: PLR0913 - all but one by keyword
        self,
        timeline: Timeline,
        *,
        moments: Sequence[Moment],
        figures: Mapping[str, pl.Expr | Figure | Changed],
        title: str,
        sentence: str = "",
        known: Sequence[Moment] | None = None,
        fields: Mapping[str, Field] | Sequence[str] = (),
        noun: tuple[str, str] = ("entity", "entities"),
        as_of: Moment | None = None,
        known_at: Moment | None = None,
        before: str = "3mo",
        upto: int | None = None,
    ) -> None:
        self.timeline, self.title, self.noun = timeline, title, noun
        self.upto = timeline.log.head if upto is None else upto
        self.figures = figures_of(figures)
        looks = {name: look(name).over(each) for name, each in looks_of(timeline.plan).items()}
        self.fields = seen_fields(fields_of(fields, looks))
        self.moments = stops_of("moments", list(moments), as_of, tz=timeline.tz, before=before)
        self.known = stops_of(
            "known",
            list(moments if known is None else known),
            known_at,
            tz=timeline.tz,
            last=self._data_until.date(),
        )
        self.sentence = pieces(sentence, self.figures)
        super().__init__("board", lambda: self._plain, self.results, lambda: self._opening.sentence(self.sentence))

    def cards(self, *names: str) -> Part:
        """Return a card for each figure: its value, its change, what came in later, and its course."""
        return self._part("cards", figures=self._names(names))

    def trend(self, *names: str, title: str = "") -> Part:
        """Return a line per figure over all stops, up to the day on which it was known."""
        return self._part("trend", figures=self._names(names), title=title)

    def by(self, field: str, *names: str, of: str = "", title: str = "") -> Part:
        """Return figures for each value of a field, as bars.

        Args:
            field: a field of the model with few values, such as a country.
            names: the figures; default: all.
            of: the figure that says how many each group has.
            title: the title above.
        """
        figures = self._aggregations((*names, of) if of else names)
        if field not in self.timeline.plan.fields:
            raise ReportError(
                f"unknown field {field!r}", hint=f"the fields are {', '.join(self.timeline.plan.fields)}"
            )
        if left_out := left_out_by(field):
            return Part("say", lambda: {"pieces": [{"text": left_out}]}, dict)
        groups, found = grouped_values(
            self._histories,
            self.moments.instants,
            field,
            figures | {ENTITIES_COLUMN: ENTITIES},
            most=_MOST_GROUPS,
        )
        counts = found.pop(ENTITIES_COLUMN)
        values = seen_groups(found, counts, figures)
        groups = seen_names(field, groups)
        shown = [name for name in figures if name != of]
        return self._part("by", figures=shown, of=of, title=title, groups=groups, values=values)

    def chart(self, draw: Callable[[pl.DataFrame], Any], *, title: str) -> Part:
        """Return a chart of the states at the chosen moment, as known on the chosen day.

        Args:
            draw: returns an Altair chart of states, a row per entity; it is called once for all moments at which
                they are the same, and not for states without entities.
            title: the title above.
        """
        return self._part("chart", title=title, **plain_charts(self._drawn(draw)))

    def table(
        self,
        make: Callable[[pl.DataFrame], pl.DataFrame],
        *,
        title: str,
        forms: Mapping[str, str] | None = None,
    ) -> Part:
        """Return a table of the states at the chosen moment, as known on the chosen day.

        Args:
            make: returns a frame with the same columns for all states, at most 500 rows; see `chart`.
            title: the title above.
            forms: column → how its values read; see `eventsource.formats`. Others have the format that fits.
        """
        return self._part("table", title=title, **plain_tables(self._drawn(make), forms or {}))

    def say(self, sentence: str) -> Part:
        """Return a sentence whose values follow the sliders; see ``sentence`` of the class."""
        found = pieces(sentence, self.figures)
        return Part("say", lambda: {"pieces": found}, self.results, lambda: self._opening.sentence(found))

    def late(self, title: str = "What came in later") -> Part:
        """Return the events that happened by the chosen moment and were not known on the chosen day."""
        self._need_fields("late")
        return self._part("late", title=title)

    def find(self, entity: str = "", *, name: str = "", title: str = "") -> Part:
        """Return a table of all entities with a search, and the life line of one of them.

        Args:
            entity: the one whose life line is open at first.
            name: the field that says what an entity is called.
            title: the title above.
        """
        self._need_fields("find")
        name, entity = seen_choice(name, entity)
        if name and name not in self.fields:
            raise ReportError(f"unknown field {name!r}", hint=f"the fields are {', '.join(self.fields)}")
        article = "an" if self.noun[0][:1].lower() in "aeiou" else "a"
        return self._part("find", entity=entity, name=name, title=title or f"Find {article} {self.noun[0]}")

    def results(self) -> dict[str, Any]:
        """Return the figures at the stops that the page opens with."""
        row = self._values[self.known.start].row(self.moments.start, named=True)
        entities = row.pop(ENTITIES_COLUMN)
        return {name: seen_value(self.figures[name], plain_value(value), entities) for name, value in row.items()}

    def _drawn(self, make: Callable[[pl.DataFrame], Any]) -> Drawn:
        return drawn_at(self._histories, self.moments.instants, make)

    def _part(self, kind: str, **plain: Any) -> Part:
        return Part(kind, lambda: plain, self.results)

    def _names(self, names: Sequence[str]) -> list[str]:
        for name in names:
            if name not in self.figures:
                raise ReportError(f"unknown figure {name!r}", hint=f"the figures are {', '.join(self.figures)}")
        return list(dict.fromkeys(names or self.figures))

    def _aggregations(self, names: Sequence[str]) -> dict[str, Figure]:
        """Return figures over states; default: all of them."""
        found = {name: self.figures[name] for name in self._names(names)}
        counts = [name for name, figure in found.items() if isinstance(figure, Changed)]
        if names and counts:
            raise ReportError(
                f"figure {counts[0]!r} counts changes, which have no groups",
                hint='Figure(pl.col("premium").sum())',
            )
        return {name: figure for name, figure in found.items() if isinstance(figure, Figure)}

    def _need_fields(self, part: str) -> None:
        if not self.fields:
            raise ReportError(f"{part} needs the fields to show", hint='Board(…, fields=["city", "premium"])')

    @cached_property
    def _data_until(self) -> datetime:
        """The moment at which the last event was recorded; the present for an empty log."""
        last = self.timeline.log.scan(upto=self.upto).select(pl.col("recorded_at").max()).collect().item()
        return last or datetime.now(UTC)

    @cached_property
    def _histories(self) -> list[pl.DataFrame]:
        return [self.timeline.history(known_at=known, upto=self.upto) for known in self.known.moments]

    @cached_property
    def _values(self) -> list[pl.DataFrame]:
        """The figures, a frame per known moment with a row per asked moment."""
        instants, begins = self.moments.periods
        states = self._aggregations(()) | {ENTITIES_COLUMN: ENTITIES}
        found = []
        for known_at, history in zip(self.known.moments, self._histories, strict=True):
            counts = {
                name: counts_of_changes(self.timeline, each, instants, begins, known_at=known_at, upto=self.upto)
                for name, each in self.figures.items()
                if isinstance(each, Changed)
            }
            columns = [count.rename(name) for name, count in counts.items()]
            values = values_at(history, instants, states).with_columns(columns)
            found.append(values.select(*self.figures, ENTITIES_COLUMN))
        return found

    @cached_property
    def _opening(self) -> Opening:
        return Opening(self._plain)

    @cached_property
    def _plain(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "noun": list(self.noun),
            "sentence": self.sentence,
            "moments": self.moments.plain(),
            "known": self.known.plain(),
            "names": list(self.figures),
            "figures": {
                name: {"label": each.label, "form": each.form, "values": seen_values(each, name, self._values)}
                for name, each in self.figures.items()
            },
            "lives": self._lives() if self.fields else None,
            "data": {"until": self._data_until.isoformat(), "position": self.upto},
        }

    def _lives(self) -> dict[str, Any]:
        lives = Lives.of(self._histories, self.fields)
        events, numbers = events_of(self.timeline, lives, self.known.moments, upto=self.upto)
        lives, events = seen_lives(lives), seen_events(events)
        return in_columns(
            lives,
            events,
            numbers,
            stops=self.known.plain()["instants"],
            defaults=defaults_of(self.timeline.plan, self._histories[-1]),
        )
