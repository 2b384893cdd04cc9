"""When it began: change points of counts and durations, and in which order services are told to have failed."""

import numpy as np
import pytest

from index.incident import Deviation, Onset
from index.incident_first import is_bystander, onsets
from index.incident_lines import slow_from_s
from index.incident_onset import fall, rise, slow_from
from index.incident_span import Feature

MINUTE = 60_000_000_000


def every(start: float, end: float, seconds: float) -> list[int]:
    return [int(second * 1e9) for second in np.arange(start, end, seconds)]


def test_a_burst_begins_with_its_first_line() -> None:
    times = every(600, 900, 6)
    place = rise(times, since=9 * MINUTE, until=15 * MINUTE, observed=50, expected=0.2)
    assert place == 0


@pytest.mark.parametrize("stray", [[30], [30, 200], [250]], ids=["long before", "two strays", "a minute before"])
def test_a_lone_line_long_before_does_not_begin_a_burst(stray: list[int]) -> None:
    times = [second * 10**9 for second in stray] + every(600, 900, 6)
    place = rise(times, since=0, until=15 * MINUTE, observed=len(times), expected=0.2)
    assert place == len(stray)


def test_more_of_what_is_always_written_begins_where_lines_come_closer() -> None:
    times = every(0, 600, 20) + every(600, 900, 4)
    place = rise(times, since=9 * MINUTE, until=15 * MINUTE, observed=78, expected=18)
    assert abs(times[place] - 600 * 10**9) <= 20 * 10**9


def test_silence_begins_with_the_last_line() -> None:
    times = every(0, 600, 10)
    place = fall(times, floor=0, since=9 * MINUTE, until=20 * MINUTE, observed=6, expected=66)
    assert place == len(times) - 1


def test_a_line_now_and_then_does_not_end_a_silence() -> None:
    times = [*every(0, 600, 10), 700 * 10**9, 800 * 10**9, 950 * 10**9]
    place = fall(times, floor=0, since=9 * MINUTE, until=20 * MINUTE, observed=9, expected=66)
    assert times[place] == 590 * 10**9


def test_what_was_silent_all_along_has_no_last_line() -> None:
    assert fall([], floor=0, since=0, until=10 * MINUTE, observed=0, expected=40) == -1
    assert fall([500 * 10**9], floor=0, since=0, until=10 * MINUTE, observed=1, expected=40) == -1


def test_times_before_the_span_only_lead_up_to_it() -> None:
    times = every(0, 30, 1) + every(600, 660, 2)
    place = rise(times, since=10 * MINUTE, until=11 * MINUTE, observed=30, expected=1)
    assert times[place] == 600 * 10**9


def test_a_request_is_slow_well_beyond_the_usual_where_only_some_are() -> None:
    assert slow_from_s(0.04, 4.0) == pytest.approx(0.4)  # all are slow: half way, on a scale of factors
    assert slow_from_s(0.044, 0.056) == pytest.approx(0.066)  # some are: 1.5 times the usual


def test_requests_are_slow_from_where_most_are() -> None:
    slow = [False, True, False, False, False, True, True, False, True, True, False]
    assert slow_from(slow, [True] * len(slow)) == 5
    assert slow_from([True, False, False, True], [False, True, True, True]) == 3


def feature(service: str, kind: str, evidence: float, *, observed: float = 30, starved: bool = False) -> Feature:
    return Feature(
        service=service,
        kind=kind,  # type: ignore[arg-type]  # the tests' own literals
        pattern_id=f"{service} {kind} {evidence}",
        template="x",
        before_id="",
        observed=observed,
        expected=20,
        surprise=-evidence if kind == "vanished" else evidence,
        rarity=1,
        minutes=3,
        starved=starved,
        evidence=evidence,
    )


def told(one: Feature, onset: int) -> tuple[Feature, Deviation]:
    line = f"{one.service}:{onset}"
    return one, Deviation(
        one.service, one.kind, one.pattern_id, "x", one.observed, 20, one.surprise, onset, evidence=(line,)
    )


def test_services_are_told_in_the_order_of_their_first_sure_signs() -> None:
    signs = [
        told(feature("gateway", "appeared", 12), 90),
        told(feature("gateway", "burst", 5), 10),
        told(feature("stock", "slower", 8), 70),
    ]
    assert onsets(["gateway", "stock"], signs, 0) == (
        Onset("stock", 70, "stock:70"),
        Onset("gateway", 90, "gateway:90"),
    )


def test_who_only_falls_silent_follows_who_says_something() -> None:
    signs = [
        told(feature("billing", "vanished", 14, observed=1), 40),
        told(feature("stock", "appeared", 8), 70),
        told(feature("mailer", "burst", 2.5), 20),
    ]
    found = onsets(["billing", "mailer", "stock"], signs, 0)
    assert found == (
        Onset("stock", 70, "stock:70"),
        Onset("mailer", 70, "mailer:20"),
        Onset("billing", 70, "billing:40"),
    )


def test_who_hardly_deviates_beside_the_others_does_not_begin_it() -> None:
    signs = [told(feature("gateway", "slower", 4.5), 10), told(feature("stock", "burst", 30), 70)]
    assert onsets(["stock", "gateway"], signs, 0) == (
        Onset("stock", 70, "stock:70"),
        Onset("gateway", 70, "gateway:10"),
    )
    silent = [told(feature("a", "vanished", 2, observed=0), 10), told(feature("b", "vanished", 9, observed=0), 50)]
    assert [(onset.service, onset.time_ns) for onset in onsets(["b", "a"], silent, 0)] == [("b", 50), ("a", 50)]


def test_where_all_fall_silent_the_last_lines_tell_the_order() -> None:
    signs = [told(feature("b", "vanished", 9, observed=0), 50), told(feature("a", "vanished", 9, observed=0), 60)]
    assert [onset.service for onset in onsets(["a", "b"], signs, 0)] == ["b", "a"]


def test_a_service_without_lines_to_show_begins_with_the_incident() -> None:
    assert onsets(["a"], [], 30) == (Onset("a", 30, ""),)


def test_who_is_asked_less_stands_by_and_who_is_silent_does_not() -> None:
    less = feature("a", "vanished", 8, observed=9, starved=True)
    assert is_bystander([less])
    assert not is_bystander([less, feature("a", "appeared", 6)])
    assert not is_bystander([feature("a", "vanished", 8, observed=2, starved=True)])
    assert not is_bystander([feature("a", "vanished", 8, observed=9)])
