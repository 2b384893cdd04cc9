"""How general mining is: rules and thresholds chosen on all labelled systems but one, scored on that one, in turn.

    python -m bench.mining_leave_one_out LOGHUB FILE     keep the result in FILE (docs/results has the last)

What is chosen by is the mean of GA, PA, FGA and FTA over contents and raw lines, corrected labels. Two starts: `plain`
(all rules off) and `shipped`. Beside that what each rule of the shipped settings is worth: what is lost without it.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from api.evaluate.loghub import Labels, System, read_systems
from api.evaluate.metrics import mean
from api.evaluate.mining import METRICS, assigned, first_lines, scores
from api.evaluate.report import Report, Row, keep
from api.evaluate.trial import open_trial
from api.service_log import start_quiet_log
from bench.mining_choices import (
    GRID,
    LEAST_GAIN,
    Scores,
    alternatives,
    choose,
    difference,
    plain,
    threshold,
    with_least,
    without,
)
from index.pattern_mask import tokens
from index.pattern_mine import mine_patterns
from index.pattern_settings import MASK_RULES, MERGE_RULES, SHIPPED, MergeSettings, PatternSettings

WORKERS = 2
TOLD_EVERY = 100
INPUTS = ("content", "raw")
Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Case:
    """One system's lines as one kind of input, ready to be mined."""

    system: str
    input: str
    labels: Labels
    signatures: pl.DataFrame
    """As a store gives them, one row each."""
    of_line: pl.Series
    """The signature of each labelled line."""


def read_cases(systems: Sequence[System]) -> list[Case]:
    """Both kinds of input of every system. Raw lines go through receiver and store, once."""
    return [case for system in systems for case in (_of_contents(system), _of_raw(system))]


def _of_contents(system: System) -> Case:
    lines = first_lines(system.contents)
    signatures = lines.unique("signature", keep="first", maintain_order=True)
    return Case(system.name, "content", system.labels[0], signatures, lines["signature"])


def _of_raw(system: System) -> Case:
    with tempfile.TemporaryDirectory() as folder, open_trial(Path(folder)) as trial:
        trial.add_files([system.log])
        of_row = trial.signatures_by_row(system.log)
        of_line = pl.Series("signature", [of_row[row] for row in range(len(system.contents))], dtype=pl.UInt64)
        return Case(system.name, "raw", system.labels[0], trial.store.signatures(), of_line)


