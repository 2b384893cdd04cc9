"""Each staple does what it claims, in the lines and in the labels; and what belongs to a good day."""

import itertools
import json
from collections import Counter

import polars as pl
import pytest

from ingest.simulate import FAULTS, Plan, SimulationResult, Stage, fault
from ingest.simulate.labels import labels
from tests.ingest.simulate.conftest import MINUTE_NS, STAPLES, Record, before, during, nanoseconds, staged, usual

STARTED = ("starting", "configured", "connected", "migrated", "listening", "ready")


@pytest.mark.parametrize("seed", [2, 3, 9])
def test_an_avalanche_reaches_one_service_after_the_other(seed: int) -> None:
    label, events = staged("avalanche:loud", seed)
    complaints = during(label, events).filter(
        pl.col("key").is_in(["slow_store", "queue_growing", "pool_waiting", "timeout"])
    )
    first = dict(complaints.group_by("name").agg(pl.col("time_ns").min()).rows())
    onset = dict(label.affected)
    assert len(onset) >= 3
    assert next(iter(onset)) == label.service
    assert sorted(onset, key=lambda name: onset[name]) == sorted(onset, key=lambda name: first[name])
    assert all(0 <= first[name] - at < 15 * 10**9 for name, at in onset.items())
    gaps = [b - a for a, b in itertools.pairwise(onset.values())]
    assert all(5 * 10**9 < gap < 60 * 10**9 for gap in gaps)


def test_in_an_avalanche_callers_time_out_and_the_gateway_fails() -> None:
    label, events = staged("avalanche:loud")
    late, early = during(label, events), before(label, events)
    assert len(late.filter(pl.col("key") == "timeout")) > 20
    assert len(early.filter(pl.col("key") == "timeout")) < 10
    answers = late.filter(pl.col("key").is_in(["answered", "failed"]) & (pl.col("name") == label.affected[-1][0]))
    assert answers.filter(pl.col("key") == "failed")["ms"].median() > 1000  # type: ignore[operator]  # a number


@pytest.mark.parametrize("kind", ["avalanche:quiet", "pool_exhaustion:quiet", "oom_kill:bare"])
def test_in_a_silent_fault_usual_lines_stop(kind: str) -> None:
    label, events = staged(kind)
    done = events.filter(pl.col("key").str.contains(".", literal=True) & (pl.col("name") == label.service))
    if kind == "avalanche:quiet":  # the slow service still finishes; nobody waits for it
        done = events.filter((pl.col("key") == "answered") & (pl.col("name") == label.affected[-1][0]))
    assert len(during(label, done, skip_s=200)) < 0.8 * usual(label, done, skip_s=200)


def test_a_retry_storm_multiplies_the_calls_to_the_faulty_service() -> None:
    for variant in ("loud", "quiet"):
        label, events = staged(f"retry_storm:{variant}")
        work = events.filter(pl.col("name") == label.service)
        retries = len(during(label, events).filter(pl.col("key") == "retry"))
        assert retries > 100 if variant == "loud" else retries < 10
        assert len(during(label, work, skip_s=300)) > 1.8 * usual(label, work, skip_s=300)


def test_pool_exhaustion_tells_of_more_and_more_waiting() -> None:
    label, events = staged("pool_exhaustion:loud")
    waiting = during(label, events).filter((pl.col("key") == "pool_waiting") & (pl.col("name") == label.service))
    numbers = waiting.sort("time_ns")["n"].to_list()
    assert len(numbers) > 20
    assert numbers[-1] > numbers[0] + 20
    assert len(during(label, events).filter(pl.col("key") == "pool_timeout")) > 20


@pytest.mark.parametrize("variant", ["trace", "bare"])
def test_an_oom_kill_stops_the_container_and_starts_another(variant: str) -> None:
    label, events = staged(f"oom_kill:{variant}")
    own = during(label, events).filter(pl.col("name") == label.service).sort("time_ns")
    starts = own.filter((pl.col("key") == "starting") & (pl.col("replica") == 0))["time_ns"].to_list()
    assert len(starts) >= 2
    for start_ns in starts:
        last_ns = own.filter((pl.col("time_ns") < start_ns) & (pl.col("back") == 0))["time_ns"].max()
        assert start_ns - last_ns > 4 * 10**9
    assert {*STARTED} <= {*own["key"]}
    assert ("memory_gone" in {*own["key"]}) == (variant == "trace")


