"""What every `LineStore` must do. A subclass provides the fixture `store`, empty, and may override `settle`."""

import base64
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import polars as pl
import pytest

from index.line_store import LEDGER_WINDOW_NS, HighWater, LineFilter, LineStore
from ingest.errors import ChunkError, InputError, QuerySyntaxError, RangeConflictError
from ingest.line import LINE_SCHEMA
from ingest.line_sink import SourceRange
from tests.index.lines_made import RECORD_BYTES, START_NS, STEP_NS, covers_of, made_lines

AA, BB = "00000000000000aa", "00000000000000bb"
DAY_NS = 86_400_000_000_000
Matches = Callable[[dict[str, Any]], bool]
QUERIES: list[tuple[str, Matches]] = [
    ("*", lambda line: True),
    ("placed", lambda line: "placed" in line["message"]),
    ("PLACED by", lambda line: "placed by" in line["message"]),
    ('"placed by"', lambda line: "placed by" in line["message"]),
    ('"by placed"', lambda line: False),
    ("orde", lambda line: False),
    ("orde*", lambda line: "order" in line["message"]),
    ("service:orders", lambda line: line["service"] == "orders"),
    ("service:order", lambda line: False),
    ("service:OR*", lambda line: line["service"] == "orders"),
    (
        "service:(orders OR stock) -placed",
        lambda line: line["service"] != "gateway" and "placed" not in line["message"],
    ),
    ("level:unknown", lambda line: line["level"] == ""),
    ('{level!="unknown"}', lambda line: line["level"] != ""),
    ("time:>=0001-01-01 time:<9999-12-31", lambda _: True),
    ("time:>9999-12-31", lambda _: False),
    ("level:>=warn", lambda line: line["level"] in ("warn", "error")),
    ("level:warning", lambda line: line["level"] == "warn"),
    ("level:*", lambda line: line["level"] != ""),
    ("not level:*", lambda line: line["level"] == ""),
    ("status:204", lambda line: '"status":204' in (line["attributes"] or "")),
    (
        "status:>=203",
        lambda line: '"status":203' in (line["attributes"] or "") or '"status":204' in (line["attributes"] or ""),
    ),
    ("status:{200 TO 203]", lambda line: any(f'"status":{n}' in (line["attributes"] or "") for n in (201, 202, 203))),
    ("http.path:/a/1", lambda line: '"/a/1"' in (line["attributes"] or "")),
    ("x.y:w", lambda line: line["attributes"] is not None),
    ("-status:*", lambda line: line["attributes"] is None),
    (
        "/shelf [0-3]$/",
        lambda line: (
            line["message"][-8:] in [f" shelf {n}" for n in range(4)]
            or line["message"].endswith(tuple(f"shelf {n}" for n in range(4)))
        ),
    ),
    ('{service="stock", level!="info"}', lambda line: line["service"] == "stock" and line["level"] != "info"),
    ('{service=~"st.*"} sku', lambda line: "sku" in line["message"]),
    ("connection to <*> reset", lambda line: "connection to" in line["message"]),
    ("payment <*> refused: <*> to db-<*> reset", lambda line: "connection to" in line["message"]),
    ("不足", lambda line: "不足" in line["message"]),
    ("placed or sku and 剩余", lambda line: "placed" in line["message"] or "sku" in line["message"]),
    ("user_7", lambda line: line["message"].endswith("user_7")),
    ("user_", lambda line: False),
    ("pod:pod-1 stream:stderr host:host-1 namespace:shop", lambda line: line["pod"] == "pod-1"),
    (f"source:{AA}", lambda line: line["source"] == AA),
    ("signature:8000000000000001", lambda line: line["signature"] == 2**63 + 1),
    (f"time:<{(START_NS + 10 * STEP_NS) // 10**6}", lambda line: line["time_ns"] < START_NS + 10 * STEP_NS),
]


def forged(body: bytes) -> str:
    """A cursor whose checksum is right and whose content is not."""
    return base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4, "big") + body).decode()


FORGED_CURSORS = [forged(body) for body in (b"5", b"[]", b'["newest",{},"a",1]', b'["newest","x","a",1]', b"null")]


