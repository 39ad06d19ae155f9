"""State machines over columns: no step of Python per event.

The events are cut into blocks of equal length, and all blocks step at once; a step is one lookup by event and
state. A block that begins inside an entity begins in the last state of the block before. To know it, only the
events from the last beginning of an entity in that block on are walked one by one, by iterators in C, from node
to node of the machine: no more work with 200 states than with two.
"""

from itertools import accumulate, compress
from operator import getitem, itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["run"]

Numbers = npt.NDArray[np.integer[Any]]
Mask = npt.NDArray[np.bool_]


def run(events: Numbers, fresh: Mask, table: Numbers, initial: int, *, block: int | None = None) -> Numbers:
    """Return the state after each event.

    Args:
        events: the numbers of events, in order.
        fresh: whether an event is the first of its entity, which begins in ``initial``; the first one is.
        table: next state by event and state.
        initial: the first state.
        block: how many events a block has; default: as many as there are blocks.
    """
    kinds, width = table.shape
    begun = np.repeat(table[:, [initial]], width, axis=1)  # a first event, whatever state came before
    steps = np.concatenate([table, begun]).astype(np.min_scalar_type(width))
    length = block or max(int(len(events) ** 0.5), 1)
    codes = np.zeros(-(-len(events) // length) * length, np.min_scalar_type(2 * kinds))
    codes[: len(events)] = events + fresh * kinds
    blocks = codes.reshape(-1, length)
    return _stepped(blocks, steps, _first_states(blocks, steps, initial)).reshape(-1)[: len(events)]


def _stepped(blocks: Numbers, steps: Numbers, first: Numbers) -> Numbers:
    """Return the states of all blocks, each of which begins in its ``first`` state."""
    kinds, width = steps.shape
    flat, offsets = steps.reshape(-1), np.arange(kinds) * width
    states = np.empty(blocks.shape[::-1], steps.dtype)
    for row, codes in enumerate(np.ascontiguousarray(blocks.T)):
        first = flat.take(offsets.take(codes) + first, out=states[row], mode="clip")  # "raise" copies ``out``
    return states.T


def _first_states(blocks: Numbers, steps: Numbers, initial: int) -> Numbers:
    """Return the state in which each block begins."""
    first = np.full(len(blocks), initial, steps.dtype)
    fresh = blocks >= len(steps) // 2
    before = np.flatnonzero(~fresh[1:, 0])  # blocks whose next one begins inside an entity
    length = blocks.shape[1]
    last = length - 1 - np.argmax(fresh[before, ::-1], axis=1)
    skipped = np.where(fresh[before].any(axis=1), last, 0)
    walked = blocks[before][np.arange(length) >= skipped[:, None]]
    first[before + 1] = _walked(walked, np.cumsum(length - skipped) - 1, steps, initial)
    return first


def _walked(codes: Numbers, ends: Numbers, steps: Numbers, initial: int) -> Numbers:
    """Return the states after the events at ``ends``; a node is the nodes it leads to, and its own number."""
    nodes: list[list[Any]] = [[] for _ in range(steps.shape[1])]
    for state, node in enumerate(nodes):
        node.extend(nodes[target] for target in steps[:, state].tolist())
        node.append(state)
    wanted = np.zeros(len(codes) + 1, np.bool_)
    wanted[ends + 1] = True  # the path begins before any event
    path = accumulate(codes.data, getitem, initial=nodes[initial])
    return np.fromiter(map(itemgetter(-1), compress(path, wanted.data)), steps.dtype, len(ends))
