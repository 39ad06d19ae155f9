"""Charts of plain frames, with one theme and good defaults, as Altair charts.

============================ ==================================================================
question                     chart
============================ ==================================================================
how did it grow?             `line`
how many in which state?     `stacked`
how much of each?            `bars`
who stayed?                  `retention`
how long does it last?       `time_in_state`
who went where?              `flows`
what changed in between?     `difference`
what was won and lost?       `won_and_lost`
what came late?              `late_arrivals`
what was known when?         `heatmap`
what was true until when?    `intervals`
what happened to one entity? `life_line`
============================ ==================================================================

A closed day is drawn at its end. Axes of time show the year, and the zone where they show hours. Names are at the
ends of lines, numbers in cells and at bars. Integers beyond 2**53, which JavaScript would round, are texts.
The gallery in the documentation draws each. Altair is imported when the first chart is made.
"""

from typing import Final

from eventsource.charts._bars import bars, difference, late_arrivals, won_and_lost
from eventsource.charts._flows import flows
from eventsource.charts._grids import heatmap, retention
from eventsource.charts._lines import line, stacked, time_in_state
from eventsource.charts._spec import LAB_MIMETYPE, MIMETYPE, use_in_notebooks
from eventsource.charts._theme import DARK, LIGHT
from eventsource.charts._times import intervals, life_line
from eventsource.charts._values import HIDDEN

__all__ = [
    "DARK",
    "HIDDEN",
    "LIGHT",
    "MIMETYPE",
    "VEGA_MIMETYPES",
    "bars",
    "difference",
    "flows",
    "heatmap",
    "intervals",
    "late_arrivals",
    "life_line",
    "line",
    "retention",
    "stacked",
    "time_in_state",
    "use_in_notebooks",
    "won_and_lost",
]

VEGA_MIMETYPES: Final = (MIMETYPE, LAB_MIMETYPE)
"""All MIME types of charts, the preferred one first."""
