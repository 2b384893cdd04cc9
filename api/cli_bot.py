"""The commands of the chat bot: answer in Slack, check the set-up, chat in the terminal."""

from typing import Annotated

import typer

from api.cli_options import As, Config, DataDir, Output, Url, settings_of
from api.cli_output import plain, print_findings, say
from api.cli_serve import LogFormat, LogLevel, WatchListen, start_log

app = typer.Typer(help="Answers in Slack, or in this terminal.", rich_markup_mode=None)


def register(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="bot", rich_help_panel="Run")


@app.callback(invoke_without_command=True)
def bot(
    context: typer.Context,
    listen: WatchListen = None,
    url: Url = "",
    data_dir: DataDir = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    config: Config = None,
) -> None:
    """Answer in Slack, until interrupted: by Socket Mode where SLACK_APP_TOKEN is set, and over HTTP where
    SLACK_SIGNING_SECRET is. `dejalog serve` does the same by itself where these are set.

    Example: SLACK_BOT_TOKEN_FILE=bot SLACK_APP_TOKEN_FILE=app dejalog bot --url http://logs:8900
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of(data_dir, config, worker_listen=listen, log_format=log_format, log_level=log_level)
    start_log(settings)
    from api.bot.serve import run_bot

    run_bot(settings, url=url)


@app.command("doctor")
def doctor(
    events_url: Annotated[
        str, typer.Option("--events-url", metavar="URL", help="Where Slack calls the bot; it is called as Slack does.")
    ] = "",
    output: As = Output.TABLE,
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Check tokens, scopes, channels and addresses, and say which is wrong.

    Exit codes: 0 all is well, 2 something is wrong.
    """
    from api.bot.doctor import check_bot

    findings = check_bot(settings_of(data_dir, config), url=url, events_url=events_url)
    print_findings(findings, output)
    if any(each.state == "fail" for each in findings):
        raise typer.Exit(2)


@app.command("chat")
def chat(
    name: Annotated[str, typer.Option("--name", help="Who you are: the author of notes.")] = "",
    url: Url = "",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Talk to the bot here, without Slack: a line is a message, `/dejalog …` a command, `!1` presses a button.

    Example: echo "have we seen pool exhaustion lately?" | dejalog bot chat
    """
    import sys

    from api.bot.open import bot_of
    from api.bot.terminal import TerminalSurface
    from api.bot.terminal import chat as run
    from api.client import open_client

    settings = settings_of(data_dir, config)
    surface = TerminalSurface(name or "terminal")
    with open_client(settings, url=url) as client:
        run(bot_of(settings, client, surface), surface, sys.stdin, lambda text: say(plain(text)))
