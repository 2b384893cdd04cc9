"""The metrics of every evaluation, from their definitions; names as users of the field know them."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence

import numpy as np

RESAMPLES = 2000
"""Of a bootstrap (Efron and Tibshirani 1993 advise 1,000 or more)."""
_BLANKS = re.compile(r"\s+")
_ADJACENT = re.compile(r"<\*>(?:[\s,:;./\\|=@#_-]*<\*>)+")


def normalise_template(template: str) -> str:
    """One spelling, for both sides: blanks squeezed, placeholders that only signs or blanks part joined."""
    return _ADJACENT.sub("<*>", _BLANKS.sub(" ", template.strip()))


def parsing(
    true_ids: Sequence[Hashable], true_templates: Sequence[str], ids: Sequence[Hashable], templates: Sequence[str]
) -> dict[str, float]:
    """`GA`, `PA` over messages, `FGA`, `FTA` over templates (Zhu et al. 2019, Khan et al. 2022, Jiang et al. 2024), and
    how many groups there are: `n_true`, `n_pred`. One entry a message; templates normalised already.
    """
    n = len(true_ids)
    true_groups, groups = _groups(true_ids), _groups(ids)
    right = {frozenset(rows) for rows in true_groups.values()}
    found = [rows for rows in groups.values() if frozenset(rows) in right]
    of_template, true_names = _groups(templates), set(true_templates)
    named = sum({true_templates[row] for row in rows} == {name} for name, rows in of_template.items())
    return {
        "GA": sum(map(len, found)) / n,
        "PA": sum(one == other for one, other in zip(true_templates, templates, strict=True)) / n,
        "FGA": 2 * len(found) / (len(groups) + len(true_groups)),
        "FTA": 2 * named / (len(of_template) + len(true_names)),
        "n_true": float(len(true_groups)),
        "n_pred": float(len(groups)),
    }


def ranking(ranked: Sequence[Hashable], gold: Collection[Hashable]) -> dict[str, float]:
    """`hit@1`, `hit@5`, `recall@10`, `mrr`, `ndcg@10` of distinct results, best first; relevance is binary."""
    wanted = set(gold)
    hits = [rank for rank, each in enumerate(ranked, start=1) if each in wanted]
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(wanted)) + 1))
    return {
        "hit@1": float(any(rank <= 1 for rank in hits)),
        "hit@5": float(any(rank <= 5 for rank in hits)),
        "recall@10": sum(rank <= 10 for rank in hits) / len(wanted),
        "mrr": 1 / hits[0] if hits else 0.0,
        "ndcg@10": sum(1 / math.log2(rank + 1) for rank in hits if rank <= 10) / ideal,
    }


def mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each metric over rows that all have the same; empty of none."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}


def interval(values: Sequence[float], *, seed: int = 1) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the mean."""
    if not values:
        return (math.nan, math.nan)
    low, high = np.percentile(_resampled_means(np.asarray(values, dtype=np.float64), seed), [2.5, 97.5])
    return float(low), float(high)


def paired_bootstrap(one: Sequence[float], other: Sequence[float], *, seed: int = 1) -> tuple[float, float, float]:
    """Of `one - other`, question by question: the mean difference and its 95 % interval."""
    differences = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    if not len(differences):
        return (math.nan, math.nan, math.nan)
    return (float(differences.mean()), *interval(differences.tolist(), seed=seed))


def _resampled_means(values: "np.typing.NDArray[np.float64]", seed: int) -> "np.typing.NDArray[np.float64]":
    chosen = np.random.default_rng(seed).integers(0, len(values), size=(RESAMPLES, len(values)))
    return np.asarray(values[chosen].mean(axis=1))


def _groups(names: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        found[name].append(row)
    return found
