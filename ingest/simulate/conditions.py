"""What is not as usual during a stretch of time: slow, stopped, failing or silent services, and lines of its own.

Faults, benign events and the everyday noise all act through this one object; the walk of the requests reads it.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.simulate.shop import Shop

Seconds = npt.NDArray[np.float64]
"""Times in seconds after `Conditions.origin_ns`, one for each request at hand."""
Flags = npt.NDArray[np.bool_]

NS = 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Restart:
    """From `at_ns` on the lines of this replica go to a new container, in a new pod if so."""

    service: int
    replica: int
    at_ns: int
    new_pod: bool


@dataclasses.dataclass(frozen=True)
class Said:
    """Lines that no request causes. `back` counts containers before the one in charge: 1 for one that drains, -1 for
    one that starts and takes over later. Those that start are heard although the replica is stopped.
    """

    template: int
    times_s: Seconds
    n: npt.NDArray[np.int64]
    replica: int
    back: int


@dataclasses.dataclass(frozen=True)
class _Stretch:
    start_s: float
    end_s: float
    value: float = 0.0

    def covers(self, t: Seconds) -> Flags:
        return (t >= self.start_s) & (t < self.end_s)


class Conditions:
    """Empty at first: everything runs as usual. Every method may be called many times; effects add up."""

    def __init__(self, shop: Shop, origin_ns: int) -> None:
        self.shop = shop
        self.origin_ns = origin_ns
        self.restarts: list[Restart] = []
        self.said: list[Said] = []
        self.transforms: list[tuple[int, int, Callable[[pl.DataFrame], pl.DataFrame]]] = []
        self.stopped: list[tuple[int, int | None, int, int]] = []
        """(service, replica or None for all, start_ns, end_ns): nothing is written there."""
        self._slow: dict[int, list[tuple[Seconds, Seconds]]] = {}
        self._down: dict[int, list[_Stretch]] = {}
        self._failing: dict[tuple[int, str], list[tuple[_Stretch, str]]] = {}
        self._skipped: dict[tuple[int, int], list[_Stretch]] = {}
        self._muted: dict[tuple[int, str], list[_Stretch]] = {}
        self._quiet: dict[int, list[_Stretch]] = {}
        self._retries: dict[int, list[_Stretch]] = {}
        self._lost: dict[int, list[tuple[_Stretch, str]]] = {}
        self._far: dict[int, list[_Stretch]] = {}
        self._told: dict[int, list[tuple[_Stretch, str]]] = {}
        self._load: list[_Stretch] = []

    # What may be unusual.

    def slow(self, service: int, times_ns: Sequence[int], seconds: Sequence[float]) -> None:
        """Each step of the service takes this much longer, linear between the given times and nothing outside them."""
        times = np.array([self._s(time_ns) for time_ns in times_ns])
        self._slow.setdefault(service, []).append((times, np.array(seconds, dtype=np.float64)))

    def stop(self, service: int, start_ns: int, end_ns: int, *, replica: int | None = None) -> None:
        """The service, or one replica of it, writes nothing. Calls are refused when no replica is left."""
        self.stopped.append((service, replica, start_ns, end_ns))
        if replica is None or self.shop.services[service].replicas == 1:
            self._down.setdefault(service, []).append(self._stretch(start_ns, end_ns))

    def lose_lines(self, service: int, start_ns: int, end_ns: int) -> None:
        """The service works as usual, but nothing that it writes is kept."""
        self.stopped.append((service, None, start_ns, end_ns))

    def lose_calls(self, service: int, start_ns: int, end_ns: int, *, share: float, key: str) -> None:
        """A share of the calls to the service never arrives there; the caller says `key` about it."""
        self._lost.setdefault(service, []).append((self._stretch(start_ns, end_ns, share), key))

    def far(self, service: int, start_ns: int, end_ns: int, *, seconds: float) -> None:
        """Calls to the service take this much longer to arrive."""
        self._far.setdefault(service, []).append(self._stretch(start_ns, end_ns, seconds))

    def tell(self, service: int, start_ns: int, end_ns: int, *, share: float, key: str) -> None:
        """With a share of its work the service also writes `key`, whether it is quiet or not."""
        self._told.setdefault(service, []).append((self._stretch(start_ns, end_ns, share), key))

    def fail(self, service: int, start_ns: int, end_ns: int, *, share: float, key: str, action: str = "") -> None:
        """A share of the service's work (of one action, if named) ends with the message `key` and a 503."""
        stretch = (self._stretch(start_ns, end_ns, share), key)
        self._failing.setdefault((service, action), []).append(stretch)

    def skip_call(self, caller: int, callee: int, start_ns: int, end_ns: int) -> None:
        """The caller goes on as if it had called."""
        self._skipped.setdefault((caller, callee), []).append(self._stretch(start_ns, end_ns))

    def mute(self, service: int, action: str, start_ns: int, end_ns: int) -> None:
        """The action's own line is not written, because what it reports is not done."""
        self._muted.setdefault((service, action), []).append(self._stretch(start_ns, end_ns))

    def quiet(self, service: int, start_ns: int, end_ns: int) -> None:
        """The service writes no warning and no error about its requests: those that fail only stop."""
        self._quiet.setdefault(service, []).append(self._stretch(start_ns, end_ns))

    def retry_more(self, service: int, start_ns: int, end_ns: int, *, times: int) -> None:
        """The service repeats each failed call this many times more than usual."""
        self._retries.setdefault(service, []).append(self._stretch(start_ns, end_ns, times))

    def load(self, start_ns: int, end_ns: int, *, factor: float) -> None:
        """There are this many times as many requests as usual."""
        self._load.append(self._stretch(start_ns, end_ns, factor))

    def say(
        self,
        service: int,
        key: str,
        times_ns: Iterable[int],
        *,
        n: Iterable[int] = (),
        peer: int | None = None,
        replica: int = 0,
        back: int = 0,
    ) -> None:
        """The service writes this message at these times; `n` fills {n}, else a random number does."""
        times = np.array([self._s(time_ns) for time_ns in times_ns])
        numbers = np.array(list(n), dtype=np.int64)
        numbers = numbers if len(numbers) == len(times) else np.full(len(times), -1, dtype=np.int64)
        self.said.append(Said(self.shop.template(service, key, peer=peer), times, numbers, replica, back))

    def transform(self, start_ns: int, end_ns: int, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Whatever the other methods cannot say: `change` is given the events of the stretch (ingest.simulate.events)
        and returns those that shall be instead.
        """
        self.transforms.append((start_ns, end_ns, change))

    # What the walk asks; one answer for each time.

    def delay_s(self, service: int, t: Seconds) -> Seconds | float:
        """How much longer a step takes."""
        curves = self._slow.get(service)
        if not curves:
            return 0.0
        return sum((np.interp(t, times, by, left=0.0, right=0.0) for times, by in curves), np.zeros(len(t)))

    def is_down(self, service: int, t: Seconds) -> Flags:
        """Whether calls are refused."""
        return _any(self._down.get(service), t)

    def lost(self, service: int, t: Seconds) -> list[tuple[Seconds, str]]:
        """(probability for each time, message of the caller) for each reason why calls do not arrive."""
        return _shares(self._lost.get(service), t)

    def told(self, service: int, t: Seconds) -> list[tuple[Seconds, str]]:
        """(probability for each time, message) for each message beside the usual ones."""
        return _shares(self._told.get(service), t)

    def way_s(self, service: int, t: Seconds) -> Seconds | float:
        """How much longer a call takes to arrive."""
        stretches = self._far.get(service)
        if not stretches:
            return 0.0
        late = np.zeros(len(t))
        for stretch in stretches:
            late[stretch.covers(t)] += stretch.value
        return late

    def is_quiet(self, service: int, t: Seconds) -> Flags:
        """Whether complaints are kept back."""
        return _any(self._quiet.get(service), t)

    def skips(self, caller: int, callee: int, t: Seconds) -> Flags:
        """Whether the call is left out."""
        return _any(self._skipped.get((caller, callee)), t)

    def is_muted(self, service: int, action: str, t: Seconds) -> Flags:
        """Whether the action's own line is left out."""
        return _any(self._muted.get((service, action)), t)

    def failing(self, service: int, action: str, t: Seconds) -> list[tuple[Seconds, str]]:
        """(probability for each time, message) for each reason to fail."""
        reasons = self._failing.get((service, ""), []) + self._failing.get((service, action), [])
        return _shares(reasons, t)

    def extra_retries(self, service: int, t: Seconds) -> npt.NDArray[np.int64]:
        """Retries on top of the usual ones."""
        stretches = self._retries.get(service, [])
        more = sum((stretch.covers(t) * stretch.value for stretch in stretches), np.zeros(len(t)))
        return more.astype(np.int64)

    def load_factor(self, t: Seconds) -> Seconds:
        """By what the usual number of requests is multiplied."""
        factor = np.ones(len(t))
        for stretch in self._load:
            factor[stretch.covers(t)] *= stretch.value
        return factor

    def _s(self, time_ns: int) -> float:
        return (time_ns - self.origin_ns) / NS

    def _stretch(self, start_ns: int, end_ns: int, value: float = 0.0) -> _Stretch:
        return _Stretch(self._s(start_ns), self._s(end_ns), value)


def _shares(reasons: list[tuple[_Stretch, str]] | None, t: Seconds) -> list[tuple[Seconds, str]]:
    return [(np.where(stretch.covers(t), stretch.value, 0.0), key) for stretch, key in reasons or ()]


def _any(stretches: list[_Stretch] | None, t: Seconds) -> Flags:
    covered = np.zeros(len(t), dtype=np.bool_)
    for stretch in stretches or ():
        covered |= stretch.covers(t)
    return covered
