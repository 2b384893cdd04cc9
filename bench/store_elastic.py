"""The store on Elasticsearch beside a loader that sends prebuilt bodies.

    python -m bench.store_elastic URL [LINES]                 a server that runs
    python -m bench.store_elastic --pinned [LINES] [TIMES]    a node of its own on one core, all else on another

The same lines as `bench.store`, the same index template. Both write over two connections; the loader only sends. CPU
seconds of Elasticsearch are those it tells of its own process. Then what asking costs, warm. With `--pinned` loader and
store take turns, TIMES each (3) after a first turn that only warms Java, and medians are told.
"""

import contextlib
import dataclasses
import itertools
import os
import resource
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from bench.store import chunks
from index.elastic_client import Elastic
from index.elastic_documents import body_of, documents
from index.elastic_retain import days
from index.elastic_template import Names
from index.elastic_write import WriteSettings
from index.line_store import LEDGER_WINDOW_NS, LineFilter
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.line_sink import SourceRange
from tests.real.elasticsearch import start_node, stop_node, unpack

APPEND_CHUNKS = 3
"""Chunks that one append takes together, as an ingest worker does."""
CONNECTIONS = 2
PATIENCE_S = 600.0
"""What a machine that others use too may need."""
QUERIES = ("*", "timeout", "refused order", "level:error", "service:service-7", "/time.ut/", "zzz")


@dataclasses.dataclass(frozen=True)
class Run:
    """What one measured load of lines took."""

    lines_per_s: float
    ours_us: float
    """CPU microseconds a line of this process."""
    theirs_us: float
    """And of Elasticsearch's."""
    bytes_per_line: float
    """On disk, merged to one segment a day."""


def main() -> None:
    numbers = [int(each) for each in sys.argv[2:]]
    count, times = (*numbers, *(210_000, 3)[len(numbers) :])
    if sys.argv[1] != "--pinned":
        compare(sys.argv[1], count)
        return
    with pinned_node() as url:
        _cold, *runs = [compare(url, count, asks=False, store_first=bool(turn % 2)) for turn in range(times + 1)]
    for name in ("loader", "store"):
        print(f"median {told(name, median([run[name] for run in runs]))}")
    wall = statistics.median(run["store"].lines_per_s / run["loader"].lines_per_s for run in runs)
    ratio = statistics.median(run["store"].ours_us / run["store"].theirs_us for run in runs)
    print(f"median store: {wall:.0%} of the loader's speed, {ratio:.2f} of Elasticsearch's CPU seconds outside it")


def compare(url: str, count: int, *, asks: bool = True, store_first: bool = False) -> dict[str, Run]:
    """Loader and store, one after the other, into indices of their own, which are removed. What the store takes must be
    searchable when it returns; what the loader sends need not.
    """
    client = Elastic(url, timeout_s=PATIENCE_S)
    appends = list(together(chunks(count)))
    runs: dict[str, Run] = {}
    turns = [("loader", load), ("store", store)]
    for name, measure in reversed(turns) if store_first else turns:
        prefix = f"bench-{name}-{secrets.token_hex(3)}"
        runs[name] = measured(client, prefix, count, lambda run=measure, prefix=prefix: run(client, prefix, appends))
        print(told(name, runs[name]), flush=True)
        if name == "store" and asks:
            ask(ElasticsearchStore(client, ElasticSettings(prefix=prefix)))
        client.request("DELETE", f"/{prefix}-*")
        for kind in ("lines", "small"):
            client.request("DELETE", f"/_index_template/{prefix}-{kind}")
    client.close()
    return runs


@contextlib.contextmanager
def pinned_node() -> Iterator[str]:
    """A node on the first of this process's cores, which then keeps to the others. Yields the node's URL."""
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        sys.exit("--pinned needs two cores")
    with tempfile.TemporaryDirectory(prefix="dejalog-es-", ignore_cleanup_errors=True) as folder:
        home = unpack(Path(folder))
        os.sched_setaffinity(0, {first})  # the node inherits it
        node = start_node(home)
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), {others[0]})
        try:
            yield node.url
        finally:
            stop_node(node)


