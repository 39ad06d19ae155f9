"""Definitions: what they say, what is refused and in which line, and the one of a notebook that has none."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventsource import report
from eventsource.errors import DefinitionError, ReportError
from eventsource.report._cron import cron_fields
from eventsource.report._expectations import Expectation
from eventsource.report._job import job_of
from eventsource.report._sizes import bytes_of, in_words, seconds_of
from eventsource.report._toml_lines import line_of
from tests.report.conftest import write_notebook

NOW = datetime(2024, 7, 15, 23, 30, tzinfo=UTC)
PARAMETERS = """
as_of: str = "2024-06-30"  # the day
since: str = "as_of - 1mo"
at: datetime = "2024-06-30T12:00"
limit: int | None = None
share: float = 0.5
strict: bool = False
country: str = "PL"
names: list[str] = ["a"]
"""
HEAD = 'title = "T"\nnotebook = "n.ipynb"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a notebook of all types of parameters."""
    write_notebook(tmp_path, "# Title of it", parameters=PARAMETERS, name="n.ipynb")
    return tmp_path


def values(folder: Path, text: str, **given: str) -> dict[str, object]:
    """Return the parameters of a definition."""
    (folder / "d.toml").write_text(HEAD + text)
    return dict(job_of(folder / "d.toml", given, root=folder, log=None, now=NOW).values)


def test_defaults_are_absolute(folder: Path) -> None:
    """Relative moments count from now in the zone of the definition, or from each other; instants are UTC."""
    text = """
tz = "Europe/Warsaw"
parameters.as_of = {type = "date", default = "today"}
parameters.since = {type = "date", default = "start of quarter of as_of"}
parameters.at = {type = "datetime", default = 2024-07-01T02:00:00}
parameters.share = {type = "float", default = 1}
parameters.country = {type = "choice", choices = ["PL", "CZ"], default = "CZ"}
"""
    found = values(folder, text)
    assert found["as_of"] == "2024-07-16"
    assert found["since"] == "2024-07-01"
    assert found["at"] == "2024-07-01T00:00:00+00:00"
    assert (found["share"], type(found["share"])) == (1.0, float)
    assert found["country"] == "CZ"
    assert found["names"] == ["a"]
    assert values(folder, text, as_of="2024-02-29", country="PL")["since"] == "2024-01-01"
    with pytest.raises(ReportError, match="expected one of PL, CZ, got 'DE'"):
        values(folder, text, country="DE")


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("last month end", "2024-06-30"),
        ("last quarter end", "2024-06-30"),
        ("last year end", "2023-12-31"),
        ("last week end", "2024-07-14"),
        ("-7d", "2024-07-08"),
        ("yesterday", "2024-07-14"),
    ],
)
def test_words_name_days(folder: Path, word: str, day: str) -> None:
    """A word names the day in UTC without a zone."""
    assert values(folder, f'parameters.as_of = {{type = "date", default = "{word}"}}')["as_of"] == day


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("titel = 1", 3, "unknown member 'titel'"),
        ("[checks]\nexpct = []", 4, "checks.expct: unknown member"),
        ("keep = '3'", 3, "keep: expected an integer, got a text"),
        ("keep = -3", 3, "keep: expected a number >= 0, got -3"),
        ("timeout = '10 minutes'", 3, "timeout: expected a duration, got '10 minutes'"),
        ("memory = '4 TB'", 3, "memory: expected a size"),
        ("tz = 'Europe/Warsow'", 3, "tz: expected the name of a time zone"),
        ("[schedule]\ntz = 'UTC'", 3, "schedule: expected the member cron"),
        ("[schedule]\n\ncron = '0 25 * * *'", 5, "schedule.cron: hour: expected 0 to 23, got '25'"),
        ("[schedule]\ncron = '0 6 1 * 1'", 4, "a day of the month or a day of the week, got both"),
        ("[schedule]\ncron = '0 6 * * *'\ncatch_up = 'some'", 5, "schedule.catch_up: invalid enum value"),
        ("[checks]\nexpect = ['premium > 0', 'premium']", 4, "expected a comparison, got 'premium'"),
        ("[checks]\nexpect = ['__import__(\"os\") == 1']", 4, "expected names, numbers and comparisons"),
        ("[parameters.as_of]\ntype = 'day'", 4, "parameters.as_of.type: invalid enum value"),
        ("[parameters.as_of]\ntype = 'choice'", 3, "expected choices for type choice"),
        ("[parameters.asof]\ntype = 'date'", 3, "n.ipynb does not declare 'asof'"),
        ("[parameters.limit]\ntype = 'bool'", 4, "expected the type of the notebook's limit, int, got bool"),
        ("[parameters.as_of]\ntype = 'date'\ndefault = 'soon'", 5, "parameters.as_of.default"),
        ("[parameters.as_of]\ntype = 'date'\ndefault = 7", 5, "expected a default of type date, got 7"),
        ("[parameters.limit]\ntype = 'int'\ndefault = true", 5, "expected a default of type int, got True"),
        ("[parameters.since]\ntype = 'date'\ndefault = 'since - 1d'", 5, "since depends on itself"),
        ("[recipients]\nname = 'press'", 3, "unknown member 'recipients'"),
        ("[audience]\nshows = ['city']", 3, "expected the member name"),
        ("[audience]\nname = 'press'\nshow = ['city']", 5, "unknown member 'show'"),
        ("[audience]\nname = 'press'\nsmallest_group = -1", 5, "expected a number >= 0, got -1"),
        ("[fields.spent]\nformat = 'euros'", 4, "expected a format, got 'euros'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, text: str, line: int, said: str) -> None:
    """The error names file, line and member, and has a hint."""
    with pytest.raises(DefinitionError) as caught:
        values(folder, text)
    assert f"d.toml:{line}: " in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("d.toml", "title = ", "expected TOML"),
        ("D x.toml", HEAD, "expected a name of small letters"),
        ("out.toml", HEAD, "expected a name"),
        ("d.toml", 'title = "T"', "expected the member notebook"),
        ("d.toml", 'title = "{x}"\nnotebook = "n.ipynb"', "unknown parameter 'x'"),
    ],
)
def test_files_that_cannot_be_a_definition(folder: Path, name: str, text: str, said: str) -> None:
    """Text that is not TOML, names that are not safe, members that are missing."""
    (folder / name).write_text(text)
    with pytest.raises(DefinitionError, match=said):
        _ = job_of(folder / name, {}, root=folder, log=None, now=NOW).title
    with pytest.raises(DefinitionError, match=r"nothing.toml does not exist"):
        report.read_definition(folder / "nothing.toml")


