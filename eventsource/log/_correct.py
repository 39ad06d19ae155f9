"""Corrections that a user asks for: which events they name, and how these read before and after."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Struct

from eventsource.corrections import Corrections, events_of
from eventsource.errors import FrameError, LogError
from eventsource.event import CORRECTED, CORRECTIONS, RETRACTED, EventLog, json_text
from eventsource.messages import counted, suggestion
from eventsource.moment import parse_times, readable_time

__all__ = ["Correction", "CorrectionRequest", "propose_corrections", "read_correction_requests"]

_PARTS: Final = ("type", "occurred_at", "data")
_MEMBERS: Final = ("event_id", *_PARTS, "reason", "retract")
_MOST_FAULTS: Final = 10
_CANDIDATES: Final = 1_000

CorrectionRequest = Mapping[str, Any]
"""What to correct: ``event_id``; any of ``data``, ``type``, ``occurred_at``, or ``retract``; ``reason``."""


class Correction(Struct, frozen=True):
    """What a correction does to one event.

    Args:
        event_id: the id of the corrected event.
        position: its position.
        before: how it was read: ``type``, ``occurred_at``, ``data`` (JSON text); None: it was retracted.
        after: how it is read now; None: it is retracted.
        envelope: the correcting event, for `Log.append`; None: the event already reads like ``after``.
    """

    event_id: str
    position: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    envelope: Mapping[str, Any] | None

    @property
    def changed(self) -> Mapping[str, tuple[str, str]]:
        """Part → its text before and after; only the parts that differ."""
        before, after = ({name: _text(state, name) for name in _PARTS} for state in (self.before, self.after))
        return {name: (before[name], after[name]) for name in _PARTS if before[name] != after[name]}

    def __str__(self) -> str:
        head = f"{self.event_id} at position {self.position:,}"
        if self.envelope is None:
            return f"{head} already reads like that"
        if self.after is None:
            return f"{head} is retracted\n  it was: {_line(self.before)}"
        if self.before is None:
            return f"{head} is brought back\n  {_line(self.after)}"
        lines = (f"  {name}: {old} → {new}" for name, (old, new) in self.changed.items())
        return "\n".join([head, *lines])


def read_correction_requests(path: str | Path) -> list[dict[str, Any]]:
    """Return what a file asks to correct: JSON Lines, or CSV with a header where its name ends in ``.csv``.

    A line has the members, or columns, of `CorrectionRequest`. In CSV an empty cell is as good as absent, and
    ``data`` holds JSON text.

    Raises:
        FrameError: a line is not a JSON object, or the file is not such a table.
        LogError: the file cannot be read.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".csv":
            rows = pl.read_csv(path, infer_schema=False).iter_rows(named=True)
            return [{name: value for name, value in row.items() if value not in (None, "")} for row in rows]
        return list(_lines(path.read_bytes()))
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error}", hint="name a file of corrections") from error
    except pl.exceptions.PolarsError as error:
        raise FrameError(f"{path} is not a table of corrections: {error}", hint=_FILE_HINT) from error


_FILE_HINT: Final = 'a line such as {"event_id": "o-2", "data": {"amount": 10}, "reason": "typed wrong"}'


def _lines(content: bytes) -> Iterator[dict[str, Any]]:
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip():
            continue
        try:
            members = decoder.decode(line)
            values = {name: msgspec.json.decode(raw) for name, raw in members.items() if name != "data"}
        except (msgspec.DecodeError, RecursionError) as error:
            raise FrameError(f"line {number} is not a JSON object: {error}", hint=_FILE_HINT) from error
        if "data" in members:
            values["data"] = bytes(members["data"]).decode()  # its text, to the last digit
        yield values


def propose_corrections(log: EventLog, requests: Iterable[CorrectionRequest]) -> list[Correction]:
    """Return what corrections would do, in their order; nothing is appended.

    Raises:
        FrameError: a request has a wrong member or value.
        LogError: the log has no event of an id, or it is a correction itself.
    """
    checked = _checked(list(requests))
    ids = pl.Series("event_id", [request["event_id"] for request in checked], pl.String()).unique()
    known = Corrections.of(log)
    named = events_of(log, ids, upto=log.head)
    _check_targets(log, ids, named)
    in_force = {row["event_id"]: row for row in known.in_force().iter_rows(named=True)}
    corrected = set(known.effective["target_id"])
    now = datetime.now(UTC)
    originals = {row["event_id"]: row for row in named.iter_rows(named=True)}
    read = {name: in_force.get(name) if name in corrected else row for name, row in originals.items()}
    proposed = []
    for request in checked:
        original = originals[request["event_id"]]
        before, after = read[request["event_id"]], _after(original, request)
        envelope = None if _is_same(before, after) else _envelope(original, request, now)
        read[request["event_id"]] = after
        proposed.append(Correction(original["event_id"], original["position"], before, after, envelope))
    return proposed


def _checked(requests: list[CorrectionRequest]) -> list[dict[str, Any]]:
    """Return requests with an id as text, data as JSON text and an instant.

    Raises:
        FrameError: names the first faults.
    """
    checked, faults = [], []
    for number, request in enumerate(requests, 1):
        try:
            checked.append(_checked_request(request))
        except (FrameError, msgspec.MsgspecError, TypeError, ValueError) as error:
            faults.append(f"correction {number}: {error}" if len(requests) > 1 else str(error))
    if faults:
        more = [f"and {counted(len(faults) - _MOST_FAULTS, 'more fault')}"] if len(faults) > _MOST_FAULTS else []
        raise FrameError("\n".join([*faults[:_MOST_FAULTS], *more]), hint=_FILE_HINT)
    return checked


