import collections
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.chunk import Chunk
from ingest.errors import ChunkError, SettingError, StorageFullError, UnavailableError
from ingest.push import Pushed
from ingest.source import Source
from tests.redis_server import RedisServer
from tests.workers.chunks_made import chunks, numbered
from workers.chunk_record import pushed_of, record_bytes, record_of
from workers.chunk_stream import ChunkStream, Delivery, StreamSettings

FULL_SOURCE = Source("00000000000000ff", "主机", "/a b/c%.log", "s", "n", "p", "c", "cri", "Asia/Shanghai")


def take(stream: ChunkStream, me: str = "me", count: int = 1000) -> list[Delivery]:
    return stream.read(me, range(3), count=count, block_s=0.001)


def append_all(stream: ChunkStream, pushed: Sequence[Pushed]) -> None:
    for each in pushed:
        stream.append(each)


def entries(stream: ChunkStream) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Everything that Redis holds, dead letters included."""
    names = [*(stream._stream(partition) for partition in range(3)), stream._dead]
    return [row for name in names for row in stream._redis.xrange(name)]


def assert_count_is_exact(stream: ChunkStream) -> None:
    assert stream.status().held_bytes == sum(record_bytes(fields) for _, fields in entries(stream))


@pytest.mark.parametrize(
    "pushed",
    [
        Pushed(Chunk(FULL_SOURCE, 7, 12, 3, b"\x00\xffab\n", starts_inside_line=True)),
        Pushed(Chunk(Source("00000000000000ff"), 0, 1, 0, b"\n"), "wann", "was"),
        Pushed(Chunk(Source("00000000000000ff"), 0, 3 << 20, 0, b"x" * (3 << 20))),
    ],
    ids=["every field", "nothing but an id", "larger than a collector's"],
)
def test_a_chunk_comes_out_as_it_went_in(stream: ChunkStream, pushed: Pushed) -> None:
    stream.append(pushed)
    [delivery] = take(stream)
    assert pushed_of(delivery.fields) == pushed
    assert delivery.times == 1


@pytest.mark.parametrize(
    "damage",
    [{b"body": b"x"}, {b"Dejalog-End": b"99"}, {b"Dejalog-Source": b"\xff"}, {b"Dejalog-Path": b"%ff"}],
    ids=["body", "length", "not text", "not percent-encoded text"],
)
def test_a_damaged_entry_is_told_from_a_chunk(damage: dict[bytes, bytes]) -> None:
    fields = record_of(Pushed(numbered(1, 0, 3, start=0)))
    with pytest.raises(ChunkError):
        pushed_of(fields | damage)
    with pytest.raises(ChunkError, match="no body"):
        pushed_of({})


def test_a_sources_chunks_come_in_order_and_sources_are_spread(stream: ChunkStream) -> None:
    for at in range(5):
        for number in range(12):
            stream.append(chunks(number, 5)[at])
    found = take(stream)
    starts: dict[str, list[int]] = {}
    partitions: dict[str, set[int]] = {}
    for delivery in found:
        chunk = pushed_of(delivery.fields).chunk
        starts.setdefault(chunk.source.id, []).append(chunk.start)
        partitions.setdefault(chunk.source.id, set()).add(delivery.partition)
    assert len(starts) == 12
    assert all(of_source == sorted(of_source) and len(of_source) == 5 for of_source in starts.values())
    assert all(len(of_source) == 1 for of_source in partitions.values())
    assert len(set.union(*partitions.values())) == 3


def test_bytes_are_counted_exactly_whatever_happens_at_once(stream: ChunkStream) -> None:
    chance = random.Random(5)
    work = [chunks(number, 40) for number in range(4)]
    threads = [threading.Thread(target=append_all, args=(stream, some)) for some in work]
    for thread in threads:
        thread.start()
    found: list[Delivery] = []
    while any(thread.is_alive() for thread in threads) or len(found) < 160:
        for delivery in take(stream, count=7):
            found.append(delivery)
            if chance.random() < 0.3:
                stream.bury(delivery, "for the test")
            else:
                stream.settle(delivery)
            stream.settle(chance.choice(found))  # again: it must count once
    for letter in stream.dead_letters()[::2]:
        assert stream.revive(letter)
    assert_count_is_exact(stream)
    for delivery in take(stream):
        stream.settle(delivery)
    assert_count_is_exact(stream)
    assert stream.status().waiting == 0
    assert stream.status().dead == len(stream.dead_letters()) > 0


def test_what_does_not_fit_is_refused_until_there_is_room(stream: ChunkStream) -> None:
    many = chunks(1, 2000, lines=50)
    with pytest.raises(StorageFullError) as refused:
        collections.deque(map(stream.append, many), maxlen=0)
    assert refused.value.retry_after_s >= 1
    taken = stream.status().waiting
    assert 10 < taken < 2000
    assert_count_is_exact(stream)
    stream.settle(take(stream)[0])
    stream.append(many[taken])


def test_the_first_chunk_is_taken_however_small_the_bound(redis_url: str, stream: ChunkStream) -> None:
    tiny = ChunkStream(redis_url, StreamSettings(3, 1, stream.settings.prefix))
    tiny.append(chunks(1, 1)[0])
    with pytest.raises(StorageFullError):
        tiny.append(chunks(2, 1)[0])
    tiny.close()


def test_a_redis_without_memory_refuses_chunks_and_lets_workers_make_room(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis").start()
    stream = ChunkStream(server.url, StreamSettings(partitions=3))
    stream.prepare()
    for pushed in chunks(1, 50):
        stream.append(pushed)
    with server.client() as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(StorageFullError, match="memory is full"):
        stream.append(chunks(2, 1)[0])
    assert stream.prepare() == []  # as a worker that starts only now
    assert stream.hold("me", lease_s=10) == [0, 1, 2]
    found = take(stream)
    assert len(found) == 50
    stream.forgive("me", found[2])
    assert stream.bury(found[0], "for the test")
    assert all(stream.settle(delivery) for delivery in found[1:])
    assert stream.revive(stream.dead_letters()[0])
    assert stream.settle(take(stream)[0])
    stream.leave("me")
    assert stream.status().held_bytes == 0
    with server.client() as client:
        client.config_set("maxmemory", 0)
    stream.append(chunks(2, 1)[0])
    stream.close()
    server.kill()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--appendonly", "no"), ["appendonly is off"]),
        (("--appendonly", "yes", "--appendfsync", "everysec"), ["appendfsync is everysec"]),
        (("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"), ["may delete"]),
        ((), []),
    ],
    ids=["no file", "once a second", "evicts", "as it should be"],
)
def test_a_server_that_can_lose_chunks_is_told_in_plain_words(
    tmp_path: Path, options: tuple[str, ...], says: list[str]
) -> None:
    server = RedisServer(tmp_path / "redis", *options).start()
    stream = ChunkStream(server.url)
    losses = stream.prepare()
    assert len(losses) == len(says)
    assert all(part in loss for part, loss in zip(says, losses, strict=True))
    stream.close()
    server.kill()


def test_a_process_with_other_partitions_is_stopped(redis_url: str, stream: ChunkStream) -> None:
    other = ChunkStream(redis_url, StreamSettings(partitions=4, prefix=stream.settings.prefix))
    with pytest.raises(SettingError, match="DEJALOG_STREAM_PARTITIONS=3"):
        other.prepare()
    other.close()


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    stream = ChunkStream(RedisServer(tmp_path).url)
    with pytest.raises(UnavailableError):
        stream.append(chunks(1, 1)[0])
    with pytest.raises(SettingError):
        ChunkStream("http://127.0.0.1")


def test_workers_share_the_partitions_and_a_silent_ones_are_taken(stream: ChunkStream) -> None:
    assert stream.hold("a", lease_s=60) == [0, 1, 2]
    assert stream.hold("b", lease_s=60) == []
    assert stream.hold("a", lease_s=60, may_change=False) == [0, 1, 2]
    assert stream.hold("a", lease_s=60) == [0, 1]
    assert stream.hold("b", lease_s=60) == [2]
    assert stream.hold("b", lease_s=0) == [2, 0, 1]  # everybody else has been silent for longer than nothing
    assert stream.hold("a", lease_s=60) == []
    stream.leave("b")
    assert stream.hold("a", lease_s=60) == [0, 1, 2]


def test_only_the_first_of_a_lost_workers_chunks_is_taken_over_at_a_time(stream: ChunkStream) -> None:
    for pushed in chunks(1, 3):
        stream.append(pushed)
    mine = take(stream, "lost")
    partition = mine[0].partition
    assert stream.take_over("b", partition, idle_s=60) is None
    times = []
    for name in "bcd":
        delivery = stream.take_over(name, partition, idle_s=0)
        assert delivery is not None
        assert delivery.id == mine[0].id
        times.append(delivery.times)
    assert times == [2, 3, 4]
    stream.forgive("d", mine[0])
    again = stream.own_pending("d", partition)
    assert again is not None
    assert (again.id, again.times) == (mine[0].id, 0)
    stream.settle(mine[0])
    second = stream.take_over("b", partition, idle_s=0)
    assert second is not None
    assert (second.id, second.times) == (mine[1].id, 2)


def test_a_dead_letter_keeps_the_chunk_and_the_reason(stream: ChunkStream) -> None:
    [pushed] = chunks(1, 1)
    stream.append(pushed)
    [delivery] = take(stream)
    assert stream.bury(delivery, "because it was so")
    assert not stream.bury(delivery, "twice")
    [letter] = stream.dead_letters()
    chunk = pushed.chunk
    assert (letter.reason, letter.source, letter.start, letter.end) == (
        "because it was so",
        chunk.source.id,
        chunk.start,
        chunk.end,
    )
    assert stream.revive(letter)
    assert not stream.revive(letter)
    [again] = take(stream)
    assert pushed_of(again.fields) == pushed


def test_workers_that_are_gone_are_forgotten_unless_they_hold_chunks(stream: ChunkStream) -> None:
    for pushed in chunks(1, 2):
        stream.append(pushed)
    [first] = take(stream, "gone", count=1)
    take(stream, "holding", count=1)
    stream.settle(first)
    stream.leave("anybody")
    rows: list[Any] = stream._redis.xinfo_consumers(stream._stream(first.partition), "ingest")
    assert [row["name"] for row in rows] == [b"holding"]
    assert stream.pending(first.partition) == 1


def test_an_entry_that_is_settled_while_another_takes_it_over_is_left_alone(
    stream: ChunkStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that had it was slow and not lost; it is done with the entry just before the other looks at it."""
    stream.append(chunks(1, 1)[0])
    [slow] = stream.read("slow", range(3), count=1, block_s=0.001)
    claim = stream._redis.xautoclaim

    def claim_just_before(*arguments: Any, **options: Any) -> Any:
        found = claim(*arguments, **options)
        stream.settle(slow)
        return found

    monkeypatch.setattr(stream._redis, "xautoclaim", claim_just_before)
    assert stream.take_over("other", slow.partition, idle_s=0) is None
    assert stream.status().held_bytes == stream.status().waiting == 0
