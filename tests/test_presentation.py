"""How answers are shown: labels and formats from models and definitions, small groups."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource import charts, presentation
from eventsource.errors import ModelError
from eventsource.formats import formatted
from eventsource.plan import Plan
from eventsource.presentation import Look, Looks, Readers, looks_of, shown
from eventsource.sentences import say


class Shop(es.Model):
    """A model with labels, formats and personal fields."""

    name = es.latest("Joined", of="name", label="Name", pii=True)
    city = es.latest("Joined", of="city", label="Home", pii="pseudonym")
    spent = es.total("Bought", of="amount", label="Spent", format="money PLN")
    share = es.derive(pl.col("spent") / 100, format="share")
    shout = es.derive(pl.col("name").str.to_uppercase())
    letters = es.derive(pl.col("name").str.len_chars(), pii=False)
    premium = es.flag(on="Bought", label="Premium plan")


class Plain(es.Model):
    """The same without them."""

    name = es.latest("Joined", of="name")
    city = es.latest("Joined", of="city")
    spent = es.total("Bought", of="amount")
    share = es.derive(pl.col("spent") / 100)
    shout = es.derive(pl.col("name").str.to_uppercase())
    letters = es.derive(pl.col("name").str.len_chars())
    premium = es.flag(on="Bought")


Use = Callable[..., None]
ROWS = pl.DataFrame({"city": ["A", "B"], "spent": [1234.5, None], "premium": [True, False]})


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Make this process one that shows labels, with what a definition gives and for some readers."""

    def set_process(*plans: Plan, given: dict[str, dict[str, str]] | None = None, **readers: object) -> None:
        who = Readers("partners", key=b"k", **readers) if readers else None  # type: ignore[arg-type]  # of one test
        process = presentation._Process(Looks(given or {}), who, is_used=True)
        monkeypatch.setattr(presentation, "_HERE", process)
        for plan in plans:
            presentation.add(None, plan)

    return set_process


def test_looks_change_no_answer_and_travel_with_the_plan() -> None:
    """A label does not rebuild anything; a plan that is plain data has it."""
    assert Shop.plan.fingerprint() == Plain.plan.fingerprint()
    assert looks_of(Shop.plan)["spent"] == Look("Spent", "money PLN")
    assert Shop.plan.pii == {"name": "mask", "city": "pseudonym", "shout": "mask"}

    class Folded(es.Model, pii_ids=True):
        name = es.latest("Joined", of="name", label="Name", pii=True)

    again = Plan.from_dict(Folded.plan.to_dict())
    assert again.to_dict() == Folded.plan.to_dict()
    assert again.pii == {"entity": "pseudonym", "name": "mask"}


@pytest.mark.parametrize(
    ("looks", "message"),
    [
        ({"format": "money"}, None),
        ({"format": "euros"}, "expected a format, got 'euros'"),
        ({"label": 3}, "expected a label"),
        ({"pii": "hash"}, "expected pii to be True, False, 'mask' or 'pseudonym', got 'hash'"),
    ],
)
def test_wrong_looks_are_refused(looks: dict[str, object], message: str | None) -> None:
    """At the class statement, with what is allowed."""
    make = {"name": es.count("A", **looks)}  # type: ignore[arg-type]  # wrong on purpose
    if message is None:
        type("Made", (es.Model,), make)
        return
    with pytest.raises(ModelError, match=message):
        type("Made", (es.Model,), make)


