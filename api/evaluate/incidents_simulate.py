"""Incident memory over simulated shops: some kinds of fault happen in each, and all kinds are asked about."""

import dataclasses
import importlib.resources
import itertools
import math
import random
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from api.evaluate.incidents_detect import Alarms, Detected, count_alarms, detect, tells_of
from api.evaluate.incidents_label import Label, of_simulation
from api.evaluate.incidents_world import World, open_world
from index.incident_similar import similar
from index.vector import Embedder
from ingest.errors import InputError
from ingest.simulate import FAULTS, simulate

WINDOWS = 200
"""Labelled faults that are enough: the interval of a rate of .95 is then .03 wide to each side."""
ABSENT_SHARE = 0.3
"""Of the kinds of a shop, and so of the questions: these never happened in it."""
EACH = 2
"""Times that each variant of a kind happens in a shop, so that there is an earlier one."""
HOURS_EACH = 6.0
"""Room for a fault: with more in a day deviating would be the usual course (a guess)."""
LINES_A_MINUTE = 70.0
SERVICES = 10
"""The smallest shop there is."""
AVALANCHE_SERVICES = 3
"""Deviations spread over so many services or more in an avalanche (the glossary)."""
END_NS = 1_790_000_000_000_000_000 // 86_400_000_000_000 * 86_400_000_000_000
DAY_NS = 86_400_000_000_000
QUESTIONS = "incidents_questions.toml"

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Recalled:
    """The incident of one fault, and whether the most similar one before it tells of a fault of the same kind."""

    label: Label
    hit: bool
    same_variant: bool
    """One of the earlier ones is of the same variant: what a silent and a loud variant show has little in common."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """One question in words. `first`: whether the first incident told tells of this kind; None where it never was."""

    kind: str
    language: str
    happened: bool
    verdict: str
    first: bool | None
    text: str = ""

    @property
    def is_right(self) -> bool:
        """Found where it happened, and not where it did not."""
        return (self.verdict == "found") == self.happened


@dataclasses.dataclass(frozen=True)
class ShopResult:
    """What was seen of one seed."""

    seed: int
    found: tuple[Detected, ...]
    alarms: Alarms
    recalled: tuple[Recalled, ...]
    asked: tuple[Asked, ...]
    family_of: Mapping[str, str]
    """Of the incident of each detected fault, by label id."""


def read_seeds(text: str) -> tuple[list[int], bool]:
    """The seeds of `100`, `1-9` or `3,5,8`, and whether they go on: one number alone is where to begin.

    Raises InputError for anything else.
    """
    try:
        if "-" in text:
            first, last = (int(part) for part in text.split("-"))
            return list(range(first, last + 1)), False
        seeds = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"--simulate: {text!r} names no seeds", hint="accepted are 100, 1-9 or 3,5,8") from error
    return seeds, len(seeds) == 1


def read_wordings() -> dict[str, dict[str, list[str]]]:
    """By kind and language."""
    return tomllib.loads(importlib.resources.files("api.evaluate").joinpath(QUESTIONS).read_text("utf-8"))


def kinds_of(faults: Sequence[str]) -> dict[str, list[str]]:
    """By kind the variants to inject: those named (`kind` or `kind:variant`), or all of all kinds.

    Raises InputError for a kind or a variant that is not known, or one without a wording of its question.
    """
    wordings, chosen = read_wordings(), dict[str, list[str]]()
    for name in faults or sorted(FAULTS):
        kind, _, variant = name.partition(":")
        if kind not in FAULTS or (variant and variant not in FAULTS[kind].variants):
            raise InputError(f"--faults: there is no fault {name!r}", hint=f"kinds are {', '.join(sorted(FAULTS))}")
        if kind not in wordings:
            raise InputError(f"nobody wrote how to ask about {kind!r}", hint=f"add it to api/evaluate/{QUESTIONS}")
        variants = chosen.setdefault(kind, [])
        variants += [each for each in ([variant] if variant else FAULTS[kind].variants) if each not in variants]
    return chosen


def run_shops(
    seeds: Sequence[int],
    goes_on: bool,
    faults: Mapping[str, Sequence[str]],
    embedder: Embedder,
    *,
    days: float | None,
    tell: Tell,
) -> list[ShopResult]:
    """One result a seed; going on, seeds from the first one until there are WINDOWS faults."""
    results: list[ShopResult] = []
    windows = 0
    for turn, seed in enumerate(itertools.count(seeds[0]) if goes_on else seeds):
        began = time.monotonic()
        result = _run_shop(seed, present_kinds(seed, turn, faults), faults, embedder, days)
        results.append(result)
        windows += len(result.found)
        tell(f"seed {seed}: {len(result.found)} faults, {windows} so far, {time.monotonic() - began:.0f} s")
        if goes_on and windows >= WINDOWS:
            break
    return results


def present_kinds(seed: int, turn: int, faults: Mapping[str, Sequence[str]]) -> list[str]:
    """The kinds that happen in the shop of a seed; over the turns ABSENT_SHARE of them do not."""
    kinds = sorted(faults)
    if len(kinds) < 2:
        return kinds
    share = ABSENT_SHARE * len(kinds)
    absent = math.floor(share * (turn + 1) + 1e-9) - math.floor(share * turn + 1e-9)
    left_out = random.Random(f"absent {seed}").sample(  # noqa: S311 a draw to repeat
        kinds, min(absent, len(kinds) - 1)
    )
    return [kind for kind in kinds if kind not in left_out]


def schedule(seed: int, present: Sequence[str], faults: Mapping[str, Sequence[str]]) -> list[str]:
    """EACH rounds of all variants of the kinds that happen, each round in an order of its own."""
    once = [f"{kind}:{variant}" for kind in present for variant in faults[kind]]
    drawing = random.Random(f"order {seed}")  # noqa: S311 a draw to repeat
    return [name for _ in range(EACH) for name in drawing.sample(once, len(once))]


def _run_shop(
    seed: int, present: Sequence[str], faults: Mapping[str, Sequence[str]], embedder: Embedder, days: float | None
) -> ShopResult:
    wanted = schedule(seed, present, faults)
    span_ns = int((days if days is not None else max(2.0, len(wanted) * HOURS_EACH / 24)) * DAY_NS)
    with tempfile.TemporaryDirectory(prefix="dejalog-eval-") as folder:
        shop = simulate(
            Path(folder) / "shop",
            seed=seed,
            start_ns=END_NS - span_ns,
            end_ns=END_NS,
            lines=int(span_ns / 60e9 * LINES_A_MINUTE),
            faults=wanted,
            services=SERVICES,
        )
        labels = [of_simulation(label) for label in shop.labels]
        with open_world(shop.files, embedder) as world:
            found = detect(world, labels)
            asked = [
                _ask(world, labels, kind, present, *said)
                for kind in askable(faults, present, labels)
                for said in _wordings(kind)
            ]
            return ShopResult(
                seed=seed,
                found=tuple(found),
                alarms=count_alarms(world, labels),
                recalled=tuple(_recall(world, labels, found)),
                asked=tuple(asked),
                family_of={each.label.id: each.incident.family_id for each in found if each.incident is not None},
            )


def askable(faults: Iterable[str], present: Sequence[str], labels: Iterable[Label] = ()) -> list[str]:
    """The kinds that happened, and those that did not even as part of another: of the rest no answer is wrong.

    Whatever spreads over AVALANCHE_SERVICES is an avalanche too, as the glossary has it.
    """
    shown = {kind for each in present for kind in FAULTS[each].shows}
    if any(not label.benign and len(label.affected) >= AVALANCHE_SERVICES for label in labels):
        shown.add("avalanche")
    return [kind for kind in faults if kind in present or kind not in shown]


def _wordings(kind: str) -> Iterator[tuple[str, str]]:
    for language, texts in read_wordings()[kind].items():
        for text in texts:
            yield language, text


def _recall(world: World, labels: Sequence[Label], found: Sequence[Detected]) -> Iterator[Recalled]:
    """Of the detected faults before which another of the kind was detected. All incidents before it are candidates."""
    faults = [label for label in labels if not label.benign]
    for each in found:
        query = each.incident
        if query is None:
            continue
        earlier = [incident for incident in world.generation.incidents if incident.end_ns <= query.start_ns]
        told = {one.incident_id: [label for label in faults if tells_of(one, label)] for one in earlier}
        same = [one for met in told.values() for one in met if one.kind == each.label.kind]
        if same:
            first = similar(query, earlier, 1)[0].incident.incident_id
            hit = any(label.kind == each.label.kind for label in told[first])
            yield Recalled(each.label, hit, any(label.variant == each.label.variant for label in same))


def _ask(world: World, labels: Sequence[Label], kind: str, present: Sequence[str], language: str, text: str) -> Asked:
    answer = world.ask(text)
    happened = kind in present
    meant = [label for label in labels if label.kind == kind]
    first = None
    if happened:
        first = bool(answer.similar) and any(
            answer.similar[0].incident.start_ns < label.end_ns and label.start_ns < answer.similar[0].incident.end_ns
            for label in meant
        )
    return Asked(kind, language, happened, answer.verdict, first, text)
