"""Incidents recognised by their patterns."""

import pytest

from api.recognise import CHIEF, PatternCandidate, proving_patterns, shown_by
from api.retrieve import PatternFacts, Ranked
from api.support import Support, SupportSettings, Verdict
from index.incident import Deviation, DeviationKind, Incident


def deviation(pattern_id: str, surprise: float, kind: DeviationKind = "appeared") -> Deviation:
    return Deviation("cart", kind, pattern_id, f"template {pattern_id}", 9, 1, surprise, 0, ())


def incident(*deviations: Deviation) -> Incident:
    return Incident("0" * 16, "", 0, 1, "minor", ("cart",), (), (), deviations, (), (), 0)


def candidate(pattern_id: str, score: float, strength: float, verdict: Verdict = "found") -> PatternCandidate:
    facts = PatternFacts(pattern_id, "", "", 1, 0, 1, ("cart",), ("error",))
    return PatternCandidate(facts, Ranked(pattern_id, score, score, {}), Support(verdict, strength, ()), True)


def test_a_chief_deviation_that_was_asked_about_shows_the_incident() -> None:
    assert shown_by(incident(deviation("a", 20), deviation("b", 5)), {"a": 0.9}) == pytest.approx(0.9)


def test_what_deviates_only_a_little_shows_nothing() -> None:
    strong, weak = deviation("a", 20), deviation("b", 20 * CHIEF - 0.1)
    assert shown_by(incident(strong, weak), {"b": 1.0}) == 0.0
    assert shown_by(incident(strong, deviation("b", 20 * CHIEF)), {"b": 1.0}) > 0.5


def test_what_fell_silent_or_was_late_is_not_what_was_said() -> None:
    assert shown_by(incident(deviation("a", -20, "vanished"), deviation("b", 20, "slower")), {"a": 1.0, "b": 1.0}) == 0


def test_an_incident_without_deviations_shows_nothing() -> None:
    assert shown_by(incident(), {"a": 1.0}) == 0.0


def test_patterns_prove_by_their_strength_and_less_where_a_telling_word_is_missing() -> None:
    settings = SupportSettings()
    found = proving_patterns(
        [
            candidate("a", 1.0, 0.9),
            candidate("lacks a word", 1.0, 0.9, "not_found"),
            candidate("lacks a word and is weak", 1.0, 0.8, "not_found"),
            candidate("weak", 1.0, 0.6),
            candidate("far behind the best", 0.4, 0.9),
        ],
        settings,
    )
    assert found == {"a": 0.9, "lacks a word": pytest.approx(0.9 * settings.shown_despite)}
    assert proving_patterns([], settings) == {}
