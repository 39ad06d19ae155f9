"""Boards in Python: figures at each pair of moments, and the lives of entities, equal `as_of` with `known_at`."""

from datetime import date
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.board import MIMETYPE, RESULTS_MIMETYPE, Board, Changed, Field, Figure
from eventsource.demo.models import Customer
from eventsource.errors import MomentError, ReportError
from eventsource.formats import formatted
from eventsource.testing import event, given
from tests.board.worlds import board, business, by_city, city_chart

FIGURES = {"premium": pl.col("premium").sum()}
ANN = (
    event("CustomerCreated", "customer-1", at="2024-01-05", name="Ann"),
    event("PremiumPlanBought", "customer-1", at="2024-01-10", plan="monthly"),
    event("PremiumPlanCancelled", "customer-1", at="2024-01-20", recorded_at="2024-03-02", reason="no time"),
    event("CustomerCreated", "customer-2", at="2024-02-01", name="Ben"),
)


def _timeline(*events: dict[str, Any]) -> es.Timeline:
    return given(Customer, *(events or ANN)).timeline


def _json(part: Any) -> dict[str, Any]:
    found: dict[str, Any] = part._repr_mimebundle_()[MIMETYPE]
    return found


def test_figures_equal_as_of() -> None:
    """At every pair of stops, and at the moments that changes are counted from."""
    timeline = business()
    data = _json(board(timeline))
    moments, known = data["moments"]["moments"], data["known"]["moments"]
    assert len(moments) > data["moments"]["stops"] == 14
    for k, known_at in list(enumerate(known))[::4]:
        for t, moment in list(enumerate(moments))[::3]:
            states = timeline.as_of(moment, known_at=known_at)
            found = {name: figure["values"][k][t] for name, figure in data["figures"].items()}
            assert found["customers"] == states.height
            assert found["premium"] == states["premium"].sum()
            assert found["share"] == states["premium"].mean()
            assert found["spent"] == pytest.approx(float(states["spent"].sum()), abs=1e-9)


def test_changes_are_counted_from_the_moment_before() -> None:
    """At every pair of stops: the plans that ended after the moment before, as they were known."""
    timeline = business()
    data = _json(board(timeline))
    moments, known = data["moments"]["moments"], data["known"]["moments"]
    for k, known_at in list(enumerate(known))[::4]:
        changes = timeline.changes("premium", known_at=known_at).filter(~pl.col("after"))["at"].dt.date()
        for t, before in list(enumerate(data["moments"]["before"]))[::3]:
            since, until = (date.fromisoformat(moments[number]) for number in (before, t))
            assert data["figures"]["cancelled"]["values"][k][t] == ((changes > since) & (changes <= until)).sum()
    assert max(data["figures"]["cancelled"]["values"][-1]) > 0
    only = Board(_timeline(), title="x", moments=["2024-02-01"], figures={"gone": Changed("premium")})
    assert only.results() == {"gone": 2}
    with pytest.raises(ReportError, match="figure 'gone' counts changes, which have no groups"):
        only.by("city", "gone")


def test_charts_and_tables_are_those_of_as_of() -> None:
    """What a function makes of the states, at every pair; the same states are given to it once."""
    timeline, seen = business(), []
    shown = board(timeline)

    def make(states: pl.DataFrame) -> pl.DataFrame:
        seen.append(states)
        return by_city(states)

    part, chart = _json(shown.table(make, title="By city")), _json(shown.chart(city_chart, title="By city"))
    assert part["columns"] == ["home_town", "customers", "spent"]
    assert len(part["tables"]) == len(seen) < 60
    for k, known_at in list(enumerate(shown.known.moments))[::4]:
        for t, moment in list(enumerate(shown.moments.moments))[::3]:
            expected = by_city(timeline.as_of(moment, known_at=known_at))
            rows = part["tables"][part["numbers"][k][t]]
            assert rows == [[formatted(value) for value in row] for row in expected.rows()]
            spec = chart["shared"] | chart["specs"][chart["numbers"][k][t]]
            drawn = spec["data"].get("values") or next(iter(spec["datasets"].values()))
            assert [row["customers"] for row in drawn] == expected["customers"].to_list()
    early = Board(_timeline(), title="x", moments=["2023-01-01", "2024-01-31"], figures=FIGURES)
    assert _json(early.table(by_city, title="x"))["tables"][0] is None


def test_functions_that_draw_something_else_are_refused() -> None:
    """Each message says what was expected."""
    shown = Board(_timeline(), title="x", moments=["2024-01-31", "2024-02-28"], figures=FIGURES)
    cases: list[tuple[Any, str]] = [
        (lambda _: 1, "expected a frame, got int"),
        (lambda states: states.select("city" if states.height == 1 else "name"), "expected the columns"),
        (lambda _: pl.DataFrame({"n": list(range(501))}), "expected at most 500 rows, got 501"),
    ]
    for make, said in cases:
        with pytest.raises(ReportError, match=said):
            shown.table(make, title="x")
    with pytest.raises(ReportError, match="expected a chart, got DataFrame"):
        shown.chart(by_city, title="x")


