"""Whether questions find the event they ask for, and keep silent where there is none: `dejalog eval questions`."""

import dataclasses
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.answer import Answer, AskSettings
from api.evaluate.loghub import System
from api.evaluate.metrics import interval, mean, paired_bootstrap, ranking
from api.evaluate.question_arms import ARMS, Arms, build_arms, first_appearances
from api.evaluate.question_curve import curve, found_up_to
from api.evaluate.report import Report, Row
from api.evaluate.trial import READ_NS, Trial, open_trial
from index.generation import Generation
from index.line_store import LineFilter
from index.vector import Embedder
from ingest.errors import InputError
from ingest.line import line_id

COMPARED = ("dense", "fused", "bm25_patterns")
LATER_NS = 60_000_000_000
"""Questions are asked a minute after the lines were read: what has no time of its own has that of its reading."""
LANGUAGES = ("en", "zh", "all")


@dataclasses.dataclass(frozen=True)
class LabelledQuestion:
    """`gold_event_ids` are of the original labels; none: nothing in the lines answers it."""

    id: str
    system: str
    text: str
    language: str
    gold_event_ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one question got. `rankings`: events by arm, the answer's among them."""

    question: LabelledQuestion
    store: str
    verdict: str
    confidence: float
    rankings: Mapping[str, Sequence[str]]
    cited: tuple[str, ...]
    """The event of each cited line."""
    found_up_to: float | None = None
    """The highest threshold of the curve at which it is answered `found`, where that was asked."""

    @property
    def gold(self) -> set[str]:
        """Events by their name in a store of many systems."""
        return {f"{self.question.system} {event}" for event in self.question.gold_event_ids}


def read_questions(paths: Sequence[Path], *, half: str = "") -> list[LabelledQuestion]:
    """Of all files (JSON lines), in order; of the named half where a question says which it belongs to. Raises
    InputError for a line that is no question.
    """
    found = []
    for path in paths:
        for number, line in enumerate(_text(path).splitlines(), start=1):
            if not line.strip():
                continue
            try:
                row: dict[str, Any] = json.loads(line)
                gold = tuple(row["gold_event_ids"])
                question = LabelledQuestion(row["id"], row["system"], row["question"], row["lang"], gold)
            except (json.JSONDecodeError, KeyError, TypeError) as fault:
                hint = "a line has id, system, question, lang and gold_event_ids"
                raise InputError(f"line {number} of {path} is no question: {fault!r}", hint=hint) from fault
            if not half or row.get("half", half) == half:
                found.append(question)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path} cannot be read: {fault}", hint="questions are JSON lines in UTF-8") from fault


def evaluate_questions(
    systems: Sequence[System],
    questions: Sequence[LabelledQuestion],
    embedder: Embedder,
    *,
    tell: Callable[[str], None] = lambda _: None,
    settings: AskSettings | None = None,
    with_shared: bool = True,
    with_curve: bool = True,
) -> Report:
    """Each system in a store of its own, then all in one; every question by every arm. The mean is the answer's over
    own stores, both languages together. `with_curve`: how abstention and answer rate change with the threshold, own
    stores only.
    """
    settings = settings or AskSettings()
    known = {system.name for system in systems}
    unknown = sorted({question.system for question in questions} - known)
    if not questions:
        raise InputError("there is no question to ask", hint="name a file with questions, and a half that they name")
    if unknown:
        raise InputError(f"questions ask about {', '.join(unknown)}", hint=f"there are {', '.join(sorted(known))}")
    asked = [system for system in systems if any(question.system == system.name for question in questions)]
    outcomes: list[Outcome] = []
    for system in asked:
        tell(system.name)
        own = [question for question in questions if question.system == system.name]
        outcomes += ask_all([system], own, embedder, store="own", settings=settings, with_curve=with_curve)
    if with_shared:
        tell("all in one store")
        outcomes += ask_all(systems, questions, embedder, store="shared", settings=settings)
    report = report_of(outcomes)
    curves = _curves(outcomes, settings) if with_curve else {}
    return dataclasses.replace(report, facts={**report.facts, **curves})


