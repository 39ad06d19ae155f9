"""Small runs of chaos over each system, and the comparison itself, which must see every kind of fault."""

from pathlib import Path

import polars as pl
import pytest

from tests.chaos.appends import append_of
from tests.chaos.compare import Row, differences, rows_frame
from tests.chaos.run import Plan, run
from tests.chaos.systems import SYSTEMS
from tests.services._table import SERVICES

_ROWS: list[Row] = [
    (f"e{number}", f"s{number % 2}", number // 2, "T", f'{{"n": {number}}}') for number in range(8)
]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SYSTEMS))
def test_a_log_equals_its_source_whatever_is_killed(name: str, tmp_path: Path) -> None:
    """Three writers, three kills and a restart; the full size is a command, see docs/recipes/chaos.md."""
    if name in SERVICES and not SERVICES[name].is_installed():
        pytest.skip(f"{name} is not installed: python -m tests.services install {name}")
    outcome = run(Plan(name, events=1_200, writers=3, size=20, kills=3, restarts=1, seed=7, longest=1.5), tmp_path)
    assert (outcome.pulled, outcome.written) == ({}, {})
    assert outcome.events == 1_200


def test_what_is_equal_has_no_difference() -> None:
    """Members of payloads may be in another order, and streams may be mixed, if only streams are ordered."""
    truth = rows_frame([("a", "s", 1, "T", '{"x": 1, "y": 2}'), ("b", "t", 1, "T", "{}")])
    found = rows_frame([("b", "t", 1, "T", b"{}"), ("a", "s", 1, "T", b'{"y":2,"x":1}')])
    assert differences(truth, found, "stream") == {}
    assert differences(truth, found, "all") == {"reordered": 2}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (lambda rows: rows[:3] + rows[4:], {"lost": 1}),
        (lambda rows: [*rows, rows[2]], {"repeated": 1}),
        (lambda rows: [*rows, ("e99", "s0", 9, "T", "{}")], {"invented": 1}),
        (lambda rows: [(*rows[0][:4], '{"n": 1}'), *rows[1:]], {"changed": 1}),
        (lambda rows: [(*rows[0][:2], 7, *rows[0][3:]), *rows[1:]], {"changed": 1}),
        (lambda rows: [rows[2], rows[1], rows[0], *rows[3:]], {"reordered": 2}),
    ],
    ids=["lost", "repeated", "invented", "payload", "version", "reordered"],
)
def test_each_kind_of_fault_is_counted(fault: object, expected: dict[str, int]) -> None:
    """One event with a fault among eight."""
    assert callable(fault)
    assert differences(rows_frame(_ROWS), rows_frame(fault(_ROWS)), "stream") == expected


def test_the_appends_of_a_writer_are_whole_streams() -> None:
    """Each append begins at the version that the one before it has left, and all ids differ."""
    versions: dict[str, int] = {}
    ids = []
    for number in range(30):
        append = append_of(3, number, size=20, shares=False)
        assert append.version == versions.get(append.stream, 0)
        versions[append.stream] = append.version + 20
        ids += [event.event_id for event in append.events]
    assert pl.Series(ids).n_unique() == len(ids)
