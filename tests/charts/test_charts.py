"""Charts: data stays data, numbers stay exact, time is where and when it was."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import nbformat
import polars as pl
import pytest

from eventsource import charts
from eventsource.errors import ReportError

FRAME = pl.DataFrame(
    {"day": [date(2024, 1, 31), date(2024, 2, 29)], "n": [1, 2], "id": [2**60, 1], "a.b[0]": ["x", "y"]}
)


def spec(chart: Any) -> dict[str, Any]:
    """Return a chart as its specification."""
    found: dict[str, Any] = chart.to_dict()
    return found


def rows(chart: Any) -> list[dict[str, Any]]:
    """Return the rows of a chart."""
    found = spec(chart)
    values: list[dict[str, Any]] = (
        next(iter(found["datasets"].values())) if "datasets" in found else found["data"]["values"]
    )
    return values


def encoding(chart: Any, layer: int = 0) -> dict[str, Any]:
    """Return the encoding of a layer."""
    found: dict[str, Any] = spec(chart)["layer"][layer]["encoding"]
    return found


def test_names_of_fields_are_not_instructions() -> None:
    """A column with a name that has a meaning in Vega-Lite is only a column, and its values stay values."""
    frame = FRAME.rename({"n": "datum['x'] + 1"}).with_columns(pl.lit("{{ 7 * 7 }}").alias("text"))
    found = encoding(charts.line(frame, "day", "datum['x'] + 1", color="a.b[0]"))
    assert found["y"]["field"] == "datum\\[\\'x\\'\\] + 1"
    assert found["detail"]["field"] == "a\\.b\\[0\\]"
    assert "datum['x']" not in str(
        [layer.get("transform") for layer in spec(charts.line(frame, "day", "id"))["layer"]]
    )


def test_large_integers_are_texts() -> None:
    """JavaScript would round an id beyond 2**53, so it becomes a text."""
    assert rows(charts.bars(FRAME, "id", "n"))[0]["id"] == str(2**60)


def test_a_closed_day_is_drawn_at_its_end() -> None:
    """The state at the end of 31 January is at the beginning of February; its text stays the day."""
    row = rows(charts.line(FRAME, "day", "n"))[0]
    assert (row["day"], row["|x"]) == ("2024-01-31", "2024-02-01T00:00:00.000Z")
    assert encoding(charts.line(FRAME, "day", "n"))["x"]["scale"]["type"] == "utc"


def test_clocks_of_another_zone_carry_no_z() -> None:
    """A moment is drawn where its own clock is; its text names UTC only if it is UTC, the axis its zone."""
    utc = pl.DataFrame({"at": [datetime(2013, 7, 4, 21, 30, tzinfo=UTC)], "n": [1]})
    local = utc.with_columns(pl.col("at").dt.convert_time_zone("America/New_York"))
    assert rows(charts.line(utc, "at", "n"))[0]["at"] == "2013-07-04 21:30 UTC"
    row = rows(charts.line(local, "at", "n"))[0]
    assert (row["at"], row["|x"]) == ("2013-07-04 17:30", "2013-07-04T17:30:00.000Z")
    assert encoding(charts.line(local, "at", "n"))["x"]["title"] == "America/New_York"


def test_axes_of_time_name_the_year() -> None:
    """Whatever the span, labels of a time axis hold the year or, for hours, the whole day."""
    for days in (1, 30, 400, 800, 4000):
        frame = pl.DataFrame(
            {
                "at": [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days)],
                "n": [1, 2],
            }
        )
        assert "%Y" in encoding(charts.line(frame, "at", "n"))["x"]["axis"]["labelExpr"]


def test_an_eighth_series_is_other() -> None:
    """Seven series have colours of their own, the largest ones; all others are grey, and named other."""
    frame = pl.DataFrame(
        {"x": [1, 2] * 10, "n": [n for n in range(10) for _ in "ab"], "c": [c for c in "abcdefghij" for _ in "ab"]}
    )
    for chart in (charts.line(frame, "x", "n", color="c"), charts.bars(frame, "x", "n", color="c")):
        domain = encoding(chart)["color"]["scale"]["domain"]
        assert domain == ["j", "i", "h", "g", "f", "e", "d", "other"]
        assert {row["|series"] for row in rows(chart) if row["c"] in "abc"} == {"other"}
    assert len(set(charts.LIGHT)) == len(set(charts.DARK)) == 8


def test_the_mouse_need_not_hit_a_line() -> None:
    """A point of a short line reaches some pixels; thousands of them would only make a page large."""
    found = spec(charts.line(FRAME, "day", "n"))["layer"][-1]
    assert (found["mark"]["opacity"], found["mark"]["size"]) == (0, 400)
    assert [each["field"] for each in found["encoding"]["tooltip"]] == ["day", "n"]
    long = pl.DataFrame({"x": range(300), "y": range(300)})
    assert [layer["mark"]["type"] for layer in spec(charts.line(long, "x", "y"))["layer"]] == ["line", "text"]


def test_labels_at_line_ends_keep_apart() -> None:
    """Lines that end at the same value have labels below each other, and each its own name."""
    frame = pl.DataFrame({"x": [1, 2] * 3, "n": [0, 100, 0, 100, 0, 99], "c": ["a", "a", "b", "b", "c", "c"]})
    ends = [row for row in rows(charts.line(frame, "x", "n", color="c")) if row["|label"]]
    places = sorted(row["|label place"] for row in ends)
    assert sorted(row["|label"] for row in ends) == ["a", "b", "c"]
    assert min(high - low for low, high in pairwise(places)) > 5


def test_gaps_between_categories_are_shown() -> None:
    """A week or month without rows keeps its place on the axis; quarters have none in between."""
    weeks = charts.bars(pl.DataFrame({"week": [1, 2, 5], "n": [3, 2, 1]}), "week", "n")
    assert encoding(weeks)["x"]["scale"]["domain"] == ["1", "2", "3", "4", "5"]
    months = pl.DataFrame({"month": [date(2024, 1, 31), date(2024, 2, 29), date(2024, 4, 30)], "n": [1, 2, 3]})
    assert encoding(charts.bars(months, "month", "n"))["x"]["scale"]["domain"] == [
        f"2024-0{n}" for n in range(1, 5)
    ]
    quarters = pl.DataFrame({"quarter": [date(2024, 1, 1), date(2024, 4, 1)], "n": [1, 2]})
    assert encoding(charts.bars(quarters, "quarter", "n"))["x"]["scale"]["domain"] == ["2024-01", "2024-04"]


def test_cells_show_numbers_and_zero_is_paper() -> None:
    """No grid goes through cells; each has its number; zero has no colour, and a young cell is hatched."""
    frame = pl.DataFrame(
        {"a": ["x", "y", "z"], "b": ["r", "r", "r"], "n": [0, 5, 10], "young": [False, False, True]}
    )
    chart = charts.heatmap(frame, "a", "b", "n", young="young")
    assert [row["|label"] for row in rows(chart)] == ["0", "5", "╱╱╱"]
    assert [row["|strength"] for row in rows(chart)] == [0, 0.4, 0]
    assert encoding(chart)["x"]["axis"]["grid"] is encoding(chart)["y"]["axis"]["grid"] is False
    with pytest.raises(ReportError, match="at least 0"):
        charts.heatmap(frame.with_columns(n=-pl.col("n")), "a", "b", "n")


def test_cohorts_have_their_size_and_young_cells_are_hatched() -> None:
    """A cell that is yet to come is hatched, a share is compared with 100 %, and n is beside the name."""
    frame = pl.DataFrame(
        {"joined": ["A", "A", "B"], "age": [0, 1, 0], "stays": [1.0, 0.5, 0.8], "n": [11, 11, 20]}
    )
    found = rows(charts.retention(frame, "joined", "age", "stays", n="n"))
    assert [(row["cohort and size"], row["|label"]) for row in found] == [
        ("A (n = 11)", "100 %"),
        ("A (n = 11)", "50 %"),
        ("B (n = 20)", "80 %"),
        ("B (n = 20)", "╱╱╱"),
    ]
    assert found[1]["|strength"] == pytest.approx(0.4)


HISTORY = pl.DataFrame(
    {
        "valid_from": [datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3)],
        "valid_to": [datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC), None],
        "city": ["Kraków", "Kraków", "Warszawa"],
        "premium": [True, True, False],
    }
)


@pytest.mark.parametrize("until", [None, "2024-12-31", "2020-01-01"])
def test_open_intervals_are_visible(until: str | None) -> None:
    """The present state has a width, up to the moment asked for or a little beyond the latest; it says still."""
    last = rows(charts.intervals(HISTORY, "city", color="premium", until=until))[-1]
    assert last["|open"]
    assert last["|to"] > last["|from"]
    if until == "2024-12-31":
        assert last["|to"] == "2024-12-31T23:59:59.999Z"
    assert "▸ still" in str(spec(charts.intervals(HISTORY, "city"))["layer"][1])


def test_intervals_that_look_the_same_are_one_bar() -> None:
    """Events that change neither row nor colour do not cut a bar; a gap does."""
    assert len(rows(charts.intervals(HISTORY, "city", color="premium"))) == 2
    gap = HISTORY.with_columns(pl.col("valid_to").dt.offset_by("-1d"))
    assert len(rows(charts.intervals(gap, "city", color="premium"))) == 3


@pytest.mark.parametrize("zone", ["America/New_York", None])
def test_intervals_of_any_clock(zone: str | None) -> None:
    """Local clocks, naive ones and days are drawn as they are."""
    clocks = pl.col("valid_from", "valid_to").dt.convert_time_zone(zone or "UTC")
    frame = HISTORY.with_columns(clocks if zone else clocks.dt.replace_time_zone(None))
    assert rows(charts.intervals(frame, "city", until="2024-06-30"))[0]["|from"][:7] in ("2023-12", "2024-01")


def test_a_life_has_lanes_and_late_events_a_line() -> None:
    """Each field has a lane; an event that was recorded days later leads to the day of its recording."""
    at = datetime(2024, 2, 1, tzinfo=UTC)
    events = pl.DataFrame({"at": [at, at], "type": ["a", "b"], "recorded_at": [at, at + timedelta(days=3)]})
    chart = charts.life_line(HISTORY, events=events)
    assert encoding(chart)["y"]["scale"]["domain"] == ["city", "premium", "events"]
    late = [row for row in rows(chart) if row.get("type")]
    assert [row["|recorded"] for row in late] == [None, "2024-02-04T00:00:00.000Z"]
    with pytest.raises(ReportError, match="one entity, got 2"):
        charts.life_line(HISTORY.with_columns(pl.Series("entity", ["a", "a", "b"])))


def test_time_in_state_is_kaplan_and_meier() -> None:
    """The textbook's example: those that have not ended count as long as they were seen."""
    frame = pl.DataFrame({"days": [1, 1, 2, 3, 4], "ended": [True, False, True, False, True]})
    found = rows(charts.time_in_state(frame, "days", "ended"))
    assert [row["share"] for row in found] == pytest.approx([1, 4 / 5, 4 / 5 * 2 / 3, 4 / 5 * 2 / 3, 0])
    assert [row["at risk"] for row in found] == [5, 5, 3, 2, 1]
    assert all(row["low"] <= row["share"] <= row["high"] for row in found)


