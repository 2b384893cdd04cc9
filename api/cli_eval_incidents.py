"""`dejalog eval incidents`: what the incident memory recalls, detects and blames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli_options import As, Output
from api.cli_output import complain

if TYPE_CHECKING:
    from api.evaluate.report import Report


def register(group: typer.Typer) -> None:
    """Add the command to `dejalog eval`."""
    group.command("incidents")(incidents)


def incidents(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Container logs: DIR, DIR/containers or DIR/containers.tar.xz."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="FILE", help="What went wrong in them when, as JSON lines.")
    ] = None,
    questions: Annotated[
        list[Path] | None,
        typer.Option("--questions", metavar="FILE", help="Questions about them, as JSON lines; may be repeated."),
    ] = None,
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="Ask about the windows of this split only.")
    ] = "",
    simulate: Annotated[
        str,
        typer.Option(
            "--simulate",
            metavar="SEEDS",
            help="Simulated shops instead: 1-9, 3,5,8, or one seed to go on from until there are 200 faults.",
        ),
    ] = "",
    faults: Annotated[
        list[str] | None,
        typer.Option("--faults", metavar="KIND", help="Simulate this kind or kind:variant; may be repeated."),
    ] = None,
    days: Annotated[
        float | None,
        typer.Option("--days", min=0.5, help="Days of each shop. [default: six hours a fault]", show_default=False),
    ] = None,
    left_out: Annotated[
        str, typer.Option("--left-out", metavar="KIND", help="Report this kind apart: nothing was tuned on it.")
    ] = "retry_storm",
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="FILE", help="Keep the result in this file, to compare later ones with."),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="FILE", help="Print the difference to this kept result.")
    ] = None,
    output: As = Output.TABLE,
) -> None:
    """How well past incidents are recalled, found and blamed, over labelled faults.

    For example:

      dejalog eval incidents --data logs --labels incidents.jsonl --split dev

      dejalog eval incidents --simulate 100
    """
    from api.cli_eval import kept_result, report_to
    from api.service_log import start_quiet_log

    start_quiet_log()
    earlier = kept_result(compare, "incidents")
    if simulate:
        report = _of_shops(simulate, faults or [], days, left_out)
    else:
        report = _of_data(data, labels, questions or [], split)
    report_to(report, output, keep, earlier)


def _of_data(data: Path | None, labels: Path | None, questions: list[Path], split: str) -> "Report":
    from api.evaluate.incidents import evaluate_labelled
    from api.evaluate.incidents_label import read_labels, read_questions
    from api.evaluate.incidents_world import container_logs, open_world
    from index.embed_minilm import MiniLMEmbedder
    from ingest.errors import InputError

    if data is None or labels is None:
        raise InputError("nothing to evaluate", hint="--data DIR with --labels FILE, or --simulate SEEDS")
    known = read_labels(labels)
    asked = [each for path in questions for each in read_questions(path)]
    with container_logs(data) as files, open_world(files, MiniLMEmbedder.load()) as world:
        return evaluate_labelled(world, known, asked, split=split)


def _of_shops(simulate: str, faults: list[str], days: float | None, left_out: str) -> "Report":
    from api.evaluate.incidents_shops import report_shops
    from api.evaluate.incidents_simulate import kinds_of, read_seeds, run_shops
    from index.embed_minilm import MiniLMEmbedder

    seeds, goes_on = read_seeds(simulate)
    results = run_shops(seeds, goes_on, kinds_of(faults), MiniLMEmbedder.load(), days=days, tell=complain)
    return report_shops(results, left_out=left_out)
