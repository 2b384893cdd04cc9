import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.embedding_cache import EmbeddingCache
from index.vector import Vectors


class HashEmbedder:
    """A real, small embedder: components from a digest of the text. It remembers what it was asked."""

    dimensions = 8

    def __init__(self, name: str = "hash/1") -> None:
        self.name = name
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        rows = [
            np.frombuffer(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), dtype=np.uint32)
            for text in texts
        ]
        vectors = np.array(rows, dtype=np.float32).reshape(-1, self.dimensions)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def test_a_text_is_embedded_once_and_kept_when_reopened(tmp_path: Path) -> None:
    first = HashEmbedder()
    cache = EmbeddingCache(tmp_path / "vectors.sqlite")
    before = cache.embed(first, ["a", "b", "a", ""])
    cache.close()
    second = HashEmbedder()
    cache = EmbeddingCache(tmp_path / "vectors.sqlite")
    after = cache.embed(second, ["", "b", "c", "a"])
    cache.close()
    assert first.asked == ["a", "b", ""]
    assert second.asked == ["c"]
    assert after[[3, 1, 3, 0]].tobytes() == before.tobytes()
    assert before.tobytes() == HashEmbedder().embed(["a", "b", "a", ""]).tobytes()


def test_vectors_of_two_models_never_meet(tmp_path: Path) -> None:
    one, other = HashEmbedder("model/1"), HashEmbedder("model/2")
    cache = EmbeddingCache(tmp_path / "vectors.sqlite")
    for embedder in (one, other, one, other):
        cache.embed(embedder, ["a"])
    cache.close()
    assert (one.asked, other.asked) == (["a"], ["a"])


def test_no_texts_and_lone_surrogates_are_allowed(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "vectors.sqlite")
    assert cache.embed(HashEmbedder(), []).shape == (0, 8)
    assert cache.embed(HashEmbedder(), ["\ud800", "\0"]).shape == (2, 8)
    cache.close()


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "vectors.sqlite").write_bytes(b"not a database at all" * 500)
    cache = EmbeddingCache(tmp_path / "vectors.sqlite")
    assert len(cache.embed(HashEmbedder(), ["a", "b"])) == 2
    cache.close()
    assert (tmp_path / "vectors.sqlite.damaged-1").read_bytes().startswith(b"not a database")


def test_damage_found_while_reading_is_set_aside_and_the_vectors_are_right(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    texts = [f"text {n}" for n in range(2000)]
    cache = EmbeddingCache(path)
    expected = cache.embed(HashEmbedder(), texts)
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(255 - byte for byte in content[4096:])
    path.write_bytes(content)
    embedder = HashEmbedder()
    cache = EmbeddingCache(path)
    assert cache.embed(embedder, texts).tobytes() == expected.tobytes()
    assert cache.embed(embedder, texts).tobytes() == expected.tobytes()
    cache.close()
    assert sorted(embedder.asked) == sorted(texts)
    assert (tmp_path / "vectors.sqlite.damaged-1").exists()


def test_a_row_with_a_wrong_checksum_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    cache = EmbeddingCache(path)
    expected = cache.embed(HashEmbedder(), ["a"])
    cache.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE vector SET vector = zeroblob(32)")
    connection.commit()
    connection.close()
    cache = EmbeddingCache(path)
    assert cache.embed(HashEmbedder(), ["a"]).tobytes() == expected.tobytes()
    cache.close()


@pytest.mark.parametrize("rounds", [1, 4], ids=["at once", "bit by bit"])
def test_the_oldest_rows_go_when_there_are_too_many(tmp_path: Path, rounds: int) -> None:
    embedder = HashEmbedder()
    cache = EmbeddingCache(tmp_path / "vectors.sqlite", max_rows=10)
    texts = [f"text {n}" for n in range(40)]
    for part in range(rounds):
        cache.embed(embedder, texts[part * 40 // rounds : (part + 1) * 40 // rounds])
    embedder.asked.clear()
    cache.embed(embedder, texts[-10:])
    assert embedder.asked == []
    cache.embed(embedder, texts[:1])
    assert embedder.asked == texts[:1]
    cache.close()
