"""Commands about incidents."""

from typing import Annotated, Any

import typer

from api.cli_options import As, AsOf, Config, DataDir, From, Output, Service, Since, To, Url, settings_of, span
from api.cli_output import one_line, print_items, print_json, print_line, print_ndjson, say
from api.cli_patterns import path_part

app = typer.Typer(no_args_is_help=True, help="Stretches in which services deviated.", rich_markup_mode=None)
Id = Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id.")]


def register(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="incidents", rich_help_panel="Read")


@app.command("ls")
def list_incidents(
    query: Annotated[str, typer.Argument(help="Words of the title, services, kinds or templates.")] = "*",
    since: Since = "",
    from_: From = "",
    to: To = "",
    as_of: AsOf = "",
    service: Service = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind, e.g. avalanche.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most incidents.")] = 100,
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """List incidents, newest first, of all retained data.

    Example: dejalog incidents ls --kind avalanche --since 7d
    """
    from api.client import open_client

    asked = {"query": query, "as_of": as_of, "service": service, "kind": kind, "limit": limit}
    with open_client(settings_of(data_dir, config), url=url) as client:
        reply = client.get("/v1/incidents", **asked, **span(since, from_, to))
    print_items(reply, "incidents", output, ("incident_id", "start", "end", "severity", "services", "title"))
    if not reply["incidents"]:
        raise typer.Exit(1)


@app.command("show")
def show(
    incident: Id,
    as_of: AsOf = "",
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show one incident: who failed first, what deviated, the lines that show it, notes."""
    from api.client import open_client

    with open_client(settings_of(data_dir, config), url=url) as client:
        reply = client.get(f"/v1/incidents/{path_part(incident)}", as_of=as_of)
    if output is Output.TABLE:
        _print_incident(reply["incident"])
    else:
        print_json(reply) if output is Output.JSON else print_ndjson([reply["incident"]])


@app.command("similar")
def similar(
    incident: Annotated[
        str, typer.Argument(metavar="[INCIDENT]", help="The incident's id; or give --from and --to.")
    ] = "",
    since: Since = "",
    from_: From = "",
    to: To = "",
    as_of: AsOf = "",
    service: Service = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Most incidents.")] = 10,
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """List past incidents like one, or like what happened in a span, best first.

    Example: dejalog incidents similar --from 2026-03-01T10:00:00Z --to 2026-03-01T10:10:00Z
    """
    from api.client import open_client

    asked = {"incident_id": incident, "services": service, "as_of": as_of, "limit": limit, **span(since, from_, to)}
    with open_client(settings_of(data_dir, config), url=url) as client:
        reply = client.post("/v1/incidents/similar", asked)
    print_items(reply, "similar", output, ("incident_id", "score", "start", "services", "title"))
    if not reply["similar"]:
        raise typer.Exit(1)


@app.command("note")
def note(
    incident: Id,
    text: Annotated[str, typer.Argument(help="What you know of it.")] = "",
    name: Annotated[str, typer.Option(help="A name for it.")] = "",
    cause: Annotated[str, typer.Option(help="What caused it.")] = "",
    fix: Annotated[str, typer.Option(help="What helped.")] = "",
    runbook: Annotated[str, typer.Option(help="Where its runbook is.")] = "",
    author: Annotated[str, typer.Option(help="Who says so.")] = "",
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Say what an incident was; answers use it from then on.

    Example: dejalog incidents note 4f1c… --cause "connection pool of 10" --fix "raised to 50"
    """
    from api.client import open_client

    content = {"target": incident, "text": text, "name": name, "cause": cause, "fix": fix, "runbook": runbook}
    with open_client(settings_of(data_dir, config), url=url) as client:
        kept = client.post("/v1/notes", {**content, "author": author})["note"]
    say(f"note {kept['note_id']} on {kept['target']}")


def _print_incident(incident: dict[str, Any]) -> None:
    say(f"{incident['title']}")
    say(f"{incident['incident_id']} · {incident['severity']} · {', '.join(incident['kinds'])}")
    say(f"{incident['start']} to {incident['end']} · {incident['line_count']} lines")
    say("\nWho failed first, who followed:")
    for each in incident["onset"]:
        say(f"  +{each['after_s']:.3f} s  {one_line(each['service'])}  {each['time']}")
    say("\nWhat deviated:")
    for each in incident["deviations"]:
        expected, observed = each["expected"], each["observed"]
        say(
            f"  {each['kind']:<9} {one_line(each['service'])}  {observed:g} instead of {expected:g}  "
            f"{one_line(each['template'])[:200]}"
        )
    say("\nLines:")
    for line in incident["evidence"]:
        print_line(line)
    for each in incident["notes"]:
        told = [f"{name}: {each[name]}" for name in ("name", "text", "cause", "fix", "runbook") if each[name]]
        say(f"\nNote of {each['time']}: {'; '.join(told)}")
