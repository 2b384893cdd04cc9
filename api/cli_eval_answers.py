"""`dejalog eval answers`: whether answers about simulated shops are right, by a judge that reads only the files."""

from typing import Annotated

import typer

from api.cli_eval import Keep, Kept, kept_result, report_to
from api.cli_options import As, Output

DEFAULT_SEEDS = (3, 4, 5, 6)


def register(group: typer.Typer) -> None:
    """Add the command of this file."""
    group.command("answers")(answers)


def answers(
    seeds: Annotated[
        list[int] | None, typer.Option("--seeds", help="Shops to simulate, one a seed; repeat it. Default: 3 4 5 6.")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", min=10_000, help="About how many lines a shop writes.")] = 80_000,
    output: As = Output.TABLE,
    keep: Keep = None,
    compare: Kept = None,
) -> None:
    """Ask simulated shops, judge each sentence by the files, and hold the checker against damaged claims."""
    from api.evaluate.answers_report import evaluate_answers
    from api.evaluate.answers_world import ShopSize
    from api.service_log import start_quiet_log
    from index.embed_minilm import MiniLMEmbedder

    start_quiet_log()
    earlier = kept_result(compare, "answers")
    report = evaluate_answers(seeds or DEFAULT_SEEDS, ShopSize(lines=lines), MiniLMEmbedder.load())
    report_to(report, output, keep, earlier)
