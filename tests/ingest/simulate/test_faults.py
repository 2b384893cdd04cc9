"""Each kind of fault does what it claims, in the lines and in the labels."""

import itertools
import json
from collections import Counter

import polars as pl
import pytest

from ingest.simulate import FAULTS, Label, Plan, SimulationResult, Stage, fault, make_plan
from ingest.simulate.labels import labels
from tests.ingest.simulate.conftest import EVERYTHING, HOUR_NS, START_NS, Record, all_events, nanoseconds

MINUTE_NS = 60_000_000_000
STARTED = ("starting", "configured", "connected", "migrated", "listening", "ready")


def _staged(kind: str, seed: int = 2) -> tuple[Label, pl.DataFrame]:
    """The label of one fault in a busy hour and a half, and all events."""
    plan = make_plan(seed=seed, start_ns=START_NS, end_ns=START_NS + 3 * HOUR_NS // 2, lines=40_000, faults=[kind])
    (label,) = [label for label in labels(plan, plan.start_ns, plan.end_ns) if not label.benign]
    return label, all_events(plan)


def _during(label: Label, events: pl.DataFrame, *, skip_s: int = 0) -> pl.DataFrame:
    return events.filter(pl.col("time_ns").is_between(label.start_ns + skip_s * 10**9, label.end_ns, closed="left"))


def _before(label: Label, events: pl.DataFrame) -> pl.DataFrame:
    return events.filter(pl.col("time_ns") < label.start_ns)


@pytest.mark.parametrize("seed", [2, 3, 9])
def test_an_avalanche_reaches_one_service_after_the_other(seed: int) -> None:
    label, events = _staged("avalanche:loud", seed)
    complaints = _during(label, events).filter(
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
    label, events = _staged("avalanche:loud")
    during, before = _during(label, events), _before(label, events)
    assert len(during.filter(pl.col("key") == "timeout")) > 20
    assert len(before.filter(pl.col("key") == "timeout")) < 10
    answers = during.filter(pl.col("key").is_in(["answered", "failed"]) & (pl.col("name") == label.affected[-1][0]))
    assert answers.filter(pl.col("key") == "failed")["ms"].median() > 1000  # type: ignore[operator]  # a number


@pytest.mark.parametrize(
    "kind", [name for name in EVERYTHING if name.split(":")[1] in FAULTS[name.split(":")[0]].silent]
)
def test_a_silent_fault_writes_no_more_complaints_than_any_other_time(kind: str) -> None:
    label, events = _staged(kind)
    assert label.silent
    complaint = pl.col("level").is_in(["warn", "error"]) & pl.col("name").is_in([name for name, _ in label.affected])
    during = _during(label, events).filter(complaint)
    before = _before(label, events).filter(complaint)
    usual = len(before) / (label.start_ns - START_NS) * (label.end_ns - label.start_ns)
    assert len(during) < 2.5 * usual + 8
    assert len(_during(label, events).filter(pl.col("key") == "defect")) == 0


@pytest.mark.parametrize("kind", ["avalanche:quiet", "pool_exhaustion:quiet", "oom_kill:bare"])
def test_in_a_silent_fault_usual_lines_stop(kind: str) -> None:
    label, events = _staged(kind)
    done = pl.col("key").str.contains(".", literal=True) & (pl.col("name") == label.service)
    during = _during(label, events, skip_s=200).filter(done)
    before = _before(label, events).filter(done)
    usual = len(before) / (label.start_ns - START_NS) * (label.end_ns - label.start_ns - 200 * 10**9)
    if kind == "avalanche:quiet":  # the slow service still finishes; nobody waits for it
        done = pl.col("key").is_in(["answered"]) & (pl.col("name") == label.affected[-1][0])
        during, before = (frame.filter(done) for frame in (_during(label, events, skip_s=200), _before(label, events)))
        usual = len(before) / (label.start_ns - START_NS) * (label.end_ns - label.start_ns - 200 * 10**9)
    assert len(during) < 0.8 * usual


def test_a_retry_storm_multiplies_the_calls_to_the_faulty_service() -> None:
    for variant in ("loud", "quiet"):
        label, events = _staged(f"retry_storm:{variant}")
        work = pl.col("name") == label.service
        usual = len(_before(label, events).filter(work)) / (label.start_ns - START_NS)
        during = len(_during(label, events, skip_s=300).filter(work)) / (label.end_ns - label.start_ns - 300 * 10**9)
        retries = len(_during(label, events).filter(pl.col("key") == "retry"))
        assert retries > 100 if variant == "loud" else retries < 10
        assert during > 1.8 * usual


def test_pool_exhaustion_tells_of_more_and_more_waiting() -> None:
    label, events = _staged("pool_exhaustion:loud")
    waiting = _during(label, events).filter((pl.col("key") == "pool_waiting") & (pl.col("name") == label.service))
    numbers = waiting.sort("time_ns")["n"].to_list()
    assert len(numbers) > 20
    assert numbers[-1] > numbers[0] + 20
    assert len(_during(label, events).filter(pl.col("key") == "pool_timeout")) > 20


@pytest.mark.parametrize("variant", ["trace", "bare"])
def test_an_oom_kill_stops_the_container_and_starts_another(variant: str) -> None:
    label, events = _staged(f"oom_kill:{variant}")
    own = _during(label, events).filter(pl.col("name") == label.service).sort("time_ns")
    starts = own.filter((pl.col("key") == "starting") & (pl.col("replica") == 0))["time_ns"].to_list()
    assert len(starts) >= 2
    for start_ns in starts:
        before = own.filter((pl.col("time_ns") < start_ns) & (pl.col("back") == 0))["time_ns"].max()
        assert start_ns - before > 4 * 10**9
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
    label, events = _staged("bad_deploy:loud")
    defects = events.filter(pl.col("key") == "defect")
    assert len(defects) > 20
    assert defects["name"].unique().to_list() == [label.service]
    assert label.start_ns < defects["time_ns"].min() <= defects["time_ns"].max() < label.end_ns + MINUTE_NS  # type: ignore[operator]  # integers
    own = events.filter(pl.col("name") == label.service)
    for deployed_ns in (label.start_ns, label.end_ns):
        near = own.filter(pl.col("time_ns").is_between(deployed_ns - 10 * 10**9, deployed_ns + 60 * 10**9))
        assert {"starting", "ready", "stopping", "stopped"} <= {*near["key"]}


def test_a_deployment_that_skips_a_step_only_stops_its_lines() -> None:
    label, events = _staged("bad_deploy:skips")
    own = pl.col("name") == label.service
    before = Counter(_before(label, events).filter(own)["key"])
    during = Counter(_during(label, events, skip_s=60).filter(own)["key"])
    vanished = [key for key, count in before.items() if "." in key and count > 50 and during[key] == 0]
    assert len(vanished) == 1


def test_half_of_the_lines_of_each_kind_also_occur_at_other_times(
    two_weeks: Plan, two_weeks_events: pl.DataFrame
) -> None:
    faults = [label for label in labels(two_weeks, two_weeks.start_ns, two_weeks.end_ns) if not label.benign]
    for kind in FAULTS:
        inside = pl.lit(value=False)
        for label in (x for x in faults if x.kind == kind):
            inside |= pl.col("time_ns").is_between(label.start_ns, label.end_ns + 2 * MINUTE_NS)
        elsewhere = two_weeks_events.filter(~inside)["template"].unique()
        complaints = two_weeks_events.filter(inside & pl.col("level").is_in(["warn", "error"]))
        known = complaints["template"].is_in(elsewhere.implode()).mean()
        assert known is not None
        assert known >= 0.5, kind  # type: ignore[operator]  # a share


def test_over_two_weeks_each_kind_comes_back_in_the_same_service_and_variant(two_weeks: Plan) -> None:
    seen = Counter((o.kind, o.variant, o.service) for o in two_weeks.faults)
    for kind in FAULTS:
        assert max(count for (name, _, _), count in seen.items() if name == kind) >= 2
    lengths = [(o.end_ns - o.start_ns) / MINUTE_NS for o in two_weeks.faults]
    assert 5 <= min(lengths) <= max(lengths) <= 20
    avalanches = [o for o in two_weeks.faults if o.kind == "avalanche" and o.variant == "loud"]
    assert len(avalanches) >= 2
    assert 1 <= (two_weeks.end_ns - avalanches[-1].end_ns) / (24 * HOUR_NS) <= 3


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
    assert {f"{x.kind}:{x.variant}" for x in half_day.labels if not x.benign} == set(EVERYTHING)


def test_a_kind_that_is_added_is_scheduled_staged_and_labelled() -> None:
    @fault("clock_stops", minutes=(5, 6))
    def clock_stops(stage: Stage) -> None:
        stage.affects(stage.service, stage.start_ns)
        mine = pl.col("service") == stage.service
        stage.conditions.transform(stage.start_ns, stage.end_ns, lambda events: events.filter(~mine))

    try:
        label, events = _staged("clock_stops")
    finally:
        del FAULTS["clock_stops"]
    assert label.kind == "clock_stops"
    assert len(_during(label, events).filter(pl.col("name") == label.service)) == 0
    assert len(_during(label, events)) > 200
    assert len(_before(label, events).filter(pl.col("name") == label.service)) > 20