def test_a_killed_container_goes_on_in_a_new_file_of_the_same_pod(
    half_day: SimulationResult, half_day_records: list[Record]
) -> None:
    (label,) = [x for x in half_day.labels if x.kind == "oom_kill" and x.variant == "trace"]
    files = Counter(
        (record.pod, record.file)
        for record in half_day_records
        if record.service == label.service and label.start_ns <= record.time_ns < label.end_ns
    )
    assert len({pod for pod, _ in files}) == 1
    assert len(files) >= 3


def test_a_bad_deployment_fails_in_new_words_until_it_is_rolled_back() -> None:
    label, events = staged("bad_deploy:loud")
    defects = events.filter(pl.col("key") == "defect")
    assert len(defects) > 20
    assert defects["name"].unique().to_list() == [label.service]
    assert label.start_ns < defects["time_ns"].min() <= defects["time_ns"].max() < label.end_ns + MINUTE_NS  # type: ignore[operator]  # integers
    own = events.filter(pl.col("name") == label.service)
    for deployed_ns in (label.start_ns, label.end_ns):
        near = own.filter(pl.col("time_ns").is_between(deployed_ns - 10 * 10**9, deployed_ns + 60 * 10**9))
        assert {"starting", "ready", "stopping", "stopped"} <= {*near["key"]}


def test_a_deployment_that_skips_a_step_only_stops_its_lines() -> None:
    label, events = staged("bad_deploy:skips")
    own = pl.col("name") == label.service
    early = Counter(before(label, events).filter(own)["key"])
    late = Counter(during(label, events, skip_s=60).filter(own)["key"])
    vanished = [key for key, count in early.items() if "." in key and count > 50 and late[key] == 0]
    assert len(vanished) == 1


def test_several_benign_events_happen_every_day_and_none_during_a_fault(two_weeks: Plan) -> None:
    found = labels(two_weeks, two_weeks.start_ns, two_weeks.end_ns)
    benign = [label for label in found if label.benign]
    assert len(benign) >= 2 * 14
    assert {label.kind for label in benign} == {"deploy", "batch", "restart", "promotion"}
    for event in benign:
        assert all(event.end_ns < x.start_ns or x.end_ns < event.start_ns for x in found if not x.benign)


def test_the_labels_file_says_the_same_as_the_result(half_day: SimulationResult) -> None:
    records = [json.loads(line) for line in (half_day.folder / "labels.jsonl").read_text().splitlines()]
    assert Counter(record["id"] for record in records) == Counter(label.id for label in half_day.labels)
    by_id = {label.id: label for label in half_day.labels}
    for record in records:
        label = by_id[record["id"]]
        assert abs(nanoseconds(record["start"]) - label.start_ns) < 10**6
        assert [one["service"] for one in record["affected"]] == [name for name, _ in label.affected]
        assert record["affected"][0]["service"] == record["service"] or record["kind"] == "promotion"
    assert {f"{x.kind}:{x.variant}" for x in half_day.labels if not x.benign} == set(STAPLES)


def test_a_kind_that_is_added_is_scheduled_staged_and_labelled() -> None:
    @fault("clock_stops", minutes=(5, 6))
    def clock_stops(stage: Stage) -> None:
        stage.affects(stage.service, stage.start_ns)
        mine = pl.col("service") == stage.service
        stage.conditions.transform(stage.start_ns, stage.end_ns, lambda events: events.filter(~mine))

    try:
        label, events = staged.__wrapped__("clock_stops")
    finally:
        del FAULTS["clock_stops"]
    assert label.kind == "clock_stops"
    assert len(during(label, events).filter(pl.col("name") == label.service)) == 0
    assert len(during(label, events)) > 200
    assert len(before(label, events).filter(pl.col("name") == label.service)) > 20
