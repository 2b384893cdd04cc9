"""Mining in a process of its own: the same result, and what happens when that process is lost or meets damage."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.generation_build import Known, Mined
from index.incident_mine import MineCache
from index.line_store import LineFilter, LineReader
from index.store_parquet import ParquetStore
from ingest.errors import InputError, QuerySyntaxError, WorkerError
from ingest.receive import Receiver
from ingest.simulate import simulate
from tests.acceptance.world import chunks_of
from workers.miner import ApartMiner, MineJob, OwnMiner, SpanJob

END_NS = 1_790_000_000_000_000_000
START_NS = END_NS - 8 * 3_600_000_000_000
JOB = MineJob(Known((), (), None, ()), None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ParquetStore]:
    """Half of the lines in segments, half in memory."""
    shop = simulate(tmp_path / "shop", seed=5, start_ns=START_NS, end_ns=END_NS, lines=20_000, faults=["avalanche"])
    opened = ParquetStore.open(tmp_path / "data")
    chunks = chunks_of(shop.files, read_ns=END_NS)
    for number, chunk in enumerate(chunks):
        Receiver(opened).accept(chunk)
        if number == len(chunks) // 2:
            opened.flush()
    yield opened
    opened.close()


@pytest.fixture
def apart(store: ParquetStore, tmp_path: Path) -> Iterator[ApartMiner]:
    miner = ApartMiner(store, tmp_path / "data" / "mining")
    yield miner
    miner.close()


def assert_same(one: Mined, other: Mined) -> None:
    assert one.patterns.patterns.equals(other.patterns.patterns)
    assert one.patterns.members.equals(other.patterns.members)
    assert one.counts.equals(other.counts)
    assert one.incidents == other.incidents


def test_both_miners_find_the_same(store: ParquetStore, apart: ApartMiner) -> None:
    own = OwnMiner(store).run(JOB)
    assert own.incidents, "without an incident this compares little"
    assert own.counts["count"].sum() == store.high_water().lines
    assert_same(apart.run(JOB), own)


def test_a_span_is_told_the_same_by_both(store: ParquetStore, apart: ApartMiner) -> None:
    mined = apart.run(JOB)
    job = SpanJob(mined.patterns, mined.incidents[0].start_ns, mined.incidents[0].end_ns, (), None)
    assert apart.run(job) == OwnMiner(store).run(job)


def test_lines_that_came_since_are_mined_with_the_next_job(store: ParquetStore, apart: ApartMiner) -> None:
    before = apart.run(JOB).counts["count"].sum()
    Receiver(store).accept_lines(b"the cellar door is open\n", now_ns=END_NS)
    assert apart.run(JOB).counts["count"].sum() == before + 1
    store.flush()
    store.compact()
    assert_same(apart.run(JOB), OwnMiner(store).run(JOB))


def test_copies_of_lines_in_memory_do_not_stay(apart: ApartMiner, tmp_path: Path) -> None:
    apart.run(JOB)
    assert not (tmp_path / "data" / "mining").exists()


def test_a_lost_process_is_started_again(apart: ApartMiner) -> None:
    first = apart.run(JOB)
    lost = apart.process_id
    assert lost is not None
    os.kill(lost, signal.SIGKILL)
    assert_same(apart.run(JOB), first)
    assert apart.process_id != lost


@dataclasses.dataclass(frozen=True)
class Dying:
    """Ends its process."""

    def run(self, lines: LineReader, cache: MineCache) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


@dataclasses.dataclass(frozen=True)
class Failing:
    """Raises an error."""

    error: Exception

    def run(self, lines: LineReader, cache: MineCache) -> int:
        raise self.error


def test_a_job_that_always_ends_its_process_is_an_error_and_the_next_works(apart: ApartMiner) -> None:
    with pytest.raises(WorkerError, match="ended twice"):
        apart.run(Dying())
    assert apart.run(JOB).counts.height


def test_errors_of_ours_come_back_as_they_are_and_others_are_named(apart: ApartMiner) -> None:
    with pytest.raises(InputError, match="no such thing"):
        apart.run(Failing(InputError("no such thing")))
    with pytest.raises(WorkerError, match="KeyError: 'x'"):
        apart.run(Failing(KeyError("x")))


@pytest.mark.parametrize(
    "suffixes", [(".parquet",), (".parquet", ".ledger.parquet")], ids=["lines", "lines and ledger"]
)
def test_a_damaged_segment_is_set_aside_and_the_rest_is_mined(
    suffixes: tuple[str, ...], store: ParquetStore, apart: ApartMiner
) -> None:
    store.flush()
    file = next((store_folder(store)).glob("*[0-9].parquet"))
    for suffix in suffixes:
        damaged = file.with_name(file.name.replace(".parquet", suffix))
        damaged.write_bytes(b"\0" * damaged.stat().st_size)
    mined = apart.run(JOB)
    assert store.status().damaged_files == 1
    assert mined.counts["count"].sum() == store.high_water().lines > 0
    assert sum(frame.height for frame in store.scan(LineFilter(), ["time_ns"])) == store.high_water().lines


@dataclasses.dataclass(frozen=True)
class Endless:
    """Tells that it began, and goes on until its process is ended."""

    began: Path

    def run(self, lines: LineReader, cache: MineCache) -> int:
        self.began.touch()
        threading.Event().wait(120)
        return 0


def test_closing_gives_up_the_job_and_starts_nothing_again(apart: ApartMiner, tmp_path: Path) -> None:
    failed: list[WorkerError] = []

    def ask() -> None:
        try:
            apart.run(Endless(tmp_path / "began"))
        except WorkerError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    apart.close()
    asking.join(30)
    assert not asking.is_alive()
    assert failed, "the job came back although it was given up"
    assert apart.process_id is None
    with pytest.raises(WorkerError, match="while the server stops"):
        apart.run(JOB)


@pytest.mark.parametrize("error", [InputError("a", hint="b"), QuerySyntaxError("a", position=3, hint="b")])
def test_errors_come_back_whole(error: InputError, apart: ApartMiner) -> None:
    with pytest.raises(type(error)) as raised:
        apart.run(Failing(error))
    assert vars(raised.value) == vars(error)


def store_folder(store: ParquetStore) -> Path:
    return store._folder / "segments"


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(child)


PARENT = """
import sys, time
from pathlib import Path
from index.store_parquet import ParquetStore
from index.generation_build import Known
from workers.miner import ApartMiner, MineJob
miner = ApartMiner(ParquetStore.open(Path(sys.argv[1])), Path(sys.argv[1], "mining"))
miner.run(MineJob(Known((), (), None, ()), None))
print(miner.process_id, flush=True)
time.sleep(60)
"""


def _is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
