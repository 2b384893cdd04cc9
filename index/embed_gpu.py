"""all-MiniLM-L6-v2 on NVIDIA cards by sentence-transformers, from the same weights; the extra `gpu` brings it.

Written against sentence-transformers 6.2 and not run with a card by our tests: docs/how-to/distributed.md says so.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index.embed_minilm import MAX_CHARACTERS, MAX_TOKENS, MiniLMEmbedder
from index.vector import Vectors
from ingest.errors import SettingError

_BATCH = 256
"""Texts a batch. A guess: a few hundred MB on a card."""


class CardEmbedder:
    """An `Embedder` on one card in half precision. Its vectors lie in the space of MiniLMEmbedder's and bear its name:
    they are compared with vectors of questions that a processor made. The last bits differ, by batch too, so what is
    published keeps the vector that was made first (index/embedding_cache.py).
    """

    name = MiniLMEmbedder.name
    dimensions = MiniLMEmbedder.dimensions

    def __init__(self, model: Any) -> None:
        self._model = model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), 384], unit length, in the order of the texts."""
        readable = [text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8") for text in texts]
        found = self._model.encode(readable, batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True)
        vectors: Vectors = np.asarray(found, dtype=np.float32).reshape(len(texts), self.dimensions)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
        unit: Vectors = vectors / np.maximum(lengths, np.float32(1e-12))
        return unit


def card_embedders(weights: Path) -> list[CardEmbedder]:
    """One for each card that torch sees. `weights`: the folder of the model. Raises SettingError when the extra is not
    installed or there is no card.
    """
    try:
        torch = importlib.import_module("torch")
        transformers = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise SettingError(f"embedding on cards needs the extra `gpu` ({error})") from error
    count = int(torch.cuda.device_count()) if torch.cuda.is_available() else 0
    if not count:
        raise SettingError("embedding on cards: torch sees none")
    found = []
    for card in range(count):
        model = transformers.SentenceTransformer(str(weights), device=f"cuda:{card}", local_files_only=True).half()
        model.max_seq_length = MAX_TOKENS
        found.append(CardEmbedder(model))
    return found
