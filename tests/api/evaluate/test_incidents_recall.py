"""Leave one out: who is asked, what is right, and that neither clock nor ids help."""

import dataclasses

import pytest

from api.evaluate.incidents_label import Label
from api.evaluate.incidents_recall import ARMS, asked, by_likeness, read_spans, score, score_arms, without_clock
from tests.api.evaluate.conftest import Known

LABELS = [
    Label("a1", 0, 10, "cart", "return", "cart/return", split="dev"),
    Label("a2", 20, 30, "cart", "return", "cart/return", split="dev"),
    Label("b1", 40, 50, "stock", "return", "stock/return", split="dev"),
    Label("c1", 60, 70, "stock", "exception", "stock/exception", split="distractor"),
    Label("c2", 80, 90, "stock", "exception", "stock/exception", split="held"),
]


@pytest.mark.parametrize(
    ("split", "expected"), [("", ["a1", "a2", "c2"]), ("dev", ["a1", "a2"]), ("distractor", []), ("held", ["c2"])]
)
def test_windows_with_another_of_their_label_are_asked_about_and_distractors_never(
    split: str, expected: list[str]
) -> None:
    assert [label.id for label in asked(LABELS, split)] == expected


def faults_of(known: Known) -> list[Label]:
    return [label for label in known.labels if not label.benign]


def test_every_arm_ranks_every_window_and_ours_finds_the_same_kind_first(known: Known) -> None:
    faults = faults_of(known)
    scored = score_arms(faults, faults, read_spans(known.world, faults))
    assert tuple(scored) == ARMS
    assert {name: len(found) for name, found in scored.items()} == dict.fromkeys(ARMS, 4)
    assert [scored["answer"][label.id]["hit@1"] for label in faults] == [1.0] * 4


def test_a_random_order_hits_about_as_often_as_there_are_right_ones_among_the_others(known: Known) -> None:
    faults = faults_of(known)
    scored = score_arms(faults, faults, read_spans(known.world, faults))["random"]
    assert [found["hit@1"] for found in scored.values()] == pytest.approx([1 / 3] * 4, abs=0.05)


def test_the_leak_knows_the_times_and_ours_does_not(known: Known) -> None:
    faults = faults_of(known)
    spans = read_spans(known.world, faults)
    clockless = without_clock(spans.incidents)
    assert [each.start_ns for each in clockless.values()] != [each.start_ns for each in spans.incidents.values()]
    ours = score(faults, faults, by_likeness(spans.incidents, spans.incidents))
    assert score(faults, faults, by_likeness(clockless, clockless)) == ours
    # Of four faults in turn the neighbours are of the other kind; side by side they would be right.
    paired = [
        dataclasses.replace(label, start_ns=place) for place, label in enumerate(sorted(faults, key=lambda x: x.kind))
    ]
    leak = score_arms(faults, faults, spans)["time_leak"]
    paired_leak = score_arms(paired, paired, spans)["time_leak"]
    assert sum(found["hit@1"] for found in leak.values()) < sum(found["hit@1"] for found in paired_leak.values())
    assert score(paired, paired, by_likeness(spans.incidents, spans.incidents)) == ours
