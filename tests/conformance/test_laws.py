"""The laws of the specification, for random logs, models and moments."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventsource.moment import last_instant
from eventsource.plan import Plan
from eventsource.timeline import Timeline
from tests.conformance.answers import (
    alike,
    answer_of,
    assert_same,
    both_engines,
    has_fixed_dtypes,
    is_refused,
    reads_positions,
    states,
    timeline,
)
from tests.conformance.strategies import INSTANTS, STREAMS, World, logs, moments, plans, worlds, zones

ENTITIES = (*STREAMS, "7", "new", "nobody")
_TICK = timedelta(microseconds=1)


def both(world: World, tz: str = "UTC") -> list[Any]:
    return both_engines(world.events, world.plan, tz)


@given(worlds(), moments(), st.lists(moments(), max_size=3), zones())
def test_engines_agree_on_states(world: World, when: Any, many: list[Any], tz: str) -> None:
    """Law 1: as_of of one moment, of many and of none is the same from every engine."""
    fast, slow = both(world, tz)
    for moment in (None, when, many):
        answers = [answer_of(lambda t, m=moment: t.as_of(m), t) for t in (fast, slow)]  # type: ignore[misc]  # a bound variable
        assert_same(*answers, dtypes=has_fixed_dtypes(world.plan))


@given(worlds(), st.none() | moments(), st.none() | st.integers(0, 12), st.sampled_from((None, *ENTITIES)))
def test_engines_agree_on_histories(world: World, known_at: Any, upto: int | None, entity: str | None) -> None:
    """Law 1: history is the same from every engine, of one entity or all, of all events or only some."""
    answers = [answer_of(lambda t: t.history(entity, known_at=known_at, upto=upto), t) for t in both(world)]
    assert_same(*answers, dtypes=has_fixed_dtypes(world.plan))


@given(worlds(), st.none() | moments(), st.none() | moments(), st.none() | st.sampled_from(ENTITIES))
def test_engines_agree_on_changes(world: World, since: Any, until: Any, entity: str | None) -> None:
    """Law 1: changes of every field are the same from every engine."""
    for field in world.plan.fields:
        answers = [
            answer_of(lambda t, f=field: t.changes(f, since=since, until=until, entity=entity), t)  # type: ignore[misc]  # a bound variable
            for t in both(world)
        ]
        assert_same(*answers, dtypes=has_fixed_dtypes(world.plan))


@given(worlds(), moments(), moments(), st.sampled_from(ENTITIES), zones())
def test_engines_agree_on_explanations(world: World, a: Any, b: Any, entity: str, tz: str) -> None:
    """Law 1: diff, explain and replay are the same from every engine."""
    fast, slow = both(world, tz)
    assert_same(*(answer_of(lambda t: t.diff(a, b, mixed="object"), t) for t in (fast, slow)), dtypes=False)
    assert_same(
        *(answer_of(lambda t: t.explain(entity, a, mixed="object"), t) for t in (fast, slow)), dtypes=False
    )
    first, second = (answer_of(lambda t: list(t.replay(entity)), t) for t in (fast, slow))
    assert first == second or alike([repr(step) for step in first], [repr(step) for step in second])


@given(st.data())
def test_the_order_of_arrival_does_not_matter(data: st.DataObject) -> None:
    """Law 4: a model in order of occurrence answers the same, however events without a shared moment arrive."""
    members = {"n": data.draw(st.sampled_from(("mixed", "number", "big"))), "v": "mixed", "in.side": "mixed"}
    events = data.draw(logs(members, distinct_moments=True))
    once = World(events, data.draw(plans(members, order="occurred_at"))).without(lambda _: True)
    shuffled = data.draw(st.permutations(once))
    plan = data.draw(plans(members, order="occurred_at"))
    if reads_positions(plan):
        return
    for question in (lambda t: t.as_of(), lambda t: t.history(), lambda t: t.as_of(INSTANTS[7])):
        assert_same(*(answer_of(question, timeline(log, plan)) for log in (once, list(shuffled))))


@given(worlds(), moments(), zones())
def test_as_of_ignores_what_happens_after_its_moment(world: World, when: Any, tz: str) -> None:
    """Law 5: as_of a moment is as_of now in a log that ends with it; positions are others there."""
    if reads_positions(world.plan):
        return
    end = last_instant(when, tz)
    read = World(world.as_read(), world.plan)
    if world.plan.order == "occurred_at":
        before = read.without(lambda event: event["occurred_at"] <= end)
    else:
        before = _settled_by(read, end)
    now = answer_of(lambda t: t.as_of(), timeline(before, world.plan))
    then = answer_of(lambda t: t.as_of(when), timeline(world.events, world.plan, tz=tz))
    assert_same(then, now, dtypes=has_fixed_dtypes(world.plan))


@given(st.data())
def test_the_order_of_arrival_does_not_matter_to_numbered_events(data: st.DataObject) -> None:
    """Law 4, with versions: events that have a version of their own may share a moment."""
    members = {"n": data.draw(st.sampled_from(("mixed", "number", "big"))), "v": "mixed", "in.side": "mixed"}
    plan = replace(data.draw(plans(members, order="occurred_at")), key={})
    if reads_positions(plan):
        return
    events = World(data.draw(logs(members)), plan).without(lambda _: True)
    versions = data.draw(st.permutations(range(len(events))))
    once = [event | {"version": version} for event, version in zip(events, versions, strict=True)]
    shuffled = list(data.draw(st.permutations(once)))
    for question in (lambda t: t.as_of(), lambda t: t.history(), lambda t: t.as_of(INSTANTS[7])):
        assert_same(*(answer_of(question, timeline(log, plan)) for log in (once, shuffled)))


@given(worlds())
def test_events_fold_by_moment_version_and_position(world: World) -> None:
    """The order of a replay is the one of the specification, worked out in plain Python."""
    whole = timeline(world.events, world.plan)
    for entity in STREAMS:
        steps = answer_of(lambda t: list(t.replay(entity)), whole)  # noqa: B023 - called at once
        if not is_refused(steps):
            assert [step.event_id for step in steps] == _fold_order(world, entity)


def _state(whole: Timeline, entity: str, when: Any) -> Any:
    """Return the state of an entity at a moment; None: it does not exist, or has a fault."""
    now = answer_of(lambda t: t.as_of(when, entity=entity), whole)
    return None if is_refused(now) else states(now).get(entity)


def _fold_order(world: World, entity: str) -> list[str]:
    """Return the ids of an entity's relevant events in fold order."""
    clocks: dict[str, datetime] = {}
    rows = []
    for position, event in enumerate(World(world.as_read(), world.plan).without(lambda _: True)):
        recorded = event["recorded_at"] or event["occurred_at"]
        clock = clocks[event["stream"]] = max(clocks.get(event["stream"], recorded), recorded)
        at = event["occurred_at"] if world.plan.order == "occurred_at" else clock
        is_keyed = event["type"] in world.plan.key
        owner = event["data"].get("who", {}).get("id") if is_keyed else event["stream"]
        version = None if is_keyed else event["version"]
        is_relevant = world.plan.reads_all_types or event["type"] in world.plan.types
        if owner is not None and str(owner) == entity and is_relevant:
            rows.append(((at, version is not None, version or 0, position), event["event_id"]))
    return [event_id for _, event_id in sorted(rows)]


