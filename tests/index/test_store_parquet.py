"""The embedded store keeps the contract, in memory, in segments, and after compaction."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.line_store import LineStore
from index.store_parquet import ParquetStore
from index.store_settings import StoreSettings
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
