"""Any part of the distributed mode on Elasticsearch is killed at any moment under load: each line is stored once, and
the generation that is published in the end has counted each.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from index.store_elastic import ElasticSettings
from tests.real.elasticsearch_nodes import one_node
from tests.reliability.load import Sender, load, wait_until_drained
from tests.reliability.topology import Topology, topology
from tests.workers.chunks_made import assert_each_once, numbers_held, wait_until

SOURCES = 2
PARTS = ("receiver", "worker-0", "worker-1", "celery", "redis", "redis full", "elasticsearch away")
"""What a round may lose; Elasticsearch's own end takes longer than all of these together and has rounds of its own."""
pytestmark = pytest.mark.timeout(900)  # the first test waits for all servers to start


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    folder = tmp_path_factory.mktemp("topology")
    with one_node() as node, topology(folder, node, settings=ElasticSettings("faults")) as parts:
        yield parts


@pytest.fixture(scope="module")
def sent() -> dict[int, int]:
    """Lines of each source so far: rounds share servers, and a later one must not harm what an earlier one sent."""
    return {}


@pytest.mark.parametrize("seed", range(10))
def test_no_line_is_lost_or_doubled_when_parts_are_lost_under_load(
    cluster: Topology, sent: dict[int, int], seed: int
) -> None:
    chance = random.Random(seed)
    lost = chance.sample(PARTS, k=2)
    play(cluster, sent, chance, lost=["elasticsearch", *lost] if seed == 0 else lost, first=seed * SOURCES)


def test_celery_publishes_one_generation_of_all_lines_whatever_was_lost(
    cluster: Topology, sent: dict[int, int]
) -> None:
    """Two beats nudge it, and it is killed at random moments of the steps."""
    chance = random.Random(99)
    play(cluster, sent, chance, lost=["celery", "redis", "celery"], first=1_000)
    cluster.wait_until_counted(sum(sent.values()))


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 120))
def test_no_line_is_lost_or_doubled_when_every_part_is_lost_under_load(
    cluster: Topology, sent: dict[int, int], seed: int
) -> None:
    chance = random.Random(seed)
    lost = chance.sample([*PARTS, "elasticsearch"], k=len(PARTS) + 1)
    play(cluster, sent, chance, lost=lost, first=seed * SOURCES)
    cluster.wait_until_counted(sum(sent.values()))


@pytest.mark.campaign
def test_no_line_is_lost_or_doubled_in_ten_minutes_of_faults_under_load(cluster: Topology) -> None:
    """A soak: as many faults as fit; what it did is printed for docs/reliability.md."""
    chance, seconds = random.Random(7), float(os.environ.get("SOAK_S", "600"))
    lost: Counter[str] = Counter()
    began = time.monotonic()
    sent: dict[int, int] = {}
    while time.monotonic() - began < seconds:
        names = chance.choices([*PARTS, "elasticsearch"], weights=[*[3] * len(PARTS), 1], k=4)
        play(cluster, sent, chance, lost=names, first=2_000 + len(sent))
        lost.update(names)
    cluster.wait_until_counted(sum(sent.values()))
    lines, took_s = sum(sent.values()), time.monotonic() - began
    print(f"\nsoak: {took_s:.0f} s, {lines} lines of {len(sent)} sources, each there once; lost: {dict(lost)}")


def play(parts: Topology, sent: dict[int, int], chance: random.Random, *, lost: list[str], first: int) -> None:
    """One round: lose these parts one after the other under load, each once lines have been taken since the last."""
    with load(parts.url, range(first, first + SOURCES)) as senders:
        for name in lost:
            _wait_for_more(senders)
            time.sleep(chance.random())  # the moment is what is random here
            lose(parts, name, chance)
        _wait_for_more(senders)
    sent |= {sender.number: sender.lines for sender in senders}
    check(parts, sent)


def lose(parts: Topology, name: str, chance: random.Random) -> None:
    """Kill a part and start it again, or what else the name says for up to two seconds."""
    if name == "elasticsearch away":
        parts.node.freeze()
        time.sleep(chance.uniform(0.2, 2))  # how long it is silent
        parts.node.thaw()
    elif name == "redis full":
        with parts.redis.client() as client:
            client.config_set("maxmemory", 1_000_000)  # less than an empty one needs
            time.sleep(chance.uniform(0.2, 2))  # how long it takes nothing
            client.config_set("maxmemory", 0)
    else:
        victim = parts.part(name)
        victim.kill()
        victim.start()


def check(parts: Topology, sent: dict[int, int]) -> None:
    """Nothing waits, and each line is there once."""
    wait_until_drained(parts.redis.url)
    with parts.store() as store:
        held = numbers_held(store)
    assert_each_once({number: held[number] for number in sent}, sent)


def _wait_for_more(senders: list[Sender]) -> None:
    before = [sender.lines for sender in senders]
    wait_until(lambda: all(map(_is_more, (s.lines for s in senders), before)), timeout_s=120)


def _is_more(now: int, before: int) -> bool:
    return now > before
