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

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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

_HOMES: Final = {
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
"""The module that defines a public name; names that are not listed are from `eventsource.model`."""

if not TYPE_CHECKING:  # a type checker reads the imports above, and reports names that do not exist

    def __getattr__(name: str) -> Any:
        """Import a public name, a public module or the version when it is first used."""
        if name == "__version__":
            value: Any = import_module("importlib.metadata").version("eventsource-workbench")
        elif name in __all__:
            value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'model')}"), name)
        elif name in _public_modules():
            value = import_module(f"{__name__}.{name}")
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_public_modules(), "__version__"})


def _public_modules() -> set[str]:
    """Return the modules of the package, which are its attributes without an import of their own."""
    from pkgutil import iter_modules  # noqa: PLC0415 - most programs need none of them

    return {name for _, name, _ in iter_modules(__path__) if not name.startswith("_")}
