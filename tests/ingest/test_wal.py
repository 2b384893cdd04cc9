"""Switching a SQLite file to its write-ahead log, from several connections at once."""

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.wal import use_wal

AT_ONCE = 6


def connected(path: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None))


def test_all_who_open_a_fresh_file_at_once_get_it(tmp_path: Path) -> None:
    """Without asking again about one round of ten fails."""

    def open_it(path: Path, gate: threading.Barrier) -> str:
        with connected(path) as connection:
            gate.wait()
            use_wal(connection, within_s=30)
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(60):
            path, gate = tmp_path / f"{number}.sqlite", threading.Barrier(AT_ONCE)
            modes = [pool.submit(open_it, path, gate) for _ in range(AT_ONCE)]
            assert {mode.result() for mode in modes} == {"wal"}


def test_one_who_holds_the_file_for_good_is_told(tmp_path: Path) -> None:
    with connected(tmp_path / "held.sqlite") as holder, connected(tmp_path / "held.sqlite") as late:
        late.execute("PRAGMA busy_timeout=0")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_wal(late, within_s=0.05)
