"""Commands that run until they are told to stop: serve, demo, collect."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli_options import Config, DataDir, Url, settings_of

if TYPE_CHECKING:
    from api.settings import Settings

Listen = Annotated[
    str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen. [default: 127.0.0.1:8900]")
]
Zone = Annotated[
    str | None,
    typer.Option("--zone", metavar="ZONE", help="Zone of clock times written without one, e.g. Asia/Shanghai."),
]
Host = Annotated[str | None, typer.Option("--host", metavar="NAME", help="This host's name in the lines.")]
WatchListen = Annotated[
    str | None,
    typer.Option("--listen", metavar="HOST:PORT", help="Answer /healthz, /readyz and /metrics here. [default: not]"),
]
LogFormat = Annotated[str | None, typer.Option("--log-format", help="The server's own log: console or json.")]
LogLevel = Annotated[str | None, typer.Option("--log-level", help="debug, info, warning or error.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("serve", rich_help_panel="Run")(serve)
    app.command("demo", rich_help_panel="Run")(demo)
    app.command("collect", rich_help_panel="Run")(collect)


def serve(
    listen: Listen = None,
    data_dir: DataDir = None,
    collect: Annotated[
        list[str] | None,
        typer.Option("--collect", metavar="PATH", help="Collect this file, folder or glob; may be repeated."),
    ] = None,
    zone: Zone = None,
    host: Host = None,
    retention: Annotated[
        str | None, typer.Option("--retention", metavar="30d", help="How long lines are kept.")
    ] = None,
    max_disk: Annotated[str | None, typer.Option("--max-disk", metavar="10GB", help="Most disk that is used.")] = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Run everything in one process: collector, receiver, store, nearline work, HTTP.

    For example:

      dejalog serve --collect /var/log/containers

      dejalog serve --listen 0.0.0.0:8900 --data-dir /srv/dejalog   (needs DEJALOG_TOKEN or DEJALOG_TOKEN_FILE)

    Every option is also a setting: docs/reference/settings.md lists them all.
    """
    settings = settings_of(
        data_dir,
        config,
        listen=listen,
        collect=collect,
        zone=zone,
        host=host,
        retention=retention,
        max_disk=max_disk,
        log_format=log_format,
        log_level=log_level,
    )
    start_log(settings)
    from api.serve import serve as run

    run(settings)


def demo(
    listen: Listen = None,
    days: Annotated[int, typer.Option("--days", min=1, max=60, help="Days of history.")] = 14,
    lines: Annotated[int, typer.Option("--lines", min=1000, help="Lines of history, about.")] = 1_100_000,
    data_dir: DataDir = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Serve the logs of a shop that does not exist: fourteen days with faults, then live. Then ask:

    dejalog ask "Has there been a service avalanche like this lately?"
    """
    settings = settings_of(data_dir, config, listen=listen, log_format=log_format, log_level=log_level)
    start_log(settings)
    from api.demo import demo as run

    run(settings, days=days, lines=lines)


def collect(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, folders or globs.")],
    url: Url = "",
    zone: Zone = None,
    host: Host = None,
    listen: WatchListen = None,
    data_dir: DataDir = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Ship files to a server as they grow, until interrupted. What is acknowledged is never sent twice.

    Example: dejalog collect /var/log/containers --url http://logs:8900
    """
    settings = settings_of(
        data_dir, config, zone=zone, host=host, worker_listen=listen, log_format=log_format, log_level=log_level
    )
    start_log(settings)
    from api.client import server_url
    from api.send import collect_to
    from ingest.errors import SettingError

    target = server_url(settings, url=url)
    if not target:
        raise SettingError("no server is running: name --url, or let `dejalog serve --collect PATH` collect itself")
    collect_to(target, paths, settings)


def start_log(settings: "Settings") -> None:
    """The service log of a command that runs on."""
    from api.service_log import start_service_log

    start_service_log(log_format=settings.server.log_format, log_level=settings.server.log_level)
