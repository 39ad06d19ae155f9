"""Redaction: no file of a report has a personal value that its readers may not see, however it is shown."""

import base64
import html
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pytest

import eventsource as es
from eventsource import report
from eventsource.errors import ReportError
from eventsource.presentation import MASK, Readers
from eventsource.report._leaks import leaks, without
from tests.report.readers import CITIES, CITY_TABLE, CORRECTED, IDS, MODEL, NAMES, make_project

NOW = datetime(2024, 7, 15, tzinfo=UTC)
WORDS = {
    *NAMES,
    *(name.upper() for name in NAMES),
    *CITIES,
    *IDS,
    CORRECTED,
    "817263",
    "817,263",
    "secret payload",
}
BOARD = """
board = Board(
    people, title="People", moments=["2024-01-12", "2024-03-31", "2024-06-30"], as_of="2024-06-30",
    figures={"people": Figure(pl.len(), "People"), "share": Figure(pl.col("premium").mean(), "Share", "share")},
    fields={"name": Field(), "city": Field(says="lived in {}"), "visits": Field()},
    sentence="{people:person|people}, {share}.",
)
board
"""
CELLS = (
    "states",
    "states['name']",
    "states.to_pandas().set_index('name')[['visits']]",
    CITY_TABLE,
    f"charts.bars({CITY_TABLE}, 'city', 'n', title='By home')",
    "charts.bars(states, 'name', 'visits', title='By name')",
    "charts.life_line(people.history(who), title='One life')",
    "say('{name} of {city} earns {salary}.', rows=states)",
    "people.explain(who)",
    "people.replay('person-4')",
    "log.scan().collect()",
    "report.result(people=states.height, name=states['name'][0], n=2)",
    "import altair as alt\nalt.Chart(states.select('city', 'visits')).mark_bar().encode(x='city', y='visits')",
    BOARD,
    "board.by('city', 'people')",
    "board.find(who, name='name')",
    "board.late()",
    "print(states['name'][0])",
)
AUDIENCE = '[audience]\nname = "partners"\nsmallest_group = 3'
PRINTED = len(CELLS) - 1


def words_in(folder: Path) -> dict[str, list[str]]:
    """Return the words that are in files, by file."""
    texts = {file: file.read_bytes().decode("utf-8", "replace") for file in folder.rglob("*") if file.is_file()}
    found = {file.name: sorted(word for word in WORDS if word in text) for file, text in texts.items()}
    return {name: words for name, words in found.items() if words}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, report.Report]:
    """The folder of a project after the run of its report for partners; the last cell is left out for them."""
    folder = tmp_path_factory.mktemp("readers")
    definition = make_project(folder, *CELLS, audience=AUDIENCE, tags={3 + PRINTED: ["pii"]})
    return folder, report.run(definition, out=folder / "out", root=folder, now=NOW)


def test_no_file_has_a_personal_value(made: tuple[Path, report.Report]) -> None:
    """Neither page, manifest, index, ledger nor the executed notebook has a name, a city, an id or a payload."""
    folder, done = made
    assert words_in(folder / "out") == {}
    assert {file.name for file in (folder / "out").rglob("*.ipynb")} == {f"{done.run}.ipynb"}


def test_the_page_shows_what_it_may(made: tuple[Path, report.Report]) -> None:
    """Masks, pseudonyms, small groups and labels are on it; it says what was left out, and for whom."""
    folder, done = made
    page = done.path.read_text()
    assert f"<td>{MASK}</td>" in page
    assert "city " in page
    assert "&lt; 3" in page
    assert "Left out for partners: a chart of name." in html.unescape(page)
    assert "Left out for partners: it has personal data." in page
    assert "Premium plan" in page
    assert "Visits so far" in page
    assert "<h1" in page
    manifest = json.loads((folder / "out" / "people" / f"{done.run}.json").read_text())
    assert manifest["results"] == {"people": 7, "name": MASK, "n": "< 3", "share": 1.0}
    assert manifest["parameters"] == {"who": MASK}
    assert manifest["title"] == f"People, {MASK}"
    assert manifest["audience"] == "partners"


def test_a_page_for_readers_can_be_verified(made: tuple[Path, report.Report]) -> None:
    """Pseudonyms come from the key of the project: the page is the same, byte for byte."""
    folder, done = made
    again = report.verify(done.path, root=folder, out=folder / "out")
    assert again.is_same, again


@pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
def test_a_comparison_shows_no_more_than_its_pages(tmp_path: Path) -> None:
    """Two pages for partners are compared by their figures; which person differs is left out, in any file."""
    cells = ("report.result(people=states.height, visits=int(states['visits'].sum()), name=states['name'][0])",)
    definition = make_project(tmp_path, *cells, audience=AUDIENCE)
    first = report.run(definition, out=tmp_path / "out", root=tmp_path, now=NOW)
    visit = {"event_id": "v1", "stream": IDS[2], "type": "Visited", "occurred_at": NOW, "recorded_at": NOW}
    es.Log(tmp_path / "log").append([visit | {"occurred_at": datetime(2024, 6, 1, tzinfo=UTC), "data": {}}])
    second = report.run(definition, out=tmp_path / "out", root=tmp_path, now=NOW + timedelta(days=1))
    page = (second.path.parent / f"{second.run}-diff.html").read_text()
    assert "1 of 3 figures changed. 1 event came between the two pages." in page
    assert "Left out for partners: which entities differ." in page
    names: dict[str, Any] = {}
    exec(MODEL, names)  # noqa: S102 - the model of this project
    found = report.diff(first.path, second.path, model=names["Person"], root=tmp_path)
    assert [move.entity for move in found.moves or ()] == [IDS[2]]  # for its owner, on a terminal
    (tmp_path / "out" / "mine.html").write_text(report.diff_page(found))
    assert words_in(tmp_path / "out") == {}


def test_a_leak_stops_the_page(tmp_path: Path) -> None:
    """A printed name is found: no page, a failure page without it, and an error that says where but not what."""
    definition = make_project(tmp_path, "print(states['name'].to_list())", audience='audience = "partners"')
    with pytest.raises(report.ChecksFailedError, match=r"cells 5.*name: 7") as raised:
        report.run(definition, out=tmp_path / "out", root=tmp_path, now=NOW)
    assert not any(name in str(raised.value) for name in NAMES)
    assert words_in(tmp_path / "out") == {}
    assert "no name on a page for partners" in (tmp_path / "out" / "people" / "latest.html").read_text()
    history = report.Ledger(tmp_path / "out" / ".private").history()
    assert history["status"].to_list() == ["checks"]
    assert json.loads(history["parameters"][0]) == {"who": MASK}


def test_an_error_with_a_name_is_in_no_file(tmp_path: Path) -> None:
    """The notebook that failed is stored with the name of its error, without text, traceback and outputs."""
    definition = make_project(
        tmp_path, "states", "raise ValueError(states['name'][0])", audience='audience = "partners"'
    )
    with pytest.raises(ReportError):
        report.run(definition, out=tmp_path / "out", root=tmp_path, now=NOW)
    assert words_in(tmp_path / "out") == {}
    (stored,) = (tmp_path / "out" / ".private").rglob("*.ipynb")
    outputs = [output for cell in nbformat.read(stored, 4).cells for output in cell.get("outputs", [])]
    assert [(each.ename, each.evalue) for each in outputs] == [("ValueError", MASK)]


SPELLINGS: dict[str, Callable[[str], str]] = {
    "HTML": html.escape,
    "JSON": lambda text: json.dumps({"a": text}),
    "HTML in JSON": lambda text: json.dumps(html.escape(text)),
    "percent": quote,
    "base64": lambda text: base64.b64encode(f"a {text} b".encode()).decode(),
    "compressed": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
    "references": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "escapes": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "lines": lambda text: text.replace(" ", "\n   "),
    "Python": lambda text: repr([text]),
    "capitals": str.upper,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", NAMES[:4])
def test_every_spelling_is_found(name: str, spelling: str) -> None:
    """A value is found in each spelling that a page may have, and nothing else is."""
    page = f"<p>of {SPELLINGS[spelling](name)} and</p>"
    assert leaks(page, {"name": NAMES}) == {"name": [name]}
    assert leaks(page, {"name": NAMES}, harmless=[name]) == {}


def test_a_value_is_a_word_of_its_own() -> None:
    """Parts of other words and numbers are left alone; scripts of the package are not searched."""
    values = {"name": ["Anna"], "id": ["123456"]}
    assert leaks("<p>Annapolis, 1234567, 0.1234568</p><script>Anna</script>", values) == {}
    assert leaks("Anna's, x_123456, 123456.0", values) == {"id": ["123456"], "name": ["Anna"]}
    assert without('{"a": "Anna & 123456"}', values, MASK) == f'{{"a": "{MASK} & {MASK}"}}'


def test_pseudonyms_are_stable_and_differ() -> None:
    """Equal values of a column have equal pseudonyms, one is its own; another key or column gives others."""
    one, two = (Readers("partners", key=key, personal={"id": "pseudonym"}) for key in (b"1", b"2"))
    first = one.pseudonym("id", "Ada")
    assert first == one.pseudonym("id_right", "Ada") == one.pseudonym("id", first)
    assert len({first, one.pseudonym("id", "Bob"), two.pseudonym("id", "Ada"), one.pseudonym("x", "Ada")}) == 4
