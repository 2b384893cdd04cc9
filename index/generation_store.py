"""Where the published generation is kept, as the rest of Dejalog sees it; `tests/index/generation_contract.py` holds
each keeper to it.
"""

import dataclasses
from typing import Protocol

from index.generation import Generation


@dataclasses.dataclass(frozen=True)
class Stamp:
    """What a generation was mined from: while both stay, mining again would give the same."""

    high_sequence: int
    knowledge_revision: int

    def covers(self, other: "Stamp") -> bool:
        """Whether all that the other one was mined from was there."""
        return self.high_sequence >= other.high_sequence and self.knowledge_revision >= other.knowledge_revision

    def is_newer(self, other: "Stamp") -> bool:
        """Whether it knows more, and nothing less. Both numbers only grow."""
        return self.covers(other) and self != other


@dataclasses.dataclass(frozen=True)
class Published:
    """A generation as it was found, and the name of this state of the keeper."""

    generation: Generation
    stamp: Stamp
    version: str


class GenerationStore(Protocol):
    """One published generation, whole or not at all. Any number of processes may publish and read."""

    def version(self) -> str | None:
        """The name of what is published now; None when nothing is. Cheap: to be asked every few seconds."""

    def newest(self, *, embedder: str) -> Published | None:
        """What is published; None when nothing is, or nothing that this program can use: damaged, mined by other rules,
        embedded by another embedder.
        """

    def publish(self, generation: Generation, stamp: Stamp, *, embedder: str, over: str | None) -> str | None:
        """Publish in place of the version `over` (None: of nothing); returns the new version, or None, with nothing
        changed, when something else is published by now.
        """
