"""Mined incidents: what is found, what is not taken for one, what is told about it, and that nothing else matters."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from index.incident import Incident
from index.incident_mine import MineCache, mine_incidents, span_incident
from index.store_parquet import ParquetStore
from ingest.line_sink import SourceRange
from tests.index import traffic
from tests.index.traffic import BENIGN, FAULTS, MINUTE_NS, START_NS, Event

SLACK_NS = 2 * MINUTE_NS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParquetStore]:
    opened = traffic.stored(tmp_path_factory.mktemp("store"), traffic.lines())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def incidents(store: ParquetStore) -> list[Incident]:
    return mine_incidents(store, traffic.patterns_of(store), before_ns=None)


def during(incidents: list[Incident], event: Event) -> list[Incident]:
    return [found for found in incidents if found.start_ns < event.end_ns and found.end_ns > event.start_ns]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.start}")
def test_every_fault_is_found_about_when_it_happened(incidents: list[Incident], fault: Event) -> None:
    found = during(incidents, fault)
    assert len(found) == 1
    assert abs(found[0].start_ns - fault.start_ns) <= SLACK_NS
    assert abs(found[0].end_ns - fault.end_ns) <= 3 * SLACK_NS


@pytest.mark.parametrize("event", BENIGN, ids=lambda event: event.kind)
def test_peaks_restarts_and_jobs_are_not_incidents(incidents: list[Incident], event: Event) -> None:
    assert not during(incidents, event)


def test_nothing_else_is_reported(incidents: list[Incident]) -> None:
    assert len(incidents) == len(FAULTS)


def test_traffic_without_faults_has_no_incidents(tmp_path: Path) -> None:
    quiet = traffic.stored(tmp_path, traffic.lines(seed=5, minutes=180, events=()))
    assert mine_incidents(quiet, traffic.patterns_of(quiet), before_ns=None) == []
    quiet.close()


@pytest.mark.parametrize(("index", "service"), [(0, "stock"), (1, "orders"), (2, "payment"), (3, "orders")])
def test_the_faulty_service_is_named_first(incidents: list[Incident], index: int, service: str) -> None:
    assert incidents[index].services[0] == service


def test_a_container_that_starts_again_and_again_is_an_incident_though_nobody_complains(tmp_path: Path) -> None:
    begun = traffic.beginnings("payment", (2, 101, 103, 106, 110), ("payment-a",) * 5, "payment starting")
    looping = traffic.stored(tmp_path, pl.concat([traffic.lines(seed=5, minutes=180, events=()), begun]))
    (found,) = mine_incidents(looping, traffic.patterns_of(looping), before_ns=None)
    assert found.services == ("payment",)
    assert found.kinds == ("restart",)
    assert found.title == 'payment: "restarts of one container" rose'
    assert found.start_ns < START_NS + 106 * MINUTE_NS < found.end_ns
    assert any(line.message == "payment starting" for line in found.evidence)
    looping.close()


def test_a_deployment_of_many_new_pods_is_no_incident(tmp_path: Path) -> None:
    pods = tuple(f"payment-{number}" for number in range(5))
    begun = traffic.beginnings("payment", (2, 101, 102, 103, 104), pods, "payment starting")
    deployed = traffic.stored(tmp_path, pl.concat([traffic.lines(seed=5, minutes=180, events=()), begun]))
    assert mine_incidents(deployed, traffic.patterns_of(deployed), before_ns=None) == []
    deployed.close()


@pytest.mark.parametrize(("pod", "kind"), [("orders-b", True), ("orders-a", False)], ids=["new pod", "the same pod"])
def test_an_incident_after_new_pods_of_the_faulty_service_is_one_of_a_deployment(
    pod: str, kind: bool, tmp_path: Path
) -> None:
    begun = traffic.beginnings("orders", (2, 108), ("orders-a", pod), "orders starting")
    faulty = traffic.lines(seed=5, minutes=180, events=(Event("exhausted", 110, 118),))
    store = traffic.stored(tmp_path, pl.concat([faulty, begun]))
    (found,) = mine_incidents(store, traffic.patterns_of(store), before_ns=None)
    assert ("deploy" in found.kinds) == kind
    store.close()


def test_new_pods_that_end_an_incident_are_no_deployment_that_caused_it(tmp_path: Path) -> None:
    begun = traffic.beginnings("orders", (2, 117), ("orders-a", "orders-b"), "orders starting")
    faulty = traffic.lines(seed=5, minutes=180, events=(Event("exhausted", 110, 118),))
    store = traffic.stored(tmp_path, pl.concat([faulty, begun]))
    (found,) = mine_incidents(store, traffic.patterns_of(store), before_ns=None)
    assert found.end_ns > START_NS + 117 * MINUTE_NS
    assert "deploy" not in found.kinds
    store.close()


def test_lines_that_stopped_are_told_as_vanished_and_show_the_last_one(incidents: list[Incident]) -> None:
    silent = incidents[0]
    vanished = next(d for d in silent.deviations if d.kind == "vanished" and "reserved" in d.template)
    last = next(line for line in silent.evidence if line.id == vanished.evidence[0])
    assert vanished.observed == 0
    assert vanished.expected > 50
    assert vanished.surprise < 0
    assert last.time_ns == vanished.onset_ns
    assert FAULTS[0].start_ns - MINUTE_NS < last.time_ns < FAULTS[0].start_ns + MINUTE_NS
    assert "silence" in silent.kinds


def test_a_slow_request_is_told_by_the_time_between_its_lines(incidents: list[Incident]) -> None:
    slow = next(d for d in incidents[2].deviations if d.kind == "slower")
    assert "charged card" in slow.template
    assert "charging card" in slow.before_template
    assert slow.observed == pytest.approx(0.92, abs=0.05)
    assert slow.expected == pytest.approx(0.02, abs=0.01)
    assert incidents[2].kinds == ("slowness",)


def test_new_errors_are_told_in_the_title_with_who_followed(incidents: list[Incident]) -> None:
    assert incidents[1].title.startswith('orders: "connection pool exhausted')
    assert "gateway" in incidents[1].title
    assert "errors" in incidents[1].kinds


def test_onsets_are_in_order_of_time_and_each_shown_by_a_kept_line(incidents: list[Incident]) -> None:
    for incident in incidents:
        times = [onset.time_ns for onset in incident.onset]
        assert times == sorted(times)
        assert {onset.service for onset in incident.onset} == set(incident.services)
        assert {onset.line_id for onset in incident.onset} <= {line.id for line in incident.evidence}


def test_who_failed_first_comes_before_who_followed(incidents: list[Incident]) -> None:
    assert [onset.service for onset in incidents[1].onset][:2] == ["orders", "gateway"]


def test_evidence_is_a_faithful_copy_of_stored_lines(store: ParquetStore, incidents: list[Incident]) -> None:
    for incident in incidents:
        kept = incident.evidence
        assert 0 < len(kept) <= 40
        read = store.read([(line.source, line.position) for line in kept]).sort("time_ns", "source", "position")
        assert read["message"].to_list() == [line.message for line in kept]
        assert read["time_ns"].to_list() == [line.time_ns for line in kept]


def test_the_same_fault_twice_is_one_family(incidents: list[Incident]) -> None:
    assert incidents[3].family_id == incidents[1].family_id == incidents[1].incident_id
    assert len({incident.family_id for incident in incidents}) == 3


def test_lines_after_the_time_asked_about_change_nothing(store: ParquetStore, tmp_path: Path) -> None:
    before_ns = START_NS + 165 * MINUTE_NS
    earlier = traffic.stored(tmp_path, traffic.lines().filter(pl.col("time_ns") < before_ns))
    asked = mine_incidents(store, traffic.patterns_of(store, before_ns), before_ns=before_ns)
    assert asked == mine_incidents(earlier, traffic.patterns_of(earlier), before_ns=None)
    assert [incident.services[0] for incident in asked] == ["stock", "orders", "payment"]
    earlier.close()


def test_the_order_in_which_lines_came_changes_nothing(
    store: ParquetStore, incidents: list[Incident], tmp_path: Path
) -> None:
    other = traffic.stored(tmp_path, traffic.lines(), batch=3_000, backwards=True)
    other.flush()
    assert mine_incidents(other, traffic.patterns_of(store), before_ns=None) == incidents
    other.close()


def test_a_cache_saves_work_but_changes_nothing(store: ParquetStore, incidents: list[Incident]) -> None:
    cache, patterns = MineCache(), traffic.patterns_of(store)
    for minute in (150, 240, 290, 297):
        mine_incidents(store, patterns, before_ns=START_NS + minute * MINUTE_NS, cache=cache)
    assert mine_incidents(store, patterns, before_ns=None, cache=cache) == incidents
    courses = cache.courses
    assert mine_incidents(store, patterns, before_ns=None, cache=cache) == incidents
    assert cache.courses is courses


def test_what_is_settled_is_learnt_once_and_tells_the_same(store: ParquetStore) -> None:
    cache = MineCache()
    for minute in (285, 290, 297):
        before_ns = START_NS + minute * MINUTE_NS
        patterns = traffic.patterns_of(store, before_ns)
        told = mine_incidents(store, patterns, before_ns=before_ns, cache=cache)
        assert told == mine_incidents(store, patterns, before_ns=before_ns)
        assert len(cache.settled) == 1
    (settled,) = cache.settled.values()
    assert [incident.services[0] for _, incident in settled.incidents.values() if incident] == [
        incident.services[0] for incident in told[:3]
    ]


def test_lines_that_come_late_are_told_as_if_they_had_come_in_time(
    store: ParquetStore, incidents: list[Incident], tmp_path: Path
) -> None:
    frame, cache, patterns = traffic.lines(), MineCache(), traffic.patterns_of(store)
    orders = frame.filter(pl.col("service") == "orders")
    minute = (pl.col("time_ns") - START_NS) // MINUTE_NS
    opened = traffic.stored(tmp_path, frame.filter(pl.col("service") != "orders"))
    for part in (orders.filter(minute < 60), orders.filter(minute >= 75), orders.filter(minute.is_between(60, 74))):
        before = mine_incidents(opened, patterns, before_ns=None, cache=cache)
        low, high = part["position"][0], part["position"][-1]
        opened.append(part, [SourceRange(part["source"][0], low, high + traffic.RECORD_BYTES)])
    assert before != incidents
    assert mine_incidents(opened, patterns, before_ns=None, cache=cache) == incidents
    opened.close()


def test_a_template_that_changed_is_told_anew(store: ParquetStore) -> None:
    cache, patterns = MineCache(), traffic.patterns_of(store)
    mine_incidents(store, patterns, before_ns=None, cache=cache)
    changed = dataclasses.replace(
        patterns, patterns=patterns.patterns.with_columns(pl.col("template").str.replace("exhausted", "used up"))
    )
    told = mine_incidents(store, changed, before_ns=None, cache=cache)
    assert told == mine_incidents(store, changed, before_ns=None)
    assert "used up" in told[1].title


def test_an_incident_keeps_its_id_when_later_lines_come(store: ParquetStore, incidents: list[Incident]) -> None:
    before_ns = START_NS + 200 * MINUTE_NS
    earlier = mine_incidents(store, traffic.patterns_of(store, before_ns), before_ns=before_ns)
    assert [incident.incident_id for incident in earlier] == [incident.incident_id for incident in incidents[:3]]


def test_a_muted_pattern_makes_no_incident(store: ParquetStore) -> None:
    patterns = traffic.patterns_of(store)
    hidden = pl.col("template").str.contains("reserved")
    muted = type(patterns)(
        patterns.patterns.with_columns(state=pl.when(hidden).then(pl.lit("muted")).otherwise(pl.col("state"))),
        patterns.members,
    )
    found = mine_incidents(store, muted, before_ns=None)
    assert [incident.services[0] for incident in found] == ["orders", "payment", "orders"]


def test_an_empty_store_has_no_incidents_and_an_empty_span_says_nothing(tmp_path: Path) -> None:
    empty = ParquetStore.open(tmp_path)
    patterns = traffic.patterns_of(empty)
    assert mine_incidents(empty, patterns, before_ns=None) == []
    assert span_incident(empty, patterns, 0, MINUTE_NS).deviations == ()
    empty.close()


def test_a_single_hour_is_enough_to_find_a_fault_in_it(tmp_path: Path) -> None:
    fault = Event("exhausted", 35, 43)
    short = traffic.stored(tmp_path, traffic.lines(seed=9, minutes=60, events=(fault,)))
    found = mine_incidents(short, traffic.patterns_of(short), before_ns=None)
    assert [incident.services[0] for incident in during(found, fault)] == ["orders"]
    short.close()


def test_islands_of_lines_are_judged_without_what_lies_between(tmp_path: Path) -> None:
    frame = traffic.lines(seed=3, minutes=240, events=(Event("exhausted", 120, 126),))
    minute = (pl.col("time_ns") - START_NS) // MINUTE_NS
    islands = traffic.stored(tmp_path, frame.filter(minute % 30 < 5))
    found = mine_incidents(islands, traffic.patterns_of(islands), before_ns=None)
    assert [incident.services[0] for incident in found] == ["orders"]
    assert found[0].end_ns <= START_NS + 125 * MINUTE_NS
    islands.close()