def _checked_request(request: Any) -> dict[str, Any]:
    if not isinstance(request, Mapping):
        raise FrameError(f"expected a dict, got {request!r}")
    given = {name: value for name, value in request.items() if value is not None}
    if unknown := sorted(set(given) - set(_MEMBERS)):
        raise FrameError(f"a correction has no member {unknown[0]!r}: {suggestion(unknown[0], _MEMBERS)}")
    name = given.get("event_id")
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise FrameError(f"expected the id of an event as event_id, got {name!r}")
    if not isinstance(given.get("reason", ""), str):
        raise FrameError(f"expected a text as reason, got {given['reason']!r}")
    retract = _is_true(given.get("retract", False))
    if retract and (both := [part for part in _PARTS if part in given]):
        raise FrameError(f"{name!r} is retracted, so it cannot have another {both[0]}")
    if "type" in given and (not isinstance(given["type"], str) or not given["type"]):
        raise FrameError(f"expected an event type as type, got {given['type']!r}")
    if given.get("type") in CORRECTIONS:
        raise FrameError(f"no event can become a correction: its type is {given['type']!r}")
    checked = {**given, "event_id": str(name), "retract": retract}
    if "data" in given:
        checked["data"] = _object_text(given["data"])
    if "occurred_at" in given:
        checked["occurred_at"] = _instant(given["occurred_at"])
    return checked


def _is_true(value: Any) -> bool:
    texts = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in texts:
        return texts[value.lower()]
    raise FrameError(f"expected true or false as retract, got {value!r}")


def _object_text(data: Any) -> str:
    text = json_text("data", data) or ""
    try:
        if not isinstance(msgspec.json.decode(text), dict):
            raise FrameError(f"expected an object as data, got {text[:80]}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise FrameError(f"expected a JSON object as data, got {text[:80]!r}: {error}") from error
    return text


def _instant(moment: Any) -> datetime:
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    found = parse_times(pl.Series([str(moment)]))[0] if isinstance(moment, str | date) else None
    if not isinstance(found, datetime):
        raise FrameError(f"expected a time as occurred_at, got {moment!r}")
    return found


def _check_targets(log: EventLog, ids: pl.Series, named: pl.DataFrame) -> None:
    """Check that the log has all events that corrections name, and that none of them is a correction.

    Raises:
        LogError: names the first that is not there, or is one.
    """
    unknown = ids.filter(~ids.is_in(named["event_id"].implode())).sort()
    if len(unknown):
        more = f" ({len(unknown) - 1:,} more ids are unknown)" if len(unknown) > 1 else ""
        raise LogError(f"the log has no event {unknown[0]!r}{more}", hint=_near_ids(log, unknown[0]))
    corrections = named.filter(pl.col("type").is_in(CORRECTIONS))
    if corrections.height:
        name = corrections["event_id"][0]
        raise LogError(
            f"{name!r} is a correction, and corrections cannot be corrected",
            hint="correct its target again: the last correction counts",
        )


def _near_ids(log: EventLog, name: str) -> str:
    """Return a hint that names an id like an unknown one. Only ids that share a half with it are compared."""
    half = max(len(name) // 2, 1)
    text = pl.col("event_id")
    is_near = text.str.starts_with(name[:half]) | text.str.ends_with(name[-half:])
    is_near |= text.str.to_lowercase() == name.strip().lower()
    found = log.scan().select("event_id").filter(is_near).head(_CANDIDATES).collect().to_series().to_list()
    return suggestion(name, found) if found else "an id that log.scan() shows"


def _after(original: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how an event is read with a correction, which replaces parts of the original."""
    if request["retract"]:
        return None
    return {**original, **{name: request[name] for name in _PARTS if name in request}}


def _is_same(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    if before is None or after is None:
        return before is after
    return all(before[name] == after[name] for name in ("type", "occurred_at")) and (
        _exact(before["data"]) == _exact(after["data"])
    )


def _exact(text: str) -> Any:
    """Return a JSON object whose numbers are their digits: 1, 1.0 and true all differ."""
    return json.loads(text, parse_int=lambda digits: ("int", digits), parse_float=lambda digits: ("float", digits))


def _envelope(original: Mapping[str, Any], request: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the event that makes a correction, in the stream of its target."""
    payload: dict[str, Any] = {"event_id": original["event_id"]}
    if not request["retract"]:
        payload |= {name: request[name] for name in ("type", "occurred_at") if name in request}
        if "data" in request:
            payload["data"] = msgspec.Raw(request["data"].encode())
    if request.get("reason"):
        payload["reason"] = request["reason"]
    return {
        "event_id": f"correction-{uuid.uuid4()}",
        "stream": original["stream"],
        "type": RETRACTED if request["retract"] else CORRECTED,
        "occurred_at": now,
        "recorded_at": now,
        "data": msgspec.json.encode(payload).decode(),
    }


def _line(state: Mapping[str, Any] | None) -> str:
    return ", ".join(_text(state, name) for name in _PARTS)


def _text(state: Mapping[str, Any] | None, name: str) -> str:
    if state is None:
        return "retracted"
    return f"{readable_time(state[name], 'auto')} UTC" if name == "occurred_at" else state[name]
