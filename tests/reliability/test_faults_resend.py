"""An append that breaks off anywhere, and the same bytes sent again later or under other settings: each line once."""

import contextlib
import dataclasses
import random
import threading
from collections.abc import Iterator

import pytest

from index.elastic_client import Elastic
from index.elastic_write import WriteSettings
from index.line_store import LineFilter
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.chunk import Chunk
from ingest.errors import RefusedError
from ingest.push import Pushes
from ingest.receive import Receiver
from tests.index.test_store_elastic import prefix
from tests.reliability.edge import Edge
from tests.workers.chunks_made import READ_NS, assert_each_once, numbers_held, source

__all__ = ["prefix"]
SEEDS = range(10)
LINES = 60
DAY_NS = 86_400_000_000_000


def body(chance: random.Random) -> bytes:
    """Numbered lines: with their time, with a clock without a zone, with none at all."""
    times = ("2026-01-02T11:00:00Z INFO ", "2026-01-02 23:30:00 INFO ", "2026-01-02 00:30:00 INFO ", "")
    return "".join(f"{chance.choice(times)}line {number} of 1\n" for number in range(LINES)).encode()


@contextlib.contextmanager
def a_store(url: str, prefix: str, edge: Edge | None = None) -> Iterator[ElasticsearchStore]:
    """One more process with the same indices; requests are small, so that an append has many."""
    through = url if edge is None else f"http://127.0.0.1:{edge.port}"
    with contextlib.closing(Elastic(through, timeout_s=5)) as client:
        yield ElasticsearchStore(client, ElasticSettings(prefix, write=WriteSettings(bulk_bytes=8_000, retry_s=0.5)))


def break_off(url: str, prefix: str, chunk: Chunk, *, zone: str, chance: random.Random) -> None:
    """Have a process store the chunk that hears no more after some of the answers that it would need."""
    heard = some_answers(url, prefix, chunk, zone, chance)
    with pytest.raises(RefusedError):
        hear(url, prefix, chunk, zone=zone, answers=heard)


def some_answers(url: str, prefix: str, chunk: Chunk, zone: str, chance: random.Random) -> int:
    """Fewer than storing the chunk takes where nobody else does."""
    needed = hear(url, f"{prefix}-whole", chunk, zone=zone, answers=10_000)
    assert needed > 2
    return chance.randrange(needed)


def hear(url: str, prefix: str, chunk: Chunk, *, zone: str, answers: int) -> int:
    """Have a process store the chunk that hears at most so many answers; how many it heard. Raises RefusedError."""
    heard, most = 0, 10_000

    def passes() -> bool:
        nonlocal heard
        heard += 1
        return heard <= most

    with Edge(int(url.rpartition(":")[2]), passes) as edge, a_store(url, prefix, edge) as store:
        heard, most = 0, answers
        Receiver(store, zone=zone).accept(chunk)
    return heard


def check(url: str, prefix: str) -> None:
    """Each line once, in the lines, in the counts and by their ids."""
    with a_store(url, prefix) as store:
        assert_each_once(numbers_held(store), {1: LINES})
        assert store.ledger()["count"].sum() == store.search(LineFilter()).total == LINES


@pytest.mark.parametrize("later_ns", [3 * 3_600_000_000_000, 10 * DAY_NS], ids=["after midnight", "ten days late"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_push_that_is_repeated_later_with_its_key_leaves_each_line_once(
    elastic_url: str, prefix: str, seed: int, later_ns: int
) -> None:
    """Its lines without a time have that of their arrival, which is another one, on another day."""
    chance = random.Random(seed)
    pushes = [
        Pushes(lambda at=at: READ_NS + at).place(body(random.Random(seed)), idempotency_key="k")  # type: ignore[misc]
        for at in (11 * 3_600_000_000_000, 11 * 3_600_000_000_000 + later_ns)
    ]
    first, again = (pushed.chunk for pushed in pushes if pushed is not None)
    break_off(elastic_url, prefix, first, zone="", chance=chance)
    with a_store(elastic_url, prefix) as store:
        Receiver(store).accept(again)
        Receiver(store).accept(again)
    check(elastic_url, prefix)


@pytest.mark.parametrize("seed", SEEDS)
def test_bytes_sent_again_after_a_change_of_the_zone_leave_each_line_once(
    elastic_url: str, prefix: str, seed: int
) -> None:
    """Their clocks without a zone then mean another time, on another day; and they are cut another way."""
    chance = random.Random(seed)
    text = body(chance)
    whole = Chunk(source(1), 0, len(text), READ_NS, text)
    break_off(elastic_url, prefix, whole, zone="-08:00", chance=chance)
    cut = text.index(b"\n", chance.randrange(len(text) // 2)) + 1
    with a_store(elastic_url, prefix) as store:
        for part in (
            whole.part(0, cut),
            whole.part(cut, whole.end),
            dataclasses.replace(whole, read_ns=READ_NS + DAY_NS),
        ):
            Receiver(store, zone="+09:00").accept(part)
    check(elastic_url, prefix)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_workers_with_the_same_bytes_in_other_cuts_leave_each_line_once(
    elastic_url: str, prefix: str, seed: int
) -> None:
    """At the same moment, beside a third that breaks off."""
    chance = random.Random(seed)
    text = body(chance)
    whole = Chunk(source(1), 0, len(text), READ_NS, text)
    heard = some_answers(elastic_url, prefix, whole, "+09:00", chance)
    cuts = [text.index(b"\n", chance.randrange(len(text) - 1)) + 1 for _ in range(2)]
    start = threading.Barrier(3)

    def store(cut: int) -> None:
        with a_store(elastic_url, prefix) as mine:
            receiver = Receiver(mine, zone="+09:00")
            start.wait()
            for part in (whole.part(0, cut), whole.part(cut, whole.end)):
                while not _taken(receiver, part):
                    pass

    workers = [threading.Thread(target=store, args=(cut,)) for cut in cuts]
    for worker in workers:
        worker.start()
    start.wait()
    with contextlib.suppress(RefusedError):  # the others may have been quicker: then there was less to hear
        hear(elastic_url, prefix, whole, zone="+09:00", answers=heard)
    for worker in workers:
        worker.join()
    check(elastic_url, prefix)


def _taken(receiver: Receiver, part: Chunk) -> bool:
    try:
        receiver.accept(part)
    except RefusedError:
        return False
    return True
