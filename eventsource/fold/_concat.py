"""Answers for ranges of entities, put together as one."""

from collections.abc import Sequence

import polars as pl

from eventsource.errors import FoldError

__all__ = ["concat_answers"]


def concat_answers(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the answers for ranges of entities as one.

    Raises:
        FoldError: a ``reduce`` gives values that fit no common dtype.
    """
    if len(parts) == 1:
        return parts[0]
    try:
        for column in range(parts[0].width):
            _check_dtypes({part.dtypes[column] for part in parts})
        return pl.concat(parts, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise FoldError(f"the values of a field do not fit one dtype: {error}", hint="dtype=pl.String") from error


def _check_dtypes(found: set[pl.DataType]) -> None:
    """See that the values of a field have one dtype, as if they stood in one part: only numbers are widened."""
    some = found - {pl.Null()}
    if len(some) > 1 and pl.Boolean() in some:
        raise pl.exceptions.SchemaError(f"they are {' and '.join(sorted(map(str, some)))}")
