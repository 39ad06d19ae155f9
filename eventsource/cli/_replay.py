"""The commands `replay` and `dump`: one entity, event by event, on the screen or for another log."""

from collections.abc import Iterable, Iterator

import msgspec
import polars as pl
from rich.console import Console
from rich.text import Text

from eventsource.cli._formats import json, short
from eventsource.cli._options import QuestionOptions
from eventsource.cli._output import OutputOption, OutputOptions, deliver
from eventsource.cli._questions import Entity, check_entity
from eventsource.cli._terminal import console, harmless
from eventsource.dump import dump as dump_events
from eventsource.event import RETRACTED
from eventsource.messages import counted
from eventsource.timeline import Replay, Step, correction_note

__all__ = ["dump", "replay"]


def replay(asked: QuestionOptions, shown: OutputOptions, entity: Entity) -> None:
    """Replay one entity event by event: the state before, what changed, the state after."""
    timeline = asked.timeline()
    check_entity(timeline, entity)
    found = timeline.replay(entity, **asked.view)
    if shown.form == "table" and shown.output is None:
        _print(found, shown.limit, timeline.tz)
    elif shown.form == "json":
        deliver(_json(found), shown.output)
    else:
        shown.show(found.to_frame(), tz=timeline.tz)


def dump(asked: QuestionOptions, entity: Entity, output: OutputOption = None) -> None:
    """Write all events of one entity as JSON Lines, which another log can pull.

    This moves a case to another machine, for instance to debug it there.
    """
    timeline = asked.timeline()
    check_entity(timeline, entity)
    deliver(dump_events(timeline, entity, **asked.view), output)


def _print(found: Replay, limit: int | None, tz: str) -> None:
    out = console()
    out.print(
        Text(harmless(f"Replay of {found.entity}: {counted(len(found), 'event')}; times are {tz}"), style="bold")
    )
    for step in list(found)[: limit or None]:
        for line in _lines(step, tz):
            out.print(line, no_wrap=True, overflow="ellipsis")
    if limit and len(found) > limit:
        out.print(Text(f"the first {limit} of {counted(len(found), 'event')}; --limit 0 shows all", style="dim"))
    elif len(found):
        _print_last_state(out, found[-1], tz)
    retracted = found.corrections.filter(pl.col("correction") == RETRACTED)
    if retracted.height:
        out.print(Text("\nretracted events", style="bold"))
        for row in retracted.iter_rows(named=True):
            out.print(Text(f"    {harmless(row['event_id'])}  {harmless(correction_note(row))}", style="yellow"))


def _print_last_state(out: Console, step: Step, tz: str) -> None:
    if step.exists_after:
        out.print(Text("\nthe state after the last event", style="bold"))
        out.print(_state(step, tz), soft_wrap=True)
    else:
        out.print(Text("\nthe entity does not exist after the last event", style="bold"))


def _lines(step: Step, tz: str) -> Iterator[Text]:
    """Yield the lines of a step: the event, its payload, whether it created or deleted, what it changed."""
    head = Text(f"\n{short(step.at, tz)}  ", style="dim")
    yield head.append(harmless(step.type), style="bold not dim").append(
        f"  #{step.position}  {harmless(step.event_id)}"
    )
    yield Text(f"    {harmless(step.data)}", style="dim")
    if step.correction:
        yield Text(f"    {harmless(step.correction)}", style="yellow")
    if step.existence:
        yield Text(f"    {step.existence}", style="bold green" if step.exists_after else "bold red")
    width = max((len(name) for name in step.changed), default=0)
    for name, (before, after) in step.changed.items():
        yield Text(f"    {name:<{width}}  {short(before, tz)} → ").append(short(after, tz), style="green")
    if not step.changed and not step.existence:
        yield Text("    changed nothing", style="dim italic")


def _state(step: Step, tz: str) -> Text:
    width = max((len(name) for name in step.after), default=0)
    return Text("\n".join(f"    {name:<{width}}  {short(value, tz)}" for name, value in step.after.items()))


def _json(found: Iterable[Step]) -> Iterator[bytes]:
    yield b"["
    for number, step in enumerate(found):
        yield (b",\n" if number else b"\n") + json(_members(step))
    yield b"\n]\n"


def _members(step: Step) -> dict[str, object]:
    return {
        "at": step.at,
        "position": step.position,
        "event_id": step.event_id,
        "type": step.type,
        "data": msgspec.Raw(step.data.encode()),
        "before": step.before if step.exists_before else None,
        "changed": {name: {"before": old, "after": new} for name, (old, new) in step.changed.items()},
        "after": step.after if step.exists_after else None,
        "existence": step.existence,
        "exists": {"before": step.exists_before, "after": step.exists_after},
        **({"corrected": step.correction} if step.correction else {}),
    }
