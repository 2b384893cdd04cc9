"""The report of `dejalog eval answers`: answers judged, then the checker held against true and damaged claims."""

from collections.abc import Sequence

from api.evaluate.answers import JudgedAnswer, answer_rows, faults_seen, form_rows, judged_shops
from api.evaluate.answers_checker import Checks, check_shop, checker_means, checker_rows
from api.evaluate.answers_world import ShopSize
from api.evaluate.report import Report
from index.vector import Embedder

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
    by_language = answer_rows(answers)
    whole = by_language[-1]
    seen = faults_seen(answers)
    outcomes = {name: float(whole[name] or 0) for name in ("right", "wrong", "unjudged", "empty", "contradictory")}
    return Report(
        name="answers",
        rows=[*by_language, *form_rows(answers), *checker_rows(checks)],
        mean={
            **{name: float(value) for name in MEANS if (value := whole[name]) is not None},
            **outcomes,
            **checker_means(checks),
        },
        facts={
            "seeds": list(seeds),
            "lines_a_shop": size.lines,
            "days": size.days,
            "dropped_claims": sum(one.answer["dropped_claims"] for one in answers),
            "claims_not_used_for_the_checker": checks.unjudged,
            "damages_left_out": checks.left_out,
            "checker_missed": list(checks.missed[:FAULTS]),
            "faults_count": len(seen),
            "faults": seen[:FAULTS],
        },
    )
