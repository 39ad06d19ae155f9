"""Folding: two engines that compute states from decoded events and give the same answers.

`PolarsEngine` folds whole logs at columnar speed. `ReferenceEngine` folds one event at a time: it is the
specification as code. What each operation does is in `eventsource.operations`.
"""

from eventsource.fold._bounds import Bounds
from eventsource.fold._concat import concat_answers
from eventsource.fold._faults import faults_of
from eventsource.fold._field_histories import FieldHistories
from eventsource.fold._held import Held, held_values, shows_numbers_as_texts
from eventsource.fold._polars import PolarsEngine
from eventsource.fold._reference import ReferenceEngine
from eventsource.fold._value_dtypes import static_dtypes
from eventsource.fold.engine import EXISTS, FAULTS, Engine, Events

__all__ = [
    "EXISTS",
    "FAULTS",
    "Bounds",
    "Engine",
    "Events",
    "FieldHistories",
    "Held",
    "PolarsEngine",
    "ReferenceEngine",
    "concat_answers",
    "faults_of",
    "held_values",
    "shows_numbers_as_texts",
    "static_dtypes",
]
