"""Models: what the class statement builds, and what it refuses."""

from collections.abc import Callable
from typing import Any, get_args

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import ModelError
from eventsource.model import plan_of
from eventsource.plan import Op, Rule


class Customer(es.Model, created="Created", deleted=("Deleted", "Erased"), key={"Paid": "who.id"}):
    """A model with one field of every operation."""

    city = es.latest("Created", "Moved", of="address.city")
    since = es.first("Created")
    premium = es.flag(on="Bought", off=("Cancelled", "Expired"))
    orders = es.count("Paid")
    spent = es.total("Paid", of="amount", dtype=pl.Decimal(18, 2))
    least = es.smallest("Paid", of="amount")
    most = es.largest("Paid", of="amount")
    tags = es.distinct("Tagged", of="tag")
    stage = es.states("new", [("new", "Bought", "paying"), (("paying", "new"), "Erased", "gone")])
    last = es.reduce(lambda _state, event: event.type, "Paid", initial="", dtype=pl.String)
    average = es.mean("Paid", of="amount")
    rate = es.derive(pl.col("most") / pl.col("orders"))


def test_a_model_is_its_plan() -> None:
    """The class statement gives one rule per field, in declared order, under the names of the fields."""
    assert Customer.plan.fields == (
        "city",
        "since",
        "premium",
        "orders",
        "spent",
        "least",
        "most",
        "tags",
        "stage",
        "last",
        "average",
        "rate",
    )
    assert Customer.plan.types == tuple(
        sorted(["Bought", "Cancelled", "Created", "Deleted", "Erased", "Expired", "Moved", "Paid", "Tagged"])
    )
    assert Customer.plan.rule("premium") == Rule(
        name="premium", op="flag", on=("Bought",), off=("Cancelled", "Expired")
    )
    assert {rule.op for rule in Customer.plan.rules} == set(get_args(Op))
    assert plan_of(Customer) is Customer.plan
    assert plan_of(Customer.plan) is Customer.plan


def test_a_model_inherits() -> None:
    """A subclass keeps fields, spans, key and order of its base, and says what differs."""

    class Vip(Customer, deleted="Left"):
        orders = es.count("Paid", "Gifted")
        seats = es.count("Seated")

    class Log(es.Model, order="recorded_at"):
        n = es.count("A")

    class Sub(Log):
        m = es.count("B")

    assert Vip.plan.fields == (*Customer.plan.fields, "seats")
    assert Vip.plan.rule("orders").events == ("Paid", "Gifted")
    assert (Vip.plan.created, Vip.plan.deleted, Vip.plan.key) == (("Created",), ("Left",), {"Paid": "who.id"})
    assert Sub.plan.order == "recorded_at"
    assert Customer.plan.rule("orders").events == ("Paid",)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: type("M", (es.Model,), {}), "has no fields"),
        (lambda: type("M", (es.Model,), {"n": es.reduce(None)}), "needs function"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: type("M", (es.Model,), {"n": es.latest("A", of="")}), "expected a dotted path"),
        (lambda: type("M", (es.Model,), {"n": es.count("A")}, create="A"), "did you mean 'created'?"),
        (lambda: type("M", (es.Model,), {"n": es.derive(pl.col("n") / pl.col("n").sum())}), "other entities"),
        (lambda: type("M", (es.Model,), {"n": es.derive(pl.col("n").rank())}), "other entities"),
        (
            lambda: type("M", (es.Model,), {"n": es.derive(pl.col("n").fill_null(strategy="forward"))}),
            "other entities",
        ),
        (lambda: es.states("new", {"new": "paid"}), "expected transitions, got"),  # type: ignore[dict-item]  # wrong on purpose
        (lambda: es.states("new", [("new", "paid")]), "expected a transition, got"),  # type: ignore[list-item]  # wrong on purpose
        (
            lambda: type("M", (es.Model,), {"n": es.states("new", [("paid", "Sent", "sent")])}),
            "no transition leads to 'paid'",
        ),
        (lambda: type("M", (es.Model,), {"n": es.count(42)}), "expected an event type, got 42"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: plan_of(dict), "expected a Model class or a Plan"),  # type: ignore[arg-type]  # wrong on purpose
    ],
)
def test_a_malformed_model_is_refused(make: Callable[[], Any], expected: str) -> None:
    """The error is raised at the class statement, or before."""
    with pytest.raises(ModelError) as caught:
        make()
    assert expected in str(caught.value)
