"""The checker keeps what is true and drops a claim with anything in it damaged: number, service, order, time, line."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from api.check import check
from api.claim import (
    Claim,
    CountFact,
    EndFact,
    ExtremeFact,
    Fact,
    IncidentsFact,
    LineFact,
    MomentFact,
    NoteFact,
    OrderFact,
    QuoteFact,
    SpanFact,
    SpreadFact,
    SumFact,
    UsualFact,
    WhoFact,
    claim,
)
from api.evidence import Span, gather
from api.plan_incident import incident_claims, matching_claim, quote_claim, story_claim
from api.plan_pattern import identifier_claims, pattern_claims
from api.question import read_question
from api.retrieve import RetrieveSettings, retrieval_of
from index.glossary import load_glossary
from index.line_store import LineFilter
from ingest.line import line_id
from tests.api.small_shop import END_NS, MINUTE, SmallShop, make_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallShop]:
    made = make_shop(tmp_path_factory.mktemp("shop"))
    yield made
    made.store.close()


@pytest.fixture(scope="module", params=["en", "zh"])
def claims(shop: SmallShop, request: pytest.FixtureRequest) -> list[Claim]:
    """Claims of every sort, all true, as the planner makes them."""
    text = {"en": 'How many charges were accepted? "basket 17 opened"', "zh": "charge 成功了多少次? “basket 17 opened”"}
    index = retrieval_of(shop.generation, load_glossary(), RetrieveSettings())
    question = read_question(text[request.param], now_ns=END_NS, glossary=index.glossary, services=index.services)
    incident, pattern_id = shop.avalanche, shop.pattern_id("accepted")
    evidence = gather(
        shop.store,
        shop.generation,
        question,
        Span(None, END_NS),
        pattern_ids=[pattern_id],
        incident_span=Span(incident.start_ns, incident.end_ns),
        as_of_ns=END_NS,
        deviating=[each.pattern_id for each in incident.deviations],
    )
    made = [story_claim(incident, "", question.reply_in, END_NS)]
    made += incident_claims(incident, [incident], shop.generation.notes, evidence, question.reply_in, END_NS)
    made.append(matching_claim([incident], question.reply_in))
    made += pattern_claims([index.facts[pattern_id]], (), evidence, question)
    made += identifier_claims(question, evidence)
    return made


def kept(shop: SmallShop, *claims: Claim) -> list[Claim]:
    checked = check(claims, store=shop.store, generation=shop.generation)
    assert checked.dropped == len(claims) - len(checked.claims)
    return list(checked.claims)


def with_fact(claims: list[Claim], kind: type[Fact]) -> Claim:
    return next(claim for claim in claims if any(isinstance(fact, kind) for fact in claim.facts))


def damaged(claim: Claim, kind: type[Fact], **changes: Any) -> Claim:
    facts = tuple(dataclasses.replace(fact, **changes) if isinstance(fact, kind) else fact for fact in claim.facts)
    return dataclasses.replace(claim, facts=facts)


def test_every_true_claim_is_kept_in_order(shop: SmallShop, claims: list[Claim]) -> None:
    kinds = {type(fact) for claim in claims for fact in claim.facts}
    assert len(kinds) > 9
    assert kept(shop, *claims) == claims


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (CountFact, {"value": 7}),
        (CountFact, {"services": ("checkout",)}),
        (CountFact, {"pattern_id": "0" * 16}),
        (LineFact, {"service": "frontdoor"}),
        (LineFact, {"time_ns": END_NS}),
        (LineFact, {"line": "00000000000000aa-1"}),
        (OrderFact, {"delta_ns": 1}),
        (ExtremeFact, {"time_ns": END_NS}),
        (QuoteFact, {"text": "all is well"}),
        (SpanFact, {"end_ns": END_NS}),
        (SpanFact, {"services": ("login",)}),
        (WhoFact, {"service": "login"}),
        (MomentFact, {"time_ns": END_NS}),
        (MomentFact, {"beyond_days": 7}),
        (SpreadFact, {"count": 2}),
        (IncidentsFact, {"as_of_ns": END_NS + 8 * 24 * 60 * MINUTE, "within_days": 7}),
        (UsualFact, {"expected": 77.0}),
        (NoteFact, {"text": "nothing to see"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "-".join(value),
)
def test_a_claim_with_a_damaged_fact_is_dropped(
    shop: SmallShop, claims: list[Claim], kind: type[Fact], changes: dict[str, Any]
) -> None:
    claim = with_fact(claims, kind)
    assert kept(shop, claim) == [claim]
    assert kept(shop, damaged(claim, kind, **changes)) == []


@pytest.mark.parametrize("wrong", [1, -1])
def test_a_sum_over_patterns_is_counted_again(shop: SmallShop, wrong: int) -> None:
    ids = (shop.pattern_id("accepted"), shop.pattern_id("opened"))
    # Four charges each of 114 minutes, four baskets each of 120.
    made = claim(
        "pattern_sum", "en", (SumFact(ids, None, END_NS, (), 936),), (), count=936, patterns=2, where="", span=""
    )
    assert kept(shop, made) == [made]
    assert kept(shop, damaged(made, SumFact, value=936 + wrong)) == []
    assert kept(shop, damaged(made, SumFact, pattern_ids=(ids[0], ids[0]))) == []


def test_swapped_order_is_dropped(shop: SmallShop, claims: list[Claim]) -> None:
    claim = with_fact(claims, OrderFact)
    order = next(fact for fact in claim.facts if isinstance(fact, OrderFact))
    assert kept(shop, damaged(claim, OrderFact, first=order.later, later=order.first)) == []


@pytest.mark.parametrize("kind", [CountFact, LineFact, OrderFact, SpanFact, UsualFact, ExtremeFact, MomentFact])
def test_a_number_changed_in_the_text_alone_is_dropped(shop: SmallShop, claims: list[Claim], kind: type[Fact]) -> None:
    claim = with_fact(claims, kind)
    outside = [
        place for place in range(len(claim.text)) if claim.text[place].isdigit() and not _quoted(claim.text, place)
    ]
    place = outside[-1]
    digit = str((int(claim.text[place]) + 1) % 10)
    assert kept(shop, dataclasses.replace(claim, text=claim.text[:place] + digit + claim.text[place + 1 :])) == []


def test_a_number_added_to_the_text_is_dropped(shop: SmallShop, claims: list[Claim]) -> None:
    claim = claims[0]
    assert kept(shop, dataclasses.replace(claim, text=claim.text + " 99 % of users were hit.")) == []


def test_a_service_changed_in_the_text_alone_is_dropped(shop: SmallShop, claims: list[Claim]) -> None:
    claim = with_fact(claims, OrderFact)
    assert kept(shop, dataclasses.replace(claim, text=claim.text.replace("checkout", "login"))) == []


def test_services_swapped_in_the_text_alone_are_dropped(shop: SmallShop, claims: list[Claim]) -> None:
    claim = with_fact(claims, OrderFact)
    first, *_, last = (fact.service for fact in claim.facts if isinstance(fact, WhoFact))
    swapped = claim.text.replace(first, "\0").replace(last, first).replace("\0", last)
    assert kept(shop, dataclasses.replace(claim, text=swapped)) == []


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ({"en": "” (", "zh": " 写出“"}, {"en": "” only (", "zh": " 只写出“"}),
        ({"en": "first seen", "zh": "首次"}, {"en": "last seen", "zh": "最近一次"}),
        ({"en": "It lasted", "zh": "持续"}, {"en": "It did not last", "zh": "没有持续"}),
        ({"en": "(info)", "zh": "(info)"}, {"en": "(error)", "zh": "(error)"}),
    ],
    ids=["only", "first", "not", "level"],
)
def test_other_words_than_the_facts_allow_are_dropped(
    shop: SmallShop, claims: list[Claim], said: dict[str, str], instead: dict[str, str]
) -> None:
    language = claims[0].language
    claim = next(claim for claim in claims if said[language] in claim.text)
    changed = claim.text.replace(said[language], instead[language], 1)
    assert kept(shop, dataclasses.replace(claim, text=changed)) == []


@pytest.mark.parametrize("kind", [CountFact, UsualFact, SpanFact, IncidentsFact, OrderFact])
def test_a_citation_that_shows_nothing_of_it_drops_the_claim(
    shop: SmallShop, claims: list[Claim], kind: type[Fact]
) -> None:
    claim = with_fact(claims, kind)
    idle = next(row for row in _some_lines(shop) if row not in {line for each in claims for line in each.citations})
    assert kept(shop, dataclasses.replace(claim, citations=(*claim.citations, idle))) == []


@pytest.mark.parametrize(("which", "is_kept"), [("first", True), ("last", False)])
def test_the_first_incident_is_called_the_first_and_not_the_last(
    shop: SmallShop, which: Literal["first", "last"], is_kept: bool
) -> None:
    first = shop.avalanche
    later = dataclasses.replace(first, incident_id="b" * 16, start_ns=first.start_ns + MINUTE)
    generation = dataclasses.replace(shop.generation, incidents=(first, later))
    end = EndFact(first.incident_id, which, (first.incident_id, later.incident_id))
    lead = {"first": "First ", "last": "Most recently "}[which]
    told = story_claim(first, lead, "en", END_NS, end=end)
    unfounded = story_claim(first, lead, "en", END_NS)
    checked = check([told, unfounded], store=shop.store, generation=generation)
    assert list(checked.claims) == ([told] if is_kept else [])


def test_words_put_into_a_lines_mouth_are_dropped(shop: SmallShop, claims: list[Claim]) -> None:
    claim = with_fact(claims, QuoteFact)
    quoted = next(fact.text for fact in claim.facts if isinstance(fact, QuoteFact))
    changed = "the building is on fire"
    both = damaged(dataclasses.replace(claim, text=claim.text.replace(quoted, changed)), QuoteFact, text=changed)
    assert kept(shop, both) == []


@pytest.mark.parametrize("line", ["nonsense", "00000000000000aa-1", ""])
def test_a_citation_that_does_not_resolve_drops_the_claim(shop: SmallShop, claims: list[Claim], line: str) -> None:
    for each in claims:
        assert kept(shop, dataclasses.replace(each, citations=(*each.citations, line))) == []


def test_a_citation_left_out_drops_the_claim_that_needs_it(shop: SmallShop, claims: list[Claim]) -> None:
    claim = with_fact(claims, LineFact)
    assert kept(shop, dataclasses.replace(claim, citations=())) == []


def test_one_false_claim_does_not_take_true_ones_with_it(shop: SmallShop, claims: list[Claim]) -> None:
    false = damaged(with_fact(claims, CountFact), CountFact, value=7)
    assert kept(shop, claims[0], false, claims[1]) == [claims[0], claims[1]]


def test_lines_of_kept_claims_come_back_as_the_store_has_them(shop: SmallShop) -> None:
    line = shop.avalanche.evidence[0]
    forged = dataclasses.replace(line, message="forged")
    checked = check([quote_claim(line, "en")], store=shop.store, generation=shop.generation)
    assert checked.lines[line.id].message == line.message
    assert kept(shop, quote_claim(forged, "en")) == []


def test_no_claims_are_checked_without_asking_for_lines(shop: SmallShop) -> None:
    checked = check([], store=shop.store, generation=shop.generation)
    assert (checked.claims, checked.lines, checked.dropped) == ((), {}, 0)


def _some_lines(shop: SmallShop) -> list[str]:
    lines = shop.store.search(LineFilter(), limit=200, order="oldest").lines
    return [line_id(source, position) for source, position in lines.select("source", "position").iter_rows()]


def _quoted(text: str, place: int) -> bool:
    return text[:place].count("“") > text[:place].count("”")