class LineStoreContract:
    """Tests that use nothing but the protocol."""

    def settle(self, store: LineStore) -> None:
        """Give the store a chance to move lines to where they rest."""

    def fill(self, store: LineStore, *frames: pl.DataFrame) -> pl.DataFrame:
        """Append frames one by one; returns all their lines in the total order."""
        for number, frame in enumerate(frames):
            store.append(frame, covers_of(frame))
            if number % 2:
                self.settle(store)
        return pl.concat(frames).sort("time_ns", "source", "position")

    def three_frames(self) -> list[pl.DataFrame]:
        return [made_lines(400), made_lines(300, source=BB, start_ns=START_NS + 3), made_lines(250, first=400)]

    def test_an_empty_store_answers_everything_with_nothing(self, store: LineStore) -> None:
        page = store.search(LineFilter())
        assert page.lines.height == 0
        assert (page.total, page.total_exact, page.cursor, page.partial) == (0, True, None, False)
        assert store.histogram(LineFilter(), step_ns=LEDGER_WINDOW_NS).rows.height == 0
        assert store.facets(LineFilter(), ["service"]).rows.height == 0
        assert store.fields(LineFilter()).rows.height == 0
        assert store.high_sequence() == -1
        assert store.high_water() == HighWater(0, None, None)
        assert store.ledger()["count"].sum() == 0
        assert store.signatures().height == 0
        assert store.read([(AA, 0)]).height == 0
        assert store.context(AA, 0, before=5, after=5).height == 0
        assert store.drop_before(2**62) == 0

    def test_what_is_covered_is_missing_no_more(self, store: LineStore) -> None:
        assert store.missing(SourceRange(AA, 0, 500)) == [SourceRange(AA, 0, 500)]
        store.append(made_lines(0), [SourceRange(AA, 100, 200)])
        self.settle(store)
        store.append(made_lines(0), [SourceRange(AA, 300, 400)])
        assert store.missing(SourceRange(AA, 0, 500)) == [
            SourceRange(AA, 0, 100),
            SourceRange(AA, 200, 300),
            SourceRange(AA, 400, 500),
        ]
        store.append(made_lines(0), [SourceRange(AA, 200, 300)])
        assert store.missing(SourceRange(AA, 100, 400)) == []
        assert store.missing(SourceRange(BB, 0, 1)) == [SourceRange(BB, 0, 1)]

    def test_a_range_sent_twice_is_refused_and_stores_nothing(self, store: LineStore) -> None:
        lines = made_lines(10)
        store.append(lines, covers_of(lines))
        again = made_lines(10, first=5)
        with pytest.raises(RangeConflictError):
            store.append(again, covers_of(again))
        assert store.missing(SourceRange(AA, 0, 1500)) == [SourceRange(AA, 1000, 1500)]
        assert store.search(LineFilter()).total == 10

    def test_an_append_whose_ranges_overlap_each_other_is_refused(self, store: LineStore) -> None:
        with pytest.raises(RangeConflictError):
            store.append(made_lines(0), [SourceRange(AA, 0, 10), SourceRange(AA, 9, 20)])

    def test_a_line_outside_what_is_covered_is_refused(self, store: LineStore) -> None:
        with pytest.raises(ChunkError):
            store.append(made_lines(10), [SourceRange(AA, 0, 900)])
        assert store.search(LineFilter()).total == 0

    def test_lines_come_back_as_they_went_in(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        page = store.search(LineFilter(), limit=10_000, order="oldest")
        assert page.lines.select(LINE_SCHEMA.names()).equals(lines)
        newest = store.search(LineFilter(), limit=10_000, order="newest")
        assert newest.lines.equals(page.lines.reverse())
        assert sorted(page.lines["sequence"]) == list(range(lines.height))

    @pytest.mark.parametrize("order", ["newest", "oldest"])
    def test_pages_have_no_gap_and_no_repeat(self, store: LineStore, order: str) -> None:
        lines = self.fill(store, *self.three_frames())
        expected = lines.filter(pl.col("service") == "orders")
        expected = expected.reverse() if order == "newest" else expected
        seen, cursor, pages = [], None, 0
        while True:
            page = store.search(LineFilter("service:orders"), limit=70, cursor=cursor, order=order)  # type: ignore[arg-type]  # parametrized
            assert (page.total, page.total_exact, page.partial) == (expected.height, True, False)
            seen += page.lines.select("source", "position").rows()
            cursor = page.cursor
            pages += 1
            if cursor is None:
                break
        assert seen == expected.select("source", "position").rows()
        assert pages == -(-expected.height // 70)

    def test_a_cursor_goes_on_where_it_was_when_lines_are_appended(self, store: LineStore) -> None:
        self.fill(store, made_lines(100, first=100))
        first = store.search(LineFilter(), limit=30)
        self.fill(store, made_lines(50, first=200), made_lines(10, first=0))
        second = store.search(LineFilter(), limit=30, cursor=first.cursor)
        assert second.lines["position"].to_list() == [n * RECORD_BYTES for n in range(169, 139, -1)]

    @pytest.mark.parametrize("query", ["*", "placed", "/refused: .* reset/"])
    def test_pages_without_a_total_hold_the_same_lines(self, store: LineStore, query: str) -> None:
        self.fill(store, *self.three_frames())
        whole = store.search(LineFilter(query), limit=10_000)
        seen, cursor = [], None
        while True:
            page = store.search(LineFilter(query), limit=90, cursor=cursor, with_total=False)
            assert not page.partial
            assert page.lines.height <= page.total <= whole.total
            assert not page.total_exact or page.total == whole.total
            seen += page.lines.select("source", "position").rows()
            cursor = page.cursor
            if cursor is None:
                break
        assert seen == whole.lines.select("source", "position").rows()

    @pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "Sxb9rFsibmV3ZXN0IiwxXQ==", *FORGED_CURSORS])
    def test_a_foreign_cursor_is_an_input_error(self, store: LineStore, cursor: str) -> None:
        with pytest.raises(InputError):
            store.search(LineFilter(), cursor=cursor)

    def test_a_cursor_of_the_other_order_is_an_input_error(self, store: LineStore) -> None:
        self.fill(store, made_lines(10))
        cursor = store.search(LineFilter(), limit=5).cursor
        with pytest.raises(InputError):
            store.search(LineFilter(), cursor=cursor, order="oldest")

    @pytest.mark.parametrize(("query", "matches"), QUERIES, ids=[query for query, _ in QUERIES])
    def test_a_query_finds_the_lines_it_describes(self, store: LineStore, query: str, matches: Matches) -> None:
        lines = self.fill(store, *self.three_frames())
        expected = [(line["source"], line["position"]) for line in lines.iter_rows(named=True) if matches(line)]
        page = store.search(LineFilter(query), limit=10_000, order="oldest")
        assert page.lines.select("source", "position").rows() == expected
        assert (page.total, page.total_exact) == (len(expected), True)
        few = store.search(LineFilter(query), limit=3)
        assert few.lines.select("source", "position").rows() == expected[::-1][:3]
        assert (few.total, few.total_exact) == (len(expected), True)
        counted = store.histogram(LineFilter(query), step_ns=LEDGER_WINDOW_NS).rows
        assert counted["count"].sum() == len(expected)
        scanned = sum(frame.height for frame in store.scan(LineFilter(query), ["position"]))
        assert scanned == len(expected)

    def test_filters_join_with_the_query(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        where = LineFilter(
            "-reserved",
            start_ns=START_NS + 10 * STEP_NS,
            end_ns=START_NS + 100 * STEP_NS,
            services=("stock", "orders"),
            levels=("info", "warn"),
            signatures=(2**63, 2**63 + 3),
        )
        expected = lines.filter(
            pl.col("time_ns").is_between(START_NS + 10 * STEP_NS, START_NS + 100 * STEP_NS, closed="left"),
            pl.col("signature").is_in([2**63, 2**63 + 3]),
        )
        page = store.search(where, limit=10_000, order="oldest")
        assert page.lines.select(LINE_SCHEMA.names()).equals(expected)
        assert store.search(LineFilter(signatures=())).total == 0
        assert store.search(LineFilter(start_ns=5, end_ns=5)).total == 0

    @pytest.mark.parametrize("query", ["(", "a AND", '"open', "level:>=loud", "time:>=yesterday", "/(/", "x" * 9000])
    def test_a_query_that_does_not_parse_says_where(self, store: LineStore, query: str) -> None:
        with pytest.raises(QuerySyntaxError) as caught:
            store.search(LineFilter(query))
        assert 0 <= caught.value.position <= len(query)
        with pytest.raises(QuerySyntaxError):
            list(store.scan(LineFilter(query), ["position"]))

    @pytest.mark.parametrize("step_ns", [1_000_000_000, LEDGER_WINDOW_NS, 5 * LEDGER_WINDOW_NS])
    @pytest.mark.parametrize("query", ["*", "level:error", "order"])
    def test_a_histogram_counts_each_line_in_its_bucket(self, store: LineStore, query: str, step_ns: int) -> None:
        self.fill(store, *self.three_frames())
        where = LineFilter(query, start_ns=START_NS + 20 * STEP_NS + 1, end_ns=START_NS + 300 * STEP_NS + 4)
        lines = store.search(where, limit=10_000).lines
        expected = (
            lines.group_by((pl.col("time_ns") // step_ns * step_ns).alias("bucket_ns"), "level")
            .agg(pl.len().cast(pl.Int64).alias("count"))
            .sort("bucket_ns", "level")
        )
        assert store.histogram(where, step_ns=step_ns).rows.equals(expected)

    def test_facets_count_values_most_frequent_first(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        statuses = lines["attributes"].drop_nulls().str.json_path_match("$.status").value_counts().rows()
        by_frequency = sorted(statuses, key=lambda item: (-item[1], item[0]))
        rows = store.facets(LineFilter(), ["level", "status", "service"], limit=2).rows.rows()
        assert rows == [
            ("level", "info", 380),
            ("level", "error", 190),
            *(("status", value, count) for value, count in by_frequency[:2]),
            ("service", "orders", 380),
            ("service", "stock", 380),
        ]
        filtered = store.facets(LineFilter("placed"), ["service", "pod"]).rows.rows()
        assert filtered == [("service", "orders", 190), ("pod", "pod-0", 190)]

    def test_a_facet_s_count_is_that_of_the_lines_which_its_query_finds(self, store: LineStore) -> None:
        hosts = ["Web-1", "web-1", "WEB-1", "web-1", "ÄÖ", "äö", "db"]
        frames = [
            frame.with_columns(host=pl.Series([hosts[n * 5 % 7] for n in range(frame.height)]))
            for frame in self.three_frames()
        ]
        self.fill(store, *frames)
        for where in (LineFilter(), LineFilter("placed"), LineFilter("level:info"), LineFilter("stream:stderr")):
            rows = store.facets(where, ["host", "pod", "stream"]).rows
            for field, value, count in rows.iter_rows():
                query = f'{where.query} {field}:"{value}"'
                assert store.search(LineFilter(query), limit=0).total == count, query
        assert store.facets(LineFilter(), ["host"], limit=1).rows["value"].to_list() == ["web-1"]

    @pytest.mark.parametrize("query", ["*", "level:error", "placed", "pod:pod-2", "stream:stderr -placed"])
    @pytest.mark.parametrize("cut", [0, 1, 123])
    def test_facets_count_the_lines_of_a_window(self, store: LineStore, query: str, cut: int) -> None:
        self.fill(store, *self.three_frames())
        where = LineFilter(query, start_ns=START_NS + cut * STEP_NS, end_ns=START_NS + (600 - cut) * STEP_NS)
        lines = store.search(where, limit=10_000).lines
        for _ in range(2):  # the second time from what was kept
            rows = store.facets(where, ["service", "level", "pod", "stream"]).rows
            for field in ("service", "level", "pod", "stream"):
                counted = dict(rows.filter(pl.col("field") == field).select("value", "count").iter_rows())
                assert counted == dict(lines[field].value_counts().filter(pl.col(field) != "").iter_rows())

    def test_fields_tell_which_keys_there_are(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        counts = dict(store.fields(LineFilter()).rows.rows())
        with_attributes = lines["attributes"].drop_nulls().len()
        assert counts["status"] == counts["http"] == counts["x.y"] == with_attributes
        assert counts["message"] == counts["service"] == lines.height
        assert counts["level"] == lines.filter(pl.col("level") != "").height
        assert "container" not in counts

    def test_text_in_values_never_poses_as_a_field(self, store: LineStore) -> None:
        hostile = r'{"a":"\": 1, \"evil\": 2","b, \"c\": 3":["x: 1","\"d\": 4"],"e":{"f":1}}'
        lines = made_lines(3).with_columns(pl.lit(hostile).alias("attributes"))
        self.fill(store, lines)
        built_in = {"host", "level", "message", "namespace", "pod", "service", "source", "stream"}
        found = {name for name, _ in store.fields(LineFilter()).rows.rows()}
        assert found - built_in == {"a", 'b, "c": 3', "e"}

    def test_context_is_by_position_in_the_source_alone(self, store: LineStore) -> None:
        same_time = made_lines(60).with_columns(pl.lit(START_NS).alias("time_ns"))
        self.fill(store, same_time, made_lines(60, source=BB), made_lines(40, first=60))
        found = store.context(AA, 5900, before=3, after=2)
        assert found["position"].to_list() == [5600, 5700, 5800, 5900, 6000, 6100]
        assert set(found["source"]) == {AA}
        assert store.context(AA, 0, before=3, after=1)["position"].to_list() == [0, 100]
        assert store.context(AA, 50, before=3, after=1).height == 0
        assert store.context(AA, 5900, before=1, after=0)["position"].to_list() == [5800, 5900]
        assert store.context(AA, 5900, before=0, after=0)["position"].to_list() == [5900]

    def test_tail_resumes_without_a_gap(self, store: LineStore) -> None:
        frames = self.three_frames()
        self.fill(store, *frames[:2])
        mark = store.high_sequence()
        assert mark == 699
        self.fill(store, frames[2])
        first = store.tail(LineFilter("service:orders"), after=mark, limit=40)
        rest = store.tail(LineFilter("service:orders"), after=first["sequence"].max(), limit=1000)  # type: ignore[arg-type]  # not None
        whole = pl.concat([first, rest])
        assert whole["sequence"].is_sorted()
        expected = frames[2].filter(pl.col("service") == "orders")
        assert whole["position"].to_list() == expected["position"].to_list()
        assert store.tail(LineFilter(), after=store.high_sequence()).height == 0

    def test_reading_by_ids_leaves_out_what_is_missing(self, store: LineStore) -> None:
        self.fill(store, *self.three_frames())
        found = store.read([(BB, 200), (AA, 40_000), (AA, 1), (AA, 100), (AA, 100), ("nobody", 100)])
        assert found.select("source", "position").rows() == [(AA, 100), (AA, 40_000), (BB, 200)]
        assert store.read([]).height == 0

    def test_a_scan_yields_the_columns_asked_for(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        columns = ["message", "sequence", "time_ns"]
        frames = list(store.scan(LineFilter(), columns))
        assert all(frame.columns == columns for frame in frames)
        assert sorted(pl.concat(frames)["message"]) == sorted(lines["message"])

    def test_a_scan_past_its_deadline_raises(self, store: LineStore) -> None:
        self.fill(store, *self.three_frames())
        with pytest.raises(TimeoutError):
            list(store.scan(LineFilter(), ["message"], deadline_s=0))

    @pytest.mark.parametrize(
        ("start", "end"),
        [(None, None), (0, 950), (0, 0), (85, 86), (85, 171), (3, 500), (None, 333), (333, None), (2000, None)],
    )
    def test_the_ledger_sums_to_the_lines_of_any_span(
        self, store: LineStore, start: int | None, end: int | None
    ) -> None:
        lines = self.fill(store, *self.three_frames())
        start_ns = None if start is None else START_NS + start * STEP_NS
        end_ns = None if end is None else START_NS + end * STEP_NS
        inside = lines.filter(
            pl.lit(value=True) if start_ns is None else pl.col("time_ns") >= start_ns,
            pl.lit(value=True) if end_ns is None else pl.col("time_ns") < end_ns,
        )
        expected = (
            inside.group_by(
                (pl.col("time_ns") // LEDGER_WINDOW_NS * LEDGER_WINDOW_NS).alias("window_ns"),
                "service",
                "level",
                "signature",
                "shape",
            )
            .agg(
                pl.len().cast(pl.Int64).alias("count"),
                pl.col("time_ns").min().alias("first_ns"),
                pl.col("time_ns").max().alias("last_ns"),
            )
            .sort("window_ns", "service", "level", "signature", "shape")
        )
        found = store.ledger(start_ns=start_ns, end_ns=end_ns)
        assert found.sort("window_ns", "service", "level", "signature", "shape").equals(expected)

    @pytest.mark.parametrize(
        ("start_step", "end_step"), [(None, None), (13, None), (None, 401), (13, 401), (90, 91)], ids=str
    )
    def test_the_tally_is_the_sum_of_the_ledger(
        self, store: LineStore, start_step: int | None, end_step: int | None
    ) -> None:
        self.fill(store, *self.three_frames())
        span = {
            name: START_NS + step * STEP_NS
            for name, step in (("start_ns", start_step), ("end_ns", end_step))
            if step is not None
        }
        keys = ["service", "level", "signature"]
        expected = (
            store.ledger(**span)
            .group_by(keys)
            .agg(pl.col("count").sum(), pl.col("first_ns").min(), pl.col("last_ns").max())
            .sort(keys)
        )
        assert expected.height
        assert store.tally(**span).equals(expected)

    def test_signatures_tell_the_earliest_line_of_each(self, store: LineStore) -> None:
        later, earlier = made_lines(50, first=50), made_lines(50)
        self.fill(store, later, made_lines(20, source=BB, start_ns=START_NS + 1), earlier)
        found = store.signatures()
        assert found["signature"].to_list() == [2**63 + kind for kind in range(5)]
        assert found["first_ns"].to_list() == [START_NS + n * STEP_NS for n in (0, 3, 1, 4, 2)]
        assert set(found["source"]) == {AA}
        assert found["message"][0] == earlier["message"][0]
        before = store.signatures(before_ns=START_NS + 3 * STEP_NS)
        assert before["signature"].to_list() == [2**63, 2**63 + 2, 2**63 + 4]

    def test_high_water_is_of_the_lines_alone(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        assert store.high_water() == HighWater(lines.height, START_NS, lines["time_ns"][-1])
        assert store.high_water(before_ns=START_NS + 10 * STEP_NS) == HighWater(
            20, START_NS, START_NS + 9 * STEP_NS + 3
        )
        assert store.high_water(before_ns=START_NS) == HighWater(0, None, None)

    def test_a_batch_reads_what_single_reads_do(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        cut = LineFilter(start_ns=START_NS + STEP_NS // 2, end_ns=lines["time_ns"][-1])
        wheres = [LineFilter(), LineFilter("order"), cut, LineFilter("/ord.r/"), LineFilter(signatures=(2**63 + 1,))]
        ids = [(AA, 0), (BB, int(lines.filter(pl.col("source") == BB)["position"][0])), ("f" * 16, 9)]
        batch = store.batch()
        pages = [batch.search(where, limit=7, order=order) for where in wheres for order in ("newest", "oldest")]
        counts = [batch.count(where) for where in wheres]
        read, high = batch.read(ids), batch.high_water(before_ns=START_NS + 10 * STEP_NS)
        with pytest.raises(LookupError):
            _ = read.value
        batch.run()
        singles = [store.search(where, limit=7, order=order) for where in wheres for order in ("newest", "oldest")]
        for page, single in zip(pages, singles, strict=True):
            assert page.value.lines.equals(single.lines)
            assert (page.value.total, page.value.cursor) == (single.total, single.cursor)
            assert (page.value.total_exact, page.value.partial) == (True, False)
        assert [count.value for count in counts] == [store.search(where).total for where in wheres]
        assert read.value.equals(store.read(ids))
        assert high.value == store.high_water(before_ns=START_NS + 10 * STEP_NS)

    def test_a_batch_tallies_by_service_and_signature(self, store: LineStore) -> None:
        self.fill(store, *self.three_frames())
        start_ns, end_ns = START_NS + STEP_NS // 2, START_NS + 40 * STEP_NS
        batch = store.batch()
        found = batch.tally(LineFilter(start_ns=start_ns, end_ns=end_ns, signatures=(2**63 + 1, 2**63 + 3)))
        batch.run()
        rows = store.tally(start_ns=start_ns, end_ns=end_ns).filter(pl.col("signature").is_in([2**63 + 1, 2**63 + 3]))
        expected = rows.group_by("service", "signature").agg(pl.col("count").sum()).sort("service", "signature")
        assert found.value.equals(expected)
        assert found.value.height

    def test_a_batch_finds_the_carriers_of_an_id(self, store: LineStore) -> None:
        text = "0af7651916cd43dd8448eb211c80319c"
        attributes = [
            f'{{"trace":"{text}"}}',
            f'{{"a":{{"trace":["x","{text}"]}}}}',
            f'{{"trace":"{text}","said":"\\"yes\\""}}',
            f'{{"trace":"x{text}"}}',
            None,
        ]
        lines = made_lines(50).with_columns(pl.Series("attributes", attributes * 10))
        is_said = pl.int_range(pl.len()) % 10 == 5
        said = lines.with_columns(pl.when(is_said).then(pl.lit(f"got {text}")).otherwise("message").alias("message"))
        self.fill(store, said)
        batch = store.batch()
        found = batch.carriers(text, LineFilter(f'-"{text}"'), limit=3)
        none = batch.carriers(text, LineFilter(f'-"{text}"', end_ns=START_NS), limit=3)
        batch.run()
        assert found.value != "late"
        assert found.value.total == 25
        assert found.value.lines["position"].to_list() == sorted(found.value.lines["position"], reverse=True)
        newest = store.search(LineFilter(f'-"{text}"'), limit=10).lines
        assert found.value.lines.equals(newest.filter(pl.col("attributes").str.contains(f'"{text}"')).head(3))
        assert none.value != "late"
        assert (none.value.total, none.value.lines.height) == (0, 0)

    def test_old_partitions_are_dropped_whole_with_their_counts(self, store: LineStore) -> None:
        old, new = made_lines(100), made_lines(100, first=100, start_ns=START_NS + 3 * DAY_NS)
        self.fill(store, old, new)
        assert store.drop_before(START_NS + 10 * STEP_NS) == 0
        assert store.drop_before(START_NS + 2 * DAY_NS) == 100
        assert store.search(LineFilter()).total == 100
        assert store.ledger()["count"].sum() == 100
        assert store.high_water().lines == 100
        assert store.read([(AA, 0)]).height == 0
        assert store.missing(SourceRange(AA, 0, 20_000)) == []
        assert store.signatures()["first_ns"].min() == START_NS

    def test_an_old_line_that_arrived_lately_is_kept(self, store: LineStore) -> None:
        late = made_lines(10).with_columns(pl.lit(START_NS + 5 * DAY_NS).alias("arrival_ns"))
        self.fill(store, late)
        assert store.drop_before(START_NS + 4 * DAY_NS) == 0
        assert store.drop_before(START_NS + 6 * DAY_NS) == 10

    def test_dropping_to_a_size_takes_the_oldest_first(self, store: LineStore) -> None:
        for day in range(3):
            self.fill(store, made_lines(50, first=day * 50, start_ns=START_NS + day * 2 * DAY_NS))
        assert store.drop_to_size(2**40) == 0
        assert store.drop_to_size(0) == 150
        assert store.search(LineFilter()).total == 0

    def test_no_deadline_left_gives_what_is_true_and_says_partial(self, store: LineStore) -> None:
        lines = self.fill(store, *self.three_frames())
        page = store.search(LineFilter("pod:pod-*"), limit=5, deadline_s=0)
        assert page.partial
        known = set(lines.select("source", "position").rows())
        assert set(page.lines.select("source", "position").rows()) <= known
        assert page.total <= lines.height
        assert store.histogram(LineFilter("pod:pod-*"), step_ns=1_000_000_000, deadline_s=0).partial

    def test_the_answer_does_not_depend_on_how_lines_were_batched(self, store: LineStore) -> None:
        """Two sources, one in big and one in small batches, are the same but for their names and sequence."""
        big, small = made_lines(200), made_lines(200, source=BB)
        self.fill(store, big)
        for start in range(0, 200, 7):
            self.fill(store, small.slice(start, 7))
        self.settle(store)
        pages = [store.search(LineFilter(f"source:{source} order"), limit=500).lines for source in (AA, BB)]
        assert pages[0].drop("source", "sequence").equals(pages[1].drop("source", "sequence"))

    def test_readers_and_appenders_do_not_disturb_each_other(self, store: LineStore) -> None:
        done = threading.Event()

        def append(source: str) -> None:
            for first in range(0, 300, 20):
                lines = made_lines(20, source=source, first=first)
                store.append(lines, covers_of(lines))

        def read() -> None:
            while not done.is_set():
                total = store.ledger()["count"].sum()
                page = store.search(LineFilter("order or reserved or sku or took"), limit=10_000)
                assert page.total >= total
                assert page.lines.select("source", "position").is_unique().all()

        with ThreadPoolExecutor(max_workers=6) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            writers = [pool.submit(append, f"{number:016x}") for number in range(4)]
            for _ in range(5):
                self.settle(store)
            wait(writers)
            done.set()
            for future in (*writers, *readers):
                future.result()
        assert store.search(LineFilter()).total == 1200
