"""One warning per timeline names the types of events that entities have and no field names."""

import warnings
from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import UnnamedTypesWarning
from eventsource.plan import Plan
from eventsource.testing import MemoryLog, event

EVENTS = [
    event("Paid", "ann", at="2024-01-01", order="o-1"),
    event("Refunded", "ann", at="2024-01-02", order="o-1"),
    event("Refunded", "ann", at="2024-01-03", order="o-1"),
    event("Seen", "ann", at="2024-01-03"),
    event("Restocked", "shelf-7", at="2024-01-04"),
]


class Customer(es.Model):
    """It forgets refunds."""

    orders = es.count("Paid")


@pytest.fixture
def log(tmp_path: Path) -> es.Log:
    log = es.Log(tmp_path / "log")
    log.append(EVENTS)
    return log


def silent(timeline: es.Timeline) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        timeline.as_of()


def test_forgotten_types_are_in_one_warning(log: es.Log) -> None:
    """Grouped, with counts, once; types of other entities are left out."""
    timeline = es.Timeline(log, Customer)
    with pytest.warns(UnnamedTypesWarning) as caught:
        timeline.as_of()
    assert len(caught) == 1
    begin, _, listed = str(caught[0].message).partition(": no field names these types of events, though ")
    assert begin == "Customer"
    assert "Refunded (2 events), Seen (1 event); if that is meant: ignored=… in the model" in listed
    assert "Restocked" not in listed
    assert caught[0].filename == __file__
    silent(timeline)


def test_types_that_are_ignored_on_purpose(log: es.Log) -> None:
    """By name, or all of them; neither changes an answer or a cache."""

    class Some(es.Model, ignored=("Refunded", "Seen")):
        orders = es.count("Paid")

    class Rest(es.Model, ignored="*"):
        orders = es.count("Paid")

    silent(es.Timeline(log, Some))
    silent(es.Timeline(log, Rest))
    assert Some.plan.fingerprint() == Rest.plan.fingerprint() == Customer.plan.fingerprint()
    assert Plan.from_dict(Some.plan.to_dict()) == Some.plan


def test_models_that_leave_out_nothing(log: es.Log) -> None:
    """A field of all types names them all, and so does existence; a key gives a model other entities."""

    class All(es.Model):
        events = es.count()

    class Every(es.Model, created=("Paid", "Seen"), deleted="Refunded"):
        orders = es.count("Paid")

    class Order(es.Model, key={"Paid": "order"}):
        paid = es.count("Paid")

    for model in (All, Every, Order):
        silent(es.Timeline(log, model))
    silent(es.Timeline(MemoryLog(EVENTS), Customer))
