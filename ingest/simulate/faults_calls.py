"""The staple faults: avalanches, storms of retries, pools that run dry, killed containers, bad deployments."""

from ingest.simulate.conditions import NS
from ingest.simulate.draw import choose
from ingest.simulate.fault_kind import busy_leaves, busy_services, fault, patience_s
from ingest.simulate.occurrence import Stage


@fault(
    "avalanche",
    staple=True,
    variants=("loud", "quiet"),
    silent=("quiet",),
    minutes=(10, 18),
    targets=busy_leaves,
    shows=("pool_exhaustion",),
)
def avalanche(stage: Stage) -> None:
    """A leaf gets slow, its callers wait for it until their own workers are all waiting, and so on up to the gateway.

    Each service follows the one before by 12 to 55 seconds; once the gateway is reached, calls time out everywhere.
    `quiet`: nobody complains, requests take long or are given up.
    """
    crowd: list[tuple[int, int | None]] = [(stage.service, None), *stage.shop.upwards(stage.service)]
    most_s = (stage.end_ns - stage.start_ns) / NS * 0.4 / len(crowd)
    gaps = [0.0, *(min(stage.uniform(12, 55), most_s) for _ in crowd[1:])]
    onsets = [stage.start_ns + int(sum(gaps[: i + 1]) * NS) for i in range(len(crowd))]
    full_ns, over_ns = onsets[-1], stage.end_ns - 20 * NS
    for onset_ns, (service, below) in zip(onsets, crowd, strict=True):
        stage.affects(service, onset_ns)
        wait_s = patience_s(stage.shop, service)
        early_s = wait_s * (0.85 if below is None else 0.2)
        late_s = wait_s * (stage.uniform(1.6, 2.4) if below is None else stage.uniform(0.4, 0.9))
        times = [onset_ns, onset_ns + 10 * NS, full_ns + 11 * NS, full_ns + 25 * NS, over_ns, stage.end_ns]
        stage.conditions.slow(service, times, [early_s * 0.3, early_s, early_s, late_s, late_s, 0.0])
        if stage.variant == "quiet":
            stage.conditions.quiet(service, stage.start_ns, stage.end_ns + 30 * NS)
        else:
            _complain_of_crowd(stage, service, below, onset_ns, over_ns)


def _complain_of_crowd(stage: Stage, service: int, below: int | None, onset_ns: int, over_ns: int) -> None:
    key = "slow_store" if below is None else "queue_growing"
    crowd = stage.every(onset_ns, over_ns, 9)
    stage.conditions.say(service, key, crowd, n=[min(200, 20 + 9 * i) for i in range(len(crowd))])
    stage.conditions.say(service, "pool_waiting", stage.every(onset_ns + 2 * NS, over_ns, 15))
    if below is not None and stage.uniform(0, 1) < 0.6:
        opened_ns = onset_ns + int(stage.uniform(20, 60) * NS)
        stage.conditions.say(service, "breaker_open", [opened_ns], peer=below)
        stage.conditions.say(service, "breaker_closed", [stage.end_ns + int(stage.uniform(2, 20) * NS)], peer=below)


@fault("retry_storm", staple=True, variants=("loud", "quiet"), silent=("quiet",), targets=busy_leaves)
def retry_storm(stage: Stage) -> None:
    """A service fails part of its work, its callers repeat each failed call many times, and the load brings it down.

    `quiet`: it only takes a little longer than its callers wait, and they do not tell that they repeat: below there is
    far more traffic, all of it finished, above hardly any answer.
    """
    stage.affects(stage.service, stage.start_ns)
    third_ns = stage.start_ns + (stage.end_ns - stage.start_ns) // 3
    over_ns = stage.end_ns - 15 * NS
    quiet = stage.variant == "quiet"
    stage.reaches(stage.start_ns, quiet=quiet)
    for caller in stage.shop.callers(stage.service):
        stage.conditions.retry_more(caller, stage.start_ns, stage.end_ns, times=4)
    if quiet:
        wait_s = max(call.timeout_s for call in stage.shop.callers(stage.service).values())
        late = [wait_s * 1.1, wait_s * 1.25, wait_s * 1.25, 0.0]
        stage.conditions.slow(stage.service, [stage.start_ns, third_ns, over_ns, stage.end_ns], late)
        return
    wait_s = patience_s(stage.shop, stage.service)
    late = [wait_s * 0.4, wait_s * 0.95, wait_s * 1.05, 0.0]
    stage.conditions.slow(stage.service, [stage.start_ns, third_ns, over_ns, stage.end_ns], late)
    stage.conditions.fail(stage.service, stage.start_ns, third_ns, share=0.35, key="exception")
    stage.conditions.fail(stage.service, third_ns, stage.end_ns, share=0.6, key="exception")
    stage.conditions.say(stage.service, "queue_growing", stage.every(third_ns, stage.end_ns, 12))
    for caller in stage.shop.callers(stage.service):
        stage.conditions.say(caller, "queue_growing", stage.every(third_ns, stage.end_ns, 25))


