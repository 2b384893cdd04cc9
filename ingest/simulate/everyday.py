"""The small troubles of ordinary days in the words of faults: a lookup that fails once, a full volume, a lost lease.

None lasts longer than seconds or, for cold caches, a minute or two, and none has a label.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from ingest.simulate.conditions import NS, Conditions
from ingest.simulate.draw import choose, generator
from ingest.simulate.occurrence import any_service
from ingest.simulate.shop import Shop

TROUBLES_PER_HOUR = 1.5
"""Over all services (a guess): each trouble comes to each service once in some days."""


@dataclasses.dataclass(frozen=True)
class _Trouble:
    """Where and when one small trouble happens, and what it may use."""

    conditions: Conditions
    rng: np.random.Generator
    service: int
    begin_ns: int
    over_ns: int

    def some(self, low: int, high: int) -> list[int]:
        return [int(self.rng.integers(low, high))]


def everyday(shop: Shop, conditions: Conditions, seed: int, start_ns: int, end_ns: int) -> None:
    """The troubles of the hour that starts at `start_ns`."""
    rng = generator(seed, "everyday", start_ns)
    for _ in range(int(rng.poisson(TROUBLES_PER_HOUR))):
        service = choose(rng, any_service(shop))
        begin_ns = start_ns + int(rng.random() * (end_ns - start_ns))
        over_ns = begin_ns + int(rng.uniform(5, 20) * NS)
        choose(rng, _TROUBLES)(_Trouble(conditions, rng, service, begin_ns, over_ns))


def _lookup(trouble: _Trouble) -> None:
    trouble.conditions.lose_calls(trouble.service, trouble.begin_ns, trouble.over_ns, share=0.3, key="unresolved")


def _handshake(trouble: _Trouble) -> None:
    """A scanner, or one client that has not heard of a new authority."""
    trouble.conditions.say(trouble.service, "certificate_old", [trouble.begin_ns], n=trouble.some(30, 700))
    trouble.conditions.say(trouble.service, "handshake_aborted", [trouble.begin_ns + NS, trouble.over_ns])
    trouble.conditions.lose_calls(trouble.service, trouble.begin_ns, trouble.over_ns, share=0.3, key="handshake_failed")


def _certificate(trouble: _Trouble) -> None:
    """One is renewed in time."""
    trouble.conditions.say(trouble.service, "certificate_old", [trouble.begin_ns], n=trouble.some(30, 700))
    trouble.conditions.say(trouble.service, "certificate_loaded", [trouble.over_ns], n=[90])


def _disk(trouble: _Trouble) -> None:
    """A clean-up comes late."""
    trouble.conditions.say(trouble.service, "disk_high", [trouble.begin_ns], n=trouble.some(85, 100))
    trouble.conditions.fail(trouble.service, trouble.begin_ns, trouble.over_ns, share=0.5, key="write_failed")
    trouble.conditions.say(trouble.service, "disk_freed", [trouble.over_ns])


def _clock(trouble: _Trouble) -> None:
    """The clock is set right by a second or two, and some tokens are as old as they say."""
    trouble.conditions.say(trouble.service, "clock_moved", [trouble.begin_ns], n=trouble.some(1, 4))
    trouble.conditions.fail(trouble.service, trouble.begin_ns, trouble.over_ns, share=0.5, key="token_expired")
    trouble.conditions.say(trouble.service, "clock_set", [trouble.over_ns])


def _processor(trouble: _Trouble) -> None:
    trouble.conditions.say(trouble.service, "cpu_throttled", [trouble.begin_ns, trouble.over_ns])
    trouble.conditions.slow(trouble.service, [trouble.begin_ns, trouble.over_ns], [0.1, 0.1])


def _cold_cache(trouble: _Trouble) -> None:
    cold_ns = trouble.begin_ns + 6 * (trouble.over_ns - trouble.begin_ns)
    trouble.conditions.tell(trouble.service, trouble.begin_ns, cold_ns, share=0.4, key="cache_miss")


def _message(trouble: _Trouble) -> None:
    """It is handled at the second or third try; now and then it is not."""
    trouble.conditions.say(trouble.service, "consume_failed", [trouble.begin_ns])
    trouble.conditions.say(trouble.service, "redelivered", [trouble.begin_ns + NS], n=[2])
    if trouble.rng.random() < 0.3:
        trouble.conditions.say(trouble.service, "dead_lettered", [trouble.over_ns], n=[3])
    trouble.conditions.say(trouble.service, "caught_up", [trouble.over_ns + NS], n=trouble.some(2, 30))


def _lease(trouble: _Trouble) -> None:
    elected_ns = trouble.begin_ns + (trouble.over_ns - trouble.begin_ns) // 4
    trouble.conditions.say(trouble.service, "lease_slow", [trouble.begin_ns - NS // 20])
    trouble.conditions.say(trouble.service, "lease_lost", [trouble.begin_ns])
    trouble.conditions.fail(trouble.service, trouble.begin_ns, elected_ns, share=0.5, key="not_leader")
    trouble.conditions.say(trouble.service, "elected", [elected_ns], n=trouble.some(5, 60))


def _provider(trouble: _Trouble) -> None:
    trouble.conditions.tell(trouble.service, trouble.begin_ns, trouble.over_ns, share=0.6, key="throttled")
    trouble.conditions.fail(trouble.service, trouble.begin_ns, trouble.over_ns, share=0.4, key="quota_gone")


def _handles(trouble: _Trouble) -> None:
    trouble.conditions.say(trouble.service, "handles_high", [trouble.begin_ns], n=trouble.some(800, 900))
    trouble.conditions.say(trouble.service, "memory_high", [trouble.over_ns])


_TROUBLES: tuple[Callable[[_Trouble], None], ...] = (
    _lookup,
    _handshake,
    _certificate,
    _disk,
    _clock,
    _processor,
    _cold_cache,
    _message,
    _lease,
    _provider,
    _handles,
)
