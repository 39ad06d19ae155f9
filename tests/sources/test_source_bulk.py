"""Lines that are decoded in bulk give exactly what they give one by one, whatever they contain."""

import json
from typing import Any, Final

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventsource.sources._blocks import Block
from eventsource.sources._decoder import Content, Decoder, Line
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._records import LineMapping
from eventsource.sources._times import TimeReader
from eventsource.sources._values import MappedLine
from eventsource.sources.presets import preset_named
from tests.laws import examples
from tests.sources.sourcekit import AT

_FILE: Final = "/raw/a.jsonl"
_ODD: Final = [
    *(b"null", b"true", b"1e999", b"NaN", b"-0", b"0.10", b"1E2", b"12345678901234567890", b"9" * 400),
    *(
        b'""',
        b'" "',
        b'"a:b"',
        b'"a\\\\b"',
        b'"\\u0000"',
        b'"\\ud800"',
        b'"\\ud83d\\ude00"',
        b'"\xff"',
        b'"\xc4\x85"',
    ),
    *(b"[]", b"[1, 2]", b"{}", b'{ "k": 1, "k": 2 }', b'{"k":{"z":1e999}}', b'"{\\"k\\":1}"', b'"null"'),
    *(b"[" * 1500 + b"]" * 1500, b'"2024-01-01"', b'"2024-02-30T00:00:00Z"', b'"2024-06-30T23:59:60Z"'),
    *(
        b'"2024-01-01T00:00:00.123456Z"',
        b'"2024-01-01 00:00:00"',
        b"1704067200",
        b'"1704067200"',
        b'"0000-01-01T00:00:00Z"',
    ),
]
_NAMES: Final = ["event_id", "id", "stream", "type", "occurred_at", "recorded_at", "version", "data", "metadata"]
_MORE: Final = ["who", "who.key", "n", "tag", "\u0105", "a|b", "@hash", "n?"]


def _line(number: int, **more: bytes) -> bytes:
    members = {
        "event_id": b'"e%d"' % number,
        "stream": b'"s"',
        "type": b'"T"',
        "occurred_at": json.dumps(AT).encode(),
        "n": b"%d" % number,
        "who": b'{"key": "k%d", "name": "Ada"}' % number,
    }
    return _object({**members, **more})


def _object(members: dict[str, bytes]) -> bytes:
    return b"{" + b", ".join(json.dumps(key).encode() + b": " + value for key, value in members.items()) + b"}"


_VALUES: Final = st.sampled_from(_ODD) | st.text(max_size=5).map(lambda text: json.dumps(text).encode())
_OBJECTS: Final = st.builds(
    lambda number, more, without: _object(
        {key: value for key, value in {**_members(number), **more}.items() if key not in without}
    ),
    st.integers(0, 9),
    st.dictionaries(st.sampled_from([*_NAMES, *_MORE]), _VALUES, max_size=3),
    st.sets(st.sampled_from([*_NAMES, "who", "n"]), max_size=2),
)


def _members(number: int) -> dict[str, bytes]:
    known = json.loads(_line(number))
    return {key: json.dumps(value).encode() for key, value in known.items()}


_LINES: Final = _OBJECTS | st.one_of(
    st.sampled_from([b"", b"  ", b"\r", b"\x00", b"null", b"[]", b"{", b"}", b"{}", b'{"a":1}}', b"\xff\xfe"]),
    st.builds(lambda line, cut: line[:cut], _OBJECTS, st.integers(0, 60)),
    st.builds(lambda line: line + b"\r", _OBJECTS),
    st.builds(lambda line: line + b" " + line, _OBJECTS),
    st.builds(lambda line: line[:-1] + b',"stream":"again","n":7}', _OBJECTS),
    st.builds(lambda line: b"\xef\xbb\xbf" + line, _OBJECTS),
)
_MAPPINGS: Final[list[dict[str, Any]]] = [
    {},
    {"event_id": ["stream", "n"]},
    {"event_id": ["who.key", "n?", "@type"], "stream": "{who.key}/{who.name?}"},
    {"event_id": "@line"},
    {"event_id": "@hash", "stream": "{{x}}{type}-{n|id}"},
    {"event_id": "{tag|@hash}", "stream": "tag|n", "recorded_at": "tag|recorded_at"},
    {"event_id": ["@file", "@index", "@line", "a|b"]},
    {"occurred_at": "tag|occurred_at|n", "version": "n"},
    {"stream": "who.key", "data": "who", "metadata": "@rest"},
    {"stream": "id", "event_id": "id", "version": "id"},
    {"type": "who.name", "stream": "{type}"},
    {"metadata": "who", "data": "data.inner"},
    {"stream": "@type", "type": "{type}:{n}"},
    {"type": "{@type}{type}"},
    {"occurred_at": "n", "stream": "n", "data": "n"},
]


def _decoder(mapping: dict[str, Any], preset: str | None = None, tz: str = "Europe/Warsaw") -> Decoder:
    known = preset_named(preset) if preset else None
    return Decoder("test", LineMapping(FieldMapping(mapping, {}), preset=known), TimeReader(tz, None), _short_name)


def _short_name(file: str) -> str:
    return file.rpartition("/")[2]


def _taken(events: pl.DataFrame, rejected: pl.DataFrame) -> tuple[list[Any], list[Any]]:
    return events.rows(), rejected.rows()


