"""Folding: two engines that compute states from decoded events and give the same answers.

`PolarsEngine` folds whole logs at columnar speed. `ReferenceEngine` folds one event at a time: it is the
specification as code. What each operation does is in `eventsource.operations`.
"""

from eventsource.fold._concat import concat_answers
from eventsource.fold._field_histories import FieldHistories
from eventsource.fold._polars import PolarsEngine
from eventsource.fold._reference import ReferenceEngine
from eventsource.fold.engine import EXISTS, Engine, Events

__all__ = [
    "EXISTS",
    "Engine",
    "Events",
    "FieldHistories",
    "PolarsEngine",
    "ReferenceEngine",
    "concat_answers",
]
