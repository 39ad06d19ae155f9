"""The theme: contrast with both papers, and colours that differ for every reader."""

from itertools import combinations

import pytest

from eventsource import charts
from eventsource.charts._theme import ACCENT, GREY

PAPERS = {"light": "#ffffff", "dark": "#15181c"}
SEES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
"""Who sees what of linear red, green and blue (Machado, Oliveira and Fernandes 2009)."""
_CONES = ((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.6300))
_LAB = ((0.2105, 0.7936, -0.0041), (1.9780, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087))

Vector = tuple[float, ...]


def _linear(colour: str) -> Vector:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def _times(matrix: tuple[Vector, ...], vector: Vector) -> Vector:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _contrast(one: str, other: str) -> float:
    weights = (0.2126, 0.7152, 0.0722)
    lights = [sum(w * part for w, part in zip(weights, _linear(each), strict=True)) for each in (one, other)]
    low, high = sorted(lights)
    return (high + 0.05) / (low + 0.05)


def _difference(one: str, other: str, matrix: tuple[Vector, ...]) -> float:
    """Return how far two colours are apart in Oklab, for a reader."""
    labs = []
    for colour in (one, other):
        seen = tuple(min(max(part, 0), 1) for part in _times(matrix, _linear(colour)))
        labs.append(_times(_LAB, tuple(part ** (1 / 3) for part in _times(_CONES, seen))))
    return sum((a - b) ** 2 for a, b in zip(*labs, strict=True)) ** 0.5


@pytest.mark.parametrize(("palette", "paper"), [(charts.LIGHT, "light"), (charts.DARK, "dark")])
def test_colours_show_on_their_paper(palette: tuple[str, ...], paper: str) -> None:
    """Each colour of a series has a contrast of 3:1; what a chart is about has it on both papers."""
    assert min(_contrast(colour, PAPERS[paper]) for colour in (*palette, ACCENT, GREY)) >= 3


@pytest.mark.parametrize("palette", [charts.LIGHT, charts.DARK])
@pytest.mark.parametrize("reader", SEES)
def test_colours_differ_for_every_reader(palette: tuple[str, ...], reader: str) -> None:
    """Any two colours differ by at least 0.06 in Oklab, also for readers who do not see red, green or blue."""
    assert min(_difference(one, other, SEES[reader]) for one, other in combinations(palette, 2)) >= 0.06