@settings(deadline=None, max_examples=examples(150))
@given(lines=st.lists(_LINES, max_size=12), mapping=st.sampled_from(_MAPPINGS), first=st.sampled_from([1, 1000]))
@example(lines=[_line(1), _line(2, n=b"[]"), b"{", _line(3), _line(4, who=b"1")], mapping=_MAPPINGS[2], first=1)
@example(lines=[_line(1), _line(2, tag=b'""'), _line(3, tag=b"7")], mapping=_MAPPINGS[5], first=1)
@example(lines=[_line(1, data=value) for value in _ODD], mapping={}, first=1)
@example(lines=[_line(1, **{name: value}) for value in _ODD for name in _NAMES], mapping=_MAPPINGS[1], first=1)
def test_bulk_is_line_by_line(lines: list[bytes], mapping: dict[str, Any], first: int) -> None:
    """Events, their order, rejected lines, their numbers and reasons, and the count of times without a zone."""
    bulk, single = _decoder(mapping), _decoder(mapping)
    data = b"\n".join([*lines, b""])
    found = _taken(*bulk.block(Block(data, first, len(lines)), _FILE))
    data = data.removeprefix(b"\xef\xbb\xbf") if first == 1 else data
    each = [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1]]
    expected = _taken(*single.lines(Line(_FILE, number, line) for number, line in enumerate(each, first)))
    assert found == expected
    assert bulk.times.without_zone == single.times.without_zone


@settings(deadline=None, max_examples=examples(40))
@given(
    lines=st.lists(st.tuples(_LINES, st.sampled_from([0, 0, 1, 3, 31, 70, 600])), min_size=1, max_size=8),
    mapping=st.sampled_from(_MAPPINGS),
)
def test_broken_lines_among_many_good_ones(lines: list[tuple[bytes, int]], mapping: dict[str, Any]) -> None:
    """Lines are decoded many at once, and fewer at once around one that cannot be decoded."""
    bulk, single = _decoder(mapping), _decoder(mapping)
    each = [line for odd, gap in lines for line in [*(_line(number % 7) for number in range(gap)), odd]]
    found = _taken(*bulk.block(Block(b"\n".join([*each, b""]), 2, len(each)), _FILE))
    whole = [line.removesuffix(b"\r") for line in each]
    expected = _taken(*single.lines(Line(_FILE, number, line) for number, line in enumerate(whole, 2)))
    assert found == expected
    assert bulk.times.without_zone == single.times.without_zone


def test_lines_of_a_named_format_are_decoded_in_bulk() -> None:
    """Mappings of known formats have alternatives and parts; a line of another format among them is rejected."""
    audit = {"auditID": "a:1", "stage": "Done", "verb": "get", "requestReceivedTimestamp": AT}
    lines = [
        audit,
        {**audit, "objectRef": {"resource": "pods", "name": "web"}},
        {**audit, "objectRef": None, "requestURI": "/api"},
        {**audit, "requestURI": "/api", "stageTimestamp": AT},
        {**audit, "requestURI": ""},
        {"auditID": "b"},
    ]
    each = [json.dumps(line).encode() for line in lines]
    bulk, single = _decoder({}, "kubernetes"), _decoder({}, "kubernetes")
    found = _taken(*bulk.block(Block(b"\n".join([*each, b""]), 1, len(each)), _FILE))
    assert found == _taken(*single.lines(Line(_FILE, number, line) for number, line in enumerate(each, 1)))
    assert [event[:2] for event in found[0]] == [
        ("a\\:1:Done", "pods//web"),
        ("a\\:1:Done", "/api//"),
        ("a\\:1:Done", "/api//"),
    ]
    assert len(found[1]) == 3


def test_lines_of_recognised_formats_are_decoded_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of several known formats, with others between them, give what they give one by one."""
    audit = {"auditID": "a:1", "stage": "Done", "verb": "get", "requestReceivedTimestamp": AT}
    push = {"type": "Push", "actor": {}, "repo": {"name": "a/b"}, "payload": {"n": 1}, "created_at": AT}
    local = {"event_type": "Seen", "event_time": "2024-01-01 00:00:00", "amplitude_id": 1, "uuid": "u"}
    own = {"event_id": "own", "stream": "s", "type": "T", "occurred_at": AT}
    some = [
        *({**audit, "requestURI": f"/{number}"} for number in range(40)),
        *({**push, "id": f"{number}"} for number in range(40)),
        *({**push, "id": f"{number}", "auditID": "x", "stage": "y"} for number in range(4)),
        *(own, local, {**audit, "requestURI": ""}, {**push, "id": 1, "created_at": "soon"}, {"auditID": "b"}),
    ]
    each = [json.dumps(line).encode() for line in some]
    each = [*each[::2], b"", b"{", b'{"id": "\xff"}', *each[1::2]]
    bulk, single = _decoder({}), _decoder({})
    expected = _taken(*single.lines(Line(_FILE, number, line) for number, line in enumerate(each, 1)))
    alone: list[Line] = []

    def map_alone(self: Decoder, line: Line, content: Content) -> list[MappedLine]:
        alone.append(line)
        return _map(self, line, content)

    monkeypatch.setattr(Decoder, "_map", map_alone)
    found = _taken(*bulk.block(Block(b"\n".join([*each, b""]), 1, len(each)), _FILE))
    assert found == expected
    assert bulk.times.without_zone == single.times.without_zone
    assert 0 < len(alone) < 12


_map = Decoder._map
"""What decodes a line alone."""
