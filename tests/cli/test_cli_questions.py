"""Every question on the command line gives the answer of the library."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result

import eventsource as es
from eventsource.cli._models import load_plan
from tests.cli.shoplog import event

Run = Callable[..., Result]


def rows(result: Result) -> Any:
    return json.loads(result.stdout)


def names(result: Result) -> list[str]:
    return [row["entity"] for row in rows(result)]


def test_as_of_is_the_state_at_the_end_of_a_day(pulled: Run) -> None:
    """A date means its whole day, an instant itself, nothing means now; a date has its own zone."""
    ask = ("as-of", "-f", "json", "-e", "ada")
    assert rows(pulled(*ask, "2024-02-01"))[0]["premium"] is True
    assert rows(pulled(*ask, "2024-01-31"))[0]["premium"] is False
    assert rows(pulled(*ask, "2024-01-31T23:59:59Z"))[0]["premium"] is False
    assert rows(pulled(*ask, "2024-02-01", "--tz", "Asia/Tokyo"))[0]["premium"] is True
    assert rows(pulled(*ask, "2024-01-31", "--tz", "America/New_York"))[0]["premium"] is True
    assert rows(pulled(*ask))[0] == {
        "entity": "ada",
        "name": "Ada",
        "premium": False,
        "orders": 2,
        "spent": "10.30",
        "tags": ["a", "b"],
        "last": "2024-03-10T12:00:00Z",
    }


def test_as_of_takes_many_moments(pulled: Run) -> None:
    """Several moments give one table with a leading column as_of."""
    found = rows(pulled("as-of", "2024-02-29", "2024-03-31", "-e", "ada", "-f", "json"))
    assert [(row["as_of"], row["orders"]) for row in found] == [("2024-02-29", 1), ("2024-03-31", 2)]


def test_known_at_and_upto_limit_what_is_seen(pulled: Run) -> None:
    """--known-at and --upto limit the events of a question."""
    assert names(pulled("as-of", "--upto", "1", "-f", "json")) == ["ada"]
    assert "ada" not in names(pulled("as-of", "--known-at", "2024-01-04", "-f", "json"))


def test_where_filters_rows(pulled: Run) -> None:
    """--where is an SQL condition over the answer's columns; an invalid one is refused."""
    assert names(pulled("as-of", "--where", "orders > 1 and not premium", "-f", "json")) == ["ada"]
    assert "columns are entity" in pulled("as-of", "--where", "orders >", code=2).stderr
    assert "known names: entity" in pulled("as-of", "--where", "nobody = 1", code=2).stderr
    assert "columns are entity" in pulled("as-of", "--where", "orders > 1 limit 1", code=2).stderr


def test_where_takes_texts_as_dates_and_times(pulled: Run) -> None:
    """Also of histories and changes; a date is its midnight in UTC."""
    assert "ada" in names(pulled("as-of", "--where", "last > '2024-03-10'", "-f", "json"))
    assert "ada" not in names(pulled("as-of", "--where", "last > '2024-03-10T12:00:00Z'", "-f", "json"))
    history = rows(
        pulled("history", "ada", "--where", "valid_from between '2024-02-01' and '2024-02-28'", "-f", "json")
    )
    assert {row["valid_from"][:7] for row in history} == {"2024-02"}
    changes = rows(pulled("changes", "orders", "--where", "entity = 'ada' and after = 2", "-f", "json"))
    assert [(row["entity"], row["after"]) for row in changes] == [("ada", 2)]
    assert rows(pulled("changes", "orders", "--where", "at < '2024-01-01'", "-f", "json")) == []


def test_a_trend_by_the_hour_of_one_day(pulled: Run) -> None:
    """The first hour begins with the day, the last one is in it."""
    day = ("--since", "2024-03-10", "--until", "2024-03-10")
    found = rows(pulled("trend", "--every", "1h", *day, "--measure", "n=sum(orders)", "-f", "json"))
    assert (len(found), found[0]["as_of"], found[-1]["as_of"]) == (
        24,
        "2024-03-10T00:00:00Z",
        "2024-03-10T23:00:00Z",
    )
    assert found[11]["n"] < found[12]["n"]


def test_every_question_equals_the_library(pulled: Run, folder: Path) -> None:
    """A command and the method of the library give the same rows."""
    timeline = es.Timeline(es.Log(folder / "data" / "log"), load_plan("models:Customer", folder))
    pairs = [
        (("as-of", "2024-03-01"), timeline.as_of("2024-03-01")),
        (("history", "ada"), timeline.history("ada")),
        (("history",), timeline.history()),
        (("changes", "premium", "--since", "2024-03-01"), timeline.changes("premium", since="2024-03-01")),
        (("changes", "orders", "-e", "ada"), timeline.changes("orders", entity="ada")),
        (
            ("trend", "--since", "2024-01-31", "--until", "2024-04-30", "--measure", "n=len()"),
            timeline.trend({"n": pl.len()}, every="1mo", since="2024-01-31", until="2024-04-30"),
        ),
    ]
    for number, (args, expected) in enumerate(pairs):
        pulled(*args, "-o", f"answer-{number}.parquet")
        assert pl.read_parquet(f"answer-{number}.parquet").equals(expected), args


