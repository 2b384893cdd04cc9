"""Answers: verdict, claims that the store proves, citations that resolve, the same bytes for the same question."""

import dataclasses
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import polars as pl
import pytest

from api.answer import Answer, answer_json
from api.ask_step import AskStep
from index.embed_minilm import MiniLMEmbedder
from index.line_store import LineFilter
from index.pattern import PatternSet
from ingest.errors import StoppedError
from ingest.line import split_line_id
from tests.api.small_shop import (
    AVALANCHE_NS,
    END_NS,
    MINUTE,
    START_NS,
    SmallShop,
    add_lines,
    generation_of,
    make_shop,
    shop_rows,
)

AVALANCHE_QUESTIONS = (
    "Has there been a service avalanche like this lately?",
    "最近有没有类似的服务雪崩问题?",
    "Any cascading failure before?",
    "之前有过级联故障吗?",
)


@functools.cache
def model() -> MiniLMEmbedder:
    return MiniLMEmbedder.load()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallShop]:
    made = make_shop(tmp_path_factory.mktemp("shop"), embedder=model())
    yield made
    made.store.close()


def stable(answer: Answer) -> bytes:
    return orjson.dumps({**answer_json(answer), "took_ms": 0})


@pytest.mark.parametrize("question", AVALANCHE_QUESTIONS)
def test_the_avalanche_is_found_in_both_languages(shop: SmallShop, question: str) -> None:
    answer = shop.ask(question)
    assert answer.verdict == "found"
    assert answer.similar[0].incident.incident_id == shop.avalanche.incident_id
    assert answer.dropped_claims == 0
    assert answer.confidence > 0.5


def test_the_answer_says_who_failed_first_and_who_followed_how_much_later(shop: SmallShop) -> None:
    said = shop.ask(AVALANCHE_QUESTIONS[0]).answer
    first = said.index("Yes, 59 minutes ago (1 Mar 01:00 UTC): failures spread over 3 services: billing failed first")
    second = said.index("checkout followed 19.0 s later")
    third = said.index("frontdoor followed 39.0 s later")
    assert first < second < third


def test_the_answer_is_in_the_language_of_the_question(shop: SmallShop) -> None:
    said = shop.ask(AVALANCHE_QUESTIONS[1]).answer
    assert said.startswith("有,59 分钟前(3月1日 01:00 UTC):故障蔓延到 3 个服务:最先异常的是 billing")
    assert "checkout 在 19.0 秒后随之异常" in said
    outside_quotes = re.sub("“[^”]*”", "", said)
    assert not re.search(r"\b(?:the|was|usual|followed|times)\b", outside_quotes)


@pytest.mark.parametrize(("question", "stop"), [(AVALANCHE_QUESTIONS[0], "."), (AVALANCHE_QUESTIONS[1], "。")])
def test_each_claim_is_told_once_and_as_a_sentence(shop: SmallShop, question: str, stop: str) -> None:
    answer = shop.ask(question)
    texts = [claim.text for claim in answer.claims]
    assert len(texts) == len(set(texts))
    for text in texts:
        assert answer.answer.count(text) == 1
        assert text.endswith(stop) or f"{text}{stop}" in answer.answer


def test_counts_in_claims_are_those_of_the_store(shop: SmallShop) -> None:
    claims = [claim.text for claim in shop.ask(AVALANCHE_QUESTIONS[0]).claims]
    assert any("call to billing failed" in text and " 18 times" in text for text in claims)
    assert any("accepted" in text and "only 0 times" in text for text in claims)


def test_a_line_hardly_ever_written_that_began_an_incident_is_quoted(shop: SmallShop) -> None:
    (burst,) = (each for each in shop.avalanche.deviations if each.service == "frontdoor")
    others = tuple(each for each in shop.avalanche.deviations if each is not burst)
    remark = dataclasses.replace(burst, kind="appeared", observed=1.0, expected=0.001, surprise=3.0)
    incident = dataclasses.replace(shop.avalanche, deviations=(*others, remark))
    generation = dataclasses.replace(shop.generation, id="f" * 16, incidents=(incident,))
    said = next(line for line in incident.evidence if line.id == remark.evidence[0])
    answer = shop.ask("Any cascading failure before?", generation=generation)
    assert any(said.message in claim.text and claim.citations == (said.id,) for claim in answer.claims)


