"""The command `dejalog`: puts the commands of the cli_* files together; an error becomes one line and exit code 2."""

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from api import (
    cli_ask,
    cli_bot,
    cli_check,
    cli_eval,
    cli_import,
    cli_incidents,
    cli_mcp,
    cli_patterns,
    cli_read,
    cli_reindex,
    cli_send,
    cli_serve,
    cli_worker,
)
from api.cli_output import complain
from ingest.errors import DejalogError, InputError, NotFoundError, QuerySyntaxError

NOTHING_FOUND = 1
ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    name="dejalog",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""A log store that remembers incidents: container logs in, cited answers out.

    Start here:

      dejalog demo

      dejalog ask "Has there been a service avalanche like this lately?"

    A command talks to --url, else to DEJALOG_URL, else to the server that owns the data directory, else it opens the
    data directory itself. Exit codes: 0 found or done, 1 nothing found, 2 error.
    """,
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"dejalog {version('dejalog')}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version and exit.")
    ] = False,
) -> None:
    assert not version


for commands in (
    cli_serve,
    cli_send,
    cli_read,
    cli_ask,
    cli_patterns,
    cli_incidents,
    cli_import,
    cli_mcp,
    cli_worker,
    cli_bot,
    cli_check,
    cli_reindex,
    cli_eval,
):
    commands.register(app)


def main() -> None:
    """The console script."""
    sys.exit(run())


def run() -> int:
    """The exit code of the command that the arguments name."""
    try:
        return _called()
    except TyperException as error:
        if error.format_message().startswith("Usage:"):  # a group without a command: its help is the message
            sys.stderr.write(error.format_message() + "\n")
            return ERROR
        complain(f"{error.format_message().rstrip('.')} (see `{_path(error)} --help`)")
        return ERROR
    except NotFoundError as error:
        complain(_told(error))
        return NOTHING_FOUND
    except DejalogError as error:
        complain(_told(error))
        return ERROR
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`); nothing is left to tell, and closing must not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _called() -> int:
    code = app(standalone_mode=False, prog_name="dejalog")
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _path(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else "dejalog"


def _told(error: DejalogError) -> str:
    if isinstance(error, QuerySyntaxError):
        return f"{error} (at character {error.position}) {error.hint}".rstrip()
    if isinstance(error, InputError) and error.hint:
        return f"{error} ({error.hint})"
    return str(error)
