"""Faults of what a service stands on: disk, names, certificates, clock, neighbours, memory."""

import polars as pl

from ingest.simulate.conditions import NS
from ingest.simulate.fault_kind import busy_services, fault, patience_s
from ingest.simulate.occurrence import Stage, any_service


@fault("disk_full", variants=("loud", "quiet"), silent=("quiet",), targets=busy_services)
def disk_full(stage: Stage) -> None:
    """A volume fills: first that is only told, then what has to be written fails; what is only read goes on.

    `quiet`: it is the volume that holds the service's logs. It works on, and its lines are lost until there is space.
    """
    service = stage.service
    stage.affects(service, stage.start_ns)
    if stage.variant == "quiet":
        stage.conditions.lose_lines(service, stage.start_ns, stage.end_ns)
        return
    full_ns, freed_ns = stage.start_ns + int(stage.uniform(60, 120) * NS), stage.end_ns - 10 * NS
    warned = stage.every(stage.start_ns, freed_ns, 20)
    stage.conditions.say(service, "disk_high", warned, n=[min(100, 90 + 2 * i) for i in range(len(warned))])
    stage.conditions.say(service, "slow_store", stage.every(full_ns, freed_ns, 25))
    stage.conditions.fail(service, full_ns, freed_ns, share=0.5, key="write_failed")
    stage.conditions.say(service, "disk_freed", [freed_ns])
    stage.reaches(full_ns)


@fault("dns_failure", variants=("loud", "slow"), silent=("slow",), targets=busy_services)
def dns_failure(stage: Stage) -> None:
    """The name of a healthy service is no longer resolved: its callers fail, it hears from nobody and says little.

    `slow`: the first resolver does not answer and the second one does, so that calls arrive late, and nobody complains.
    """
    service = stage.service
    stage.affects(service, stage.start_ns)
    stage.reaches(stage.start_ns)
    if stage.variant == "slow":
        waits_s = patience_s(stage.shop, service) * stage.uniform(0.4, 0.6)
        stage.conditions.far(service, stage.start_ns, stage.end_ns, seconds=waits_s)
        return
    cached_ns = stage.start_ns + int(stage.uniform(15, 40) * NS)
    stage.conditions.lose_calls(service, stage.start_ns, cached_ns, share=0.5, key="unresolved")
    stage.conditions.lose_calls(service, cached_ns, stage.end_ns, share=0.97, key="unresolved")
    _open_breakers(stage, cached_ns)


def _open_breakers(stage: Stage, from_ns: int) -> None:
    """Callers stop to try, some of them, and find out for themselves when all is well again."""
    for caller in stage.shop.callers(stage.service):
        if stage.uniform(0, 1) < 0.6:
            opened_ns = from_ns + int(stage.uniform(1, 15) * NS)
            closed_ns = stage.end_ns + int(stage.uniform(2, 20) * NS)
            stage.conditions.say(caller, "breaker_open", [opened_ns], peer=stage.service)
            stage.conditions.say(caller, "breaker_closed", [closed_ns], peer=stage.service)


@fault("certificate_expiry", variants=("abrupt", "creeping"), targets=busy_services)
def certificate_expiry(stage: Stage) -> None:
    """A service's certificate is past its date: whoever connects turns away, until new pods bring a new certificate.

    `creeping`: connections that are open stay open, so that it takes minutes until nobody gets through.
    """
    service = stage.service
    stage.affects(service, stage.start_ns)
    stage.reaches(stage.start_ns)
    stage.conditions.say(service, "certificate_old", [stage.start_ns], n=[0])
    shares = (0.95,) if stage.variant == "abrupt" else (0.2, 0.45, 0.7, 0.95)
    step_ns = (stage.end_ns - stage.start_ns) // (2 * len(shares))
    marks_ns = [stage.start_ns + turn * step_ns for turn in range(len(shares))]
    for share, from_ns, to_ns in zip(shares, marks_ns, [*marks_ns[1:], stage.end_ns], strict=True):
        stage.conditions.lose_calls(service, from_ns, to_ns, share=share, key="handshake_failed")
    stage.conditions.say(service, "handshake_aborted", stage.every(stage.start_ns, stage.end_ns, 6))
    _open_breakers(stage, marks_ns[-1])
    stage.roll(service, stage.end_ns)
    stage.conditions.say(service, "certificate_loaded", [stage.end_ns - NS], n=[90], back=-1)


