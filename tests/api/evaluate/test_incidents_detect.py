"""Which incident tells of which fault, and what counts as an alarm for nothing."""

import dataclasses

import pytest

from api.evaluate.incidents_detect import count_alarms, detect, detection_row, tells_of
from tests.api.evaluate.conftest import Known

MINUTE_NS = 60_000_000_000


def test_injected_faults_are_found_and_the_faulty_service_is_named(known: Known) -> None:
    found = detect(known.world, known.labels)
    assert [each.label.kind for each in found] == ["avalanche", "oom_kill", "avalanche", "oom_kill"]
    row = detection_row(found)
    assert row["detection_recall"] == 1.0
    assert row["as@3"] == 1.0
    assert 0 < (row["alarm_s"] or 0) < 600


def test_a_fault_that_nobody_affected_is_told_of_is_missed_and_names_nobody(known: Known) -> None:
    elsewhere = [
        dataclasses.replace(label, affected=("nowhere",), service="nowhere")
        for label in known.labels
        if not label.benign
    ]
    row = detection_row(detect(known.world, elsewhere))
    assert (row["detection_recall"], row["as@1"], row["onset_s"]) == (0.0, 0.0, None)


def test_an_incident_tells_of_what_it_shares_time_and_a_service_with(known: Known) -> None:
    incident = known.world.generation.incidents[0]
    label = dataclasses.replace(known.labels[0], start_ns=incident.end_ns - 1, end_ns=incident.end_ns + MINUTE_NS)
    assert tells_of(incident, dataclasses.replace(label, affected=incident.services[-1:]))
    assert tells_of(incident, dataclasses.replace(label, affected=()))
    assert not tells_of(incident, dataclasses.replace(label, affected=("nowhere",)))
    assert not tells_of(incident, dataclasses.replace(label, affected=(), start_ns=incident.end_ns))


def test_without_labels_every_incident_is_a_false_alarm_and_benign_ones_are_told_apart(known: Known) -> None:
    incidents = len(known.world.generation.incidents)
    alarms = count_alarms(known.world, [])
    assert (alarms.false, alarms.benign) == (incidents, 0)
    assert alarms.days == pytest.approx(1.0, abs=0.01)
    assert alarms.per_day["false_alarms_per_day"] == pytest.approx(incidents / alarms.days)
    benign = [dataclasses.replace(label, benign=True) for label in known.labels]
    assert count_alarms(known.world, benign).benign >= 4
