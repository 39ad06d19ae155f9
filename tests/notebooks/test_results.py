"""Each notebook runs, and its named results equal those that plain Python computes from the raw log."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.notebooks import plain
from tests.notebooks.runs import Run

pytestmark = pytest.mark.slow

Results = Callable[[str], dict[str, Any]]
FIGURES = Path(__file__).parents[1] / "benchmarks" / "writes.csv"
JUNE, JULY = date(2024, 6, 30), date(2024, 7, 1)


@pytest.fixture
def results(runs: Callable[[str], list[Run]]) -> Results:
    """Return a function that returns the named results of a notebook, run as it is committed."""
    return lambda prefix: runs(prefix)[0].results()


@pytest.fixture(scope="module")
def log() -> list[dict[str, Any]]:
    """Return the events of the raw log, each once."""
    return plain.events()


def test_first_look(results: Results, log: list[dict[str, Any]]) -> None:
    """Every line is an event, a duplicate or a rejected line; none is lost."""
    read = list(plain.lines())
    named = results("01")
    assert named["appended"] == len(log)
    assert named["appended"] + named["duplicates"] + named["rejected"] == len(read)
    assert named["dead_letters"] == named["rejected"] + named["conflicts"]
    assert named["types"] == len({event["type"] for event in log})
    assert named["late"] == sum(event["recorded_at"] - event["occurred_at"] >= plain.DAY for event in log)


def test_premium(results: Results, log: list[dict[str, Any]]) -> None:
    """The premium figures equal those of a fold in plain Python."""
    named, states = results("02"), plain.as_of(log, JUNE)
    assert named["customers"] == len(states)
    assert named["premium"] == _premium(log, JUNE)
    assert named["share"] == pytest.approx(_premium(log, JUNE) / len(states))
    days = [date(2023, 6, 30), date(2023, 12, 30), date(2024, 3, 30), JUNE]
    assert named["several"] == [_premium(log, day) for day in days]
    quarter = [e for e in _changes(log) if plain.end(date(2024, 3, 31)) <= e["occurred_at"] < plain.end(JUNE)]
    assert named["changed"] == len(quarter)
    assert named["won"] == sum(event["type"] == "PremiumPlanBought" for event in quarter)
    assert named["lost"] == len(quarter) - named["won"]
    assert named["premium_before"] == _premium(log, days[2])
    assert Decimal(named["spent"]) == _spent(plain.as_of(log, JUNE))
    assert Decimal(named["spent_known"]) == _spent(plain.as_of(log, JUNE, JULY))


def test_board(results: Results, log: list[dict[str, Any]]) -> None:
    """The figures at the stops that the board opens with equal those of a fold in plain Python."""
    named, states = results("08"), plain.as_of(log, JUNE, JULY)
    assert named["customers"] == len(states)
    assert named["premium"] == sum(customer.premium for customer in states.values())
    since, until, known = plain.end(date(2024, 3, 30)), plain.end(JUNE), plain.end(JULY)
    changes = [e for e in _changes(log) if since <= e["occurred_at"] < until and e["recorded_at"] < known]
    assert named["cancelled"] == sum(event["type"] == "PremiumPlanCancelled" for event in changes)


def test_cancellations(results: Results, log: list[dict[str, Any]]) -> None:
    """When, why and where equal the raw lines of the customer."""
    named = results("03")
    (event,) = [e for e in log if (e["stream"], e["type"]) == ("customer-42", "PremiumPlanCancelled")]
    assert named["ended"] == [(event["occurred_at"], event["data"]["reason"])]
    assert event["data"]["reason"] == "support too slow"
    days = [date(2024, 3, 30), JUNE]
    homes = [(day, plain.as_of(log, day)["customer-42"].city) for day in days]
    assert named["homes"] == homes == [(days[0], "Kraków"), (JUNE, "Warszawa")]
    assert named["cancellations"] == sum(named["reasons"].values())
    assert named["reasons"] == _reasons(log, JUNE)


def test_one_customer(results: Results, log: list[dict[str, Any]]) -> None:
    """The replay has the customer's events, in the order they occurred."""
    named = results("04")
    mine = [e for e in plain.in_order(log, date(2024, 12, 31)) if e["stream"] == "customer-42"]
    outside = {"CustomerVerified", "CardAdded", "TicketOpened", "TicketClosed"}
    assert named["steps"] == [event["type"] for event in mine if event["type"] not in outside]
    state = plain.as_of(log, date(2024, 12, 31))["customer-42"]
    assert (named["last"], Decimal(named["spent"])) == (state.term, state.spent)
    opened, closed = (
        {e["data"]["ticket_id"]: e["occurred_at"] for e in mine if e["type"] == kind}
        for kind in ("TicketOpened", "TicketClosed")
    )
    assert named["waits"] == [closed[ticket] - opened[ticket] for ticket in sorted(closed)]


