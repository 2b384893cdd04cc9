"""Simulated shops: which kinds happen, what is asked about them, and what the report says of it."""

import dataclasses
import random

import pytest

from api.evaluate.incidents_label import Label
from api.evaluate.incidents_shops import question_row, report_shops
from api.evaluate.incidents_simulate import (
    Asked,
    askable,
    kinds_of,
    present_kinds,
    read_seeds,
    read_wordings,
    run_shops,
    schedule,
)
from ingest.errors import InputError
from ingest.simulate import FAULTS
from tests.api.word_embedder import WordEmbedder


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100", ([100], True)), ("1-3", ([1, 2, 3], False)), ("3,5", ([3, 5], False))],
    ids=["one goes on", "a range", "a list"],
)
def test_seeds_are_read(text: str, expected: tuple[list[int], bool]) -> None:
    assert read_seeds(text) == expected


def test_what_names_no_seeds_is_refused() -> None:
    with pytest.raises(InputError, match="names no seeds"):
        read_seeds("many")


def test_every_kind_of_fault_can_be_asked_about_in_two_languages_and_no_question_is_of_two_kinds() -> None:
    wordings = read_wordings()
    assert set(FAULTS) <= set(wordings)
    texts = [text for kind in wordings.values() for language in ("en", "zh") for text in kind[language]]
    assert len(texts) == len(set(texts)) == len(wordings) * 6


def test_an_unknown_fault_or_variant_is_refused() -> None:
    for name in ("flood", "avalanche:purple"):
        with pytest.raises(InputError, match="there is no fault"):
            kinds_of([name])


def test_three_of_ten_kinds_never_happen_over_many_seeds() -> None:
    faults = kinds_of([])
    drawn = random.Random(3).sample(range(10_000), 200)
    happened = sum(len(present_kinds(seed, turn, faults)) for turn, seed in enumerate(drawn))
    assert 1 - happened / (200 * len(faults)) == pytest.approx(0.3, abs=0.005)


def test_what_happened_only_as_part_of_another_fault_is_not_asked_about() -> None:
    kinds = ["avalanche", "oom_kill", "pool_exhaustion"]
    assert askable(kinds, ["avalanche"]) == ["avalanche", "oom_kill"]
    assert askable(kinds, ["avalanche", "pool_exhaustion"]) == kinds
    assert askable(kinds, ["oom_kill"]) == kinds
    spread = Label("oom_kill-1", 0, 1, "cart", "oom_kill", "oom_kill", affected=("cart", "orders", "gateway"))
    assert askable(kinds, ["oom_kill"], [spread]) == ["oom_kill", "pool_exhaustion"]
    assert askable(kinds, ["oom_kill"], [dataclasses.replace(spread, affected=("cart", "orders"))]) == kinds
    assert askable(kinds, ["oom_kill"], [dataclasses.replace(spread, benign=True)]) == kinds


def test_each_variant_of_what_happens_comes_twice_and_nothing_else_comes() -> None:
    faults = kinds_of([])
    present = present_kinds(8, 1, faults)
    planned = schedule(8, present, faults)
    assert sorted(planned) == sorted(2 * [f"{kind}:{variant}" for kind in present for variant in faults[kind]])
    assert schedule(9, present, faults) != planned


def test_a_verdict_is_right_when_found_means_happened() -> None:
    asked = [
        Asked("a", "en", happened=True, verdict="found", first=True),
        Asked("a", "en", happened=True, verdict="inconclusive", first=False),
        Asked("b", "en", happened=False, verdict="inconclusive", first=None),
        Asked("b", "en", happened=False, verdict="found", first=None),
        Asked("b", "en", happened=False, verdict="not_found", first=None),
        Asked("b", "en", happened=False, verdict="not_found", first=None),
    ]
    assert question_row(asked) == {
        "never_happened": 4,
        "verdicts": pytest.approx(4 / 6),
        "false_recall": 0.25,
        "told_no": 0.5,
        "told_first": 0.5,
    }


def test_a_shop_is_simulated_mined_asked_and_reported_with_the_kind_left_out_apart() -> None:
    faults = kinds_of(["avalanche:loud", "oom_kill:trace", "bad_deploy:loud"])
    told: list[str] = []
    results = run_shops([5], False, faults, WordEmbedder(), days=1.0, tell=told.append)
    assert len(told) == 1
    assert len(results[0].asked) == 18
    report = report_shops(results, left_out="oom_kill")
    seen = {row["kind"] for row in report.rows if row["part"] == "faults"}
    assert seen == {"all", "avalanche", "bad_deploy", "oom_kill (left out of tuning)"}
    assert report.mean["detection_recall"] == 1.0
    assert report.mean["hit@1"] == 1.0
    never = next(row for row in report.rows if row["part"] == "questions" and row["kind"] == "all")["never_happened"]
    assert never == 6 * (3 - len(present_kinds(5, 0, faults)))
