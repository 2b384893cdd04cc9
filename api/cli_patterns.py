"""Commands about patterns."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.cli_options import As, AsOf, Config, DataDir, From, Level, Output, Service, Since, To, Url, settings_of, span
from api.cli_output import complain, print_items, print_json, print_line, print_ndjson, print_table, say

app = typer.Typer(
    no_args_is_help=True, help="Templates of log lines, with counts that sum to the lines.", rich_markup_mode=None
)
Id = Annotated[str, typer.Argument(metavar="PATTERN", help="The pattern's id.")]


def register(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="patterns", rich_help_panel="Read")


@app.command("ls")
def list_patterns(
    query: Annotated[str, typer.Argument(help="Count only lines that match this query.")] = "*",
    since: Since = "",
    from_: From = "",
    to: To = "",
    as_of: AsOf = "",
    service: Service = None,
    level: Level = None,
    order: Annotated[str, typer.Option("--order", help="count, rare, newest or oldest.")] = "count",
    state: Annotated[str, typer.Option("--state", help="all, active or muted.")] = "all",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="Most patterns.")] = 1000,
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """List patterns, most lines first, of all retained data.

    For example:

      dejalog patterns ls --order newest -n 20

      dejalog patterns ls 'level:error' --since 24h -o json
    """
    from api.client import open_client

    asked = {"query": query, "as_of": as_of, "service": service, "level": level, "order": order, "state": state}
    with open_client(settings_of(data_dir, config), url=url) as client:
        reply = client.get("/v1/patterns", **asked, limit=limit, **span(since, from_, to))
    columns = ("pattern_id", "count", "services", "last_seen", "name")
    print_items(reply, "patterns", output, columns)
    if output is Output.TABLE:
        shown = sum(each["count"] for each in reply["patterns"])
        say(f"{len(reply['patterns'])} of {reply['total_patterns']} patterns, {shown} of {reply['total_lines']} lines")
    if reply["partial"]:
        complain("not everything was counted in time: narrow the time or the query")
    if not reply["patterns"]:
        raise typer.Exit(1)


@app.command("show")
def show(
    pattern: Id, output: As = Output.TABLE, url: Url = "", data_dir: DataDir = None, config: Config = None
) -> None:
    """Show one pattern: counts, services, examples, edits and notes."""
    from api.client import open_client

    with open_client(settings_of(data_dir, config), url=url) as client:
        reply = client.get(f"/v1/patterns/{path_part(pattern)}")
    if output is not Output.TABLE:
        print_json(reply) if output is Output.JSON else print_ndjson([reply["pattern"]])
        return
    found = reply["pattern"]
    rows = [[name, str(found[name])] for name in ("pattern_id", "name", "template", "state", "count")]
    rows += [[name, str(found[name])] for name in ("first_seen", "last_seen")]
    for name, value in rows:
        say(f"{name.replace('_', ' '):<11} {value}")
    print_table([[each["service"] or "-", str(each["count"])] for each in found["by_service"]], ("service", "count"))
    for note in found["notes"]:
        say(f"note        {note['name']} {note['text']}")
    for line in found["examples"]:
        print_line(line)


@app.command("rename")
def rename(
    pattern: Id,
    name: Annotated[str, typer.Argument(help="The new name.")],
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Give a pattern a name of your own."""
    _edit(pattern, {"action": "rename", "argument": name}, url, settings_of(data_dir, config))


@app.command("merge")
def merge(
    pattern: Id,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The id of the pattern that takes it in.")],
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Count a pattern's lines under another one from now on, and in the past."""
    _edit(pattern, {"action": "merge", "argument": into}, url, settings_of(data_dir, config))


@app.command("split")
def split(pattern: Id, url: Url = "", data_dir: DataDir = None, config: Config = None) -> None:
    """Make each of a pattern's signatures a pattern of its own."""
    _edit(pattern, {"action": "split"}, url, settings_of(data_dir, config))


@app.command("mute")
def mute(
    pattern: Id,
    off: Annotated[bool, typer.Option("--off", help="Take the muting back.")] = False,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Mark a pattern as noise; it still counts."""
    _edit(pattern, {"action": "unmute" if off else "mute"}, url, settings_of(data_dir, config))


def path_part(text: str) -> str:
    """The text as one part of a path."""
    return quote(text, safe="")


def _edit(pattern: str, edit: dict[str, Any], url: str, settings: Any) -> None:
    from api.client import open_client

    with open_client(settings, url=url) as client:
        reply = client.post(f"/v1/patterns/{path_part(pattern)}/edits", edit)["edit"]
    say(f"{reply['action']} {reply['pattern_id']} {reply['argument']}".rstrip())
