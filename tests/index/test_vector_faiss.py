import os
from pathlib import Path

import numpy as np
import pytest

from index.vector import Vectors
from index.vector_faiss import FaissIndex
from ingest.errors import DamagedError

RNG_SEED = 7


def unit_vectors(count: int, dimensions: int = 24, seed: int = RNG_SEED) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def names(count: int) -> list[str]:
    return [f"p{n:05d}" for n in range(count)]


def test_search_finds_what_comparing_with_every_vector_finds() -> None:
    vectors, queries = unit_vectors(500), unit_vectors(40, seed=8)
    found = FaissIndex.build(names(500), vectors, embedder="e").search(queries, 5)
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    for row, hits in enumerate(found):
        best = np.argsort(-scores[row])[:5]
        assert [hit[0] for hit in hits] == [names(500)[at] for at in best]
        np.testing.assert_allclose([hit[1] for hit in hits], scores[row][best], rtol=1e-12)


def test_equal_vectors_come_by_id_also_at_the_limit() -> None:
    vectors = np.repeat(unit_vectors(3), 200, axis=0)
    shuffled = np.random.default_rng(1).permutation(600)
    index = FaissIndex.build([names(600)[at] for at in shuffled], vectors[shuffled], embedder="e")
    hits = index.search(vectors[:1], 7)[0]
    assert [hit[0] for hit in hits] == names(7)


def test_a_query_finds_the_same_alone_and_among_others() -> None:
    index = FaissIndex.build(names(300), unit_vectors(300), embedder="e")
    queries = unit_vectors(50, seed=9)
    assert index.search(queries, 10) == [index.search(query[None, :], 10)[0] for query in queries]


def test_the_order_of_building_does_not_matter() -> None:
    vectors = unit_vectors(100)
    forwards = FaissIndex.build(names(100), vectors, embedder="e")
    backwards = FaissIndex.build(names(100)[::-1], vectors[::-1], embedder="e")
    assert forwards.search(vectors, 100) == backwards.search(vectors, 100)


@pytest.mark.parametrize("count", [0, 1, 3], ids=["empty", "one", "fewer than asked"])
def test_fewer_vectors_than_asked_give_fewer_hits(count: int) -> None:
    index = FaissIndex.build(names(count), unit_vectors(3)[:count], embedder="e")
    assert [len(hits) for hits in index.search(unit_vectors(2), 10)] == [count, count]
    assert len(index) == count


def test_ids_given_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="distinct"):
        FaissIndex.build(["a", "a"], unit_vectors(2), embedder="e")


def test_what_was_saved_is_loaded_and_replaces_the_older(tmp_path: Path) -> None:
    FaissIndex.build(names(5), unit_vectors(5), embedder="e").save(tmp_path)
    index = FaissIndex.build(names(9), unit_vectors(9), embedder="e")
    index.save(tmp_path)
    loaded = FaissIndex.load(tmp_path, embedder="e")
    assert loaded.search(unit_vectors(4, seed=3), 9) == index.search(unit_vectors(4, seed=3), 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000002", "CURRENT"]


def test_an_empty_index_can_be_saved_and_loaded(tmp_path: Path) -> None:
    FaissIndex.build([], unit_vectors(3)[:0], embedder="e").save(tmp_path)
    assert len(FaissIndex.load(tmp_path, embedder="e")) == 0


@pytest.mark.parametrize("name", ["vectors.npy", "ids.json", "manifest.json"])
def test_a_damaged_file_is_noticed_and_set_aside(tmp_path: Path, name: str) -> None:
    FaissIndex.build(names(5), unit_vectors(5), embedder="e").save(tmp_path)
    file = tmp_path / "00000001" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x80
    file.write_bytes(content)
    with pytest.raises(DamagedError):
        FaissIndex.load(tmp_path, embedder="e")
    assert (tmp_path / "damaged-00000001" / name).read_bytes() == content
    FaissIndex.build(names(2), unit_vectors(2), embedder="e").save(tmp_path)
    assert len(FaissIndex.load(tmp_path, embedder="e")) == 2


@pytest.mark.parametrize("content", [None, b"", b"../../etc", b"7", b"\xff"], ids=repr)
def test_a_missing_or_wrong_pointer_is_damage(tmp_path: Path, content: bytes | None) -> None:
    FaissIndex.build(names(5), unit_vectors(5), embedder="e").save(tmp_path)
    (tmp_path / "CURRENT").unlink()
    if content is not None:
        (tmp_path / "CURRENT").write_bytes(content)
    with pytest.raises(DamagedError, match="CURRENT"):
        FaissIndex.load(tmp_path, embedder="e")


def test_vectors_of_another_embedder_are_refused_but_stay(tmp_path: Path) -> None:
    FaissIndex.build(names(5), unit_vectors(5), embedder="old").save(tmp_path)
    with pytest.raises(DamagedError, match="'old'"):
        FaissIndex.load(tmp_path, embedder="new")
    assert len(FaissIndex.load(tmp_path, embedder="old")) == 5


def test_a_crash_before_the_pointer_moves_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FaissIndex.build(names(5), unit_vectors(5), embedder="e").save(tmp_path)
    synced: list[int] = []

    def crash_at_the_last_sync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 6:  # five of the version and its folder, then that of the new pointer
            raise OSError("the disk went away")

    monkeypatch.setattr(os, "fsync", crash_at_the_last_sync)
    with pytest.raises(OSError, match="went away"):
        FaissIndex.build(names(9), unit_vectors(9), embedder="e").save(tmp_path)
    monkeypatch.undo()
    assert len(FaissIndex.load(tmp_path, embedder="e")) == 5
    FaissIndex.build(names(7), unit_vectors(7), embedder="e").save(tmp_path)
    assert len(FaissIndex.load(tmp_path, embedder="e")) == 7
