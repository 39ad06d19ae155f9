"""Where events come from: one module a kind of store, chosen by the URL."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from eventsource.errors import SourceError
from eventsource.event import ENVELOPE, Source
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._streams import MAX_LINE
from eventsource.sources.files import Files, header

__all__ = ["header", "source"]


def source(
    where: str | Path | Sequence[str | Path],
    *,
    tz: str = "UTC",
    unit: str | None = None,
    format: str | None = None,  # noqa: A002 - the word users look for
    max_line: int = MAX_LINE,
    constants: Mapping[str, str] | None = None,
    **members: Any,
) -> Source:
    """Return a source of events, for `Log.pull`.

    JSON Lines (``.jsonl``, ``.ndjson``, ``.json``), CSV with a header row and Parquet; JSON Lines and CSV also
    as ``.gz`` or ``.zst``. Without a mapping, a line's members are found under the names of the envelope
    (``event_id`` also as ``id``), and CloudEvents 1.0 and Segment or RudderStack calls are recognised by
    themselves. What is not mapped is the payload, unless there is a member ``data``.

    Args:
        where: a path, a folder (all its files, recursively), a glob, or several of them; read in order of path.
        tz: the zone of times that name none.
        unit: the unit of epoch numbers, ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``; default: by their size.
        format: ``"jsonl"``, ``"csv"`` or ``"parquet"``; default: by the file's ending.
        max_line: the most bytes that a line may have; longer ones are rejected.
        constants: column → a text that stands for every line, such as ``{"type": "PageView"}``.
        **members: column → dotted path of the member that holds it, such as ``event_id="id"``,
            ``stream="customer.id"``, ``occurred_at="ts"``, ``data="payload"``; without a member for ``data``,
            the payload is what is not mapped.

    A line without an end is taken where it is whole; where it is not, it is left for the next pull, as someone may
    be writing it. In CSV an empty cell is an absent member, and texts stay texts. A column ``customer.name`` of
    CSV or Parquet is the member ``name`` of an object ``customer``, unless there is a column ``customer`` too.

    Raises:
        SourceError: a scheme, column, unit or format that is not known; a file that is not there shows when
            it is read.
    """
    paths = [_path(each) for each in ([where] if isinstance(where, str | Path) else where)]
    if unknown := sorted(set(members) - set(ENVELOPE)):
        raise SourceError(f"{unknown[0]!r} is no column of the envelope", hint=f"columns: {', '.join(ENVELOPE)}")
    mapping = FieldMapping({name: path for name, path in members.items() if path is not None}, constants or {})
    return Files(paths, mapping=mapping, tz=tz, unit=unit, format=format, max_line=max_line)


def _path(where: str | Path) -> str:
    scheme, found, path = str(where).partition("://")
    if not found:
        return str(where)
    if scheme.lower() != "file":
        raise SourceError(
            f"there is no source for {scheme}:// URLs", hint="known are paths, globs, folders and file:// URLs"
        )
    return url2pathname(path.removeprefix("localhost"))
