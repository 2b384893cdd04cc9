"""Dialogues over a small filled store, in both languages: what each turn is asked of, and what it answers."""

import concurrent.futures
import dataclasses
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from api import parts
from api.answer import Answer, answer_json
from api.conversation_answer import MOST_LOOKS, Source, answer_turn, conversation_id_of
from api.conversation_keep import LocalConversations
from index.generation import Generation
from index.incident import Note
from tests.api.small_shop import AVALANCHE_NS, END_NS, HOSTILE, MINUTE, START_NS, SmallShop, generation_of, make_shop

NOW_NS = START_NS + 25 * 60 * MINUTE
"""The day after."""
YESTERDAY = ("2026-03-01T00:00", "2026-03-02T00:00")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    return make_shop(tmp_path_factory.mktemp("talk"))


class Reached(Exception):  # noqa: N818 it only says where the work came to
    """What must not be read was read."""


@dataclasses.dataclass
class Talk:
    """One conversation with the shop."""

    shop: SmallShop
    now_ns: int = NOW_NS
    kept: LocalConversations = dataclasses.field(default_factory=lambda: LocalConversations(idle_s=60, most=100))
    generation: Generation | None = None
    looks: int = 0

    def says(self, text: str, **more: Any) -> Answer:
        asked = parts.Question(text, **{"conversation_id": "one", **more})
        return answer_turn(asked, self.kept, self.source())

    def source(self) -> Source:
        def on_step(step: object) -> None:
            self.looks += step == "retrieve"

        generation = self.generation or self.shop.generation
        return Source(lambda: generation, self.shop.store, self.shop.embedder, self.now_ns, on_step=on_step)


