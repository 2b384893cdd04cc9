"""What can be chosen about mining, and how it is chosen from labelled systems: one thing after the other, greedily."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from index.pattern_settings import MASK_RULES, MERGE_RULES, SHIPPED, PatternSettings

WORDS = (2, 3, 4, 6, 8, 12, 16)
GRID: Mapping[str, Sequence[int]] = {
    "first_word": WORDS,
    "word": WORDS,
    "quoted": WORDS,
    "named": WORDS,
    "field": WORDS,
    "beside_value": (2, 3, 4, 6),
    "holes": (1, 2, 3, 4),
    "numbered_digits": (1, 2, 3, 4, 6),
    "element_tokens": (2, 3, 4, 6),
    "equal_runs": (2, 3, 4),
}
"""Thresholds. The larger the less is joined or shown otherwise, but for those of `LARGER_JOINS`."""
LARGER_JOINS = frozenset({"beside_value", "holes", "numbered_digits", "element_tokens"})
THRESHOLD_OF = {
    "numbered names": "numbered_digits",
    "lists": "element_tokens",
    "repeats": "equal_runs",
    "fields": "field",
    "fields in colons": "field",
    "known values": "field",
    "nouns": "named",
    "looks": "named",
    "quotes": "quoted",
    "beside values": "beside_value",
}
"""A rule is tried with each value of its threshold, because neither does anything without the other."""
RESTS_ON = {
    "header levels": "headers",
    "header loggers": "headers",
    "header hosts": "headers",
    "header columns": "headers",
    "header marks": "headers",
    "request paths": "paths",
    "changing units": "units",
    "sizes twice": "units",
    "names with digits": "words with digits",
    "numbered names": "words with digits",
    "causes apart": "fields",
}
"""A rule that does nothing without another is tried with it."""
CHOICES = (*MASK_RULES, *MERGE_RULES, *GRID)
"""In the order in which they are made."""
LEAST_GAIN = 1e-9
"""Of a choice; what gains less is left as it is, so that a rule which does nothing stays off."""

Scores = Mapping[str, float]
"""By system."""
ScoreAll = Callable[[Sequence[PatternSettings]], Sequence[Scores]]


def plain() -> PatternSettings:
    """Where choosing starts: all rules off, thresholds at the end of their grid that does least."""
    return with_least(_with_rules(SHIPPED, frozenset()))


def with_least(settings: PatternSettings) -> PatternSettings:
    """The same with all thresholds at that end."""
    for name, values in GRID.items():
        settings = with_threshold(settings, name, min(values) if name in LARGER_JOINS else max(values))
    return settings


def without(settings: PatternSettings, rule: str) -> PatternSettings:
    """The same with this rule off."""
    return _with_rules(settings, (settings.mask.rules | settings.merge.rules) - {rule})


def with_rule(settings: PatternSettings, rule: str) -> PatternSettings:
    """The same with this rule on."""
    return _with_rules(settings, settings.mask.rules | settings.merge.rules | {rule})


def _with_rules(settings: PatternSettings, rules: AbstractSet[str]) -> PatternSettings:
    return PatternSettings(
        mask=dataclasses.replace(settings.mask, rules=frozenset(each for each in MASK_RULES if each in rules)),
        merge=dataclasses.replace(settings.merge, rules=frozenset(each for each in MERGE_RULES if each in rules)),
    )


def threshold(settings: PatternSettings, name: str) -> int:
    """Its value."""
    return int(getattr(settings.mask if hasattr(settings.mask, name) else settings.merge, name))


def with_threshold(settings: PatternSettings, name: str, value: int) -> PatternSettings:
    """The same with another value of a threshold."""
    part = "mask" if hasattr(settings.mask, name) else "merge"
    return dataclasses.replace(settings, **{part: dataclasses.replace(getattr(settings, part), **{name: value})})


def alternatives(settings: PatternSettings, choice: str) -> list[PatternSettings]:
    """The same with each way to make this choice."""
    if choice in GRID:
        return [with_threshold(settings, choice, value) for value in GRID[choice]] if _counts(settings, choice) else []
    on = with_rule(with_rule(settings, RESTS_ON.get(choice, choice)), choice)
    if choice not in THRESHOLD_OF:
        return [without(settings, choice), on]
    name = THRESHOLD_OF[choice]
    return [without(settings, choice), *(with_threshold(on, name, value) for value in GRID[name])]


def _counts(settings: PatternSettings, name: str) -> bool:
    """Whether the threshold does anything: one of its rules is on, or it needs none."""
    rules = [rule for rule, threshold_name in THRESHOLD_OF.items() if threshold_name == name]
    return not rules or any(rule in settings.mask.rules or rule in settings.merge.rules for rule in rules)


def choose(
    start: PatternSettings, folds: Mapping[str, Sequence[str]], score: ScoreAll, choices: Sequence[str] = CHOICES
) -> dict[str, PatternSettings]:
    """For each fold (its name: the systems it may look at) what coordinate descent chooses from the start: every choice
    in turn takes the best of its alternatives by the mean over the fold's systems, again and again until none gains.
    Folds go side by side because they try much the same.
    """
    chosen = dict.fromkeys(folds, start)
    going = set(folds)
    while going:
        before = dict(chosen)
        for choice in choices:
            tried = {fold: alternatives(chosen[fold], choice) for fold in sorted(going)}
            wanted = list(dict.fromkeys(each for fold in tried for each in (chosen[fold], *tried[fold])))
            found = dict(zip(wanted, score(wanted), strict=True))
            for fold, ways in tried.items():
                means = {each: _mean(found[each], folds[fold]) for each in (chosen[fold], *ways)}
                best = max(means, key=means.__getitem__)
                if means[best] > means[chosen[fold]] + LEAST_GAIN:
                    chosen[fold] = best
        going = {fold for fold in going if chosen[fold] != before[fold]}
    return chosen


def difference(settings: PatternSettings, other: PatternSettings = SHIPPED) -> list[str]:
    """What is set otherwise than in `other`: `-rule`, `+rule`, `threshold=value`, in the order of the choices."""
    rules, others = settings.mask.rules | settings.merge.rules, other.mask.rules | other.merge.rules
    told = [f"{'+' if rule in rules else '-'}{rule}" for rule in CHOICES if (rule in rules) != (rule in others)]
    return told + [
        f"{name}={threshold(settings, name)}" for name in GRID if threshold(settings, name) != threshold(other, name)
    ]


def _mean(scores: Scores, systems: Sequence[str]) -> float:
    return sum(scores[system] for system in systems) / len(systems)
