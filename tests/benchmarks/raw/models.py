"""The models of the realistic log: eleven fields, and the same with money as Decimal."""

from typing import Final

import polars as pl

import eventsource as es

__all__ = ["MOMENT", "RELEVANT", "Exact", "Plain"]

MOMENT: Final = "2024-06-30"
_MONEY: Final = pl.Decimal(18, 2)


class Plain(es.Model, created="CustomerCreated", deleted="CustomerDeleted", ignored="*"):
    """A customer; numbers have the dtype that JSON gives them."""

    name = es.latest("CustomerCreated", "CustomerRenamed", of="name")
    city = es.latest("CustomerCreated", "BillingAddressChanged", of="address.city")
    country = es.latest("CustomerCreated", "BillingAddressChanged", of="address.country")
    channel = es.first("CustomerCreated", of="channel")
    premium = es.flag(on="PremiumPlanBought", off=("PremiumPlanCancelled", "PremiumPlanExpired"))
    term = es.latest("PremiumPlanBought", of="plan")
    price = es.latest("PremiumPlanBought", "PremiumPlanRenewed", of="price")
    reason = es.latest("PremiumPlanCancelled", of="reason")
    orders = es.count("PurchaseMade")
    spent = es.total("PurchaseMade", of="amount")
    refunded = es.total("PurchaseRefunded", of="amount")


class Exact(Plain):
    """The same customer; money is exact."""

    price = es.latest("PremiumPlanBought", "PremiumPlanRenewed", of="price", dtype=_MONEY)
    spent = es.total("PurchaseMade", of="amount", dtype=_MONEY)
    refunded = es.total("PurchaseRefunded", of="amount", dtype=_MONEY)


RELEVANT: Final = (
    "CustomerCreated",
    "CustomerDeleted",
    "CustomerRenamed",
    "BillingAddressChanged",
    "PremiumPlanBought",
    "PremiumPlanCancelled",
    "PremiumPlanExpired",
    "PremiumPlanRenewed",
    "PurchaseMade",
    "PurchaseRefunded",
)
"""The types that the models read."""
