"""A published generation that comes back damaged is refused: who has an older one keeps it, and the next heals it."""

import base64
import random
from pathlib import Path

import pytest

from index.elastic_client import Elastic
from index.generation import Generation
from index.generation_elastic import ElasticGenerations
from index.generation_store import Stamp
from index.knowledge_elastic import ElasticKnowledge
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.receive import Receiver
from tests.api.word_embedder import WordEmbedder
from tests.index.generation_contract import WORDS, generations
from tests.index.test_store_elastic import prefix
from tests.workers.chunks_made import chunks
from workers.nearline import Nearline
from workers.settings import NearlineSettings

__all__ = ["generations", "prefix"]


def damage(elastic: Elastic, index: str, part: str, chance: random.Random) -> str:
    """Spoil one stored part, as a disk or the way may; returns how."""
    found = elastic.get(index, part)
    assert found is not None
    body = bytearray(base64.b64decode(found.source["body"]))
    at = chance.randrange(len(body))
    how = chance.choice(["a bit", "cut", "another alphabet", "no body", "gone"])
    if how == "gone":
        elastic.request("DELETE", f"/{index}/_doc/{part}")
        return how
    flipped = bytes([*body[:at], body[at] ^ (1 << chance.randrange(8)), *body[at + 1 :]])
    texts = {
        "a bit": base64.b64encode(flipped).decode(),
        "cut": found.source["body"][: at or 1],
        "another alphabet": "*" + found.source["body"][1:],
    }
    content = {"kind": "part", "body": texts[how]} if how in texts else {"kind": "part"}
    elastic.request("PUT", f"/{index}/_doc/{part}", content)
    return how


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_generation_is_refused_and_the_next_takes_its_place(
    elastic: Elastic, prefix: str, generations: list[Generation], seed: int
) -> None:
    opened = ElasticGenerations(elastic, ElasticSettings(prefix), part_bytes=2_000)
    first = opened.publish(generations[0], Stamp(0, 0), embedder=WORDS, over=None)
    assert first is not None
    found = elastic.get(f"{prefix}-generation", "published")
    assert found is not None
    chance = random.Random(seed)
    part = f"part-{first}-{chance.randrange(found.source['parts'])}"
    how = damage(elastic, f"{prefix}-generation", part, chance)
    assert opened.newest(embedder=WORDS) is None, how
    assert opened.version() == first
    assert opened.publish(generations[1], Stamp(1, 0), embedder=WORDS, over=first) is not None
    newest = opened.newest(embedder=WORDS)
    assert newest is not None
    assert newest.generation.id == generations[1].id


def test_a_server_keeps_the_generation_it_has_while_the_published_one_is_damaged(
    elastic: Elastic, prefix: str, tmp_path: Path
) -> None:
    settings = ElasticSettings(prefix)
    store = ElasticsearchStore(elastic, settings)

    def process(name: str) -> Nearline:
        (tmp_path / name).mkdir()
        how = (store, ElasticKnowledge(elastic, settings), WordEmbedder(), tmp_path / name, NearlineSettings())
        return Nearline(*how, generations=ElasticGenerations(elastic, settings))

    def put(number: int) -> None:
        for pushed in chunks(number, 2):
            Receiver(store).accept_pushed(pushed)

    put(1)
    miner, server = process("miner"), process("server")
    first = miner.mine()
    server.take_up_saved()
    put(2)
    miner.mine()
    version = ElasticGenerations(elastic, settings).version()
    damage(elastic, f"{prefix}-generation", f"part-{version}-0", random.Random(1))
    server.take_up_saved()
    assert server.published is not None
    assert server.published.id == first.id
    put(3)
    healed = miner.mine()
    server.take_up_saved()
    assert server.published.id == healed.id
    for each in (miner, server):
        each.stop()