def test_shares_have_whiskers() -> None:
    """A share of few has its interval, and its label is beyond it; other bars have none."""
    frame = pl.DataFrame({"who": ["a", "b", "c"], "share": [0.46875, 0.75, None], "n": [32, 1200, 0]})
    drawn = charts.bars(frame, "share", "who", horizontal=True, form="share", of="n")
    first, second, third = rows(drawn)
    assert (first["|low"], first["|high"]) == (pytest.approx(0.3087, abs=1e-4), pytest.approx(0.6355, abs=1e-4))
    assert second["|high"] - second["|low"] < 0.05
    assert (third["|low"], third["|high"]) == (None, None)
    assert (encoding(drawn, 2)["x"]["field"], encoding(drawn, 2)["x2"]["field"]) == ("|low", "|high")
    assert encoding(drawn, 3)["x"]["field"] == "|high"
    assert "a 47 % of 32 (31 % to 64 %)" in spec(drawn)["description"]
    plain = charts.bars(frame, "n", "who", horizontal=True)
    assert [layer["mark"]["type"] for layer in spec(plain)["layer"]] == ["bar", "text"]


def test_flows_add_up_on_both_sides() -> None:
    """Bands are as wide as the entities are many, at both ends; a state that is null is a state."""
    frame = pl.DataFrame({"June": ["free", "free", None], "July": ["free", "premium", "free"], "n": [280, 20, 40]})
    found = rows(charts.flows(frame, "June", "July", "n"))
    for x in (0, 1):
        widths = {
            (row["June"], row["July"]): row["|high"] - row["|low"] for row in found if row["|x"] == x and row["n"]
        }
        assert widths == pytest.approx({("free", "free"): 280, ("free", "premium"): 20, ("–", "free"): 40})
    assert {row["|right"] for row in found} >= {"free (320)", "premium (20)"}


