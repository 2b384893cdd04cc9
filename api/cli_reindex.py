"""`dejalog reindex`: from one store to another."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli_options import As, Config, DataDir, Output, settings_of
from api.cli_output import print_json, print_ndjson, print_table, say


class Store(StrEnum):
    """Stores by the names that the setting has."""

    EMBEDDED = "embedded"
    ELASTICSEARCH = "elasticsearch"


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("reindex", rich_help_panel="Look after")(reindex)


def reindex(
    source: Annotated[Store, typer.Option("--from", help="Where the lines are: embedded, the data directory.")],
    target: Annotated[Store, typer.Option("--to", help="Where they are to be: elasticsearch.")],
    data_dir: DataDir = None,
    output: As = Output.TABLE,
    config: Config = None,
) -> None:
    """Move a data directory to the Elasticsearch that ELASTICSEARCH_URL names, and prove by counting that all is there.

    Lines with their ids, times and days of arrival, which bytes of which source are stored, signatures, notes,
    feedback, edits of patterns, views, kept incidents. Stop the server that owns the directory first. It can be
    interrupted at any moment and run again: it goes on, and no line is lost or doubled. Nothing is removed here.

    Example: ELASTICSEARCH_URL=http://127.0.0.1:9200 dejalog reindex --from embedded --to elasticsearch
    """
    from api.reindex import reindex as run
    from ingest.errors import InputError

    if (source, target) != (Store.EMBEDDED, Store.ELASTICSEARCH):
        raise InputError(
            f"lines are not moved from {source} to {target}", hint="accepted: --from embedded --to elasticsearch"
        )
    _print(run(settings_of(data_dir, config)), output)


def _print(done: dict[str, Any], output: Output) -> None:
    if output is Output.JSON:
        print_json(done)
    elif output is Output.NDJSON:
        print_ndjson([done])
    else:
        for kind in ("day", "service"):
            print_table([[row[kind] or "-", f"{row['count']:,}"] for row in done[f"{kind}s"]], (kind, "lines_in_both"))
        say(
            f"moved and equal: {done['lines']:,} lines of {done['sources']:,} sources, counted in both by minute, "
            f"service, level and signature; {done['compared_lines']:,} of them compared whole; "
            f"{done['signatures']:,} signatures"
        )
        said = ", ".join(f"{done[kind]:,} {kind}" for kind in ("notes", "feedback", "edits", "views", "channels"))
        say(f"and {said}, {done['incidents']:,} kept incidents")
        if done["damaged_lines"]:
            say(f"not moved: {done['damaged_lines']:,} lines that were lost with damaged files (see `dejalog doctor`)")