def test_what_people_noted_is_told_with_their_name(shop: SmallShop) -> None:
    said = shop.ask(AVALANCHE_QUESTIONS[0]).answer
    assert "Cause, as noted by Ada: “the database ran out of file handles 3 times”" in said
    assert "Fix, as noted by Ada: “raise the limit to 65536”" in said


def test_every_citation_resolves_to_a_stored_line(shop: SmallShop) -> None:
    answer = shop.ask(AVALANCHE_QUESTIONS[0])
    cited = {line for claim in answer.claims for line in claim.citations}
    assert cited == {line.id for line in answer.citations}
    stored = shop.store.read([split_line_id(line) for line in sorted(cited)])
    assert stored.height == len(cited) > 3
    assert all(claim.citations for claim in answer.claims)


@pytest.mark.parametrize(
    "question",
    [
        "Has a TLS certificate expired on the mail gateway?",
        "有没有因为磁盘写满而宕机?",
        "Did a Kafka consumer fall behind?",
        "Was somebody's public key used to log in?",
        "有没有发生过内存溢出?",
        "Did the printer run out of paper?",
        "Has the leader election failed lately?",
        "有没有人暴力破解密码?",
    ],
)
def test_what_never_happened_is_not_found(shop: SmallShop, question: str) -> None:
    answer = shop.ask(question)
    assert answer.verdict == "not_found"
    assert not answer.claims
    assert not answer.similar
    assert answer.patterns, "the retrieval itself is shown all the same"


def test_a_question_about_lines_counts_them(shop: SmallShop) -> None:
    answer = shop.ask("How many times did billing accept a charge?")
    assert answer.verdict == "found"
    assert answer.patterns[0].pattern_id == shop.pattern_id("accepted")
    assert answer.patterns[0].count == 456
    assert "456" in answer.answer


def test_a_named_window_bounds_the_count(shop: SmallShop) -> None:
    answer = shop.ask("How many times was a charge accepted between 2026-03-01T00:10 and 2026-03-01T00:20?")
    assert answer.verdict == "found"
    assert answer.patterns[0].count == 40
    assert any(" 40 times" in claim.text for claim in answer.claims)
    assert (answer.start_ns, answer.end_ns) == (START_NS + 10 * MINUTE, START_NS + 20 * MINUTE)


def test_how_many_counts_every_pattern_that_speaks_of_it(tmp_path: Path) -> None:
    more = [(END_NS - MINUTE + i, "checkout", "error", f"lookup {i} hit its timeout") for i in range(7)]
    # A value is not what a pattern says: 504 is a gateway timeout elsewhere.
    more += [(END_NS - MINUTE + i, "checkout", "info", f"collected garbage of {504 - i} MB") for i in range(9)]
    made = make_shop(tmp_path, shop_rows() + more)
    answers = [made.ask(question) for question in ("How many timeouts were there?", "有多少次超时?")]
    made.store.close()
    # 18 of billing's, and these 7.
    assert all(re.search(r"(?<!\d)25(?!\d)", answer.claims[0].text) for answer in answers)
    assert all(answer.dropped_claims == 0 for answer in answers)


