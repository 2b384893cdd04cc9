"""The doctor's check of the language model, where the settings name one: it is asked one word, of no log."""

from collections.abc import Iterator
from contextlib import closing

from api.finding import Finding
from api.llm import Message
from api.llm_open import OUTSIDE, is_held_back, open_model
from api.settings import Settings
from ingest.errors import ModelError, SettingError

_QUESTION = Message("user", "Answer with one word: ready.")
_ADVICE = {
    "away": "start it, or correct OPENAI_BASE_URL; questions are answered without it meanwhile",
    "slow": "give it more time (DEJALOG_LLM_TIMEOUT), or use a smaller model",
    "busy": "try again; it answers too many at once",
    "too_long": "set DEJALOG_LLM_ANSWER_TOKENS lower, or give it a larger window",
    "wrong": "correct OPENAI_BASE_URL, OPENAI_API_KEY or DEJALOG_LLM_MODEL",
}


def check_model(settings: Settings) -> Iterator[Finding]:
    """Nothing when no model is set."""
    try:
        if is_held_back(settings):
            yield Finding("warn", "language model", "it is not used", OUTSIDE)
            return
        model = open_model(settings)
    except SettingError as error:
        yield Finding("fail", "language model", str(error), "correct it, or set DEJALOG_LLM_MODE=off")
        return
    if model is None:
        return
    with closing(model):
        try:
            answer = model.complete(
                [_QUESTION], most_tokens=settings.llm.llm_answer_tokens, deadline_s=settings.llm.llm_timeout
            )
        except ModelError as error:
            yield Finding("fail", "language model", str(error), _ADVICE[error.reason])
            return
        yield Finding("ok", "language model", f"{model.name} answers ({answer.tokens} tokens)")