def test_groups_equal_as_of() -> None:
    """Groups with few entities are one; a group that no entity is in has no value."""
    timeline = business()
    part = _json(board(timeline).by("city", "premium", of="customers"))
    assert part["groups"][-1] == "other"
    assert len(part["groups"]) == 10
    states = timeline.as_of("2024-12-31").with_columns(
        pl.when(pl.col("city").is_in(part["groups"])).then("city").otherwise(pl.lit("other")).alias("city")
    )
    counts = dict(states.group_by("city").agg(pl.col("premium").sum()).iter_rows())
    assert part["values"]["premium"][-1][-1] == [counts.get(group) for group in part["groups"]]


def test_results_are_those_of_the_first_stops() -> None:
    """Every output of a board names its figures at the stops that it opens with, as reports read them."""
    shown = board(business())
    timeline = business()
    expected = timeline.as_of("2024-06-30", known_at="2024-07-01")["premium"].sum()
    for part in (shown, shown.cards(), shown.trend("premium"), shown.late(), shown.find()):
        assert part._repr_mimebundle_()[RESULTS_MIMETYPE]["results"]["premium"] == expected
    assert f"**{expected}" not in shown._repr_mimebundle_()["text/markdown"]
    assert shown._repr_mimebundle_()["text/markdown"].startswith(formatted(expected))


def test_the_last_known_stop_is_the_last_recorded_day() -> None:
    """As known then, all events count."""
    shown = Board(_timeline(), title="P", moments=["2024-01-31"], figures=FIGURES)
    assert _json(shown)["known"]["moments"] == ["2024-01-31", "2024-03-02"]
    assert _json(shown)["figures"]["premium"]["values"] == [[1, 0], [0, 0]]
    assert shown.known.start == 1


def test_stops_are_sorted_and_counted_once() -> None:
    """The stops that the page opens with are stops too; moments before them are answered, but are not stops."""
    shown = Board(
        _timeline(),
        title="P",
        moments=["2024-03-31", "2024-01-31", date(2024, 1, 31)],
        figures=FIGURES,
        as_of="2024-02-10",
        before="1mo",
    )
    assert shown.moments.plain()["moments"][:3] == ["2024-01-31", "2024-02-10", "2024-03-31"]
    assert shown.moments.plain()["moments"][3:] == ["2023-12-31", "2024-01-10", "2024-02-29"]
    assert (shown.moments.start, shown.moments.plain()["before"]) == (1, [3, 4, 5])


def test_an_empty_log_has_figures() -> None:
    """Figures of no entities are those of Polars: 0, or no value."""
    shown = Board(
        _timeline(ANN[0]),
        title="P",
        moments=["2020-01-31"],
        figures={**FIGURES, "share": pl.col("premium").mean()},
        fields=["name", "premium"],
        known_at="2020-01-31",
    )
    assert shown._repr_mimebundle_()[RESULTS_MIMETYPE]["results"] == {"premium": 0, "share": None}


def test_later_events_change_nothing() -> None:
    """A board reads the log up to the position that it had, or to the one that is named."""
    shown = Board(_timeline(), title="P", moments=["2024-01-31"], figures=FIGURES, upto=2)
    assert _json(shown)["figures"]["premium"]["values"][-1][0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"figures": {}}, "expected figures"),
        ({"figures": {"a b": pl.len()}}, "'a b'"),
        ({"figures": {"a": 3}}, "expected a name with an expression"),
        ({"figures": {"a": Figure(pl.len(), form="euros")}}, "expected a format, got 'euros'"),
        ({"figures": {"a": pl.col("premium")}}, "one per entity"),
        ({"moments": []}, "expected 1 to 120 moments"),
        ({"sentence": "{premum}"}, "unknown value 'premum'"),
        ({"sentence": "{premium.after}"}, r"unknown value 'premium\.after'"),
        ({"sentence": "{premium:euros}"}, "expected a format, got 'euros'"),
        ({"sentence": "{premium"}, "expected '}'"),
        ({"fields": ["town"]}, "unknown field 'town'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    """The message names the argument; nothing is shown in its place."""
    fitting: dict[str, Any] = {"title": "P", "moments": ["2024-01-31"], "figures": FIGURES}
    with pytest.raises(ReportError, match=message):
        Board(_timeline(), **(fitting | arguments))._repr_mimebundle_()


def test_parts_that_do_not_fit_are_refused() -> None:
    """Figures and fields that there are none of, and parts that need fields."""
    shown = Board(_timeline(), title="P", moments=["2024-01-31"], figures=FIGURES)
    with pytest.raises(ReportError, match="unknown figure 'share'"):
        shown.cards("share")
    with pytest.raises(ReportError, match="unknown field 'town'"):
        shown.by("town")
    with pytest.raises(ReportError, match="find needs the fields"):
        shown.find()
    with pytest.raises(MomentError):
        Board(_timeline(), title="P", moments=["soon"], figures=FIGURES)


def test_rows_know_from_when_to_when_they_were_known() -> None:
    """A late event ends a value only from the stop on at which it was recorded."""
    shown = Board(
        _timeline(),
        title="P",
        moments=["2024-01-31"],
        known=["2024-01-31", "2024-02-29"],
        figures=FIGURES,
        fields={"premium": Field()},
    )
    lives = _json(shown)["lives"]
    (premium,) = lives["fields"]
    assert lives["entities"] == ["customer-1", "customer-2"]
    assert premium["value"] == [0, 1, 0, 0]
    assert premium["entity"] == [3, 1]
    assert lives["events"]["recorded"] == [0, 42 * 86400]
    assert premium["known"] == [(3, 1, 2)]  # no event made it; all others are known from their recording on