@fault("clock_skew", variants=("rejects", "jumps"), silent=("jumps",), targets=busy_services)
def clock_skew(stage: Stage) -> None:
    """A service's own clock is minutes off: the times inside its lines jump and jump back, the runtime's stamps do not.

    `rejects`: it also checks the age of what it is sent, and turns much of it away as too old. `jumps`: nothing else.
    """
    service = stage.service
    off_s = int(stage.uniform(70, 400)) * (1 if stage.uniform(0, 1) < 0.5 else -1)
    stage.affects(service, stage.start_ns)
    if stage.variant == "rejects":
        stage.conditions.say(service, "clock_moved", [stage.start_ns + NS // 2], n=[abs(off_s)])
        stage.conditions.fail(service, stage.start_ns, stage.end_ns, share=0.4, key="token_expired")
        stage.reaches(stage.start_ns)
        stage.conditions.say(service, "clock_set", [stage.end_ns])

    def skew(events: pl.DataFrame) -> pl.DataFrame:
        own = pl.col("service") == service
        off = pl.when(own).then(off_s * NS).otherwise(0)
        age = pl.when(stage.written_as(service, "token_expired")).then(abs(off_s)).otherwise(pl.col("n"))
        return events.with_columns(pl.col("time_ns") + off, age.alias("n"))

    stage.conditions.transform(stage.start_ns, stage.end_ns, skew)


@fault("noisy_neighbour", variants=("quiet", "loud"), silent=("quiet",), targets=busy_services)
def noisy_neighbour(stage: Stage) -> None:
    """A stranger takes the processors of a node: the services there, which need not call each other, get slow together.

    `quiet`: all of them finish, later than usual. `loud`: in waves they are later than their callers wait.
    """
    quiet = stage.variant == "quiet"
    others = [number for number in any_service(stage.shop) if number != stage.service]
    neighbours = [int(number) for number in stage.rng.permutation(others)[: 2 + int(stage.uniform(0, 2))]]
    for turn, service in enumerate([stage.service, *neighbours]):
        onset_ns = stage.start_ns + turn * int(stage.uniform(0.2, 2) * NS)
        stage.affects(service, onset_ns)
        stage.reaches(onset_ns, of=service)
        _starve(stage, service, onset_ns, quiet=quiet)


def _starve(stage: Stage, service: int, onset_ns: int, *, quiet: bool) -> None:
    wait_s = patience_s(stage.shop, service)
    if quiet:
        late_s = wait_s * stage.uniform(0.2, 0.3)
        stage.conditions.slow(service, [onset_ns, onset_ns + 5 * NS, stage.end_ns], [0.0, late_s, late_s])
        return
    crests = stage.every(onset_ns, stage.end_ns, 45)
    times = [time_ns for crest_ns in crests for time_ns in (crest_ns, crest_ns + 15 * NS)]
    stage.conditions.slow(service, times, [wait_s * share for _ in crests for share in (0.1, 1.1)])
    stage.conditions.say(service, "cpu_throttled", stage.every(onset_ns, stage.end_ns, 20))
    stage.conditions.say(service, "collected", stage.every(onset_ns, stage.end_ns, 12))
    stage.conditions.say(service, "queue_growing", stage.every(onset_ns + 10 * NS, stage.end_ns, 40))


@fault("slow_leak", variants=("quiet", "loud"), silent=("quiet",), minutes=(25, 40), targets=busy_services)
def slow_leak(stage: Stage) -> None:
    """Something is never given back: collections come more and more often and each step takes longer, until new pods
    are rolled out.

    `quiet`: nobody is later than its callers wait. `loud`: in the end they are, and memory and handles are watched.
    """
    service = stage.service
    quiet = stage.variant == "quiet"
    length_ns = stage.end_ns - stage.start_ns
    most_s = patience_s(stage.shop, service) * (0.5 if quiet else 1.4)
    parts = [turn / 8 for turn in range(9)]
    times = [stage.start_ns + int(length_ns * part) for part in parts]
    stage.conditions.slow(service, times, [most_s * part**2 for part in parts])
    stage.affects(service, stage.start_ns)
    for turn in range(4):
        quarter_ns = stage.start_ns + length_ns * turn // 4
        stage.conditions.say(service, "collected", stage.every(quarter_ns, quarter_ns + length_ns // 4, 40 / 2**turn))
    half_ns = stage.start_ns + length_ns // 2
    stage.reaches(half_ns if quiet else stage.start_ns + length_ns * 3 // 4)
    if not quiet:
        stage.conditions.say(service, "memory_high", stage.every(half_ns, stage.end_ns, 30))
        handles = stage.every(half_ns, stage.end_ns, 45)
        stage.conditions.say(service, "handles_high", handles, n=[820 + 6 * i for i in range(len(handles))])
    stage.roll(service, stage.end_ns)
