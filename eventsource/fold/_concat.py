"""Answers for ranges of entities, joined into one frame."""

from collections.abc import Sequence

import polars as pl

from eventsource.errors import FoldError

__all__ = ["concat_answers"]


def concat_answers(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the answers for ranges of entities as one frame.

    Raises:
        FoldError: the values of a ``reduce`` field have no common dtype.
    """
    if len(parts) == 1:
        return parts[0]
    try:
        for column in range(parts[0].width):
            _check_dtypes({part.dtypes[column] for part in parts})
        return pl.concat(parts, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise FoldError(
            f"the values of a field do not fit one dtype: {error}", hint="dtype=pl.String on the reduce"
        ) from error


def _check_dtypes(dtypes: set[pl.DataType]) -> None:
    """Refuse booleans beside numbers, as Polars does within one part; only numbers are widened."""
    typed = dtypes - {pl.Null()}
    if len(typed) > 1 and pl.Boolean() in typed:
        raise pl.exceptions.SchemaError(f"they are {' and '.join(sorted(map(str, typed)))}")
