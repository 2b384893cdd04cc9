"""The report of `dejalog eval answers`: answers judged, then the checker held against true and damaged claims."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from api.evaluate.answers import JudgedAnswer, JudgedShop, Tell, answer_rows, faults_seen, form_rows, judged_shops
from api.evaluate.answers_checker import Checks, check_shop, checker_means, checker_rows
from api.evaluate.answers_model import model_means, model_rows
from api.evaluate.answers_world import ShopSize
from api.evaluate.report import Report
from index.vector import Embedder

Row = dict[str, str | float | int | None]
MEANS = ("claims_right", "told_right", "verdict_right", "numbers", "citations", "names", "quotes", "orders")
FAULTS = 60
"""So many faults are listed; their number is always told."""


def evaluate_answers(seeds: Sequence[int], size: ShopSize, embedder: Embedder) -> Report:
    """Simulate, ask, judge, and damage; the same arguments give the same report."""
    answers: list[JudgedAnswer] = []
    checks = Checks()
    for shop in judged_shops(seeds, size, embedder):
        answers += shop.answers()
        checks += check_shop(shop)
    facts = {
        "claims_not_used_for_the_checker": checks.unjudged,
        "damages_left_out": checks.left_out,
        "checker_missed": list(checks.missed[:FAULTS]),
    }
    return _report("answers", answers, seeds, size, checker_rows(checks), checker_means(checks), facts)


def evaluate_told(
    seeds: Sequence[int], size: ShopSize, embedder: Embedder, tell: Tell, *, questions: int | None = None
) -> Report:
    """Simulate, ask, have a model tell each answer, and judge that: the first so many questions of each shop."""
    answers: list[JudgedAnswer] = []
    for shop in judged_shops(seeds, size, embedder):
        answers += some_questions(shop, questions).answers(tell)
    return _report("answers-model", answers, seeds, size, model_rows(answers), model_means(answers), {})


def some_questions(shop: JudgedShop, questions: int | None) -> JudgedShop:
    """The shop, asked the first so many questions only."""
    return dataclasses.replace(shop, asked=shop.asked[:questions])


def _report(
    name: str,
    answers: Sequence[JudgedAnswer],
    seeds: Sequence[int],
    size: ShopSize,
    rows: Sequence[Row],
    mean: Mapping[str, float],
    facts: Mapping[str, Any],
) -> Report:
    by_language = answer_rows(answers)
    whole = by_language[-1]
    seen = faults_seen(answers)
    outcomes = {each: float(whole[each] or 0) for each in ("right", "wrong", "unjudged", "empty", "contradictory")}
    return Report(
        name=name,
        rows=[*by_language, *form_rows(answers), *rows],
        mean={
            **{each: float(value) for each in MEANS if (value := whole[each]) is not None},
            **outcomes,
            **mean,
        },
        facts={
            "seeds": list(seeds),
            "lines_a_shop": size.lines,
            "days": size.days,
            "dropped_claims": sum(one.answer["dropped_claims"] for one in answers),
            **facts,
            "faults_count": len(seen),
            "faults": seen[:FAULTS],
        },
    )