def test_unknown_arguments_of_fields_are_refused() -> None:
    """As by any function."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'lable'"):
        es.count("A", lable="x")  # type: ignore[call-arg]  # wrong on purpose


def test_frames_have_labels_and_formats(use: Use) -> None:
    """A definition counts before the model; a name of two models with two labels is shown as it is."""
    use(Shop.plan, given={"city": {"label": "Town"}})
    assert shown(ROWS).columns == ["Town", "Spent", "Premium plan"]
    assert shown(ROWS)["Spent"].to_list() == ["PLN\u00a01,234.50", None]
    use(Shop.plan, Plain.plan)
    assert shown(ROWS).equals(ROWS)
    use(Shop.plan)
    assert shown(pl.DataFrame({"spent": [Decimal("-2.5")]}))["Spent"].to_list() == ["−PLN\u00a02.50"]


def _data(spec: dict[str, Any]) -> list[dict[str, Any]]:
    (rows,) = spec["datasets"].values()
    return list(rows)


def test_charts_have_labels_and_formats(use: Use) -> None:
    """Axes, legends and tooltips are called as the fields are; values stay numbers."""
    use(Shop.plan)
    rows = ROWS.fill_null(1.0)
    spec = charts.bars(rows, "city", "spent", color="premium").to_dict()
    (encoding,) = [layer["encoding"] for layer in spec["layer"]]
    assert encoding["y"]["title"] == "Spent (PLN)"
    assert [tip["title"] for tip in encoding["tooltip"]] == ["Home", "Spent (PLN)", "Premium plan"]
    assert encoding["color"]["sort"] == ["Premium plan", "not premium plan"]
    alone = charts.bars(rows, "city", "spent").to_dict()
    assert _data(alone)[0]["|label"] == "PLN\u00a01,234.50"


def test_masks_are_by_the_names_of_columns(use: Use) -> None:
    """Also in joins, in answers of a column `field`, and in sentences; charts keep their dtypes."""
    use(Shop.plan, shows=frozenset({"city"}))
    frame = pl.DataFrame({"name": ["Ada", None], "name_right": ["Bob", "Eve"], "city": ["X", "Y"]})
    assert shown(frame).rows() == [("•••", "•••", "X"), (None, "•••", "Y")]
    explained = pl.DataFrame({"field": ["name", "city"], "value": ["Ada", "X"]})
    assert shown(explained)["value"].to_list() == ["•••", "X"]
    assert say("{name} of {city}", name="Ada", city="X").markdown == "••• of X"
    use(Shop.plan, shows=frozenset({"*"}))
    assert shown(frame).to_series().to_list() == ["Ada", None]


def test_small_groups_are_hidden_and_cannot_be_computed(use: Use) -> None:
    """A small row hides its numbers; where it is the only one, the next smallest is hidden too."""
    use(smallest_group=5, counts=frozenset({"n"}))
    frame = pl.DataFrame({"year": [1, 2, 3, 4], "n": [120, 3, 9, 0], "share": [0.5, 0.3, 0.2, None]})
    assert shown(frame).rows() == [
        (1, "120", "0.5"),
        (2, "< 5", "•••"),
        (3, "•••", "•••"),
        (4, "0", None),
    ]
    two = pl.DataFrame({"n": [120, 3, 4]})
    assert shown(two)["n"].to_list() == ["120", "< 5", "< 5"]
    drawn = _data(charts.bars(frame, "year", "n").to_dict())
    assert [row["|label"] for row in drawn] == ["120", "< 5", "•••", "0"]
    assert [row["n"] for row in drawn] == [120, None, None, 0]
    assert say("{n:customer|customers}", n=3).markdown == "\\< 5"


def _page_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(presentation.READERS, "made by a report")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"type": ["Joined", "card.expired", None]}, ["Joined", "Card expired", None]),  # a model names Joined
        ({"type": ["BOEING", "AirBus"]}, ["BOEING", "AirBus"]),  # types of something else
        ({"type": ["AirBus"], "event_id": ["e1"]}, ["Air bus"]),  # rows of events
        ({"type": [1, 2]}, [1, 2]),
    ],
)
def test_pages_show_event_types_in_words(
    use: Use, monkeypatch: pytest.MonkeyPatch, rows: dict[str, list[object]], expected: list[object]
) -> None:
    """In tables and charts; a notebook on a screen shows the types as code needs them."""
    frame = pl.DataFrame(rows)
    use(Shop.plan)
    assert shown(frame)["type"].to_list() == rows["type"]
    _page_of(monkeypatch)
    assert shown(frame)["type"].to_list() == expected
    assert frame["type"].to_list() == rows["type"]
    drawn = charts.bars(frame.with_columns(n=1).drop_nulls("type"), "n", "type", horizontal=True).to_dict()
    assert [row["type"] for row in _data(drawn)] == [each for each in expected if each is not None]


def test_a_field_called_type_is_not_an_event_type(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its values may be the names of events; rows of events have event types all the same."""

    class Card(es.Model):
        type = es.latest("Issued", of="type")

    use(Card.plan)
    _page_of(monkeypatch)
    cards = pl.DataFrame({"type": ["CardIssued", "Issued"]})
    assert shown(cards).equals(cards)
    assert shown(cards.with_columns(event_id=pl.lit("e")))["type"].to_list() == ["Card issued", "Issued"]


def test_without_a_model_event_types_are_words_written_as_one(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is counted by type before any model reads the same."""
    use()
    _page_of(monkeypatch)
    assert shown(pl.DataFrame({"type": ["CardAdded", "CardIssued"]}))["type"].to_list() == [
        "Card added",
        "Card issued",
    ]
    others = pl.DataFrame({"type": ["CardAdded", "EV"]})
    assert shown(others).equals(others)


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("PremiumPlanBought", "Premium plan bought"),
        ("premium_plan.bought", "Premium plan bought"),
        ("HTTPRequestFailed", "Http request failed"),
        ("V2Moved", "V2 moved"),
        ("-.-", "-.-"),
        ("", ""),
        ("<b>Made</b>", "<b>made</b>"),
    ],
)
def test_event_types_in_words(type_: str, words: str) -> None:
    """Words that are written as one, or separated by signs; what has no words stays as it is."""
    assert formatted(type_, "event") == words
