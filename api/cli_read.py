"""Commands that read lines: search, tail."""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli_options import As, Config, DataDir, From, Level, Output, Service, Since, To, Url, settings_of, span
from api.cli_output import complain, print_json, print_line, print_ndjson

if TYPE_CHECKING:
    from api.client import Client
    from api.settings import Settings

PAGE = 10_000
RECONNECT_S = 1.0

Query = Annotated[str, typer.Argument(help="The query; * is every line. A query that begins with - follows after --.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("search", rich_help_panel="Read")(search)
    app.command("tail", rich_help_panel="Read")(tail)


def search(
    query: Query = "*",
    since: Since = "",
    from_: From = "",
    to: To = "",
    service: Service = None,
    level: Level = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Most lines; 0 for all.")] = 100,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest lines, not the newest.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines as they come.")] = False,
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print the lines that match, oldest first; without a time, of the last hour.

    For example:

      dejalog search 'level:error timeout' --since 1h

      dejalog search '"connection refused" -service:cart' -n 0 -o ndjson

      dejalog search 'connection to <*> refused' --from 2026-03-01 --to 2026-03-02

    Exit codes: 0 found, 1 nothing found, 2 error.
    """
    from api.client import open_client

    settings = settings_of(data_dir, config)
    if follow:
        _need_server(settings, url)
    chosen = {"query": query, "service": service, "level": level}
    with open_client(settings, url=url) as client:
        resume = _high_sequence(client) if follow else None
        found = _print_found(client, {**chosen, **span(since, from_, to)}, limit, output, oldest=oldest)
        if follow:
            _follow(client, {**chosen, "after": resume}, output)
    if not found:
        raise typer.Exit(1)


def tail(
    query: Query = "*",
    service: Service = None,
    level: Level = None,
    last: Annotated[int, typer.Option("--last", "-n", min=0, max=1000, help="Begin with this many lines.")] = 10,
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print new lines as they come, until interrupted; reconnects without a gap or a repeat.

    Example: dejalog tail 'level:error' --service cart
    """
    from api.client import open_client

    settings = settings_of(data_dir, config)
    _need_server(settings, url)
    with open_client(settings, url=url) as client:
        _follow(client, {"query": query, "service": service, "level": level, "last": last}, output)


def _need_server(settings: "Settings", url: str) -> None:
    """New lines come to a server only. Raises SettingError where there is none."""
    from api.client import server_url
    from ingest.errors import SettingError

    if not server_url(settings, url=url):
        raise SettingError("following new lines needs a running server: start `dejalog serve`, or name --url")


def _print_found(client: "Client", asked: dict[str, Any], limit: int, output: Output, *, oldest: bool) -> int:
    """Print what matches; the number of lines printed."""
    pages = _pages(client, {**asked, "order": "oldest" if oldest else "newest"}, limit)
    first = next(pages)
    lines: Iterator[dict[str, Any]] = itertools.chain(first["lines"], *(page["lines"] for page in pages))
    if not oldest:
        lines = iter(list(lines)[::-1])
    count = 0
    if output is Output.JSON:
        whole = list(lines)
        print_json({**first, "lines": whole})
        count = len(whole)
    else:
        for count, line in enumerate(lines, start=1):  # noqa: B007 count is used after the loop
            print_one(line, output)
    if first["partial"]:
        complain("not everything was read in time: what is shown is true, but not all; narrow the time or the query")
    return count


def _pages(client: "Client", asked: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    left, cursor = limit or None, None
    while True:
        page = client.get("/v1/search", **asked, limit=min(PAGE, left or PAGE), cursor=cursor)
        yield page
        cursor = page["cursor"]
        left = None if left is None else left - len(page["lines"])
        if cursor is None or left == 0:
            return


def print_one(line: dict[str, Any], output: Output) -> None:
    """One line in the form asked for; a stream has no one JSON document, so `json` is one a line there too."""
    if output is Output.TABLE:
        print_line(line)
    else:
        print_ndjson([line])


def _high_sequence(client: "Client") -> int:
    """Where "from now on" begins."""
    for event_id, _event, _data in client.events("/v1/tail", query="*"):
        return int(event_id)
    return -1


def _follow(client: "Client", asked: dict[str, Any], output: Output) -> None:
    from ingest.errors import RefusedError

    seen = ""
    while True:
        try:
            for event_id, event, data in client.events("/v1/tail", last_event_id=seen, **asked):
                seen = event_id or seen
                if event == "line":
                    print_one(json.loads(data), output)
                    sys.stdout.flush()
        except RefusedError as error:
            if not seen:
                raise
            complain(f"{error} (trying again)")
        time.sleep(RECONNECT_S)
