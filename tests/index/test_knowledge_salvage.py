from pathlib import Path

import pytest

from index.catalogue import CATALOGUE_FILE, Catalogue
from index.incident import Note
from index.knowledge import Knowledge
from index.knowledge_salvage import salvage
from index.pattern import PatternEdit

PAGE = 4096


def a_catalogue(folder: Path, *, notes: int) -> Path:
    folder.mkdir()
    catalogue = Catalogue.open(folder)
    knowledge = Knowledge(folder / CATALOGUE_FILE)
    for at in range(notes):
        knowledge.add_note(Note("", f"target {at}", "restart the pool " * 40, time_ns=at))
        knowledge.add_edit(PatternEdit("aa", "rename", f"name {at}", at))
    knowledge.save_view("errors", {"query": "level:error"})
    knowledge.save_channel("ops", {"window": "7d"})
    knowledge.freeze(before_ns=77)
    knowledge.close()
    catalogue.close()
    return folder / CATALOGUE_FILE


def damage(file: Path, *, first_page: int, pages: int) -> None:
    content = bytearray(file.read_bytes())
    content[first_page * PAGE : (first_page + pages) * PAGE] = b"\xa5" * (pages * PAGE)
    file.write_bytes(content)


def test_a_readable_file_gives_everything_back_in_order(tmp_path: Path) -> None:
    damaged = a_catalogue(tmp_path / "old", notes=5)
    knowledge = Knowledge(tmp_path / "new.sqlite")
    assert salvage(damaged, knowledge) == 13
    assert [edit.argument for edit in knowledge.edits()] == [f"name {at}" for at in range(5)]
    assert [note.target for note in knowledge.notes()] == [f"target {at}" for at in range(5)]
    assert knowledge.views() == {"errors": {"query": "level:error"}}
    assert knowledge.channels() == {"ops": {"window": "7d"}}
    assert knowledge.frozen_before_ns() == 77
    assert salvage(damaged, knowledge) == 0
    knowledge.close()


def test_what_lies_around_damaged_pages_comes_back(tmp_path: Path) -> None:
    damaged = a_catalogue(tmp_path / "old", notes=200)
    before = Knowledge(damaged)
    notes, edits = set(before.notes()), set(before.edits())
    before.close()
    damage(damaged, first_page=damaged.stat().st_size // PAGE // 2, pages=2)
    knowledge = Knowledge(tmp_path / "new.sqlite")
    added = salvage(damaged, knowledge)
    found_notes, found_edits = set(knowledge.notes()), set(knowledge.edits())
    knowledge.close()
    assert found_notes <= notes
    assert found_edits <= edits
    assert len(found_notes) + len(found_edits) + 3 == added
    assert 200 < added < 403


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000], ids=["empty", "another file"])
def test_a_file_that_is_no_catalogue_gives_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old.sqlite").write_bytes(content)
    knowledge = Knowledge(tmp_path / "new.sqlite")
    knowledge.save_view("mine", {})
    assert salvage(tmp_path / "old.sqlite", knowledge) == 0
    assert knowledge.views() == {"mine": {}}
    knowledge.close()
