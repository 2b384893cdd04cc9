"""What holds for every kind of fault in the registry, and for the schedules that are drawn from it."""

from collections import Counter

import polars as pl
import pytest

from ingest.simulate import FAULTS, Plan, make_plan
from ingest.simulate.labels import labels
from ingest.simulate.shop import phrases
from tests.ingest.simulate.conftest import (
    COMPLAINT,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    START_NS,
    VARIANTS,
    affected,
    all_events,
    before,
    during,
    staged,
    usual,
)

SILENT = [name for name in VARIANTS if name.partition(":")[2] in FAULTS[name.partition(":")[0]].silent]
LOUD = [name for name in VARIANTS if name not in SILENT]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_label_names_the_faulty_service_first_and_the_others_by_onset(name: str) -> None:
    label, _ = staged(name)
    onsets = [onset_ns for _, onset_ns in label.affected]
    assert f"{label.kind}:{label.variant}" == name
    assert label.silent == (name in SILENT)
    assert label.affected[0][0] == label.service
    assert onsets == sorted(onsets)
    assert label.start_ns <= onsets[0] <= onsets[-1] < label.end_ns


@pytest.mark.parametrize("name", VARIANTS)
def test_a_fault_can_be_seen_in_the_lines_of_the_services_it_names(name: str) -> None:
    label, events = staged(name)
    events = events.filter(affected(label))
    early, late = before(label, events), during(label, events, skip_s=60)
    own = events.filter((pl.col("name") == label.service) & ~COMPLAINT)
    signs = {
        "complaints": len(late.filter(COMPLAINT)) > 3 * usual(label, events.filter(COMPLAINT), skip_s=60) + 8,
        "fewer": len(during(label, own, skip_s=60)) < 0.85 * usual(label, own, skip_s=60),
        "more": len(during(label, own, skip_s=60)) > 1.15 * usual(label, own, skip_s=60),
        "slower": _slowest_rise(early, late) > 1.6,
        "clock": len(late.filter((pl.col("time_ns") - pl.col("stamp_ns")).abs() > 10**9)) > 0,
    }
    assert any(signs.values())
    assert signs["complaints"] == (name in LOUD)


def _slowest_rise(early: pl.DataFrame, late: pl.DataFrame) -> float:
    """By how much the service that slowed down most reports longer times in a usual message."""
    medians = [
        frame.filter(~COMPLAINT & (pl.col("trace") != "")).group_by("template").agg(pl.col("ms").mean(), pl.len())
        for frame in (early, late)
    ]
    both = medians[0].join(medians[1], on="template").filter((pl.col("len") > 20) & (pl.col("len_right") > 5))
    return float(both.select((pl.col("ms_right") / (pl.col("ms") + 5)).max()).item() or 0.0)


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("seed", [2, 3])
def test_a_silent_fault_writes_no_more_complaints_than_any_other_time(name: str, seed: int) -> None:
    label, events = staged(name, seed)
    complaints = events.filter(COMPLAINT & affected(label))
    assert len(during(label, complaints)) < 2.5 * usual(label, complaints) + 8
    assert len(during(label, events).filter(pl.col("key") == "defect")) == 0


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_half_of_the_complaints_of_each_kind_are_also_written_at_other_times(
    kind: str, all_kinds: Plan, all_kinds_events: pl.DataFrame
) -> None:
    stretch, own = pl.lit(value=False), pl.lit(value=False)
    for label in labels(all_kinds, all_kinds.start_ns, all_kinds.end_ns):
        if label.kind == kind:
            here = pl.col("stamp_ns").is_between(label.start_ns, label.end_ns + 2 * MINUTE_NS)
            stretch, own = stretch | here, own | (here & affected(label))
    elsewhere = all_kinds_events.filter(~stretch)["template"].unique()
    complaints = all_kinds_events.filter(own & COMPLAINT)
    known = complaints["template"].is_in(elsewhere.implode())
    assert len(known) > 20
    assert known.sum() >= len(known) / 2


def test_every_complaint_of_a_fault_is_written_on_ordinary_days_but_for_defects_and_lost_memory() -> None:
    plan = make_plan(seed=2, start_ns=START_NS, end_ns=START_NS + 14 * DAY_NS, lines=900_000, faults=[])
    complaints = {key for key, (level, _) in phrases().items() if level in {"warn", "error"} and "." not in key}
    assert complaints - {*all_events(plan)["key"]} == {"defect", "memory_gone"}


def test_over_two_weeks_each_scheduled_kind_comes_back_in_the_same_service_and_variant(two_weeks: Plan) -> None:
    seen = Counter((o.kind, o.variant, o.service) for o in two_weeks.faults)
    scheduled = {o.kind for o in two_weeks.faults}
    assert {kind.name for kind in FAULTS.values() if kind.staple} < scheduled
    assert len(scheduled) == 7
    for kind in scheduled:
        assert max(count for (name, _, _), count in seen.items() if name == kind) >= 2
    for one in two_weeks.faults:
        shortest, longest = FAULTS[one.kind].minutes
        assert shortest <= (one.end_ns - one.start_ns) / MINUTE_NS <= longest
    avalanches = [o for o in two_weeks.faults if o.kind == "avalanche" and o.variant == "loud"]
    assert len(avalanches) >= 2
    assert 1 <= (two_weeks.end_ns - avalanches[-1].end_ns) / (24 * HOUR_NS) <= 3


def test_a_schedule_of_all_kinds_brings_each_kind_back(all_kinds: Plan) -> None:
    seen = Counter((o.kind, o.service) for o in all_kinds.faults)
    assert {kind for kind, _ in seen} == {*FAULTS}
    assert min(seen.values()) >= 2
    for earlier, later in zip(all_kinds.faults, all_kinds.faults[1:], strict=False):
        assert later.start_ns - earlier.end_ns >= 10 * MINUTE_NS


def test_seeds_draw_different_kinds_beside_the_staples() -> None:
    end_ns = START_NS + 14 * DAY_NS
    plans = [make_plan(seed=seed, start_ns=START_NS, end_ns=end_ns, lines=1_000) for seed in range(25)]
    drawn = {frozenset(fault.kind for fault in plan.faults) for plan in plans}
    assert len(drawn) > 10
    assert frozenset.union(*drawn) == {*FAULTS}


def test_a_kind_in_the_schedule_may_come_live_and_the_staples_always_may() -> None:
    def kinds(faults: list[str]) -> set[str]:
        plan = make_plan(
            seed=1, start_ns=START_NS, end_ns=START_NS + HOUR_NS, lines=500, faults=faults, live_faults=True
        )
        return {one.kind for one in plan.occurrences(plan.end_ns, plan.end_ns + 90 * DAY_NS) if not one.benign}

    staples = {kind.name for kind in FAULTS.values() if kind.staple}
    assert kinds([]) == staples
    assert kinds(["disk_full"]) == staples | {"disk_full"}
