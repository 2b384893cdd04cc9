"""Commands that put lines in once: ingest, simulate."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli_options import Config, DataDir, Url, settings_of
from api.cli_output import say


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("ingest", rich_help_panel="Run")(ingest)
    app.command("simulate", rich_help_panel="Run")(simulate)


def ingest(
    paths: Annotated[list[str], typer.Argument(metavar="FILE|DIR|-…", help="Files, folders or globs; - is stdin.")],
    service: Annotated[str, typer.Option("--service", help="The service of what comes from stdin.")] = "",
    zone: Annotated[str | None, typer.Option("--zone", help="Zone of clock times written without one.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="This host's name in the lines.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Return when patterns and incidents are mined.")
    ] = True,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Store what files hold now. A file that was stored before is stored once; one that has grown, its new part.

    For example:

      dejalog ingest /var/log/app

      kubectl logs deploy/cart | dejalog ingest - --service cart
    """
    from api.send import ingest_once

    done = ingest_once(settings_of(data_dir, config, zone=zone, host=host), paths, url=url, service=service, wait=wait)
    say(f"{done.files} files with something new, {done.bytes} bytes; the store holds {done.lines} lines in all")


def simulate(
    folder: Annotated[Path, typer.Argument(help="An empty or new folder; the logs go to its `containers`.")],
    seed: Annotated[int, typer.Option("--seed", help="Changes wording, names, topology, load and times.")] = 1,
    since: Annotated[str, typer.Option("--since", help="How far back the past begins.")] = "14d",
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="When the past ends.")] = "now",
    lines: Annotated[int | None, typer.Option("--lines", min=1, help="About how many lines.")] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Inject this kind, or all; may be repeated.")
    ] = None,
    services: Annotated[int, typer.Option("--services", min=10, max=100, help="Services of the shop.")] = 12,
    chinese: Annotated[
        bool | None, typer.Option("--chinese/--no-chinese", help="Messages in Chinese too; else the seed decides.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on live until interrupted.")] = False,
) -> None:
    """Write the container logs of a shop that does not exist, with labels of what was injected when.

    For example:

      dejalog simulate shop --seed 7 --lines 1000000

      dejalog simulate shop --since 1h --fault avalanche --follow
    """
    from api.cli_simulate import run

    result = run(
        folder,
        seed=seed,
        start=from_ or since,
        end=to,
        lines=lines,
        faults=fault,
        services=services,
        follow=follow,
        chinese=chinese,
    )
    say(f"{result.lines} lines in {len(result.files)} files under {result.containers}; {len(result.labels)} labels")
