"""Feedback that teaches: it moves the ranking of a family, within bounds, fades, and is taken back by its opposite."""

import dataclasses
from typing import Any

import pytest

from index.incident import Incident
from index.incident_learned import DAY_NS, MOST, NOTHING_LEARNED, Learned, learned
from index.incident_similar import similar
from tests.index.test_incident_similar import made

NOW_NS = 1000 * DAY_NS
HALF_LIFE_NS = 90 * DAY_NS
ASKED = made("asked", {"more|a|p": 1.0, "more|b|q": 1.0})
CLOSE = made("close", {"more|a|p": 1.0, "more|b|q": 0.9, "more|c|r": 0.5})
CLOSER = made("closer", {"more|a|p": 1.0, "more|b|q": 0.9, "more|c|r": 0.3})
FAR = made("far", {"more|a|p": 0.3, "more|z|z": 1.0})
PAST = [CLOSE, CLOSER, FAR]


def said(verdict: str, target: str = "closer", *, days_ago: float = 0, author: str = "ada") -> dict[str, Any]:
    time_ns = NOW_NS - 1 - round(days_ago * DAY_NS)
    return {"verdict": verdict, "target": target, "author": author, "time_ns": time_ns}


def heard(*feedback: dict[str, Any], as_of_ns: int = NOW_NS, past: list[Incident] = PAST) -> Learned:
    return learned(feedback, past, as_of_ns=as_of_ns, half_life_ns=HALF_LIFE_NS)


def order(found: Learned, past: list[Incident] = PAST) -> list[str]:
    return [each.incident.incident_id for each in similar(ASKED, past, 9, found)]


def test_not_the_same_moves_an_incident_behind_one_that_is_nearly_as_alike() -> None:
    assert order(NOTHING_LEARNED) == ["closer", "close", "far"]
    assert order(heard(said("not_the_same"))) == ["close", "closer", "far"]


def test_the_same_moves_an_incident_before_one_that_is_nearly_as_alike() -> None:
    assert order(heard(said("up", "close"))) == ["close", "closer", "far"]


def test_it_holds_for_the_whole_family() -> None:
    family = [dataclasses.replace(CLOSE, family_id="f"), CLOSER, dataclasses.replace(FAR, family_id="f")]
    assert order(heard(said("up", "far"), past=family), family) == ["close", "closer", "far"]


def test_it_is_explained() -> None:
    plain = {each.incident.incident_id: each.score for each in similar(ASKED, PAST, 9)}
    for each in similar(ASKED, PAST, 9, heard(said("not_the_same"))):
        assert each.learned == pytest.approx(each.score - plain[each.incident.incident_id], abs=1e-4)
        assert (each.learned < 0) == (each.incident.incident_id == "closer")


def test_any_number_of_votes_moves_a_score_by_no_more_than_its_bound() -> None:
    many = heard(*(said("up", "far", author=f"u{number}") for number in range(1000)))
    plain, moved = (similar(ASKED, [FAR], 1, found)[0].score for found in (NOTHING_LEARNED, many))
    assert plain < moved <= plain * (1 + MOST) + 1e-4
    assert order(many)[-1] == "far"


def test_one_person_has_one_voice_for_and_one_against() -> None:
    assert heard(*[said("up")] * 20).weights == heard(said("up")).weights


def test_the_opposite_takes_it_back() -> None:
    assert heard(said("not_the_same"), said("up")).weights == {}
    assert order(heard(said("not_the_same", days_ago=1), said("up"))) == order(NOTHING_LEARNED)


def test_it_halves_with_each_half_life() -> None:
    fresh, aged = heard(said("up")).weights["closer"], heard(said("up", days_ago=90)).weights["closer"]
    assert fresh == pytest.approx(0.7616, abs=1e-3)
    assert aged == pytest.approx(0.4621, abs=1e-3)
    assert order(heard(said("not_the_same", days_ago=2000))) == order(NOTHING_LEARNED)


def test_what_was_said_later_is_hidden_from_the_past() -> None:
    assert heard(said("not_the_same"), as_of_ns=NOW_NS - DAY_NS) == NOTHING_LEARNED


@pytest.mark.parametrize("feedback", [said("down"), said("up", "nobody"), {}, {"verdict": "up"}])
def test_what_speaks_of_no_known_incident_moves_nothing(feedback: dict[str, Any]) -> None:
    assert heard(feedback) == NOTHING_LEARNED


def test_the_order_in_which_votes_are_read_changes_nothing() -> None:
    votes = [said("up", author=name, days_ago=day) for day, name in enumerate("abcdefg")] + [said("not_the_same")]
    assert heard(*votes) == heard(*reversed(votes))
