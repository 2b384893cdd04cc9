"""How turns are read: each follow-up of tests/api/follow_ups.toml against the slots that a person expects."""

import dataclasses
import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from api.conversation import Slots, pack, slots_of, unpack
from api.conversation_merge import Given, merged, next_slots, question_of
from api.conversation_read import Heard, hear, small_talk
from api.question import Question
from index.glossary import Glossary, load_glossary

NOW_NS = int(dt.datetime(2026, 3, 11, 15, 30, tzinfo=dt.UTC).timestamp()) * 1_000_000_000
SERVICES = ("payment", "cart", "checkout", "order-service", "mail-gateway")
INCIDENT = "ab" * 8
PATTERN = "cd" * 8
FLOOR = 0.95
"""Share of the turns of which every slot is as expected."""


@dataclasses.dataclass(frozen=True)
class FollowUp:
    before: dict[str, Any]
    turn: dict[str, Any]

    @property
    def expected(self) -> dict[str, Any]:
        rest = {name: self.before[name] for name in ("topic", "services", "intent", "window")}
        return {**rest, "asks": "", "at": "", **{name: value for name, value in self.turn.items() if name != "says"}}


def follow_ups() -> list[FollowUp]:
    content = tomllib.loads(Path(__file__).with_name("follow_ups.toml").read_text(encoding="utf-8"))
    return [FollowUp(before, turn) for before in content["after"] for turn in before["turns"]]


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return load_glossary()


def ns(text: str) -> int | None:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 1_000_000_000 if text else None


def heard(text: str, glossary: Glossary) -> Heard:
    return hear(text, now_ns=NOW_NS, glossary=glossary, services=SERVICES)


def meant(text: str, slots: Slots | None, glossary: Glossary, given: Given | None = None) -> Question:
    return merged(heard(text, glossary), slots, given or Given(), glossary=glossary, services=SERVICES)


def told(question: str, glossary: Glossary) -> Slots:
    """The slots after a question whose answer told of the incident."""
    return dataclasses.replace(
        slots_of(meant(question, None, glossary)),
        is_answered=True,
        incident=INCIDENT,
        from_ns=ns("2026-03-10T10:00"),
        to_ns=ns("2026-03-10T10:10"),
        patterns=(PATTERN,),
    )


def as_read(follow_up: FollowUp, glossary: Glossary) -> dict[str, Any]:
    slots = told(follow_up.before["question"], glossary)
    says = heard(follow_up.turn["says"], glossary)
    read = merged(says, slots, Given(), glossary=glossary, services=SERVICES)
    at = "incident" if read.subject else "pattern" if read.pattern_ids else ""
    minute = 60_000_000_000
    window = [
        "" if each is None else dt.datetime.fromtimestamp(each // minute * 60, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M")
        for each in (read.start_ns, read.end_ns)
    ]
    topic = [] if at == "pattern" else [unit.text for unit in read.units]
    return {
        "topic": topic,
        "services": list(read.services),
        "intent": read.intent,
        "window": "" if window == ["", ""] else " ".join(window),
        "asks": says.asks,
        "at": at,
    }


def test_follow_ups_get_the_slots_that_a_person_expects(glossary: Glossary) -> None:
    cases = follow_ups()
    assert len(cases) >= 60
    wrong = {
        f"{each.before['question']} -> {each.turn['says']}": {
            name: (found[name], value) for name, value in each.expected.items() if found[name] != value
        }
        for each in cases
        if (found := as_read(each, glossary)) != each.expected
    }
    right = 1 - len(wrong) / len(cases)
    assert right >= FLOOR, f"{right:.3f} of {len(cases)}; found, expected: {wrong}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hello", "hello"),
        ("Hi there!", "hello"),
        ("good morning, dejalog", "hello"),
        ("你好", "hello"),
        ("在吗?", "hello"),
        ("thanks a lot", "thanks"),
        ("OK, thank you!", "thanks"),
        ("谢谢你", "thanks"),
        ("知道了", "thanks"),
        ("who are you?", "who"),
        ("What can you do for me?", "who"),
        ("help", "who"),
        ("你是谁", "who"),
        ("你能做什么?", "who"),
        ("hello, did payment fail?", None),
        ("thanks, and yesterday?", None),
        ("你好,昨天有超时吗", None),
        ("payment", None),
        ("", None),
        ("help desk errors", None),
    ],
)
def test_small_talk_is_a_whole_message_of_it(text: str, kind: str | None) -> None:
    assert small_talk(text) == kind


