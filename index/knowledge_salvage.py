"""What people said, read back from a damaged catalogue that was set aside, as far as SQLite can still read it."""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog

from index.knowledge import KEPT_TABLES, Knowledge

log = structlog.get_logger()


def salvage(damaged: Path, knowledge: Knowledge) -> int:
    """Add what `damaged` (its `-wal` beside it, if there is one) still tells to `knowledge`; returns the rows added.

    Works on a copy; may be repeated. Rows that `knowledge` has already stay as they are.
    """
    with tempfile.TemporaryDirectory(prefix="dejalog-salvage-") as folder:
        copy = Path(folder) / "catalogue.sqlite"
        shutil.copyfile(damaged, copy)
        wal = damaged.with_name(damaged.name + "-wal")
        if wal.exists():
            shutil.copyfile(wal, copy.with_name(copy.name + "-wal"))
        with closing(sqlite3.connect(copy)) as connection:
            added = {table: knowledge.take_over(table, *_rows(connection, table)) for table in KEPT_TABLES}
    log.warning("knowledge_salvaged", file=damaged.name, **added)
    return sum(added.values())


def _rows(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names, and every row that can be reached from either end of the table by its key."""
    columns: list[str] = []
    rows: dict[Any, tuple[Any, ...]] = {}
    for direction in ("ASC", "DESC"):
        try:
            cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1 {direction}")
            columns = [column[0] for column in cursor.description]
            for row in cursor:
                rows[row[0]] = row
        except sqlite3.DatabaseError as error:
            log.warning("knowledge_unreadable", table=table, error=str(error), rows=len(rows))
    return columns, [rows[key] for key in sorted(rows)]
