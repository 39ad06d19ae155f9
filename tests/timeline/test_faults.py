"""Faults: an event that a field cannot fold spoils only the answers that depend on it."""

import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import FaultError, FaultWarning, FoldError, FrameError, ModelError, NumberTextWarning
from eventsource.fold import PolarsEngine, ReferenceEngine
from eventsource.snapshots import Unusable
from eventsource.testing import MemoryLog, event

ENGINES = [PolarsEngine(), ReferenceEngine()]
MONEY = pl.Decimal(18, 2)


class Account(es.Model):
    """An account."""

    total = es.total("Booked", of="amount")
    top = es.largest("Booked", of="amount")
    bookings = es.count("Booked")


class Early(es.Model):
    """What cannot be added: a time."""

    total = es.total("A", of="@occurred_at")


def booked(amount: Any, day: int, account: str = "a", event_id: str = "") -> dict[str, Any]:
    """Return a booking."""
    return event("Booked", account, at=f"2024-01-{day:02}", event_id=event_id or f"{account}{day}", amount=amount)


STORY = [booked(7, 1), booked(1.5, 2, "b"), booked("25,22", 3, event_id="bad"), booked(9, 4)]


@pytest.fixture(params=ENGINES, ids=["polars", "reference"])
def accounts(request: Any) -> es.Timeline:
    """A timeline with one fault, on 3 January."""
    return es.Timeline(MemoryLog(STORY), Account, engine=request.param)


def test_the_error_names_the_event_and_what_to_type(accounts: es.Timeline) -> None:
    """Field, value, event, position and entity are attributes too."""
    with pytest.raises(FaultError, match=r"'bad' \(position 2, entity 'a'\).*'total'.*25,22") as caught:
        accounts.as_of()
    error = caught.value
    assert (error.field, error.value, error.event_id, error.position, error.entity) == (
        "total",
        '"25,22"',
        "bad",
        2,
        "a",
    )
    assert "eventsource correct bad" in str(error.hint)
    assert 'faults="skip"' in str(error.hint)
    assert isinstance(error, FoldError)


def test_answers_that_do_not_depend_on_it_are_given(accounts: es.Timeline) -> None:
    """Those before its moment, those that do not see it, and those about others."""
    early = [("a", 7.0, 7.0, 1), ("b", 1.5, 1.5, 1)]
    assert accounts.as_of("2024-01-02").rows() == early
    assert accounts.as_of(known_at="2024-01-02").rows() == early
    assert accounts.as_of(upto=2).rows() == early
    assert accounts.as_of(entity="b").rows() == early[1:]
    assert accounts.history("b").height == 1
    assert accounts.changes("total", until="2024-01-02").height == 2
    assert accounts.explain("a", "2024-01-02")["event_id"].to_list() == ["a1"] * 3
    assert accounts.trend({"n": pl.len()}, every="1d", since="2024-01-01", until="2024-01-02")["n"].to_list() == [
        1,
        2,
    ]
    rows = pl.DataFrame({"id": ["a", "b"], "at": ["2024-01-02", "2024-02-01"]})
    assert accounts.join(rows, on="id", at="at")["total"].to_list() == [7.0, 1.5]
    assert accounts.as_of(["2024-01-01", "2024-01-02"]).height == 3


DEPENDENT: dict[str, Callable[[es.Timeline], Any]] = {
    "as_of": lambda t: t.as_of(),
    "its day": lambda t: t.as_of("2024-01-03"),
    "many": lambda t: t.as_of(["2024-01-01", "2024-01-03"]),
    "one": lambda t: t.as_of(entity="a"),
    "history": lambda t: t.history(),
    "changes of another field": lambda t: t.changes("bookings"),
    "explain": lambda t: t.explain("a"),
    "diff": lambda t: t.diff("2024-01-01", "2024-01-04"),
    "join": lambda t: t.join(pl.DataFrame({"id": ["a"], "at": ["2024-02-01"]}), on="id", at="at"),
    "trend of another field": lambda t: t.trend({"n": pl.col("bookings").sum()}, every="1d"),
    "replay": lambda t: t.replay("a"),
}


@pytest.mark.parametrize("question", DEPENDENT.values(), ids=DEPENDENT)
def test_every_question_that_depends_on_it_fails_or_skips(
    accounts: es.Timeline, question: Callable[[es.Timeline], Any]
) -> None:
    """With skip, one warning counts what was skipped."""
    with pytest.raises(FaultError, match="bad"):
        question(accounts)
    with pytest.warns(FaultWarning, match="2 values of 1 event") as warned:
        question(accounts.with_faults("skip"))
    assert len(warned) == 1


