"""Disks, names, certificates, clocks, neighbours and memory fail as their kinds claim."""

import itertools
import re
from pathlib import Path

import polars as pl
import pytest

from ingest.simulate import simulate
from tests.ingest.simulate.conftest import (
    COMPLAINT,
    HOUR_NS,
    START_NS,
    Record,
    before,
    during,
    read_all,
    staged,
    usual,
)


def test_a_full_disk_is_told_before_writing_fails_and_some_work_goes_on() -> None:
    label, events = staged("disk_full:loud")
    own = during(label, events).filter(pl.col("name") == label.service)
    told, failed = own.filter(pl.col("key") == "disk_high"), own.filter(pl.col("key") == "write_failed")
    assert failed["stamp_ns"].min() - told["stamp_ns"].min() > 50 * 10**9  # type: ignore[operator]  # integers
    assert told.sort("stamp_ns")["n"].is_sorted()
    assert len(failed) > 50
    done = events.filter(pl.col("key").str.contains(".", literal=True) & (pl.col("name") == label.service) & ~COMPLAINT)
    assert 0.3 < len(during(label, done)) / usual(label, done) < 0.8


def test_when_the_disk_of_the_logs_is_full_the_service_works_on_unheard() -> None:
    label, events = staged("disk_full:quiet")
    assert [name for name, _ in label.affected] == [label.service]
    own, others = pl.col("name") == label.service, events.filter(pl.col("name") != label.service)
    assert len(during(label, events).filter(own)) == 0
    assert len(events.filter(own & (pl.col("stamp_ns") > label.end_ns))) > 20
    assert len(during(label, others)) == pytest.approx(usual(label, others), rel=0.1)


@pytest.mark.parametrize(
    ("name", "key"), [("dns_failure:loud", "unresolved"), ("certificate_expiry:abrupt", "handshake_failed")]
)
def test_callers_that_do_not_get_through_complain_and_the_faulty_service_hears_nothing(name: str, key: str) -> None:
    label, events = staged(name)
    complaining = during(label, events).filter(pl.col("key") == key)
    assert len(complaining) > 100
    assert label.service not in {*complaining["name"]} < {name for name, _ in label.affected}
    done = events.filter(pl.col("key").str.contains(".", literal=True) & (pl.col("name") == label.service))
    assert len(during(label, done, skip_s=60)) < 0.2 * usual(label, done, skip_s=60)
    alive = events.filter((pl.col("key") == "heartbeat") & (pl.col("name") == label.service))
    assert len(during(label, alive)) > 0.5 * usual(label, alive)


def test_a_slow_resolver_delays_the_callee_s_first_line_and_nothing_in_it() -> None:
    label, events = staged("dns_failure:slow", 3)
    lines = events.filter((pl.col("key") == "answered") & (pl.col("name") == label.affected[-1][0]))
    own = events.filter((pl.col("key").str.contains(".", literal=True)) & (pl.col("name") == label.service))
    assert _mean_ms(during(label, lines)) > 2 * _mean_ms(before(label, lines))
    assert _mean_ms(during(label, own)) == pytest.approx(_mean_ms(before(label, own)), rel=0.5)


def _mean_ms(events: pl.DataFrame) -> float:
    return float(events.select(pl.col("ms").mean()).item())


def test_a_certificate_that_creeps_out_loses_more_calls_every_minute_until_new_pods_come() -> None:
    label, events = staged("certificate_expiry:creeping")
    failed = during(label, events).filter(pl.col("key") == "handshake_failed")
    eighth = (failed["stamp_ns"] - label.start_ns) * 8 // (label.end_ns - label.start_ns)
    counts = [int((eighth == turn).sum()) for turn in range(4)]
    assert counts == sorted(counts)
    assert counts[-1] > 2 * counts[0] > 0
    own = events.filter((pl.col("name") == label.service) & (pl.col("stamp_ns") > label.end_ns - 10**10))
    assert {"certificate_loaded", "starting", "stopping"} <= {*own["key"]}
    assert len(events.filter((pl.col("key") == "handshake_failed") & (pl.col("stamp_ns") > label.end_ns + 10**10))) < 5


