"""What people said and what must outlive the lines: pattern edits, notes, feedback, views, and incidents once found."""

import dataclasses
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from index.catalogue import connect, transaction
from index.incident import Deviation, EvidenceLine, Incident, Note, Onset
from index.pattern import PatternEdit
from ingest.errors import DamagedError, StorageFullError

TABLES = (
    """CREATE TABLE IF NOT EXISTS pattern_edit (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        pattern_id TEXT NOT NULL,
        action TEXT NOT NULL,
        argument TEXT NOT NULL,
        time_ns INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS note (
        note_id TEXT PRIMARY KEY,
        target TEXT NOT NULL,
        text TEXT NOT NULL,
        name TEXT NOT NULL,
        cause TEXT NOT NULL,
        fix TEXT NOT NULL,
        runbook TEXT NOT NULL,
        author TEXT NOT NULL,
        time_ns INTEGER NOT NULL,
        source TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS feedback (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        body TEXT NOT NULL,
        time_ns INTEGER NOT NULL
    ) STRICT""",
    "CREATE TABLE IF NOT EXISTS saved_view (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS chat_channel (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS kept_incident (
        incident_id TEXT PRIMARY KEY,
        start_ns INTEGER NOT NULL,
        end_ns INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS told (key TEXT PRIMARY KEY, time_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS freeze (frozen_before_ns INTEGER PRIMARY KEY) STRICT",
)
KEPT_TABLES = ("pattern_edit", "note", "feedback", "saved_view", "chat_channel", "kept_incident", "told", "freeze")
NOTE_COLUMNS = tuple(field.name for field in dataclasses.fields(Note))


class Knowledge:
    """A KnowledgeStore: tables of its own in the catalogue's file, through a connection of its own.

    Raises DamagedError or StorageFullError when SQLite does.
    """

    def __init__(self, catalogue: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._connection = connect(catalogue)
            with transaction(self._connection):
                for table in TABLES:
                    self._connection.execute(table)
                _add_sources(self._connection)
        except sqlite3.Error as fault:
            raise _translated(fault) from fault

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def add_edit(self, edit: PatternEdit) -> None:
        """Keep an edit after all earlier ones."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO pattern_edit (pattern_id, action, argument, time_ns) VALUES (?, ?, ?, ?)",
                (edit.pattern_id, edit.action, edit.argument, edit.time_ns),
            )

    def edits(self, *, before_ns: int | None = None) -> tuple[PatternEdit, ...]:
        """In the order in which they were made."""
        rows = self._rows(
            "SELECT pattern_id, action, argument, time_ns FROM pattern_edit WHERE time_ns < ? ORDER BY sequence",
            before_ns,
        )
        return tuple(PatternEdit(*row) for row in rows)

    def add_note(self, note: Note) -> Note:
        """Keep it; returns it with its id, which is of its content: the same note given twice is kept once."""
        kept = dataclasses.replace(note, note_id=note_id(note))
        marks = ", ".join("?" * len(NOTE_COLUMNS))
        with self._writing() as connection:
            connection.execute(
                f"INSERT OR IGNORE INTO note ({', '.join(NOTE_COLUMNS)}) VALUES ({marks})", dataclasses.astuple(kept)
            )
        return kept

    def notes(self, *, before_ns: int | None = None) -> tuple[Note, ...]:
        """By (time_ns, note_id)."""
        rows = self._rows(
            f"SELECT {', '.join(NOTE_COLUMNS)} FROM note WHERE time_ns < ? ORDER BY time_ns, note_id", before_ns
        )
        return current_notes([Note(*row) for row in rows])

    def add_feedback(self, feedback: Mapping[str, Any]) -> None:
        """Keep what a user thought of an answer, an incident or a pattern; its time is its field `time_ns`, else 0."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO feedback (body, time_ns) VALUES (?, ?)",
                (json.dumps(dict(feedback)), int(feedback.get("time_ns", 0))),
            )

    def feedback(self, *, before_ns: int | None = None) -> tuple[dict[str, Any], ...]:
        """In the order in which it was given."""
        rows = self._rows("SELECT body FROM feedback WHERE time_ns < ? ORDER BY sequence", before_ns)
        return tuple(json.loads(body) for (body,) in rows)

    def save_view(self, name: str, view: Mapping[str, Any]) -> None:
        """Keep a view under its name, in place of an older one."""
        self._save("saved_view", name, view)

    def views(self) -> dict[str, dict[str, Any]]:
        """All views, by name."""
        return self._named("saved_view")

    def view(self, name: str) -> dict[str, Any] | None:
        """The view of a name; None where there is none."""
        return self._named("saved_view", name).get(name)

    def delete_view(self, name: str) -> bool:
        """Whether there was one."""
        with self._writing() as connection:
            return connection.execute("DELETE FROM saved_view WHERE name = ?", (name,)).rowcount > 0

    def save_channel(self, name: str, defaults: Mapping[str, Any]) -> None:
        """Keep what holds for the questions of a chat channel, in place of what did."""
        self._save("chat_channel", name, defaults)

    def channels(self) -> dict[str, dict[str, Any]]:
        """All channels with what holds for them, by name."""
        return self._named("chat_channel")

    def channel(self, name: str) -> dict[str, Any] | None:
        """What holds for a channel; None where nothing was kept."""
        return self._named("chat_channel", name).get(name)

    def tell_once(self, key: str, *, time_ns: int) -> bool:
        """Whether this is the first call with the key, by whatever process, until `untell` or `forget_told`."""
        with self._writing() as connection:
            return connection.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (key, time_ns)).rowcount > 0

    def untell(self, key: str) -> None:
        """Nobody was told after all: the next `tell_once` is the first."""
        with self._writing() as connection:
            connection.execute("DELETE FROM told WHERE key = ?", (key,))

    def forget_told(self, *, before_ns: int) -> None:
        """Forget the keys told before a time."""
        with self._writing() as connection:
            connection.execute("DELETE FROM told WHERE time_ns < ?", (before_ns,))

    def keep_incidents(self, incidents: Sequence[Incident], *, floor_ns: int) -> None:
        """Make `incidents` all that is kept from `floor_ns` on. Those that start earlier stay as they are, for ever.

        The lines of an older incident may be gone in part, and what is mined from the rest is a lesser copy of it: an
        incident that meets an older kept one in time and shares a service with it is left out.
        """
        with self._writing() as connection:
            connection.execute("DELETE FROM kept_incident WHERE start_ns >= ?", (floor_ns,))
            older = [incident_from_json(json.loads(body)) for (body,) in self._all("SELECT body FROM kept_incident")]
            connection.executemany(
                "INSERT OR IGNORE INTO kept_incident VALUES (?, ?, ?, ?)",
                [
                    (incident.incident_id, incident.start_ns, incident.end_ns, json.dumps(incident_json(incident)))
                    for incident in incidents
                    if not any(meet(incident, kept) for kept in older)
                ],
            )

    def incidents(self, *, before_ns: int | None = None) -> tuple[Incident, ...]:
        """Kept incidents by (start_ns, incident_id); with `before_ns` those that had ended by then."""
        rows = self._rows("SELECT body FROM kept_incident WHERE end_ns <= ? ORDER BY start_ns, incident_id", before_ns)
        return tuple(incident_from_json(json.loads(body)) for (body,) in rows)

    def freeze(self, *, before_ns: int) -> None:
        """From now on incidents that start before this are those kept, not mined again. The boundary only grows."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO freeze SELECT ? WHERE ? > coalesce((SELECT max(frozen_before_ns) FROM freeze), ? - 1)",
                (before_ns, before_ns, before_ns),
            )

    def frozen_before_ns(self) -> int | None:
        """The boundary that `freeze` set last; None before the first time."""
        found: int | None = self._all("SELECT max(frozen_before_ns) FROM freeze")[0][0]
        return found

    def revision(self, *, before_ns: int | None = None) -> int:
        """A number that grows with whatever changes a generation as of then: edits, notes, freezes."""
        query = """SELECT (SELECT count(*) FROM pattern_edit WHERE time_ns < :before)
            + (SELECT count(*) FROM note WHERE time_ns < :before) + (SELECT count(*) FROM freeze)"""
        found: int = self._rows(query, before_ns)[0][0]
        return found

    def take_over(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
        """Add rows of one of KEPT_TABLES that another catalogue had; returns how many were not here yet."""
        if not rows:
            return 0
        with self._writing() as connection:
            before = connection.total_changes
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows
            )
            return connection.total_changes - before

    def _save(self, table: str, name: str, body: Mapping[str, Any]) -> None:
        with self._writing() as connection:
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (name, json.dumps(dict(body))))

    def _named(self, table: str, name: str | None = None) -> dict[str, dict[str, Any]]:
        """All rows by name, or that of a name alone."""
        where, values = ("", ()) if name is None else ("WHERE name = ?", (name,))
        rows = self._all(f"SELECT name, body FROM {table} {where} ORDER BY name", *values)
        return {found: json.loads(body) for found, body in rows}

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with transaction(self._connection) as connection:
                    yield connection
            except sqlite3.Error as fault:
                raise _translated(fault) from fault

    def _rows(self, query: str, before_ns: int | None) -> list[tuple[Any, ...]]:
        """All rows of a query whose one parameter is a time; None is after every time."""
        return self._all(query, 2**63 - 1 if before_ns is None else before_ns)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as fault:
                raise _translated(fault) from fault


def current_notes(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Those that hold: of each document the notes of its last reading, and all that are of none; in their order."""
    read_ns: dict[str, int] = {}
    for note in notes:
        read_ns[note.source] = max(read_ns.get(note.source, note.time_ns), note.time_ns)
    return tuple(note for note in notes if not note.source or note.time_ns == read_ns[note.source])