def report_of(outcomes: Sequence[Outcome]) -> Report:
    """Rows, mean and facts of these outcomes."""
    rows = list(_rows(outcomes))
    head = next(row for row in rows if (row["arm"], row["lang"], row["store"]) == ("answer", "all", "own"))
    mean_of = {name: float(value) for name, value in head.items() if isinstance(value, float)}
    own = [outcome for outcome in outcomes if outcome.store == "own"]
    facts = {
        "n": {
            "answerable": sum(bool(outcome.gold) for outcome in own),
            "unanswerable": sum(not outcome.gold for outcome in own),
        },
        "intervals_95": {language: _intervals(_of(own, language)) for language in LANGUAGES if _of(own, language)},
        "answer_minus": {language: _compared(_of(own, language)) for language in LANGUAGES if _of(own, language)},
        "by_system": {name: round(value, 3) for name, value in _by_system(own).items()},
    }
    return Report("questions", rows, mean_of, facts)


def ask_all(
    systems: Sequence[System],
    questions: Sequence[LabelledQuestion],
    embedder: Embedder,
    *,
    store: str,
    settings: AskSettings,
    with_curve: bool = False,
) -> list[Outcome]:
    """Collect the systems' raw lines into one store, mine it, and ask."""
    with tempfile.TemporaryDirectory() as folder, open_trial(Path(folder)) as trial:
        trial.add_files(system.log for system in systems)
        generation = trial.generation(embedder)
        event_of_id = _event_of_id(trial, systems)
        event_of_pattern = _event_of_pattern(trial, generation, event_of_id)
        arms = build_arms(trial, generation, embedder, event_of_id, event_of_pattern)
        by_name = {line_id(*key): event for key, event in event_of_id.items()}

        def answer(question: LabelledQuestion, settings: AskSettings) -> Answer:
            return trial.ask(question.text, generation, embedder, now_ns=READ_NS + LATER_NS, settings=settings)

        def up_to(question: LabelledQuestion) -> float | None:
            return found_up_to(settings, lambda changed: answer(question, changed).verdict == "found")

        outcomes = [_outcome(question, store, answer(question, settings), arms, by_name) for question in questions]
        if not with_curve:
            return outcomes
        return [dataclasses.replace(each, found_up_to=up_to(each.question)) for each in outcomes]


def _outcome(
    question: LabelledQuestion, store: str, answer: Answer, arms: Arms, event_of: Mapping[str, str]
) -> Outcome:
    ranked = first_appearances([arms.event_of_pattern.get(each.pattern_id, "") for each in answer.patterns])
    return Outcome(
        question=question,
        store=store,
        verdict=answer.verdict,
        confidence=answer.confidence,
        rankings={**arms.rank(question.text), "answer": ranked},
        cited=tuple(event_of.get(line.id, "") for line in answer.citations),
    )


def _event_of_id(trial: Trial, systems: Sequence[System]) -> dict[tuple[str, int], str]:
    """`SYSTEM EVENT` of each stored line, by (source, position)."""
    found: dict[tuple[str, int], str] = {}
    for system in systems:
        labels = system.labels_named("original") or system.labels[0]
        for key, row in trial.rows_of(system.log).items():
            if row < len(labels.event_ids):
                found[key] = f"{system.name} {labels.event_ids[row]}"
    return found


def _event_of_pattern(
    trial: Trial, generation: Generation, event_of_id: Mapping[tuple[str, int], str]
) -> dict[str, str]:
    """The event of most of a pattern's lines; of equals the first by name."""
    members = dict(generation.patterns.members.iter_rows())
    counted: dict[str, Counter[str]] = {}
    for frame in trial.store.scan(LineFilter(), ["source", "position", "signature"]):
        for source, position, signature in frame.select("source", "position", "signature").iter_rows():
            event = event_of_id.get((source, position), "")
            counted.setdefault(members.get(signature, ""), Counter())[event] += 1
    return {pattern: min(events, key=lambda event: (-events[event], event)) for pattern, events in counted.items()}


