"""Whether and how a language model takes part in an answer: to tell it, or to look for more where evidence is thin."""

import dataclasses
from collections.abc import Callable
from typing import Literal

from api.answer import Answer, OnClaim, untold_claim
from api.ask_step import OnStep
from api.llm import LanguageModel
from api.llm_answer import Asked, ModelBounds, names_of, told_by_model
from api.llm_investigate import investigated
from api.llm_tools import Tools
from api.parts import Dejalog, Question
from api.redact import Redaction
from index.generation import Generation

Mode = Literal["auto", "deterministic", "llm"]


@dataclasses.dataclass(frozen=True)
class Hearing:
    """Who wants to hear of an answer as it is made, and whether they are still there."""

    on_step: OnStep
    on_claim: OnClaim = untold_claim
    is_gone: Callable[[], bool] = lambda: False


def with_model(
    question: Question,
    answer: Answer,
    model: LanguageModel | None,
    dejalog: Dejalog,
    generation: Generation,
    bounds: ModelBounds,
    hearing: Hearing,
) -> Answer:
    """The answer as a model tells it, or what it found out; without a model, or where none is wanted, as it is.

    Looked for more: when `llm` is asked for, and in `auto` when the first evidence is thin. Raises ModelError with the
    reason `cancelled`, and what `hearing.on_step` raises.
    """
    is_wanted = question.mode == "llm" or (question.mode == "auto" and not bounds.only_when_asked)
    if model is None or not is_wanted or (question.mode == "auto" and not has_evidence(answer)):
        return answer
    hearing.on_step("model")
    names = names_of(generation)
    asked = Asked(model, Redaction(), bounds, hearing.on_claim, hearing.is_gone)
    if question.mode == "auto" and answer.verdict != "inconclusive":
        return told_by_model(question.text, answer, names, asked)
    tools = Tools(dejalog, start_ns=answer.start_ns, end_ns=answer.as_of_ns, language=answer.language)
    return investigated(question.text, answer, names, asked, tools, hearing.on_step)


def has_evidence(answer: Answer) -> bool:
    """Whether there is anything that a model could tell or look into."""
    return bool(answer.claims or (answer.patterns and answer.verdict != "not_found"))
