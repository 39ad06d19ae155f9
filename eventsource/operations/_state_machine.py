"""State machines over whole columns, without a step of Python per event.

A machine with the states 0 (new), 1 (open), 2 (shut), and six events of two entities in blocks of three:

    event              0      1      2      3      4      5
    entity             ann    ann    ann    ann    bob    bob
    is_first           1      0      0      0      1      0
    type               open   shut   open   shut   open   open
    block              0      0      0      1      1      1
    state after        1      2      1      2      1      1

All blocks step at once: first the events 0 and 3, then 1 and 4, then 2 and 5. A step is one look-up in ``table``
by event type and state. The first event of an entity has a type of its own (type + number of types). In its row of
``table`` every state leads to where the initial state leads, so that the state before it does not matter.

Block 1 begins inside ann's events, so it begins in ann's state after event 2. `_first_states` finds it: in block 0
it looks for the last event that is its entity's first (event 0), and steps one by one through the events from
there to the end of the block. This walk runs in C, through iterators: a node is the list of nodes that it
leads to, so that a step is ``node[type]``.
"""

from itertools import accumulate, compress
from operator import getitem, itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from eventsource.operations._touched_rows import Numbers

__all__ = ["run_machine"]

Mask = npt.NDArray[np.bool_]


def run_machine(
    types: Numbers, is_first: Mask, table: Numbers, initial: int, *, block: int | None = None
) -> Numbers:
    """Return the state after each event.

    Args:
        types: the number of each event's type, in fold order.
        is_first: whether an event is the first of its entity, whose state before it is ``initial``.
        table: the next state by type and state.
        initial: the first state.
        block: the number of events in a block; default: as many as there are blocks.
    """
    n_types, width = table.shape
    from_initial = np.repeat(table[:, [initial]], width, axis=1)
    steps = np.concatenate([table, from_initial]).astype(np.min_scalar_type(width))
    length = block or max(int(len(types) ** 0.5), 1)
    codes = np.zeros(-(-len(types) // length) * length, np.min_scalar_type(2 * n_types))
    codes[: len(types)] = types + is_first * n_types
    blocks = codes.reshape(-1, length)
    return _step_blocks(blocks, steps, _first_states(blocks, steps, initial)).reshape(-1)[: len(types)]


def _step_blocks(blocks: Numbers, steps: Numbers, first: Numbers) -> Numbers:
    """Return the states of all blocks, each of which begins in its ``first`` state."""
    n_codes, width = steps.shape
    flat, offsets = steps.reshape(-1), np.arange(n_codes) * width
    states = np.empty(blocks.shape[::-1], steps.dtype)
    for row, codes in enumerate(np.ascontiguousarray(blocks.T)):
        first = flat.take(offsets.take(codes) + first, out=states[row], mode="clip")  # "raise" copies ``out``
    return states.T


def _first_states(blocks: Numbers, steps: Numbers, initial: int) -> Numbers:
    """Return the state in which each block begins.

    Four blocks of three events; the first event of each entity is marked ``*``. The states are those after the
    last event of a walk::

        block        0            1            2            3
        events       a1* b1* b2   b3  c1* c2   d1* d2  d3   d4  d5  d6

        before       0                         2              blocks whose next one begins inside an entity
        skipped      1                         0              their events before their last ``*``
        walked           b1  b2                d1  d2  d3
        ends                 1                         4      where each block ends among the events walked
        first        initial      after b2     initial      after d3

    Block 2 begins with a ``*``: its first state does not matter, so that block 1 is not walked. A block without
    any ``*`` is walked as a whole. Its walk continues from the end of the block before, which is then walked too.
    """
    first = np.full(len(blocks), initial, steps.dtype)
    is_first = blocks >= len(steps) // 2
    before = np.flatnonzero(~is_first[1:, 0])
    length = blocks.shape[1]
    last = length - 1 - np.argmax(is_first[before, ::-1], axis=1)
    skipped = np.where(is_first[before].any(axis=1), last, 0)
    walked = blocks[before][np.arange(length) >= skipped[:, None]]
    first[before + 1] = _walk(walked, np.cumsum(length - skipped) - 1, steps, initial)
    return first


def _walk(codes: Numbers, ends: Numbers, steps: Numbers, initial: int) -> Numbers:
    """Return the states after the events at ``ends``; the last item of a node is its own number."""
    nodes: list[list[Any]] = [[] for _ in range(steps.shape[1])]
    for state, node in enumerate(nodes):
        node.extend(nodes[target] for target in steps[:, state].tolist())
        node.append(state)
    is_end = np.zeros(len(codes) + 1, np.bool_)
    is_end[ends + 1] = True  # the path begins before any event
    path = accumulate(codes.data, getitem, initial=nodes[initial])
    return np.fromiter(map(itemgetter(-1), compress(path, is_end.data)), steps.dtype, len(ends))
