"""Commands that look after the installation: doctor, token."""

import secrets

import typer

from api.cli_options import As, Config, DataDir, Output, Url, settings_of
from api.cli_output import print_findings, say


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("doctor", rich_help_panel="Look after")(doctor)
    app.command("token", rich_help_panel="Look after")(token)


def doctor(output: As = Output.TABLE, url: Url = "", data_dir: DataDir = None, config: Config = None) -> None:
    """Check what Dejalog needs, and say what to do where something is missing.

    Exit codes: 0 all is well, 2 something is wrong.
    """
    from api.doctor import check_all

    settings = settings_of(data_dir, config)
    findings = check_all(settings, url=url)
    print_findings(findings, output)
    if any(each.state == "fail" for each in findings):
        raise typer.Exit(2)


def token() -> None:
    """Print a new token, for DEJALOG_TOKEN or the file that DEJALOG_TOKEN_FILE names.

    Example: dejalog token > token && DEJALOG_TOKEN_FILE=token dejalog serve --listen 0.0.0.0:8900
    """
    say(secrets.token_urlsafe(32))