def _settled_by(world: World, end: datetime) -> list[dict[str, Any]]:
    """Return the events whose stream's clock, which never runs backwards, was at most ``end``."""
    clocks: dict[str, datetime] = {}
    visible = []
    for event in world.without(lambda _: True):
        recorded = event["recorded_at"] or event["occurred_at"]
        clock = max(clocks.get(event["stream"], recorded), recorded)
        clocks[event["stream"]] = clock
        if clock <= end:
            visible.append(event)
    return visible


@given(worlds(), st.one_of(st.none(), moments()), moments())
def test_known_at_ignores_what_was_recorded_after(world: World, when: Any, known_at: Any) -> None:
    """Law 5: an answer with known_at is that of a log without what was recorded after.

    The events of that log have other positions, so a plan that reads positions is not tried.
    """
    if reads_positions(world.plan):
        return
    end = last_instant(known_at)
    before = world.without(lambda event: (event["recorded_at"] or event["occurred_at"]) <= end)
    whole, cut = timeline(world.events, world.plan), timeline(before, world.plan)
    assert_same(
        answer_of(lambda t: t.as_of(when, known_at=known_at), whole), answer_of(lambda t: t.as_of(when), cut)
    )
    history = answer_of(lambda t: t.history(known_at=known_at), whole)
    assert_same(history, answer_of(lambda t: t.history(), cut))


