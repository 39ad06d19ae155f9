"""State machines over columns: no step of Python per event.

Each event maps every state to a state, and maps compose. So the events are cut into blocks of equal length, and
all blocks step at once. Where a block begins inside an entity, its first state is not known yet: the block before
is run from every state, and the right one is picked when that one's first state is known.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["run"]

Numbers = npt.NDArray[np.int64]


def run(
    events: Numbers, fresh: npt.NDArray[np.bool_], table: Numbers, initial: int, *, block: int | None = None
) -> Numbers:
    """Return the state after each event.

    Args:
        events: the numbers of events, in order.
        fresh: whether an event is the first of its entity, which begins in ``initial``; the first one is.
        table: next state by event and state; the last row, an event of no effect, maps each state to itself.
        initial: the first state.
        block: how many events a block has; default: as many as there are blocks.
    """
    length = block or max(int(len(events) ** 0.5), 1)
    count = -(-len(events) // length)
    missing = count * length - len(events)
    steps = np.append(events, np.full(missing, len(table) - 1)).reshape(count, length).T
    starts = np.append(fresh, np.zeros(missing, bool)).reshape(count, length).T
    first = _first_states(steps, starts, table, initial)
    states = np.empty((length, count), np.int64)
    for row in range(length):
        first = table[steps[row], np.where(starts[row], initial, first)]
        states[row] = first
    return states.T.reshape(-1)[: len(events)]


def _first_states(steps: Numbers, starts: npt.NDArray[np.bool_], table: Numbers, initial: int) -> Numbers:
    """Return the state in which each block begins."""
    length, count = steps.shape
    inside = np.flatnonzero(~starts[0])  # the others begin with an entity
    ends = np.zeros((count, table.shape[1]), np.int64)
    needed = np.unique(inside - 1)
    maps = np.tile(np.arange(table.shape[1]), (len(needed), 1))
    for row in range(length):
        maps = np.where(starts[row, needed, None], initial, maps)
        maps = table[steps[row, needed, None], maps]
    ends[needed] = maps
    first = np.full(count, initial)
    for number in inside.tolist():
        first[number] = ends[number - 1, first[number - 1]]
    return first