class Scorer:
    """Metrics of any settings, each computed once; settings that mask a system alike are mined once."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        self._known: dict[tuple[str, str, int, MergeSettings], Metrics] = {}

    def __call__(self, settings: PatternSettings) -> dict[tuple[str, str], Metrics]:
        """By system and input."""
        return {(case.system, case.input): self._score(case, settings) for case in self._cases}

    def _score(self, case: Case, settings: PatternSettings) -> Metrics:
        masked = hash(tuple(tokens(message, settings.mask) for message in case.signatures["message"]))
        key = (case.system, case.input, masked, settings.merge)
        if key not in self._known:
            found = assigned(mine_patterns(case.signatures, (), settings), case.of_line)
            self._known[key] = {name: scores(case.labels, found)[name] for name in METRICS}
        return self._known[key]


_scorer: list[Scorer] = []
"""Of a worker process: one, which keeps what it has computed."""


def _start_worker(cases: Sequence[Case]) -> None:
    start_quiet_log()
    _scorer.append(Scorer(cases))


def _score_in_worker(settings: PatternSettings) -> dict[tuple[str, str], Metrics]:
    return _scorer[0](settings)


class Search:
    """Scores by workers, each settings asked for once. `tell` is told how many were tried so far."""

    def __init__(
        self,
        run: Callable[[Sequence[PatternSettings]], Sequence[Mapping[tuple[str, str], Metrics]]],
        tell: Callable[[str], None],
    ) -> None:
        self._run = run
        self._tell = tell
        self.known: dict[PatternSettings, Mapping[tuple[str, str], Metrics]] = {}

    def metrics(self, settings: PatternSettings) -> Mapping[tuple[str, str], Metrics]:
        """By system and input."""
        self.scores([settings])
        return self.known[settings]

    def scores(self, wanted: Sequence[PatternSettings]) -> list[Scores]:
        """By system: the mean of the four metrics over both inputs."""
        new = [each for each in dict.fromkeys(wanted) if each not in self.known]
        self.known.update(zip(new, self._run(new), strict=True))
        if new and len(self.known) // TOLD_EVERY > (len(self.known) - len(new)) // TOLD_EVERY:
            self._tell(f"{len(self.known)} settings tried")
        return [_by_system(self.known[each]) for each in wanted]


def _by_system(metrics: Mapping[tuple[str, str], Metrics]) -> Scores:
    found: dict[str, list[float]] = {}
    for (system, _), each in metrics.items():
        found.setdefault(system, []).extend(each[name] for name in METRICS)
    return {system: sum(values) / len(values) for system, values in found.items()}


def leave_one_out(systems: Sequence[str], search: Search) -> Report:
    """The report over these systems. Its mean is over contents, then over raw lines, of what was chosen from the plain
    start without the system; and of the shipped settings.
    """
    folds = {held_out: [each for each in systems if each != held_out] for held_out in systems}
    chosen = {"shipped": dict.fromkeys(systems, SHIPPED)}
    chosen["held out, thresholds only"] = choose(with_least(SHIPPED), folds, search.scores, tuple(GRID))
    chosen["held out, plain start"] = choose(plain(), folds, search.scores)
    chosen["held out, shipped start"] = choose(SHIPPED, folds, search.scores)
    on_all = choose(plain(), {"all": systems}, search.scores)["all"]
    rows = list(_held_out_rows(systems, chosen, search))
    shown = {
        arm.replace("held out", "chosen"): {system: difference(each) for system, each in by_system.items()}
        for arm, by_system in chosen.items()
        if arm != "shipped"
    }
    facts = {
        "n": {"systems": len(systems), "settings_tried": len(search.known)},
        "means": {f"{arm}, {kind}": _rounded(_mean_of(rows, arm, kind)) for arm in chosen for kind in INPUTS},
        "chosen_is_told_against": "shipped: -rule is off, +rule is on, threshold=value",
        **shown,
        "chosen, plain start, all systems": {"difference": difference(on_all), **_gains(systems, search, on_all)},
        "rules": {rule: told for rules in (MASK_RULES, MERGE_RULES) for rule, told in rules.items()},
    }
    gains = [*_without_rows(systems, search), *_threshold_rows(systems, search)]
    return Report("mining_leave_one_out", [*rows, *gains], _headline(rows), facts)


def _held_out_rows(
    systems: Sequence[str], chosen: Mapping[str, Mapping[str, PatternSettings]], search: Search
) -> Iterator[Row]:
    for kind in INPUTS:
        for system in systems:
            for arm, by_system in chosen.items():
                found = search.metrics(by_system[system])[system, kind]
                yield {"part": "held out", "system": system, "arm": arm, "input": kind, **found}


def _headline(rows: Sequence[Row]) -> Metrics:
    found = {}
    for arm, before in (("held out, plain start", ""), ("shipped", "shipped ")):
        for kind in INPUTS:
            for name, value in _mean_of(rows, arm, kind).items():
                found[f"{before}{'raw ' if kind == 'raw' else ''}{name}"] = value
    return found


def _mean_of(rows: Sequence[Row], arm: str, kind: str) -> Metrics:
    chosen = [row for row in rows if (row["arm"], row["input"]) == (arm, kind)]
    return mean([{name: float(row[name] or 0) for name in METRICS} for row in chosen])


def _without_rows(systems: Sequence[str], search: Search) -> Iterator[Row]:
    """What each rule is worth: the shipped settings without it."""
    rules = (*MASK_RULES, *MERGE_RULES)
    search.scores([without(SHIPPED, rule) for rule in rules])
    for rule in rules:
        yield {"part": "without a rule", "rule": rule, **_gains(systems, search, without(SHIPPED, rule))}


def _threshold_rows(systems: Sequence[str], search: Search) -> Iterator[Row]:
    """What each other value of each threshold would gain."""
    for name in GRID:
        for settings in alternatives(SHIPPED, name):
            if settings != SHIPPED:
                changed = f"{name} {threshold(SHIPPED, name)} -> {threshold(settings, name)}"
                yield {"part": "another threshold", "threshold": changed, **_gains(systems, search, settings)}


def _gains(systems: Sequence[str], search: Search, settings: PatternSettings) -> dict[str, float]:
    """Against the shipped settings, over all systems: of the mean of the four metrics by input, and how many systems
    gain and lose.
    """
    now, shipped = search.metrics(settings), search.metrics(SHIPPED)
    by_input = {
        f"gain {kind}": sum(_four(now[each, kind]) - _four(shipped[each, kind]) for each in systems) / len(systems)
        for kind in INPUTS
    }
    (new, old) = search.scores([settings, SHIPPED])
    changes = [new[each] - old[each] for each in systems]
    counts = {
        "systems gain": sum(each > LEAST_GAIN for each in changes),
        "lose": sum(each < -LEAST_GAIN for each in changes),
    }
    return _rounded(by_input) | counts


def _four(metrics: Metrics) -> float:
    return sum(metrics[name] for name in METRICS) / len(METRICS)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def run(folder: Path, tell: Callable[[str], None], *, workers: int = WORKERS) -> Report:
    """Read, choose and score by so many processes."""
    systems = read_systems(folder)
    cases = read_cases(systems)
    with concurrent.futures.ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(cases,)
    ) as pool:
        search = Search(lambda wanted: list(pool.map(_score_in_worker, wanted)), tell)
        return leave_one_out([system.name for system in systems], search)


if __name__ == "__main__":
    start_quiet_log()
    keep(run(Path(sys.argv[1]), lambda text: print(text, file=sys.stderr)), Path(sys.argv[2]))
