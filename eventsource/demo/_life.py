"""The life of one customer, decided step by step: who it is, the tickets, the premium plan.

Purchases are the bulk of the log; `_shop` draws them for many customers at once.
"""

from collections.abc import Generator, Iterator
from typing import Any, Final

from eventsource.demo import _business
from eventsource.demo._business import BUSINESS, DAY, HOUR, MINUTE, NEVER, RATES, YEAR, Settings

__all__ = ["life"]

Event = tuple[int, str, dict[str, Any]]
"""When, the type, the payload."""

_HOSTILE_EVERY: Final = 97  # every 97th customer has a hostile name
_RAISED: Final = _business.milliseconds("2024-01-01")


def life(number: int, signup: int, settings: Settings) -> tuple[list[Event], int, int]:
    """Return all events but purchases, and when the account was deleted and created again, or `NEVER`."""
    chance, until = _business.Chance(f"{settings.seed}/{number}"), settings.until
    customer, deleted, returned = _Customer(number, chance, until), NEVER, NEVER
    if chance.happens(0.05):
        deleted = signup + 30 * DAY + chance.below(max(until - signup - 30 * DAY, 1))
        if chance.happens(0.3):
            returned = deleted + 15 * DAY + chance.after(50 * DAY)
    events = [event for event in customer.account(signup) if event[0] < deleted]
    if deleted < until:
        events.append((deleted, "CustomerDeleted", {"reason": chance.one_of("farewells") or None}))
    if returned < until:
        events += customer.account(returned)
    return [event for event in events if event[0] < until], deleted, returned