@fault("pool_exhaustion", staple=True, variants=("loud", "quiet"), silent=("quiet",), targets=busy_services)
def pool_exhaustion(stage: Stage) -> None:
    """Connections leak until none is left: work waits for one, most of it in vain.

    `quiet`: the pool is not watched and the driver waits without end, so the work that needs it is never finished.
    """
    service = stage.service
    stage.affects(service, stage.start_ns)
    empty_ns = stage.start_ns + int(stage.uniform(40, 90) * NS)
    wait_s = patience_s(stage.shop, service)
    quiet = stage.variant == "quiet"
    most_s = wait_s * (30 if quiet else 0.8)
    stage.conditions.slow(
        service, [stage.start_ns, empty_ns, stage.end_ns - NS, stage.end_ns], [0.02, most_s, most_s, 0.0]
    )
    stage.reaches(empty_ns, quiet=quiet)
    if quiet:
        stage.conditions.fail(service, empty_ns, stage.end_ns, share=0.97, key="pool_timeout")
        return
    waiting = stage.every(stage.start_ns, stage.end_ns, 10)
    stage.conditions.say(service, "pool_waiting", waiting, n=[1 + 2 * i for i in range(len(waiting))])
    stage.conditions.fail(service, empty_ns, stage.end_ns, share=0.7, key="pool_timeout")


@fault("oom_kill", staple=True, variants=("trace", "bare"), silent=("bare",), minutes=(6, 14), targets=busy_services)
def oom_kill(stage: Stage) -> None:
    """Memory grows, the kernel kills the container, it starts again, and this repeats until the end.

    `trace`: the runtime notices and writes so before it dies. `bare`: lines stop, then those of a start follow.
    """
    service = stage.service
    growth_s = stage.uniform(50, 110)
    if stage.variant == "trace":
        warned = stage.every(stage.start_ns, stage.start_ns + int(growth_s * NS), 18)
        stage.conditions.say(service, "memory_high", warned)
        stage.conditions.say(service, "collected", [time_ns + NS for time_ns in warned])
        stage.affects(service, stage.start_ns)
    killed_ns = stage.start_ns + int(growth_s * NS)
    if stage.variant == "bare":
        stage.affects(service, killed_ns)
    stage.reaches(killed_ns, quiet=stage.variant == "bare")
    down_s = stage.uniform(12, 25)
    while killed_ns + int(down_s * NS) < stage.end_ns:
        if stage.variant == "trace":
            stage.conditions.say(service, "memory_gone", [killed_ns - int(0.4 * NS), killed_ns - int(0.1 * NS)])
        stage.conditions.stop(service, killed_ns, killed_ns + int(down_s * NS))
        for replica in range(stage.shop.services[service].replicas):
            stage.crash(service, killed_ns, down_s=down_s, replica=replica)
        killed_ns += int((down_s + stage.uniform(40, 80)) * NS)
        down_s = min(120.0, down_s * 2)  # a kubelet doubles its back-off


@fault(
    "bad_deploy", staple=True, variants=("loud", "skips"), silent=("skips",), minutes=(10, 20), targets=busy_services
)
def bad_deploy(stage: Stage) -> None:
    """A new version comes with a defect; at the end the old one is rolled back.

    `loud`: one action fails with an error of its own. `skips`: one step is left out and nobody complains: its lines,
    and those of what it should have called, only stop.
    """
    service = stage.service
    broken_ns = stage.roll(service, stage.start_ns)
    stage.affects(service, stage.start_ns)
    spans = [span for flow in stage.shop.flows for span in flow.root.walk() if span.service == service]
    action = choose(stage.rng, stage.shop.busy_actions(service))
    if stage.variant == "loud":
        stage.conditions.fail(service, broken_ns, stage.end_ns, share=0.9, key="defect", action=action)
        stage.reaches(broken_ns)
    else:
        called = sorted({call.span.service for span in spans if span.action == action for call in span.calls})
        stage.conditions.mute(service, action, broken_ns, stage.end_ns)
        if called:
            missed = choose(stage.rng, called)
            stage.conditions.skip_call(service, missed, broken_ns, stage.end_ns)
            stage.affects(missed, broken_ns)
    stage.roll(service, stage.end_ns)