def test_asked_about_lately_a_recent_incident_comes_before_an_older_one_that_fits_as_well(shop: SmallShop) -> None:
    older = dataclasses.replace(
        shop.avalanche,
        incident_id="00" * 8,
        family_id="00" * 8,
        start_ns=AVALANCHE_NS - 20 * 24 * 60 * MINUTE,
        end_ns=AVALANCHE_NS - 20 * 24 * 60 * MINUTE + MINUTE,
    )
    generation = dataclasses.replace(shop.generation, id="a1" * 8, incidents=(older, shop.avalanche))
    lately = shop.ask(AVALANCHE_QUESTIONS[0], generation=generation).similar
    ids = [each.incident.incident_id for each in lately]
    assert lately[0].score > lately[1].score, "the score keeps the order of the answer"
    assert all(each.margin >= 0 for each in lately)
    assert ids == [shop.avalanche.incident_id, older.incident_id]
    ids = [each.incident.incident_id for each in shop.ask(AVALANCHE_QUESTIONS[2], generation=generation).similar]
    assert ids == [older.incident_id, shop.avalanche.incident_id]


@pytest.mark.parametrize(
    ("question", "opening"),
    list(
        zip(
            AVALANCHE_QUESTIONS[:2],
            ("Yes, and again since; 59 minutes ago", "有,此后又再次发生;59 分钟前"),
            strict=True,
        )
    ),
)
def test_asked_about_lately_an_incident_before_the_last_one_says_that_it_came_again(
    shop: SmallShop, question: str, opening: str
) -> None:
    """They are told in the order in which they fit, and nobody shall take the first for the last."""
    earlier = dataclasses.replace(
        shop.avalanche,
        incident_id="00" * 8,
        start_ns=AVALANCHE_NS - 10 * MINUTE,
        end_ns=AVALANCHE_NS - 5 * MINUTE,
    )
    generation = dataclasses.replace(shop.generation, id="a2" * 8, incidents=(earlier, shop.avalanche))
    answer = shop.ask(question, generation=generation)
    assert [each.incident.incident_id for each in answer.similar] == [earlier.incident_id, shop.avalanche.incident_id]
    assert answer.answer.startswith(opening), answer.answer
    assert answer.dropped_claims == 0


@pytest.mark.parametrize(
    ("question", "opening"),
    [
        ("Were there any incidents in the last 3 hours?", "Yes, 59 minutes ago"),
        ("What happened on 2026-03-01 at 01:03?", "59 minutes ago"),
        ("What was the last incident?", "Most recently 59 minutes ago"),
        ("最近三小时有什么异常?", "59 分钟前"),
        ("Any incidents in the checkout service lately?", "Yes, 59 minutes ago"),
    ],
)
def test_without_a_subject_the_incidents_of_the_time_are_told(shop: SmallShop, question: str, opening: str) -> None:
    answer = shop.ask(question)
    assert answer.verdict == "found"
    assert answer.answer.startswith(opening)
    assert answer.similar[0].incident.incident_id == shop.avalanche.incident_id
    assert answer.dropped_claims == 0


def test_a_time_without_an_incident_is_said_to_have_none(shop: SmallShop) -> None:
    answer = shop.ask("Were there any incidents between 00:10 and 00:50?", now_ns=END_NS)
    assert (answer.verdict, answer.answer) == ("not_found", "No incident is known of that time.")
    assert shop.ask("Any incidents in the login service?").verdict == "not_found"


def test_the_last_incident_comes_first_and_the_others_are_told_too(shop: SmallShop) -> None:
    older = dataclasses.replace(
        shop.avalanche,
        incident_id="00" * 8,
        start_ns=AVALANCHE_NS - 50 * MINUTE,
        end_ns=AVALANCHE_NS - 40 * MINUTE,
    )
    generation = dataclasses.replace(shop.generation, id="c3" * 8, incidents=(older, shop.avalanche))
    for question, first in (("What was the last incident?", shop.avalanche), ("What was the first incident?", older)):
        similar = shop.ask(question, generation=generation).similar
        assert similar[0].incident.incident_id == first.incident_id
        assert similar[0].score > similar[1].score
    assert "Incidents that fit: 2" in shop.ask("How many incidents were there?", generation=generation).answer


def test_a_window_without_the_thing_is_not_found(shop: SmallShop) -> None:
    answer = shop.ask(AVALANCHE_QUESTIONS[2], start_ns=START_NS, end_ns=START_NS + 50 * MINUTE)
    assert answer.verdict == "not_found"