def test_trends_and_cohorts(results: Results, log: list[dict[str, Any]]) -> None:
    """Each month-end equals a fold of its own; customers who waited for support stay least."""
    named = results("05")
    assert named["premium"] == [_premium(log, day) for day in _month_ends()]
    assert [row[:3] for row in named["support"]] == _support(log)
    for _, n, share, low, high in named["support"]:
        assert (low, high) == pytest.approx(_wilson(share, n), abs=2e-6)
    ended = [each for each in _first_plans(log) if each is not None]
    assert (named["plans_seen"], named["plans_ended"]) == (len(_first_plans(log)), len(ended))
    stays = {name: share for name, _, share, *_ in named["support"]}
    assert stays["waited longer"] < min(stays["answered within 4 days"], stays["no early ticket"]) - 0.2


def test_what_we_knew_then(results: Results, log: list[dict[str, Any]]) -> None:
    """The answer with `known_at` ignores what was recorded later; the late events are the difference."""
    named = results("06")
    then, today = _figures(plain.as_of(log, JUNE, JULY)), _figures(plain.as_of(log, JUNE))
    assert (named["then"], named["today"]) == (then, today)
    assert then != today
    kinds = {"PurchaseMade", "PurchaseRefunded", "PremiumPlanBought", "PremiumPlanCancelled"}
    late = [e for e in plain.in_order(log, JUNE) if e["recorded_at"] >= plain.end(JULY) and e["type"] in kinds]
    assert named["missed"] == sorted(event["event_id"] for event in late)
    november, december = date(2024, 11, 30), date(2024, 12, 31)
    assert named["premium_as_known"] == [_premium(log, november, november), _premium(log, november, december)]


def test_flights(results: Results) -> None:
    """The aircraft under way are those of the package's own table that left and had not arrived."""
    named = results("07")
    moment = datetime(2013, 7, 4, 17, 30, tzinfo=ZoneInfo("America/New_York"))
    days = plain.flights(date(2013, 7, 3), date(2013, 7, 5))
    last = {tail: arrived for tail, left, arrived in sorted(days, key=lambda flight: flight[1]) if left <= moment}
    under_way = [tail for tail, arrived in last.items() if arrived is not None and arrived > moment]
    assert named["by_status"]["under way"] == len(under_way)
    rows = list(plain.table("flights"))
    flown = [row for row in rows if row["tailnum"] not in ("", "NA")]
    left = sum(row["dep_time"] not in ("", "NA") for row in flown)
    assert named["events"] == len({row["tailnum"] for row in flown}) + 2 * left + (len(flown) - left)
    assert 0 < named["least"] < named["most"] < len({row["tailnum"] for row in flown})


def test_what_a_write_costs(runs: Callable[[str], list[Run]]) -> None:
    """The figures are those of the benchmark's file, whichever database and number of writers is asked for."""
    with FIGURES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for each in runs("09"):
        named = each.results()
        mine = [row for row in rows if row["database"] == named["database"]]
        one = {row["way"]: row for row in mine if row["writers"] == "1" and row["keys"] == "1,000 keys"}
        share = float(one["append an event"]["per_second"]) / float(
            one["update, optimistic locking"]["per_second"]
        )
        assert named["share"] == pytest.approx(share, abs=0.006)
        [unsafe] = [
            row
            for row in mine
            if row["writers"] == str(named["writers"])
            and (row["keys"], row["way"]) == ("one hot key", "update, no locking")
        ]
        assert (named["lost"], named["commands"]) == (int(unsafe["lost"]), int(unsafe["commands"]))
        assert (named["balance"], named["total"], named["safe"]) == (105, 115, 0)


