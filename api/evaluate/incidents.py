"""Incident memory over recorded, labelled faults: recall between windows, detection, blame, questions in words."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from sklearn.metrics import adjusted_rand_score

from api.evaluate.incidents_detect import Detected, count_alarms, detect, detection_row
from api.evaluate.incidents_label import Label, LabelledQuestion
from api.evaluate.incidents_recall import (
    ARMS,
    Metrics,
    asked,
    by_likeness,
    read_spans,
    score,
    score_arms,
    without_clock,
)
from api.evaluate.incidents_world import World
from api.evaluate.metrics import interval, mean, ranking
from api.evaluate.report import Report
from api.time_text import SECOND_NS
from index.incident import Incident
from index.incident_family import with_families
from ingest.errors import InputError

SHIFTS_S = (-30, 30)
"""By how much the window that is asked about may lie beside the fault."""
_Row = dict[str, Any]


def evaluate_labelled(
    world: World, labels: Sequence[Label], questions: Sequence[LabelledQuestion] = (), *, split: str = ""
) -> Report:
    """The report over one recorded world. Raises InputError when no window of the split can be asked about."""
    faults = [label for label in labels if not label.benign]
    wanted = asked(faults, split)
    if not wanted:
        splits = sorted({label.split for label in faults if label.split})
        raise InputError(
            f"no window of split {split!r} has another one of its label", hint=f"splits are {', '.join(splits)}"
        )
    spans = read_spans(world, faults)
    scored = score_arms(faults, wanted, spans)
    scored["answer"] = _with_blame(scored["answer"], wanted, spans.incidents)
    shifted = _score_shifts(world, faults, wanted, spans.incidents)
    found = detect(world, labels)
    alarms = count_alarms(world, labels)
    clusters = _clustering(faults, spans.incidents)
    rows = [
        *(row for arm in ARMS for row in _recall_rows("recall", arm, wanted, scored[arm])),
        *(row for part, one in shifted.items() for row in _recall_rows(part, "answer", wanted, one)),
        *_detection_rows(found),
        {"part": "alarms", "arm": "answer", **alarms.per_day},
        {"part": "clusters", "arm": "answer", "n": len(faults), "ari": clusters},
        *_question_rows(world, labels, questions),
    ]
    code = [label for label in wanted if label.is_code] or wanted
    return Report(
        name=f"incidents: {len(wanted)} of {len(faults)} labelled windows asked, each against all others",
        rows=rows,
        mean=_means("", code, scored["answer"])
        | _means("all ", wanted, scored["answer"])
        | _means("delay ", [label for label in wanted if label.is_delay], scored["answer"])
        | {
            "mrr over shifts": fmean(mean([one[label.id] for label in code])["mrr"] for one in shifted.values()),
            **_detection_recall(found),
            **alarms.per_day,
            "ari": clusters,
        },
        facts={
            "lines": world.store.high_water().lines,
            "observed_days": round(world.observed_days, 3),
            "incidents_mined": len(world.generation.incidents),
            "windows_ranked_otherwise_without_clock_and_ids": _moved_by_clock(faults, wanted, spans.incidents),
            "hit@1_95%_interval": interval([scored["answer"][label.id]["hit@1"] for label in code]),
        },
    )


def kind_rows(labels: Sequence[Label]) -> list[tuple[str, list[Label]]]:
    """What a table tells apart: all, code and delay faults where there are any, and every kind."""
    groups: dict[str, list[Label]] = {"all": list(labels)}
    groups["code faults"] = [label for label in labels if label.is_code]
    groups["delay faults"] = [label for label in labels if label.is_delay]
    for label in sorted(labels, key=lambda label: label.row):
        groups.setdefault(label.row, []).append(label)
    return [(name, group) for name, group in groups.items() if group]


def _recall_rows(part: str, arm: str, wanted: Sequence[Label], scored: Mapping[str, Metrics]) -> list[_Row]:
    return [
        {"part": part, "arm": arm, "kind": kind, "n": len(group), **mean([scored[label.id] for label in group])}
        for kind, group in kind_rows(wanted)
    ]


def _with_blame(
    scored: Mapping[str, Metrics], wanted: Sequence[Label], incidents: Mapping[str, Incident]
) -> dict[str, Metrics]:
    """With `as@1` and `as@3`: whether the faulty service is among the first that the window's incident names."""
    services = {label.id: incidents[label.id].services for label in wanted}
    return {
        label.id: scored[label.id]
        | {f"as@{most}": float(label.service in services[label.id][:most]) for most in (1, 3)}
        for label in wanted
    }


