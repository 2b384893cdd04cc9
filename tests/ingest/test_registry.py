"""The registry keeps what it was told, and whatever state its file is in, it opens."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.errors import DamagedError
from ingest.identity import Trace
from ingest.registry import FILE_NAME, Changes, Registry, SavedCut, SavedSource

SOURCE = SavedSource("a" * 16, "/l/app.log", "/l/app.log", "/l/app.log", 1, 2, Trace(10, 4, b"p", b"m"), 5)
CUT = SavedCut(SOURCE.id, 10, 20, 99, b"c")


def filled(folder: Path, count: int = 300) -> Path:
    registry = Registry(folder)
    sources = [dataclasses.replace(SOURCE, id=f"{number:016x}") for number in range(count)]
    registry.commit(Changes(sources={source.id: source for source in sources}, cuts=[CUT], minted={b"k": 3}))
    registry.close()
    return folder / FILE_NAME


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.commit(Changes(sources={SOURCE.id: SOURCE}, cuts=[CUT], minted={b"k": 3}))
    registry.close()
    registry = Registry(tmp_path)
    assert registry.sources() == [SOURCE]
    assert registry.cuts() == [CUT]
    assert registry.minted() == {b"k": 3}
    assert registry.is_durable
    registry.close()


def test_a_cut_goes_with_its_acknowledgement_and_with_its_source(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    later = dataclasses.replace(CUT, start=20, end=30)
    registry.commit(Changes(sources={SOURCE.id: SOURCE}, cuts=[CUT, later]))
    registry.commit(Changes(sources={SOURCE.id: dataclasses.replace(SOURCE, trace=Trace(20))}))
    assert registry.cuts() == [later]
    registry.commit(Changes(forgotten=[SOURCE.id]))
    assert (registry.cuts(), registry.sources()) == ([], [])
    registry.close()


def test_a_commit_is_all_or_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    broken = dataclasses.replace(SOURCE, followed=None)  # type: ignore[arg-type] # what the schema refuses
    with pytest.raises(DamagedError):
        registry.commit(Changes(sources={"x": SOURCE, "y": broken}))
    assert registry.sources() == []
    registry.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda old: b"",
        lambda old: bytes(len(old)),
        lambda old: old[:6000],
        lambda old: bytes(100) + old[100:],
        lambda old: old[:8192] + bytes(4096) + old[12288:],
        lambda old: b"name,offset\n" * 100,
    ],
    ids=["zero length", "all NUL", "half a page", "no header", "a page of NULs", "another file"],
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = filled(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    damaged = path.read_bytes()
    registry = Registry(tmp_path)
    assert registry.set_aside is not None
    assert registry.set_aside.read_bytes() == damaged
    assert registry.sources() == []
    registry.commit(Changes(sources={SOURCE.id: SOURCE}))
    registry.close()
    again = Registry(tmp_path)
    assert (again.sources(), again.set_aside) == ([SOURCE], None)
    again.close()


def test_a_file_damaged_while_open_can_be_begun_anew(tmp_path: Path) -> None:
    path = filled(tmp_path)
    registry = Registry(tmp_path)
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
    registry._connection.execute("PRAGMA shrink_memory")
    with pytest.raises(DamagedError):
        registry.commit(Changes(sources={SOURCE.id: SOURCE}))
    registry.begin_anew()
    registry.commit(Changes(sources={SOURCE.id: SOURCE}))
    assert registry.sources() == [SOURCE]
    registry.close()


def test_a_folder_that_cannot_be_written_does_not_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    registry = Registry(tmp_path / "file")
    assert not registry.is_durable
    registry.commit(Changes(sources={SOURCE.id: SOURCE}))
    assert registry.sources() == [SOURCE]
    registry.close()
