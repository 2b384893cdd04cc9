"""Commands of the distributed mode: its receiver, its ingest workers, its dead letters."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli_options import As, Config, DataDir, Output, settings_of
from api.cli_output import print_items, print_json, say
from api.cli_serve import Listen, LogFormat, LogLevel, WatchListen, Zone, start_log

if TYPE_CHECKING:
    from contextlib import closing

    from api.settings import Settings
    from workers.chunk_stream import ChunkStream

app = typer.Typer(
    no_args_is_help=True,
    help="Processes of the distributed mode, which meet at REDIS_URL (docs/how-to/distributed.md).",
    rich_markup_mode=None,
)
dead = typer.Typer(no_args_is_help=True, help="Chunks that could not be stored, and why.", rich_markup_mode=None)
app.add_typer(dead, name="dead")


def register(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="worker", rich_help_panel="Run")


@app.command("receive")
def receive(
    listen: Listen = None,
    zone: Zone = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Take lines in over HTTP and put them into the chunk stream, until interrupted. Run as many as you like.

    Example: REDIS_URL=redis://127.0.0.1:6379/0 dejalog worker receive --listen 127.0.0.1:8901
    """
    settings = settings_of(None, config, listen=listen, zone=zone, log_format=log_format, log_level=log_level)
    _needs_redis()
    start_log(settings)
    from api.worker import receive as run

    run(settings)


@app.command("ingest")
def ingest(
    threads: Annotated[
        str | None, typer.Option("--threads", metavar="N", help="Chunks stored at once. [default: 2]")
    ] = None,
    listen: WatchListen = None,
    data_dir: DataDir = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Store the chunks of the stream, until interrupted: the chunk in hand is finished, the rest is left to others.

    Example: REDIS_URL=redis://127.0.0.1:6379/0 dejalog worker ingest --listen 127.0.0.1:8902
    """
    settings = settings_of(
        data_dir, config, worker_threads=threads, worker_listen=listen, log_format=log_format, log_level=log_level
    )
    _needs_redis()
    start_log(settings)
    from api.worker import ingest as run

    run(settings)


@app.command("status")
def status(output: As = Output.TABLE, config: Config = None) -> None:
    """Show how many chunks wait, how old the oldest is, and how the nearline steps of Celery's workers stand."""
    settings = settings_of(None, config)
    with _opened(settings) as stream:
        import dataclasses
        from contextlib import closing

        from workers.job_board import JobBoard

        with closing(JobBoard(settings.stream.redis_url)) as board:
            found = {"stream": dataclasses.asdict(stream.status()), "steps": board.read()}
    if output is Output.TABLE:
        rows = [
            {"name": name, "value": value} for name, value in [*found["stream"].items(), *_step_rows(found["steps"])]
        ]
        print_items({"rows": rows}, "rows", output, ("name", "value"))
    else:
        print_json(found)


def _step_rows(steps: dict[str, dict[str, object]]) -> list[tuple[str, str]]:
    return [
        (f"step {step}", f"{said.pop('state', '')} {said.get('error') or said.get('seconds', '')}".strip())
        for step, said in steps.items()
    ]


@dead.command("ls")
def list_dead(output: As = Output.TABLE, config: Config = None) -> None:
    """List dead letters, oldest first. Exit code 1 when there is none."""
    with _opened(settings_of(None, config)) as stream:
        letters = [
            {"id": each.id, "source": each.source, "start": each.start, "end": each.end, "tries": each.tries}
            | {"reason": each.reason}
            for each in stream.dead_letters()
        ]
    print_items({"dead": letters}, "dead", output, ("id", "source", "start", "end", "tries", "reason"))
    if not letters:
        raise typer.Exit(1)


@dead.command("retry")
def retry_dead(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Which; all when none is named.")] = None,
    config: Config = None,
) -> None:
    """Give dead letters to the workers again, once what ailed them is mended."""
    with _opened(settings_of(None, config)) as stream:
        wanted = [each for each in stream.dead_letters() if not ids or each.id in ids]
        revived = sum(stream.revive(each) for each in wanted)
    say(f"{revived} chunks wait to be stored again")
    if not revived:
        raise typer.Exit(1)


def _opened(settings: "Settings") -> "closing[ChunkStream]":
    _needs_redis()
    from contextlib import closing

    from api.worker import open_stream

    return closing(open_stream(settings))


def _needs_redis() -> None:
    """Raises SettingError when the extra is not installed."""
    from importlib.util import find_spec

    from ingest.errors import SettingError

    if find_spec("redis") is None:
        raise SettingError("the client of Redis is not installed: `pip install 'dejalog[distributed]'`")
