"""Checksums: every small change of a file is noticed, whatever its size."""

import random
from pathlib import Path

import pytest

from eventsource.checksums import DamagedFileError, check_content, forget_checksums, name_by_content

BLOCK = 256 * 509 * 8


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 4072])
def test_changes_are_noticed(tmp_path: Path, size: int) -> None:
    """A flipped bit, two sectors in each other's place, a byte more or less, also where it is zero."""
    chance = random.Random(size)
    content = bytearray(chance.randbytes(size))
    (tmp_path / "draft").write_bytes(content)
    path = name_by_content(tmp_path / "draft", tmp_path / "part-1.parquet")
    check_content(path)
    changes = [content + b"\0", content[:-1] if size else bytearray(b"x")]
    for _ in range(20 if size else 0):
        changed = bytearray(content)
        changed[chance.randrange(size)] ^= 1 << chance.randrange(8)
        changes.append(changed)
    if size >= BLOCK:
        swapped = bytearray(content)
        swapped[:4096], swapped[40960:45056] = content[40960:45056], content[:4096]
        changes.append(swapped)
    for changed in changes:
        path.write_bytes(changed)
        with pytest.raises(DamagedFileError):
            check_content(path)
    path.write_bytes(content)
    check_content(path)
    path.unlink()
    with pytest.raises(FileNotFoundError) as raised:
        check_content(path)
    assert not isinstance(raised.value, DamagedFileError)


def test_a_checksum_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size and times say so; on request it is computed again."""
    (tmp_path / "draft").write_bytes(b"content")
    path = name_by_content(tmp_path / "draft", tmp_path / "run-1.parquet")
    computed: list[Path] = []
    compute = name_by_content.__globals__["_checksum_of_file"]

    def count(file: Path) -> str:
        computed.append(file)
        return str(compute(file))

    monkeypatch.setattr("eventsource.checksums._checksum_of_file", count)
    check_content(path)
    check_content(path)
    assert len(computed) == 1
    forget_checksums()
    check_content(path)
    assert len(computed) == 2
    path.write_bytes(b"other")
    with pytest.raises(DamagedFileError):
        check_content(path)
    assert len(computed) == 3
