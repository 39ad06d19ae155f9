"""The commands `report run`, `new`, `list` and `history`."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from click.testing import Result

from tests.report.conftest import write_notebook

Run = Callable[..., Result]
DEFINITION = """
title = "Counted"
notebook = "../one.ipynb"

[parameters.limit]
type = "int"
default = 3

[checks]
expect = ["found <= 3"]
"""
CELL = "from eventsource import report\nreport.result(found=limit)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a notebook, and a second one that fails."""
    write_notebook(tmp_path, "# One", CELL, parameters="limit: int = 1  # rows", name="one.ipynb")
    write_notebook(tmp_path, "# Two", "1 / 0", name="two.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_definitions_from_their_making_to_their_history(run: Run, folder: Path) -> None:
    """`new` writes a definition that runs, `list` and `history` show it; exit codes say how runs ended."""
    assert run("report", "new", "one.ipynb").stdout == "reports/one.toml  run it: eventsource report run one\n"
    assert "exists already" in run("report", "new", "one.ipynb", code=2).stderr
    (folder / "reports" / "counted.toml").write_text(DEFINITION)
    one = folder / "reports" / "one.toml"
    one.write_text(re.sub("(?m)^title = .*", 'title = "The first {limit} rows"', one.read_text()))
    out = run("report", "run", "counted", "one").stdout.splitlines()
    assert [line.split("/")[2] for line in out] == ["counted", "one"]
    failed = run("report", "run", "counted", "-p", "limit=4", code=3)
    assert "found <= 3 does not hold: found = 4" in failed.stderr
    assert run("report", "run", "two.ipynb", "counted", code=1).stdout.startswith("reports/out/counted/")
    listed = run("report", "list").stdout.splitlines()
    assert listed[0] == "report,title,schedule,status,last_run"
    assert listed[1].startswith('counted,Counted,"",ok,')
    assert listed[2].startswith('one,The first … rows,"",ok,')
    (page,) = [line.split()[0] for line in out if "/counted/" in line]
    verified = " ".join(run("report", "verify", page).stdout.split())
    assert verified.endswith("1 figure, 0 differ, the same page")
    assert run("report", "diff", page, page).stdout == "figure,before,after,more\n"
    history = run("report", "history", "counted", "-c", "report,status").stdout.split()
    assert history == ["report,status", "counted,ok", "counted,checks", "counted,ok"]


@pytest.mark.browser
def test_a_page_is_printed_too(run: Run, folder: Path) -> None:
    """`--pdf` writes a PDF beside the page, and names it."""
    page, pdf = run("report", "run", "one.ipynb", "--pdf").stdout.splitlines()
    assert pdf == page.split()[0].removesuffix(".html") + ".pdf"
    assert (folder / pdf).read_bytes().startswith(b"%PDF")


def test_wrong_usage_runs_nothing(run: Run, folder: Path) -> None:
    """Unknown names, folders without notebooks, and broken definitions have exit code 2."""
    (folder / "reports").mkdir()
    (folder / "reports" / "counted.toml").write_text(DEFINITION)
    assert "did you mean 'counted'" in run("report", "run", "countd", code=2).stderr
    assert "unknown parameter 'x'" in run("report", "run", "counted", "-p", "x=1", code=2).stderr
    (folder / "empty").mkdir()
    assert "neither definitions nor notebooks" in run("report", "run", "empty", code=2).stderr
    (folder / "reports" / "counted.toml").write_text(DEFINITION.replace("limit", "limits"))
    assert "counted.toml:5" in run("report", "run", "counted", code=2).stderr
    assert ",broken," in run("report", "list", code=2).stdout


def test_schedules_are_printed(run: Run, folder: Path) -> None:
    """Units and crontab lines for each report with a schedule; without one there is nothing to print."""
    (folder / "reports").mkdir()
    (folder / "reports" / "counted.toml").write_text(DEFINITION)
    assert "no report has a schedule" in run("report", "schedule", code=3).stderr
    (folder / "reports" / "counted.toml").write_text(DEFINITION + '[schedule]\ncron = "0 6 * * *"\n')
    out = run("report", "schedule").stdout
    assert "OnCalendar=*-*-* 6:0:00 UTC" in out
    assert "0 6 * * * cd " in out
    assert "CRON_TZ" not in run("report", "schedule", "--print", "systemd").stdout
    assert "--health needs --foreground" in run("report", "schedule", "--health", "x", code=2).stderr


GREEDY = """
import os
import subprocess
import sys
import re
import time
from pathlib import Path

code = "import time; held = bytearray(b'a') * 500_000_000; time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
Path("pids.txt").write_text(f"{child.pid} {os.getpid()}")
time.sleep(60)
"""


def test_too_much_memory_ends_a_report(run: Run, folder: Path) -> None:
    """Memory of children counts; kernel and child are gone, readers see why, and the exit code is 1."""
    write_notebook(folder, "# Greedy", GREEDY, name="greedy.ipynb")
    (folder / "reports").mkdir(exist_ok=True)
    settings = 'title = "Greedy"\nnotebook = "../greedy.ipynb"\nmemory = "400 MB"\n'
    (folder / "reports" / "greedy.toml").write_text(settings)
    began = time.monotonic()
    failed = run("report", "run", "greedy", code=1)
    assert time.monotonic() - began < 50
    assert "cell 2: the notebook was ended: it used more than 400 MB of memory" in " ".join(failed.stderr.split())
    page = (folder / "reports" / "out" / "greedy" / "latest.html").read_text()
    assert "A limit of time or memory was reached." in page
    assert "cell 2, below “Greedy”" in page
    history = run("report", "history", "greedy", "-c", "status,reason").stdout.split()
    assert history == ["status,reason", "failed,limit"]
    kernel_and_child = map(int, (folder / "pids.txt").read_text().split())
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in kernel_and_child)
