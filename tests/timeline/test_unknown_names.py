"""One warning per timeline lists the event types and members that a model names and the log does not have."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource.check import check_log
from eventsource.errors import UnknownNameWarning
from eventsource.testing import MemoryLog, event


class Customer(es.Model):
    """A model with misspelt names."""

    name = es.latest("Joined", of="who.nam")
    orders = es.count("Orderd")
    spent = es.total("Ordered", of="amout")


def log_of(folder: Path, *events: dict[str, Any]) -> es.Log:
    log = es.Log(folder / "log")
    log.append([event(each.pop("type"), each.pop("entity"), at="2024-01-01", **each) for each in events])
    return log


@pytest.fixture
def log(tmp_path: Path) -> es.Log:
    joined = {"type": "Joined", "entity": "ada", "who": {"name": "Ada"}}
    return log_of(tmp_path, joined, {"type": "Ordered", "entity": "ada", "amount": 1})


def test_all_unknown_names_are_in_one_warning(log: es.Log) -> None:
    """Each name has a line of its own, with the name of the log that it may stand for."""
    with pytest.warns(UnknownNameWarning) as caught:
        es.Timeline(log, Customer).as_of()
    assert len(caught) == 1
    assert str(caught[0].message).splitlines() == [
        "Customer: 3 names of the model are not in the log yet:",
        "- event of type 'Orderd'; did you mean 'Ordered'?",
        "- member 'amout' in events Ordered; did you mean 'amount'?",
        "- member 'who.nam' in events Joined; did you mean 'who.name'?",
    ]
    assert caught[0].filename == __file__


def test_a_timeline_warns_once(log: es.Log) -> None:
    """Later questions are silent."""
    timeline = es.Timeline(log, Customer)
    with pytest.warns(UnknownNameWarning):
        timeline.as_of()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        timeline.history()


def test_threads_that_ask_at_once_get_one_warning(log: es.Log) -> None:
    """The first question warns, whichever thread asks it."""
    timeline = es.Timeline(log, Customer)
    with pytest.warns(UnknownNameWarning) as caught, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: timeline.as_of(), range(16)))
    assert len(caught) == 1


def test_one_unknown_name_is_one_line(log: es.Log) -> None:
    """Nothing is listed where there is one name."""

    class Orders(es.Model):
        orders = es.count("Orderd")

    with pytest.warns(UnknownNameWarning) as caught:
        es.Timeline(log, Orders).as_of()
    expected = "Orders: the log has no event of type 'Orderd' yet; did you mean 'Ordered'?"
    assert str(caught[0].message) == expected


def test_an_in_memory_log_is_not_checked() -> None:
    """A test gives only the events that it needs."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        es.Timeline(MemoryLog([event("Joined", at="2024-01-01")]), Customer).as_of()


def test_a_name_that_contains_dots_is_suggested_in_quotes(tmp_path: Path) -> None:
    """The warning does not suggest the very path that the model has; `check` shows the quotes too."""

    class Who(es.Model):
        name = es.latest("Joined", of="who.name")

    log = log_of(tmp_path, {"type": "Joined", "entity": "ada", "who.name": 1})
    with pytest.warns(UnknownNameWarning) as caught:
        es.Timeline(log, Who).as_of()
    assert str(caught[0].message).endswith("""did you mean '"who.name"'?""")
    assert check_log(log).members["member"].to_list() == ['"who.name"']

    class Quoted(es.Model):
        name = es.latest("Joined", of='"who.name"')

    assert es.Timeline(log, Quoted).as_of().rows() == [("ada", 1)]


def test_a_path_into_an_array_that_never_matches_is_named(tmp_path: Path) -> None:
    """Elements of arrays are among the names that it may stand for."""

    class Basket(es.Model):
        sku = es.latest("Bought", of="items[0].skew")
        page = es.latest("Bought", of="params[key=page].value.strin")

    items, params = [{"sku": "a"}], [{"key": "page", "value": {"string": "x"}}]
    log = log_of(tmp_path, {"type": "Bought", "entity": "ada", "items": items, "params": params})
    with pytest.warns(UnknownNameWarning) as caught:
        es.Timeline(log, Basket).as_of()
    assert str(caught[0].message).splitlines()[1:] == [
        "- member 'items[0].skew' in events Bought; did you mean 'items[0].sku'?",
        "- member 'params[key=page].value.strin' in events Bought; did you mean 'params[key=page].value.string'?",
    ]


def test_paths_of_each_type_are_looked_for_by_themselves(tmp_path: Path) -> None:
    """One type's wrong path is found although the other type's is right; of alternatives one is enough."""

    class Who(es.Model):
        city = es.latest(of={"Joined": ["adress.city", "adress.town"], "Moved": ["to", "city"]})

    joined = {"type": "Joined", "entity": "ada", "address": {"city": "Oslo"}}
    log = log_of(tmp_path, joined, {"type": "Moved", "entity": "ada", "to": "Rome"})
    with pytest.warns(UnknownNameWarning) as caught:
        es.Timeline(log, Who).as_of()
    assert len(caught) == 1
    expected = "Who: the log has no member 'adress.city or adress.town' in events Joined yet; did you mean "
    assert str(caught[0].message) == f"{expected}'address.city'?"
