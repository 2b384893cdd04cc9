"""One thing that happens to the shop, the kinds of things that can happen, and the stage on which they act."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from ingest.simulate.conditions import NS, Conditions, Restart
from ingest.simulate.draw import generator
from ingest.simulate.shop import Shop


@dataclasses.dataclass(frozen=True)
class Occurrence:
    """A fault or a benign event at its time. `service` is the faulty one. `seed` feeds its own random choices."""

    id: str
    kind: str
    variant: str
    benign: bool
    service: int
    start_ns: int
    end_ns: int
    seed: int


@dataclasses.dataclass(frozen=True)
class Affected:
    """A service that an occurrence touches, and from when."""

    service: int
    onset_ns: int


class Stage:
    """What a kind works with: the shop, the occurrence, random numbers of its own, and the conditions that it changes.

    A kind's function runs again for every part of the span that the occurrence touches, so it may use nothing else.
    """

    def __init__(self, shop: Shop, occurrence: Occurrence, conditions: Conditions) -> None:
        self.shop = shop
        self.occurrence = occurrence
        self.conditions = conditions
        self.service = occurrence.service
        self.variant = occurrence.variant
        self.start_ns = occurrence.start_ns
        self.end_ns = occurrence.end_ns
        self.rng: np.random.Generator = generator(occurrence.seed, "stage")
        self.affected: list[Affected] = []

    def affects(self, service: int, onset_ns: int) -> None:
        """Note for the label that this service deviates from `onset_ns` on. The first one noted is the faulty one."""
        self.affected.append(Affected(service, onset_ns))

    def reaches(self, from_ns: int, *, quiet: bool = False, of: int | None = None) -> None:
        """Note that failures of the service, or of another one, reach its callers and theirs. `quiet`: neither it nor
        they complain.
        """
        source = self.service if of is None else of
        if quiet:
            self.conditions.quiet(source, self.start_ns, self.end_ns + 90 * NS)
        for turn, (caller, _) in enumerate(self.shop.upwards(source)):
            self.affects(caller, from_ns + (turn + 1) * NS // 100)
            if quiet:
                self.conditions.quiet(caller, self.start_ns, self.end_ns + 90 * NS)

    def written_as(self, service: int, *keys: str) -> pl.Expr:
        """Whether an event is one of these messages of the service; for use in a transform, when all are known."""
        numbers = [t.number for t in self.shop.templates if t.service == service and t.key in keys]
        return pl.col("template").is_in(numbers)

    def uniform(self, low: float, high: float) -> float:
        """A number between the two, the same each time this occurrence is staged."""
        return float(self.rng.uniform(low, high))

    def every(self, start_ns: int, end_ns: int, seconds: float) -> list[int]:
        """Times about `seconds` apart."""
        count = max(1, int((end_ns - start_ns) / (seconds * NS)))
        steps = self.rng.uniform(0.5, 1.5, count) * seconds * NS
        times = start_ns + np.cumsum(steps).astype(np.int64) - int(steps[0]) + int(0.3 * NS)
        return [int(time_ns) for time_ns in times if time_ns < end_ns]

    def start_up(self, service: int, ready_ns: int, *, replica: int = 0) -> None:
        """The start-up lines of a new container, the last of them at `ready_ns`."""
        steps = ("starting", "configured", "connected", "migrated", "listening", "ready")
        took_s = self.uniform(2.5, 6)
        marks = np.sort(self.rng.uniform(0, 0.95, len(steps) - 1))
        version = 10 + int(self.uniform(0, 60))
        for step, mark in zip(steps, [*marks, 1.0], strict=True):
            at_ns = ready_ns - int(took_s * (1 - mark) * NS) - NS // 1000
            number = version if step == "starting" else round(took_s)
            self.conditions.say(service, step, [at_ns], n=[number], replica=replica, back=-1)

    def crash(self, service: int, at_ns: int, *, down_s: float, replica: int = 0) -> None:
        """The container is killed at once and another one is ready in the same pod `down_s` later."""
        back_ns = at_ns + int(down_s * NS)
        self.conditions.stop(service, at_ns, back_ns, replica=replica)
        self.conditions.restarts.append(Restart(service, replica, back_ns, new_pod=False))
        self.start_up(service, back_ns, replica=replica)

    def roll(self, service: int, at_ns: int) -> int:
        """A rolling deployment: new pods start, old ones drain, nothing is refused. Returns when the last is ready."""
        for replica in range(self.shop.services[service].replicas):
            self.conditions.restarts.append(Restart(service, replica, at_ns, new_pod=True))
            self.start_up(service, at_ns, replica=replica)
            drained_ns = at_ns + int(self.uniform(3, 9) * NS)
            self.conditions.say(service, "stopping", [at_ns + NS], replica=replica, back=1)
            self.conditions.say(service, "stopped", [drained_ns], replica=replica, back=1)
            at_ns += int(self.uniform(15, 30) * NS)
        return at_ns


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of occurrence: the function that stages it and what a schedule must know of it."""

    name: str
    stage: Callable[[Stage], None]
    variants: tuple[str, ...]
    silent: frozenset[str]
    """The variants that write no warning and no error of their own: lines only stop, change pace or report a start."""
    minutes: tuple[float, float]
    targets: Callable[[Shop], Sequence[int]]
    """Services that can be the faulty one; never empty."""
    benign: bool = False
    per_day: float = 0.0
    nightly: bool = False
    staple: bool = False
    """In every default schedule of faults."""
    shows: frozenset[str] = frozenset()
    """Other kinds that truly happen as part of this one: who asks for them is right to be told of it."""


def any_service(shop: Shop) -> list[int]:
    """All but the gateway."""
    return [service.number for service in shop.services if service.role != "gateway"]


def stage_all(
    shop: Shop, occurrences: Sequence[Occurrence], conditions: Conditions, kinds: dict[str, Kind]
) -> list[tuple[Occurrence, list[Affected]]]:
    """Stage each occurrence; returns whom it affects."""
    staged = []
    for occurrence in occurrences:
        stage = Stage(shop, occurrence, conditions)
        kinds[occurrence.kind].stage(stage)
        staged.append((occurrence, stage.affected))
    return staged