def test_diff_and_explain_hold_values_of_many_kinds(pulled: Run) -> None:
    """Values of mixed types keep their types in JSON."""
    diff = rows(pulled("diff", "2024-02-01", "2024-04-01", "-f", "json"))
    assert {"entity": "bob", "change": "removed", "field": None, "before": None, "after": None} in diff
    assert {"entity": "ada", "change": "changed", "field": "premium", "before": True, "after": False} in diff
    why = {row["field"]: row for row in rows(pulled("explain", "ada", "2024-03-01", "-f", "json"))}
    assert (why["premium"]["value"], why["premium"]["event_id"]) == (True, "e-2")
    assert (why["spent"]["value"], why["tags"]["value"]) == ("10.10", ["b"])


def test_replay_shows_before_and_after(pulled: Run) -> None:
    """One step per relevant event, each with the state before, what changed and the state after."""
    steps = rows(pulled("replay", "ada", "-f", "json"))
    assert [step["type"] for step in steps] == ["Created", "Bought", "Ordered", "Ordered", "Cancelled"]
    for one, two in pairwise(steps):
        assert one["after"] == two["before"]
    assert steps[1]["changed"] == {"premium": {"before": False, "after": True}}
    assert steps[2]["data"] == {"amount": 10.1, "tag": "b"}
    shown = pulled("replay", "ada", "-f", "table").stdout
    assert "premium  true → false" in shown
    assert "the state after the last event" in shown
    assert "the first 2 of 5 events" in pulled("replay", "ada", "-f", "table", "-n", "2").stdout
    assert pulled("replay", "ada").stdout.count("\n") == 6


def test_replay_says_that_an_entity_was_deleted(pulled: Run) -> None:
    """A table has no state of an entity that does not exist; JSON has existence before and after each event."""
    shown = pulled("replay", "bob", "-f", "table").stdout
    assert "\n    created\n" in shown
    assert "\n    deleted\n" in shown
    assert "the entity does not exist after the last event" in shown
    last = rows(pulled("replay", "bob", "-f", "json"))[-1]
    assert last["exists"] == {"before": True, "after": False}
    assert (last["existence"], last["after"]) == ("deleted", None)
    assert last["before"] is not None


@pytest.mark.parametrize("op", ["sum", "mean", "min", "max", "count", "n_unique", "median"])
def test_trend_measures(pulled: Run, op: str) -> None:
    """NAME=op(field) is the aggregation of that name."""
    found = rows(
        pulled(
            "trend", "--since", "2024-03-31", "--until", "2024-03-31", "--measure", f"x={op}(orders)", "-f", "json"
        )
    )
    orders = pl.Series(row["orders"] for row in rows(pulled("as-of", "2024-03-31", "-f", "json")))
    assert found == [{"as_of": "2024-03-31", "x": getattr(orders, op)()}]


def test_trend_groups(pulled: Run) -> None:
    """--by groups; the default measure is the number of entities."""
    found = rows(
        pulled("trend", "--since", "2024-02-29", "--until", "2024-02-29", "--by", "premium", "-f", "json")
    )
    assert [(row["premium"], row["entities"]) for row in found] == [(False, 14), (True, 1)]


@pytest.mark.parametrize(
    "measure", ["x", "x=sum()", "x=sum", "=sum(a)", "x=smu(orders)", "x=sum(orders", "1=len()"]
)
def test_a_measure_of_another_form_is_refused(pulled: Run, measure: str) -> None:
    """A measure of another form is wrong usage, and the message shows it."""
    assert repr(measure) in pulled("trend", "--measure", measure, code=2).stderr


def test_two_measures_of_one_name_are_refused(pulled: Run) -> None:
    """Two measures cannot have the same name; the hint is another one."""
    said = pulled("trend", "--measure", "x=len()", "--measure", "x=sum(orders)", code=2).stderr
    assert "expected a name of its own, got 'x' twice" in said
    assert "Hint: x2=sum(orders)" in said


def test_a_keyed_model(pulled: Run) -> None:
    """The entities of a keyed model are the values of its key; durations are ISO 8601."""
    found = rows(pulled("as-of", "-m", "models:Ticket", "-f", "json"))
    assert [(row["entity"], row["took"]) for row in found] == [("71", "P2DT3723S")]