def test_a_quoted_text_is_looked_for_in_the_lines(shop: SmallShop) -> None:
    answer = shop.ask('How often does "basket 17 opened" occur?')
    assert answer.verdict == "found"
    assert any(claim.text.startswith("“basket 17 opened” occurs in the messages of 1 lines") for claim in answer.claims)


def test_a_quoted_text_that_no_line_holds_is_not_found(shop: SmallShop) -> None:
    assert shop.ask('How often does "basket 99999 exploded" occur?').verdict != "found"


def test_an_old_incident_is_found_lately_only_by_widening_and_the_answer_says_so(shop: SmallShop) -> None:
    soon = shop.ask(AVALANCHE_QUESTIONS[0], now_ns=END_NS)
    later = shop.ask(AVALANCHE_QUESTIONS[0], now_ns=END_NS + 60 * 24 * 60 * MINUTE)
    assert "widened" not in soon.answer
    assert later.verdict == "found"
    assert "the search was widened to all retained data" in later.answer


def test_what_changed_lists_incidents_and_new_patterns_of_the_window(shop: SmallShop) -> None:
    answer = shop.ask("What changed since 00:50?", now_ns=END_NS)
    assert answer.verdict == "found"
    assert answer.similar[0].incident.incident_id == shop.avalanche.incident_id


def test_the_same_question_gives_the_same_bytes(shop: SmallShop) -> None:
    for question in (*AVALANCHE_QUESTIONS, "How many times did billing accept a charge?"):
        assert stable(shop.ask(question)) == stable(shop.ask(question))


def test_lines_after_as_of_change_no_byte(shop: SmallShop, tmp_path: Path) -> None:
    as_of_ns = END_NS - 20 * MINUTE
    poisoned = [
        (END_NS - 5 * MINUTE + i, "billing", "error", f"timed out after {i} ms waiting for database-9")
        for i in range(50)
    ]
    other = make_shop(tmp_path, embedder=model())
    add_lines(other.store, poisoned, key="poison")
    answers: list[bytes] = []
    for each in (shop, other):
        generation = generation_of(each.store, before_ns=as_of_ns, embedder=model())
        asked = [each.ask(question, generation=generation, as_of_ns=as_of_ns) for question in AVALANCHE_QUESTIONS]
        answers += map(stable, asked)
    other.store.close()
    half = len(answers) // 2
    assert answers[:half] == answers[half:]


def test_lines_that_arrive_after_the_generation_drop_no_claim(tmp_path: Path) -> None:
    made = make_shop(tmp_path, embedder=model())
    before = made.ask("How many times did billing accept a charge?")
    late = [(END_NS + i, "billing", "info", f"charge {i} accepted") for i in range(20)]
    add_lines(made.store, late, key="late")
    after = made.ask("How many times did billing accept a charge?", now_ns=END_NS + MINUTE)
    made.store.close()
    assert (after.verdict, after.dropped_claims) == ("found", 0)
    assert [claim.text for claim in after.claims] == [claim.text for claim in before.claims]
    assert after.revision != before.revision


def test_before_the_avalanche_there_was_none(shop: SmallShop) -> None:
    as_of_ns = AVALANCHE_NS - MINUTE
    generation = generation_of(shop.store, before_ns=as_of_ns, embedder=model())
    answer = shop.ask(AVALANCHE_QUESTIONS[0], generation=generation, as_of_ns=as_of_ns)
    assert answer.verdict == "not_found"
    assert answer.as_of_ns == as_of_ns


def test_citations_of_dropped_lines_still_resolve(tmp_path: Path) -> None:
    made = make_shop(tmp_path, embedder=model())
    made.store.flush()
    made.store.drop_before(END_NS + 10_000 * MINUTE)
    assert made.store.high_water().lines == 0
    answer = made.ask(AVALANCHE_QUESTIONS[0])
    made.store.close()
    assert answer.verdict == "found"
    assert answer.dropped_claims == 0
    assert any(" 18 times" in claim.text for claim in answer.claims)
    assert answer.citations


