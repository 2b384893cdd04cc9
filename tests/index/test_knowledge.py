"""The embedded keeper of knowledge keeps the contract, in the catalogue's file."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from index.catalogue import CATALOGUE_FILE, Catalogue
from index.incident import Note
from index.knowledge import Knowledge, incident_from_json, incident_json
from index.pattern import PatternEdit
from ingest.errors import DamagedError
from tests.index.knowledge_contract import KnowledgeContract, Open, an_incident


class TestContract(KnowledgeContract):
    """In one file that several connections have open."""

    @pytest.fixture
    def open_knowledge(self, tmp_path: Path) -> Iterator[Open]:
        with ExitStack() as opened:
            yield lambda: opened.enter_context(closing(Knowledge(tmp_path / "catalogue.sqlite")))


def test_an_incident_comes_back_exactly_as_it_was() -> None:
    incident = an_incident(1_700_000_000)
    assert incident_from_json(json.loads(json.dumps(incident_json(incident)))) == incident


def test_it_lives_in_the_catalogue_beside_the_tables_of_the_store(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    knowledge = Knowledge(tmp_path / CATALOGUE_FILE)
    knowledge.add_edit(PatternEdit("aa", "mute", "", 10))
    with catalogue.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM pattern_edit").fetchone() == (1,)
    knowledge.close()
    catalogue.close()
    again = Catalogue.open(tmp_path)
    assert not again.fresh
    again.close()


def test_a_file_that_is_no_database_is_damage(tmp_path: Path) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(b"something else" * 1000)
    with pytest.raises(DamagedError, match="not a database"):
        Knowledge(tmp_path / "catalogue.sqlite")


def test_notes_of_a_catalogue_from_before_there_were_documents_are_kept_under_their_ids(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.sqlite"
    with closing(Knowledge(catalogue)) as knowledge:
        note = knowledge.add_note(Note("", "aa", "restart it", time_ns=7))
    with closing(sqlite3.connect(catalogue)) as connection:
        connection.execute("ALTER TABLE note DROP COLUMN source")
    with closing(Knowledge(catalogue)) as knowledge:
        assert knowledge.notes() == (note,)
        assert knowledge.add_note(note) == note
        of_document = knowledge.add_note(Note("", "aa", "restart it", time_ns=7, source="d/a.md"))
        assert len(knowledge.notes()) == 2
    assert note.note_id != of_document.note_id
