from collections.abc import Sequence

from bench.mining_choices import (
    CHOICES,
    GRID,
    Scores,
    alternatives,
    choose,
    difference,
    plain,
    threshold,
    with_rule,
    with_threshold,
    without,
)
from index.pattern_settings import MASK_RULES, MERGE_RULES, SHIPPED, PatternSettings


def likes_urls_and_named_three(settings: PatternSettings) -> Scores:
    """`one` gains by nouns with a threshold of three, neither of which does anything alone; `other` by URLs."""
    names_are_found = "nouns" in settings.merge.rules and settings.merge.named == 3
    return {"one": float(names_are_found), "other": float("URLs" in settings.mask.rules)}


def scores(wanted: Sequence[PatternSettings]) -> list[Scores]:
    return [likes_urls_and_named_three(each) for each in wanted]


def test_a_fold_chooses_by_its_own_systems_only() -> None:
    chosen = choose(plain(), {"other": ["one"], "one": ["other"], "none": ["one", "other"]}, scores)
    assert difference(chosen["other"], plain()) == ["+nouns", "named=3"]
    assert difference(chosen["one"], plain()) == ["+URLs"]
    assert difference(chosen["none"], plain()) == ["+URLs", "+nouns", "named=3"]


def test_what_gains_nothing_is_left_as_it_is() -> None:
    assert choose(SHIPPED, {"a": ["one"]}, scores) == {"a": SHIPPED}


def test_plain_has_no_rule() -> None:
    assert not plain().mask.rules
    assert not plain().merge.rules
    assert all(threshold(plain(), name) in values for name, values in GRID.items())


def test_the_shipped_settings_can_be_reached() -> None:
    assert sorted(CHOICES) == sorted({*MASK_RULES, *MERGE_RULES, *GRID}), "no name stands for two choices"
    assert all(SHIPPED in alternatives(SHIPPED, choice) for choice in CHOICES)
    settings = plain()
    for rule in (*MASK_RULES, *MERGE_RULES):
        settings = with_rule(settings, rule)
    for name in GRID:
        settings = with_threshold(settings, name, threshold(SHIPPED, name))
    assert settings == SHIPPED


def test_a_difference_names_rules_and_thresholds() -> None:
    assert difference(with_threshold(without(SHIPPED, "mail"), "word", 6)) == ["-mail", "word=6"]
    assert difference(SHIPPED) == []
