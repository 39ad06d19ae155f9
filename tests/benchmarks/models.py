"""The models that the benchmarks fold."""

from typing import Any

import eventsource as es
from tests.benchmarks.shapes import Shape

__all__ = ["Customer", "model_of"]


class Customer(es.Model, created="CustomerCreated", ignored="*"):
    """The five fields that every contender computes."""

    name = es.latest("CustomerCreated", "CustomerRenamed", of="name")
    city = es.latest("CustomerCreated", "BillingAddressChanged", of="address.city")
    premium = es.flag(on="PremiumPlanBought", off="PremiumPlanCancelled")
    orders = es.count("PurchaseMade")
    spent = es.total("PurchaseMade", of="amount")


def model_of(shape: Shape) -> type[Customer]:
    """Return the model of a shape: the five fields, and fields for its further types and members."""
    more: dict[str, Any] = {name: es.latest("ProfileChanged", of=name) for name in shape.member_names}
    if shape.notes:
        more["notes"] = es.count(*shape.note_types)
    return type("Customer", (Customer,), more) if more else Customer
