"""Files are replaced as a whole."""

from pathlib import Path

import pytest

from eventsource.atomic_write import atomic_write


def test_readers_see_the_old_content_until_the_new_one_is_complete(tmp_path: Path) -> None:
    """The file changes at the end of the block, and nothing else stays in the folder."""
    file = tmp_path / "page.html"
    file.write_text("old")
    with atomic_write(file) as draft:
        draft.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The temporary file is removed, and the error is raised."""
    file = tmp_path / "page.html"
    file.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(file) as draft:  # noqa: PT012 - the write is half done
        draft.write_text("ne")
        raise RuntimeError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """The error of the write itself is raised."""
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "no" / "page.html") as draft:
        draft.write_text("new")