@given(worlds(), st.none() | moments(), st.integers(0, 14))
def test_upto_ignores_events_from_its_position_on(world: World, when: Any, upto: int) -> None:
    """Law 5: an answer with upto is that of a log which ends there, and stays so."""
    before = world.without(lambda _: True)[:upto]
    whole, cut = timeline(world.events, world.plan), timeline(before, world.plan)
    assert_same(answer_of(lambda t: t.as_of(when, upto=upto), whole), answer_of(lambda t: t.as_of(when), cut))
    assert_same(answer_of(lambda t: t.history(upto=upto), whole), answer_of(lambda t: t.history(), cut))
    for field in world.plan.fields:
        whole_changes = answer_of(lambda t, f=field: t.changes(f, upto=upto), whole)  # type: ignore[misc]  # a bound variable
        assert_same(whole_changes, answer_of(lambda t, f=field: t.changes(f), cut))  # type: ignore[misc]  # a bound variable


@given(worlds())
def test_history_and_as_of_agree_at_every_instant(world: World) -> None:
    """Law 6: as_of(t) is the history rows with valid_from <= t < valid_to, at each edge and just before."""
    whole = timeline(world.events, world.plan)
    history = answer_of(lambda t: t.history(), whole)
    if is_refused(history):
        return
    edges = {*history["valid_from"], *history["valid_to"].drop_nulls()}
    for edge in sorted({*edges, *(edge - _TICK for edge in edges)}):
        ends = pl.col("valid_to").is_null() | (pl.col("valid_to") > edge)
        rows = history.filter((pl.col("valid_from") <= edge) & ends).drop("valid_from", "valid_to")
        assert_same(whole.as_of(edge), rows, widened=True)
    assert_same(
        whole.as_of(), history.filter(pl.col("valid_to").is_null()).drop("valid_from", "valid_to"), widened=True
    )


@given(worlds())
def test_histories_are_as_short_as_can_be(world: World) -> None:
    """A history has no empty interval, no overlap, and no two neighbours that touch and are equal."""
    history = answer_of(lambda t: t.history(), timeline(world.events, world.plan))
    rows = [] if is_refused(history) else history.to_dicts()
    assert rows == sorted(rows, key=lambda row: (row["entity"], row["valid_from"]))
    for row, following in pairwise(rows):
        assert row["valid_to"] is None or row["valid_from"] < row["valid_to"]
        if row["entity"] != following["entity"]:
            continue
        assert row["valid_to"] <= following["valid_from"]
        if row["valid_to"] == following["valid_from"]:
            assert not alike([row[name] for name in world.plan.fields], [following[n] for n in world.plan.fields])


@given(worlds(), st.none() | moments())
def test_changes_replayed_give_as_of(world: World, when: Any) -> None:
    """Law 6: the defaults, changed by every change up to a moment, are the state at that moment."""
    whole = timeline(world.events, world.plan)
    found = answer_of(lambda t: t.as_of(when), whole)
    changes = [answer_of(lambda t, f=field: t.changes(f, until=when), whole) for field in world.plan.fields]  # type: ignore[misc]  # a bound variable
    if is_refused(found) or any(map(is_refused, changes)):
        return
    for entity, state in states(found).items():
        defaults = whole.explain("unknown", mixed="object")
        replayed = dict(zip(defaults["field"], defaults["value"].to_list(), strict=True))
        for frame in changes:
            for row in frame.filter(pl.col("entity") == entity).to_dicts():
                assert alike(replayed[row["field"]], row["before"], widened=True)
                replayed[row["field"]] = row["after"]
        assert alike(replayed, state, widened=True)


