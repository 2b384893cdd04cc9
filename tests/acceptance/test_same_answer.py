"""An answer depends on the stored lines and on nothing else: not on their order, their batches or what came later."""

import dataclasses
import itertools
from pathlib import Path

import pytest

from index.embed_minilm import MiniLMEmbedder
from index.incident import Note
from index.pattern import PatternEdit
from index.vector import Embedder
from ingest.chunk import Chunk
from ingest.line import split_line_id
from ingest.simulate import SimulationResult, simulate
from tests.acceptance.world import READ_NS, World, chunks_of, shuffled

DAY_NS = 86_400_000_000_000
START_NS = READ_NS - 3 * DAY_NS
END_NS = READ_NS - DAY_NS
QUESTIONS = (
    "Has there been a service avalanche like this lately?",
    "最近有没有类似的服务雪崩问题?",
    "How many timeouts were there?",
    "Has the TLS certificate of the mail gateway expired?",
)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return MiniLMEmbedder.load()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    return simulate(
        tmp_path_factory.mktemp("shop"),
        seed=3,
        start_ns=START_NS,
        end_ns=END_NS,
        lines=80_000,
        faults=["avalanche", "avalanche", "oom_kill"],
    )


@pytest.fixture(scope="module")
def bulk(shop: SimulationResult, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("bulk"), embedder)
    world.load(chunks_of(shop.files))
    return world


@pytest.mark.parametrize("how", ["live", "shuffled"])
def test_the_order_and_the_batches_of_ingestion_change_no_answer(
    how: str, shop: SimulationResult, bulk: World, embedder: Embedder, tmp_path: Path
) -> None:
    small = chunks_of(shop.files, limit=150_000)
    order = sorted(small, key=lambda chunk: (chunk.start, chunk.source.id)) if how == "live" else shuffled(small, 5)
    other = World(tmp_path, embedder)
    other.load(order, flush_every=60)
    assert stable(other) == stable(bulk)
    other.close()


def test_the_avalanche_is_found_in_both_languages_and_what_never_happened_is_not(
    shop: SimulationResult, bulk: World
) -> None:
    english, chinese, _, never = (asked.answer for asked in bulk.ask(QUESTIONS, now_ns=READ_NS))
    injected = [label for label in shop.labels if label.kind == "avalanche"]
    for answer in (english, chinese):
        assert answer["verdict"] == "found"
        first = next(i for i in bulk.generation().incidents if i.incident_id == answer["similar"][0]["incident_id"])
        assert any(first.start_ns < label.end_ns and label.start_ns < first.end_ns for label in injected)
        assert len(answer["similar"][0]["onset"]) >= 3
        assert answer["dropped_claims"] == 0
        cited = {citation["id"] for citation in answer["citations"]}
        assert cited >= {line for claim in answer["claims"] for line in claim["citations"]}
        assert bulk.store.read([split_line_id(line) for line in sorted(cited)]).height == len(cited)
    assert never["verdict"] == "not_found"
    assert never["claims"] == []


def test_small_troubles_of_ordinary_days_are_no_incident(bulk: World) -> None:
    """A certificate renewed in time, a lease that is lost once: the lines are shown, and that nothing came of it."""
    questions = ("Has a certificate expired?", "最近有没有证书过期?", "Did the leader keep changing?")
    for answer in (asked.answer for asked in bulk.ask(questions, now_ns=READ_NS)):
        assert answer["verdict"] == "inconclusive"
        assert answer["answer"].startswith(("No incident tells of this", "没有讲述这种情况的事件"))
        assert answer["claims"]
        assert answer["similar"] == []
    (listed,) = bulk.ask(["How many warnings about certificates were logged?"], now_ns=READ_NS)
    assert listed.answer["verdict"] == "found", "asked for lines, lines are the answer"


def test_poison_after_as_of_changes_no_byte_of_an_answer(
    shop: SimulationResult, embedder: Embedder, tmp_path: Path
) -> None:
    as_of_ns = END_NS
    world = World(tmp_path, embedder)
    world.load(chunks_of(shop.files))
    before = stable(world, as_of_ns)
    poison(world, as_of_ns)
    assert stable(world, as_of_ns) == before
    assert stable(world) != before, "the poison must be visible without as_of, or this test proves nothing"
    world.close()


def stable(world: World, as_of_ns: int | None = None) -> list[bytes]:
    """What must not change of the answers to all questions."""
    return [asked.stable for asked in world.ask(QUESTIONS, now_ns=READ_NS, as_of_ns=as_of_ns)]


def poison(world: World, as_of_ns: int) -> None:
    """Later lines that imitate and outnumber earlier ones, notes on every incident, renames and mutes."""
    generation = world.generation()
    examples = generation.patterns.patterns["example"].to_list()
    services = sorted(set(generation.counts["service"]))
    records = [
        f'{{"time": {as_of_ns + number * 50_000_000}, "service": "{services[number % len(services)]}", '
        f'"level": "error", "message": {_quoted(examples[number % len(examples)] + " poisoned avalanche timeout")}}}'
        for number in range(20_000)
    ]
    world.receiver.accept_lines("\n".join(records).encode(), now_ns=READ_NS)
    for incident in generation.incidents:
        world.knowledge.add_note(
            Note("", incident.incident_id, "a poisoned note about an avalanche", cause="poison", time_ns=as_of_ns)
        )
    for pattern_id in generation.patterns.patterns["pattern_id"]:
        world.knowledge.add_edit(PatternEdit(pattern_id, "rename", "poisoned timeout avalanche", as_of_ns))
        world.knowledge.add_edit(PatternEdit(pattern_id, "mute", "", as_of_ns + 1))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\t", " ") + '"'


def test_chunks_cut_anew_after_a_lost_answer_store_nothing_twice(
    shop: SimulationResult, embedder: Embedder, tmp_path: Path
) -> None:
    world = World(tmp_path, embedder)
    whole = chunks_of(shop.files[:3])
    small = chunks_of(shop.files[:3], limit=200_000)
    longer = [_joined(one, other) for one, other in itertools.pairwise(small) if one.end == other.start]
    world.load(small[::2])
    world.load(longer)
    world.load(whole)
    world.load(shuffled(small, 2))
    again = World(tmp_path / "once", embedder)
    again.load(whole)
    assert world.store.high_water() == again.store.high_water()
    assert world.store.ledger()["count"].sum() == world.store.high_water().lines
    again.close()
    world.close()


def _joined(one: Chunk, other: Chunk) -> Chunk:
    return dataclasses.replace(one, end=other.end, body=one.body + other.body)
