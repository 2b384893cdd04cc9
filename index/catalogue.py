"""The catalogue: one SQLite file with everything transactional about a data directory; a damaged one is set aside."""

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from index.quarantine import set_aside, sync_folder
from ingest.errors import DamagedError, StorageFullError
from ingest.line_sink import SourceRange
from ingest.wal import use_wal

log = structlog.get_logger()

CATALOGUE_FILE = "catalogue.sqlite"
BACKUP_FILE = "catalogue.backup"
"""A copy made now and then, for the day the catalogue is damaged: segments can be found again without it, but not what
people wrote, nor what dropped partitions covered.
"""

MIGRATIONS = (
    """
    CREATE TABLE segment (
        number INTEGER PRIMARY KEY,
        file TEXT NOT NULL UNIQUE,
        day INTEGER NOT NULL,
        retain_day INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        message_bytes INTEGER NOT NULL,
        block_lines INTEGER NOT NULL,
        min_time_ns INTEGER NOT NULL,
        max_time_ns INTEGER NOT NULL,
        max_retain_ns INTEGER NOT NULL,
        min_sequence INTEGER NOT NULL,
        max_sequence INTEGER NOT NULL,
        is_ascii INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        checksums TEXT NOT NULL
    ) STRICT;
    CREATE TABLE source_range (
        source TEXT NOT NULL,
        start INTEGER NOT NULL,
        "end" INTEGER NOT NULL,
        PRIMARY KEY (source, start)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE signature (
        signature INTEGER PRIMARY KEY,
        shape INTEGER NOT NULL,
        service TEXT NOT NULL,
        level TEXT NOT NULL,
        first_ns INTEGER NOT NULL,
        source TEXT NOT NULL,
        position INTEGER NOT NULL,
        message TEXT NOT NULL
    ) STRICT;
    CREATE TABLE damaged (
        file TEXT PRIMARY KEY,
        rows INTEGER NOT NULL,
        reason TEXT NOT NULL,
        time_ns INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE store (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
)
"""Schema changes in order; `user_version` counts those that were applied. Add to the end, never edit."""


@dataclasses.dataclass(frozen=True)
class SegmentRow:
    """What is known of a segment without opening it. Days count from 1970; `retain_day` is that of `max_retain_ns`."""

    number: int
    file: str
    day: int
    retain_day: int
    rows: int
    message_bytes: int
    block_lines: int
    min_time_ns: int
    max_time_ns: int
    max_retain_ns: int
    """The greatest max(time, arrival) of its lines: retention counts from there."""
    min_sequence: int
    max_sequence: int
    is_ascii: int
    """1 when every message is."""
    bytes: int = 0
    """On disk, side files included."""
    checksums: str = "{}"
    """JSON: file suffix → crc32."""


SEGMENT_COLUMNS = tuple(field.name for field in dataclasses.fields(SegmentRow))


@dataclasses.dataclass(frozen=True)
class Damage:
    """A file that was set aside, and the lines lost with it."""

    file: str
    rows: int
    reason: str
    time_ns: int


def connect(path: Path, *, busy_timeout_s: float = 30.0) -> sqlite3.Connection:
    """A connection to the catalogue at `path` in autocommit mode, usable from any thread under the caller's own lock.

    WAL and `synchronous=FULL`: a committed transaction survives the loss of power.
    """
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        use_wal(connection, within_s=busy_timeout_s)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Everything inside or nothing; takes the write lock at once so that no upgrade can fail half-way."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class Catalogue:
    """The store's own tables. Every method is safe to call from any thread."""

    def __init__(self, connection: sqlite3.Connection, *, fresh: bool) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self.fresh = fresh
        """It was created by this open: there was none, or a damaged one was set aside."""

    @classmethod
    def open(cls, folder: Path, *, busy_timeout_s: float = 30.0) -> "Catalogue":
        """Open or create the catalogue of a data directory. A damaged one is set aside; then, and when there is none,
        its backup takes its place if there is one.
        """
        path = folder / CATALOGUE_FILE
        try:
            connection, is_new = _open_checked(path, busy_timeout_s)
            connection.close()
        except sqlite3.DatabaseError as fault:
            if isinstance(fault, sqlite3.OperationalError) and not _is_damage(fault):
                raise _translated(fault, f"opening {path}") from fault
            for name in (path.name, path.name + "-wal", path.name + "-shm"):
                set_aside(folder / name, folder, reason=f"the catalogue is damaged: {fault}")
            is_new = True
        if is_new and _restore(folder, busy_timeout_s):
            log.warning("catalogue.restored_from_backup", file=BACKUP_FILE)
        connection, _ = _open_checked(path, busy_timeout_s)
        return cls(connection, fresh=is_new)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def backup(self, folder: Path) -> None:
        """Replace the backup by a copy of everything committed; a crash leaves the old one or the new one."""
        target = folder / (BACKUP_FILE + ".tmp")
        target.unlink(missing_ok=True)
        try:
            with self._lock, contextlib.closing(sqlite3.connect(target)) as copy:
                self._connection.backup(copy)
            with target.open("rb") as file:
                os.fsync(file.fileno())
            target.rename(folder / BACKUP_FILE)
            sync_folder(folder)
        except (sqlite3.Error, OSError) as fault:
            log.warning("catalogue.backup_failed", error=str(fault))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction of the store; errors of SQLite come out translated."""
        with self._lock:
            try:
                with transaction(self._connection) as connection:
                    yield connection
            except sqlite3.Error as fault:
                raise _translated(fault, "writing the catalogue") from fault

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as fault:
                raise _translated(fault, "reading the catalogue") from fault

    def segments(self) -> list[SegmentRow]:
        """All segments, by number."""
        found = self.rows(f"SELECT {', '.join(SEGMENT_COLUMNS)} FROM segment ORDER BY number")
        return [SegmentRow(*row) for row in found]

    def source_ranges(self) -> list[SourceRange]:
        """What is stored of each source, by source and start."""
        found = self.rows('SELECT source, start, "end" FROM source_range ORDER BY source, start')
        return [SourceRange(*row) for row in found]

    def damages(self) -> list[Damage]:
        """All files that were ever set aside, by name."""
        return [Damage(*row) for row in self.rows("SELECT file, rows, reason, time_ns FROM damaged ORDER BY file")]

    def value(self, key: str, default: int) -> int:
        """A number of the table `store`."""
        found = self.rows("SELECT value FROM store WHERE key = ?", (key,))
        return int(found[0][0]) if found else default


def put_value(connection: sqlite3.Connection, key: str, value: int) -> None:
    """Set a number of the table `store`."""
    connection.execute("INSERT OR REPLACE INTO store VALUES (?, ?)", (key, str(value)))


def add_segments(connection: sqlite3.Connection, segments: Iterable[SegmentRow]) -> None:
    """Make segments part of the store."""
    marks = ", ".join("?" * len(SEGMENT_COLUMNS))
    connection.executemany(
        f"INSERT INTO segment ({', '.join(SEGMENT_COLUMNS)}) VALUES ({marks})",
        [dataclasses.astuple(segment) for segment in segments],
    )


def remove_segments(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Take segments out of the store; their files are the caller's."""
    connection.executemany("DELETE FROM segment WHERE number = ?", [(number,) for number in numbers])


def replace_source_ranges(
    connection: sqlite3.Connection, sources: Iterable[str], ranges: Iterable[SourceRange]
) -> None:
    """Make `ranges` all that is stored of `sources`."""
    connection.executemany("DELETE FROM source_range WHERE source = ?", [(source,) for source in sources])
    connection.executemany(
        "INSERT INTO source_range VALUES (?, ?, ?)", [dataclasses.astuple(covered) for covered in ranges]
    )


def add_damage(connection: sqlite3.Connection, file: str, rows: int, reason: str) -> None:
    """Remember that a file was set aside, and how many lines went with it."""
    connection.execute("INSERT OR REPLACE INTO damaged VALUES (?, ?, ?, ?)", (file, rows, reason, time.time_ns()))


def _restore(folder: Path, busy_timeout_s: float) -> bool:
    """Put a copy of the backup where the catalogue should be; False when there is no good one."""
    backup, path = folder / BACKUP_FILE, folder / CATALOGUE_FILE
    if not backup.exists():
        return False
    for name in (path.name, path.name + "-wal", path.name + "-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copyfile(backup, path)
    try:
        _open_checked(path, busy_timeout_s)[0].close()
    except sqlite3.DatabaseError as fault:
        for name in (path.name, path.name + "-wal", path.name + "-shm", backup.name):
            set_aside(folder / name, folder, reason=f"the backup of the catalogue is damaged: {fault}")
        return False
    return True


def _open_checked(path: Path, busy_timeout_s: float) -> tuple[sqlite3.Connection, bool]:
    """Open, check every page, bring the schema up to date; whether our tables had to be made first.

    Raises sqlite3.DatabaseError when the file is damaged.
    """
    connection = connect(path, busy_timeout_s=busy_timeout_s)
    try:
        _check(connection)
        is_new = _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection, is_new


def _check(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _migrate(connection: sqlite3.Connection) -> bool:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise DamagedError(
            f"the catalogue has schema version {version}; this program knows versions up to {len(MIGRATIONS)}: "
            "it was written by a newer Dejalog"
        )
    for number in range(version, len(MIGRATIONS)):
        with transaction(connection):
            for statement in MIGRATIONS[number].split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number + 1}")
    return bool(version == 0)


def _is_damage(fault: sqlite3.OperationalError) -> bool:
    """SQLite reports some damage (a truncated header, a malformed schema) as an operational error."""
    text = str(fault)
    return "malformed" in text or "not a database" in text or "disk image" in text


def _translated(fault: sqlite3.Error, what: str) -> DamagedError | StorageFullError:
    if "full" in str(fault):
        return StorageFullError(f"{what}: {fault}")
    return DamagedError(f"{what}: {fault}")