class _Customer:
    """One customer, and what happens to an account of that customer, some of it after the end of the period."""

    def __init__(self, number: int, chance: _business.Chance, until: int) -> None:
        self.number, self.chance, self.until, self.tickets = number, chance, until, 0
        self.code, self.channel = chance.one_of("country_shares"), chance.one_of("channels")
        self.country = BUSINESS["countries"][self.code]
        self.group = "voucher" if self.channel == "voucher" else "other"

    def account(self, created: int) -> Iterator[Event]:
        """Yield the events of an account from its creation on."""
        chance = self.chance
        yield created, "CustomerCreated", self._profile()
        yield created + DAY + chance.after(YEAR / 0.03), "CustomerRenamed", {"name": self._name()}
        moved = created + DAY + chance.after(YEAR / 0.28)
        while moved < self.until:
            yield moved, "BillingAddressChanged", {"address": self._address()}
            moved += chance.after(YEAR / 0.28)
        annoyed = yield from self._tickets(created)
        if chance.happens(RATES["verify their address"][self.group]):
            verified = created + MINUTE + chance.around(12 * MINUTE)
            yield verified, "CustomerVerified", {"method": "email" if chance.happens(0.9) else "sms"}
            if chance.happens(RATES["buy the plan, once verified"]):
                yield from self._premium(verified, annoyed)
                return
        if chance.happens(0.3):
            yield from self._card(created + chance.after(60 * DAY))

    def _tickets(self, created: int) -> Generator[Event, None, int]:
        """Yield the tickets; return when the customer has waited four days for an early answer, or `NEVER`.

        Of the customers 45 % have a ticket within 90 days of the sign-up, a third of those a slow one. After that
        a customer has one every two years.
        """
        chance, annoyed = self.chance, NEVER
        if chance.happens(0.45):
            opened = created + HOUR + int(chance.random() ** 2 * 89 * DAY)
            is_slow = chance.happens(0.33)
            annoyed = opened + 4 * DAY if is_slow else NEVER
            yield from self._ticket(opened, is_slow=is_slow)
        yield from self._ticket(created + 90 * DAY + chance.after(2 * YEAR), is_slow=False)
        return annoyed

    def _ticket(self, opened: int, *, is_slow: bool) -> Iterator[Event]:
        chance = self.chance
        self.tickets += 1
        ticket = {"ticket_id": f"T-{self.number}-{self.tickets}"}
        about = {"topic": chance.one_of("topics"), "priority": chance.one_of("priorities")}
        yield opened, "TicketOpened", ticket | about
        waiting = min(chance.around(9 * HOUR), 4 * DAY)
        if is_slow:
            waiting = 6 * DAY + chance.below(20 * DAY)
        if not is_slow or chance.happens(0.7):
            rating = chance.one_of("unhappy" if is_slow else "happy")
            yield opened + waiting, "TicketClosed", ticket | {"rating": int(rating) if rating else None}

    def _premium(self, verified: int, annoyed: int) -> Iterator[Event]:
        """Yield the card and the plans: bought, renewed until they are cancelled or the card has expired."""
        chance, churn = self.chance, RATES["cancel in a year"][self.group]
        bought = self._attracted(verified + HOUR // 2 + chance.after(45 * DAY))
        expiry = yield from self._card(max(bought - MINUTE - chance.after(10 * MINUTE), verified))
        is_yearly = chance.happens(RATES["pay by the year"])
        while bought < min(self.until, expiry):
            everyday = bought + HOUR + chance.after(YEAR / churn)
            angry = max(bought + HOUR, annoyed) + chance.after(YEAR / RATES["cancel in a year after slow support"])
            cancelled = min(everyday, angry)
            if (yield from _plan(bought, min(cancelled, self.until), expiry, is_yearly=is_yearly)):
                return
            yield cancelled, "PremiumPlanCancelled", {"reason": self._reason(is_angry=angry < everyday)}
            if not chance.happens(RATES["return after a cancellation"]):
                return
            bought, annoyed = cancelled + 20 * DAY + chance.after(70 * DAY), NEVER
            churn = RATES["cancel in a year"]["other"]

    def _attracted(self, wanted: int) -> int:
        """Return when a customer buys: two of five wait for a campaign that is near."""
        year = _business.day_of(wanted).year
        near = (*_business.campaigns(year), *_business.campaigns(year + 1))
        starts, ends = next(each[1:] for each in near if each[1] > wanted)
        inside = starts + self.chance.below(ends - starts)
        return inside if inside - wanted < 100 * DAY and self.chance.happens(0.4) else wanted

    def _card(self, added: int) -> Generator[Event, None, int]:
        """Yield the events of a card; return when it expires without a replacement, or `NEVER`."""
        chance, brand = self.chance, self.chance.one_of("brands")
        expiry = next(_business.months_after(added - added % DAY, 4 + chance.below(44)))
        for when, expires in ((added, expiry), (expiry - chance.below(25 * DAY), expiry + 5 * YEAR)):
            last4, month = f"{chance.below(10_000):04}", _business.day_of(expires).isoformat()[:7]
            yield when, "CardAdded", {"brand": brand, "last4": last4, "expires": month}
            if not chance.happens(RATES["replace an expired card"]):
                yield expires, "CardExpired", {}
                return expires
        return NEVER

    def _reason(self, *, is_angry: bool) -> str | None:
        if is_angry and self.chance.happens(0.75):
            return "support too slow"
        if self.channel == "voucher" and self.chance.happens(0.5):
            return "voucher ended"
        return self.chance.one_of("reasons") or None

    def _profile(self) -> dict[str, Any]:
        """Return the payload of ``CustomerCreated``; the channel is absent in one of fifty."""
        chance, number, hostile = self.chance, self.number, BUSINESS["hostile_names"]
        is_hostile = number % _HOSTILE_EVERY == _HOSTILE_EVERY // 7
        profile = {
            "name": hostile[number // _HOSTILE_EVERY % len(hostile)] if is_hostile else self._name(),
            "email": f"customer{number}@{chance.one_of('domains')}",
            "country": self.code,
            "address": self._address(),
        }
        channel = {} if chance.happens(0.02) else {"channel": self.channel}
        return profile | channel | {"plan": "free" if chance.happens(0.85) else "trial"}

    def _name(self) -> str:
        country, below = self.country, self.chance.below
        return f"{country['first_names'][below(10)]} {country['last_names'][below(10)]}"

    def _address(self) -> dict[str, Any]:
        """Return an address; in one of 200 the city is null and the postcode absent."""
        chance, country = self.chance, self.country
        city, postcode = country["cities"][int(chance.random() ** 1.7 * 6)].split(", ")
        place = {"city": None} if chance.happens(0.005) else {"city": city, "postcode": postcode}
        street = f"{country['streets'][chance.below(6)]} {1 + chance.below(120)}"
        return {"street": street} | place | {"country": self.code}


def _plan(bought: int, end: int, expiry: int, *, is_yearly: bool) -> Generator[Event, None, bool]:
    """Yield the purchase and the renewals of a plan; return whether it expired with its card."""
    term, step = ("yearly", 12) if is_yearly else ("monthly", 1)
    before, since, in_a_campaign = BUSINESS["prices"][term].values()
    price, campaign = before if bought < _RAISED else since, {}
    for name, starts, ends in _business.campaigns(_business.day_of(bought).year):
        if starts <= bought < ends:
            price, campaign = in_a_campaign, {"campaign": name}
    yield bought, "PremiumPlanBought", {"plan": term, "price": price, "currency": "EUR"} | campaign
    for due in _business.months_after(bought, step):
        if due >= end:
            break
        if due >= expiry:
            yield due, "PremiumPlanExpired", {"cause": "card expired"}
            return True
        yield due, "PremiumPlanRenewed", {"price": before if due < _RAISED else since}
    return False
