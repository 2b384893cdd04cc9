"""A process that works on a store until it is told to die, and what must be true of the store after it."""

import dataclasses
import multiprocessing
import os
import random
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import polars as pl
import structlog

from index.line_store import LineFilter
from index.store_parquet import ParquetStore
from index.store_settings import StoreSettings, no_step
from ingest.line_sink import SourceRange
from tests.index.lines_made import RECORD_BYTES, covers_of, made_lines

SOURCE = "00000000000000cc"
CHUNK = 30
CHUNKS = 4
DAY_NS = 86_400_000_000_000
KILLED = 77


def small(step: Callable[[str], None] = no_step) -> StoreSettings:
    """Settings that make many small files of few lines."""
    return StoreSettings(block_lines=16, compact_fan_in=2, step=step)


def chunk(number: int) -> pl.DataFrame:
    """Chunk `number`: half of its lines are of another day, so that a flush writes two partitions."""
    lines = made_lines(CHUNK, source=SOURCE, first=number * CHUNK)
    is_old = (pl.col("position") // RECORD_BYTES % 2 == 0).cast(pl.Int64)
    return lines.with_columns(time_ns=pl.col("time_ns") - is_old * 2 * DAY_NS)


def work(folder: Path, acknowledged: Path, die_at: int) -> None:
    """Append, flush, compact; die at step number `die_at`; write each acknowledged chunk's number to a file."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123  # the process dies without closing anything
    steps = 0

    def step(_name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == die_at:
            os._exit(KILLED)

    store = ParquetStore.open(folder, small(step))
    with acknowledged.open("ab", buffering=0) as file:
        for number in range(CHUNKS):
            lines = chunk(number)
            if not store.missing(covers_of(lines)[0]):
                continue
            store.append(lines, covers_of(lines))
            file.write(bytes([number]))
            if number % 2:
                store.flush()
                store.compact()
    store.close()
    os._exit(0)


def append_for_ever(folder: Path, acknowledged: Path, seed: int) -> None:
    """Append chunks of random sizes from where the store ends, while another thread flushes and compacts all the time;
    write how far it is acknowledged to a file.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123  # the process dies without closing anything
    store = ParquetStore.open(folder, dataclasses.replace(small(), flush_lines=40))
    threading.Thread(target=_maintain_for_ever, args=(store,), daemon=True).start()
    sizes = random.Random(seed)
    with acknowledged.open("ab", buffering=0) as file:
        while True:
            first = store.missing(SourceRange(SOURCE, 0, 2**40))[0].start // RECORD_BYTES
            lines = made_lines(sizes.randrange(1, 40), source=SOURCE, first=first)
            store.append(lines, covers_of(lines))
            file.write((first + lines.height).to_bytes(8, "big"))


def _maintain_for_ever(store: ParquetStore) -> None:
    while True:
        store.maintain()


def start(target: Callable[[Path, Path, int], None], folder: Path, acknowledged: Path, number: int) -> BaseProcess:
    """One of the functions above in a process of its own. The server that forks it has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.index.crashing"])
    process = context.Process(target=target, args=(folder, acknowledged, number))
    process.start()
    return process


def run(folder: Path, acknowledged: Path, die_at: int) -> int:
    """Exit status of `work`."""
    process = start(work, folder, acknowledged, die_at)
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def check_exact(store: ParquetStore, acknowledged: list[int]) -> None:
    """What was acknowledged is there once; of the rest whole chunks or nothing; every sum agrees."""
    positions = sorted(store.search(LineFilter(), limit=10_000).lines["position"])
    present = [number for number in range(CHUNKS) if number * CHUNK * RECORD_BYTES in positions]
    assert set(acknowledged) <= set(present)
    expected = [(number * CHUNK + line) * RECORD_BYTES for number in present for line in range(CHUNK)]
    assert positions == expected
    assert store.ledger()["count"].sum() == len(expected) == store.status().lines
    missing = store.missing(SourceRange(SOURCE, 0, CHUNKS * CHUNK * RECORD_BYTES))
    assert sum(part.end - part.start for part in missing) == (CHUNKS - len(present)) * CHUNK * RECORD_BYTES
    assert store.status().damaged_files == 0