def _add_sources(connection: sqlite3.Connection) -> None:
    """Catalogues of before documents were read have no column for them."""
    if "source" not in {row[1] for row in connection.execute("PRAGMA table_info(note)")}:
        connection.execute("ALTER TABLE note ADD COLUMN source TEXT NOT NULL DEFAULT ''")


def incident_json(incident: Incident) -> dict[str, Any]:
    """The incident as JSON values, evidence and all."""
    return dataclasses.asdict(incident)


def incident_from_json(body: Mapping[str, Any]) -> Incident:
    """Inverse of `incident_json`, also by way of JSON text. Raises KeyError or TypeError for other things."""
    nested = {
        "onset": tuple(Onset(**row) for row in body["onset"]),
        "deviations": tuple(Deviation(**{**row, "evidence": tuple(row["evidence"])}) for row in body["deviations"]),
        "evidence": tuple(EvidenceLine(**row) for row in body["evidence"]),
        "signature": tuple((feature, weight) for feature, weight in body["signature"]),
        "services": tuple(body["services"]),
        "kinds": tuple(body["kinds"]),
    }
    return Incident(**{**body, **nested})


class Stretch(Protocol):
    """What an incident occupies."""

    @property
    def start_ns(self) -> int:
        """UTC ns."""

    @property
    def end_ns(self) -> int:
        """UTC ns, inclusive."""

    @property
    def services(self) -> tuple[str, ...]:
        """That take part."""


def meet(one: Stretch, other: Stretch) -> bool:
    """Whether two incidents overlap in time and share a service."""
    in_time = one.start_ns <= other.end_ns and other.start_ns <= one.end_ns
    return in_time and not set(one.services).isdisjoint(other.services)


def note_id(note: Note) -> str:
    """The id of a note, of all its other fields."""
    digest = hashlib.blake2b(digest_size=8)
    for name in NOTE_COLUMNS:
        # What is of no document keeps the id that it had before there were any.
        if name != "note_id" and not (name == "source" and not note.source):
            part = str(getattr(note, name)).encode("utf-8", "surrogatepass")
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _translated(fault: sqlite3.Error) -> DamagedError | StorageFullError:
    if "full" in str(fault):
        return StorageFullError(f"keeping what people know: {fault}")
    return DamagedError(f"reading or keeping what people know: {fault}")
