"""One simulated shop with its real store, generation and answers: what the evaluation of answers asks."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from api.answer import Answer, ask, draft_answer
from api.claim import Claim
from api.evaluate.trial import READ_NS, open_trial
from index.generation import Generation
from index.store_parquet import ParquetStore
from index.vector import Embedder
from ingest.simulate import simulate
from ingest.simulate.plan import DAY_NS

END_NS = READ_NS
"""When the shops' histories end."""


@dataclasses.dataclass(frozen=True)
class ShopSize:
    """How much of a shop is simulated. The faults are each of one kind and way, and two of them come again."""

    days: int = 4
    lines: int = 80_000
    faults: tuple[str, ...] = (
        "retry_storm:loud",
        "avalanche:loud",
        "oom_kill:trace",
        "pool_exhaustion:loud",
        "avalanche:loud",
        "bad_deploy:loud",
        "pool_exhaustion:quiet",
    )


@dataclasses.dataclass(frozen=True)
class ShopWorld:
    """A shop's files and what Dejalog made of them."""

    folder: Path
    """With `containers/`, `labels.jsonl` and `written.json`."""
    files: dict[str, Path]
    """By source id."""
    store: ParquetStore
    generation: Generation
    embedder: Embedder
    now_ns: int

    def ask(self, question: str, *, now_ns: int) -> Answer:
        """The answer as `POST /v1/ask` gives it."""
        return ask(
            question,
            store=self.store,
            generation=self.generation,
            embedder=self.embedder,
            now_ns=now_ns,
        )

    def draft(self, question: str, *, now_ns: int) -> tuple[Claim, ...]:
        """The answer's claims before they are checked."""
        return draft_answer(
            question,
            store=self.store,
            generation=self.generation,
            embedder=self.embedder,
            now_ns=now_ns,
        ).claims


@contextlib.contextmanager
def open_shop(folder: Path, *, seed: int, size: ShopSize, embedder: Embedder) -> Iterator[ShopWorld]:
    """Simulate the shop of this seed into an empty folder, store and mine it."""
    shop = simulate(
        folder / "shop",
        seed=seed,
        start_ns=END_NS - size.days * DAY_NS,
        end_ns=END_NS,
        lines=size.lines,
        faults=size.faults,
    )
    with open_trial(folder / "data") as trial:
        trial.add_files(sorted(shop.files))
        yield ShopWorld(folder / "shop", trial.files, trial.store, trial.generation(embedder), embedder, END_NS)
