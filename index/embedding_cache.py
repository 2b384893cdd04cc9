"""Vectors that were computed before, kept by text, so that mining again embeds only what is new."""

import hashlib
import sqlite3
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog

from index.vector import Embedder, Vectors
from ingest.wal import use_wal

log = structlog.get_logger()

MAX_ROWS = 100_000
"""The oldest rows beyond it go (150 MB of MiniLM's vectors). A guess: a large cluster has some 20,000 patterns."""
_BUSY_S = 10.0
"""How long another process at the file is waited for. A guess."""
READ_BATCH = 500
"""Keys a statement; SQLite takes 999 parameters at the least."""


class EmbeddingCache:
    """Vectors of any embedder by text, in one SQLite file. A file that is damaged is set aside and begun anew: all it
    holds can be computed again. Each row has a checksum; a wrong one counts as absent. Safe to use from any thread.
    """

    def __init__(self, path: Path, *, max_rows: int = MAX_ROWS) -> None:
        self._path = path
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._connection = self._open()

    def embed(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        """What `embedder.embed(texts)` gives; each distinct text that is not kept is embedded once."""
        keys = [_key(embedder.name, text) for text in texts]
        wanted = dict(zip(keys, texts, strict=True))
        with self._lock:
            known = self._read_or_nothing(list(wanted), embedder.dimensions)
        absent = [key for key in wanted if key not in known]
        if absent:
            fresh = embedder.embed([wanted[key] for key in absent])
            known.update(zip(absent, fresh, strict=True))
            with self._lock:
                self._write_if_possible({key: known[key] for key in absent})
        vectors = np.zeros((len(texts), embedder.dimensions), dtype=np.float32)
        for row, key in enumerate(keys):
            vectors[row] = known[key]
        return vectors

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _read(self, keys: list[bytes], dimensions: int) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        for start in range(0, len(keys), READ_BATCH):
            part = keys[start : start + READ_BATCH]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(f"SELECT key, vector, crc FROM vector WHERE key IN ({marks})", part)
            for key, blob, crc in rows:
                if len(blob) == 4 * dimensions and zlib.crc32(blob) == crc:
                    found[key] = np.frombuffer(blob, dtype="<f4")
        return found

    def _write(self, fresh: dict[bytes, Vectors]) -> None:
        rows = [(key, blob := vector.astype("<f4").tobytes(), zlib.crc32(blob)) for key, vector in fresh.items()]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vector (key, vector, crc) VALUES (?, ?, ?)", rows)
            self._connection.execute(
                "DELETE FROM vector WHERE sequence <= (SELECT max(sequence) FROM vector) - ?", [self._max_rows]
            )

    def _read_or_nothing(self, keys: list[bytes], dimensions: int) -> dict[bytes, Vectors]:
        try:
            return self._read(keys, dimensions)
        except sqlite3.DatabaseError as error:
            self._after(error)
            return {}

    def _write_if_possible(self, fresh: dict[bytes, Vectors]) -> None:
        try:
            self._write(fresh)
        except sqlite3.DatabaseError as error:
            self._after(error)

    def _after(self, error: sqlite3.DatabaseError) -> None:
        """A full disk or a lock costs only time; any other fault means that the file is damaged."""
        if isinstance(error, sqlite3.OperationalError):
            log.warning("embedding_cache_unavailable", error=str(error))
            return
        self._connection.close()
        _set_aside(self._path, error)
        self._connection = _connect(self._path)

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            _set_aside(self._path, error)
            return _connect(self._path)


def _key(embedder: str, text: str) -> bytes:
    return hashlib.sha256(embedder.encode() + b"\0" + text.encode("utf-8", "surrogatepass")).digest()


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        use_wal(connection, within_s=_BUSY_S)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS vector (sequence INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE NOT NULL, "
            "vector BLOB NOT NULL, crc INTEGER NOT NULL)"
        )
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _set_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    """Rename the file; its write-ahead log and index, useless without it, go."""
    attempt = 1
    while (target := path.with_name(f"{path.name}.damaged-{attempt}")).exists():
        attempt += 1
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    log.warning("embedding_cache_damaged", error=str(error), kept_as=target.name)
