import dataclasses
import json
import random
import threading

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ingest.push
from ingest.chunk import Chunk
from ingest.errors import InputError, RefusedError, StorageFullError
from ingest.line import LINE_SCHEMA, Mark
from ingest.receive import Receiver
from ingest.source import Source
from tests.ingest.memory_sink import MemorySink

READ_NS = 1_767_355_200_000_000_000  # 2026-01-02 12:00:00 UTC
SOURCE = Source("0123456789abcdef", host="n1", path="/p", service="cart", namespace="shop", pod="cart-1", container="c")


def chunk(body: bytes, *, start: int = 0, source: Source = SOURCE, read_ns: int = READ_NS) -> Chunk:
    return Chunk(source, start, start + len(body), read_ns, body)


def docker(log: str, stream: str = "stdout", second: int = 0) -> bytes:
    time = f"2026-01-02T03:{second // 60 % 60:02d}:{second % 60:02d}.5Z"
    return json.dumps({"log": log, "stream": stream, "time": time}).encode() + b"\n"


def stored(*chunks: Chunk, zone: str = "") -> pl.DataFrame:
    sink = MemorySink()
    receiver = Receiver(sink, zone=zone)
    for piece in chunks:
        receiver.accept(piece)
    return sink.lines()


def only(body: bytes, *, source: Source = SOURCE, zone: str = "") -> dict[str, object]:
    [line] = stored(chunk(body, source=source), zone=zone).to_dicts()
    return line


LOG = b"".join(
    docker(f"INFO order {n} of {n % 7}\n", random.Random(n).choice(["stdout", "stderr"]), n) for n in range(400)
)
STARTS = [0] + [at + 1 for at, byte in enumerate(LOG) if byte == 0x0A]


def test_a_chunk_becomes_lines_with_all_fields() -> None:
    line = only(docker('{"level":"error","msg":"no stock","service":"other","sku":"a1"}\n', "stderr"))
    signature, shape = line.pop("signature"), line.pop("shape")
    assert isinstance(signature, int)
    assert isinstance(shape, int)
    assert line == {
        "source": SOURCE.id,
        "position": 0,
        "time_ns": 1_767_322_800_500_000_000,
        "arrival_ns": READ_NS,
        "service": "cart",
        "host": "n1",
        "namespace": "shop",
        "pod": "cart-1",
        "container": "c",
        "level": "error",
        "stream": "stderr",
        "message": "no stock",
        "attributes": '{"service":"other","sku":"a1"}',
        "marks": 0,
    }


def test_a_field_names_the_service_where_the_path_does_not() -> None:
    line = only(docker('{"msg":"x","service":"orders"}\n'), source=dataclasses.replace(SOURCE, service=""))
    assert (line["service"], line["attributes"]) == ("orders", None)


def test_a_chunk_sent_twice_is_stored_once() -> None:
    assert stored(chunk(LOG), chunk(LOG)).rows() == stored(chunk(LOG)).rows()


def test_chunks_cut_longer_shorter_and_overlapping_after_a_lost_answer_give_the_same_lines() -> None:
    a, b, c = STARTS[100], STARTS[200], STARTS[300]
    whole = stored(chunk(LOG)).rows()
    assert len(whole) == 400
    again = [chunk(LOG[a:b], start=a), chunk(LOG[:c]), chunk(LOG[b:], start=b), chunk(LOG[a:c], start=a)]
    assert stored(*again).rows() == whole


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=6))
def test_any_resent_pieces_give_the_same_lines(pieces: list[tuple[int, int]]) -> None:
    cuts = [chunk(LOG[STARTS[low] : STARTS[high]], start=STARTS[low]) for low, high in map(sorted, pieces)]
    assert stored(*cuts, chunk(LOG)).rows() == stored(chunk(LOG)).rows()


def test_a_conflict_with_another_receiver_is_tried_again() -> None:
    sink = MemorySink()
    sink.conflicts_to_come = 2
    Receiver(sink).accept(chunk(LOG))
    assert sink.lines().height == 400


def test_endless_conflicts_refuse_the_chunk() -> None:
    sink = MemorySink()
    sink.conflicts_to_come = 1000
    receiver = Receiver(sink)
    with pytest.raises(RefusedError, match="attempts"):
        receiver.accept(chunk(LOG))
    assert sink.lines().height == 0
    assert receiver.counters()["refused_requests"] == 1


