"""Files of reports that others have changed, pages that someone handed over: no path in them leads elsewhere."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from eventsource import report
from eventsource.errors import DefinitionError, ReportError
from eventsource.report._files import Files
from tests.report.conftest import write_notebook, write_project
from tests.report.test_report_run import run

pytestmark = pytest.mark.hostile

PAGE = '<script type="application/json" id="manifest">{}</script>'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose report has run."""
    folder = write_project(tmp_path_factory.mktemp("made"))
    run(folder)
    return folder


@pytest.fixture
def mine(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "mine"))


def manifest_file(project: Path) -> Path:
    """Return the file of the manifest of the only run."""
    [file] = (project / "out" / "premium").glob("*.json")
    return file


def forged_page(project: Path, changes: dict[str, Any]) -> Path:
    """Return a page whose manifest has other members."""
    _, manifest = report.manifest_of_page(manifest_file(project).with_suffix(".html"))
    forged = project / "forged.html"
    forged.write_text(PAGE.format(json.dumps(manifest | changes)))
    return forged


@pytest.mark.parametrize("member", ["notebook", "definition"])
@pytest.mark.parametrize("place", ["../elsewhere", "{elsewhere}", "linked"])
def test_no_page_chooses_what_is_run(mine: Path, tmp_path: Path, member: str, place: str) -> None:
    """To verify a page runs the notebook that it names; to compare it imports a model. Not from another folder."""
    elsewhere, ran = tmp_path / "elsewhere", tmp_path / "ran"
    elsewhere.mkdir()
    write_notebook(elsewhere, f"open({str(ran)!r}, 'w').close()", name="x.ipynb")
    (elsewhere / "x.toml").write_text('title = "X"\nnotebook = "x.ipynb"\nmodel = "antigravity:X"\n')
    (mine / "linked").symlink_to(elsewhere)
    named = place.format(elsewhere=elsewhere)
    changes: dict[str, Any] = {"notebook": f"{named}/x.ipynb", "parameters": {}, "given": {}, "logs": []}
    changes["definition"] = f"{named}/x.toml" if member == "definition" else None
    page = forged_page(mine, changes)
    with pytest.raises(ReportError, match="is not in the project"):
        report.verify(page, root=mine)
    assert not ran.exists()
    assert report.model_of_page(page, mine) == ""


def test_only_its_owner_reads_the_private_folder(mine: Path) -> None:
    """Executed notebooks have code and tracebacks, the ledger has parameters."""
    private = mine / "out" / ".private"
    assert private.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in private.rglob("*.[is]*")} == {0o600}


def test_the_model_of_a_page_is_that_of_its_definition(mine: Path) -> None:
    """As the definition is today."""
    page = forged_page(mine, {})
    assert report.model_of_page(page, mine) == ""
    file = mine / "reports" / "premium.toml"
    file.write_text('model = "models:Customer"\n' + file.read_text())
    assert report.model_of_page(page, mine) == "models:Customer"
    file.unlink()
    assert report.model_of_page(page, mine) == ""


OTHER_FORMS: list[dict[str, Any]] = [
    {"made": "soon"},
    {"made": None},
    {"logs": [{}]},
    {"logs": 5},
    {"shown": [["a"]]},
    {"report": 5},
    {"notebook": None},
    {"results": None},
]


@pytest.mark.parametrize("changes", OTHER_FORMS)
def test_what_has_another_form_is_not_a_manifest(mine: Path, changes: dict[str, Any]) -> None:
    """Neither in a page nor beside it."""
    with pytest.raises(ReportError, match="a file without a manifest"):
        report.manifest_of_page(forged_page(mine, changes))
    file, files = manifest_file(mine), Files(mine / "out")
    before = json.loads(file.read_bytes())
    assert files.manifests("premium") == [before]
    file.write_text(json.dumps(before | changes))
    assert files.manifests("premium") == []
    assert files.reports() == []


def test_what_is_not_a_manifest_counts_as_absent(mine: Path) -> None:
    """However deep it is; the report is run again. That of another report does not disturb, either."""
    (mine / "out" / "other").mkdir()
    (mine / "out" / "other" / "x.json").write_text("[]")
    manifest_file(mine).write_text("[" * 100_000)
    again = run(mine)
    assert (again.status, again.is_served) == ("ok", False)


def test_no_manifest_leads_to_another_folder(mine: Path, tmp_path: Path) -> None:
    """A manifest names its report, the folder into which it is written again."""
    victim = tmp_path / "victim"
    victim.mkdir()
    file = manifest_file(mine)
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"report": "../../victim"}))
    assert not run(mine).is_served
    assert list(victim.iterdir()) == []
    assert "victim" not in (mine / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    "change",
    ["began = 'soon'", "ended = x'00'", "status = 'running', pid = 'x'", "reason = x'00'", "due = 'soon'"],
)
def test_a_ledger_that_was_changed_is_named(mine: Path, change: str) -> None:
    """SQLite takes values of any type; the error says what may be removed."""
    ledger, file = report.Ledger(mine / "out" / ".private"), mine / "out" / ".private" / "runs.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute(f"UPDATE runs SET {change}")
    connection.close()
    with pytest.raises(ReportError, match=r"(?s)runs.sqlite cannot be read: .*remove the file"):
        (ledger.last_due if "due" in change else ledger.history)("premium")


def test_a_damaged_ledger_is_named(mine: Path) -> None:
    """In questions about it, and before a run."""
    file = mine / "out" / ".private" / "runs.sqlite"
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * 4096)
    for does in (lambda: report.Ledger(file.parent).history(), lambda: run(mine, fresh=True)):
        with pytest.raises(ReportError, match=r"runs\.sqlite cannot be (read|written|opened)"):
            does()


def test_a_path_that_no_file_system_takes_is_an_error_of_the_definition(mine: Path) -> None:
    """The error names the line of the path, as it does for a notebook that does not exist."""
    (mine / "long.toml").write_text(f'title = "Long"\nnotebook = "{"n" * 400}.ipynb"\n')
    with pytest.raises(DefinitionError, match=r"long.toml:2: .*File name too long"):
        report.read_definition(mine / "long.toml")
