import dataclasses
import threading
from collections.abc import Sequence

import polars as pl
import pytest

from ingest.errors import StorageFullError, WorkerError
from ingest.line_sink import SourceRange
from ingest.push import Pushed
from ingest.receive import Receiver
from ingest.source import Source
from tests.ingest.memory_sink import MemorySink
from tests.workers.chunks_made import chunks, wait_until
from workers.chunk_record import pushed_of
from workers.chunk_stream import ChunkStream
from workers.ingest import IngestCounts, IngestLane, IngestSettings, run_lanes
from workers.stream_receiver import StreamReceiver

QUICK = IngestSettings(lease_s=5, tries=3, block_s=0.01, first_retry_s=0.001, longest_retry_s=0.002)
AT_ONCE = IngestSettings(lease_s=0.001, tries=3, block_s=0.01, first_retry_s=0.001, longest_retry_s=0.002)
"""Takes everything over that it does not hold itself."""


class FailingSink(MemorySink):
    """Fails as often as it is told to, before it stores anything."""

    def __init__(self, failure: Exception, times: int) -> None:
        super().__init__()
        self._failure = failure
        self.times = times

    def append(self, lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:
        if self.times:
            self.times -= 1
            raise self._failure
        super().append(lines, covers)


def lane(stream: ChunkStream, sink: MemorySink, settings: IngestSettings = QUICK, name: str = "lane") -> IngestLane:
    return IngestLane(stream, Receiver(sink), settings, IngestCounts(), name=name)


def put(stream: ChunkStream, pushed: Sequence[Pushed]) -> None:
    for each in pushed:
        stream.append(each)


def step_until_empty(stream: ChunkStream, worker: IngestLane) -> None:
    for _ in range(1000):
        worker.step()
        if not stream.status().waiting:
            return
    raise AssertionError(f"{stream.status()} after 1,000 rounds")


def test_every_line_is_stored_and_every_chunk_acknowledged(stream: ChunkStream) -> None:
    sink = MemorySink()
    for number in range(6):
        put(stream, chunks(number, 7))
    worker = lane(stream, sink)
    step_until_empty(stream, worker)
    assert sink.lines().height == 6 * 7 * 5
    assert stream.status().held_bytes == stream.status().unacknowledged == 0
    assert worker._counts.read()["settled_lines"] == 6 * 7 * 5


def test_many_lanes_store_each_line_once_and_each_source_in_order(stream: ChunkStream) -> None:
    sink = MemorySink()
    stop = threading.Event()
    counts = IngestCounts()
    how = (stream, Receiver(sink), QUICK, counts, stop)
    runner = threading.Thread(target=run_lanes, args=how, kwargs={"lanes": 3})
    runner.start()
    for at in range(20):
        put(stream, [chunks(number, 20)[at] for number in range(6)])
    wait_until(lambda: not stream.status().waiting)
    stop.set()
    runner.join()
    assert sink.lines().height == 6 * 20 * 5
    arrived: dict[str, list[int]] = {}
    for frame in sink._frames:
        arrived.setdefault(frame["source"][0], []).append(frame["position"][0])
    assert all(positions == sorted(positions) for positions in arrived.values())
    assert stream.status().workers == 0


class EndingSink(MemorySink):
    """Ends the thread that appends."""

    def append(self, lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:
        raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_lane_ends_by_itself_ends_with_an_error(stream: ChunkStream) -> None:
    put(stream, chunks(1, 1))
    settings = dataclasses.replace(QUICK, tell_every_s=0.05)
    how = (stream, Receiver(EndingSink()), settings, IngestCounts(), threading.Event())
    with pytest.raises(WorkerError, match="ended by itself"):
        run_lanes(*how, lanes=2)
    step_until_empty(stream, lane(stream, MemorySink(), AT_ONCE, name="next"))


def test_a_worker_lost_after_the_store_took_the_lines_doubles_none(stream: ChunkStream) -> None:
    sink = MemorySink()
    put(stream, chunks(1, 4))
    for delivery in stream.read("lost", range(3), count=2, block_s=0.001):
        Receiver(sink).accept_pushed(pushed_of(delivery.fields))
    worker = lane(stream, sink, AT_ONCE)
    step_until_empty(stream, worker)
    assert sink.lines().height == 20
    assert worker._counts.read()["taken_over_chunks"] == 2
    assert stream.status().held_bytes == 0


def test_two_workers_with_the_same_chunk_store_it_once(stream: ChunkStream) -> None:
    sink = MemorySink()
    put(stream, chunks(1, 1))
    [slow] = stream.read("slow", range(3), count=1, block_s=0.001)
    worker = lane(stream, sink, AT_ONCE)
    step_until_empty(stream, worker)
    Receiver(sink).accept_pushed(pushed_of(slow.fields))  # the slow one was not lost after all
    assert not stream.settle(slow)
    assert sink.lines().height == 5
    assert stream.status().held_bytes == 0


def test_chunks_that_come_together_are_stored_in_one_append_and_repeats_left_out(stream: ChunkStream) -> None:
    sink = MemorySink()
    some = chunks(1, 3)
    put(stream, some)
    step_until_empty(stream, lane(stream, sink))
    assert len(sink._frames) == 1
    put(stream, [some[0], *chunks(2, 1), *chunks(2, 1)])
    stream.leave("lane")
    step_until_empty(stream, lane(stream, sink, name="next"))
    assert sink.lines().height == 20
    assert stream.status().held_bytes == 0


def test_two_receivers_storing_at_the_same_moment_store_each_line_once(stream: ChunkStream) -> None:
    sink = MemorySink()
    put(stream, chunks(1, 30))
    found = stream.read("a", range(3), count=30, block_s=0.001)
    start = threading.Barrier(2)

    def store() -> None:
        receiver = Receiver(sink)
        start.wait()
        for delivery in found:
            receiver.accept_pushed(pushed_of(delivery.fields))
            stream.settle(delivery)

    threads = [threading.Thread(target=store) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sink.lines().height == 150
    assert stream.status().held_bytes == stream.status().waiting == 0


def test_new_chunks_wait_for_those_that_a_lost_worker_left(stream: ChunkStream) -> None:
    sink = MemorySink()
    put(stream, chunks(1, 2))
    stream.read("lost", range(3), count=1, block_s=0.001)
    patient = lane(stream, sink)
    assert [patient.step() for _ in range(3)] == [0, 0, 0]
    assert sink.lines().height == 0
    stream.leave("lane")
    step_until_empty(stream, lane(stream, sink, AT_ONCE, name="eager"))
    assert sink._frames[0]["position"][0] == 0


def test_a_store_that_refuses_for_long_kills_no_chunk(stream: ChunkStream) -> None:
    sink = FailingSink(StorageFullError("full", retry_after_s=0.001), times=40)
    put(stream, chunks(1, 3))
    worker = lane(stream, sink)
    step_until_empty(stream, worker)
    assert sink.lines().height == 15
    assert worker._counts.read()["store_refusals"] == 39  # once more for all three together
    assert stream.status().dead == 0


@pytest.mark.parametrize("kind", [ZeroDivisionError, pl.exceptions.PanicException], ids=["error", "panic"])
def test_a_chunk_that_keeps_failing_becomes_a_dead_letter_and_the_others_go_on(
    stream: ChunkStream, kind: type[Exception]
) -> None:
    sink = FailingSink(kind("a fault of ours"), times=4)  # all three together, then the first of them
    put(stream, chunks(1, 3))
    step_until_empty(stream, lane(stream, sink))
    assert sink.lines().height == 10
    [letter] = stream.dead_letters()
    assert (letter.tries, letter.start) == (3, 0)
    assert "a fault of ours" in letter.reason
    assert stream.revive(letter)
    stream.leave("lane")
    step_until_empty(stream, lane(stream, sink, name="mended"))
    assert sink.lines().height == 15
    assert stream.status().held_bytes == 0


def test_a_chunk_that_fails_less_often_is_stored(stream: ChunkStream) -> None:
    sink = FailingSink(ZeroDivisionError("now and then"), times=2)
    put(stream, chunks(1, 1))
    step_until_empty(stream, lane(stream, sink))
    assert (sink.lines().height, stream.status().dead) == (5, 0)


def test_a_chunk_that_ended_its_workers_is_not_tried_again(stream: ChunkStream) -> None:
    sink = MemorySink()
    put(stream, chunks(1, 3))
    stream.read("first", range(3), count=3, block_s=0.001)
    partition = next(each for each in range(3) if stream.pending(each))
    for name in ("second", "third"):
        assert stream.take_over(name, partition, idle_s=0)
    step_until_empty(stream, lane(stream, sink, AT_ONCE))
    assert sink.lines().height == 10
    [letter] = stream.dead_letters()
    assert "3 workers" in letter.reason


def test_an_entry_that_is_no_chunk_becomes_a_dead_letter(stream: ChunkStream) -> None:
    sink = MemorySink()
    stream._redis.xadd(stream._stream(0), {b"body": b"nothing that we wrote"})
    put(stream, chunks(1, 1))
    step_until_empty(stream, lane(stream, sink))
    assert sink.lines().height == 5
    assert "no chunk" in stream.dead_letters()[0].reason


def test_a_worker_that_stops_while_the_store_refuses_leaves_its_chunk_to_others(stream: ChunkStream) -> None:
    sink = FailingSink(StorageFullError("full", retry_after_s=60), times=1)
    put(stream, chunks(1, 2))
    stop = threading.Event()
    worker = lane(stream, sink)
    runner = threading.Thread(target=worker.run, args=(stop,))
    runner.start()
    wait_until(lambda: not sink.times)
    stop.set()
    runner.join(10)
    assert not runner.is_alive()
    step_until_empty(stream, lane(stream, sink, AT_ONCE, name="other"))
    assert sink.lines().height == 10


def test_a_stream_that_lost_its_groups_is_taken_up_again(stream: ChunkStream) -> None:
    sink = MemorySink()
    stop = threading.Event()
    for partition in range(3):
        stream._redis.delete(stream._stream(partition))
    runner = threading.Thread(target=lane(stream, sink).run, args=(stop,))
    runner.start()
    put(stream, chunks(1, 2))
    wait_until(lambda: sink.lines().height == 10)
    stop.set()
    runner.join()


@pytest.mark.parametrize("own_zone", ["", "+02:00"], ids=["the receiver's zone", "the source's zone"])
def test_the_zone_of_the_receiver_travels_with_the_chunk(stream: ChunkStream, own_zone: str) -> None:
    sink = MemorySink()
    body = b"2026-01-02 09:00:00 INFO begun\n"
    [pushed] = chunks(1, 1)
    source = Source(pushed.chunk.source.id, path="/x", format="plain", zone=own_zone)
    receiver = StreamReceiver(stream, zone="+08:00")
    receiver.accept(pushed.chunk.__class__(source, 0, len(body), pushed.chunk.read_ns, body))
    step_until_empty(stream, lane(stream, sink))
    hour = sink.lines()["time_ns"][0] // 3_600_000_000_000 % 24
    assert hour == (7 if own_zone else 1)


def test_pushed_lines_are_queued_and_stored_as_a_receiver_stores_them(stream: ChunkStream) -> None:
    sink = MemorySink()
    receiver = StreamReceiver(stream)
    for _ in range(2):
        counts = receiver.accept_lines(
            b'{"when":"2026-01-02T09:00:00Z","what":"a b"}\n', service="pushed", message_field="what", time_field="when"
        )
        assert counts == {"received": 1, "queued": 1}
    for _ in range(2):
        receiver.accept_lines(b"keyed\n", service="pushed", idempotency_key="k")
    assert receiver.accept_lines(b"") == {"received": 0, "queued": 0}
    step_until_empty(stream, lane(stream, sink))
    assert sorted(sink.lines()["message"]) == ["a b", "a b", "keyed"]
    assert set(sink.lines()["service"]) == {"pushed"}
    assert sink.lines().filter(pl.col("message") == "a b")["time_ns"].unique().to_list() == [1767344400000000000]
    assert receiver.counters() == {"received_bytes": 102, "received_chunks": 4, "received_lines": 4}