def median(runs: list[Run]) -> Run:
    """Of each figure."""
    rows = zip(*map(dataclasses.astuple, runs), strict=True)
    return Run(*(statistics.median(row) for row in rows))


def told(name: str, run: Run) -> str:
    return (
        f"{name:8} {run.lines_per_s:9,.0f} lines/s wall   {run.ours_us:6.1f} us/line ours   "
        f"{run.theirs_us:6.1f} us/line Elasticsearch   ratio {run.ours_us / run.theirs_us:.2f}   "
        f"{run.bytes_per_line:.0f} bytes/line on disk"
    )


def together(parts: Iterator[tuple[pl.DataFrame, SourceRange]]) -> Iterator[tuple[pl.DataFrame, list[SourceRange]]]:
    while batch := list(itertools.islice(parts, APPEND_CHUNKS)):
        yield pl.concat([lines for lines, _ in batch]), [covered for _, covered in batch]


def load(client: Elastic, prefix: str, appends: list[tuple[pl.DataFrame, list[SourceRange]]]) -> tuple[float, float]:
    ElasticsearchStore(client, ElasticSettings(prefix=prefix))
    names = Names(prefix)
    bodies = [
        (names.day(day.day), body_of(part))
        for lines, _ in appends
        for day in documents(lines, 0)
        for part in day.parts(8 << 20)
    ]

    def send(item: tuple[str, bytes]) -> None:
        client.request("POST", f"/{item[0]}/_bulk", item[1], params={"filter_path": "errors"})

    return timed(lambda: list(ThreadPoolExecutor(CONNECTIONS).map(send, bodies)))


def store(client: Elastic, prefix: str, appends: list[tuple[pl.DataFrame, list[SourceRange]]]) -> tuple[float, float]:
    settings = ElasticSettings(prefix=prefix, write=WriteSettings(retry_s=PATIENCE_S))
    writer = ElasticsearchStore(client, settings)
    return timed(lambda: list(ThreadPoolExecutor(CONNECTIONS).map(lambda item: writer.append(*item), appends)))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of this process."""
    wall, cpu = time.perf_counter(), own_cpu_s()
    work()
    return time.perf_counter() - wall, own_cpu_s() - cpu


def measured(client: Elastic, prefix: str, count: int, run: Callable[[], tuple[float, float]]) -> Run:
    before = server_cpu_s(client)
    wall, ours = run()
    theirs = server_cpu_s(client) - before
    client.request("POST", f"/{prefix}-lines-*/_forcemerge", params={"max_num_segments": 1}, timeout_s=600)
    held = sum(day.bytes for day in days(client, Names(prefix)))
    return Run(count / wall, ours / count * 1e6, theirs / count * 1e6, held / count)


def ask(opened: ElasticsearchStore) -> None:
    for query in QUERIES:
        where = LineFilter(query)
        figures = [
            median_ms(lambda where=where: opened.search(where, deadline_s=60)),
            median_ms(lambda where=where: opened.histogram(where, step_ns=LEDGER_WINDOW_NS * 60, deadline_s=60)),
            median_ms(lambda where=where: opened.facets(where, ["service"], deadline_s=60)),
        ]
        print(
            f"{query:16} search {figures[0]:7.0f} ms   histogram {figures[1]:7.0f}   facets {figures[2]:7.0f}",
            flush=True,
        )
    print(f"ledger {median_ms(opened.ledger):.0f} ms, high water {median_ms(opened.high_water):.0f} ms", flush=True)


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def server_cpu_s(client: Elastic) -> float:
    nodes = client.request("GET", "/_nodes/stats/process")["nodes"].values()
    return sum(node["process"]["cpu"]["total_in_millis"] for node in nodes) / 1000


if __name__ == "__main__":
    main()