def test_for_its_fields_a_skipped_event_has_no_member(accounts: es.Timeline) -> None:
    """It still counts where no member is read."""
    skipping = accounts.with_faults("skip")
    with pytest.warns(FaultWarning):
        assert skipping.as_of().rows() == [("a", 16.0, 9.0, 3), ("b", 1.5, 1.5, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert skipping.as_of("2024-01-02").height == 2


def test_faults_are_listed(accounts: es.Timeline) -> None:
    """A row per field, by position."""
    assert accounts.faults().rows() == [
        ("bad", 2, "a", "total", '"25,22"', "expected a number"),
        ("bad", 2, "a", "top", '"25,22"', "expected numbers, which the field holds"),
    ]
    assert accounts.faults("b").is_empty()
    assert accounts.faults(upto=2).is_empty()


def test_a_mode_that_does_not_exist_is_refused() -> None:
    """There are two."""
    with pytest.raises(ModelError, match="'raise' or 'skip'"):
        es.Timeline(MemoryLog(STORY), Account, faults="ignore")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", ["x", True, {"k": 1}, [1], '{"amount": 1E400}'])
def test_what_a_total_cannot_add_is_a_fault(engine: Any, bad: Any) -> None:
    """Texts, booleans, arrays, objects, and numbers beyond everything."""
    data = bad if isinstance(bad, str) and bad.startswith("{") else {"amount": bad}
    log = MemoryLog([booked(1, 1), booked(2, 2) | {"data": data}, booked(3, 1, "b")])
    of = es.Timeline(log, Account, engine=engine)
    assert of.as_of("2024-01-01")["total"].to_list() == [1, 3]
    assert of.faults()["field"].to_list() == ["total", "top"]
    with pytest.warns(FaultWarning):
        assert of.with_faults("skip").as_of()["total"].to_list() == [1, 3]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_value_decides_what_an_order_holds(engine: Any) -> None:
    """Per entity: numbers in one, texts in the other, and in one column they still compare as numbers."""
    amounts = [(100, "a"), (7, "a"), (30, "a"), ("x", "b"), (5, "b"), ("y", "b")]
    log = MemoryLog([booked(amount, n + 1, account) for n, (amount, account) in enumerate(amounts)])

    class Extremes(es.Model):
        top = es.largest("Booked", of="amount")
        least = es.smallest("Booked", of="amount")
        seen = es.distinct("Booked", of="amount")

    of = es.Timeline(log, Extremes, engine=engine, faults="skip")
    with pytest.warns(FaultWarning):
        assert of.as_of().rows() == [("a", "100", "7", ["7", "30", "100"]), ("b", "y", "x", ["x", "y"])]
    assert of.as_of("2024-01-03").rows() == [("a", 100, 7, [7, 30, 100])]
    assert set(of.faults()["event_id"]) == {"b5"}


@pytest.mark.parametrize("engine", ENGINES)
def test_money_is_never_lost(engine: Any) -> None:
    """A dtype does not round, unless the field names how; then each value is rounded."""

    class Exact(es.Model):
        total = es.total("Booked", of="amount", dtype=MONEY)

    class Rounded(es.Model):
        total = es.total("Booked", of="amount", dtype=MONEY, rounding="half_up")

    class Fine(es.Model):
        total = es.total("Booked", of="amount", dtype=pl.Decimal(18, 3))

    log = MemoryLog([booked("0.005", 1), booked(12.345, 2), booked(12.345, 3)])
    with pytest.raises(FaultError, match=r"0\.005"):
        es.Timeline(log, Exact, engine=engine).as_of()
    assert es.Timeline(log, Rounded, engine=engine).as_of()["total"].item() == Decimal("24.71")
    assert es.Timeline(log, Fine, engine=engine).as_of()["total"].item() == Decimal("24.695")


@pytest.mark.parametrize("engine", ENGINES)
def test_later_values_and_other_entities_change_no_value(engine: Any) -> None:
    """Whole numbers stay exact beyond 2^53 beside fractions, and beyond 64 bits."""

    class Wallet(es.Model):
        last = es.latest("Booked", of="amount")
        top = es.largest("Booked", of="amount")
        total = es.total("Booked", of="amount")

    exact = 2**53 + 1
    log = MemoryLog([booked(exact, 1), booked(0.5, 2, "b"), booked(10**40, 3, "c"), booked(-(10**40), 3, "c")])
    of = es.Timeline(log, Wallet, engine=engine, faults="skip")
    assert of.as_of("2024-01-01").rows() == [("a", exact, exact, exact)]
    assert of.as_of("2024-01-02").rows()[0] == ("a", exact, exact, exact)
    assert of.as_of("2024-01-02").schema["last"] == pl.Decimal(38, 1)
    with pytest.warns() as warned:
        assert of.as_of().rows()[0][:3] == ("a", str(exact), str(exact))
    assert {each.category for each in warned} == {NumberTextWarning, FaultWarning}
    assert of.as_of("2024-01-01").schema["last"] == pl.Int64()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sum_of_integers_beside_fractions_is_exact(engine: Any) -> None:
    """Each integer fits a float, their sum does not."""
    log = MemoryLog([booked(2**53, 1), booked(1, 2), booked(0.5, 3, "b")])
    of = es.Timeline(log, Account, engine=engine)
    assert of.as_of()["total"].to_list() == [2**53 + 1, Decimal("0.5")]
    assert of.history("a")["total"].to_list() == [2**53, 2**53 + 1]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_event_that_makes_a_total_too_large_is_the_fault(engine: Any) -> None:
    """Later ones are added to the sum before it."""
    log = MemoryLog([booked(2**62, 1), booked(2**62, 2), booked(5, 3), booked(1, 1, "b")])
    of = es.Timeline(log, Account, engine=engine)
    assert of.faults().select("event_id", "field").rows() == [("a2", "total")]
    with pytest.warns(FaultWarning):
        assert of.with_faults("skip").as_of()["total"].to_list() == [2**62 + 5, 1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("key", [{"id": 1}, [1]])
def test_a_key_that_names_no_entity_is_a_fault_of_its_stream(engine: Any, key: Any) -> None:
    """All questions about others are answered."""

    class Keyed(es.Model, key={"Booked": "who"}):
        total = es.total("Booked", of="amount")

    story = [
        event("Booked", "s1", at="2024-01-01", event_id="good", who="ann", amount=1),
        event("Booked", "s1", at="2024-01-02", event_id="bad", who=key, amount=2),
    ]
    of = es.Timeline(MemoryLog(story), Keyed, engine=engine)
    assert of.as_of("2024-01-01").rows() == [("ann", 1)]
    assert of.as_of(entity="ann").rows() == [("ann", 1)]
    with pytest.raises(FaultError, match="its key") as caught:
        of.as_of()
    assert (caught.value.event_id, caught.value.entity, caught.value.field) == ("bad", "s1", None)
    with pytest.warns(FaultWarning):
        assert of.with_faults("skip").as_of().rows() == [("ann", 1)]
    assert of.entities().to_list() == ["ann"]


def test_a_correction_repairs_a_fault(tmp_path: Path) -> None:
    """Answers that do not see the correction still fail."""
    log = es.Log(tmp_path / "log")
    log.append(STORY)
    of = es.Timeline(log, Account)
    correction = {"event_id": "bad", "data": {"amount": 25.22}, "reason": "a comma"}
    log.append([event("$corrected", "a", at="2024-02-01", event_id="c1") | {"data": correction}])
    assert of.faults().is_empty()
    assert of.as_of()["total"].to_list() == [41.22, 1.5]
    with pytest.raises(FaultError):
        of.as_of(upto=4)


def test_no_snapshot_holds_a_fault(tmp_path: Path) -> None:
    """One that was taken before it is used for the moments before it."""
    log = es.Log(tmp_path / "log")
    log.append(STORY)
    of = es.Timeline(log, Account)
    of.snapshot("2024-01-02")
    with pytest.raises(FoldError, match="'bad' cannot be folded"):
        of.snapshot()
    assert not isinstance(of.snapshot_for("2024-01-02"), Unusable)
    assert isinstance(of.snapshot_for(), Unusable)
    with pytest.raises(FaultError):
        of.as_of()
    with pytest.warns(FaultWarning):
        assert of.with_faults("skip").as_of()["total"].to_list() == [16.0, 1.5]


def test_nan_is_not_null_in_silence(tmp_path: Path) -> None:
    """JSON has no NaN: a frame with one is refused, and a cell of Parquet becomes a text, a fault of a sum."""
    log = es.Log(tmp_path / "log")
    with pytest.raises(FrameError, match="NaN"):
        log.append([booked(float("nan"), 1)])
    rows = {"event_id": ["1", "2"], "stream": ["a"] * 2, "type": ["Booked"] * 2, "occurred_at": ["2024-01-01"] * 2}
    pl.DataFrame(rows | {"amount": [float("nan"), float("-inf")]}).write_parquet(tmp_path / "raw.parquet")
    log.pull(es.source(tmp_path / "raw.parquet"))
    assert log.scan().select("data").collect().to_series().to_list() == [
        '{"amount":"NaN"}',
        '{"amount":"-Infinity"}',
    ]
    assert es.Timeline(log, Account).faults()["field"].to_list() == ["total", "total"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_time_in_a_fault_has_a_year_of_four_digits(engine: Any) -> None:
    """Both engines write the same JSON, also for years that ``strftime`` writes without zeros."""
    log = MemoryLog([event("A", at="0999-01-02T03:04:05")])
    faults = es.Timeline(log, Early, engine=engine).faults()
    assert faults["value"].to_list() == ['"0999-01-02T03:04:05.000000Z"']
