"""The store on Elasticsearch beside a loader that sends prebuilt bodies: `python -m bench.store_elastic URL [lines]`.

The same lines as `bench.store`, the same index template. Both write over two connections; the loader only sends. CPU
seconds of Elasticsearch are those it tells of its own process. Then what asking costs, warm.
"""

import itertools
import resource
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from bench.store import chunks
from index.elastic_client import Elastic
from index.elastic_documents import body_of, documents
from index.elastic_template import Names
from index.line_store import LEDGER_WINDOW_NS, LineFilter
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.line_sink import SourceRange

APPEND_CHUNKS = 3
"""Chunks that one append takes together, as an ingest worker does."""
CONNECTIONS = 2
QUERIES = ("*", "timeout", "refused order", "level:error", "service:service-7", "/time.ut/", "zzz")


def main() -> None:
    url, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 210_000
    client = Elastic(url)
    appends = list(together(chunks(count)))
    for name, measure in (("loader", load), ("store", store)):
        prefix = f"bench-{name}-{secrets.token_hex(3)}"
        report(client, name, count, lambda run=measure, prefix=prefix: run(client, prefix, appends))
        if name == "store":
            ask(ElasticsearchStore(client, ElasticSettings(prefix=prefix)))
        client.request("DELETE", f"/{prefix}-*")
        for kind in ("lines", "small"):
            client.request("DELETE", f"/_index_template/{prefix}-{kind}")


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
        client.request("POST", f"/{item[0]}/_bulk", item[1], params={"filter_path": "errors", "refresh": "true"})

    return timed(lambda: list(ThreadPoolExecutor(CONNECTIONS).map(send, bodies)))


def store(client: Elastic, prefix: str, appends: list[tuple[pl.DataFrame, list[SourceRange]]]) -> tuple[float, float]:
    writer = ElasticsearchStore(client, ElasticSettings(prefix=prefix))
    return timed(lambda: list(ThreadPoolExecutor(CONNECTIONS).map(lambda item: writer.append(*item), appends)))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of this process."""
    wall, cpu = time.perf_counter(), own_cpu_s()
    work()
    return time.perf_counter() - wall, own_cpu_s() - cpu


def report(client: Elastic, name: str, count: int, run: Callable[[], tuple[float, float]]) -> None:
    before = server_cpu_s(client)
    wall, ours = run()
    theirs = server_cpu_s(client) - before
    print(
        f"{name:8} {count / wall:9,.0f} lines/s wall   {ours / count * 1e6:6.1f} us/line ours   "
        f"{theirs / count * 1e6:6.1f} us/line Elasticsearch   ratio {ours / theirs:.2f}",
        flush=True,
    )


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
