"""A small real embedder: words hashed to axes. Deterministic, instant, and alike texts are near each other."""

import hashlib
from collections.abc import Sequence

import numpy as np

from index.vector import Vectors
from index.words import words


class WordEmbedder:
    """An `Embedder`; unit vectors of hashed word counts."""

    name = "words/1"
    dimensions = 256

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                digest = hashlib.blake2b(word.stem.encode(), digest_size=2).digest()
                vectors[row, int.from_bytes(digest, "big") % self.dimensions] += 1
            length = float(np.linalg.norm(vectors[row]))
            if length:
                vectors[row] /= length
        return vectors
