"""What is appended is stored once whatever happens on the way: interruptions, other writers, a server that refuses."""

import contextlib
import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

from index import elastic_retain
from index.elastic_client import Elastic
from index.elastic_template import Names
from index.elastic_write import WriteSettings
from index.line_store import LineFilter
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.errors import RangeConflictError, RefusedError, StorageFullError
from ingest.line_sink import SourceRange
from tests.index.lines_made import RECORD_BYTES, START_NS, covers_of, made_lines
from tests.index.test_store_elastic import fresh_prefix, prefix
from tests.ports import free_port

__all__ = ["prefix"]
AA = "00000000000000aa"
DAY_NS = 86_400_000_000_000


@pytest.fixture
def store(elastic: Elastic, prefix: str) -> ElasticsearchStore:
    return open_store(elastic, prefix)


def open_store(elastic: Elastic, prefix: str, **write: float) -> ElasticsearchStore:
    settings = ElasticSettings(prefix=prefix, write=dataclasses.replace(WriteSettings(), **write))  # type: ignore[arg-type]  # bytes are whole
    return ElasticsearchStore(elastic, settings)


def write_without_covering(store: ElasticsearchStore, lines: pl.DataFrame) -> None:
    """What is left of an append whose process dies after the lines."""
    covers = covers_of(lines)
    known = store._ranges.check(covers)
    block = store._sequence.reserve(lines.height, beside=store._ranges.marks(covers, known))
    store._write(lines, block, store._ranges.begin(covers, known, block.beside))


def positions(store: ElasticsearchStore) -> list[int]:
    return store.search(LineFilter(), limit=10_000, order="oldest").lines["position"].to_list()


def test_an_append_that_was_interrupted_is_repaired_by_sending_it_again(store: ElasticsearchStore) -> None:
    lines = made_lines(50)
    write_without_covering(store, lines.head(30))
    assert store.missing(SourceRange(AA, 0, 5000)) == [SourceRange(AA, 0, 5000)]
    store.append(lines, covers_of(lines))
    assert positions(store) == [number * RECORD_BYTES for number in range(50)]
    assert store.counters() == {"created": 50, "dead": 0, "present": 0, "retried": 0}
    assert store.ledger()["count"].sum() == 50


def test_an_append_that_was_interrupted_is_repaired_by_other_cuts_of_the_same_bytes(store: ElasticsearchStore) -> None:
    lines = made_lines(60)
    write_without_covering(store, lines.slice(10, 30))
    for part in (lines.head(25), lines.slice(25)):
        store.append(part, covers_of(part))
    assert positions(store) == [number * RECORD_BYTES for number in range(60)]
    assert store.search(LineFilter()).lines["sequence"].is_unique().all()


def test_writers_of_the_same_bytes_store_them_once(elastic: Elastic, prefix: str) -> None:
    lines = made_lines(200)

    def append(_: int) -> str:
        try:
            open_store(elastic, prefix).append(lines, covers_of(lines))
        except RangeConflictError:
            return "conflict"
        return "stored"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(append, range(4)))
    assert outcomes == ["conflict", "conflict", "conflict", "stored"]
    assert len(positions(open_store(elastic, prefix))) == 200


def test_writers_share_one_order_of_arrival(elastic: Elastic, prefix: str) -> None:
    def append(number: int) -> None:
        writer = open_store(elastic, prefix)
        for first in range(0, 60, 20):
            lines = made_lines(20, source=f"{number:016x}", first=first)
            writer.append(lines, covers_of(lines))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(4)))
    store = open_store(elastic, prefix)
    assert sorted(store.search(LineFilter(), limit=1000).lines["sequence"]) == list(range(240))
    assert store.high_sequence() == 239
    assert store.signatures()["first_ns"].to_list() == [START_NS + n * 700_000_000 for n in (0, 3, 1, 4, 2)]


def test_a_tail_does_not_pass_an_append_that_is_under_way(store: ElasticsearchStore) -> None:
    slow = store._sequence.reserve(10)
    lines = made_lines(5)
    store.append(lines, covers_of(lines))
    assert store.tail(LineFilter(), after=-1).height == 0
    assert store.high_sequence() == -1
    slow.release()
    assert store.tail(LineFilter(), after=-1)["sequence"].to_list() == [10, 11, 12, 13, 14]