def test_a_full_store_refuses_and_is_counted() -> None:
    class FullSink(MemorySink):
        def append(self, lines: object, covers: object) -> None:
            raise StorageFullError("the disk is full")

    receiver = Receiver(FullSink())
    with pytest.raises(StorageFullError):
        receiver.accept(chunk(LOG))
    assert receiver.counters()["refused_requests"] == 1
    assert receiver.counters().get("stored_lines", 0) == 0


def test_threads_that_send_overlapping_chunks_store_every_line_once() -> None:
    sink = MemorySink()
    receiver = Receiver(sink)
    cuts = [chunk(LOG[STARTS[at] : STARTS[at + 100]], start=STARTS[at]) for at in range(0, 301, 25)]
    threads = [threading.Thread(target=receiver.accept, args=(cut,)) for cut in cuts * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sink.lines().rows() == stored(chunk(LOG)).rows()


@pytest.mark.parametrize(
    ("body", "time_ns", "marks"),
    [
        pytest.param(b"no time\n", READ_NS, Mark.NO_TIME, id="absent"),
        pytest.param(b"1970-01-01 00:00:00 x\n", READ_NS, Mark.IMPLAUSIBLE_TIME, id="1970"),
        pytest.param(b"2200-01-01 00:00:00 x\n", READ_NS, Mark.IMPLAUSIBLE_TIME, id="2200"),
        pytest.param(b"9999-12-31 00:00:00 x\n", READ_NS, Mark.IMPLAUSIBLE_TIME, id="9999"),
        pytest.param(b"2026-01-03 13:00:00 x\n", READ_NS, Mark.IMPLAUSIBLE_TIME, id="over-a-day-ahead"),
        pytest.param(b"2026-01-03 11:00:00 x\n", READ_NS + 23 * 3600 * 10**9, Mark(0), id="less-than-a-day-ahead"),
        pytest.param(b"2026-01-02 11:00:00.123456789 x\n", READ_NS - 3600 * 10**9 + 123456789, Mark(0), id="ns"),
        pytest.param(b"2026-01-02T12:00:00+08:00 x\n", READ_NS - 8 * 3600 * 10**9, Mark(0), id="offset"),
        pytest.param(b'{"ts":1767355199.5,"msg":"x"}\n', READ_NS - 500_000_000, Mark(0), id="json-seconds"),
        pytest.param(b'{"time":"nonsense","msg":"x"}\n', READ_NS, Mark.NO_TIME, id="json-nonsense"),
        pytest.param(b"time=2026-01-02T11:59:59Z msg=x\n", READ_NS - 10**9, Mark(0), id="logfmt"),
    ],
)
def test_the_time_of_a_line_is_its_own_if_plausible_else_the_read_time_and_marked(
    body: bytes, time_ns: int, marks: Mark
) -> None:
    line = only(body)
    assert (line["time_ns"], line["marks"]) == (time_ns, marks)


def test_the_runtimes_time_wins_and_the_fields_time_stays_an_attribute() -> None:
    line = only(docker('{"ts":"2020-01-01T00:00:00Z","msg":"x","a":1}\n'))
    assert line["time_ns"] == 1_767_322_800_500_000_000
    assert json.loads(str(line["attributes"])) == {"ts": "2020-01-01T00:00:00Z", "a": "1"}


def test_a_time_field_that_cannot_be_read_stays_an_attribute() -> None:
    assert only(b'{"time":"nonsense","msg":"x"}\n')["attributes"] == '{"time":"nonsense"}'


def test_the_zone_of_the_source_wins_over_that_of_the_receiver() -> None:
    body = b"2026-01-02 11:00:00 x\n"
    shanghai = dataclasses.replace(SOURCE, zone="Asia/Shanghai")
    assert only(body, zone="+01:00")["time_ns"] == READ_NS - 2 * 3600 * 10**9
    assert only(body, zone="+01:00", source=shanghai)["time_ns"] == READ_NS - 9 * 3600 * 10**9


def test_a_chunk_that_our_parser_fails_on_is_stored_raw_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("a fault that cannot be caused otherwise")

    monkeypatch.setattr(ingest.receive, "parse", fail)
    sink = MemorySink()
    receiver = Receiver(sink)
    receiver.accept(chunk(docker("one\n") + b"\nplain\n"))
    lines = sink.lines()
    assert lines["message"].to_list() == [docker("one\n").decode().strip(), "plain"]
    assert [Mark(marks) for marks in lines["marks"]] == [Mark.UNPARSED | Mark.NO_TIME] * 2
    assert lines["time_ns"].to_list() == [READ_NS] * 2
    counters = receiver.counters()
    assert (counters["raw_chunks"], counters["blank_records"], counters["stored_lines"]) == (1, 1, 2)


def test_counters_say_what_was_received_stored_repeated_and_marked() -> None:
    receiver = Receiver(MemorySink())
    body = docker("one\n") + docker("\n") + b"broken\n" + docker("half")
    receiver.accept(chunk(body))
    receiver.accept(chunk(body))
    counters = receiver.counters()
    assert counters["received_chunks"] == 2
    assert counters["received_bytes"] == 2 * len(body)
    assert counters["repeated_bytes"] == len(body)
    assert (counters["stored_lines"], counters["blank_records"], counters["received_lines"]) == (3, 1, 8)
    assert (counters["marked_unparsed"], counters["marked_partial"], counters["marked_no_time"]) == (1, 1, 1)


def test_labels_that_docker_adds_are_counted_when_they_are_dropped() -> None:
    receiver = Receiver(MemorySink())
    labelled = b'{"log":"a\\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-01-02T03:00:00.5Z"}\n'
    quoted = docker('they wrote ,"attrs":{"tag":"x"} in the message\n')
    receiver.accept(chunk(labelled + quoted + labelled))
    assert receiver.counters()["docker_attrs_dropped"] == 2
    assert receiver.counters()["stored_lines"] == 3


def test_pushing_services_beyond_the_bound_forgets_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.push, "_PUSHED_SOURCES", 3)
    sink = MemorySink()
    receiver = Receiver(sink, clock=lambda: READ_NS)
    for turn in range(4):
        for service in "abcdef":
            counts = receiver.accept_lines(f"{service} says {turn}\n".encode(), service=service)
            assert counts["stored"] == 1
    assert len(set(sink.lines()["message"])) == 24
    assert len(receiver._pushes._ends) <= 3


