"""What writers append: a function of the writer's number alone, so that a check needs to remember nothing.

Of 20 events each:

```text
append   stream          version before   events
0        writer-3-0      0                3:0 … 3:19
1        writer-3-1      0                3:20 … 3:39
…
9        shared          unknown          3:180 … 3:199       all writers append to it
10       writer-3-0      20               3:200 … 3:219
```
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Append", "Event", "append_of", "appends_of"]

_STREAMS: Final = 10
_TYPES: Final = ("Placed", "Paid", "Packed", "Shipped")
_WORDS: Final = ("Ærø", "naïve", "日本", "😀", 'quo"ted', "back\\slash", "line\nbreak", "plain")


@dataclass(frozen=True, slots=True)
class Event:
    """One event to append; its time is ISO 8601, its payload JSON."""

    event_id: str
    type: str
    occurred_at: str
    data: str


@dataclass(frozen=True, slots=True)
class Append:
    """Events that are appended together.

    Args:
        stream: the stream.
        version: the version that it has before; None: other writers append to it, too.
        events: the events.
    """

    stream: str
    version: int | None
    events: tuple[Event, ...]


def append_of(writer: int, number: int, *, size: int, shares: bool) -> Append:
    """Return an append of a writer.

    Args:
        writer: the number of the writer.
        number: the number of the append, from 0.
        size: how many events an append has; a stream of a writer has whole appends only.
        shares: whether every tenth append is to a stream that all writers share.
    """
    turn, own = divmod(number, _STREAMS)
    events = tuple(_event(writer, each) for each in range(number * size, (number + 1) * size))
    if shares and own == _STREAMS - 1:
        return Append("shared", None, events)
    return Append(f"writer-{writer}-{own}", turn * size, events)


def appends_of(writers: int, count: int, *, size: int, shares: bool) -> Iterator[Append]:
    """Yield ``count`` appends of each writer; see `append_of`."""
    for writer in range(writers):
        for number in range(count):
            yield append_of(writer, number, size=size, shares=shares)


def _event(writer: int, number: int) -> Event:
    chosen = random.Random(writer << 32 | number)
    payload = {
        "writer": writer,
        "number": number,
        "amount": chosen.randrange(-(2**62), 2**62),
        "weight": chosen.random(),
        "text": chosen.choice(_WORDS) * chosen.randrange(1, 5),
        "nothing": None,
    }
    return Event(
        event_id=f"{writer:08}-0000-4000-8000-{number:012}",
        type=_TYPES[number % len(_TYPES)],
        occurred_at=f"2024-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{writer:06}Z",
        data=json.dumps(payload, ensure_ascii=False),
    )