@pytest.mark.parametrize(
    "args",
    [
        ("as-of", "2024-02-30"),
        ("as-of", "--known-at", "soon"),
        ("as-of", "2024-02-01", "--tz", "Mars/Olympus"),
        ("as-of", "--tz", "Mars/Olympus"),
        ("as-of", "--upto", "-1"),
        ("changes", "premum"),
        ("trend", "--every", "soon"),
        ("trend", "--measure", "x=sum(nothing)"),
        ("as-of", "-m", "models"),
        ("as-of", "-m", "models:Custmer"),
        ("as-of", "-m", "modls:Customer"),
        ("as-of", "-m", "models:es"),
        ("as-of", "--format", "xls"),
        ("as-of", "--columns", "entity,nothing"),
        ("as-of", "-o", "answer.xls"),
        ("explain",),
        ("nothing",),
    ],
)
def test_wrong_usage(pulled: Run, args: tuple[str, ...]) -> None:
    """Exit code 2, one message, no traceback, nothing on stdout."""
    result = pulled(*args, code=2)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "Error" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("explain", "adda"),
        ("history", "adda"),
        ("replay", "adda"),
        ("dump", "adda"),
        ("as-of", "-e", "adda"),
        ("changes", "premium", "-e", "adda"),
    ],
)
def test_an_unknown_entity(pulled: Run, args: tuple[str, ...]) -> None:
    """Exit code 3, and a hint with a similar name."""
    assert "did you mean 'ada'?" in pulled(*args, code=3).stderr


def test_an_entity_that_does_not_exist_at_a_moment(pulled: Run) -> None:
    """An entity with events that does not exist at the moment gives an empty answer and a note."""
    result = pulled("as-of", "2024-05-01", "-e", "bob")
    assert result.stdout.count("\n") == 1
    assert "bob does not exist as of 2024-05-01" in result.stderr


def test_an_event_type_that_the_log_lacks_is_a_warning(pulled: Run, folder: Path) -> None:
    """One line on stderr with a similar name; the question is answered."""
    (folder / "typo.py").write_text(
        "import eventsource as es\nclass T(es.Model, ignored='*'):\n    n = es.count('Orderd')\n"
        "    m = es.count('Ordered')\n"
    )
    result = pulled("as-of", "-m", "typo:T")
    assert "Warning: T: the log has no event of type 'Orderd' yet; did you mean 'Ordered'?" in result.stderr
    assert "typo.py" not in result.stderr


def test_a_question_that_fails_is_exit_code_1(pulled: Run, folder: Path) -> None:
    """A fold that fails on the events is exit code 1 without a traceback."""
    (folder / "bad.py").write_text(
        "import eventsource as es\nclass T(es.Model, ignored='*'):\n    n = es.total('Created', of='name')\n"
    )
    result = pulled("as-of", "-m", "bad:T", code=1)
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_a_function_of_the_model_that_fails(pulled: Run, folder: Path) -> None:
    """An error in the user's own code is printed, with a hint how to see the traceback."""
    (folder / "broken.py").write_text(
        "import eventsource as es\n"
        "def step(state, event):\n    raise KeyError('boom')\n"
        "class T(es.Model, ignored='*'):\n    n = es.reduce(step, 'Created', initial=0)\n"
    )
    result = pulled("as-of", "-m", "broken:T", code=1)
    assert "boom" in result.stderr
    assert "Traceback" not in result.stderr


def test_days_ago_are_a_moment_not_an_option(pulled: Run) -> None:
    """``-7d`` begins like an option, and is a moment wherever one is expected; real options stay options."""
    assert pulled("as-of", "-7d", "-f", "json").stdout == pulled("as-of", "-f", "json").stdout
    found = pulled("changes", "premium", "--since", "-36500d", "--until", "-7d", "-f", "json")
    assert found.stdout == pulled("changes", "premium", "-f", "json").stdout
    pulled("as-of", "-7x", code=2)


def test_moments_may_be_relative(pulled: Run) -> None:
    """today, yesterday, now and others are days of the time zone, resolved before the question is asked."""
    now = rows(pulled("as-of", "-f", "json"))
    assert rows(pulled("as-of", "now", "-f", "json")) == rows(pulled("as-of", "yesterday", "-f", "json")) == now
    title = pulled("as-of", "month_end", "-f", "table").output
    assert "month_end" not in title
    assert rows(pulled("changes", "premium", "--since", "today", "-f", "json")) == []
    pulled("as-of", "someday", code=2)


def test_a_difference_of_one_entity(pulled: Run) -> None:
    """--entity limits the answer to one entity; an unknown one is an error."""
    found = rows(pulled("diff", "2024-01-31", "2024-02-29", "-e", "ada", "-f", "json"))
    assert {row["entity"] for row in found} == {"ada"}
    pulled("diff", "2024-01-31", "2024-02-29", "-e", "nobody", code=3)