def test_arrivals_are_counted_once() -> None:
    """Every event is in one bar, also one that was recorded before it occurred."""
    at = datetime(2024, 1, 1, tzinfo=UTC)
    delays = [timedelta(seconds=-5), timedelta(seconds=60), timedelta(hours=2), timedelta(days=40)]
    frame = pl.DataFrame({"occurred_at": [at] * 4, "recorded_at": [at + delay for delay in delays]})
    assert [row["events"] for row in rows(charts.late_arrivals(frame))] == [2, 0, 1, 0, 0, 1]


def test_too_many_rows_and_unknown_columns_are_refused() -> None:
    """A chart of a raw log is an error that says to aggregate; so is an unknown column."""
    with pytest.raises(ReportError, match="aggregate"):
        charts.line(pl.DataFrame({"x": range(5001), "y": range(5001)}), "x", "y")
    with pytest.raises(ReportError, match="'z'"):
        charts.line(FRAME, "z", "n")
    with pytest.raises(ReportError, match="'valid_from'"):
        charts.intervals(FRAME, "n")


def test_notebooks_store_specifications() -> None:
    """A notebook stores a chart as JSON that nbformat accepts, without a script."""
    bundle: Any = charts.line(FRAME, "day", "n")._repr_mimebundle_()
    assert charts.MIMETYPE in bundle
    assert "text/html" not in bundle
    output = nbformat.v4.new_output("display_data", data=bundle)
    cell = nbformat.v4.new_code_cell("", outputs=[output], id="x")
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))


def test_charts_of_nothing_are_charts() -> None:
    """An answer without rows is drawn, empty, by every kind."""
    none = pl.DataFrame(
        schema={"day": pl.Date, "n": pl.Int64, "m": pl.Int64, "c": pl.String, "e": pl.String, "b": pl.Boolean}
    )
    for chart in (
        charts.line(none, "day", "n", color="c"),
        charts.line(none, "day", "n"),
        charts.stacked(none, "day", "n", color="c"),
        charts.bars(none, "n", "c", horizontal=True, of="m"),
        charts.bars(none, "day", "n", color="c"),
        charts.heatmap(none, "day", "c", "n"),
        charts.retention(none, "c", "m", "n", n="n"),
        charts.time_in_state(none, "n", "b", color="c"),
        charts.flows(none, "c", "e", "n"),
        charts.difference(none, "c", "n", "m"),
        charts.won_and_lost(none, "day", "n", "m"),
        charts.intervals(HISTORY.head(0), "city", color="premium"),
        charts.life_line(HISTORY.head(0)),
    ):
        assert spec(chart)["layer"]
