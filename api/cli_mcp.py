"""The command that offers Dejalog's tools to other assistants."""

import sys

import typer

from api.cli_options import Config, DataDir, Url, settings_of


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("mcp", rich_help_panel="Read")(mcp)


def mcp(url: Url = "", data_dir: DataDir = None, config: Config = None) -> None:
    """Offer ask, search, context, patterns, incidents and similar_incidents to an assistant, over stdin and stdout.

    Speaks the Model Context Protocol: an assistant starts it, people do not. docs/how-to/assistants.md says how to add
    it to one. It ends when its input does.

    Example: dejalog mcp --url http://127.0.0.1:8900
    """
    from api.app import program_version
    from api.mcp_server import create_mcp_server
    from api.service_log import start_quiet_log

    settings = settings_of(data_dir, config)
    start_quiet_log()
    if sys.stdin.isatty():
        sys.stderr.write("dejalog: waiting for an assistant that speaks MCP on stdin; Ctrl-D ends it\n")
    create_mcp_server(settings, url=url, version=program_version()).run("stdio")