def test_groups_in_one_option(pulled: Run) -> None:
    """--by a,b is --by a --by b."""
    ask = ("trend", "--measure", "n=len()", "--every", "1mo", "-f", "json")
    together = pulled(*ask, "--by", "premium,orders").stdout
    assert together == pulled(*ask, "--by", "premium", "--by", "orders").stdout


def test_a_fault_is_named_and_can_be_skipped(pulled: Run, folder: Path) -> None:
    """A question about its entity names the event; --faults skip answers, `faults` lists it, `correct` ends it."""
    bad = {"event_id": "bad", "stream": "ada", "type": "Ordered", "occurred_at": "2024-05-01T00:00:00Z"}
    (folder / "bad.jsonl").write_text(json.dumps(bad | {"data": {"amount": "25,22"}}) + "\n")
    pulled("pull", "bad.jsonl")
    ask = ("as-of", "-f", "json", "-e", "ada")
    error = pulled(*ask, code=1).stderr
    assert "'bad'" in error
    assert "25,22" in error
    assert rows(pulled(*ask, "2024-04-30"))[0]["orders"] == 2
    skipped = pulled(*ask, "--faults", "skip")
    assert rows(skipped)[0]["orders"] == 3
    (fault,) = rows(pulled("faults", "-f", "json"))
    assert (fault["event_id"], fault["entity"], fault["field"]) == ("bad", "ada", "spent")
    assert rows(pulled("faults", "-f", "json", "--entity", "bob")) == []
    pulled("correct", "bad", "--data", '{"amount": "25.22"}', "--reason", "comma", "--yes")
    assert rows(pulled("faults", "-f", "json")) == []
    assert rows(pulled(*ask))[0]["orders"] == 3


def test_a_moment_before_the_log_says_when_the_log_begins(pulled: Run) -> None:
    """An answer without rows says why."""
    result = pulled("as-of", "1999-01-01")
    assert result.stdout.count("\n") == 1
    assert "no Customer exists as of 1999-01-01; the log begins at 2024-01-02 00:00:00 UTC" in result.stderr


def test_a_day_that_its_month_does_not_have(pulled: Run) -> None:
    """The error says how many days the month has."""
    assert "'2024-06-31': June 2024 has 30 days" in pulled("as-of", "2024-06-31", code=2).stderr
    assert "days" not in pulled("as-of", "2024-13-01", code=2).stderr.partition("Hint")[0]


def test_where_proposes_a_column(pulled: Run) -> None:
    """Of the library's message only its reason is shown, and there is one hint."""
    stderr = pulled("as-of", "--where", "premum = true", code=2).stderr
    assert stderr.count("\n") == 2
    assert "did you mean 'premium'?" in stderr


def test_a_table_counts_in_natural_order(pulled: Run, folder: Path) -> None:
    """In a table c-2 comes before c-10; other formats keep the order of the answer."""
    more = [event(900 + n, f"c-{n}", "Created", "2024-05-01T00:00:00Z", name="n") for n in (10, 2, 1)]
    (folder / "raw" / "b.jsonl").write_text("".join(json.dumps(each) + "\n" for each in more))
    pulled("pull")
    where = ("--where", "entity LIKE 'c-%'", "-c", "entity")
    table = pulled("as-of", *where, "-f", "table").stdout.split()
    assert [word for word in table if word.startswith("c-")] == ["c-1", "c-2", "c-10"]
    assert pulled("as-of", *where).stdout.split()[1:] == ["c-1", "c-10", "c-2"]


def test_tables_show_times_in_the_zone_of_the_question(pulled: Run, folder: Path) -> None:
    """The zone is that of the project, or of --tz; the line below says which. Other formats keep UTC."""
    config = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(f'{config}\ntz = "Asia/Tokyo"\n')
    table = ("as-of", "-e", "ada", "--columns", "entity,last", "--format", "table")
    assert "2024-03-10 21:00:00" in pulled(*table).stdout
    assert "times are Asia/Tokyo" in pulled(*table).stdout
    assert "2024-03-10 12:00:00" in pulled(*table, "--tz", "UTC").stdout
    assert "times are Asia/Tokyo" in pulled("replay", "ada", "--format", "table").stdout
    assert "times are Asia/Tokyo" in pulled("check").stdout
    found = pulled(
        "as-of", "-e", "ada", "--columns", "entity,last", "--where", "last >= '2024-03-10 21:00'"
    ).stdout
    assert found == "entity,last\nada,2024-03-10T12:00:00.000000Z\n"
    assert pulled("as-of", "-e", "ada", "--where", "last > '2024-03-10 21:00'").stdout.count("\n") == 1
