"""Sentences and formats: every value is computed, and values stay text."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.sentences import say


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1234, "", "1,234"),
        (-1234, "count", "−1,234"),
        (0.4, "share", "40 %"),
        (Decimal("116665.92"), "money", "€116,665.92"),
        (0.125, "", "0.125"),
        (date(2024, 6, 30), "", "30 June 2024"),
        (datetime(2013, 7, 4, 17, 30, tzinfo=UTC), "", "4 July 2013, 17:30"),
        (date(2024, 6, 30), "month", "June 2024"),
        (timedelta(days=17, hours=7), "", "17 days"),
        (timedelta(hours=1, minutes=59), "", "1 hour"),
        (timedelta(seconds=5), "", "less than a minute"),
        (20, "more", "20 more than"),
        (-20, "more", "20 fewer than"),
        (0, "more", "as many as"),
        (-1, "rose", "fell"),
        (1, "plan|plans", "1 plan"),
        (2000, "plan|plans", "2,000 plans"),
        (0, "plan|plans", "0 plans"),
        (None, "day", "–"),
        (True, "", "True"),
    ],
)
def test_values_read_as_people_write_them(value: Any, form: str, text: str) -> None:
    """A format, or the type of the value, says how it reads."""
    assert formatted(value, form) == text


def test_sentences_follow_their_values() -> None:
    """One template is a sentence, several are a list, rows give one for each row."""
    assert repr(say("{n} of {all}", n=1, all=2000)) == "1 of 2,000"
    assert repr(say("{n}.", "{n:a|b}.", n=1)) == "- 1.\n- 1 a."
    rows = pl.DataFrame({"city": ["Kraków", "Warszawa"], "n": [1, 2]})
    assert repr(say("{city}: {n}", rows=rows)) == "- Kraków: 1\n- Warszawa: 2"
    assert repr(say("{city}", rows=rows.head(0), otherwise="None in {year}.", year="2024")) == "None in 2024."
    assert repr(say("{n:share}", otherwise="No share.", n=None)) == "No share."


@pytest.mark.parametrize(("template", "message"), [("{b}", "'b'"), ("{a:day}", "'a'"), ("{a:dya}", "dya")])
def test_wrong_templates_are_refused(template: str, message: str) -> None:
    """A value that does not exist, and a format that does not fit or exist, are errors that name it."""
    with pytest.raises(ReportError, match=message):
        say(template, a=1)


@given(st.text(max_size=60))
def test_values_are_not_markup(text: str) -> None:
    """Whatever an event says, Markdown shows it as text: no element begins in it."""
    html = markdown2html_mistune(f"It was {say('{text}', text=text)!r}.")
    assert html.count("<") == 2, html


def test_hostile_values_stay_text() -> None:
    """Links, images, HTML, code and lists in a value do not take effect."""
    for text in (
        "[a](javascript:x)",
        "<img src=x onerror=y>",
        "![a](b)",
        "`a`",
        "**a**",
        "\n- a",
        "$x$",
        "a\n\n# b",
    ):
        html = markdown2html_mistune(repr(say("Said: {text}", text=text)))
        assert html.count("<") == 2, (text, html)
