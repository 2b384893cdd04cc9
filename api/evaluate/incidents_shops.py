"""The report over simulated shops: all kinds together, each by itself, silent variants and the one left out apart."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sklearn.metrics import adjusted_rand_score

from api.evaluate.incidents_detect import Alarms, Detected, detection_row
from api.evaluate.incidents_simulate import Asked, Recalled, ShopResult
from api.evaluate.metrics import interval
from api.evaluate.report import Report

_Row = dict[str, Any]
Each = TypeVar("Each")


def report_shops(results: Sequence[ShopResult], *, left_out: str) -> Report:
    """`mean` is over every kind but `left_out`, whose figures stand in it by themselves."""
    found = [each for result in results for each in result.found]
    recalled = [each for result in results for each in result.recalled]
    again = [each for each in recalled if each.same_variant]
    other = [each for each in recalled if not each.same_variant]
    asked = [each for result in results for each in result.asked]
    rows = [
        *_by_kind("faults", found, left_out, lambda each: each.label.row, detection_row),
        *_by_kind("similar", again, left_out, lambda each: each.label.row, _recall_row),
        *_by_kind("similar, other variant only", other, left_out, lambda each: each.label.row, _recall_row),
        *_by_kind("questions", asked, left_out, lambda each: each.kind, question_row),
        *_by_language(asked),
        _alarm_row(results),
        {"part": "families", "kind": "kind:variant", "n": len(found), "ari": _clustering(results)},
    ]
    tuned = question_row([each for each in asked if each.kind != left_out])
    mean = {
        "hit@1": _recall_row([each for each in again if each.label.kind != left_out])["hit@1"],
        "any variant hit@1": _recall_row([each for each in recalled if each.label.kind != left_out])["hit@1"],
        **detection_row([each for each in found if each.label.kind != left_out]),
        **{name: rows[-2][name] for name in ("false_alarms_per_day", "benign_alarms_per_day")},
        **{name: tuned[name] for name in ("verdicts", "false_recall", "told_first")},
    }
    return Report(
        name=f"incidents: {len(found)} faults in {len(results)} simulated shops",
        rows=rows,
        mean={name: value for name, value in mean.items() if value is not None},
        facts=_facts(results, found, asked, left_out),
    )


def question_row(asked: Sequence[Asked]) -> dict[str, float | None]:
    """`verdicts`: share that is right; `false_recall`: of what never happened the share that was answered `found`;
    `told_no`: of it the share answered `not_found`; `told_first`: of what happened the share whose first incident is
    one of the kind.
    """
    never = [each for each in asked if not each.happened]
    did = [each for each in asked if each.happened]
    return {
        "never_happened": len(never),
        "verdicts": _share(asked, lambda each: each.is_right),
        "false_recall": _share(never, lambda each: each.verdict == "found"),
        "told_no": _share(never, lambda each: each.verdict == "not_found"),
        "told_first": _share(did, lambda each: bool(each.first)),
    }


def _by_kind(
    part: str,
    everything: Sequence[Each],
    left_out: str,
    row_of: Callable[[Each], str],
    figures: Callable[[Sequence[Each]], Mapping[str, float | None]],
) -> list[_Row]:
    groups: dict[str, list[Each]] = {}
    for each in sorted(everything, key=row_of):
        groups.setdefault(row_of(each), []).append(each)
    rows = [("all", list(everything))] if everything else []
    return [
        {
            "part": part,
            "kind": kind + (" (left out of tuning)" if kind.partition(":")[0].split(" ")[0] == left_out else ""),
            "n": len(group),
            **figures(group),
        }
        for kind, group in [*rows, *groups.items()]
    ]


def _recall_row(recalled: Sequence[Recalled]) -> dict[str, float | None]:
    return {"hit@1": _share(recalled, lambda each: each.hit)}


def _by_language(asked: Sequence[Asked]) -> list[_Row]:
    rows = []
    for language in sorted({each.language for each in asked}):
        group = [each for each in asked if each.language == language]
        rows.append({"part": "questions", "kind": "all", "lang": language, "n": len(group), **question_row(group)})
    return rows


def _alarm_row(results: Sequence[ShopResult]) -> _Row:
    alarms = [result.alarms for result in results]
    summed = Alarms(
        false=sum(each.false for each in alarms),
        benign=sum(each.benign for each in alarms),
        days=sum(each.days for each in alarms),
    )
    return {"part": "alarms", "kind": "all", **summed.per_day}


def _clustering(results: Sequence[ShopResult]) -> float:
    """Mean over the shops: adjusted Rand index of the families of detected faults against kind and variant."""
    scores = []
    for result in results:
        seen = [each for each in result.found if each.label.id in result.family_of]
        kinds = [f"{each.label.kind}:{each.label.variant}" for each in seen]
        scores.append(float(adjusted_rand_score(kinds, [result.family_of[each.label.id] for each in seen])))
    return statistics.fmean(scores)


def _facts(
    results: Sequence[ShopResult], found: Sequence[Detected], asked: Sequence[Asked], left_out: str
) -> dict[str, Any]:
    wrong = [f"{each.verdict}: {each.text}" for each in asked if not each.is_right and each.kind != left_out]
    return {
        "seeds": [result.seed for result in results],
        "observed_days": round(sum(result.alarms.days for result in results), 2),
        "detection_recall_95%_interval": interval([each.metrics["detection_recall"] for each in found]),
        "left_out": left_out,
        "wrongly_answered": dict(sorted(Counter(wrong).items())),
    }


def _share(group: Sequence[Each], holds: Callable[[Each], bool]) -> float | None:
    return sum(map(holds, group)) / len(group) if group else None
