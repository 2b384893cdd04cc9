"""`dejalog eval answers`: whether answers about simulated shops are right, by a judge that reads only the files."""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli_eval import Keep, Kept, kept_result, report_to
from api.cli_options import As, Output, settings_of

if TYPE_CHECKING:
    from api.evaluate.answers_world import ShopSize
    from api.evaluate.report import Report

DEFAULT_SEEDS = (3, 4, 5, 6)


def register(group: typer.Typer) -> None:
    """Add the command of this file."""
    group.command("answers")(answers)


def answers(
    seeds: Annotated[
        list[int] | None, typer.Option("--seeds", help="Shops to simulate, one a seed; repeat it. Default: 3 4 5 6.")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", min=10_000, help="About how many lines a shop writes.")] = 80_000,
    model: Annotated[
        bool,
        typer.Option("--model", help="Have the configured language model tell each answer, and judge what it told."),
    ] = False,
    questions: Annotated[
        int | None, typer.Option("--questions", min=1, help="With --model: only the first so many of each shop.")
    ] = None,
    output: As = Output.TABLE,
    keep: Keep = None,
    compare: Kept = None,
) -> None:
    """Ask simulated shops, judge each sentence by the files, and hold the checker against damaged claims.

    With --model the language model of OPENAI_BASE_URL tells each answer, and its sentences are judged; there is no
    checker of claims in the report then.
    """
    from api.evaluate.answers_report import evaluate_answers
    from api.evaluate.answers_world import ShopSize
    from api.service_log import start_quiet_log
    from index.embed_minilm import MiniLMEmbedder

    start_quiet_log()
    earlier = kept_result(compare, "answers-model" if model else "answers")
    chosen, size = seeds or DEFAULT_SEEDS, ShopSize(lines=lines)
    report = _told(chosen, size, questions) if model else evaluate_answers(chosen, size, MiniLMEmbedder.load())
    report_to(report, output, keep, earlier)


def _told(seeds: Sequence[int], size: "ShopSize", questions: int | None) -> "Report":
    from api.evaluate.answers_model import telling
    from api.evaluate.answers_report import evaluate_told
    from api.llm_answer import ModelBounds
    from api.llm_open import open_model
    from index.embed_minilm import MiniLMEmbedder
    from ingest.errors import SettingError

    settings = settings_of()
    opened = open_model(settings)
    if opened is None:
        raise SettingError("--model needs a language model and none is set: set OPENAI_BASE_URL and DEJALOG_LLM_MODEL")
    llm = settings.llm
    bounds = ModelBounds(budget=llm.llm_budget, answer_tokens=llm.llm_answer_tokens, deadline_s=llm.llm_timeout)
    with contextlib.closing(opened) as model:
        return evaluate_told(seeds, size, MiniLMEmbedder.load(), telling(model, bounds), questions=questions)
