"""A first model for a log, guessed from its first events; the user checks and corrects it."""

import json
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import polars as pl
from msgspec import Struct

from eventsource.check import members
from eventsource.event import Batch
from eventsource.plan import RESERVED

__all__ = ["Proposal", "propose"]

_EVENTS: Final = 20_000
_FIELDS: Final = 12
_MOST: Final = 0.8
"""The share of streams that most streams are."""
_STEM: Final = 4
"""Letters that two types share if one ends what the other begins, as in CustomerCreated, CustomerDeleted."""
_NOT_ALLOWED: Final = RESERVED | {"plan"}
"""Names that a field cannot have; ``Model.plan`` is an attribute of every model."""
_DOTTED: Final = r'(^|\.)"[^"]*\.[^"]*"(\.|$)'
"""A member name that contains dots, as `members` quotes it: dotted paths cannot address it."""

_PREFIX: Final = re.compile(r"^([A-Za-z][A-Za-z0-9]*?)s?[-_:/#.]")
_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d+)?")
_MONEY: Final = re.compile(
    r"price|amount|total|cost|fee|paid|sum|balance|value|revenue|tax|freight|charge|salary|refund"
    r"|betrag|preis|kosten|umsatz|brutto|netto|montant|prix|importe|precio|prezzo",
    re.IGNORECASE,
)
_MOST_DECIMALS: Final = 4
_LOOKED_AT: Final = 2_000
_ENDS: Final = re.compile(r"(deleted|removed|erased)$", re.IGNORECASE)


class Proposal(Struct, frozen=True):
    """A model guessed from the first events of a source.

    Args:
        name: the name of the model's class.
        module: the text of a module with the model; empty if there are no events to guess from.
        types: a row per event type: ``type``, ``events``; the most frequent first.
        reasons: why lines were rejected, the first few reasons.
    """

    name: str
    module: str
    types: pl.DataFrame
    reasons: tuple[str, ...]


def propose(batch: Batch) -> Proposal:
    """Return a model guessed from the first batch of a source."""
    events = batch.events.head(_EVENTS)
    reasons = tuple(batch.rejected["reason"].unique(maintain_order=True).head(3))
    types = events.group_by("type").len("events").sort("events", "type", descending=[True, False])
    if events.is_empty():
        return Proposal("Entity", "", types, reasons)
    name = _class_name(events["stream"])
    return Proposal(name, _module(name, events, types), types, reasons)


def _class_name(streams: pl.Series) -> str:
    """Return the common prefix of most streams: Customer for ``customer-42``."""
    prefixes = [found[1] for stream in streams.unique() if (found := _PREFIX.match(stream))]
    if not prefixes:
        return "Entity"
    most = max(sorted(set(prefixes)), key=prefixes.count)
    common = prefixes.count(most) >= _MOST * streams.n_unique() and not keyword.iskeyword(most.capitalize())
    return most[0].upper() + most[1:] if common else "Entity"


def _module(name: str, events: pl.DataFrame, types: pl.DataFrame) -> str:
    created = _created(events)
    streams = dict(events.group_by("type").agg(pl.col("stream").n_unique()).iter_rows())
    ends = _deleted(types["type"], created)
    options = [f"created={_quoted([created])}"] if created else []
    options += [f"deleted={_quoted(ends)}"] if len(ends) == 1 else [f"deleted=({_quoted(ends)})"] if ends else []
    lines = [
        f'"""Models: what the events mean. Guessed from {events.height:,} events: check it."""',
        "",
        "import eventsource as es",
        "",
        "",
        f"class {name}({', '.join(['es.Model', *options])}):",
        '    """The entity is the stream of an event."""',
        "",
        *_fields(members(events), streams, types["type"][0], _scales(events)),
    ]
    if any("pl." in line for line in lines):
        lines.insert(lines.index("import eventsource as es"), "import polars as pl\n")
    return "\n".join(lines) + "\n"


