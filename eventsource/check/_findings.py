"""What a check found."""

from dataclasses import dataclass, field

import polars as pl

__all__ = ["Findings"]


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Args:
        events: how many events there are.
        streams: how many streams.
        faults: what is wrong, one sentence each; empty for a sound log.
        notes: what is unusual, one sentence each.
        types: ``type``, ``events``, ``first``, ``last`` (``occurred_at``), ``late`` (recorded a day or more after
            they occurred); sorted by ``events``, most first.
        members: ``type``, ``member`` (its dotted path), ``kinds`` of JSON values, ``share`` of events with it.
        sampled: how many events ``members`` was found in; fewer than ``events`` if a type has many.
        skew: streams whose ``recorded_at`` runs backwards, the worst ones: ``stream``, ``events``, ``backwards``,
            ``share``, ``most`` (a Duration: how far behind the latest time of the stream).
        versions: streams whose versions arrived out of order, are repeated or missing, the worst ones:
            ``stream``, ``events``, ``out_of_order``, ``repeated``, ``missing``, ``without`` (events without one).
        rejected: a row per kind of reason: ``reason`` of the first line, ``lines``, ``file`` and ``line`` of the
            first.
        unnamed: types of events that no field of a model names: ``model``, ``type``, ``events``.
        corrections: those without effect: ``position``, ``event_id``, ``target_id``, ``problem``.
    """

    events: int
    streams: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    types: pl.DataFrame = field(repr=False)
    members: pl.DataFrame = field(repr=False)
    sampled: int
    skew: pl.DataFrame = field(repr=False)
    versions: pl.DataFrame = field(repr=False)
    rejected: pl.DataFrame = field(repr=False)
    unnamed: pl.DataFrame = field(repr=False)
    corrections: pl.DataFrame = field(repr=False)
