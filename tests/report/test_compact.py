"""The charts of a board, written without repetition: the same charts, in few bytes."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import eventsource as es
from eventsource.report._compact import compact
from tests.benchmarks import pages

_TEXTS = st.text(max_size=3) | st.sampled_from(["t0", "o1", "l2", "r0"])
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS
_ROWS = st.lists(st.fixed_dictionaries({"city": _TEXTS, "n": _SCALARS}), max_size=3)
_VALUES = st.recursive(
    _SCALARS | _ROWS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3)
)


def _whole(found: dict[str, list[Any]], value: Any) -> Any:
    """Do what ``whole`` of following.js does."""
    if not isinstance(value, str):
        return value
    kind, number = value[0], int(value[1:])
    if kind == "t":
        return found["text"][number]
    if kind == "l":
        return [_whole(found, each) for each in found["list"][number]]
    shape, *values = found["object" if kind == "o" else "rows"][number]
    names, wholes = found["names"][shape], [_whole(found, each) for each in values]
    if kind == "o":
        return dict(zip(names, wholes, strict=True))
    return [dict(zip(names, row, strict=True)) for row in zip(*wholes, strict=True)]


@given(st.lists(_VALUES, max_size=4))
def test_compact_values_stand_for_the_same_values(values: list[Any]) -> None:
    """Texts that look like names and equal numbers of other kinds included; nothing is there twice."""
    found = compact(values)
    assert repr([_whole(found, value) for value in found["values"]]) == repr(values)
    for kind in ("text", "list", "rows", "object", "names"):
        assert len(set(map(repr, found[kind]))) == len(found[kind])


def test_a_board_with_ten_charts_has_at_most_one_and_a_half_megabytes(tmp_path: Path) -> None:
    """Two sliders, all customers of the demo with their events, and the library that draws included."""
    log = es.Log(tmp_path / "log")
    log.pull(es.source(pages.RAW))
    assert pages.with_ten_charts(log, tmp_path / "ten.html").stat().st_size <= 1_500_000
