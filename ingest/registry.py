"""The collector's memory: which files it knows, how far each is acknowledged, and what was cut but not acknowledged."""

import contextlib
import dataclasses
import operator
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import structlog

from ingest.errors import DamagedError, StorageFullError
from ingest.identity import Trace

FILE_NAME = "registry.sqlite"
_log = structlog.get_logger()
_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS source (
    id TEXT PRIMARY KEY, followed TEXT NOT NULL, path TEXT NOT NULL, seen_at TEXT NOT NULL,
    device INTEGER, inode INTEGER,
    position INTEGER NOT NULL, prefix_bytes INTEGER NOT NULL, prefix BLOB NOT NULL, marker BLOB NOT NULL,
    first_seen_ns INTEGER NOT NULL, gone_ns INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS cut (
    source TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, read_ns INTEGER NOT NULL,
    marker BLOB NOT NULL, PRIMARY KEY (source, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS minted (beginning BLOB PRIMARY KEY, times INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclasses.dataclass(frozen=True)
class SavedSource:
    """One source. `device` and `inode` are None when no file holds it any more (but a copy may turn up)."""

    id: str
    followed: str
    """The path under which its file was written to: the same for all rotated generations."""
    path: str
    """What the source is called outside (Source.path); never changes."""
    seen_at: str
    """Where its file was last."""
    device: int | None
    inode: int | None
    trace: Trace
    """Of the acknowledged bytes."""
    first_seen_ns: int
    gone_ns: int | None = None
    """Since when no file of it was found. Kept for a while: folders come back when they are mounted again."""


@dataclasses.dataclass(frozen=True)
class SavedCut:
    """A cut whose acknowledgement is not known yet; `marker` stands for its bytes."""

    source: str
    start: int
    end: int
    read_ns: int
    marker: bytes


_CUT_ROW = operator.attrgetter("source", "start", "end", "read_ns", "marker")


@dataclasses.dataclass
class Changes:
    """What one commit writes, all or nothing."""

    sources: dict[str, SavedSource] = dataclasses.field(default_factory=dict)
    cuts: list[SavedCut] = dataclasses.field(default_factory=list)
    minted: dict[bytes, int] = dataclasses.field(default_factory=dict)
    forgotten: list[str] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.sources or self.cuts or self.minted or self.forgotten)


class Registry:
    """SQLite in WAL mode with `synchronous=FULL`: `commit` returns when the changes survive a power cut.

    A damaged file is set aside under another name and a new registry begun: ids depend on the files alone, so what is
    shipped again is recognised by the receiver. For use from one thread at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.is_durable = True
        self.set_aside: Path | None = None
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return _connect(str(self.path))
        except DamagedError as error:
            self.set_aside = set_aside(self.path)
            _log.error("registry_damaged", path=str(self.path), found=str(error), set_aside=str(self.set_aside))
            return _connect(str(self.path))
        except (OSError, StorageFullError) as error:
            # A folder that cannot be written must not stop the collector: ids are the same after a restart, so the
            # receiver recognises what is sent again.
            self.is_durable = False
            _log.error("registry_not_durable", path=str(self.path), found=str(error))
            return _connect(":memory:")

    def sources(self) -> list[SavedSource]:
        """All sources, by id."""
        rows = self._connection.execute(
            "SELECT id, followed, path, seen_at, device, inode, position, prefix_bytes, prefix, marker,"
            " first_seen_ns, gone_ns FROM source ORDER BY id"
        )
        return [_saved(row) for row in rows]

    def cuts(self) -> list[SavedCut]:
        """Cuts that may have been sent and whose acknowledgement is not recorded, by source and start."""
        rows = self._connection.execute('SELECT source, start, "end", read_ns, marker FROM cut ORDER BY source, start')
        return [SavedCut(*row) for row in rows]

    def minted(self) -> dict[bytes, int]:
        """How many sources there have been with the same host, path and first bytes, by a digest of these."""
        return dict(self._connection.execute("SELECT beginning, times FROM minted ORDER BY beginning").fetchall())

    def commit(self, changes: Changes) -> None:
        """Write all changes or none; cuts below a source's position are dropped with it.

        Raises StorageFullError when there is no room, DamagedError when the file can no longer be written.
        """
        with _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._write(changes)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _write(self, changes: Changes) -> None:
        execute = self._connection.executemany
        execute("REPLACE INTO source VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", map(_row, changes.sources.values()))
        execute("DELETE FROM cut WHERE source = ? AND start < ?", _acknowledged(changes.sources.values()))
        execute("REPLACE INTO cut VALUES (?,?,?,?,?)", map(_CUT_ROW, changes.cuts))
        execute("REPLACE INTO minted VALUES (?,?)", changes.minted.items())
        execute("DELETE FROM source WHERE id = ?", ((source,) for source in changes.forgotten))
        execute("DELETE FROM cut WHERE source = ?", ((source,) for source in changes.forgotten))

    def begin_anew(self) -> None:
        """Set the file aside after a DamagedError and open a new one; the caller commits all it knows."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self.set_aside = set_aside(self.path)
        _log.error("registry_damaged", path=str(self.path), set_aside=str(self.set_aside))
        self._connection = self._open()

    def close(self) -> None:
        """Close the file; further use is an error."""
        self._connection.close()


def set_aside(path: Path) -> Path:
    """Rename a damaged database and its companions to the first free `<name>.damaged-<n>`; returns the new name."""
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{target}{suffix}")
    return target


def _saved(row: tuple[Any, ...]) -> SavedSource:
    source, followed, path, seen_at, device, inode, position, prefix_bytes, prefix, marker, first_seen_ns, gone_ns = row
    trace = Trace(position, prefix_bytes, prefix, marker)
    return SavedSource(source, followed, path, seen_at, device, inode, trace, first_seen_ns, gone_ns)


def _row(source: SavedSource) -> tuple[object, ...]:
    trace = source.trace
    return (
        *(source.id, source.followed, source.path, source.seen_at, source.device, source.inode),
        *(trace.position, trace.prefix_bytes, trace.prefix, trace.marker),
        *(source.first_seen_ns, source.gone_ns),
    )


def _acknowledged(sources: Iterable[SavedSource]) -> Iterator[tuple[str, int]]:
    return ((source.id, source.trace.position) for source in sources)


def _connect(path: str) -> sqlite3.Connection:
    if path != ":memory:" and Path(path).exists() and Path(path).stat().st_size == 0:
        raise DamagedError(f"the registry {path} is empty")
    # The collector's loop may run in another thread than the one that made it; never in two at once.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        with _translated(Path(path)):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            _check(connection, path)
            connection.executescript(_TABLES)
            connection.execute(f"PRAGMA user_version={_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Raises DamagedError for a database that SQLite finds faults in, or that another version wrote."""
    for (verdict,) in connection.execute("PRAGMA quick_check(1)").fetchall():
        if verdict != "ok":
            raise DamagedError(f"the registry {path} fails its check: {verdict}")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, _VERSION}:
        raise DamagedError(f"the registry {path} is of version {version}, this program writes {_VERSION}")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Damage, and a disk that takes no more, as our own errors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageFullError(f"the registry {path} cannot be written: {error}", retry_after_s=5) from error
    except sqlite3.DatabaseError as error:
        raise DamagedError(f"the registry {path} cannot be read: {error}") from error