def test_a_new_definition_fits_its_notebook(folder: Path) -> None:
    """It has the title, all parameters that it can set, and runs as it is; it replaces nothing."""
    file = report.new_definition(folder / "n.ipynb", folder / "reports")
    definition = report.read_definition(file)
    assert (file.name, definition.settings.title) == ("n.toml", "Title of it")
    assert list(definition.settings.parameters) == [
        "as_of", "since", "at", "limit", "share", "strict", "country",
    ]  # fmt: skip
    job = job_of(definition, {}, root=folder, log=None, now=NOW)
    assert (job.values["since"], job.values["limit"]) == ("2024-05-30", None)
    assert ("the day", "30 June 2024") in job.shown({})
    with pytest.raises(DefinitionError, match="exists already"):
        report.new_definition(folder / "n.ipynb", folder / "reports")


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("premium > 0", None),
        ("0 <= share <= 1 and not name == 'b'", None),
        ("premium / 2 - 1 < -1", "does not hold: premium = 3"),
        ("premium < nothing", "gives no result 'nothing'"),
        ("none > 0", "cannot be computed"),
        ("premium / zero > 1", "cannot be computed"),
        ("name > 0", "cannot be computed"),
    ],
)
def test_expectations(text: str, failure: str | None) -> None:
    """They hold, do not hold, or cannot be computed; the last two fail."""
    results = {"premium": 3, "share": 0.4, "name": "a", "none": None, "zero": 0}
    found = Expectation.of(text).failure(results)
    assert (found is None) if failure is None else (found is not None and failure in found)


@pytest.mark.parametrize(
    "text", ["a", "f(x) > 1", "a.b > 1", "a[0] > 1", "x := 1", "2 ** 9 > 1", "a in b", "(", "1" * 600]
)
def test_expectations_are_comparisons_only(text: str) -> None:
    """No calls, members, powers or assignments."""
    with pytest.raises(ReportError):
        Expectation.of(text)


def test_small_helpers() -> None:
    """Durations, sizes, cron texts, and lines of TOML."""
    assert (seconds_of("10m"), seconds_of("2d"), in_words("36h")) == (600, 172_800, "1 day 12 hours")
    assert bytes_of("4 GB") == 4_000_000_000
    found = cron_fields("*/20 7-9 * jan,3 mon-fri")
    assert found == {
        "minute": [0, 20, 40],
        "hour": [7, 8, 9],
        "day": None,
        "month": [1, 3],
        "day_of_week": [1, 2, 3, 4, 5],
    }
    assert cron_fields("0 0 * * 7")["day_of_week"] == [0]
    for wrong in ("* * * *", "60 * * * *", "5/2 * * * *", "x * * * *", "1-0 * * * *", "*/0 * * * *"):
        with pytest.raises(ReportError):
            cron_fields(wrong)
    text = 'a = 1\n[b.c]\nd = 2\n"e" = 3\n[[f]]\ng = 1\nx.y = 2'
    paths = [("a",), ("b", "c", "d"), ("b", "c", "z"), ("q",), ("f", "x", "y")]
    assert [line_of(text, path) for path in paths] == [1, 3, 2, 1, 7]
