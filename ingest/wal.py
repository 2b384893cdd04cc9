"""SQLite's write-ahead log, switched on however many processes open a fresh file at once."""

import sqlite3
import time

_PAUSE_S = 0.01


def use_wal(connection: sqlite3.Connection, *, within_s: float) -> None:
    """Have the database write ahead. Of connections that ask for it at once SQLite refuses some on the spot, whatever
    their time-out: these ask again. Raises sqlite3.OperationalError past `within_s`.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(_PAUSE_S)
