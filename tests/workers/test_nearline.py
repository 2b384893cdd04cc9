"""The nearline steps: what they publish, what they take up again, and what retention leaves."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.embed_minilm import MiniLMEmbedder
from index.incident import Note
from index.knowledge import Knowledge
from index.line_store import LineFilter
from index.store_parquet import ParquetStore
from index.vector import Embedder
from ingest.line import split_line_id
from ingest.receive import Receiver
from ingest.simulate import simulate
from tests.acceptance.world import chunks_of
from tests.workers.chunks_made import wait_until
from workers.nearline import Nearline
from workers.settings import NearlineSettings

DAY_NS = 86_400_000_000_000
END_NS = 1_790_000_000_000_000_000
START_NS = END_NS - 2 * DAY_NS


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return MiniLMEmbedder.load()


class Process:
    """What one process owns; opened again after `close` it is the next process."""

    def __init__(self, folder: Path, embedder: Embedder, *, now_ns: int = END_NS) -> None:
        self.store = ParquetStore.open(folder)
        self.knowledge = Knowledge(folder / "catalogue.sqlite")
        settings = NearlineSettings(retention_s=86_400.0, mine_every_s=0.1)
        self.nearline = Nearline(self.store, self.knowledge, embedder, folder, settings, now_ns=lambda: now_ns)

    def close(self) -> None:
        self.nearline.stop()
        self.knowledge.close()
        self.store.close()


@pytest.fixture
def process(tmp_path: Path, embedder: Embedder) -> Iterator[Process]:
    opened = Process(tmp_path / "data", embedder)
    yield opened
    opened.close()


def push(store: ParquetStore, *messages: str) -> None:
    Receiver(store, clock=lambda: END_NS).accept_lines("\n".join(messages).encode())


def test_an_empty_store_has_an_empty_generation(process: Process) -> None:
    generation = process.nearline.mine()
    assert generation.patterns.patterns.is_empty()
    assert generation.incidents == ()


def test_waiting_returns_when_everything_appended_before_is_mined(process: Process) -> None:
    process.nearline.start()
    push(process.store, "the cart is full")
    assert process.nearline.wait_until_mined(60)
    assert process.nearline.generation().counts["count"].sum() == 1


def test_a_note_is_in_the_generation_that_waiting_returns(process: Process) -> None:
    process.nearline.start()
    process.knowledge.add_note(Note("", "0123456789abcdef", "it was the pool", time_ns=END_NS))
    assert process.nearline.wait_until_mined(60)
    assert [note.text for note in process.nearline.generation().notes] == ["it was the pool"]


def test_waiting_gives_up_after_its_time_when_nothing_mines(process: Process) -> None:
    push(process.store, "nobody mines this")
    started = time.monotonic()
    assert not process.nearline.wait_until_mined(0.2)
    assert time.monotonic() - started < 10


def test_a_run_that_fails_is_counted_by_its_kind_of_error_and_made_again(process: Process, tmp_path: Path) -> None:
    in_the_way = tmp_path / "data" / "generation.new"
    in_the_way.write_text("a file where a folder should be")
    push(process.store, "the cart is full")
    process.nearline.start()
    wait_until(lambda: process.nearline.progress.failures)
    assert set(process.nearline.progress.failures) == {"FileExistsError"}
    in_the_way.unlink()
    assert process.nearline.wait_until_mined(60)


def test_the_next_process_takes_up_the_saved_generation_without_mining(tmp_path: Path, embedder: Embedder) -> None:
    first = Process(tmp_path, embedder)
    push(first.store, "the cart is full", "the pool is empty")
    mined = first.nearline.mine()
    first.close()
    second = Process(tmp_path, embedder)
    second.nearline.start()
    assert second.nearline.published is not None
    assert second.nearline.published.id == mined.id
    assert second.nearline.published.patterns.patterns.equals(mined.patterns.patterns)
    assert second.nearline.progress.runs == 0
    second.close()


@pytest.mark.parametrize("name", ["manifest.json", "members.parquet", "pattern_vectors"])
def test_a_damaged_saved_generation_is_set_aside_and_mined_again(name: str, tmp_path: Path, embedder: Embedder) -> None:
    first = Process(tmp_path, embedder)
    push(first.store, "the cart is full", "the pool is empty")
    mined = first.nearline.mine()
    first.close()
    target = tmp_path / "generation" / name
    for file in [target] if target.is_file() else sorted(target.rglob("*")):
        if file.is_file():
            file.write_bytes(b"\0" * file.stat().st_size)
    second = Process(tmp_path, embedder)
    second.nearline.start()
    assert second.nearline.wait_until_mined(60)
    assert second.nearline.generation().id == mined.id
    assert (tmp_path / "generation.damaged").exists()
    second.close()


def test_after_retention_sums_agree_and_incidents_keep_their_evidence(tmp_path: Path, embedder: Embedder) -> None:
    shop = simulate(
        tmp_path / "shop", seed=5, start_ns=START_NS, end_ns=END_NS, lines=90_000, faults=["avalanche", "oom_kill"]
    )
    process = Process(tmp_path / "data", embedder, now_ns=END_NS + DAY_NS // 2)
    receiver = Receiver(process.store)
    for chunk in chunks_of(shop.files, read_ns=START_NS + DAY_NS):
        receiver.accept(chunk)
    process.store.flush()
    before = process.nearline.mine()
    assert before.incidents
    process.nearline.apply_retention()
    held = process.store.high_water().lines
    after = process.nearline.generation()
    assert 0 < held < shop.lines
    assert process.nearline.progress.dropped_lines == shop.lines - held
    assert after.counts["count"].sum() == held == process.store.ledger()["count"].sum()
    assert sum(frame.height for frame in process.store.scan(LineFilter(), ["time_ns"])) == held
    kept = {incident.incident_id: incident for incident in after.incidents}
    for incident in before.incidents:
        if incident.start_ns < END_NS - 3 * 3_600_000_000_000:
            assert kept[incident.incident_id].evidence == incident.evidence
    gone = [
        line for i in after.incidents for line in i.evidence if process.store.read([split_line_id(line.id)]).is_empty()
    ]
    assert gone, "some evidence must outlive its lines, or this test proves nothing"
    process.close()