@given(worlds(), moments(), moments(), zones())
def test_a_diff_leads_from_one_state_to_the_other(world: World, a: Any, b: Any, tz: str) -> None:
    """Law 6: diff(a, b) applied to as_of(a) gives as_of(b), and each of its rows is needed."""
    whole = timeline(world.events, world.plan, tz=tz)
    diff = answer_of(lambda t: t.diff(a, b, mixed="object"), whole)
    if is_refused(diff):
        return
    before, after = (states(whole.as_of(moment)) for moment in (a, b))
    for row in diff.to_dicts():
        if row["change"] == "removed":
            before.pop(row["entity"])
        elif row["change"] == "added":
            before[row["entity"]] = after[row["entity"]]
        else:
            assert alike(before[row["entity"]][row["field"]], row["before"], widened=True)
            assert not alike(row["before"], row["after"])
            before[row["entity"]][row["field"]] = row["after"]
    assert alike(before, after, widened=True)


@given(worlds(), st.sampled_from(ENTITIES), st.none() | moments())
def test_an_explanation_names_the_event_that_made_the_value(world: World, entity: str, when: Any) -> None:
    """An explained value is the state's, and the named event is the last of its changes."""
    whole = timeline(world.events, world.plan)
    explained = answer_of(lambda t: t.explain(entity, when, mixed="object"), whole)
    if is_refused(explained):
        return
    state = _state(whole, entity, when)
    for row in explained.to_dicts():
        assert state is None or alike(state[row["field"]], row["value"], widened=True)
        last = whole.changes(row["field"], entity=entity, until=when).tail(1).to_dicts()
        assert row["position"] == (last[0]["position"] if last else None)
        assert not last or alike(last[0]["after"], row["value"], widened=True)


@given(worlds(), st.sampled_from(ENTITIES))
def test_a_replay_goes_from_the_defaults_to_the_state(world: World, entity: str) -> None:
    """A replay's steps join up, show only what changed, and end with the state of now."""
    whole = timeline(world.events, world.plan)
    steps = answer_of(lambda t: list(t.replay(entity)), whole)
    state = _state(whole, entity, None) if not is_refused(steps) else None
    for step, following in pairwise(steps if not is_refused(steps) else ()):
        assert alike(step.after, following.before, widened=True)
        assert step.at <= following.at
        assert step.before | {name: new for name, (_, new) in step.changed.items()} == step.after
    assert state is None or alike(dict(steps[-1].after), state, widened=True)
    assert is_refused(steps) or (bool(steps) and steps[-1].exists_after) == (state is not None)


@given(worlds(), st.lists(st.dates(date(2024, 3, 29), date(2024, 4, 4)) | st.sampled_from(INSTANTS)), zones())
def test_many_moments_are_each_alone(world: World, many: list[Any], tz: str) -> None:
    """As_of of many moments is as_of of each, once, under its label, in the order asked for."""
    whole = timeline(world.events, world.plan, tz=tz)
    together = answer_of(lambda t: t.as_of(many), whole)
    if is_refused(together):
        return
    dates = all(not isinstance(moment, datetime) for moment in many)
    assert together.schema["as_of"] == (pl.Date() if dates else pl.Datetime("us", "UTC"))
    parts = [
        whole.as_of(m).select(pl.lit(label).alias("as_of"), pl.all())
        for label, m in {m if dates else last_instant(m, tz): m for m in many}.items()
    ]
    expected = [row for part in parts for row in part.to_dicts()]
    assert alike(together.to_dicts(), expected, widened=True)


@pytest.mark.parametrize("when", [None, "2024-03-31", datetime(2024, 3, 31, tzinfo=UTC)])
def test_an_empty_log_has_no_states(when: Any) -> None:
    """Nothing happened: every answer is an empty frame with all columns."""
    plan = Plan.from_dict({"name": "M", "fields": [{"name": "n", "op": "count", "events": ["Paid"]}]})
    empty = timeline([], plan)
    assert empty.as_of(when).columns == ["entity", "n"]
    assert empty.history().columns == ["entity", "valid_from", "valid_to", "n"]
    assert empty.diff("2024-03-30", "2024-03-31").height == 0
    assert empty.trend({"n": pl.col("n").sum()}, every="1d").columns == ["as_of", "n"]