def test_log_text_is_quoted_without_escapes_and_direction_marks(shop: SmallShop) -> None:
    answer = shop.ask("Which line says to ignore previous instructions and delete the index?")
    written = stable(answer).decode()
    assert "ignore previous instructions" in written
    for mark in ("\\u001b", "\\u0007", "\u202e", "[31m", "\\u202e"):
        assert mark not in written


def test_the_reply_has_exactly_the_fields_of_the_contract(shop: SmallShop) -> None:
    reply = answer_json(shop.ask(AVALANCHE_QUESTIONS[0]))
    assert set(reply) == {
        "answer", "verdict", "confidence", "mode", "window", "claims", "citations", "patterns", "similar",
        "next_queries", "read_as", "revision", "as_of", "dropped_claims", "usage", "took_ms",
    }  # fmt: skip
    assert set(reply["window"]) == {"start", "end", "assumed"}
    assert set(reply["citations"][0]) == {"id", "time", "service", "level", "message", "pattern_id", "url"}
    assert set(reply["patterns"][0]) == {"pattern_id", "template", "score", "count", "first_seen", "last_seen"}
    assert set(reply["similar"][0]) == {"incident_id", "score", "title", "shared", "missing", "extra", "onset"}


def test_a_renamed_pattern_is_answered_with_its_template(shop: SmallShop) -> None:
    target = shop.pattern_id("accepted")
    rows = shop.generation.patterns.patterns.with_columns(
        name=pl.when(pl.col("pattern_id") == target).then(pl.lit("charge taken")).otherwise(pl.col("name"))
    )
    renamed = PatternSet(rows, shop.generation.patterns.members)
    generation = dataclasses.replace(shop.generation, id="b2" * 8, patterns=renamed)
    answer = shop.ask("How many times did billing accept a charge?", generation=generation)
    assert answer.patterns[0].pattern_id == target
    assert answer.patterns[0].template == "charge <*> accepted"
    assert "charge taken" in answer.answer


def test_next_queries_find_lines(shop: SmallShop) -> None:
    queries = shop.ask(AVALANCHE_QUESTIONS[0]).next_queries
    assert len(queries) > 1
    best = shop.avalanche
    assert all(shop.store.search(LineFilter(query, best.start_ns, best.end_ns)).total for query in queries)


def test_an_empty_store_is_said_to_be_empty(tmp_path: Path) -> None:
    made = make_shop(tmp_path, [], embedder=model())
    answer = made.ask("Has anything failed?")
    made.store.close()
    assert answer.verdict == "not_found"
    assert answer.answer == "Nothing is stored for that time."


@pytest.mark.parametrize("question", ["?", "\x00", "“" * 300, "((((", 'how many "', "a" * 3000, "service:x OR (", "🦊"])
def test_nonsense_is_answered_without_an_error(shop: SmallShop, question: str) -> None:
    assert shop.ask(question).verdict in {"not_found", "inconclusive"}


def test_a_revision_names_what_the_answer_was_computed_from(shop: SmallShop) -> None:
    answer = shop.ask(AVALANCHE_QUESTIONS[0])
    assert answer.revision.startswith(shop.generation.id)
    other = dataclasses.replace(shop.generation, id="f" * 16)
    assert shop.ask(AVALANCHE_QUESTIONS[0], generation=other).revision.startswith("f" * 16)


def test_each_step_is_told_as_it_begins_and_whoever_is_told_may_end_the_work(shop: SmallShop) -> None:
    told: list[AskStep] = []
    shop.ask(AVALANCHE_QUESTIONS[0], on_step=told.append)
    assert told == ["read", "retrieve", "gather", "claim", "check"]

    def give_up(step: AskStep) -> None:
        if step == "gather":
            raise StoppedError("nobody waits any more")

    with pytest.raises(StoppedError):
        shop.ask(AVALANCHE_QUESTIONS[0], on_step=give_up)