def _created(events: pl.DataFrame) -> str | None:
    """Return the type of the first event of most streams, or None."""
    firsts = events.sort("occurred_at", maintain_order=True).group_by("stream").agg(pl.col("type").first())
    most, count = firsts.group_by("type").len().sort("len", "type", descending=True).row(0)
    return most if count >= _MOST * firsts.height else None


def _deleted(types: Iterable[str], created: str | None) -> list[str]:
    """Return the types that seem to end what ``created`` begins, such as CustomerDeleted."""
    stem = (created or "")[:_STEM]
    return sorted(name for name in types if stem and name.startswith(stem) and _ENDS.search(name))


def _fields(found: pl.DataFrame, streams: dict[str, int], commonest: str, scales: dict[str, int]) -> Iterator[str]:
    """Yield a line per field: the latest value of the members that most streams have, and one count.

    Args:
        found: the result of `members`.
        streams: event type → the number of streams with such an event.
        commonest: the event type to count.
        scales: the result of `_scales`.
    """
    readable = pl.col("member").str.split(".").list.eval(pl.element() != "").list.all()
    readable &= ~pl.col("member").str.contains(_DOTTED)
    plain = found.filter(readable & ~pl.col("kinds").str.contains("object|list"))
    weight = pl.col("share") * pl.col("type").replace_strict(streams, return_dtype=pl.Float64)
    groups = plain.with_columns(weight.alias("weight")).group_by("member")
    common = groups.agg(pl.col("type").sort(), pl.col("kinds").first(), pl.col("weight").max())
    taken: set[str] = set()
    rows = common.sort("weight", "member", descending=[True, False]).head(_FIELDS).drop("weight")
    for path, types, kinds in rows.iter_rows():
        name = _identifier(path, taken)
        dtype = f", dtype=pl.Decimal(38, {scales[path]})" if path in scales else ""
        yield f"    {name} = es.latest({_quoted(types)}, of={_quoted([path])}{dtype})  # {kinds}"
        if dtype:
            total = _identifier(f"{name}_total", taken)
            yield f"    {total} = es.total({_quoted(types)}, of={_quoted([path])}{dtype})"
    yield f"    {_identifier(f'{commonest}_count', taken)} = es.count({_quoted([commonest])})"


def _scales(events: pl.DataFrame) -> dict[str, int]:
    """Return path → decimals, of members that look like money: numbers that mostly have two to four decimals.

    Floats would add up to 54.949999999999996; such a member gets a Decimal dtype.
    """
    found: dict[str, list[int]] = {}
    for text in events["data"].head(_LOOKED_AT):
        for path, value in _numbers(text):
            found.setdefault(path, []).append(len(value.partition(".")[2]))
    return {
        path: max(decimals)
        for path, decimals in found.items()
        if 1 <= max(decimals) <= _MOST_DECIMALS and _MONEY.search(path)
    }


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of the numbers of a payload, also of those in texts, as CSV has them."""
    try:
        payload = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        return
    for name, value in payload.items() if isinstance(payload, dict) else ():
        inner = value.items() if isinstance(value, dict) else ()
        for path, each in ((name, value), *((f"{name}.{key}", each) for key, each in inner)):
            if isinstance(each, str) and _NUMBER.fullmatch(each):
                yield path, each


def _identifier(path: str, taken: set[str]) -> str:
    """Return a valid and unused name for a field; add it to ``taken``."""
    last, whole = (_snake(text) for text in (path.rsplit(".", 1)[-1], path))
    name = whole if last in taken else last
    if keyword.iskeyword(name) or name in _NOT_ALLOWED:
        name = f"{name}_"
    if not name.isidentifier() or name in taken:
        name = f"field_{len(taken) + 1}"
    taken.add(name)
    return name


def _snake(text: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"\W+", "_", words).strip("_").lower()


def _quoted(names: Sequence[str]) -> str:
    """Return texts as Python literals; a text from the log cannot end its own quotes, nor hide in its line."""
    return ", ".join(json.dumps(name, ensure_ascii=not name.isprintable()) for name in names)
