"""Questions are answered from Elasticsearch as from the embedded store: the same but for the time it took, and in two
round trips each.
"""

import dataclasses
from collections.abc import Iterator
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
from tests.index.test_store_elastic import fresh_prefix, prefix
from tests.real.transport import requests_sent

__all__ = ["prefix"]

DAY_NS = 86_400_000_000_000
QUESTIONS = (
    "Has there been a service avalanche like this lately?",
    "最近有没有类似的服务雪崩问题?",
    "How many timeouts were there?",
    "Which service failed first?",
    "Has the payment service been slow?",
    "Has the TLS certificate of the mail gateway expired?",
    "What went wrong in the last 48 hours?",
    "How many timeouts were there in the last two days?",
    "What happened to the request 0af7651916cd43dd8448eb211c80319c?",
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


@pytest.fixture(scope="module")
def worlds(
    files: list[Path], elastic: Elastic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, World]]:
    """One on the embedded store and one on Elasticsearch, each with the same lines, a note and an edit."""
    folder, embedder = tmp_path_factory.mktemp("worlds"), MiniLMEmbedder.load()
    with fresh_prefix(elastic) as prefix:
        settings = ElasticSettings(prefix=prefix)
        store, knowledge = ElasticsearchStore(elastic, settings), ElasticKnowledge(elastic, settings)
        made = (
            World(folder / "embedded", embedder),
            World(folder / "elastic", embedder, store=store, knowledge=knowledge),
        )
        for world in made:
            world.load(chunks_of(files))
            incident = world.generation().incidents[0]
            world.knowledge.add_note(
                Note("", incident.incident_id, "the pool was too small", cause="pool", time_ns=READ_NS)
            )
            pattern = world.generation().patterns.patterns["pattern_id"][0]
            world.knowledge.add_edit(PatternEdit(pattern, "rename", "the first pattern", READ_NS))
        yield made
        for world in made:
            world.close()


def test_both_stores_answer_alike(worlds: tuple[World, World]) -> None:
    for as_of_ns in (None, READ_NS - DAY_NS):
        embedded, found = (answers(world, as_of_ns) for world in worlds)
        for one, other in zip(embedded, found, strict=True):
            assert {**other, "took_ms": 0} == {**one, "took_ms": 0}
        assert any(answer["verdict"] == "found" for answer in embedded)


def test_a_question_is_two_round_trips(worlds: tuple[World, World]) -> None:
    """One that gathers, one that checks, whatever their number of sub-queries; without claims there is no check."""
    generation, searches = worlds[1].generation(), []
    for question in QUESTIONS:
        with requests_sent() as sent:
            worlds[1].ask_over(generation, question, now_ns=READ_NS + 1)
        assert [each.target for each in sent] == ["/_msearch"] * len(sent)
        assert 1 <= len(sent) <= 2, question
        searches.append(sum(each.searches for each in sent))
    assert max(searches) > 20


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
