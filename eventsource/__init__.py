"""Analytics and reporting for event-sourced systems: a state is the fold of events up to a moment.

```python
import eventsource as es

log = es.Log("data/log")
log.pull(es.source("data/raw/*.jsonl.gz"))
customers = es.Timeline(log, Customer)
customers.as_of("2024-06-30")
```

Names are imported when they are first used: ``import eventsource`` itself loads no other library, so the command
line can print its help at once.
"""

import os
from typing import TYPE_CHECKING, Final

from eventsource.lazy_names import lazy_names

# The allocator of Polars (jemalloc) reads this variable when Polars is first imported, here or in another process.
# By default it gives freed memory back after half a second, and blocks of more than 8 MB at once. Every page of
# the next column is then a page fault: a tenth of the time of a pull and of a first question.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,oversize_threshold:0")

if TYPE_CHECKING:
    # Re-exports, for type checkers. isort would write a statement per module.
    # isort: off
    from eventsource import (
        board as board,
        charts as charts,
        check as check,
        decode as decode,
        dump as dump,
        errors as errors,
        event as event,
        fold as fold,
        jupyter as jupyter,
        log as log,
        model as model,
        moment as moment,
        plan as plan,
        readmodel as readmodel,
        report as report,
        snapshots as snapshots,
        sources as sources,
        testing as testing,
        timeline as timeline,
    )

    # isort: on
    from eventsource.errors import EventsourceError
    from eventsource.jupyter import notebook
    from eventsource.log import Log
    from eventsource.model import (
        Model,
        count,
        derive,
        distinct,
        first,
        flag,
        largest,
        latest,
        mean,
        reduce,
        smallest,
        states,
        total,
    )
    from eventsource.plan import Plan
    from eventsource.readmodel import ReadModel
    from eventsource.snapshots import SnapshotPolicy
    from eventsource.sources import source
    from eventsource.store import EventStore
    from eventsource.timeline import Timeline

    __version__: str

__all__ = [
    "EventStore",
    "EventsourceError",
    "Log",
    "Model",
    "Plan",
    "ReadModel",
    "SnapshotPolicy",
    "Timeline",
    "count",
    "derive",
    "distinct",
    "first",
    "flag",
    "largest",
    "latest",
    "mean",
    "notebook",
    "reduce",
    "smallest",
    "source",
    "states",
    "total",
]

_HOMES: Final = dict.fromkeys(__all__, "model") | {
    "EventStore": "store",
    "EventsourceError": "errors",
    "Log": "log",
    "Plan": "plan",
    "ReadModel": "readmodel",
    "SnapshotPolicy": "snapshots",
    "Timeline": "timeline",
    "notebook": "jupyter",
    "source": "sources",
}
"""The module that defines each public name."""


def _submodules() -> set[str]:
    from pkgutil import iter_modules  # noqa: PLC0415 - most programs need none of them

    return {name for _, name, _ in iter_modules(__path__) if not name.startswith("_")}


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow to import

    return version("eventsource-workbench")


if not TYPE_CHECKING:  # a type checker reads the imports above, and reports names that do not exist
    __getattr__, __dir__ = lazy_names(
        globals(), _HOMES, submodules=_submodules, computed={"__version__": _version}
    )