def test_a_greeting_before_a_follow_up_is_not_its_topic(glossary: Glossary) -> None:
    slots = told("How many timeouts were there today?", glossary)
    read = meant("Thanks, and yesterday?", slots, glossary)
    assert ([unit.text for unit in read.units], read.intent) == (["timeouts"], "count")
    assert (read.start_ns, read.end_ns) == (ns("2026-03-10T00:00"), ns("2026-03-11T00:00"))


@pytest.mark.parametrize("text", ["昨天支付服务有没有超时?", "Was payment slow in the last 3 hours?", "What failed?"])
def test_a_first_turn_is_read_as_any_question(glossary: Glossary, text: str) -> None:
    assert meant(text, None, glossary) == heard(text, glossary).whole


def test_what_is_carried_over_is_told(glossary: Glossary) -> None:
    slots = told("How many timeouts were there today?", glossary)
    assert meant("only payment", slots, glossary).carried == ("topic", "window", "intent")
    assert meant("only payment yesterday", slots, glossary).carried == ("topic", "intent")
    assert meant("Was the disk full?", slots, glossary).carried == ()
    assert meant("why?", slots, glossary).carried == ("incident",)


def test_like_this_means_the_incident_at_hand(glossary: Glossary) -> None:
    slots = told("Has there been an avalanche?", glossary)
    read = meant("Has there been one like it before?", slots, glossary)
    assert (read.named_ids, read.like_this, read.end_ns) == ((INCIDENT,), True, ns("2026-03-10T10:00"))
    named = meant("Has there been one like it today?", slots, glossary)
    assert (named.start_ns, named.end_ns) == (ns("2026-03-11T00:00"), NOW_NS)


def test_another_service_takes_the_place_of_the_one_that_was_named_as_a_word(glossary: Glossary) -> None:
    slots = told("Did payment time out yesterday?", glossary)
    read = meant("and cart?", slots, glossary)
    assert ([unit.text for unit in read.units], read.services) == (["time out"], ("cart",))


@pytest.mark.parametrize(("says", "language"), [("payment?", "zh"), ("14:00 - 15:00", "zh"), ("and payment?", "en")])
def test_a_bare_name_or_time_keeps_the_language(glossary: Glossary, says: str, language: str) -> None:
    assert meant(says, told("昨天有没有超时?", glossary), glossary).reply_in == language


def test_what_the_caller_gives_counts_more_than_what_was_carried(glossary: Glossary) -> None:
    slots = told("昨天支付服务有没有超时?", glossary)
    given = Given(ns("2026-03-01T00:00"), ns("2026-03-02T00:00"), ("cart",))
    read = meant("多少次", slots, glossary, given)
    assert (read.start_ns, read.end_ns, read.services) == (*(given.start_ns, given.end_ns), ("cart",))
    assert "window" not in read.carried
    assert "services" not in read.carried


def test_a_step_back_does_not_change_what_is_asked_next(glossary: Glossary) -> None:
    slots = told("How many timeouts were there today?", glossary)
    says = heard("the one before?", glossary)
    read = merged(says, slots, Given(), glossary=glossary, services=SERVICES)
    kept = next_slots(says, read, slots)
    assert (read.intent, kept.intent, kept.end_ns) == ("last", "count", ns("2026-03-10T10:00"))


def test_a_long_text_is_a_question_of_its_own(glossary: Glossary) -> None:
    assert heard("and " * 80, glossary).has_topic


@pytest.mark.parametrize("follow_up", follow_ups()[:10], ids=lambda each: each.turn["says"])
def test_slots_come_back_as_they_were_kept_and_hold_no_text_of_turns(follow_up: FollowUp, glossary: Glossary) -> None:
    slots = told(follow_up.before["question"], glossary)
    read = meant(follow_up.turn["says"], slots, glossary)
    kept = next_slots(heard(follow_up.turn["says"], glossary), read, slots)
    assert unpack(pack(kept)) == kept
    assert follow_up.before["question"].encode() not in pack(kept)
    assert question_of(kept, glossary).units == read.units


def test_slots_of_another_version_are_as_good_as_none() -> None:
    assert unpack(b'{"version": 0, "slots": {}}') is None
