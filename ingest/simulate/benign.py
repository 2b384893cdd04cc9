"""What happens on a good day and must not be taken for a fault: deployments, batch jobs, restarts, busy hours.

Under `noise` stands what is too small to have a label: single slow moments, a pool that fills for some seconds.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ingest.simulate.conditions import NS, Conditions
from ingest.simulate.draw import generator
from ingest.simulate.occurrence import Kind, Stage, any_service
from ingest.simulate.shop import Shop

BENIGN: dict[str, Kind] = {}
"""Every kind by name."""


def benign(
    name: str,
    *,
    per_day: float,
    minutes: tuple[float, float],
    nightly: bool = False,
    targets: Callable[[Shop], Sequence[int]] = any_service,
) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Register the decorated function as a kind of benign event that comes this often a day on average."""

    def register(stage: Callable[[Stage], None]) -> Callable[[Stage], None]:
        BENIGN[name] = Kind(
            name,
            stage,
            variants=("plain",),
            silent=frozenset({"plain"}),
            minutes=minutes,
            targets=targets,
            benign=True,
            per_day=per_day,
            nightly=nightly,
        )
        return stage

    return register


@benign("deploy", per_day=2.0, minutes=(2, 4))
def deploy(stage: Stage) -> None:
    """A new version rolls out without harm; right after, its caches are cold and it is a little slower."""
    stage.affects(stage.service, stage.start_ns)
    ready_ns = stage.roll(stage.service, stage.start_ns + 10 * NS)
    stage.conditions.slow(stage.service, [ready_ns, stage.end_ns], [0.02, 0.0])


@benign("batch", per_day=1.5, minutes=(5, 15), nightly=True)
def batch(stage: Stage) -> None:
    """A nightly job goes through a table in one service and slows it by some milliseconds."""
    service = stage.service
    stage.affects(service, stage.start_ns)
    stage.conditions.say(service, "batch_start", [stage.start_ns])
    progress = stage.every(stage.start_ns + NS, stage.end_ns - NS, 4)
    stage.conditions.say(service, "batch_progress", progress, n=range(1, len(progress) + 1))
    took_s = (stage.end_ns - stage.start_ns) // NS
    stage.conditions.say(service, "batch_end", [stage.end_ns], n=[took_s])
    stage.conditions.slow(service, [stage.start_ns, stage.end_ns], [0.015, 0.015])


@benign("restart", per_day=1.0, minutes=(1, 2))
def restart(stage: Stage) -> None:
    """An operator restarts one container; it says that it stops, and is back within seconds."""
    stage.affects(stage.service, stage.start_ns)
    stage.conditions.say(stage.service, "stopping", [stage.start_ns])
    stage.conditions.say(stage.service, "stopped", [stage.start_ns + NS])
    stage.crash(stage.service, stage.start_ns + int(1.1 * NS), down_s=stage.uniform(8, 11))


@benign("promotion", per_day=0.4, minutes=(20, 45))
def promotion(stage: Stage) -> None:
    """More customers than usual; everybody is busier, nobody fails."""
    for service in stage.shop.services:
        stage.affects(service.number, stage.start_ns)
    stage.conditions.load(stage.start_ns, stage.end_ns, factor=stage.uniform(1.6, 2.3))


BLIPS_PER_HOUR = 1.6
"""Short moments in which a service is slow for seconds (a guess): where warnings come from on ordinary days."""


def noise(shop: Shop, conditions: Conditions, seed: int, start_ns: int, end_ns: int) -> None:
    """Blips of an hour that starts at `start_ns`: over before anybody would call them an incident."""
    rng = generator(seed, "noise", start_ns)
    for _ in range(int(rng.poisson(BLIPS_PER_HOUR))):
        service = int(rng.integers(len(shop.services)))
        begin_ns = start_ns + int(rng.random() * (end_ns - start_ns))
        over_ns = begin_ns + int(rng.uniform(5, 25) * NS)
        _blip(shop, conditions, rng, service, begin_ns, over_ns)


def _blip(
    shop: Shop, conditions: Conditions, rng: np.random.Generator, service: int, begin_ns: int, over_ns: int
) -> None:
    callers = shop.callers(service)
    kind = int(rng.integers(6))
    if kind <= 1:
        wait_s = min((call.timeout_s for call in callers.values()), default=1.0)
        conditions.slow(service, [begin_ns, over_ns], [wait_s * 1.3, wait_s * 0.6])
        conditions.say(service, "slow_store", [begin_ns])
    elif kind == 2:
        conditions.say(service, "pool_waiting", [begin_ns, over_ns], n=[int(x) for x in rng.integers(1, 6, 2)])
    elif kind == 3:
        conditions.say(service, "queue_growing", [begin_ns], n=[int(rng.integers(15, 60))])
    elif kind == 4:
        conditions.fail(service, begin_ns, over_ns, share=0.3, key="pool_timeout")
        conditions.say(service, "memory_high", [begin_ns])
    elif callers:
        caller = sorted(callers)[int(rng.integers(len(callers)))]
        conditions.fail(service, begin_ns, over_ns, share=0.4, key="exception")
        conditions.say(caller, "breaker_open", [begin_ns + 5 * NS], peer=service)
        conditions.say(caller, "breaker_closed", [over_ns + 8 * NS], peer=service)
