"""`dejalog eval`: how good mining, answers and incident memory are, over labelled data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli_options import As, Output
from api.cli_output import complain

if TYPE_CHECKING:
    from api.evaluate.report import Report

Keep = Annotated[
    Path | None,
    typer.Option("--keep", metavar="FILE", help="Keep the result in this file, to compare later ones with."),
]
Kept = Annotated[
    Path | None, typer.Option("--compare", metavar="FILE", help="Print the difference to this kept result.")
]


Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder with the labelled data.")]


def register(app: typer.Typer) -> None:
    """Add the commands of the files `cli_eval*`."""
    from api import cli_eval_answers, cli_eval_incidents

    group = typer.Typer(
        help="How good mining, answers and incident memory are, over labelled data. One configuration for everything.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("mining")(mining)
    group.command("questions")(questions)
    cli_eval_incidents.register(group)
    cli_eval_answers.register(group)
    app.add_typer(group, name="eval", rich_help_panel="Look after")


def mining(
    data: Data,
    system: Annotated[list[str] | None, typer.Option("--system", help="Only this system; may be repeated.")] = None,
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Measure speed too, a minute more.")] = True,
    output: As = Output.TABLE,
    keep: Keep = None,
    compare: Kept = None,
) -> None:
    """How well mined patterns agree with labelled templates, beside Drain3.

    DIR holds systems in Loghub's layout: NAME/NAME_2k.log_structured.csv with Content, EventId and EventTemplate, the
    corrected labels beside it, the raw lines as NAME/NAME_2k.log.

    Example: dejalog eval mining --data loghub -o json
    """
    from api.evaluate.loghub import read_systems
    from api.evaluate.mining import evaluate_mining
    from api.service_log import start_quiet_log

    start_quiet_log()
    earlier = kept_result(compare, "mining")
    systems = read_systems(data, system or ())
    report_to(evaluate_mining(systems, tell=complain, with_speed=speed), output, keep, earlier)


def questions(
    data: Data,
    questions: Annotated[
        list[Path], typer.Option("--questions", metavar="FILE", help="Questions as JSON lines; may be repeated.")
    ],
    half: Annotated[
        str, typer.Option("--half", help="Of questions that name the half they belong to: this one only.")
    ] = "",
    shared: Annotated[bool, typer.Option("--shared/--no-shared", help="Ask with all systems in one store too.")] = True,
    with_curve: Annotated[
        bool, typer.Option("--curve/--no-curve", help="Abstention over the threshold of strength too, a minute more.")
    ] = True,
    output: As = Output.TABLE,
    keep: Keep = None,
    compare: Kept = None,
) -> None:
    """Whether questions find the event they ask for, and keep silent where there is none.

    Lines go in by the collector and are asked by the real answer. A question is a JSON object with id, system,
    question, lang (en, zh) and gold_event_ids, those of the original labels; none means that nothing answers it.

    Example: dejalog eval questions --data loghub --questions questions.jsonl -o json
    """
    from api.evaluate.loghub import read_systems
    from api.evaluate.questions import evaluate_questions, read_questions
    from api.service_log import start_quiet_log
    from index.embed_minilm import MiniLMEmbedder

    start_quiet_log()
    earlier = kept_result(compare, "questions")
    asked = read_questions(questions, half=half)
    report = evaluate_questions(
        read_systems(data),
        asked,
        MiniLMEmbedder.load(),
        tell=complain,
        with_shared=shared,
        with_curve=with_curve,
    )
    report_to(report, output, keep, earlier)


def kept_result(path: Path | None, evaluation: str) -> "Report | None":
    """What `--compare` names, read before minutes of work: a path that is wrong is told at once."""
    from api.evaluate.report import read_kept

    return None if path is None else read_kept(path, evaluation)


def report_to(report: "Report", output: str, keep: Path | None, kept: "Report | None") -> None:
    """Print and keep a report."""
    from api.evaluate.report import keep as keep_report
    from api.evaluate.report import print_report

    print_report(report, output, kept=kept)
    if keep is not None:
        keep_report(report, keep)
