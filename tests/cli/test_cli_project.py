"""The commands `init`, `demo` and `report run`, and the settings in pyproject.toml."""

import ast
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from eventsource.cli._config import Project
from eventsource.cli._errors import UsageError
from eventsource.cli._proposal import propose
from eventsource.sources import source
from tests.cli.shoplog import event

Run = Callable[..., Result]
PARTS = {
    ".gitignore",
    "README.md",
    "models.py",
    "pyproject.toml",
    "data/raw/README.md",
    "notebooks/01_first_look.ipynb",
    "notebooks/02_board.ipynb",
    "reports/README.md",
    "reports/board.toml",
}


def parts(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_init_writes_a_project(run: Run, folder: Path) -> None:
    """All files are written, and the next commands are printed."""
    out = run("init", "shop").stdout
    assert parts(folder / "shop") == PARTS
    assert "cd shop" in out
    assert "eventsource pull" in out


def test_init_overwrites_nothing(run: Run, folder: Path) -> None:
    """Files that exist stay as they are; the output says what to add to an existing pyproject.toml."""
    shop = folder / "shop"
    (shop / "notebooks").mkdir(parents=True)
    mine = {"models.py": "# mine", "pyproject.toml": "[project]\n", "notebooks/01_first_look.ipynb": "{}"}
    for name, text in mine.items():
        (shop / name).write_text(text)
    out = run("init", "shop").stdout
    assert {name: (shop / name).read_text() for name in mine} == mine
    assert "exists  shop/models.py" in out
    assert "[tool.eventsource]" in out


def test_the_skeleton_works(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """init, a raw log, pull, check, as-of: the new project answers without a change."""
    run("init", "shop")
    raw = event(1, "customer-1", "CustomerCreated", "2024-01-01", name="Ada")
    (folder / "shop" / "data" / "raw" / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(raw).encode() + b"\n"))
    monkeypatch.chdir(folder / "shop")
    run("pull")
    run("check")
    assert json.loads(run("as-of", "-f", "json").stdout)[0]["name"] == "Ada"


def test_init_guesses_a_model(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a raw log, the model has its types and members, and pull and as-of work at once."""
    rows = [
        event(1, "customer-1", "CustomerCreated", "2024-01-01", name="Ada", address={"city": "Paris"}, tags=[1]),
        event(2, "customer-1", "Ordered", "2024-01-02", amount=5),
        event(3, "customer-2", "CustomerCreated", "2024-01-02", name="Bob", plan="free"),
        event(4, "customer-2", "CustomerDeleted", "2024-01-03"),
    ]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = run("init", "shop", "--log-file", "mine.jsonl").stdout
    assert "found: CustomerCreated (2)" in out
    model = (folder / "shop" / "models.py").read_text()
    assert 'class Customer(es.Model, created="CustomerCreated", deleted="CustomerDeleted"):' in model
    monkeypatch.chdir(folder / "shop")
    run("pull")
    (ada,) = json.loads(run("as-of", "-f", "json").stdout)
    assert (ada["name"], ada["city"], ada["amount"]) == ("Ada", "Paris", 5)


def test_a_guess_is_never_code_of_the_log(folder: Path) -> None:
    """Whatever names the log has, the module holds the class and its fields only; an empty name has no path."""
    evil = ['"); raise SystemExit(1) #', "a\nb", "class", "plan", "entity", "été", "1", "", "a.b", "A", "a", "\\"]
    rows = [event(n, f"x{n}", name or "t", "2024-01-01", **dict.fromkeys(evil, 1)) for n, name in enumerate(evil)]
    (folder / "evil.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = propose(next(iter(source(folder / "evil.jsonl").batches({})))).module
    tree = ast.parse(text)
    assert [type(part).__name__ for part in tree.body] == ["Expr", "Import", "ClassDef"]
    names: dict[str, object] = {}
    exec(text, names)  # noqa: S102 - that it can be run is what is tested
    assert len(names["Entity"].plan.fields) == len(set(evil) - {""}) + 1  # type: ignore[attr-defined]


def test_init_with_lines_that_cannot_be_read(run: Run, folder: Path) -> None:
    """The project is written, and the output says why the lines were rejected, and what to do."""
    (folder / "odd.jsonl").write_text('{"nr": 1}\n')
    result = run("init", "shop", "--log-file", "odd.jsonl")
    assert "event_id is missing" in result.stderr
    assert parts(folder / "shop") == PARTS
    run("init", "other", "--log-file", "nothing.jsonl", code=3)
    assert not (folder / "other").exists()


def test_renaming_the_model_breaks_nothing(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the class and its name in pyproject.toml change: commands and the notebook follow."""
    rows = [event(n, f"customer-{n}", "CustomerCreated", "2024-01-01", name="Ada", paid=n + 0.1) for n in (1, 2)]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("init", "shop", "--from", "mine.jsonl")
    monkeypatch.chdir(folder / "shop")
    for name in ("models.py", "pyproject.toml"):
        text = Path(name).read_text()
        assert "Customer" in text
        Path(name).write_text(
            text.replace("class Customer(", "class Client(").replace("models:Customer", "models:Client")
        )
    run("pull")
    assert run("as-of", "-f", "csv").stdout.count("\n") == 3
    notebook = json.loads(Path("notebooks/01_first_look.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any("Customer" in cell for cell in cells if "settings.get" not in cell)
    script = "\n".join([*cells, "print(Model.__name__, states['paid_total'].to_list())", "print(states)"])
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd="notebooks", capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Client [Decimal('1.1'), Decimal('2.1')]" in done.stdout
    assert "shape:" not in done.stdout


@pytest.mark.slow
def test_the_notebook_of_the_skeleton_runs(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`report run` writes a page; it checks the parameters before it runs the notebook."""
    (folder / "mine.jsonl").write_text(
        json.dumps(event(1, "customer-1", "CustomerCreated", "2024-01-01", name="Ada"))
    )
    run("init", "shop", "--log-file", "mine.jsonl")
    monkeypatch.chdir(folder / "shop")
    run("pull")
    notebook = "notebooks/01_first_look.ipynb"
    out = run("report", "run", notebook, "-p", "as_of=2024-06-30").stdout
    page = folder / "shop" / out.split()[0]
    assert "Ada" in page.read_text()
    assert "MB" in out
    assert "did you mean 'as_of'" in run("report", "run", notebook, "-p", "asof=2024-06-30", code=2).stderr
    assert "expected NAME=VALUE, got 'as_of'" in run("report", "run", notebook, "-p", "as_of", code=2).stderr
    run("report", "run", "notebooks/nothing.ipynb", code=2)


@pytest.mark.slow
def test_the_board_of_the_skeleton_is_a_page(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page of a new project is a board; it shows no payload, and no field of a private name."""
    created = event(1, "customer-1", "CustomerCreated", "2024-01-01", name="Ada", email="ada@example.com")
    bought = event(2, "customer-1", "PlanBought", "2024-03-01", price=9.5, notes=["only in the payload"])
    (folder / "mine.jsonl").write_text(f"{json.dumps(created)}\n{json.dumps(bought)}\nnot a line\n")
    run("init", "shop", "--log-file", "mine.jsonl")
    monkeypatch.chdir(folder / "shop")
    run("pull", "--allow-rejected")
    run("report", "run", "board")
    page = (folder / "shop" / "reports" / "out" / "board" / "latest.html").read_text()
    assert "Ada" in page
    assert "1 line not taken" in page
    assert "ada@example.com" not in page
    assert "only in the payload" not in page


@pytest.mark.slow
def test_nbval_checks_the_notebook_of_a_new_project(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command in the README of a new project works."""
    row = event(1, "customer-1", "CustomerCreated", "2024-01-01", name="Ada")
    (folder / "mine.jsonl").write_text(json.dumps(row) + "\n")
    run("init", "shop", "--log-file", "mine.jsonl")
    monkeypatch.chdir(folder / "shop")
    run("pull")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "notebooks", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout


def test_demo_writes_a_log(run: Run, folder: Path) -> None:
    """The same arguments give the same file; the summary describes it, and names the next command."""
    out = run("demo", "one.jsonl.gz", "--customers", "2e1", "--seed", "3").stdout
    run("demo", "two.jsonl.gz", "--customers", "20", "--seed", "3")
    assert (folder / "one.jsonl.gz").read_bytes() == (folder / "two.jsonl.gz").read_bytes()
    assert "20 customers" in out
    assert "eventsource pull one.jsonl.gz" in out
    run("pull", "one.jsonl.gz", "--allow-rejected")
    asked = run("as-of", "2024-06-30", "-m", "eventsource.demo.models:Customer", "-f", "json")
    assert json.loads(asked.stdout)
    run("demo", "--customers", "0", code=2)
    run("demo", "demo.txt", code=2)


def test_the_nearest_settings_apply(folder: Path) -> None:
    """Settings are searched upwards, past files without them; without any, the folder itself is the project."""
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    (folder / "a" / "pyproject.toml").write_text("[project]\n")
    assert Project.find(below).folder == folder
    assert Project.find(below).model == "models:Customer"
    (folder / "pyproject.toml").unlink()
    assert Project.find(below) == Project(below)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.eventsource]\nmodle = 'x'", "did you mean 'model'"),
        ("[tool.eventsource]\nmodel = 1", "model: expected a text, got 1"),
        ("[tool.eventsource]\nsource = 1", "source: expected a path or a list of paths, got 1"),
        ("[tool.eventsource]\nsource = [1]", "got [1]"),
        ("[tool]\neventsource = 1", "expected a table, got 1"),
        ("[tool.eventsource", "expected TOML"),
    ],
)
def test_invalid_settings(folder: Path, text: str, message: str) -> None:
    """Every message names the file and what is wrong in it."""
    (folder / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=r"pyproject\.toml") as caught:
        Project.find()
    assert message in str(caught.value)


def test_a_model_that_cannot_be_imported(pulled: Run, folder: Path) -> None:
    """The message names the file and the line of the error."""
    (folder / "broken.py").write_text("import eventsource as es\n\n1 / 0\n")
    assert (
        f"ZeroDivisionError: division by zero ({folder}/broken.py:3)"
        in pulled("as-of", "-m", "broken:X", code=2).stderr
    )
    (folder / "lacking.py").write_text("import nothing_at_all\n")
    assert "No module named 'nothing_at_all'" in pulled("as-of", "-m", "lacking:X", code=2).stderr
    (folder / "spelt.py").write_text("def x(:\n")
    assert "spelt.py:1" in pulled("as-of", "-m", "spelt:X", code=2).stderr


def test_no_model_is_wrong_usage(pulled: Run, folder: Path) -> None:
    """Without a model in the command and the project, the message says how to name one."""
    (folder / "pyproject.toml").write_text("[tool.eventsource]\n")
    assert "--model models:Customer" in pulled("as-of", code=2).stderr


def test_brackets_in_the_path_of_a_project(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets and stars in the project's own path are not part of the glob of its source."""
    odd = folder / "a[b]*"
    (odd / "raw").mkdir(parents=True)
    for name in ("pyproject.toml", "models.py", "raw/a.jsonl"):
        (odd / name).write_text((folder / name).read_text())
    monkeypatch.chdir(odd)
    assert "22 events appended" in run("pull", "--log", str(folder / "log")).stdout


def test_model_may_name_a_plan(pulled: Run, folder: Path) -> None:
    """``--model`` takes a plan as well as a model."""
    (folder / "plans.py").write_text(
        "import eventsource as es\nplan = es.Plan.from_dict({'name': 'P', 'fields': "
        "[{'name': 'n', 'op': 'count', 'events': ['Ordered']}]})\n"
    )
    assert pulled("as-of", "-m", "plans:plan").stdout == "entity,n\nada,2\n"
    assert str(folder) in sys.path


_THEIRS = 4242
"""The id of another user."""


def _owned(folder: Path, *, user: int = 0) -> Path:
    """Return a project that runs code if its model is imported; its files belong to a user."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[tool.eventsource]\nmodel = "models:X"\n')
    (folder / "models.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")
    for path in (folder, *folder.iterdir()):
        os.chown(path, user, user)
    return folder


_AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")


@_AS_ROOT
@pytest.mark.hostile
@pytest.mark.parametrize("below", ["", "a/b"])
def test_a_project_file_of_someone_else_runs_no_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    """Not in its folder, nor below it; the hint has the line to type if the user trusts the folder."""
    theirs = _owned(tmp_path / "their project", user=_THEIRS)
    (theirs / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(theirs / below)
    for command in (["as-of"], ["pull"], ["check"], ["lag"], ["as-of", "--log", "x", "-m", "models:X"]):
        found = run(*command, code=2).stderr
        assert f"{theirs}/pyproject.toml is not used: its folder belongs to the user {_THEIRS}" in found
        assert f"type: export EVENTSOURCE_TRUST='{theirs}'" in found
    assert not (theirs / "ran").exists()
    monkeypatch.setenv("EVENTSOURCE_TRUST", f"/elsewhere{os.pathsep}{theirs}")
    assert "unknown model 'X'" in run("as-of", code=2).stderr
    assert (theirs / "ran").exists()


@_AS_ROOT
@pytest.mark.hostile
def test_a_project_where_others_can_write_runs_no_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may be theirs in a folder of the user, or they may put a module beside the file of the user."""
    mine = _owned(tmp_path / "mine")
    os.chown(mine / "pyproject.toml", _THEIRS, _THEIRS)
    monkeypatch.chdir(mine)
    assert "it belongs to the user" in run("as-of", code=2).stderr
    os.chown(mine / "pyproject.toml", 0, 0)
    mine.chmod(0o1777)
    assert "everyone may write to its folder" in run("as-of", code=2).stderr
    mine.chmod(0o755)
    (mine / "pyproject.toml").chmod(0o666)
    assert "everyone may write to it," in run("as-of", code=2).stderr
    (mine / "pyproject.toml").chmod(0o644)
    assert "unknown model 'X'" in run("as-of", code=2).stderr


@_AS_ROOT
def test_who_is_trusted(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With sudo, the user who typed it; a file of another user that is not a project is passed over."""
    monkeypatch.chdir(_owned(tmp_path / "mine", user=_THEIRS))
    monkeypatch.setenv("SUDO_UID", str(_THEIRS))
    assert "unknown model 'X'" in run("as-of", code=2).stderr
    monkeypatch.delenv("SUDO_UID")
    (tmp_path / "mine" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert "is not used" not in run("check", code=3).stderr
