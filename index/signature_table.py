"""The catalogue's table of signatures: as a frame, and back. SQLite has no unsigned numbers, so bits are kept."""

import sqlite3

import polars as pl

from index.catalogue import Catalogue
from index.ledger import SIGNATURE_SCHEMA

_UNSIGNED = ("signature", "shape")


def load_signatures(catalogue: Catalogue) -> pl.DataFrame:
    """All rows, by signature: SIGNATURE_SCHEMA."""
    schema = {name: pl.Int64 if name in _UNSIGNED else kind for name, kind in SIGNATURE_SCHEMA.items()}
    rows = catalogue.rows(f"SELECT {', '.join(SIGNATURE_SCHEMA)} FROM signature")
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col(*_UNSIGNED).reinterpret(signed=False)).sort("signature")


def changed_signatures(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Rows of `new` that `old` lacks or has otherwise."""
    return new.join(old, on=["signature", "shape", "first_ns", "source", "position"], how="anti")


def put_signatures(connection: sqlite3.Connection, rows: pl.DataFrame) -> None:
    """Add or replace rows."""
    marks = ", ".join("?" * len(SIGNATURE_SCHEMA))
    connection.executemany(
        f"INSERT OR REPLACE INTO signature ({', '.join(SIGNATURE_SCHEMA)}) VALUES ({marks})",
        rows.with_columns(pl.col(*_UNSIGNED).reinterpret(signed=True)).iter_rows(),
    )
