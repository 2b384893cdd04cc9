"""The embedded store by itself: what writing, keeping and asking cost. `python -m bench.store [lines]`.

Lines are made here: 40 services, 400 templates, three variable tokens a line, about 140 bytes of message. Figures are
CPU seconds of this process unless they say otherwise; ANCHORS figures are those of the project's notes, measured on
another day, so compare orders of magnitude.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from index.line_store import LEDGER_WINDOW_NS, LineFilter
from index.store_parquet import ParquetStore
from index.store_settings import StoreSettings
from ingest.line import LINE_SCHEMA
from ingest.line_sink import SourceRange

START_NS = 1_760_000_000_000_000_000
CHUNK_LINES = 7_000
SERVICES, TEMPLATES, SOURCES = 40, 400, 20
WORDS = [
    "request",
    "order",
    "payment",
    "stock",
    "refused",
    "accepted",
    "connection",
    "pool",
    "user",
    "timeout",
    "retry",
    "cache",
    "queue",
    "message",
]
ANCHORS = """anchors (500 k lines, two cores, other days):
VictoriaLogs 98-148 k lines/CPU-s, 0.35x raw, needle 2 ms, phrase 103, histogram 12, regex 309, newest 50: 32
chDB 99 k lines/CPU-s, 0.37x raw, needle 4 ms, substring 158 ms"""
SPAN_NS = 14 * 86_400_000_000_000


def chunks(count: int) -> Iterator[tuple[pl.DataFrame, SourceRange]]:
    """Chunks of lines as a receiver would append them, sources taking turns."""
    random = np.random.default_rng(7)
    templates = [" ".join(random.choice(WORDS, 8)) for _ in range(TEMPLATES)]
    positions = [0] * SOURCES
    for number, first in enumerate(range(0, count, CHUNK_LINES)):
        lines = min(CHUNK_LINES, count - first)
        kinds = random.zipf(1.3, lines) % TEMPLATES
        source = number % SOURCES
        frame = _frame(random, lines, kinds, templates, first * SPAN_NS // count)
        position = positions[source] + np.arange(lines) * 200
        positions[source] += lines * 200
        name = f"{source:016x}"
        frame = frame.with_columns(source=pl.lit(name), position=pl.Series(position, dtype=pl.Int64))
        yield frame.select(LINE_SCHEMA.names()), SourceRange(name, int(position[0]), positions[source])


def _frame(
    random: np.random.Generator, lines: int, kinds: np.ndarray, templates: list[str], offset_ns: int
) -> pl.DataFrame:
    times = START_NS + offset_ns + np.sort(random.integers(0, 60_000_000_000, lines))
    services = kinds % SERVICES
    head = pl.Series([templates[kind] for kind in kinds])
    ids = pl.Series(random.integers(0, 2**63, lines)).map_elements(
        lambda value: f"{value:016x}", return_dtype=pl.String
    )
    numbers = pl.DataFrame({"user": random.integers(0, 10**6, lines), "took": random.integers(0, 900, lines)})
    return numbers.select(
        time_ns=pl.Series(times),
        arrival_ns=pl.Series(times),
        service=pl.Series([f"service-{service}" for service in services]),
        host=pl.lit("host-1"),
        namespace=pl.lit("shop"),
        pod=pl.lit("pod-1"),
        container=pl.lit("main"),
        level=pl.Series(np.array(["info", "info", "info", "warn", "error"])[kinds % 5]),
        stream=pl.lit("stdout"),
        message=pl.format("{} trace={} user_{} took {} ms", head, ids, "user", "took"),
        attributes=pl.lit(None, dtype=pl.String),
        signature=pl.Series(kinds.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)),
        shape=pl.Series(services.astype(np.uint64) + np.uint64(1)),
        marks=pl.lit(0, dtype=pl.UInt16),
    )


def timed(name: str, action: Callable[[], object], figures: dict[str, object], repeat: int = 7) -> None:
    """Least wall and CPU milliseconds of an action, after one run that warms caches: other work on the machine only
    ever adds to them.
    """
    action()
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    figures[name] = f"{min(walls) * 1000:.1f} ms wall, {min(cpus) * 1000:.1f} ms CPU"


def write(store: ParquetStore, made: list[tuple[pl.DataFrame, SourceRange]], figures: dict[str, object]) -> None:
    cpu, wall, appending = time.process_time(), time.perf_counter(), 0.0
    for lines, covers in made:
        started = time.process_time()
        store.append(lines, [covers])
        appending += time.process_time() - started
        store.maintain()
    store.flush()
    while store.compact():
        pass
    spent = time.process_time() - cpu
    count = sum(lines.height for lines, _ in made)
    raw = sum(int(lines["message"].str.len_bytes().sum()) for lines, _ in made) + 60 * count
    figures["lines"] = count
    figures["raw_mb"] = round(raw / 1e6, 1)
    figures["append_cpu_s"] = round(appending, 2)
    figures["write_cpu_s"] = round(spent, 2)
    figures["write_wall_s"] = round(time.perf_counter() - wall, 2)
    figures["lines_per_cpu_s"] = round(count / spent)
    figures["bytes_per_raw_byte"] = round(store.disk_bytes() / raw, 3)
    figures["segments"] = store.status().segments


def ask(store: ParquetStore, made: list[tuple[pl.DataFrame, SourceRange]], figures: dict[str, object]) -> None:
    middle = made[len(made) // 2][0]
    needle = str(middle["message"][100]).split("trace=")[1].split(" ")[0]
    places = [divmod(number * 6_151, CHUNK_LINES) for number in range(200)]
    chosen = [(made[chunk % len(made)][0], row) for chunk, row in places]
    ids = list(dict.fromkeys((str(f["source"][r % f.height]), int(f["position"][r % f.height])) for f, r in chosen))
    near = list(zip(middle["source"][:200].to_list(), middle["position"][:200].to_list(), strict=True))
    minute = START_NS + SPAN_NS // 2
    timed("newest_50", lambda: store.search(LineFilter(), limit=50), figures)
    timed("newest_50_of_service", lambda: store.search(LineFilter("service:service-3"), limit=50), figures)
    timed("phrase", lambda: store.search(LineFilter('"payment refused"'), limit=50), figures)
    timed("three_words", lambda: store.search(LineFilter("payment refused retry"), limit=50), figures)
    timed("regex", lambda: store.search(LineFilter("/user_(12|13|14)[0-9]+ took 9/"), limit=50), figures)
    timed("needle", lambda: store.search(LineFilter(needle), limit=50), figures)
    timed("histogram", lambda: store.histogram(LineFilter(), step_ns=60 * LEDGER_WINDOW_NS), figures)
    timed("histogram_phrase", lambda: store.histogram(LineFilter('"payment refused"'), step_ns=10**9), figures)
    timed("ledger", store.ledger, figures)
    timed("ledger_cut", lambda: store.ledger(start_ns=minute + 1, end_ns=minute + 10**12), figures)
    timed("facets_filtered", lambda: store.facets(LineFilter("timeout"), ["service", "level", "pod"]), figures)
    timed("read_200_scattered", lambda: store.read(ids), figures)
    timed("read_200_near", lambda: store.read(near), figures)
    timed("context", lambda: store.context(*ids[len(ids) // 2], before=20, after=20), figures)
    timed("scan_message", lambda: [frame.height for frame in store.scan(LineFilter(), ["message"])], figures, 1)
    assert store.search(LineFilter(needle)).total == 1
    assert store.read(ids).height == len(ids)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        made = list(chunks(count))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        store = ParquetStore.open(Path(folder) / "data", StoreSettings())
        write(store, made, figures)
        ask(store, made, figures)
        figures["rss_mb_before"] = before
        figures["rss_mb_peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        store.close()
        started = time.perf_counter()
        ParquetStore.open(Path(folder) / "data").close()
        figures["open_ms"] = round((time.perf_counter() - started) * 1000, 1)
    print(json.dumps(figures, indent=1))
    print(ANCHORS)


if __name__ == "__main__":
    main()
