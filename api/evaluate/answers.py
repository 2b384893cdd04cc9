"""`dejalog eval answers`: questions asked of simulated shops by the real ask path, every claim judged by the files."""

import dataclasses
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.answer import Answer, answer_json
from api.evaluate.answers_questions import Asked, questions
from api.evaluate.answers_world import ShopSize, ShopWorld, open_shop
from api.evaluate.judge import Judge, read_labels
from api.evaluate.judge_files import PlainLog
from api.evaluate.judge_finding import Judged
from api.evaluate.judge_told import judge_told
from api.evaluate.judge_whole import contradictions, tells_of
from api.llm_answer import names_of
from index.vector import Embedder
from ingest.errors import DamagedError

Tell = Callable[[str, Answer, frozenset[str]], Answer]
"""Has a model tell an answer: the question, the answer without a model, and the services in lower case."""


@dataclasses.dataclass(frozen=True)
class JudgedAnswer:
    """A question, its answer and what the judge says of it."""

    seed: int
    asked: Asked
    answer: dict[str, Any]
    claims: tuple[Judged, ...]
    contradictions: tuple[str, ...]
    told_right: bool | None
    """Whether its opening sentence is about the fault that is asked for, or any is about the line; None where neither
    is asked for.
    """
    inherited: int = 0
    """Sentences of a model that are wrong because the sentence of the answer without it is that they rest on."""

    @property
    def claims_right(self) -> bool:
        """All claims are right, none contradicts another, and it does not claim nothing where there is evidence."""
        return all(claim.outcome == "right" for claim in self.claims) and not self.contradictions and not self.is_empty

    @property
    def verdict_right(self) -> bool | None:
        """None where the labels do not say whether there is an answer."""
        if self.asked.expected == "open":
            return None
        return bool(self.answer["verdict"] == "found") == (self.asked.expected == "found")

    @property
    def is_empty(self) -> bool:
        """It claims nothing though there is evidence."""
        return self.asked.expected == "found" and not self.claims


@dataclasses.dataclass(frozen=True)
class JudgedShop:
    """A shop with its judge, for as long as its store is open."""

    seed: int
    world: ShopWorld
    judge: Judge
    asked: tuple[Asked, ...]
    answered: dict[Asked, dict[str, Any]] = dataclasses.field(default_factory=dict)
    """Answers as JSON that were made already."""

    def answers(self, tell: Tell | None = None) -> Iterator[JudgedAnswer]:
        """Ask and judge; `tell` has a model tell each answer."""
        for asked in self.asked:
            found = self.world.ask(asked.text, now_ns=asked.now_ns)
            self.answered[asked] = answer_json(found)
            plain = as_read(self.answered[asked], asked)
            judged = tuple(self.judge.judge(plain))
            answer, inherited = plain, 0
            if tell is not None:
                answer = as_read(answer_json(tell(asked.text, found, names_of(self.world.generation))), asked)
                right = [claim for claim, one in zip(plain["claims"], judged, strict=True) if one.outcome == "right"]
                known = {claim["text"]: one for claim, one in zip(plain["claims"], judged, strict=True)}
                judged = tuple(self._told(answer, known, right))
                lenient = tuple(self._told(answer, known, plain["claims"]))
                inherited = sum(one.outcome != other.outcome for one, other in zip(judged, lenient, strict=True))
            yield JudgedAnswer(
                self.seed,
                asked,
                answer,
                judged,
                tuple(contradictions(plain)),
                self._told_right(asked, answer),
                inherited,
            )

    def _told(
        self, answer: dict[str, Any], known: Mapping[str, Judged], plain: Sequence[Mapping[str, Any]]
    ) -> Iterator[Judged]:
        """What the model left as it was is judged as such, its own sentences by what they rest on: of `plain`."""
        for claim in answer["claims"]:
            if claim["text"] in known:
                yield known[claim["text"]]
                continue
            cited = [line for each in claim["citations"] if (line := self.judge.line_of(each)) is not None]
            yield judge_told(claim, cited, plain, self.judge.log.services)

    def _told_right(self, asked: Asked, answer: dict[str, Any]) -> bool | None:
        if asked.words:
            return any(asked.words in claim["text"] for claim in answer["claims"])
        meant = [label for label in self.judge.labels if label.kind in asked.kinds]
        return tells_of(answer, meant, asked.want) if meant else None


