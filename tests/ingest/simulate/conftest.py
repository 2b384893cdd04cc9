"""Simulations that several test files look at, and plain readers of their files that share nothing with the writer."""

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from ingest.simulate import ALL, FAULTS, Label, Plan, SimulationResult, make_plan, simulate
from ingest.simulate.events import SLICE_NS, make_slice
from ingest.simulate.labels import labels

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
START_NS = 20_700 * DAY_NS
CRI = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) (.*)")
MINUTE_NS = 60_000_000_000
VARIANTS = tuple(f"{kind.name}:{variant}" for kind in FAULTS.values() for variant in kind.variants)
"""Every variant of every kind, as `faults` names it."""
STAPLES = tuple(name for name in VARIANTS if FAULTS[name.partition(":")[0]].staple)


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of a container's file; `whole` says that its line ends here."""

    file: str
    time_ns: int
    text: str
    whole: bool

    @property
    def service(self) -> str:
        return self.file.split("_")[2].rsplit("-", 1)[0]

    @property
    def pod(self) -> str:
        return self.file.split("_")[0]


def nanoseconds(rfc3339: str) -> int:
    seconds, _, fraction = rfc3339.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def read_file(path: Path) -> Iterator[Record]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            assert set(record) == {"log", "stream", "time"}
            yield Record(path.name, nanoseconds(record["time"]), record["log"], record["log"].endswith("\n"))
        else:
            match = CRI.fullmatch(line)
            assert match, line[:200]
            yield Record(path.name, nanoseconds(match[1]), match[4], match[3] == "F")


def read_all(result: SimulationResult) -> list[Record]:
    return [record for path in result.files for record in read_file(path)]


def all_events(plan: Plan) -> pl.DataFrame:
    """Every event of the plan's span with the `key`, `level` and service `name` of its template."""
    slices = range(plan.start_ns // SLICE_NS, -(-plan.end_ns // SLICE_NS))
    events = pl.concat([make_slice(plan, number).events for number in slices])
    templates = pl.DataFrame(
        {
            "template": [t.number for t in plan.shop.templates],
            "key": [t.key for t in plan.shop.templates],
            "level": [t.level for t in plan.shop.templates],
            "name": [plan.shop.services[t.service].name for t in plan.shop.templates],
        },
        schema_overrides={"template": pl.Int32},
    )
    return events.filter(pl.col("time_ns") < plan.end_ns).join(templates, on="template", maintain_order="left")


@cache
def staged(kind: str, seed: int = 2) -> tuple[Label, pl.DataFrame]:
    """The label of one fault in a busy hour and a half, and all events."""
    plan = make_plan(seed=seed, start_ns=START_NS, end_ns=START_NS + 3 * HOUR_NS // 2, lines=40_000, faults=[kind])
    (label,) = [label for label in labels(plan, plan.start_ns, plan.end_ns) if not label.benign]
    return label, all_events(plan)


def during(label: Label, events: pl.DataFrame, *, skip_s: int = 0) -> pl.DataFrame:
    """Stamped while the fault lasts, without its first seconds."""
    return events.filter(pl.col("stamp_ns").is_between(label.start_ns + skip_s * 10**9, label.end_ns, closed="left"))


def before(label: Label, events: pl.DataFrame) -> pl.DataFrame:
    """Stamped before the fault."""
    return events.filter(pl.col("stamp_ns") < label.start_ns)


def usual(label: Label, events: pl.DataFrame, *, skip_s: int = 0) -> float:
    """How many of these events there would be in the fault's time at the pace of the time before it."""
    pace = len(before(label, events)) / (label.start_ns - START_NS)
    return pace * (label.end_ns - label.start_ns - skip_s * 10**9)


def affected(label: Label) -> pl.Expr:
    """Whether an event is of a service that the label names."""
    return pl.col("name").is_in([name for name, _ in label.affected])


COMPLAINT = pl.col("level").is_in(["warn", "error"])


@pytest.fixture(scope="session")
def half_day(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """Twelve hours in which every variant of every staple happens once."""
    folder = tmp_path_factory.mktemp("half-day")
    return simulate(folder, seed=5, start_ns=START_NS, end_ns=START_NS + DAY_NS // 2, lines=70_000, faults=STAPLES)


@pytest.fixture(scope="session")
def half_day_records(half_day: SimulationResult) -> list[Record]:
    return read_all(half_day)


@pytest.fixture(scope="session")
def two_weeks() -> Plan:
    """The default schedule."""
    return make_plan(seed=11, start_ns=START_NS, end_ns=START_NS + 14 * DAY_NS, lines=900_000)


@pytest.fixture(scope="session")
def two_weeks_events(two_weeks: Plan) -> pl.DataFrame:
    return all_events(two_weeks)


@pytest.fixture(scope="session")
def all_kinds() -> Plan:
    """Two weeks with a schedule of all kinds."""
    return make_plan(seed=11, start_ns=START_NS, end_ns=START_NS + 14 * DAY_NS, lines=900_000, faults=[ALL])


@pytest.fixture(scope="session")
def all_kinds_events(all_kinds: Plan) -> pl.DataFrame:
    return all_events(all_kinds)
