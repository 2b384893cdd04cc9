"""`dejalog eval`: how good mining, answers and incident memory are, over labelled data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.evaluate.report import Report

Keep = Annotated[
    Path | None,
    typer.Option("--keep", metavar="FILE", help="Keep the result in this file, to compare later ones with."),
]
Kept = Annotated[
    Path | None, typer.Option("--compare", metavar="FILE", help="Print the difference to this kept result.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        help="How good mining, answers and incident memory are, over labelled data. One configuration for everything.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="eval", rich_help_panel="Look after")


def report_to(report: "Report", output: str, keep: Path | None, kept: Path | None) -> None:
    """Print and keep a report."""
    from api.evaluate.report import keep as keep_report
    from api.evaluate.report import print_report

    print_report(report, output, kept=kept)
    if keep is not None:
        keep_report(report, keep)
