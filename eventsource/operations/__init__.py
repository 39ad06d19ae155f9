"""Operations: what events do to a field. `OPERATIONS` is the table that says everything about each of them.

A `Rule` says which operation a field has, and its arguments. The table gives for every operation its arguments,
its default, the step of the reference engine, the computation of the Polars engine, and how snapshots hold and
merge it.
"""

from eventsource.operations._arguments import Op, Pii, Rounding, Transition
from eventsource.operations._columns import column_of, fold_errors
from eventsource.operations._derive import compute_derived
from eventsource.operations._exact_sums import all_totals
from eventsource.operations._expressions import expression_text
from eventsource.operations._field_history import FieldEvents, FieldHistory
from eventsource.operations._histories import flag_of
from eventsource.operations._means import quotients
from eventsource.operations._of import Of, checked_path
from eventsource.operations._operation import Operation, Partial, Reference
from eventsource.operations._ranks import Ranks
from eventsource.operations._rowwise import is_rowwise, searched_columns
from eventsource.operations._rule import Rule, check_event_types
from eventsource.operations._sums import exact_scale
from eventsource.operations._table import OPERATIONS
from eventsource.operations._touched_rows import Numbers, TouchedRows, expand_ranges
from eventsource.operations._unfoldable import NOT_FOLDED, Json, Unfoldable, beyond

__all__ = [
    "NOT_FOLDED",
    "OPERATIONS",
    "FieldEvents",
    "FieldHistory",
    "Json",
    "Numbers",
    "Of",
    "Op",
    "Operation",
    "Partial",
    "Pii",
    "Ranks",
    "Reference",
    "Rounding",
    "Rule",
    "TouchedRows",
    "Transition",
    "Unfoldable",
    "all_totals",
    "beyond",
    "check_event_types",
    "checked_path",
    "column_of",
    "compute_derived",
    "exact_scale",
    "expand_ranges",
    "expression_text",
    "flag_of",
    "fold_errors",
    "is_rowwise",
    "quotients",
    "searched_columns",
]
