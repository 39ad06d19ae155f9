"""A widget that goes through the events of one entity: what each changed, and the state after it."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import anywidget
import traitlets

from eventsource.formats import formatted
from eventsource.moment import readable_time
from eventsource.timeline import Replay, Step

__all__ = ["TimeMachine"]

_HERE: Final = files("eventsource.jupyter")


class TimeMachine(anywidget.AnyWidget):
    """The events of one entity on a slider, with the state before and after each.

    The arrow keys go from event to event. All values are shown as text, so a payload cannot be run.

    Args:
        replay: what `Timeline.replay` returns.
        index: the step that is shown first, counted as in a list; default: the last one.

    Attributes:
        index: the step that is shown; a notebook can read it and set it.
    """

    _esm = _HERE.joinpath("time_machine.js").read_text(encoding="utf-8")
    _css = _HERE.joinpath("time_machine.css").read_text(encoding="utf-8")
    entity = traitlets.Unicode().tag(sync=True)
    steps: traitlets.List[Any] = traitlets.List().tag(sync=True)
    index = traitlets.Int().tag(sync=True)

    def __init__(self, replay: Replay, *, index: int = -1) -> None:
        steps = [_shown(step) for step in replay]
        super().__init__(entity=replay.entity, steps=steps, index=index % max(len(steps), 1))


def _shown(step: Step) -> dict[str, Any]:
    """Return a step as texts."""
    return {
        "at": f"{readable_time(step.at)} UTC",
        "position": step.position,
        "type": step.type,
        "existence": step.existence,
        "correction": step.correction,
        "changed": [[name, _text(before), _text(after)] for name, (before, after) in step.changed.items()],
        "state": _state(step.after) if step.exists_after else [],
        "data": step.data or "",
    }


def _state(values: Mapping[str, Any]) -> list[list[str]]:
    return [[name, _text(value)] for name, value in values.items()]


def _text(value: Any) -> str:
    return formatted(value, "text") if isinstance(value, bool) else formatted(value)
