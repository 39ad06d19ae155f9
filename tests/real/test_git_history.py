"""A real log with a known truth: the history of a public repository, tree by tree."""

import hashlib
import json
from pathlib import Path

import pytest

import eventsource as es

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the shared event log is not beside this checkout; it is not copied into the project"
)


class File(es.Model, order="recorded_at", deleted="FileDeleted"):
    """A file of a repository; the order of recording decides, since the clocks of authors are skewed."""

    blob = es.latest("FileAdded", "FileModified", of="blob")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> es.Timeline:
    """Return a timeline over the pulled history."""
    log = es.Log(str(tmp_path_factory.mktemp("git")))
    pulled = log.pull(es.source(str(DATA / "git_datasette.jsonl.gz"), event_id="id"))
    assert (pulled.rejected, pulled.duplicates) == (0, 0)
    return es.Timeline(log, File)


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared event log is not beside this checkout")
@pytest.mark.parametrize(
    "commit",
    json.loads((DATA / "git_datasette.truth.json").read_text()) if DATA.is_dir() else [],
    ids=lambda commit: commit["commit"][:12],
)
def test_every_sampled_tree_equals_that_of_git(files: es.Timeline, commit: dict[str, str | int]) -> None:
    """`as_of(upto=position)` has the paths and blobs of that commit's tree."""
    tree = files.as_of(upto=int(commit["position"]))
    lines = [f"{path} {blob}" for path, blob in tree.select("entity", "blob").iter_rows()]
    assert len(lines) == commit["files"]
    assert hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() == commit["digest"]
