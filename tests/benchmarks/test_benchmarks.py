import importlib
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
RAW = '{"event_id":"%d","stream":"c%d","type":"CustomerCreated","occurred_at":"2024-01-0%dT00:00:00Z","data":{}}\n'


def _bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_benchmarks_run_from_end_to_end(tmp_path: Path) -> None:
    """The page has the times of all contenders of a workload, the chart is written, and no other file is left."""
    to = str(tmp_path)
    page = _bench("--events", "20000", "--only", "as_of", "--out", to, "--folder", to)
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8").startswith(page)
    assert (tmp_path / "results.svg").read_text(encoding="utf-8").startswith("<svg")
    for name in ("DuckDB", "**eventsource**", "Polars by hand", "pandas by hand", "plain Python", "eventsourcing"):
        assert f"| {name}" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["RESULTS.md", "results.svg"]


@pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownEntityWarning")  # the empty log has none
@pytest.mark.slow
@pytest.mark.parametrize("shape", ["shop", "types300", "instant", "empty"])
def test_all_contenders_of_all_workloads_agree(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All contenders give the same answers, for each shape of the log."""
    monkeypatch.syspath_prepend(ROOT)
    answers, run, workload = (
        importlib.import_module(f"tests.benchmarks.{name}") for name in ("answers", "run", "workload")
    )
    found = workload.make(tmp_path, shape, 5_000)
    mine = [each for each in run.taking_part(shape) if not each.function.startswith("rebuilds:")]
    for contender in mine:
        for function in filter(None, (contender.before, contender.function)):
            module, _, name = function.partition(":")
            answer = getattr(importlib.import_module(f"tests.benchmarks.{module}"), name)(found)
        answer = answer["answer"] if contender.how == "itself" else answer
        if contender.compared:
            answers.plain(answer).write_parquet(run.answer_of(contender, found))
    run.compare(mine, found)


@pytest.mark.slow
def test_a_log_of_the_user_is_timed_and_checked(tmp_path: Path) -> None:
    """The questions are timed after the reference engine gave the same answers."""
    log = tmp_path / "raw.jsonl"
    log.write_text("".join(RAW % (number, number % 7, number % 9 + 1) for number in range(100)))
    table = _bench("--log", str(log), "--model", "tests.benchmarks.models:Customer", "--folder", str(tmp_path))
    assert "100 events, 7 entities" in table
    assert "one entity's explain" in table


@pytest.mark.filterwarnings("ignore:.*has no event of type")  # a small log lacks some
@pytest.mark.parametrize("kind", ["jsonl", "broken", "gz", "csv", "wide"])
def test_raw_files_give_the_answers_of_duckdb(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of raw file of the realistic workload, small: as many events, and the same states."""
    monkeypatch.syspath_prepend(ROOT)
    answers, inputs, tasks, workload = (
        importlib.import_module(f"tests.benchmarks.{name}")
        for name in ("answers", "raw.inputs", "raw.tasks", "workload")
    )
    path = inputs.raw_file(tmp_path, kind, 3_000)
    (tmp_path / "about.json").write_text(json.dumps({"kind": kind, "path": str(path)}), encoding="utf-8")
    found = workload.Input(tmp_path)
    for key, task in tasks.TASKS.items():
        if task.theirs is None or (task.kinds and kind not in task.kinds):
            continue
        files = [tmp_path / f"{key}.{name}.parquet" for name in ("by_eventsource", "by_duckdb")]
        for file, function in zip(files, (task.ours, task.theirs), strict=True):
            module = importlib.import_module(f"tests.benchmarks.raw.{file.name.split('.')[1]}")
            answers.plain(getattr(module, function)(found)["answer"]).write_parquet(file)
        assert answers.differences(*files) == ""
        assert pl.read_parquet(files[0]).height > 0


@pytest.mark.slow
def test_the_costs_of_writes_are_measured_and_no_safe_way_loses_an_update(tmp_path: Path) -> None:
    """Every way on both databases, with competing writers; the program checks the balances itself."""
    command = [sys.executable, "-m", "tests.benchmarks.writes", "--seconds", "0.05", "--writers", "1", "3"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = pl.read_csv(tmp_path / "writes.csv")
    assert found.height == 2 * 2 * 2 * 4
    assert found.filter(pl.col("way") != "update, no locking")["lost"].sum() == 0
    assert "| updates lost by the three ways that notice conflicts: 0 | 0 | yes |" in done.stdout
