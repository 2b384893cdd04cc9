"""Retrieval and fusion: both arms count, by weight, and ties have an order."""

import dataclasses
from collections.abc import Iterator

import polars as pl
import pytest

from api.fuse import Arm, fuse
from api.question import Question, read_question
from api.retrieve import (
    RetrievalIndex,
    RetrieveSettings,
    build_retrieval,
    prepare,
    retrieval_of,
)
from api.retrieve_text import TextSettings, incident_tokens
from index.bm25 import CONCEPT_PREFIX
from index.embed_minilm import MiniLMEmbedder
from index.glossary import Glossary, load_glossary, own_glossary
from index.incident import Note
from index.pattern import PatternSet
from index.window import RESTARTS
from tests.api.small_shop import END_NS, SmallShop, generation_of, make_shop


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return load_glossary()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallShop]:
    made = make_shop(tmp_path_factory.mktemp("shop"), embedder=MiniLMEmbedder.load())
    yield made
    made.store.close()


@pytest.fixture
def index(shop: SmallShop, glossary: Glossary) -> RetrievalIndex:
    return build_retrieval(shop.generation, glossary, RetrieveSettings())


def read(text: str, index: RetrievalIndex) -> Question:
    return read_question(text, now_ns=END_NS, glossary=index.glossary, services=index.services)


def best(text: str, shop: SmallShop, index: RetrievalIndex) -> str:
    question = read(text, index)
    return index.rank_patterns(question, shop.embedder.embed([question.spoken]), set(index.facts))[0].id


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("Who signed in?", "signed in"),
        ("有人登录吗?", "signed in"),
        ("Which calls waited too long?", "timed out"),
        ("哪些请求超时了?", "timed out"),
        ("服务不可用", "unavailable"),
        ("库存返回空", "库存服务"),
        ("out of stock", "库存服务"),
    ],
)
def test_the_pattern_meant_comes_first_in_either_language(
    shop: SmallShop, index: RetrievalIndex, question: str, part: str
) -> None:
    assert best(question, shop, index) == shop.pattern_id(part)


def test_incidents_are_found_by_kind_words_and_notes(shop: SmallShop, index: RetrievalIndex) -> None:
    for text in ("an avalanche of failures", "雪崩", "timeouts in billing", "ran out of file handles"):
        question = read(text, index)
        found = index.rank_incidents(question, shop.embedder.embed([question.spoken]), set(index.incident_of))
        assert found[0].id == shop.avalanche.incident_id
        assert found[0].score > 0


def test_a_note_makes_a_pattern_findable(shop: SmallShop, glossary: Glossary) -> None:
    target = shop.pattern_id("opened")
    note = Note("n2", target, "this one heralds the flux capacitor breakdown")
    with_note = dataclasses.replace(shop.generation, notes=(note,))
    index = build_retrieval(with_note, glossary, RetrieveSettings())
    assert best("flux capacitor breakdown", shop, index) == target


def test_a_muted_pattern_is_not_retrieved(shop: SmallShop, glossary: Glossary) -> None:
    target = shop.pattern_id("signed in")
    rows = shop.generation.patterns.patterns
    states = [("muted" if key == target else "active") for key in rows["pattern_id"]]
    patterns = PatternSet(rows.with_columns(state=states_column(states)), shop.generation.patterns.members)
    index = build_retrieval(dataclasses.replace(shop.generation, patterns=patterns), glossary, RetrieveSettings())
    assert best("Who signed in?", shop, index) != target


def states_column(states: list[str]) -> pl.Series:
    return pl.Series("state", states)


def test_retrieval_is_remembered_for_a_generation_and_made_anew_for_another(
    shop: SmallShop, glossary: Glossary
) -> None:
    settings = RetrieveSettings()
    once = retrieval_of(shop.generation, glossary, settings)
    again = retrieval_of(generation_of(shop.store, embedder=shop.embedder), glossary, settings)
    other = dataclasses.replace(shop.generation, id="0" * 16)
    assert once is again
    assert retrieval_of(other, glossary, settings) is not once


def test_what_is_prepared_is_what_the_first_question_takes(shop: SmallShop) -> None:
    prepared = dataclasses.replace(shop.generation, id="9e" * 8)
    prepare(prepared)
    alike = dataclasses.replace(prepared)
    assert retrieval_of(alike, own_glossary(), RetrieveSettings()).generation is prepared


def test_only_what_is_among_the_allowed_is_ranked(shop: SmallShop, index: RetrievalIndex) -> None:
    question = read("Who signed in?", index)
    allowed = {shop.pattern_id("opened"), shop.pattern_id("accepted")}
    found = index.rank_patterns(question, shop.embedder.embed([question.spoken]), allowed)
    assert {each.id for each in found} <= allowed


def test_fusion_adds_weighted_scores() -> None:
    arms = [Arm({"a": 0.5, "b": 0.4}, 1.0), Arm({"b": 8.0, "c": 2.0}, 0.2, is_scaled=True)]
    fused = fuse(arms)
    assert [key for key, _ in fused] == ["b", "a", "c"]
    assert [score for _, score in fused] == pytest.approx([0.6, 0.5, 0.45])


def test_a_strong_arm_is_not_averaged_away_by_a_weak_one() -> None:
    strong = Arm({"right": 0.9, "wrong": 0.3}, 1.0)
    weak = Arm({"wrong": 3.0, "right": 2.0}, 0.4, is_scaled=True)
    assert fuse([strong, weak])[0][0] == "right"


def test_ties_are_ordered_by_id_and_empty_arms_change_nothing() -> None:
    assert [key for key, _ in fuse([Arm({"b": 1.0, "a": 1.0}, 1.0), Arm({}, 1.0, is_scaled=True)])] == ["a", "b"]
    assert fuse([]) == []


@pytest.mark.parametrize(
    ("kinds", "said", "expected"),
    [(("restart",), RESTARTS, False), (("deploy",), RESTARTS, True), (("restart",), "launching build 7", True)],
    ids=["restarts", "restarts after a deployment", "no restart is known of"],
)
def test_a_container_that_says_its_build_when_it_starts_again_is_no_deployment(
    kinds: tuple[str, ...], said: str, expected: bool, glossary: Glossary, shop: SmallShop
) -> None:
    first = shop.avalanche.deviations[0]
    told = [dataclasses.replace(first, template=template) for template in (said, "launching release build 7")]
    incident = dataclasses.replace(shop.avalanche, kinds=kinds, deviations=tuple(told))
    found = incident_tokens(incident, (), glossary, TextSettings())
    assert (f"{CONCEPT_PREFIX}deploy" in found) == expected
