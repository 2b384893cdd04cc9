"""Moves the lines of an embedded store to Elasticsearch: in order of time, in steps that are marked when they are done.

Ended at any moment and begun again, it goes on behind the last marked step; lines of the step that was under way are
sent again and met by their ids. Memory holds a few batches; the proof (`move_proof`) holds the ledger of one day.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import orjson
import polars as pl

from index.elastic_cell import Cell
from index.elastic_target import ElasticTarget
from index.line_store import LineFilter
from index.move_proof import Proof, prove
from index.store_parquet import ParquetStore
from ingest.errors import DifferenceError
from ingest.line import LINE_SCHEMA
from ingest.line_sink import SourceRange

HOUR_NS = 3_600_000_000_000
STEP_LINES = 100_000
"""Lines of one step, unless one hour has more. A guess: what is sent again after an end on the way, some seconds."""
BATCH_LINES = 30_000
BATCH_BYTES = 8 << 20
"""Of messages in one batch: about what an ingest worker appends at once."""
CONNECTIONS = 2
_FOR_EVER_S = 1e9
_BEFORE_ALL_NS = -(2**62)


@dataclasses.dataclass(frozen=True)
class Step:
    """Lines with `start_ns <= time_ns < end_ns`."""

    start_ns: int
    end_ns: int
    lines: int


def move_lines(source: ParquetStore, target: ElasticTarget, *, tell: Callable[[str, int, int], None]) -> Proof:
    """Have all lines of `source` in `target`, prove it by counting both, then cover their bytes there.

    `tell` is called with what is done (`moving`, `counting`), how much of it, and of how much. Nobody may write to
    `source` meanwhile; any number may write to `target`. Raises DifferenceError when the two do not hold the same; then
    the next call sends everything again. Raises RefusedError when `target` takes nothing for long, and DamagedError.
    """
    covered = source.covered()
    mark = target.mark(name_of(source, covered))
    found = mark.get()
    done_ns = _BEFORE_ALL_NS if found is None else int(found.source["done_ns"])
    target.take_signatures(source.signatures())
    done, total = 0, source.high_water().lines
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="move") as pool:
        for step in steps(source):
            if step.end_ns > done_ns:
                for lines in _moved(source, target, step, pool):
                    tell("moving", done + lines, total)
                _set(mark, step.end_ns)
            done += step.lines
            tell("moving", done, total)
    try:
        proof = prove(source, target, covered, tell=lambda done: tell("counting", done, total))
    except DifferenceError:
        _set(mark, _BEFORE_ALL_NS)
        raise
    target.cover(covered)
    return proof


def name_of(source: ParquetStore, covered: Iterable[SourceRange]) -> str:
    """A name for what a store holds: another one as soon as it holds anything else."""
    digest = hashlib.blake2b(digest_size=12)
    held = source.high_water()
    digest.update(orjson.dumps([source.high_sequence(), *dataclasses.astuple(held)]))
    for each in covered:
        digest.update(orjson.dumps(dataclasses.astuple(each)))
    return digest.hexdigest()


def steps(source: ParquetStore) -> Iterator[Step]:
    """All lines, earliest first: whole hours, put together while they have few lines."""
    counted = source.histogram(LineFilter(), step_ns=HOUR_NS, deadline_s=_FOR_EVER_S).rows
    hours = counted.group_by("bucket_ns").agg(pl.col("count").sum()).sort("bucket_ns")
    held: Step | None = None
    for start_ns, lines in hours.rows():
        if held is not None and held.lines + lines > STEP_LINES:
            yield held
            held = None
        before = Step(start_ns, start_ns, 0) if held is None else held
        held = Step(before.start_ns, start_ns + HOUR_NS, before.lines + lines)
    if held is not None:
        yield held


def _set(mark: Cell, done_ns: int) -> None:
    """All lines before `done_ns` have been taken."""
    mark.change(lambda _: {"done_ns": done_ns})


def _moved(source: ParquetStore, target: ElasticTarget, step: Step, pool: ThreadPoolExecutor) -> Iterator[int]:
    """Move one step, a batch on each connection and one made ready; yields how many of its lines are there."""
    where = LineFilter(start_ns=step.start_ns, end_ns=step.end_ns)
    under_way: dict[Future[None], int] = {}
    moved = 0
    for batch in batches(source.scan(where, LINE_SCHEMA.names())):
        under_way[pool.submit(target.take, batch)] = batch.height
        if len(under_way) > CONNECTIONS:
            moved += _ended(under_way)
            yield moved
    while under_way:
        moved += _ended(under_way)
        yield moved


def _ended(under_way: dict[Future[None], int]) -> int:
    """Wait for one batch at least; returns the lines of those that ended. Raises what a batch raised."""
    ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for batch in ended:
        batch.result()
    return sum(under_way.pop(batch) for batch in ended)


def batches(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same lines in frames of about BATCH_LINES or BATCH_BYTES."""
    held: list[pl.DataFrame] = []
    lines, size = 0, 0
    for frame in frames:
        for part in _parts(frame):
            held.append(part)
            lines += part.height
            size += _message_bytes(part)
            if lines >= BATCH_LINES or size >= BATCH_BYTES:
                yield pl.concat(held)
                held, lines, size = [], 0, 0
    if held:
        yield pl.concat(held)


def _parts(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    by_bytes = BATCH_BYTES * frame.height // max(_message_bytes(frame), 1)
    return frame.iter_slices(max(1, min(BATCH_LINES, by_bytes)))


def _message_bytes(frame: pl.DataFrame) -> int:
    return int(frame["message"].str.len_bytes().sum())
