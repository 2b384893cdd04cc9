"""What a process depends on and how each stands: what `/readyz` tells, and `dejalog_dependency_…` of `/metrics`."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingest.trouble import Trouble

LOOK_AGE_S = 1.0
"""How old a look may be that is shown again: probes and scrapers must not multiply requests. A guess."""
START = "start"
"""What the process itself is not done with yet is told under this name."""
Need = Literal["nothing", "reading", "writing"]
"""What a process wants of a dependency to do its work at all."""


@dataclasses.dataclass(frozen=True)
class Dependency:
    """`look` returns within seconds and raises nothing."""

    name: str
    need: Need
    look: Callable[[], Trouble]


@dataclasses.dataclass(frozen=True)
class Standing:
    """How a dependency stood when it was last looked at."""

    name: str
    state: Literal["ok", "degraded", "failed"]
    reason: str
    is_needed: bool
    """Whether the process cannot do its work without it; false for one that only refuses what is not wanted of it."""

    @property
    def is_blocking(self) -> bool:
        """Whether the process cannot do its work now because of it."""
        return self.is_needed and self.state != "ok"


class Readiness:
    """Looks at the dependencies of a process, all at once; safe to ask from many threads."""

    def __init__(self, dependencies: Sequence[Dependency] = (), *, starting: Callable[[], str] = str) -> None:
        """`starting` tells what the process itself is not done with yet; empty when it is."""
        self._dependencies = tuple(dependencies)
        self._starting = starting
        self._lock = threading.Lock()
        self._looked: tuple[float, tuple[Standing, ...]] | None = None

    def standings(self) -> tuple[Standing, ...]:
        """All of them, in the order in which they were named; what is being started comes first."""
        waiting = self._starting()
        begun = (Standing(START, "failed", waiting, is_needed=True),) if waiting else ()
        return begun + self._look()

    def _look(self) -> tuple[Standing, ...]:
        with self._lock:
            if self._looked is None or time.monotonic() - self._looked[0] > LOOK_AGE_S:
                with ThreadPoolExecutor(max(len(self._dependencies), 1)) as looking:
                    troubles = looking.map(lambda each: each.look(), self._dependencies)
                    found = tuple(map(_standing, self._dependencies, troubles))
                self._looked = (time.monotonic(), found)
            return self._looked[1]


def _standing(dependency: Dependency, trouble: Trouble) -> Standing:
    state: Literal["ok", "degraded", "failed"] = "failed" if trouble.fails else "degraded" if trouble.refuses else "ok"
    is_needed = dependency.need == "writing" or (dependency.need == "reading" and state != "degraded")
    return Standing(dependency.name, state, trouble.fails or trouble.refuses, is_needed)


class ReadinessCollector(Collector):
    """The same for Prometheus."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Made from one look."""
        up = GaugeMetricFamily("dejalog_dependency_up", "Whether it answers.", labels=["dependency"])
        writable = GaugeMetricFamily("dejalog_dependency_writable", "Whether it takes writes.", labels=["dependency"])
        for each in self._readiness.standings():
            up.add_metric([each.name], float(each.state != "failed"))
            writable.add_metric([each.name], float(each.state == "ok"))
        yield from (up, writable)
