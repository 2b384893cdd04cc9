"""Faults of the work itself: cold caches, messages that nobody can handle, leaders that change, a provider's limit."""

import polars as pl

from ingest.simulate.conditions import NS
from ingest.simulate.draw import choose
from ingest.simulate.fault_kind import busy_services, fault, patience_s
from ingest.simulate.occurrence import Stage


@fault(
    "cache_stampede",
    variants=("loud", "quiet"),
    silent=("quiet",),
    targets=busy_services,
    shows=("pool_exhaustion",),
)
def cache_stampede(stage: Stage) -> None:
    """A cache is empty at once and everybody asks the store, which gets slow; as the cache fills, it recovers.

    `quiet`: nearly every request tells that it missed the cache and takes longer, and all are answered in time.
    """
    service = stage.service
    quiet = stage.variant == "quiet"
    stage.affects(service, stage.start_ns)
    stage.reaches(stage.start_ns)
    worst_s = patience_s(stage.shop, service) * (0.5 if quiet else 1.1)
    half_ns = (stage.start_ns + stage.end_ns) // 2
    times = [stage.start_ns, stage.start_ns + 8 * NS, half_ns, stage.end_ns]
    stage.conditions.slow(service, times, [0.0, worst_s, worst_s * 0.7, 0.0])
    stage.conditions.tell(service, stage.start_ns, half_ns, share=0.95, key="cache_miss")
    stage.conditions.tell(service, half_ns, stage.end_ns, share=0.5, key="cache_miss")
    stage.conditions.say(service, "refresh", stage.every(stage.start_ns, stage.end_ns, 20))
    if quiet:
        return
    stage.conditions.fail(service, stage.start_ns + 8 * NS, half_ns, share=0.3, key="pool_timeout")
    waiting = stage.every(stage.start_ns, half_ns, 8)
    numbers = [max(1, 60 - 60 * turn // len(waiting)) for turn in range(len(waiting))]
    stage.conditions.say(service, "pool_waiting", waiting, n=numbers)
    stage.conditions.say(service, "slow_store", stage.every(stage.start_ns, half_ns, 9))


@fault("poison_message", variants=("loud", "stuck"), silent=("stuck",), targets=busy_services)
def poison_message(stage: Stage) -> None:
    """What a service does after it has answered waits behind one message that cannot be handled, again and again; once
    that one is set aside, the rest is worked off within seconds.

    `stuck`: the worker says nothing about it: the lines of that work stop, and all come at the end.
    """
    service = stage.service
    action = choose(stage.rng, stage.shop.busy_actions(service))
    order = int(stage.rng.integers(2**40))
    stage.affects(service, stage.start_ns)
    poisoned = ("consume_failed", "redelivered", "dead_lettered")
    if stage.variant == "loud":
        tried = stage.every(stage.start_ns, stage.end_ns, 8)
        stage.conditions.say(service, "consume_failed", tried)
        again = [time_ns - NS // 2 for time_ns in tried[1:]]
        stage.conditions.say(service, "redelivered", again, n=range(2, len(again) + 2))
        growing = stage.every(stage.start_ns, stage.end_ns, 15)
        stage.conditions.say(service, "queue_growing", growing, n=[min(200, 4 + 3 * i) for i in range(len(growing))])
        stage.conditions.say(service, "dead_lettered", [stage.end_ns - NS // 10], n=[len(tried)])
    stage.conditions.say(service, "caught_up", [stage.end_ns + 22 * NS])
    length_ns = stage.end_ns - stage.start_ns

    def hold_back(events: pl.DataFrame) -> pl.DataFrame:
        worked_off_ns = stage.end_ns + NS + (pl.col("time_ns") - stage.start_ns) * 20 * NS // length_ns
        wait_ns = pl.when(stage.written_as(service, action)).then(worked_off_ns - pl.col("time_ns")).otherwise(0)
        item = pl.when(stage.written_as(service, *poisoned)).then(order).otherwise(pl.col("item"))
        return events.with_columns(pl.col("time_ns") + wait_ns, pl.col("stamp_ns") + wait_ns, item.alias("item"))

    stage.conditions.transform(stage.start_ns, stage.end_ns, hold_back)


@fault("leader_flapping", variants=("loud",), targets=busy_services)
def leader_flapping(stage: Stage) -> None:
    """A service loses its lease, gets it back and loses it again; in between nobody may write, and callers fail.

    Where there are replicas the lease moves from one to the other.
    """
    service = stage.service
    stage.affects(service, stage.start_ns)
    stage.reaches(stage.start_ns)
    replicas = stage.shop.services[service].replicas
    term = int(stage.uniform(10, 60))
    lost_ns, leader = stage.start_ns + int(0.1 * NS), 0
    while lost_ns < stage.end_ns - 20 * NS:
        elected_ns = lost_ns + int(stage.uniform(5, 15) * NS)
        stage.conditions.say(service, "lease_slow", [lost_ns - NS // 20], replica=leader)
        stage.conditions.say(service, "lease_lost", [lost_ns], replica=leader)
        stage.conditions.fail(service, lost_ns, elected_ns, share=0.8, key="not_leader")
        leader, term = (leader + 1) % replicas, term + 1
        stage.conditions.say(service, "elected", [elected_ns], n=[term], replica=leader)
        lost_ns = elected_ns + int(stage.uniform(8, 30) * NS)


@fault("dependency_rate_limit", variants=("loud", "quiet"), silent=("quiet",), targets=busy_services)
def dependency_rate_limit(stage: Stage) -> None:
    """A provider outside the shop allows fewer calls a minute: the service waits for its turn, and part of its work
    gets none.

    `quiet`: its client waits without a word, so that after the first seconds of each minute everything takes longer.
    """
    service = stage.service
    stage.affects(service, stage.start_ns)
    wait_s = patience_s(stage.shop, service)
    if stage.variant == "quiet":
        minutes = range(stage.start_ns, stage.end_ns - 60 * NS, 60 * NS)
        times = [begin_ns + at_s * NS for begin_ns in minutes for at_s in (0, 12, 14, 58)]
        stage.conditions.slow(service, times, [wait_s * share for _ in minutes for share in (0.05, 0.05, 0.55, 0.55)])
        stage.reaches(stage.start_ns)
        return
    late_ns = stage.start_ns + int(stage.uniform(40, 120) * NS)
    stage.conditions.slow(service, [stage.start_ns, late_ns, stage.end_ns], [wait_s * 0.3, wait_s * 0.8, wait_s * 0.8])
    stage.conditions.tell(service, stage.start_ns, stage.end_ns, share=0.5, key="throttled")
    stage.conditions.fail(service, late_ns, stage.end_ns, share=0.35, key="quota_gone")
    stage.conditions.say(service, "queue_growing", stage.every(late_ns, stage.end_ns, 20))
    stage.reaches(late_ns)
