"""The embedded store keeps the contract, in memory, in segments, and after compaction."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from index.line_store import LineStore
from index.store_parquet import ParquetStore
from index.store_settings import StoreSettings
from index.store_snapshot import SnapshotStore
from tests.index.line_store_contract import LineStoreContract

SMALL = StoreSettings(block_lines=64, compact_fan_in=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LineStore]:
    opened = ParquetStore.open(tmp_path / "data", SMALL)
    yield opened
    opened.close()


class TestInMemory(LineStoreContract):
    """Nothing is flushed."""


class TestInSegments(LineStoreContract):
    """Some lines rest in segments of several row groups, some in memory."""

    def settle(self, store: LineStore) -> None:
        assert isinstance(store, ParquetStore)
        store.flush()


class TestCompacted(LineStoreContract):
    """Segments were merged."""

    def settle(self, store: LineStore) -> None:
        assert isinstance(store, ParquetStore)
        store.flush()
        while store.compact():
            pass


class TestSnapshot(LineStoreContract):
    """A snapshot of memory and segments, read as another process reads it: whatever is asked, the same answer."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[LineStore]:
        opened = ParquetStore.open(tmp_path / "store", SMALL)
        yield cast("LineStore", ReadThroughSnapshot(opened, tmp_path / "frames"))
        opened.close()


class ReadThroughSnapshot:
    """Writes go to the store, each question to a fresh snapshot of it, read by a reader of its thread."""

    def __init__(self, store: ParquetStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._readers = threading.local()

    def __getattr__(self, name: str) -> Any:
        if name in {"append", "missing", "drop_before", "drop_to_size", "flush", "compact"}:
            return getattr(self._store, name)
        reader = self._readers.__dict__.setdefault("reader", SnapshotStore())
        with self._store.snapshot(self._folder / str(threading.get_ident())) as snapshot:
            reader.show(snapshot)
        return getattr(reader, name)
