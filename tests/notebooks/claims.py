"""What sentences claim in words, such as *fell*, *never* or *most often*, and when it is true.

A number in a sentence is found among the results. A word is not, so each claim has a line here: the sentence, and
what must hold of the results for it. A sentence with such a word and without a line fails the test, and so does
one that two lines match.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from eventsource.formats import formatted

__all__ = ["claimed", "sentences"]

Results = Mapping[str, Any]
Claim = Callable[[re.Match[str], Results], bool]

WORDS: Final = re.compile(
    r"\b(rose|fell|grew|shrank|did not change|unchanged|more than|fewer than|as many as|most|least|slowest|"
    r"fastest|busiest|emptiest|overlaps?|never|no|none|nothing|only|all|every|always)\b",
    re.IGNORECASE,
)
"""Words that claim something that a number does not."""

_ESCAPED: Final = re.compile(r"\\(.)")
_MORE: Final = r"(?P<more>[\d,]+ (?:more|fewer) than|as many as)"
_ROSE: Final = r"(?P<{}>rose|fell|did not change)"


def sentences(markdown: str) -> list[str]:
    """Return the sentences of a Markdown text, as people read them: items of lists are texts of their own."""
    lines = [_ESCAPED.sub(r"\1", line.removeprefix("- ")) for line in markdown.splitlines()]
    return [each for line in lines for each in re.split(r"(?<=[.:?]) (?=[A-Z*\[])", line) if each]


def claimed(prefix: str, sentence: str, named: Results) -> bool | None:
    """Return whether what a sentence claims in words is true; None: it claims nothing.

    Raises:
        AssertionError: it claims something of which the table says nothing, or twice.
    """
    if not WORDS.search(sentence):
        return None
    found = [
        (match, claim) for text, claim in CLAIMS.get(prefix, {}).items() if (match := re.search(text, sentence))
    ]
    assert len(found) == 1, f"{len(found)} claims match: {sentence}"
    match, claim = found[0]
    return claim(match, named)


def _more(amount: int) -> str:
    return formatted(amount, "more")


def _low_high(row: tuple[Any, ...]) -> tuple[float, float]:
    return float(row[-2]), float(row[-1])


def _overlaps(match: re.Match[str], named: Results) -> bool:
    first, *others = named["channels"]
    (other,) = (row for row in others if row[0] == match["channel"])
    return _low_high(other)[0] <= _low_high(first)[1]


def _none_overlaps(_: re.Match[str], named: Results) -> bool:
    first, *others = named["channels"] or [()]
    return all(_low_high(row)[0] > _low_high(first)[1] for row in others)


def _still_pays(match: re.Match[str], named: Results) -> bool:
    shares = {row[0]: formatted(row[2], "share") for row in named["support"]}
    return shares[match["support"]] == match["share"]


def _is_rarest(match: re.Match[str], named: Results) -> bool:
    shares = {row[0]: row[2] / row[1] for row in named["channels"]}
    return bool(shares[match["channel"]] == min(shares.values()))


CLAIMS: Final[Mapping[str, Mapping[str, Claim]]] = {
    "01": {
        r"the slowest after (?P<longest>[\w ]+)\.": lambda m, n: (
            m["longest"] == formatted(n["longest"], "duration")
        ),
        r"the log still has all (?P<all>\d+) of them": lambda m, n: (
            int(m["all"]) == n["rejected"] + n["conflicts"]
        ),
    },
    "02": {
        rf"had the plan, {_MORE} on": lambda m, n: m["more"] == _more(n["premium"] - n["premium_before"]),
        rf"The number of orders is {_MORE} what was known": lambda m, n: m["more"] == _more(n["late_orders"]),
    },
    "03": {
        r"^No plan of [\w-]+ ended by": lambda _, n: n["ended"] == [],
        r"had no account on .*, and none on": lambda _, n: n["homes"] == [],
        r"The reason named most often is \*(?P<reason>[^*]+)\*": lambda m, n: (
            n["reasons"][m["reason"]] == max(n["reasons"].values())
        ),
        r"asks who stays, which is more than customers say": lambda *_: True,  # of another notebook
        r"^No plan was cancelled by": lambda _, n: n["cancellations"] == 0,
    },
    "04": {
        r"never had the premium plan": lambda _, n: n["plans"] == [],
        r"^No ticket of [\w-]+ was answered": lambda _, n: all(wait is None for wait in n["waits"]),
    },
    "05": {
        rf"the number of customers {_ROSE.format('rose')}:": lambda m, n: (
            m["rose"] == formatted(n["customers_now"] - n["customers_then"], "rose")
        ),
        rf"^That of premium plans {_ROSE.format('rose')}:": lambda m, n: (
            m["rose"] == formatted(n["plans_now"] - n["plans_then"], "rose")
        ),
        r"^\*(?P<channel>[^*]+)\* is the channel whose customers buy the plan least often": _is_rarest,
        r"^The range of (?P<channel>[^,]+), from .*, overlaps with it": _overlaps,
        r"^The range of no other channel overlaps": _none_overlaps,
        r"subscribers? with \*(?P<support>[^*]+)\* (?P<share>\d+ %) still paid": _still_pays,
        r"^There were no subscribers by": lambda _, n: n["support"] == [],
        r"^There were no customers by": lambda _, n: n["customers_now"] == 0,
    },
    "06": {
        r"^No cancellation of [\w-]+ by .* was recorded late": lambda _, n: n["letters"] == [],
        r"^The slowest event was recorded after (?P<slowest>[\w ]+)\.": lambda m, n: (
            m["slowest"] == formatted(n["slowest"], "duration")
        ),
    },
    "07": {
        r"^On that day the sky was busiest .* and emptiest on": lambda _, n: n["least"] <= n["most"],
        r"^Only flights from New York are in the data": lambda *_: True,  # it is the package's table
    },
    "08": {rf"had the plan, {_MORE} on": lambda m, n: m["more"] == _more(n["more"])},
    "09": {
        r"^One writer of \w+ appends [\d.]+ times as many": lambda _, n: n["share"] > 1,
    },
}
"""Notebook → pattern of a sentence → when it is true."""
