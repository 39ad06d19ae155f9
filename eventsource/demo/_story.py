"""The life of customer-42, written by hand: the same whatever the seed.

Wojciech comes in March 2023, buys the premium plan in the black week, moves from Kraków to Warszawa on
20 April 2024, waits seventeen days for an answer in June, and cancels by letter on 15 June 2024: it is
typed in on 18 June, so on the 16th nobody knew. A purchase of 11 May is known on 3 June only, when his
phone is online again. In the next black week he is back.
"""

from typing import Final

import msgspec
import numpy as np
import polars as pl

from eventsource.demo._block import ORIGINS, TYPES, Block
from eventsource.demo._calendar import millis

__all__ = ["HERO", "frame", "told"]

HERO: Final = 42

_MONTHLY: Final = {"plan": "monthly", "price": 7.49, "currency": "EUR", "campaign": "black-week"}
_YEARLY: Final = {"plan": "yearly", "price": 79.0, "currency": "EUR", "campaign": "black-week"}


def _address(street: str, city: str, postcode: str) -> dict[str, str]:
    return {"street": street, "city": city, "postcode": postcode, "country": "PL"}


def _order(number: int, item: str, amount: float, quantity: int = 1) -> dict[str, object]:
    return {
        "order_id": f"O-{HERO}-{number}",
        "item": item,
        "amount": amount,
        "quantity": quantity,
        "currency": "EUR",
    }


_PROFILE: Final = {
    "name": "Wojciech Żuławski",
    "email": f"wojciech.zulawski{HERO}@example.org",
    "country": "PL",
    "address": _address("ul. Długa 42", "Kraków", "31-147"),
    "channel": "friend",
    "plan": "free",
}

_SCRIPT: Final[tuple[tuple[str, str, dict[str, object]], ...]] = (
    ("2023-03-14T18:22:07.310", "CustomerCreated", dict(_PROFILE)),
    ("2023-03-14T18:31:44.052", "CustomerVerified", {"method": "email"}),
    ("2023-04-02T09:15:30.847", "PurchaseMade", _order(1, "moka pot", 34.5)),
    ("2023-11-24T19:58:12.400", "CardAdded", {"brand": "visa", "last4": "0042", "expires": "2027-10"}),
    ("2023-11-24T20:03:41.118", "PremiumPlanBought", dict(_MONTHLY)),
    ("2023-12-12T20:44:19.003", "PurchaseMade", _order(2, "espresso machine", 399.0)),
    ("2023-12-24T20:03:41.118", "PremiumPlanRenewed", {"price": 9.99}),
    (
        "2024-01-10T08:12:55.660",
        "TicketOpened",
        {"ticket_id": "T-42-1", "topic": "delivery", "priority": "normal"},
    ),
    ("2024-01-10T14:40:02.215", "TicketClosed", {"ticket_id": "T-42-1", "rating": 5}),
    ("2024-01-24T20:03:41.118", "PremiumPlanRenewed", {"price": 11.99}),
    ("2024-02-03T11:27:36.904", "PurchaseMade", _order(3, "coffee beans 1 kg", 37.8, 2)),
    ("2024-02-24T20:03:41.118", "PremiumPlanRenewed", {"price": 11.99}),
    ("2024-03-24T20:03:41.118", "PremiumPlanRenewed", {"price": 11.99}),
    (
        "2024-04-20T10:05:13.777",
        "BillingAddressChanged",
        {"address": _address("ul. Świętokrzyska 7", "Warszawa", "00-950")},
    ),
    ("2024-04-24T20:03:41.118", "PremiumPlanRenewed", {"price": 11.99}),
    ("2024-05-11T16:50:28.491", "PurchaseMade", _order(4, "grinder", 89.0)),
    ("2024-05-24T20:03:41.118", "PremiumPlanRenewed", {"price": 11.99}),
    ("2024-05-28T07:33:10.006", "TicketOpened", {"ticket_id": "T-42-2", "topic": "billing", "priority": "high"}),
    ("2024-06-14T15:21:49.350", "TicketClosed", {"ticket_id": "T-42-2", "rating": 1}),
    ("2024-06-15T09:00:00.000", "PremiumPlanCancelled", {"reason": "support too slow"}),
    ("2024-08-30T12:18:05.129", "PurchaseMade", _order(5, "café mug „Großstadt“", 32.0, 2)),
    ("2024-09-04T09:41:57.582", "PurchaseRefunded", {"order_id": "O-42-5", "amount": 16.0}),
    ("2024-11-27T21:09:33.271", "PremiumPlanBought", dict(_YEARLY)),
)

_LATE: Final = {
    "2024-05-11T16:50:28.491": ("2024-06-03T06:12:40.238", "ios"),  # the phone was offline
    "2024-06-15T09:00:00.000": ("2024-06-18T13:05:22.674", "backoffice"),  # the letter was typed in
}
_LAG = 240  # milliseconds


def told(block: Block) -> bool:
    """Return whether this block holds the hero, and the period his beginning."""
    begins = millis(_SCRIPT[0][0])
    return block.first <= HERO < block.first + block.size and block.period.since <= begins


def frame() -> pl.DataFrame:
    """Return his events, with the columns ``customer, kind, occurred, data, recorded, origin``."""
    moments = [(when, *_LATE.get(when, (when, "web"))) for when, _, _ in _SCRIPT]
    return pl.DataFrame(
        {
            "customer": np.full(len(_SCRIPT), HERO),
            "kind": np.array([TYPES.index(kind) for _, kind, _ in _SCRIPT], np.uint8),
            "occurred": [millis(occurred) for occurred, _, _ in moments],
            "data": [msgspec.json.encode(data).decode() for *_, data in _SCRIPT],
            "recorded": [millis(recorded) + _LAG for _, recorded, _ in moments],
            "origin": np.array([ORIGINS.index(origin) for *_, origin in moments], np.uint8),
        }
    )
