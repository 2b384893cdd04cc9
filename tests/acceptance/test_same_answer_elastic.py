"""Questions are answered from Elasticsearch as from the embedded store: the same but for the time it took."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from api.reindex import reindex
from index.elastic_client import Elastic
from index.embed_minilm import MiniLMEmbedder
from index.incident import Note
from index.knowledge_elastic import ElasticKnowledge
from index.line_store import LineFilter
from index.pattern import PatternEdit
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.simulate import simulate
from tests.acceptance.world import READ_NS, World, chunks_of
from tests.api.conftest import settings_for
from tests.index.test_store_elastic import prefix

__all__ = ["prefix"]
DAY_NS = 86_400_000_000_000
QUESTIONS = (
    "Has there been a service avalanche like this lately?",
    "最近有没有类似的服务雪崩问题?",
    "How many timeouts were there?",
    "Which service failed first?",
    "Has the payment service been slow?",
    "Has the TLS certificate of the mail gateway expired?",
)

SEARCHES = (LineFilter(), LineFilter("unexpected error"), LineFilter("level:error"), LineFilter("/4[0-9]+ms/"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = simulate(
        tmp_path_factory.mktemp("shop"),
        seed=3,
        start_ns=READ_NS - 2 * DAY_NS,
        end_ns=READ_NS - DAY_NS,
        lines=25_000,
        faults=["avalanche", "avalanche", "oom_kill"],
    )
    return list(made.files)


def test_both_stores_answer_alike(files: list[Path], elastic: Elastic, prefix: str, tmp_path: Path) -> None:
    embedder = MiniLMEmbedder.load()
    settings = ElasticSettings(prefix=prefix)
    worlds = (
        World(tmp_path / "embedded", embedder),
        World(
            tmp_path / "elastic",
            embedder,
            store=ElasticsearchStore(elastic, settings),
            knowledge=ElasticKnowledge(elastic, settings),
        ),
    )
    for world in worlds:
        world.load(chunks_of(files))
        incident = world.generation().incidents[0]
        world.knowledge.add_note(
            Note("", incident.incident_id, "the pool was too small", cause="pool", time_ns=READ_NS)
        )
        pattern = world.generation().patterns.patterns["pattern_id"][0]
        world.knowledge.add_edit(PatternEdit(pattern, "rename", "the first pattern", READ_NS))
    for as_of_ns in (None, READ_NS - DAY_NS):
        embedded, found = (answers(world, as_of_ns) for world in worlds)
        for one, other in zip(embedded, found, strict=True):
            assert {**other, "took_ms": 0} == {**one, "took_ms": 0}
    assert any(answer["verdict"] == "found" for answer in embedded)
    for world in worlds:
        world.close()


def test_a_moved_store_answers_as_before(
    files: list[Path], elastic: Elastic, elastic_url: str, prefix: str, tmp_path: Path
) -> None:
    embedder = MiniLMEmbedder.load()
    before = World(tmp_path, embedder)
    before.load(chunks_of(files), flush_every=5)
    incidents = before.generation().incidents
    before.knowledge.keep_incidents(incidents, floor_ns=0)
    before.knowledge.freeze(before_ns=incidents[-1].start_ns)
    before.knowledge.add_note(
        Note("", incidents[0].incident_id, "the pool was too small", cause="pool", time_ns=READ_NS)
    )
    expected = [answers(before, as_of_ns) for as_of_ns in (None, READ_NS - DAY_NS)]
    pages = [before.store.search(where, limit=1000) for where in SEARCHES]
    before.close()
    settings = settings_for(tmp_path)
    store = dataclasses.replace(settings.store, elasticsearch_url=elastic_url, elasticsearch_prefix=prefix)
    reindex(dataclasses.replace(settings, store=store))
    how = ElasticSettings(prefix=prefix)
    moved = World(
        tmp_path / "vectors",
        embedder,
        store=ElasticsearchStore(elastic, how),
        knowledge=ElasticKnowledge(elastic, how),
    )
    for as_of_ns, earlier in zip((None, READ_NS - DAY_NS), expected, strict=True):
        for one, other in zip(earlier, answers(moved, as_of_ns), strict=True):
            assert {**other, "took_ms": 0} == {**one, "took_ms": 0}
    for where, page in zip(SEARCHES, pages, strict=True):
        found = moved.store.search(where, limit=1000)
        assert (found.total, found.total_exact) == (page.total, True)
        assert found.lines.drop("sequence").equals(page.lines.drop("sequence"))
        assert page.total
    moved.close()


def answers(world: World, as_of_ns: int | None) -> list[dict[str, Any]]:
    return [asked.answer for asked in world.ask(QUESTIONS, now_ns=READ_NS + 1, as_of_ns=as_of_ns)]
