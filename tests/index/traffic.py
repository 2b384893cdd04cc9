"""A small shop's lines for tests of incident mining: the same for the same seed, faults and benign events included."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from index.pattern import PatternSet
from index.pattern_mine import mine_patterns
from index.store_parquet import ParquetStore
from ingest.line import LINE_SCHEMA
from ingest.line_sink import SourceRange
from ingest.signature import signature_columns

START_NS = 1_760_000_400_000_000_000
MINUTE_NS = 60_000_000_000
RECORD_BYTES = 200

Row = tuple[float, str, str, str]


@dataclasses.dataclass(frozen=True)
class Event:
    """What happens from minute `start` to minute `end`."""

    kind: str
    start: int
    end: int

    @property
    def start_ns(self) -> int:
        return START_NS + self.start * MINUTE_NS

    @property
    def end_ns(self) -> int:
        return START_NS + self.end * MINUTE_NS


FAULTS = (
    Event("unreserved", 60, 70),
    Event("exhausted", 110, 118),
    Event("slow", 160, 170),
    Event("exhausted", 270, 280),
)
BENIGN = (Event("peak", 200, 215), Event("restart", 240, 241), Event("job", 225, 232))


def rows(seed: int, minutes: int, events: tuple[Event, ...]) -> Iterator[Row]:
    """Rows (second, service, level, message) in no order."""
    rng = np.random.default_rng(seed)
    active = {
        minute: {event.kind for event in events if event.start <= minute < event.end} for minute in range(minutes)
    }
    for minute in range(minutes):
        now = active[minute]
        load = 14 * (1 + 0.5 * np.sin(minute / 90)) * (3 if "peak" in now else 1)
        for second in np.sort(rng.uniform(minute * 60, minute * 60 + 60, rng.poisson(load))):
            yield from _request(rng, float(second), now)
        yield from _background(rng, minute, now)
    for event in events:
        if event.kind == "restart":
            for index, said in enumerate(("stopping payment", "payment starting", "settings read", "payment ready")):
                yield event.start * 60 + 15 + index * 2.0, "payment", "info", said


def _request(rng: np.random.Generator, second: float, now: set[str]) -> Iterator[Row]:
    trace = f"trace={rng.integers(1, 2**63):016x}"
    order = int(rng.integers(1000, 9999))
    yield second, "gateway", "info", f"received GET for order {order} {trace}"
    yield second + 0.01, "orders", "info", f"loading order {order} {trace}"
    if "unreserved" not in now:
        yield second + 0.02, "stock", "info", f"reserved {order % 7} pieces {trace}"
    yield second + 0.022, "stock", "info", f"shelf {order % 90} has enough left {trace}"
    if "exhausted" in now and rng.random() < 0.6:
        yield second + 0.6, "orders", "error", f"connection pool exhausted after {rng.integers(500, 900)} ms {trace}"
        yield second + 0.7, "gateway", "warn", f"orders answered with {500 + order % 4} {trace}"
        return
    yield second + 0.03, "orders", "info", f"order {order} is complete {trace}"
    in_restart = "restart" in now and 15 <= second % 60 < 40
    if not in_restart:
        wait = rng.gamma(4, 0.005) + (0.9 if "slow" in now else 0)
        yield second + 0.04, "payment", "info", f"charging card {order} {trace}"
        yield second + 0.04 + wait, "payment", "info", f"charged card in {wait * 1000:.0f} ms {trace}"
    yield second + 1.2, "gateway", "info", f"answered order {order} {trace}"


def _background(rng: np.random.Generator, minute: int, now: set[str]) -> Iterator[Row]:
    for service in ("gateway", "orders", "stock", "payment"):
        if rng.random() < 0.05:
            yield minute * 60 + rng.uniform(0, 60), service, "warn", f"slow client {rng.integers(1, 200)}"
    if "job" in now:
        for index in range(12):
            yield minute * 60 + index * 5.0, "stock", "info", f"rebuilt {index * 40 + minute} rows of the shelf table"


def lines(seed: int = 1, minutes: int = 300, events: tuple[Event, ...] = FAULTS + BENIGN) -> pl.DataFrame:
    """As LINE_SCHEMA, by (source, position); one source for each service."""
    table = sorted(rows(seed, minutes, events), key=lambda row: (row[1], row[0], row[3]))
    frame = pl.DataFrame(table, schema=["second", "service", "level", "message"], orient="row")
    times = START_NS + (pl.col("second") * 1e9).cast(pl.Int64)
    return signature_columns(
        frame.select(
            pl.format("{}", pl.col("service").rank("dense").cast(pl.String).str.zfill(16)).alias("source"),
            (pl.int_range(pl.len()).over("service") * RECORD_BYTES).alias("position"),
            times.alias("time_ns"),
            times.alias("arrival_ns"),
            "service",
            "level",
            "message",
            *(pl.lit("").alias(name) for name in ("host", "namespace", "pod", "container")),
            pl.lit("stdout").alias("stream"),
            pl.lit(None, dtype=pl.String).alias("attributes"),
            pl.lit(0).alias("marks"),
        )
    ).select([pl.col(name).cast(kind) for name, kind in LINE_SCHEMA.items()])


def beginnings(service: str, minutes: tuple[int, ...], pods: tuple[str, ...], said: str) -> pl.DataFrame:
    """The first lines of a new source in each of these minutes and pods, `said` first; as `lines`."""
    frames = [
        lines(minutes=1, events=())
        .head(3)
        .with_columns(
            source=pl.lit(f"{0xA000 + minute:016x}"),
            position=pl.int_range(3, dtype=pl.Int64) * RECORD_BYTES,
            time_ns=START_NS + minute * MINUTE_NS + pl.int_range(3, dtype=pl.Int64) * 10**9,
            service=pl.lit(service),
            pod=pl.lit(pod),
            level=pl.lit("info"),
            message=pl.Series([said, "settings read", f"{service} ready"]),
        )
        for minute, pod in zip(minutes, pods, strict=True)
    ]
    unsigned = pl.concat(frames).drop("signature", "shape")
    return signature_columns(unsigned).select([pl.col(name).cast(kind) for name, kind in LINE_SCHEMA.items()])


def stored(folder: Path, frame: pl.DataFrame, *, batch: int = 20_000, backwards: bool = False) -> ParquetStore:
    """A real store that holds these lines, appended source by source in batches."""
    store = ParquetStore.open(folder)
    pieces = [
        part.slice(start, batch)
        for part in frame.partition_by("source", maintain_order=True)
        for start in range(0, part.height, batch)
    ]
    for piece in reversed(pieces) if backwards else pieces:
        low, high = int(piece["position"][0]), int(piece["position"][-1])
        store.append(piece, [SourceRange(piece["source"][0], low, high + RECORD_BYTES)])
    return store


def patterns_of(store: ParquetStore, before_ns: int | None = None) -> PatternSet:
    return mine_patterns(store.signatures(before_ns=before_ns), [])