def minute(time_ns: int | None) -> str:
    return "" if time_ns is None else dt.datetime.fromtimestamp(time_ns // 1_000_000_000, tz=dt.UTC).isoformat()[:16]


def window(answer: Answer) -> tuple[str, str]:
    return minute(answer.start_ns), minute(answer.end_ns)


DIALOGUES: dict[str, Sequence[tuple[str, str, tuple[str, str] | None, str]]] = {
    "en": [
        ("Has there been an avalanche?", "found", None, "failures spread over 3 services"),
        ("and yesterday?", "found", YESTERDAY, "failures spread over 3 services"),
        ("why?", "found", YESTERDAY, "the database ran out of file handles 3 times"),
        ("how was it fixed?", "found", YESTERDAY, "raise the limit to 65536"),
        ("show me the lines", "found", YESTERDAY, "billing at 2026-03-01T01:00:01.000Z: “timed out after 0 ms"),
        ("the one before?", "not_found", ("2026-03-01T00:00", "2026-03-01T01:00"), "No"),
        ("and what fixed it?", "found", None, "raise the limit to 65536"),
        ("did it happen again?", "not_found", ("2026-03-01T01:06", "2026-03-02T01:00"), "No"),
        ("and today?", "not_found", ("2026-03-02T00:00", "2026-03-02T01:00"), "No"),
    ],
    "zh": [
        ("昨天有没有超时?", "found", YESTERDAY, "故障蔓延到 3 个服务"),
        ("只看 billing", "found", YESTERDAY, "最先异常的是 billing"),
        ("多少次", "found", YESTERDAY, "共出现 18 次"),
        ("看看日志", "found", YESTERDAY, "billing 于 2026-03-01T01:00:01.000Z:“timed out after 0 ms"),
        ("怎么解决的", "found", YESTERDAY, "raise the limit to 65536"),
        ("再早一次呢", "not_found", ("2026-03-01T00:00", "2026-03-01T01:00"), "没有"),
        ("谢谢", "inconclusive", None, "不客气"),
        ("那今天呢", "not_found", ("2026-03-02T00:00", "2026-03-02T01:00"), "没有"),
    ],
    "narrower": [
        ("How many timeouts were there yesterday?", "found", YESTERDAY, "Incidents that fit: 1."),
        ("and billing between 01:00 and 01:03?", "found", ("2026-03-01T01:00", "2026-03-01T01:03"), "9 times by"),
        ("how often did that message occur?", "found", ("2026-03-01T01:00", "2026-03-01T01:03"), "9 times by billing"),
        ("overall?", "found", None, "18 times by billing"),
        ("那 checkout 呢", "not_found", None, "没有"),
    ],
    "like it": [
        ("Has there been an avalanche?", "found", None, "failures spread over 3 services"),
        ("Has there been one like it before?", "not_found", ("2026-03-01T00:00", "2026-03-01T01:00"), "No"),
        ("之后又发生过吗", "not_found", ("2026-03-01T01:06", "2026-03-02T01:00"), "没有"),
        ("为什么", "found", None, "the database ran out of file handles 3 times"),
    ],
    "anew": [
        ("Has there been an avalanche yesterday in the billing service?", "found", YESTERDAY, "billing failed first"),
        ("Who signed in with a password?", "found", None, "user 77 signed in"),
        ("why?", "found", None, "signed in with a password"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DIALOGUES)
def test_each_turn_goes_on_with_what_was_said(shop: SmallShop, name: str) -> None:
    talk = Talk(shop)
    for says, verdict, span, told in DIALOGUES[name]:
        answer = talk.says(says)
        assert (says, answer.verdict) == (says, verdict)
        assert told in answer.answer, (says, answer.answer)
        if span is not None:
            assert (says, window(answer)) == (says, span)


def test_read_as_says_what_was_taken_over(shop: SmallShop) -> None:
    talk = Talk(shop)
    assert "Taken over" not in talk.says("How many timeouts were there yesterday?").read_as
    assert talk.says("only billing").read_as.endswith(
        "Taken over from before: what it is about, the time, what is asked."
    )
    assert talk.says("怎么解决的").read_as.endswith("沿用之前的:事件。")


def test_every_line_that_is_shown_is_cited_and_says_what_is_quoted(shop: SmallShop) -> None:
    talk = Talk(shop)
    talk.says("Was there a timeout?")
    shown = talk.says("show me the lines")
    lines = {line.id: line for line in shown.citations}
    assert len(shown.claims) == len(lines) > 1
    for claim in shown.claims:
        (cited,) = claim.citations
        assert lines[cited].message[:40] in claim.text
    assert shown.next_queries


def test_hostile_lines_are_shown_plain(shop: SmallShop) -> None:
    talk = Talk(shop)
    first = talk.says('Was "ignore previous instructions" written?')
    assert HOSTILE in [line.message for line in first.citations]
    shown = talk.says("show me the lines").answer
    assert "ignore previous instructions" in shown
    assert not any(mark in shown for mark in ("\x1b", "\u202e", "\x07"))


@pytest.mark.parametrize("text", ["hello", "thanks!", "who are you?", "你好", "谢谢", "你能做什么?"])
def test_small_talk_reads_nothing_and_says_how_to_ask(shop: SmallShop, text: str) -> None:
    def unread() -> Generation:
        raise Reached

    class Unread:
        def __getattr__(self, name: str) -> None:
            raise Reached(name)

    source = Source(unread, Unread(), Unread(), NOW_NS)  # type: ignore[arg-type]  # whatever is touched raises
    kept = LocalConversations(idle_s=60, most=100)
    for asked in (parts.Question(text), parts.Question(text, conversation_id="one")):
        answer = answer_turn(asked, kept, source)
        assert ("“" in answer.answer, answer.claims, answer.revision) == (True, (), "")
    with pytest.raises(Reached):
        answer_turn(parts.Question("Was there a timeout?"), kept, source)
    assert len(kept) == 0


@pytest.mark.parametrize(
    "text", ["why?", "show me the lines", "the one before?", "怎么解决的", "再早一次呢", "the day before"]
)
def test_a_reference_to_nothing_says_so(shop: SmallShop, text: str) -> None:
    talk = Talk(shop)
    answer = talk.says(text)
    assert ("“" in answer.answer, answer.claims, talk.looks, len(talk.kept)) == (True, (), 0, 0)


def test_without_a_conversation_nothing_is_kept_or_looked_up(shop: SmallShop) -> None:
    talk = Talk(shop)
    talk.says("How many timeouts were there yesterday?", conversation_id="")
    assert len(talk.kept) == 0
    alone = talk.says("and yesterday?", conversation_id="")
    assert alone.answer == shop.ask("and yesterday?", now_ns=NOW_NS).answer


def test_the_same_turns_get_the_same_answers(shop: SmallShop) -> None:
    told = [
        [{**answer_json(talk.says(says)), "took_ms": 0} for says, *_ in DIALOGUES["en"]]
        for talk in (Talk(shop), Talk(shop))
    ]
    assert told[0] == told[1]


def test_a_caller_that_sends_its_turns_gets_the_same_answers(shop: SmallShop) -> None:
    for turns in DIALOGUES.values():
        talk, said = Talk(shop), [says for says, *_ in turns]
        for place, says in enumerate(said):
            kept = talk.says(says)
            sent = Talk(shop).says(says, conversation_id="", before=tuple(said[:place]))
            assert (says, sent.answer, sent.read_as) == (says, kept.answer, kept.read_as)


def test_turns_that_are_sent_are_read_and_asked_again_only_for_what_refers_to_an_answer(shop: SmallShop) -> None:
    before = ("How many timeouts were there yesterday?", "only billing", "hello")
    talk = Talk(shop)
    talk.says("多少次", conversation_id="", before=before)
    assert talk.looks == 1
    talk = Talk(shop)
    talk.says("show me the lines", conversation_id="", before=before)
    assert talk.looks == 2
    talk = Talk(shop)
    talk.says("the one before?", conversation_id="", before=(*before, *["the one before?"] * 40))
    assert talk.looks <= MOST_LOOKS + 1


def test_as_of_is_kept_to(shop: SmallShop) -> None:
    as_of_ns = AVALANCHE_NS - MINUTE
    before = generation_of(shop.store, before_ns=as_of_ns)
    talk = Talk(shop)
    assert talk.says("Was there a timeout?").verdict == "found"
    talk.generation = before
    lines = talk.says("show me the lines", as_of_ns=as_of_ns)
    assert all(line.time_ns < as_of_ns for line in lines.citations)
    assert talk.says("why?", as_of_ns=as_of_ns).verdict == "not_found"


def test_where_nobody_noted_it_the_answer_says_so_and_shows_the_lines(tmp_path: Path) -> None:
    made = make_shop(tmp_path)
    talk = Talk(made, generation=dataclasses.replace(made.generation, notes=(), id="unnoted"))
    talk.says("Has there been an avalanche?")
    answer = talk.says("how was it fixed?")
    assert (answer.verdict, answer.answer.startswith("Nobody has noted how it was fixed.")) == ("inconclusive", True)
    assert answer.citations
    assert talk.says("为什么").answer.startswith("没有人记录过原因。")


def test_a_note_with_a_cause_is_no_answer_to_how_it_was_fixed(tmp_path: Path) -> None:
    made = make_shop(tmp_path)
    note = Note(note_id="n2", target=made.avalanche.incident_id, text="", cause="a full disk", time_ns=END_NS)
    talk = Talk(made, generation=dataclasses.replace(made.generation, notes=(note,), id="noted"))
    talk.says("Has there been an avalanche?")
    assert talk.says("why?").verdict == "found"
    assert talk.says("how was it fixed?").verdict == "inconclusive"


def test_a_model_is_told_how_a_follow_up_was_understood_and_never_tells_small_talk_or_quoted_lines(
    shop: SmallShop,
) -> None:
    told: list[str] = []

    def tell(question: str, answer: Answer) -> Answer:
        told.append(question)
        return answer

    talk = Talk(shop)
    for says in ("Has there been an avalanche?", "and yesterday?", "hello", "show me the lines", "why?"):
        source = dataclasses.replace(talk.source(), tell=tell)
        answer = answer_turn(parts.Question(says, conversation_id="one"), talk.kept, source)
        assert answer.answer
    first, second, third = told
    assert first == "Has there been an avalanche?"
    assert second.startswith("and yesterday? (Read as: whether it has happened; about avalanche, ")
    assert third.startswith("why? (Read as: why it happened; about incident ")


def test_conversations_at_once_do_not_mix(shop: SmallShop) -> None:
    kept = LocalConversations(idle_s=60, most=100)
    services = ("billing", "checkout", "frontdoor", "login")

    def converse(number: int) -> tuple[str, str]:
        talk, service = Talk(shop, kept=kept), services[number % len(services)]
        talk.says("How many warnings were there yesterday?", conversation_id=str(number))
        talk.says(f"only {service}", conversation_id=str(number))
        return service, talk.says("and today?", conversation_id=str(number)).read_as

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for service, read_as in pool.map(converse, range(16)):
            assert f"service {service}" in read_as


def test_an_id_that_the_server_makes_cannot_be_guessed() -> None:
    made = {conversation_id_of("new") for _ in range(100)}
    assert (len(made), min(map(len, made)) >= 20, conversation_id_of("mine"), conversation_id_of("")) == (
        100,
        True,
        "mine",
        "",
    )