def judged_shops(seeds: Sequence[int], size: ShopSize, embedder: Embedder) -> Iterator[JudgedShop]:
    """One shop after the other, each in a folder that is removed after it."""
    for seed in seeds:
        with (
            tempfile.TemporaryDirectory(prefix="dejalog-answers-") as folder,
            open_shop(Path(folder), seed=seed, size=size, embedder=embedder) as world,
        ):
            yield judged_shop(seed, world)


def judged_shop(seed: int, world: ShopWorld) -> JudgedShop:
    """Scan the files plainly. Raises DamagedError when the scan does not find what the simulator says it wrote."""
    log = PlainLog(world.files.values())
    written = json.loads((world.folder / "written.json").read_text("utf-8"))["services"]
    if written != log.counts():
        raise DamagedError(f"the plain scan of seed {seed} found {log.counts()}, the simulator wrote {written}")
    labels = read_labels(world.folder / "labels.jsonl")
    judge = Judge(log, labels, {source: path.name for source, path in world.files.items()})
    return JudgedShop(seed, world, judge, tuple(questions(log, labels, world.now_ns)))


def as_read(answer: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """The answer with the services that its question names: its readers know the question."""
    return {**answer, "services": list(asked.services)}


def answer_rows(answers: Sequence[JudgedAnswer]) -> list[dict[str, str | float | int | None]]:
    """A row for each language and for all."""
    rows: list[dict[str, str | float | int | None]] = []
    for language in ("en", "zh", "all"):
        chosen = [one for one in answers if language in {one.asked.language, "all"}]
        outcomes = Counter(claim.outcome for one in chosen for claim in one.claims)
        rows.append(
            {
                "what": "answers",
                "of": language,
                "n": len(chosen),
                "claims_right": _share([one.claims_right for one in chosen]),
                "told_right": _share([one.told_right for one in chosen if one.told_right is not None]),
                "verdict_right": _share([one.verdict_right for one in chosen if one.verdict_right is not None]),
                "empty": sum(one.is_empty for one in chosen),
                "contradictory": sum(bool(one.contradictions) for one in chosen),
                "right": outcomes["right"],
                "wrong": outcomes["wrong"],
                "unjudged": outcomes["unjudged"],
                **findings_right([claim for one in chosen for claim in one.claims]),
            }
        )
    return rows


def form_rows(answers: Sequence[JudgedAnswer]) -> list[dict[str, str | float | int | None]]:
    """A row for each form of sentence."""
    claims = [claim for one in answers for claim in one.claims]
    rows: list[dict[str, str | float | int | None]] = []
    for form in sorted({claim.form for claim in claims}):
        of_form = [claim for claim in claims if claim.form == form]
        outcomes = Counter(claim.outcome for claim in of_form)
        counts = {name: outcomes[name] for name in ("right", "wrong", "unjudged")}
        rows.append({"what": "claims", "of": form or "unknown", "n": len(of_form), **counts, **findings_right(of_form)})
    return rows


def findings_right(claims: Sequence[Judged]) -> dict[str, float | None]:
    """The share of numbers, citations, names, quotes and orders that are right, of those that can be told."""
    shares: dict[str, float | None] = {}
    for what in ("number", "citation", "name", "quote", "order"):
        told = [one.right for claim in claims for one in claim.findings if one.what == what and one.right is not None]
        shares[f"{what}s"] = _share(told)
    return shares


def faults_seen(answers: Sequence[JudgedAnswer]) -> list[str]:
    """What is not right, one line each, for whoever mends it."""
    told = []
    for one in answers:
        where = f"seed {one.seed}, {one.asked.text!r}"
        told += [
            f"{where}: {claim.outcome}: {claim.text} [{claim.faults() or 'a form that is not known'}]"
            for claim in one.claims
            if claim.outcome != "right"
        ]
        told += [f"{where}: {text}" for text in one.contradictions]
        if one.told_right is False:
            told.append(f"{where}: tells of something else than was asked for: {one.answer['answer'][:200]}")
        if one.verdict_right is False or one.is_empty:
            told.append(f"{where}: verdict {one.answer['verdict']}, expected {one.asked.expected}")
    return told


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
