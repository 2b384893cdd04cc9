"""Small simulated shops, stored and mined once for all tests of this folder."""

import dataclasses
from collections.abc import Iterator

import pytest

from api.evaluate.answers import JudgedAnswer, JudgedShop, judged_shop
from api.evaluate.answers_world import ShopSize, open_shop
from api.evaluate.incidents_label import Label, of_simulation
from api.evaluate.incidents_world import World, open_world
from index.embed_minilm import MiniLMEmbedder
from ingest.simulate import SimulationResult, simulate
from tests.api.word_embedder import WordEmbedder

DAY_NS = 86_400_000_000_000
START_NS = 1_788_998_400_000_000_000
FAULTS = ["avalanche:loud", "oom_kill:trace", "avalanche:loud", "oom_kill:trace"]
SIZE = ShopSize(days=1, lines=12_000, faults=("avalanche:loud", "oom_kill:trace"))


@dataclasses.dataclass(frozen=True)
class Known:
    """The world, and what was done to it."""

    world: World
    labels: list[Label]
    shop: SimulationResult


@pytest.fixture(scope="package")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    shop = simulate(
        tmp_path_factory.mktemp("shop"),
        seed=4,
        start_ns=START_NS,
        end_ns=START_NS + DAY_NS,
        lines=60_000,
        faults=FAULTS,
        services=10,
    )
    with open_world(shop.files, WordEmbedder()) as world:
        yield Known(world, [of_simulation(label) for label in shop.labels], shop)


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JudgedShop]:
    with open_shop(tmp_path_factory.mktemp("shop"), seed=3, size=SIZE, embedder=MiniLMEmbedder.load()) as world:
        yield judged_shop(3, world)


@pytest.fixture(scope="package")
def answers(shop: JudgedShop) -> list[JudgedAnswer]:
    return list(shop.answers())
