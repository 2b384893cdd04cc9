"""The vectors of one generation's patterns or incidents, searched exactly by FAISS and kept on disk with checksums."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
import orjson
import structlog

from index.durable import checksum, sync
from index.faiss_cards import on_cards
from index.vector import Vectors
from ingest.errors import DamagedError

log = structlog.get_logger()

CURRENT = "CURRENT"
MANIFEST = "manifest.json"
VECTORS = "vectors.npy"
IDS = "ids.json"
FORMAT = 1

BATCH = 16
"""Queries a call: from 20 on FAISS computes by matrix product, whose last bits depend on the batch (faiss docs)."""
ROUNDING = 1e-5
"""More than float32 sums of 384 products can differ from the exact ones (measured: below 1e-6)."""
SPARE = 32
"""Candidates beyond the limit, so that ties at its edge rarely need a second search. A guess."""


class FaissIndex:
    """A `VectorIndex` (index/vector.py): exact, flat. FAISS chooses candidates, float64 sums in a fixed order rank
    them, so a score depends on the two vectors alone and ties fall by id.

    On disk a folder holds numbered versions and `CURRENT`, the name of the one that counts; replacing that small file
    is what publishes a version. Stored are the vectors: a flat index is built from them in milliseconds.
    """

    def __init__(self, ids: Sequence[str], vectors: Vectors, embedder: str) -> None:
        order = sorted(range(len(ids)), key=ids.__getitem__)
        self.ids = [ids[row] for row in order]
        self.embedder = embedder
        self._vectors = np.ascontiguousarray(vectors[order] if len(ids) else vectors, dtype=np.float32)
        faiss.omp_set_num_threads(1)
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(self._vectors)
        self._index: Any = on_cards(flat, len(self.ids))

    @classmethod
    def build(cls, ids: Sequence[str], vectors: Vectors, *, embedder: str) -> Self:
        """An index of these; ids are unique. Both may be empty."""
        if vectors.ndim != 2 or len(ids) != len(vectors) or len(set(ids)) != len(ids):
            raise ValueError(f"{len(ids)} ids ({len(set(ids))} distinct) do not fit vectors of shape {vectors.shape}")
        return cls(ids, vectors, embedder)

    @classmethod
    def load(cls, folder: Path, *, embedder: str) -> Self:
        """What `save` wrote. Raises DamagedError when a file is damaged (its version is then renamed to `damaged-…`),
        missing, or of another embedder.
        """
        version = _current(folder)
        try:
            manifest = orjson.loads((version / MANIFEST).read_bytes())
            if manifest["embedder"] != embedder or manifest["format"] != FORMAT:
                raise DamagedError(
                    f"loading vectors from {folder.name}: they are of {manifest['embedder']!r} in format "
                    f"{manifest['format']}, wanted are those of {embedder!r} in format {FORMAT}"
                )
            ids, vectors = _read(version, manifest)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _set_aside(version)
            raise DamagedError(f"loading vectors from {folder.name}: version {version.name}: {error}") from error
        return cls(ids, vectors, embedder)

    def save(self, folder: Path) -> None:
        """Write a new version and make it current; a crash leaves the old or the new. Older versions are deleted."""
        folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
        version = folder / f"{max(numbers, default=0) + 1:08d}"
        version.mkdir()
        np.save(version / VECTORS, self._vectors, allow_pickle=False)
        (version / IDS).write_bytes(orjson.dumps(self.ids))
        manifest = {
            "format": FORMAT,
            "embedder": self.embedder,
            "count": len(self.ids),
            "dimensions": self._vectors.shape[1],
            "sha256": {name: checksum(version / name) for name in (IDS, VECTORS)},
        }
        (version / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        for path in (version / VECTORS, version / IDS, version / MANIFEST, version, folder):
            sync(path)
        _publish(folder, version.name)

    def search(self, vectors: Vectors, limit: int) -> list[list[tuple[str, float]]]:
        """For each row the best (id, inner product), best first, ties by id; fewer when there are fewer."""
        limit = min(limit, len(self.ids))
        if limit <= 0:
            return [[] for _ in vectors]
        queries = np.ascontiguousarray(vectors, dtype=np.float32)
        found: list[list[tuple[str, float]]] = []
        for start in range(0, len(queries), BATCH):
            found += self._search_batch(queries[start : start + BATCH], limit)
        return found

    def __len__(self) -> int:
        return len(self.ids)

    def _search_batch(self, queries: Vectors, limit: int) -> list[list[tuple[str, float]]]:
        wanted = min(limit + SPARE, len(self.ids))
        while True:
            scores, rows = self._index.search(queries, wanted)
            edge_is_clear = (scores[:, -1] < scores[:, limit - 1] - ROUNDING).all()
            if edge_is_clear or wanted == len(self.ids):
                return [self._rank(query, found, limit) for query, found in zip(queries, rows, strict=True)]
            wanted = min(wanted * 4, len(self.ids))

    def _rank(self, query: Vectors, rows: Any, limit: int) -> list[tuple[str, float]]:
        rows = np.sort(rows)
        products = self._vectors[rows].astype(np.float64) * query.astype(np.float64)
        scores = products.sum(axis=1)
        best = np.lexsort((rows, -scores))[:limit]
        return [(self.ids[rows[at]], float(scores[at])) for at in best]


def _current(folder: Path) -> Path:
    try:
        name = (folder / CURRENT).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(f"loading vectors from {folder.name}: {CURRENT} cannot be read: {error}") from error
    if not name.isdigit() or not (folder / name).is_dir():
        raise DamagedError(f"loading vectors from {folder.name}: {CURRENT} names no version here: {name[:40]!r}")
    return folder / name


def _read(version: Path, manifest: Any) -> tuple[list[str], Vectors]:
    for name in (IDS, VECTORS):
        if checksum(version / name) != manifest["sha256"][name]:
            raise ValueError(f"{name} does not have the checksum of its manifest")
    ids = orjson.loads((version / IDS).read_bytes())
    vectors: Vectors = np.load(version / VECTORS, allow_pickle=False)
    if vectors.shape != (manifest["count"], manifest["dimensions"]) or len(ids) != manifest["count"]:
        raise ValueError(f"{len(ids)} ids and vectors of shape {vectors.shape} do not fit the manifest")
    return ids, vectors


def _publish(folder: Path, name: str) -> None:
    unfinished = folder / f"{CURRENT}.tmp"
    unfinished.write_text(name, encoding="ascii")
    sync(unfinished)
    unfinished.replace(folder / CURRENT)
    sync(folder)
    for path in folder.iterdir():
        if path.name.isdigit() and path.name != name:
            shutil.rmtree(path)


def _set_aside(version: Path) -> None:
    """Out of the way but kept; a number is added when an earlier one has the name."""
    target = version.with_name(f"damaged-{version.name}")
    attempt = 0
    while target.exists():
        attempt += 1
        target = version.with_name(f"damaged-{version.name}-{attempt}")
    version.rename(target)
    log.warning("vectors_set_aside", folder=version.parent.name, version=version.name, kept_as=target.name)