def push(body: bytes, **options: str) -> tuple[dict[str, int], pl.DataFrame]:
    sink = MemorySink()
    counts = Receiver(sink, clock=lambda: READ_NS).accept_lines(body, **options)  # type: ignore[arg-type]  # all str
    return counts, sink.lines()


def test_pushed_lines_of_each_kind_are_stored() -> None:
    body = (
        b'{"@timestamp":"2026-01-02T11:00:00Z","message":"one","service":"orders","level":"warn","k":1}\n'
        b"\n"
        b"2026-01-02 11:00:01 ERROR bare text\n"
        b'{"message": "broken\n'
        b'{"msg":"last"}'
    )
    counts, lines = push(body)
    assert counts == {"received": 5, "stored": 4, "blank": 1, "unparsed": 1}
    assert lines["message"].to_list() == ["one", "2026-01-02 11:00:01 ERROR bare text", '{"message": "broken', "last"]
    assert lines["service"].to_list() == ["orders", "", "", ""]
    assert lines["level"].to_list() == ["warn", "error", "", ""]
    assert [Mark(marks) for marks in lines["marks"]] == [
        Mark(0),
        Mark(0),
        Mark.UNPARSED | Mark.NO_TIME,
        Mark.NO_TIME,
    ]
    assert lines.schema == LINE_SCHEMA


def test_a_json_array_is_taken_element_by_element() -> None:
    counts, lines = push(b' [{"msg":"a"},\n {"msg":"b","n":{"m":1}}] ', service="cart")
    assert counts == {"received": 2, "stored": 2, "blank": 0, "unparsed": 0}
    assert lines.select("message", "service", "attributes").rows() == [
        ("a", "cart", None),
        ("b", "cart", '{"n.m":"1"}'),
    ]


def test_a_broken_array_is_the_callers_fault_and_text_in_brackets_is_text() -> None:
    with pytest.raises(InputError, match="array"):
        push(b'[{"msg":"a"},')
    assert push(b"[warn] disk [full]\n")[1]["message"].to_list() == ["[warn] disk [full]"]


@pytest.mark.parametrize("body", [b"", b"[]", b"\n\n"], ids=["empty", "empty-array", "blank"])
def test_a_body_without_lines_stores_nothing(body: bytes) -> None:
    counts, lines = push(body)
    assert (counts["stored"], lines.height) == (0, 0)


