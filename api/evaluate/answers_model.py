"""What `dejalog eval answers --model` tells of a language model: what it was asked, what it told, what was refused."""

from collections import Counter
from collections.abc import Sequence

from api.answer import Answer
from api.evaluate.answers import JudgedAnswer, Tell
from api.evaluate.judge_told import FORM
from api.llm import LanguageModel
from api.llm_answer import Asked, ModelBounds, told_by_model
from api.redact import Redaction


def telling(model: LanguageModel, bounds: ModelBounds) -> Tell:
    """Have this model tell each answer that claims anything, as a question of mode `auto` does."""

    def tell(question: str, answer: Answer, names: frozenset[str]) -> Answer:
        return told_by_model(question, answer, names, Asked(model, Redaction(), bounds)) if answer.claims else answer

    return tell


def model_rows(answers: Sequence[JudgedAnswer]) -> list[dict[str, str | float | int | None]]:
    """A row for each language and for all, then one for each reason to refuse a sentence."""
    rows: list[dict[str, str | float | int | None]] = []
    for language in ("en", "zh", "all"):
        chosen = [one for one in answers if language in {one.asked.language, "all"}]
        asked = [one for one in chosen if "model" in one.answer]
        told = Counter(claim.outcome for one in asked for claim in one.claims if claim.form == FORM)
        rows.append(
            {
                "what": "model",
                "of": language,
                "n": len(asked),
                "told": sum(one.answer["mode"] == "llm" for one in asked),
                "sentences": told.total(),
                "refused": sum(sum(one.answer["model"]["refused"].values()) for one in asked),
                **{name: told[name] for name in ("right", "wrong", "unjudged")},
                "inherited": sum(one.inherited for one in asked),
                "tokens": sum(one.answer["usage"]["tokens"] for one in asked),
                "calls": sum(one.answer["usage"]["model_calls"] for one in asked),
            }
        )
    return [*rows, *_counted(answers, "refused"), *_counted(answers, "outcome")]


def _counted(answers: Sequence[JudgedAnswer], what: str) -> list[dict[str, str | float | int | None]]:
    counts: Counter[str] = Counter()
    for one in answers:
        if "model" in one.answer:
            told = one.answer["model"][what]
            counts.update({told: 1} if isinstance(told, str) else told)
    return [{"what": f"model {what}", "of": name, "n": count} for name, count in sorted(counts.items())]


def model_means(answers: Sequence[JudgedAnswer]) -> dict[str, float]:
    """How many sentences the model told, how many of them are right, and how many were refused."""
    whole = model_rows(answers)[2]
    return {
        f"model_{name}": float(value)
        for name in ("told", "sentences", "right", "wrong", "inherited", "refused", "tokens", "calls")
        if isinstance(value := whole[name], int)
    }
