"""Moves a data directory to Elasticsearch: what people said first, then the lines, then the proof."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from api.keepers import connected, kept_in_files, open_keepers, owned
from api.service_log import start_quiet_log
from api.settings import Settings
from index.catalogue import CATALOGUE_FILE
from index.store_parquet import ParquetStore
from ingest.errors import NotFoundError


def reindex(settings: Settings) -> dict[str, Any]:
    """Move what the data directory holds to the Elasticsearch of the settings; returns what was counted in both.

    Nothing is removed from the directory. Raises LockedError while another process owns it, DifferenceError when the
    counts do not agree, and what the two keepers raise; after each of them it can be called again and goes on. After a
    DamagedError that moves what is left; `damaged_lines` were lost with damaged files, now or earlier.
    """
    start_quiet_log()
    here = kept_in_files(settings)
    folder = here.store.data_dir
    if not (folder / CATALOGUE_FILE).exists():
        raise NotFoundError(f"there are no lines in {folder}", hint="name the data directory by --data-dir")
    with (
        owned(here),
        connected(settings) as (client, how),
        open_keepers(here, folder) as keepers,
        _progress() as tell,
    ):
        from index.elastic_target import ElasticTarget  # noqa: PLC0415 the extra `distributed`, known to be there now
        from index.knowledge_elastic import ElasticKnowledge  # noqa: PLC0415
        from index.move_knowledge import move_knowledge  # noqa: PLC0415
        from index.move_lines import move_lines  # noqa: PLC0415

        assert isinstance(keepers.store, ParquetStore)
        said = move_knowledge(keepers.knowledge, ElasticKnowledge(client, how))
        proof = move_lines(keepers.store, ElasticTarget(client, how), tell=tell)
        damaged_lines = keepers.store.status().damaged_lines
    days = proof.by_day.with_columns(pl.col("day").cast(pl.Int32).cast(pl.Date).cast(pl.String))
    return {
        "lines": proof.lines,
        "sources": proof.sources,
        "signatures": proof.signatures,
        "compared_lines": proof.compared_lines,
        "damaged_lines": damaged_lines,
        **said,
        "days": days.to_dicts(),
        "services": proof.by_service.to_dicts(),
    }


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar a step, on stderr where that is a terminal; yields what is told how far which step is."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("lines"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {what: progress.add_task(what, total=None) for what in ("moving", "counting")}
        yield lambda what, done, total: progress.update(tasks[what], completed=done, total=total)
