"""Caches, queues, leaders and providers fail as their kinds claim."""

import itertools

import polars as pl
import pytest

from tests.ingest.simulate.conftest import COMPLAINT, before, during, staged, usual


def _done(label_service: str, events: pl.DataFrame) -> pl.DataFrame:
    """The lines of a service that report its finished work."""
    return events.filter(pl.col("key").str.contains(".", literal=True) & (pl.col("name") == label_service) & ~COMPLAINT)


@pytest.mark.parametrize("variant", ["loud", "quiet"])
def test_after_a_cache_is_lost_nearly_all_requests_miss_it_and_it_fills_again(variant: str) -> None:
    label, events = staged(f"cache_stampede:{variant}")
    own = during(label, events).filter(pl.col("name") == label.service)
    half_ns = (label.start_ns + label.end_ns) // 2
    misses = own.filter(pl.col("key") == "cache_miss")["stamp_ns"]
    in_first = len(misses.filter(misses < half_ns))
    assert in_first > 1.4 * (len(misses) - in_first) > 0
    first, second = (own.filter((pl.col("stamp_ns") < half_ns) == early) for early in (True, False))
    assert _slowness(first) > 1.5 * _slowness(second)
    assert (len(own.filter(pl.col("key") == "pool_timeout")) > 20) == (variant == "loud")


def _slowness(events: pl.DataFrame) -> float:
    own = events.filter(pl.col("key").str.contains(".", literal=True) & (pl.col("trace") != ""))
    return float(own.select(pl.col("ms").mean()).item())


def test_a_poison_message_is_tried_again_and_again_with_one_order_until_it_is_set_aside() -> None:
    label, events = staged("poison_message:loud")
    own = events.filter(pl.col("name") == label.service)
    tried = during(label, own).filter(pl.col("key") == "consume_failed")
    again = during(label, own).filter(pl.col("key") == "redelivered").sort("stamp_ns")
    assert len(tried) > 40
    assert tried["item"].n_unique() == again["item"].n_unique() == 1
    assert again["n"].to_list() == list(range(2, len(again) + 2))
    assert len(during(label, own).filter(pl.col("key") == "dead_lettered")) == 1


@pytest.mark.parametrize("variant", ["loud", "stuck"])
def test_work_behind_a_poison_message_is_held_back_and_done_at_its_end(variant: str) -> None:
    label, events = staged(f"poison_message:{variant}")
    own = events.filter((pl.col("name") == label.service) & ~COMPLAINT)
    early = dict(before(label, own).group_by("key").len().rows())
    late = dict(during(label, own).group_by("key").len().rows())
    held = [key for key, count in early.items() if "." in key and count > 50 and late.get(key, 0) == 0]
    assert len(held) == 1
    lines = events.filter((pl.col("key") == held[0]) & (pl.col("name") == label.service))
    burst = lines.filter(pl.col("stamp_ns").is_between(label.end_ns, label.end_ns + 22 * 10**9))
    assert len(burst) == pytest.approx(usual(label, lines), rel=0.3)
    assert burst.select((pl.col("stamp_ns") - pl.col("time_ns")).max()).item() < 10**6


@pytest.mark.parametrize("seed", [2, 3, 9])
def test_a_flapping_leader_loses_and_gets_its_lease_in_turn_and_work_fails_only_between(seed: int) -> None:
    label, events = staged("leader_flapping:loud", seed)
    own = during(label, events).filter(pl.col("name") == label.service).sort("stamp_ns")
    turns = own.filter(pl.col("key").is_in(["lease_lost", "elected"]))
    assert len(turns) > 15
    assert all(a != b for a, b in itertools.pairwise(turns["key"]))
    terms = turns.filter(pl.col("key") == "elected")["n"].to_list()
    assert terms == list(range(terms[0], terms[0] + len(terms)))
    last = own.join_asof(turns.select("stamp_ns", turn="key"), on="stamp_ns").filter(pl.col("key") == "not_leader")
    assert len(last) > 30
    assert (last["turn"] == "lease_lost").mean() > 0.95  # type: ignore[operator]  # a share


def test_a_throttled_service_tells_of_it_and_after_a_while_part_of_its_work_fails() -> None:
    label, events = staged("dependency_rate_limit:loud")
    own = during(label, events).filter(pl.col("name") == label.service)
    told, failed = own.filter(pl.col("key") == "throttled"), own.filter(pl.col("key") == "quota_gone")
    assert len(told) > 50
    assert len(failed) > 30
    assert failed["stamp_ns"].min() - told["stamp_ns"].min() > 30 * 10**9  # type: ignore[operator]  # integers


def test_a_client_that_waits_for_its_turn_is_slow_but_for_the_first_seconds_of_each_minute() -> None:
    label, events = staged("dependency_rate_limit:quiet")
    lines = _done(label.service, during(label, events))
    second = (pl.col("stamp_ns") - pl.col("ms") * 1_000_000 - label.start_ns) // 10**9 % 60
    quick = lines.filter(second.is_between(1, 10))["ms"].mean()
    slow = lines.filter(second.is_between(16, 55))["ms"].mean()
    assert slow > 3 * quick  # type: ignore[operator]  # numbers
