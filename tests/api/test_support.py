"""What one incident proves: what it says itself, what only signs show, and when another cause explains the signs."""

from typing import get_args

import pytest

from api.candidate import IncidentCandidate, doubted
from api.question import Question, read_question
from api.retrieve import Ranked
from api.support import IncidentTexts, Said, Support, SupportSettings, Verdict, incident_support
from api.uneventful import SLIGHT_NS, SLIGHT_SURPRISE, is_slight
from index.bm25 import Bm25
from index.glossary import Glossary, parse_glossary
from index.incident import Deviation, DeviationKind, Incident

TOML = """
[faults]
leak = { en = "leak", zh = "泄漏", signs = "collection" }
starved = { en = "starved", zh = "饥饿" }
collection = { en = "collection", zh = "回收" }
[life]
rollout = { en = "rollout", zh = "发布", kind = "deploy" }
beginning = { en = "beginning", zh = "开始" }
"""
LEAK, COLLECTION, STARVED = "concept:leak", "concept:collection", "concept:starved"


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return parse_glossary(TOML)


def read(text: str, glossary: Glossary) -> Question:
    return read_question(text, now_ns=0, glossary=glossary, services=())


def verdict(
    question: Question,
    tokens: dict[str, float],
    said: dict[str, float] | None = None,
    causes: tuple[str, ...] = (),
    bursts: dict[str, float] | None = None,
) -> Verdict:
    texts = IncidentTexts(Bm25.build(["one", "other"], [tokens, {}]), frozenset(causes))
    found = Ranked("one", 1.0, 0.5, tokens)
    words = tokens if said is None else said
    bursts = words if bursts is None else bursts
    return incident_support(question, found, Said(words, bursts), texts, SupportSettings()).verdict


def test_a_thing_is_found_by_its_signs(glossary: Glossary) -> None:
    assert verdict(read("was there a leak?", glossary), {COLLECTION: 1.0}) == "found"


def test_one_line_of_a_sign_is_none(glossary: Glossary) -> None:
    assert verdict(read("was there a leak?", glossary), {COLLECTION: 1.0}, bursts={}) == "not_found"


@pytest.mark.parametrize(("weight", "expected"), [(0.7, "inconclusive"), (0.5, "found")])
def test_signs_prove_nothing_where_the_incident_names_another_cause_about_as_much(
    weight: float, expected: Verdict, glossary: Glossary
) -> None:
    told = {COLLECTION: 1.2, STARVED: weight}
    assert verdict(read("was there a leak?", glossary), told, causes=(STARVED,)) == expected


def test_what_is_named_itself_needs_no_signs_and_no_other_cause_takes_it_away(glossary: Glossary) -> None:
    told = {LEAK: 1.0, STARVED: 2.0}
    assert verdict(read("was there a leak?", glossary), told, causes=(STARVED,)) == "found"


def test_a_fault_of_a_line_that_only_took_longer_or_stopped_is_not_said(glossary: Glossary) -> None:
    assert verdict(read("was anything starved?", glossary), {STARVED: 1.0}, said={}) == "not_found"


def test_a_kind_is_met_by_the_kind_alone_whatever_else_its_word_may_mean() -> None:
    both = parse_glossary(TOML.replace('en = "beginning"', 'en = "beginning, rollout"'))
    question = read("was there a rollout?", both)
    assert verdict(question, {"concept:beginning": 1.0}) == "not_found"
    assert verdict(question, {"concept:rollout": 1.0}) == "found"


def incident(length_ns: int, surprise: float, kind: DeviationKind = "appeared") -> Incident:
    deviation = Deviation("cart", kind, "p", "could not write", 4, 0, surprise, 0, ())
    return Incident("0" * 16, "", 0, length_ns, "minor", ("cart",), (), (), (deviation,), (), (), 4)


def test_a_brief_incident_of_few_lines_is_slight() -> None:
    assert is_slight(incident(SLIGHT_NS - 1, SLIGHT_SURPRISE - 1))
    assert not is_slight(incident(SLIGHT_NS, SLIGHT_SURPRISE - 1))
    assert not is_slight(incident(SLIGHT_NS - 1, SLIGHT_SURPRISE))


def test_slight_incidents_are_uncertain_alone_and_fit_beside_a_graver_one() -> None:
    fits = Support("found", 0.9, ())
    slight, grave = (IncidentCandidate(incident(length, 5.0), 1.0, fits) for length in (1, SLIGHT_NS))
    other = IncidentCandidate(incident(1, 5.0), 1.0, Support("not_found", 0.0, ()))
    assert [each.support.verdict for each in doubted([slight, other])] == ["inconclusive", "not_found"]
    assert doubted([slight, grave, other]) == [slight, grave, other]
    assert doubted([other]) == [other]


@pytest.mark.parametrize("kind", sorted({*get_args(DeviationKind)} - {"appeared", "burst", "level"}))
def test_an_incident_in_which_nothing_is_newly_said_is_not_slight(kind: DeviationKind) -> None:
    assert not is_slight(incident(1, 5.0, kind))
