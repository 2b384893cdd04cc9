"""On hard lines, whatever is asked, Elasticsearch and the embedded store give the same answer."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from polars.testing import assert_frame_equal

from index.elastic_client import Elastic
from index.line_store import LineFilter, LineStore
from index.store_elastic import ElasticsearchStore, ElasticSettings
from index.store_parquet import ParquetStore
from ingest.line_sink import SourceRange
from tests.index.hard_lines import hard_lines
from tests.index.lines_made import START_NS
from tests.index.test_store_elastic import fresh_prefix

HOUR_NS = 3_600_000_000_000
MESSAGE_QUERIES = (
    "order", "ORDER refused", "ord*", '"order refused"', '"refused orde*"', "user_7", "user", '"db 3"', "db-3",
    "db-*",
    "strasse", "STRASSE", "straße", "σασ", "i*", "ix", "kelvin", "KELVIN", "k*", "超时", "超", "时", '"超 时"', "支付",
    '"foo超时"', '"超时 bar"', "foo超时bar", "カナ", "カ・ナ", "⺀", '"order ⺀ order"', "é", "et", "ก", "--", '"—"',
    "x" * 199 + "yz", "x" * 250, "x" * 255, "x" * 201 + "*", "x" * 3 + "*", "order <*> refused", "db-<*>", "o<*>r",
    "<*>8080", "/(?i)order$/", "/^$/", "404", "message:*", "-message:*", '"\\"quoted\\""', "back\\\\slash",
    "10.0.0.1",
    "*rder", "or*r", '{message="order"}', "message:>=order", "not order", "order or 超时", "(order or db) -refused",
)  # fmt: skip
FIELD_QUERIES = (
    "service:cart", 'service:"a b"', "service:straße", "service:STRASSE", "service:*", "-service:*", '{service=""}',
    "service:pay*", "service:>=b", "service:/^C/", '{service!="cart"}', '{service=~"c.*|"}', "level:unknown",
    "level:*",
    "level:>warn", "level:<=info", "host:*", "pod:pod-1", "stream:STDOUT", "source:0000000000000001", "signature:1",
    "signature:8000000000000000", "signature:xyz", "signature:*", "signature:>5", "time:>=2023-11-15",
    "-time:<2023-11-15",
    "time:2023-11-14T22:13:20Z", "time:*", "source:*", "container:*",
)  # fmt: skip
ATTRIBUTE_QUERIES = (
    "status:404", "status:*", "-status:*", "-status:404", "status:>=404", "status:<500", "status:[400 TO 500}",
    "status:0404",
    'status:"not found"', "status:true", "status:/^4/", "status:4*", '{status="404"}', '{status!="404"}', '{status=""}',
    "status:code", "user:ann", "user:*", "user.name:ann", "user.name:Ann", "user.name:*", "-user.name:*",
    "user.name:超时",
    "user.first.name:ann", "user.first.name:*", "user.first:*", "first.name:ann", "path:api", "path:/api",
    'path:"/api/cart"',
    "path:cart", "path:*", '{path=~".*api"}', "took:1.5", "took:>1", "took:0.25", "took:*", "status.code:404",
    "deep:404",
    "deep.deep:*", "nothing:*", "-nothing:1", "nothing:>1", "status:404 order", "status:404 or order",
    "-(status:404 order)",
)  # fmt: skip
FACETS = (
    "service",
    "level",
    "status",
    "user",
    "user.name",
    "path",
    "took",
    "deep",
    "nothing",
    "source",
    "message",
    "pod",
)


class Pair(NamedTuple):
    """The same lines in both."""

    embedded: LineStore
    elastic: LineStore


@pytest.fixture(scope="module")
def pair(elastic: Elastic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    embedded = ParquetStore.open(tmp_path_factory.mktemp("pair"))
    with fresh_prefix(elastic) as prefix:
        both = Pair(embedded, ElasticsearchStore(elastic, ElasticSettings(prefix=prefix, shards=3)))
        lines = hard_lines(600, seed=5)
        for store in both:
            store.append(lines, [SourceRange(source, 0, 6_000) for source in sorted(set(lines["source"]))])
        yield both
    embedded.close()


@pytest.mark.parametrize("query", [*MESSAGE_QUERIES, *FIELD_QUERIES, *ATTRIBUTE_QUERIES], ids=ascii)
def test_a_query_finds_the_same_lines(pair: Pair, query: str) -> None:
    asked = [store.search(LineFilter(query), limit=10_000, order="oldest") for store in pair]
    assert_frame_equal(asked[1].lines, asked[0].lines)
    assert [(page.total, page.total_exact, page.partial) for page in asked] == [
        (asked[0].lines.height, True, False)
    ] * 2


@pytest.mark.parametrize("query", ["*", "order", "-status:404", "user.name:ann or 超时", "/o/"])
def test_counts_are_the_same(pair: Pair, query: str) -> None:
    where = LineFilter(query, start_ns=START_NS + 1, end_ns=START_NS + 30 * HOUR_NS, levels=("error", "info", ""))
    for step_ns in (HOUR_NS, 60_000_000_000, 999_999):
        counted = [store.histogram(where, step_ns=step_ns).rows for store in pair]
        assert_frame_equal(counted[1], counted[0])
    facets = [store.facets(where, FACETS, limit=50).rows for store in pair]
    assert_frame_equal(facets[1], facets[0])
    fields = [store.fields(where).rows for store in pair]
    assert_frame_equal(fields[1], fields[0])


@pytest.mark.parametrize("query", ["*", "order", "-status:404", "/o/"])
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_are_the_same(pair: Pair, query: str, order: str) -> None:
    cursors: list[str | None] = [None, None]
    for _ in range(6):
        pages = [
            store.search(LineFilter(query), limit=37, cursor=cursor, order=order)  # type: ignore[arg-type]  # parametrized
            for store, cursor in zip(pair, cursors, strict=True)
        ]
        assert_frame_equal(pages[1].lines, pages[0].lines)
        cursors = [page.cursor for page in pages]
        assert cursors[0] == cursors[1]


def test_what_is_read_by_id_sequence_or_signature_is_the_same(pair: Pair) -> None:
    ids = [(f"{number % 2:016x}", number * 10) for number in range(0, 600, 7)]
    assert_frame_equal(pair.elastic.read(ids), pair.embedded.read(ids))
    assert_frame_equal(
        *(store.tail(LineFilter("-order"), after=100, limit=70) for store in (pair.elastic, pair.embedded))
    )
    assert_frame_equal(pair.elastic.signatures(), pair.embedded.signatures())
    assert_frame_equal(pair.elastic.tally(), pair.embedded.tally())
    some = LineFilter(signatures=tuple(pair.embedded.signatures()["signature"][:9]))
    assert pair.elastic.search(some).total == pair.embedded.search(some).total >= 9
    keys = ["window_ns", "service", "level", "signature", "shape"]
    assert_frame_equal(pair.elastic.ledger().sort(keys), pair.embedded.ledger().sort(keys))
