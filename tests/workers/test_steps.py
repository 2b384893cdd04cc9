"""The nearline steps one by one: together they publish what one process would, whatever is doubled, lost or late."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.incident import Note
from index.knowledge import Knowledge
from index.store_parquet import ParquetStore
from ingest.receive import Receiver
from tests.api.word_embedder import WordEmbedder
from tests.workers.chunks_made import chunks
from workers.nearline import Nearline
from workers.settings import NearlineSettings
from workers.steps import NOTHING, Steps

ORDER = ["patterns", "incidents", "embed", "publish"]


class Process:
    """One worker's process over a folder; several may be had one after the other."""

    def __init__(self, folder: Path) -> None:
        self.store = ParquetStore.open(folder)
        self.knowledge = Knowledge(folder / "catalogue.sqlite")
        self.nearline = Nearline(self.store, self.knowledge, WordEmbedder(), folder, NearlineSettings())
        self.steps = Steps(self.store, self.knowledge, self.nearline, folder / "drafts")

    def put(self, number: int) -> None:
        for pushed in chunks(number, 3):
            Receiver(self.store).accept_pushed(pushed)

    def run(self) -> list[str]:
        """Steps until none is due; their names."""
        done = []
        while step := self.steps.due():
            assert getattr(self.steps, step)()["did"] == step
            done.append(step)
        return done

    def close(self) -> None:
        self.nearline.stop()
        self.knowledge.close()
        self.store.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    opened = Process(tmp_path / "data")
    opened.put(1)
    yield opened
    opened.close()


def test_the_steps_publish_what_one_process_would(process: Process, tmp_path: Path) -> None:
    assert process.run() == ORDER
    other = Process(tmp_path / "other")
    other.put(1)
    generation = process.nearline.published
    assert generation is not None
    assert generation.id == other.nearline.mine().id
    assert generation.counts["count"].sum() == 15
    other.close()


def test_a_step_that_is_not_due_does_nothing(process: Process) -> None:
    assert process.steps.publish() == process.steps.embed() == process.steps.incidents() == NOTHING
    assert process.steps.patterns()["did"] == "patterns"
    assert process.steps.patterns() == NOTHING
    process.run()
    assert [getattr(process.steps, step)() for step in ORDER] == [NOTHING] * 4
    assert process.steps.due() == ""


def test_new_lines_and_notes_make_a_new_generation_due(process: Process) -> None:
    process.run()
    process.put(2)
    assert process.run() == ORDER
    process.knowledge.add_note(Note("", "0123456789abcdef", "it was the pool", time_ns=1))
    assert process.run() == ORDER
    generation = process.nearline.published
    assert generation is not None
    assert generation.counts["count"].sum() == 30
    assert [note.text for note in generation.notes] == ["it was the pool"]


def test_lines_that_come_between_two_steps_are_in_the_next_generation(process: Process) -> None:
    process.steps.patterns()
    process.put(2)
    assert process.run() == [*ORDER[1:], *ORDER]
    generation = process.nearline.published
    assert generation is not None
    assert generation.counts["count"].sum() == 30


@pytest.mark.parametrize("after", [1, 2, 3], ids=ORDER[:3])
def test_the_next_process_goes_on_where_one_was_lost(process: Process, tmp_path: Path, after: int) -> None:
    for step in ORDER[:after]:
        getattr(process.steps, step)()
    process.close()
    successor = Process(tmp_path / "data")
    assert successor.run() == ORDER[after:]
    successor.close()
    third = Process(tmp_path / "data")
    assert third.steps.due() == ""
    assert third.nearline.published is not None
    third.close()
    process.__init__(tmp_path / "data")  # type: ignore[misc]  # for the fixture, which closes it


@pytest.mark.parametrize("damage", [b"", b"\0\0\0\0junk", b"\xd2\x02\xef\x8d"], ids=["empty", "checksum", "short"])
def test_a_damaged_draft_is_made_anew(process: Process, tmp_path: Path, damage: bytes) -> None:
    process.steps.patterns()
    (tmp_path / "data" / "drafts" / "patterns.draft").write_bytes(damage)
    assert process.run() == ORDER


def test_what_retention_made_old_is_not_published_over_what_is_new(process: Process) -> None:
    process.store.flush()
    for step in ORDER[:3]:
        getattr(process.steps, step)()
    assert process.steps.retain()["dropped_lines"] == 15  # the lines are months old
    published = process.nearline.published_stamp
    assert process.steps.publish() == NOTHING
    assert process.nearline.published_stamp == published
    assert process.steps.due() == ""