def _score_shifts(
    world: World, faults: Sequence[Label], wanted: Sequence[Label], past: Mapping[str, Incident]
) -> dict[str, dict[str, Metrics]]:
    """By part of the table: windows that lie beside the faults. `asked` moves only the one that is asked about, `all`
    those that are remembered too.
    """
    scored = {"shift 0 s": _with_blame(score(faults, wanted, by_likeness(past, past)), wanted, past)}
    for shift_s in SHIFTS_S:
        moved = read_spans(world, faults, shift_ns=shift_s * SECOND_NS).incidents
        for name, remembered in (("asked", past), ("all", moved)):
            found = score(faults, wanted, by_likeness(moved, remembered))
            scored[f"shift {shift_s:+d} s, {name}"] = _with_blame(found, wanted, moved)
    return scored


def _moved_by_clock(faults: Sequence[Label], wanted: Sequence[Label], incidents: Mapping[str, Incident]) -> int:
    """How many windows are ranked otherwise with other ids and in another order of time; ought to be 0."""
    clockless = without_clock(incidents)
    told = score(faults, wanted, by_likeness(clockless, clockless))
    plain = score(faults, wanted, by_likeness(incidents, incidents))
    return sum(told[name] != plain[name] for name in plain)


def _detection_rows(found: Sequence[Detected]) -> list[_Row]:
    by_id = {each.label.id: each for each in found}
    return [
        {
            "part": "detection",
            "arm": "answer",
            "kind": kind,
            "n": len(group),
            **detection_row([by_id[label.id] for label in group]),
        }
        for kind, group in kind_rows([each.label for each in found])
    ]


def _detection_recall(found: Sequence[Detected]) -> dict[str, float]:
    """Of the faults that are no delays; nothing where there are only delays."""
    told = [each.metrics["detection_recall"] for each in found if not each.label.is_delay]
    return {"detection_recall": fmean(told)} if told else {}


def _clustering(faults: Sequence[Label], incidents: Mapping[str, Incident]) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985) of the families of the windows' incidents against the labels."""
    families = {each.incident_id: each.family_id for each in with_families([incidents[one.id] for one in faults])}
    found = [families[incidents[label.id].incident_id] for label in faults]
    return float(adjusted_rand_score([label.label for label in faults], found))


def _question_rows(world: World, labels: Sequence[Label], questions: Sequence[LabelledQuestion]) -> list[_Row]:
    """The rank of the first incident of an answer that tells of a right window, in each language and in all."""
    scored = [(question.language, _score_question(world, labels, question)) for question in questions]
    languages = ["all", *sorted({language for language, _ in scored})]
    groups = {name: [one for language, one in scored if name in {"all", language}] for name in languages}
    return [
        {"part": "questions", "arm": "answer", "lang": name, "n": len(group), **mean(group)}
        for name, group in groups.items()
        if group
    ]


def _score_question(world: World, labels: Sequence[Label], question: LabelledQuestion) -> Metrics:
    gold = [label for label in labels if label.id in question.gold]
    right = {
        incident.incident_id
        for incident in world.generation.incidents
        if any(incident.start_ns < label.end_ns and label.start_ns < incident.end_ns for label in gold)
    }
    answer = world.ask(question.text)
    ranked = [each.incident.incident_id for each in answer.similar]
    return ranking(ranked, right or {""}) | {"found": float(answer.verdict == "found")}


def _means(prefix: str, group: Sequence[Label], scored: Mapping[str, Metrics]) -> dict[str, float]:
    found = mean([scored[label.id] for label in group])
    return {f"{prefix}{name}": value for name, value in found.items() if name != "recall@10"}
