"""BM25 ranks by rare shared tokens, the same way every time."""

import math

import pytest

from index.bm25 import CONCEPT_PREFIX, Bm25, Bm25Settings, TokenSettings, add_tokens, tokens
from index.glossary import Glossary, load_glossary
from index.words import stem, words


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return load_glossary()


def test_a_score_is_the_formula() -> None:
    index = Bm25.build(["a", "b"], [{"x": 2.0, "y": 1.0}, {"y": 1.0}], Bm25Settings(k1=1.2, b=0.5))
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    norm = 1.2 * (1 - 0.5 + 0.5 * 3 / 2)
    [(key, score)] = index.search({"x": 1.0}, 5)
    assert key == "a"
    assert score == pytest.approx(idf * 2 * 2.2 / (2 + norm))


def test_a_rare_word_outweighs_common_ones() -> None:
    documents = [{"request": 1.0, "done": 1.0} for _ in range(20)] + [{"request": 1.0, "deadlock": 1.0}]
    index = Bm25.build([f"{i:02d}" for i in range(21)], documents)
    assert index.search({"request": 1.0, "done": 1.0, "deadlock": 1.0}, 1)[0][0] == "20"


def test_ties_are_ordered_by_id_and_documents_without_a_shared_token_are_absent() -> None:
    index = Bm25.build(["c", "a", "b"], [{"x": 1.0}, {"x": 1.0}, {"z": 1.0}])
    assert [key for key, _ in index.search({"x": 1.0}, 5)] == ["a", "c"]


def test_a_token_in_no_document_is_the_rarest() -> None:
    index = Bm25.build(["a", "b"], [{"x": 1.0}, {"x": 1.0, "y": 1.0}])
    assert index.rarity("nowhere") > index.rarity("y") > index.rarity("x")


def test_nothing_can_be_searched_in_nothing() -> None:
    assert Bm25.build([], []).search({"x": 1.0}, 5) == []


def test_the_weight_of_a_query_token_scales_its_share() -> None:
    index = Bm25.build(["a", "b"], [{"x": 1.0}, {"y": 1.0}])
    assert index.search({"x": 1.0, "y": 2.0}, 2)[0][0] == "b"


def test_tokens_are_stems_bigrams_and_concepts(glossary: Glossary) -> None:
    found = tokens("ConnectionPool 连接池", glossary, "document", TokenSettings())
    assert {"connect", "pool", "连接", "接池", CONCEPT_PREFIX + "pool"} <= set(found)


def test_stop_words_are_not_tokens_but_stay_in_phrases(glossary: Glossary) -> None:
    found = tokens("the file was not found", glossary, "document", TokenSettings())
    assert "the" not in found
    assert "not" not in found
    assert CONCEPT_PREFIX + "not_found" in found


def test_masks_are_no_words() -> None:
    assert [word.text for word in words("took <*> ms on <ip>")] == ["took", "ms", "on"]


def test_added_tokens_are_weighted() -> None:
    into = {"x": 1.0}
    add_tokens(into, {"x": 2.0, "y": 1.0}, 0.5)
    assert into == {"x": 2.0, "y": 0.5}


@pytest.mark.parametrize(
    "forms",
    [
        ("connect", "connected", "connecting", "connection", "connections"),
        ("retry", "retries", "retried"),
        ("stop", "stopped", "stopping", "stops"),
        ("cache", "cached", "caching", "caches"),
        ("allocate", "allocated", "allocation", "allocating"),
        ("refuse", "refused", "refusing"),
    ],
    ids=lambda forms: forms[0],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize("pair", [("process", "proc"), ("address", "add"), ("status", "stat"), ("string", "str")])
def test_different_words_keep_their_stems(pair: tuple[str, str]) -> None:
    assert stem(pair[0]) != stem(pair[1])