@pytest.mark.parametrize("variant", ["rejects", "jumps"])
def test_a_skewed_clock_moves_the_times_in_the_lines_of_one_service_and_back(variant: str) -> None:
    label, events = staged(f"clock_skew:{variant}")
    off = (pl.col("stamp_ns") - pl.col("time_ns")).abs() > 60 * 10**9
    own = during(label, events).filter(pl.col("name") == label.service)
    assert own.select(off.all()).item()
    offsets = own["stamp_ns"] - own["time_ns"]
    assert offsets.max() - offsets.min() < 10**6  # type: ignore[operator]  # integers
    assert len(events.filter(off)) == len(own)
    rejected = own.filter(pl.col("key") == "token_expired")
    if variant == "jumps":
        assert len(rejected) == 0
        return
    assert len(rejected) > 50
    skew_s = own.select(((pl.col("stamp_ns") - pl.col("time_ns")) / 10**9).abs().mean()).item()
    assert {*rejected["n"]} == {round(skew_s)}


def test_only_the_clock_inside_the_message_is_wrong_in_the_files(tmp_path: Path) -> None:
    result = simulate(
        tmp_path, seed=2, start_ns=START_NS, end_ns=START_NS + HOUR_NS, lines=4_000, faults=["clock_skew:jumps"]
    )
    (label,) = [one for one in result.labels if not one.benign]
    records = [record for record in read_all(result) if _second_of_hour(record) is not None]
    skewed = [record for record in records if _is_skewed(record)]
    own = [r for r in records if r.service == label.service and label.start_ns + 10**6 < r.time_ns < label.end_ns]
    assert len(own) > 50
    assert skewed == own
    for records_of_file in (list(group) for _, group in itertools.groupby(skewed, key=lambda record: record.file)):
        times = [record.time_ns for record in records_of_file]
        assert times == sorted(times)


def _second_of_hour(record: Record) -> float | None:
    """By the program's clock, whatever its layout and zone."""
    clock = re.search(r"[T ]\d\d:(\d\d):(\d\d)", record.text)
    epoch = re.search(r'"ts":(\d+)', record.text)
    if clock:
        return int(clock[1]) * 60 + int(clock[2])
    return int(epoch[1]) % 3600 if epoch else None


def _is_skewed(record: Record) -> bool:
    second = _second_of_hour(record)
    assert second is not None
    apart = (second - record.time_ns / 10**9) % 3600
    return 60 < apart < 3540


def test_neighbours_on_a_node_get_slow_together_without_calling_each_other() -> None:
    label, events = staged("noisy_neighbour:quiet")
    first_onset = label.affected[0][1]
    together = [name for name, onset_ns in label.affected if onset_ns - first_onset < 8 * 10**9]
    assert len(together) >= 3
    own = events.filter(pl.col("key").str.contains(".", literal=True) & ~COMPLAINT & (pl.col("trace") != ""))
    slowed = 0
    for name in together:
        mine = own.filter(pl.col("name") == name)
        slowed += _mean_ms(during(label, mine)) > 3 * _mean_ms(before(label, mine))
    assert slowed >= 3


def test_starved_services_time_out_in_waves_and_tell_that_they_were_not_scheduled() -> None:
    label, events = staged("noisy_neighbour:loud")
    late = during(label, events)
    assert len(late.filter(pl.col("key") == "timeout")) > 20
    assert late.filter(pl.col("key") == "cpu_throttled")["name"].n_unique() >= 3


@pytest.mark.parametrize("variant", ["quiet", "loud"])
def test_a_leak_makes_collections_come_faster_and_steps_take_longer_until_a_rollout(variant: str) -> None:
    label, events = staged(f"slow_leak:{variant}")
    own = events.filter(pl.col("name") == label.service)
    length_ns = label.end_ns - label.start_ns
    part = (pl.col("stamp_ns") - label.start_ns) * 4 // length_ns
    quarters = [during(label, own).filter(part == turn) for turn in range(4)]
    collected = [len(quarter.filter(pl.col("key") == "collected")) for quarter in quarters]
    assert collected[3] > 2 * collected[0]
    slow = [_mean_ms(quarter.filter(~COMPLAINT & (pl.col("trace") != ""))) for quarter in quarters]
    assert slow == sorted(slow)
    assert slow[3] > 3 * slow[0]
    assert len(own.filter((pl.col("key") == "starting") & (pl.col("stamp_ns") > label.end_ns - 10**10))) >= 1
    assert (len(during(label, own).filter(pl.col("key") == "memory_high")) > 10) == (variant == "loud")