def _rows(outcomes: Sequence[Outcome]) -> Iterator[Row]:
    for store in dict.fromkeys(outcome.store for outcome in outcomes):
        for language in LANGUAGES:
            chosen = _of([outcome for outcome in outcomes if outcome.store == store], language)
            for arm in (*ARMS, "answer"):
                if chosen:
                    yield {"arm": arm, "lang": language, "store": store, "n": len(chosen), **_scores(chosen, arm)}


def _of(outcomes: Sequence[Outcome], language: str) -> list[Outcome]:
    return [each for each in outcomes if language in {"all", each.question.language}]


def _scores(outcomes: Sequence[Outcome], arm: str) -> dict[str, float | None]:
    """Ranks for every arm; verdicts and citations for the answer, which alone has them."""
    answerable = [outcome for outcome in outcomes if outcome.gold]
    ranks: dict[str, float | None] = dict(mean([ranking(each.rankings[arm], each.gold) for each in answerable]))
    return ranks | _answer_scores(outcomes) if arm == "answer" else ranks


def _answer_scores(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Citations of answerable questions that were answered; `abstention`: unanswerable ones not answered `found`;
    `answer_rate`: answerable ones that were.
    """
    answerable = [outcome for outcome in outcomes if outcome.gold]
    unanswerable = [outcome for outcome in outcomes if not outcome.gold]
    found = [outcome for outcome in answerable if outcome.verdict == "found" and outcome.cited]
    return {
        "citation_precision": _share([_precision(outcome) for outcome in found]),
        "citation_recall": _share([len(outcome.gold & set(outcome.cited)) / len(outcome.gold) for outcome in found]),
        "answer_rate": _share([float(outcome.verdict == "found") for outcome in answerable]),
        "abstention": _share([float(outcome.verdict != "found") for outcome in unanswerable]),
    }


def _precision(outcome: Outcome) -> float:
    return sum(event in outcome.gold for event in outcome.cited) / len(outcome.cited)


def _share(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _intervals(outcomes: Sequence[Outcome]) -> dict[str, tuple[float, float]]:
    answerable = [outcome for outcome in outcomes if outcome.gold]
    ranks = [ranking(each.rankings["answer"], each.gold) for each in answerable]
    found = {name: [row[name] for row in ranks] for name in ("hit@1", "hit@5", "mrr")}
    found["answer_rate"] = [float(outcome.verdict == "found") for outcome in answerable]
    found["abstention"] = [float(outcome.verdict != "found") for outcome in outcomes if not outcome.gold]
    return {name: (round(low, 3), round(high, 3)) for name, (low, high) in _bounds(found).items()}


def _curves(outcomes: Sequence[Outcome], settings: AskSettings) -> dict[str, Any]:
    """A fact: the curve of each language that has questions of both kinds, and which threshold is the one used."""
    own = [outcome for outcome in outcomes if outcome.store == "own"]
    found: dict[str, Any] = {"threshold_used": settings.support.pattern_found}
    for language in LANGUAGES:
        answerable = [each.found_up_to for each in _of(own, language) if each.gold]
        unanswerable = [each.found_up_to for each in _of(own, language) if not each.gold]
        if answerable and unanswerable:
            found[language] = curve(answerable, unanswerable, settings)
    return {"abstention_curve": found}


def _bounds(values: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    return {name: interval(each) for name, each in values.items() if each}


def _compared(outcomes: Sequence[Outcome]) -> dict[str, tuple[float, ...]]:
    """MRR of the answer minus that of other arms: difference and its interval, question by question."""
    answerable = [outcome for outcome in outcomes if outcome.gold]
    ours = [ranking(each.rankings["answer"], each.gold)["mrr"] for each in answerable]
    found = {}
    for arm in COMPARED:
        theirs = [ranking(each.rankings[arm], each.gold)["mrr"] for each in answerable]
        found[f"{arm} mrr"] = tuple(round(value, 3) for value in paired_bootstrap(ours, theirs))
    return found


def _by_system(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """MRR of the answer."""
    found: dict[str, list[float]] = {}
    for each in outcomes:
        if each.gold:
            found.setdefault(each.question.system, []).append(ranking(each.rankings["answer"], each.gold)["mrr"])
    return {system: sum(values) / len(values) for system, values in sorted(found.items())}
