"""Options that several commands share, and how they become settings and parameters."""

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.settings import Settings


class Output(enum.StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"


Url = Annotated[
    str,
    typer.Option("--url", metavar="URL", help="The server to talk to. [default: DEJALOG_URL, else the running server]"),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="The data directory.", show_default=False)
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A TOML file of settings.", show_default=False)
]
As = Annotated[Output, typer.Option("-o", "--output", help="How results are written.")]
Since = Annotated[
    str, typer.Option("--since", metavar="1h", help="Only what is younger than this.", show_default=False)
]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="From this time on.", show_default=False)]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Before this time.", show_default=False)]
Service = Annotated[
    list[str] | None, typer.Option("--service", "-s", metavar="NAME", help="Only this service; may be repeated.")
]
Level = Annotated[
    list[str] | None, typer.Option("--level", "-l", metavar="LEVEL", help="Only this level; may be repeated.")
]
AsOf = Annotated[
    str, typer.Option("--as-of", metavar="TIME", help="As this past time would have seen it.", show_default=False)
]


def settings_of(
    data_dir: Path | None = None, config: Path | None = None, **flags: "str | Sequence[str] | None"
) -> "Settings":
    """The settings of this command."""
    from api.settings import read_settings

    return read_settings({"data_dir": str(data_dir) if data_dir else None, **flags}, config=config)


def span(since: str, from_: str, to: str) -> dict[str, Any]:
    """The parameters `start` and `end`. Raises InputError when both forms of a start are given."""
    from ingest.errors import InputError

    if since and from_:
        raise InputError("--since and --from are both given", hint="keep one of them")
    start = from_ or since
    return {"start": start or None, "end": to or None}
