"""What every keeper of the published generation must do. A subclass provides the fixture `open_generations`: each call
is one more process with the same data, empty at first.
"""

import dataclasses
from collections.abc import Callable

import pytest

from index.embedding_cache import EmbeddingCache
from index.generation import Generation
from index.generation_build import Mined, count_patterns, with_vectors
from index.generation_store import GenerationStore, Published, Stamp
from index.incident import Note
from index.ledger import first_lines, ledger_of
from index.pattern_mine import mine_patterns
from tests.api.word_embedder import WordEmbedder
from tests.index.knowledge_contract import an_incident
from tests.index.lines_made import made_lines

Open = Callable[[], GenerationStore]
WORDS = WordEmbedder.name


@pytest.fixture(scope="module")
def generations(tmp_path_factory: pytest.TempPathFactory) -> list[Generation]:
    """Three that differ."""
    cache = EmbeddingCache(tmp_path_factory.mktemp("cache") / "embeddings.sqlite")
    return [a_generation(count, cache) for count in (2, 20, 50)]


def a_generation(count: int, cache: EmbeddingCache) -> Generation:
    lines = made_lines(count)
    patterns = mine_patterns(first_lines(lines), ())
    counts = count_patterns(ledger_of(lines), patterns)
    note = Note("n", "aa", f"note {count}", time_ns=count)
    incident = dataclasses.replace(an_incident(count), evidence=())
    return with_vectors(Mined(None, patterns, counts, (incident,), (note,)), WordEmbedder(), cache)


def assert_same(found: Published | None, generation: Generation, stamp: Stamp) -> None:
    assert found is not None
    assert (found.generation.id, found.stamp) == (generation.id, stamp)
    assert found.generation.patterns.patterns.equals(generation.patterns.patterns)
    assert found.generation.counts.equals(generation.counts)
    assert found.generation.incidents == generation.incidents
    assert found.generation.notes == generation.notes
    asked = WordEmbedder().embed(["order placed"])
    assert found.generation.pattern_vectors.search(asked, 5) == generation.pattern_vectors.search(asked, 5)


class GenerationContract:
    """Tests that use nothing but the protocol."""

    def test_nothing_is_published_at_first(self, open_generations: Open) -> None:
        opened = open_generations()
        assert opened.version() is None
        assert opened.newest(embedder=WORDS) is None

    def test_what_one_process_publishes_another_reads(
        self, open_generations: Open, generations: list[Generation]
    ) -> None:
        stamp = Stamp(7, 2)
        version = open_generations().publish(generations[0], stamp, embedder=WORDS, over=None)
        reader = open_generations()
        assert reader.version() == version is not None
        found = reader.newest(embedder=WORDS)
        assert_same(found, generations[0], stamp)
        assert found is not None
        assert found.version == version

    def test_a_newer_one_takes_the_place_of_the_one_it_was_made_over(
        self, open_generations: Open, generations: list[Generation]
    ) -> None:
        opened = open_generations()
        version = None
        for number, generation in enumerate(generations):
            version = opened.publish(generation, Stamp(number, 0), embedder=WORDS, over=version)
            assert version is not None
            assert_same(open_generations().newest(embedder=WORDS), generation, Stamp(number, 0))

    def test_one_made_over_what_is_published_no_more_is_refused(
        self, open_generations: Open, generations: list[Generation]
    ) -> None:
        opened = open_generations()
        first = opened.publish(generations[0], Stamp(0, 0), embedder=WORDS, over=None)
        second = opened.publish(generations[1], Stamp(1, 0), embedder=WORDS, over=first)
        assert opened.publish(generations[2], Stamp(2, 0), embedder=WORDS, over=first) is None
        assert opened.publish(generations[2], Stamp(2, 0), embedder=WORDS, over=None) is None
        assert opened.version() == second
        assert_same(opened.newest(embedder=WORDS), generations[1], Stamp(1, 0))

    def test_one_of_another_embedder_is_of_no_use(self, open_generations: Open, generations: list[Generation]) -> None:
        open_generations().publish(generations[0], Stamp(0, 0), embedder=WORDS, over=None)
        assert open_generations().newest(embedder="another") is None