def test_field_names_of_the_request_come_first() -> None:
    _, lines = push(b'{"at":1767351600,"text":"hello","message":"other"}', time_field="at", message_field="text")
    assert lines.select("message", "time_ns", "attributes").row(0) == (
        "hello",
        1_767_351_600_000_000_000,
        '{"message":"other"}',
    )


def test_without_a_key_the_same_request_is_stored_each_time_and_with_one_once() -> None:
    sink = MemorySink()
    receiver = Receiver(sink, clock=lambda: READ_NS)
    for _ in range(3):
        assert receiver.accept_lines(b"a\nb\n")["stored"] == 2
    first = receiver.accept_lines(b"c\nd\n", idempotency_key="k1", source_host="h")
    again = receiver.accept_lines(b"c\nd\n", idempotency_key="k1", source_host="h")
    other = receiver.accept_lines(b"c\nd\n", idempotency_key="k2", source_host="h")
    assert [counts["stored"] for counts in (first, again, other)] == [2, 0, 2]
    assert sorted(sink.lines()["message"]) == ["a"] * 3 + ["b"] * 3 + ["c"] * 2 + ["d"] * 2


def test_another_body_under_a_used_key_is_stored_whole() -> None:
    sink = MemorySink()
    receiver = Receiver(sink, clock=lambda: READ_NS)
    for body in (b"a\nb\n", b"a\nother\nc\n", b"a\nb\n"):
        receiver.accept_lines(body, idempotency_key="k1")
    assert sorted(sink.lines()["message"]) == ["a", "a", "b", "c", "other"]


def test_the_service_of_a_push_is_that_of_lines_that_name_none() -> None:
    _, lines = push(b'{"msg":"own","service":"cart"}\n{"msg":"none"}\ntext\n', service="given")
    assert lines["service"].to_list() == ["cart", "given", "given"]
    assert only(b'{"msg":"x","service":"cart"}\n', source=dataclasses.replace(SOURCE, path="-"))["service"] == "cart"


@pytest.mark.parametrize("times", [1, 40], ids=["line by line", "in columns"])
def test_host_and_stream_of_a_line_count_where_the_source_gives_none(times: int) -> None:
    body = b'{"msg":"x","host":"h1","stream":"stderr","severity_text":"WARN"}\n'
    _, lines = push(body * times + b"host=h2 stream=stdout msg=y\n")
    assert lines["host"].to_list() == ["h1"] * times + ["h2"]
    assert lines["stream"].to_list() == ["stderr"] * times + ["stdout"]
    assert lines["level"].to_list() == ["warn"] * times + [""]
    assert lines["attributes"].null_count() == times + 1


def test_host_and_stream_of_the_source_win_and_those_of_the_line_stay_attributes() -> None:
    log = '{"msg":"x","host":"h1","stream":"orders"}\n'
    line = only(docker(log, "stderr"))
    assert (line["host"], line["stream"], line["message"]) == ("n1", "stderr", "x")
    assert json.loads(str(line["attributes"])) == {"host": "h1", "stream": "orders"}


def test_a_resend_with_a_key_to_another_receiver_stores_nothing_more() -> None:
    sink = MemorySink()
    for _ in range(2):
        Receiver(sink).accept_lines(b"a\n", idempotency_key="k")
    assert sink.lines().height == 1


def test_two_receivers_push_to_different_sources() -> None:
    sink = MemorySink()
    for _ in range(2):
        Receiver(sink).accept_lines(b"a\n")
    assert sink.lines()["source"].n_unique() == 2


def test_hostile_json_lines_are_all_kept() -> None:
    bodies = [
        b'{"a":' * 3000,
        b'{"msg":"x","n":' + b"9" * 400 + b"}",
        b'{"msg":NaN}',
        b"{}",
        b'{"a":1,"a":2}',
        b"{" * 900,
    ]
    counts, lines = push(b"\n".join(bodies) + b"\n")
    assert counts["stored"] == len(bodies)
    assert lines["message"].to_list() == [
        bodies[0].decode(),
        "x",
        '{"msg":NaN}',
        "{}",
        '{"a":1,"a":2}',
        bodies[5].decode(),
    ]
    assert counts["unparsed"] == 3