def test_asking_while_events_arrive(runs: Callable[[str], list[Run]], log: list[dict[str, Any]]) -> None:
    """What the log said while the shop appended is what was known on that day; in the end it has every event."""
    for each in runs("10"):
        named = each.results()
        day, since = named["as_of"], named["since"]
        states = plain.as_of(log, day, day)
        assert (named["customers"], named["premium"]) == (len(states), _premium(log, day, day))
        assert named["premium_now"] == _premium(log, day)
        known = [event for event in log if event["recorded_at"] < plain.end(day)]
        changes = [e for e in _changes(known, day) if e["occurred_at"] >= plain.end(since) - plain.DAY]
        assert named["changes"] == len(changes)
        decided = [e["type"] for e in _changes(known, day) if e["stream"] == named["customer"]]
        assert named["decided"] == (decided[-1] if decided else None)
        assert (named["events"], named["is_equal"], named["behind"]) == (len(log), True, 0)


def _premium(log: list[dict[str, Any]], day: date, known: date | None = None) -> int:
    return sum(customer.premium for customer in plain.as_of(log, day, known).values())


def _spent(states: dict[str, plain.Customer]) -> Decimal:
    return sum((customer.spent for customer in states.values()), Decimal(0))


def _figures(states: dict[str, plain.Customer]) -> dict[str, Any]:
    customers = states.values()
    return {
        "customers": len(states),
        "premium": sum(customer.premium for customer in customers),
        "orders": sum(customer.orders for customer in customers),
        "spent": str(_spent(states)),
    }


def _month_ends() -> list[date]:
    firsts = [date(2023 + month // 12, month % 12 + 1, 1) for month in range(1, 25)]
    return [first - timedelta(days=1) for first in firsts]


def _changes(log: list[dict[str, Any]], until: date = date(2024, 12, 31)) -> Iterator[dict[str, Any]]:
    """Yield the events that began or ended a premium plan, in the order they occurred."""
    premium: dict[str, bool] = {}
    after = {"PremiumPlanBought": True, "PremiumPlanCancelled": False, "PremiumPlanExpired": False}
    for event in plain.in_order(log, until):
        before = premium.get(event["stream"], False)
        premium[event["stream"]] = after.get(event["type"], before)
        if premium[event["stream"]] != before:
            yield event


def _reasons(log: list[dict[str, Any]], until: date) -> dict[str, int]:
    """Return the reasons of the cancellations that ended a plan."""
    cancelled = (event for event in _changes(log, until) if event["type"] == "PremiumPlanCancelled")
    return dict(Counter(event["data"]["reason"] or "(none given)" for event in cancelled))


def _support(log: list[dict[str, Any]]) -> list[tuple[str, int, float]]:
    """Return, by how the first early ticket went, how many bought the plan and which share still pays."""
    groups: dict[str, list[bool]] = {}
    lives: dict[str, list[dict[str, Any]]] = {}
    for event in plain.in_order(log, date(2024, 12, 31)):
        lives.setdefault(event["stream"], []).append(event)
    for life in lives.values():
        if any(event["type"] == "PremiumPlanBought" for event in life):
            groups.setdefault(_experience(life), []).append(_stays(life))
    return [(name, len(stays), round(sum(stays) / len(stays), 6)) for name, stays in sorted(groups.items())]


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return where the score test of a share turns: the roots of a quadratic equation."""
    z = NormalDist().inv_cdf(0.975)
    a, b, c = 1 + z**2 / n, -(2 * share + z**2 / n), share**2
    root = sqrt(b**2 - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def _first_plans(log: list[dict[str, Any]]) -> list[datetime | None]:
    """Return, for each customer who bought a plan, when the first one ended; None: it has not."""
    ends = ("PremiumPlanCancelled", "PremiumPlanExpired", "CustomerDeleted")
    first: dict[str, datetime | None] = {}
    for event in plain.in_order(log, date(2024, 12, 31)):
        if event["type"] == "PremiumPlanBought":
            first.setdefault(event["stream"], None)
        elif event["type"] in ends and first.get(event["stream"], event) is None:
            first[event["stream"]] = event["occurred_at"]
    return list(first.values())


def _experience(life: list[dict[str, Any]]) -> str:
    first = {event["type"]: event["occurred_at"] for event in reversed(life)}
    opened, closed = first.get("TicketOpened"), first.get("TicketClosed")
    if opened is None or opened - first["CustomerCreated"] > 90 * plain.DAY:
        return "no early ticket"
    prompt = closed is not None and closed - opened <= 4 * plain.DAY
    return "answered within 4 days" if prompt else "waited longer"


def _stays(life: list[dict[str, Any]]) -> bool:
    ends = ("PremiumPlanCancelled", "PremiumPlanExpired", "CustomerDeleted")
    last = [event["type"] for event in life if event["type"] in ("PremiumPlanBought", *ends)][-1]
    return bool(last == "PremiumPlanBought")
