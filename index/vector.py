"""Texts as vectors and the search among them: what an embedder and a vector index promise."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors. The same text gives the same bytes, alone or in any batch, on one machine."""

    name: str
    """Names model and version; part of every manifest, so vectors of two models never meet."""
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dimensions], unit length, in the order of the texts. An empty text is allowed."""


class VectorIndex(Protocol):
    """Exact or approximate nearest neighbours by inner product."""

    @classmethod
    def build(cls, ids: Sequence[str], vectors: Vectors, *, embedder: str) -> Self:
        """An index of these; ids are unique. Both may be empty."""

    @classmethod
    def load(cls, folder: Path, *, embedder: str) -> Self:
        """What `save` wrote. Raises DamagedError when a file is damaged, missing, or of another embedder."""

    def save(self, folder: Path) -> None:
        """Write index and manifest (counts, dimensions, embedder, checksums); a crash leaves the old or the new."""

    def search(self, vectors: Vectors, limit: int) -> list[list[tuple[str, float]]]:
        """For each row the best (id, inner product), best first, ties by id; fewer when there are fewer."""

    def __len__(self) -> int: ...