def test_many_small_requests_store_what_one_large_does(elastic: Elastic, prefix: str) -> None:
    lines = made_lines(300)
    store = open_store(elastic, prefix, bulk_bytes=3_000)
    store.append(lines, covers_of(lines))
    assert positions(store) == lines["position"].to_list()


def test_a_store_that_takes_no_more_says_so_and_takes_the_same_later(elastic: Elastic, prefix: str) -> None:
    store = open_store(elastic, prefix)
    first, second = made_lines(10), made_lines(10, first=10)
    store.append(first, covers_of(first))
    index = f"/{prefix}-lines-2023.11.14"
    elastic.request("PUT", f"{index}/_settings", {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(StorageFullError):
        store.append(second, covers_of(second))
    assert store.missing(SourceRange(AA, 0, 2000)) == [SourceRange(AA, 1000, 2000)]
    elastic.request("PUT", f"{index}/_settings", {"index.blocks.read_only_allow_delete": None})
    store.append(second, covers_of(second))
    assert len(positions(store)) == 20


def test_a_day_that_is_closed_for_a_while_is_waited_for(elastic: Elastic, prefix: str) -> None:
    store = open_store(elastic, prefix, retry_s=0.2)
    first, second = made_lines(10), made_lines(10, first=10)
    store.append(first, covers_of(first))
    elastic.request("PUT", f"/{prefix}-lines-2023.11.14/_block/write")
    with pytest.raises(RefusedError, match="too busy"):
        store.append(second, covers_of(second))
    elastic.request("PUT", f"/{prefix}-lines-2023.11.14/_settings", {"index.blocks.write": None})
    store.append(second, covers_of(second))
    assert len(positions(store)) == 20


@pytest.mark.parametrize(
    ("setting", "value"),
    [("cluster.max_shards_per_node", 1), ("action.auto_create_index", "false")],
    ids=["too many shards", "nobody may make an index"],
)
def test_lines_of_a_day_that_cannot_be_opened_wait_and_are_no_dead_letters(
    elastic: Elastic, prefix: str, setting: str, value: object
) -> None:
    store = open_store(elastic, prefix, retry_s=0.1)
    first, second = made_lines(10), made_lines(10, first=10, start_ns=START_NS + DAY_NS)
    store.append(first, covers_of(first))
    elastic.request("POST", f"/{prefix}-dead/_doc/one", {"reason": "there is such an index"})
    elastic.request("PUT", "/_cluster/settings", {"transient": {setting: value}})
    try:
        with pytest.raises(RefusedError):
            store.append(second, covers_of(second))
    finally:
        elastic.request("PUT", "/_cluster/settings", {"transient": {setting: None}})
    assert store.counters()["dead"] == 0
    store.append(second, covers_of(second))
    assert len(positions(store)) == 20


def test_lines_that_are_never_taken_are_kept_with_the_reason(elastic: Elastic, prefix: str) -> None:
    store = open_store(elastic, prefix)
    odd = {"mappings": {"properties": {"host": {"type": "long", "ignore_malformed": False}}}}
    elastic.request("PUT", f"/{prefix}-lines-2023.11.14", odd)
    lines = made_lines(6).with_columns(pl.Series("host", ["", "", "host-1", "", "", "host-1"]))
    store.append(lines, covers_of(lines))
    assert store.counters()["dead"] == 2
    assert positions(store) == [0, 100, 300, 400]
    letters = elastic.search(f"{prefix}-dead", {"query": {"match_all": {}}})["hits"]["hits"]
    assert {letter["_id"] for letter in letters} == {f"{AA}-200", f"{AA}-500"}
    assert {letter["_source"]["reason"] for letter in letters} == {"document_parsing_exception"}
    assert all('"message":"' in letter["_source"]["document"] for letter in letters)


def test_times_long_before_their_arrival_open_no_index_of_their_own(elastic: Elastic, prefix: str) -> None:
    store = open_store(elastic, prefix)
    lines = made_lines(50).with_columns(time_ns=START_NS - pl.int_range(50) * 100 * DAY_NS)
    store.append(lines, covers_of(lines))
    indices = elastic.request("GET", f"/{prefix}-lines-*/_stats/docs")["indices"]
    assert sorted(indices) == [f"{prefix}-lines-{day}" for day in (
        "2023.01.18", "2023.04.28", "2023.08.06", "2023.11.14")]  # fmt: skip
    assert store.search(LineFilter(), limit=100).total == 50


def test_a_day_that_was_dropped_takes_late_lines_again(store: ElasticsearchStore) -> None:
    first, late = made_lines(10), made_lines(5, first=10)
    store.append(first, covers_of(first))
    assert store.drop_before(START_NS + DAY_NS) == 10
    store.append(late, covers_of(late))
    assert positions(store) == [1000, 1100, 1200, 1300, 1400]


def test_a_day_that_a_dead_process_left_closed_is_opened_by_the_next(elastic: Elastic, prefix: str) -> None:
    store = open_store(elastic, prefix)
    lines = made_lines(20)
    store.append(lines.head(10), covers_of(lines.head(10)))
    elastic.request("PUT", f"/{prefix}-lines-2023.11.14/_block/write")
    assert store.drop_before(START_NS) == 0
    store.append(lines.tail(10), covers_of(lines.tail(10)))
    assert len(positions(store)) == 20


def test_a_writer_opens_a_day_that_a_dead_process_left_closed_and_no_other(elastic: Elastic, prefix: str) -> None:
    store = open_store(elastic, prefix, retry_s=0.1)
    lines = made_lines(20)
    store.append(lines.head(10), covers_of(lines.head(10)))
    dropping = elastic_retain._Lease(elastic, Names(prefix))
    assert dropping.take()
    elastic.request("PUT", f"/{prefix}-lines-2023.11.14/_block/write")
    for _ in range(2):
        with pytest.raises(RefusedError, match="too busy"):
            store.append(lines.tail(10), covers_of(lines.tail(10)))
    dropping.end()  # as if its time were over
    with pytest.raises(RefusedError, match="too busy"):
        store.append(lines.tail(10), covers_of(lines.tail(10)))
    store.append(lines.tail(10), covers_of(lines.tail(10)))
    assert len(positions(store)) == 20


def test_a_process_that_was_silent_for_too_long_drops_nothing_any_more(
    elastic: Elastic, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one took over and opened the day, and a line came that the first has not looked at."""
    store = open_store(elastic, prefix)
    lines = made_lines(20)
    store.append(lines.head(10), covers_of(lines.head(10)))
    slow = elastic_retain._Lease(elastic, Names(prefix))
    monkeypatch.setattr(elastic_retain, "LEASE_S", 0.0)
    assert slow.take()
    monkeypatch.undo()
    index = f"{prefix}-lines-2023.11.14"
    with elastic_retain._closed(elastic, index):
        assert store.drop_before(START_NS) == 0
        store.append(lines.tail(10), covers_of(lines.tail(10)))
        with pytest.raises(RefusedError, match="taken over"):
            elastic_retain._delete(elastic, index, slow)
    assert len(positions(store)) == 20


def test_no_line_is_lost_to_a_day_that_is_dropped_while_lines_come(elastic: Elastic, prefix: str) -> None:
    """Each line that was appended was either dropped, and counted so, or is there."""
    store = open_store(elastic, prefix)

    def append() -> None:
        writer = open_store(elastic, prefix)
        for first in range(0, 80, 10):
            lines = made_lines(10, first=first)
            writer.append(lines, covers_of(lines))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(append)
        dropped = 0
        while not writing.done():
            dropped += store.drop_before(START_NS + 2 * DAY_NS)
        writing.result()
    assert dropped + store.search(LineFilter()).total == 80


def test_a_server_that_is_away_is_a_refusal() -> None:
    with pytest.raises(RefusedError, match="cannot be reached"):
        ElasticsearchStore(Elastic(f"http://127.0.0.1:{free_port()}"))


def test_a_template_of_a_newer_program_is_left_alone(elastic: Elastic) -> None:
    with fresh_prefix(elastic) as name:
        newer = {"index_patterns": [f"{name}-lines-*"], "priority": 500, "version": 99}
        elastic.request("PUT", f"/_index_template/{name}-lines", newer)
        open_store(elastic, name)
        found = elastic.request("GET", f"/_index_template/{name}-lines")["index_templates"][0]
        assert found["index_template"]["version"] == 99


def test_more_signatures_than_a_service_may_have_are_counted_under_their_shape(elastic: Elastic, prefix: str) -> None:
    store = ElasticsearchStore(elastic, ElasticSettings(prefix=prefix, signature_budget=3))
    lines = made_lines(100).with_columns(service=pl.lit("one"))
    store.append(lines, covers_of(lines))
    tally = store.tally()
    assert tally["count"].sum() == 100
    assert set(tally["signature"]) <= set(store.signatures()["signature"])
    for signature, count in tally.group_by("signature").agg(pl.col("count").sum()).iter_rows():
        assert store.search(LineFilter(signatures=(signature,))).total == count


def test_a_ledger_that_was_asked_for_shows_what_came_and_went_since(elastic: Elastic, prefix: str) -> None:
    """Two processes, so that one cannot know of the other's appends but from the server; asked twice each time."""
    asking, writing = open_store(elastic, prefix), open_store(elastic, prefix)
    for day in range(3):
        lines = made_lines(40, first=day * 40, start_ns=START_NS + day * DAY_NS)
        writing.append(lines, covers_of(lines))
        for _ in range(2):
            assert asking.ledger()["count"].sum() == 40 * (day + 1)
            assert asking.ledger(end_ns=START_NS + DAY_NS)["count"].sum() == 40
            assert asking.ledger(start_ns=START_NS + 7_000_000_000)["count"].sum() == 40 * (day + 1) - 10
    late = made_lines(7, first=500, start_ns=START_NS - 500 * 700_000_000)
    writing.append(late, covers_of(late))
    assert asking.ledger(end_ns=START_NS + DAY_NS)["count"].sum() == 47
    assert writing.drop_before(START_NS + DAY_NS // 2) == 47
    assert asking.ledger()["count"].sum() == 80


def test_a_node_that_cannot_be_reached_is_passed_over(elastic_url: str) -> None:
    """Whenever its turn comes: nothing was asked of it, so that another may be asked."""
    urls = [f"http://127.0.0.1:{free_port()}", elastic_url, f"http://127.0.0.1:{free_port()}"]
    with contextlib.closing(Elastic(",".join(urls))) as client:
        for _ in range(6):
            assert client.request("GET", "/_cluster/health")["number_of_nodes"] == 1


class Answering(BaseHTTPRequestHandler):
    """Whatever is asked, the same status is the answer."""

    status = 0

    def do_GET(self) -> None:
        body = b'{"error":{"type":"an_exception","reason":"not now"}}'
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503, 504])
def test_a_server_that_may_take_the_same_later_is_a_refusal(status: int) -> None:
    """A password that was changed is no fault of what was sent either."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("", (Answering,), {"status": status})) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        with contextlib.closing(Elastic(url)) as client, pytest.raises(RefusedError, match=str(status)):
            client.get("any", "document")
        server.shutdown()
        thread.join()


def test_another_number_of_copies_is_for_days_that_are_there_too_and_of_shards_for_new_ones(
    elastic: Elastic, prefix: str
) -> None:
    def held() -> list[tuple[str, str]]:
        found = elastic.request("GET", f"/{prefix}-lines-*/_settings")
        rows = [found[name]["settings"]["index"] for name in sorted(found)]
        return [(row["number_of_shards"], row["number_of_replicas"]) for row in rows]

    day, later = made_lines(10), made_lines(10, first=10, start_ns=START_NS + 2 * 86_400_000_000_000)
    ElasticsearchStore(elastic, ElasticSettings(prefix)).append(day, covers_of(day))
    assert held() == [("1", "0")]
    again = ElasticsearchStore(elastic, ElasticSettings(prefix, shards=2, replicas=1))
    assert held() == [("1", "1")]
    again.append(later, covers_of(later))
    assert held() == [("1", "1"), ("2", "1")]
    assert again.search(LineFilter()).total == 20
