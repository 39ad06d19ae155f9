"""The models of the notebooks and the demo.

`Customer`, `Subscriber` and `Ticket` read the log of the subscription business, each with other entities.
`Aircraft` reads the log of flights.
"""

from typing import Final

import polars as pl

import eventsource as es

__all__ = ["Aircraft", "Customer", "Subscriber", "Ticket"]

_MONEY: Final = pl.Decimal(18, 2)
_EUROS: Final = "money EUR"
_IS_EARLY: Final = pl.col("first_ticket") - pl.col("signed_up") <= pl.duration(days=90)
_IS_PROMPT: Final = pl.col("first_answer") - pl.col("first_ticket") <= pl.duration(days=4)


class Customer(
    es.Model,
    created="CustomerCreated",
    deleted="CustomerDeleted",
    ignored=("CustomerVerified", "CardAdded", "CardExpired", "TicketOpened", "TicketClosed"),
    pii_ids=True,
):
    """A customer of the shop; the entity is ``customer-<number>``.

    A customer exists from the sign-up until the account is deleted, and again after another sign-up. ``premium``
    ends with a cancellation or with an expired card. ``term`` is how the plan is paid (``monthly``, ``yearly``),
    ``price`` what it cost last, ``reason`` why it was last cancelled (null without a reason). Money is in euros,
    exact to the cent. Ids, names and cities are personal: a report for an audience hides them.
    """

    name = es.latest("CustomerCreated", "CustomerRenamed", of="name", pii=True)
    city = es.latest("CustomerCreated", "BillingAddressChanged", of="address.city", pii=True)
    country = es.latest("CustomerCreated", "BillingAddressChanged", of="address.country")
    channel = es.first("CustomerCreated", of="channel")
    premium = es.flag(on="PremiumPlanBought", off=("PremiumPlanCancelled", "PremiumPlanExpired"))
    term = es.latest("PremiumPlanBought", of="plan")
    price = es.latest("PremiumPlanBought", "PremiumPlanRenewed", of="price", dtype=_MONEY, format=_EUROS)
    reason = es.latest("PremiumPlanCancelled", of="reason")
    orders = es.count("PurchaseMade")
    spent = es.total("PurchaseMade", of="amount", dtype=_MONEY, format=_EUROS)
    refunded = es.total("PurchaseRefunded", of="amount", dtype=_MONEY, format=_EUROS)


class Subscriber(es.Model, created="PremiumPlanBought", ignored="*", pii_ids=True):
    """A customer from the first premium plan on; the entity is ``customer-<number>``.

    A subscriber never ceases to exist: who cancels, or deletes the account, did not stay. ``stays`` is true while
    the plan is paid. ``joined`` is the first day of the quarter of the first plan. ``came_by`` is ``voucher`` or
    ``other``. ``support`` says whether the first ticket, if opened within 90 days of the sign-up, was answered
    within four days.
    """

    channel = es.first("CustomerCreated", of="channel")
    signed_up = es.first("CustomerCreated")
    subscribed = es.first("PremiumPlanBought")
    first_ticket = es.first("TicketOpened")
    first_answer = es.first("TicketClosed")
    stays = es.flag(on="PremiumPlanBought", off=("PremiumPlanCancelled", "PremiumPlanExpired", "CustomerDeleted"))
    joined = es.derive(pl.col("subscribed").dt.truncate("1q").dt.date())
    came_by = es.derive(pl.when(pl.col("channel") == "voucher").then(pl.lit("voucher")).otherwise(pl.lit("other")))
    support = es.derive(
        pl.when(_IS_EARLY & _IS_PROMPT)
        .then(pl.lit("answered within 4 days"))
        .when(_IS_EARLY)
        .then(pl.lit("waited longer"))
        .otherwise(pl.lit("no early ticket"))
    )


class Ticket(
    es.Model,
    created="TicketOpened",
    key={"TicketOpened": "ticket_id", "TicketClosed": "ticket_id"},
    pii_ids=True,
):
    """A support ticket; the entity is the payload's ``ticket_id``, not the stream.

    ``waited`` is the time from the opening to the answer, null without an answer.
    """

    topic = es.first("TicketOpened", of="topic")
    priority = es.first("TicketOpened", of="priority")
    opened = es.first("TicketOpened")
    answered = es.latest("TicketClosed")
    waited = es.derive(pl.col("answered") - pl.col("opened"))
    rating = es.latest("TicketClosed", of="rating")
    status = es.states("waiting", [("waiting", "TicketClosed", "answered")])


class Aircraft(es.Model, created="AircraftSeen", ignored="FlightCancelled"):
    """An aircraft; the entity is its tail number.

    ``status`` is ``on the ground`` until the aircraft leaves a gate, then ``under way``; it is ``diverted`` after
    a flight that did not arrive at its destination. ``where`` is the airport of the last arrival, or ``EWR → IAH``
    while it is under way; it is null where the data do not say, before the first flight and after a diversion.
    ``miles`` counts flights that arrived.
    """

    manufacturer = es.latest("AircraftSeen", of="manufacturer")
    model = es.latest("AircraftSeen", of="model")
    seats = es.latest("AircraftSeen", of="seats")
    status = es.states(
        "on the ground",
        [
            (("on the ground", "diverted"), "FlightDeparted", "under way"),
            ("under way", "FlightArrived", "on the ground"),
            ("under way", "FlightDiverted", "diverted"),
        ],
    )
    carrier = es.latest("FlightDeparted", of="carrier")
    origin = es.latest("FlightDeparted", of="origin")
    destination = es.latest("FlightDeparted", of="dest")
    flights = es.count("FlightDeparted")
    miles = es.total("FlightArrived", of="distance")
    where = es.derive(
        pl.when(pl.col("status") == "under way")
        .then(pl.format("{} → {}", "origin", "destination"))
        .when(pl.col("status") == "on the ground")
        .then("destination")
    )
