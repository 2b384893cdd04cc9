"""How questions are read: language, time, services, identifiers, kind, intent, and what they are about."""

import datetime as dt

import pytest

from api.question import Question, describe, read_question
from index.glossary import Glossary, load_glossary

NOW = dt.datetime(2026, 3, 11, 15, 30, tzinfo=dt.UTC)
SERVICES = ("acme-order-service", "acme-order-archive", "payment", "acme-mail-gateway")


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return load_glossary()


def ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 1_000_000_000


def read(text: str, glossary: Glossary, *, start_ns: int | None = None, end_ns: int | None = None) -> Question:
    now_ns = ns(NOW.strftime("%Y-%m-%dT%H:%M"))
    return read_question(text, now_ns=now_ns, glossary=glossary, services=SERVICES, start_ns=start_ns, end_ns=end_ns)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("errors in the last 3 hours", "2026-03-11T12:30", "2026-03-11T15:30"),
        ("过去两小时有没有超时", "2026-03-11T13:30", "2026-03-11T15:30"),
        ("最近三天的错误", "2026-03-08T15:30", "2026-03-11T15:30"),
        ("what failed yesterday", "2026-03-10T00:00", "2026-03-11T00:00"),
        ("昨天有什么错误", "2026-03-10T00:00", "2026-03-11T00:00"),
        ("前天呢", "2026-03-09T00:00", "2026-03-10T00:00"),
        ("what failed today", "2026-03-11T00:00", "2026-03-11T15:30"),
        ("timeouts between 14:00 and 15:00", "2026-03-11T14:00", "2026-03-11T15:00"),
        ("timeouts yesterday between 14:00 and 15:00", "2026-03-10T14:00", "2026-03-10T15:00"),
        ("昨天14点到15点有多少超时", "2026-03-10T14:00", "2026-03-10T15:00"),
        ("昨天下午3点到4点", "2026-03-10T15:00", "2026-03-10T16:00"),
        ("昨天下午3点左右", "2026-03-10T14:45", "2026-03-10T15:15"),
        ("since 14:00", "2026-03-11T14:00", "2026-03-11T15:30"),
        ("what changed since yesterday", "2026-03-10T00:00", "2026-03-11T15:30"),
        ("since Monday", "2026-03-09T00:00", "2026-03-11T15:30"),
        ("周一以来的超时", "2026-03-09T00:00", "2026-03-11T15:30"),
        ("last week", "2026-03-02T00:00", "2026-03-09T00:00"),
        ("上周", "2026-03-02T00:00", "2026-03-09T00:00"),
        ("上个月", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("3 days ago", "2026-03-08T03:30", "2026-03-09T03:30"),
        ("on 2026-03-09", "2026-03-09T00:00", "2026-03-10T00:00"),
        ("2月3日", "2026-02-03T00:00", "2026-02-04T00:00"),
        ("on March 9th", "2026-03-09T00:00", "2026-03-10T00:00"),
        ("last night", "2026-03-10T18:00", "2026-03-11T06:00"),
        ("from 2026-03-09T10:00 to 2026-03-09T11:30Z", "2026-03-09T10:00", "2026-03-09T11:30"),
        ("at 14:05", "2026-03-11T13:50", "2026-03-11T14:20"),
        ("last Monday", "2026-03-09T00:00", "2026-03-10T00:00"),
    ],
)
def test_a_named_time_bounds_the_search(glossary: Glossary, text: str, start: str, end: str) -> None:
    question = read(text, glossary)
    assert (question.start_ns, question.end_ns, question.assumed) == (ns(start), ns(end), False)


@pytest.mark.parametrize(
    "text", ["Has this happened before?", "之前有过吗", "10.0.0.1:8080 refused", "error 12 on Feb 30"]
)
def test_without_a_time_all_retained_data_are_searched(glossary: Glossary, text: str) -> None:
    question = read(text, glossary)
    assert (question.start_ns, question.end_ns, question.assumed) == (None, None, True)


@pytest.mark.parametrize("text", ["Any outage lately?", "recently seen timeouts?", "最近有没有雪崩?", "近期有超时吗"])
def test_lately_is_no_window_but_is_remembered(glossary: Glossary, text: str) -> None:
    question = read(text, glossary)
    assert question.lately
    assert question.start_ns is None


def test_a_window_given_by_the_caller_bounds_the_one_in_words(glossary: Glossary) -> None:
    question = read(
        "errors in the last 3 hours", glossary, start_ns=ns("2026-03-11T14:00"), end_ns=ns("2026-03-11T15:00")
    )
    assert (question.start_ns, question.end_ns) == (ns("2026-03-11T14:00"), ns("2026-03-11T15:00"))


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("errors in acme-order-service", ("acme-order-service",)),
        ("errors of the payment service", ("payment",)),
        ("支付服务的错误", ("payment",)),
        ("Did a payment fail?", ()),
        ("pre-order service", ()),
        ("How often did payment write “no route”?", ("payment",)),
        ("What mail gateway logged today", ("acme-mail-gateway",)),
        ("What did payment print?", ("payment",)),
        ("lines that payment wrote yesterday", ("payment",)),
        ("payment 写了多少次“no route”?", ("payment",)),
        ("payment打印过什么", ("payment",)),
        ("did payment fail to write its journal?", ()),
        ("are payment reports late?", ()),
        ("has payment logged off", ()),
        ("did payment log grow", ()),
        ("did payment log in after midnight?", ()),
        ("how many times was payment logged?", ()),
        ("any payment printed twice?", ()),
        ("which payment wrote “x”?", ()),
        ("has payment reported as lost", ()),
        ("pre-payment wrote “x”", ()),
        ("payment 写入失败", ()),
        ("payment 记录的数量不对", ()),
        ("payment 输出的结果是空的", ()),
        ("pre-payment service", ()),
        ("which service pods restarted", ()),
        ("acme-order-services", ()),
    ],
)
def test_services_are_known_by_name_or_beside_the_word_service(
    glossary: Glossary, text: str, services: tuple[str, ...]
) -> None:
    assert read(text, glossary).services == services


@pytest.mark.parametrize(
    ("text", "identifiers"),
    [
        ('how often "connection refused by peer"', ("connection refused by peer",)),
        ("“连接 已断开”出现几次", ("连接 已断开",)),
        ("show req-8f3a991", ("req-8f3a991",)),
        ("who is 10.12.0.7", ("10.12.0.7",)),
        ("trace 123e4567-e89b-12d3-a456-426614174000", ("123e4567-e89b-12d3-a456-426614174000",)),
        ("timeouts in the last 24 hours", ()),
        ("HTTP 500 errors", ()),
    ],
)
def test_identifiers_are_what_a_person_copies_from_a_line(
    glossary: Glossary, text: str, identifiers: tuple[str, ...]
) -> None:
    assert read(text, glossary).identifiers == identifiers


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Has there been a service avalanche like this lately?", "recall"),
        ("最近有没有类似的服务雪崩问题?", "recall"),
        ("How many timeouts were there?", "count"),
        ("超时发生了多少次?", "count"),
        ("When did the disk first fill up?", "first"),
        ("上次内存溢出是什么时候?", "last"),
        ("What changed since 14:00?", "changed"),
        ("Which blocks were deleted?", "list"),
        ("哪些用户登录失败", "list"),
    ],
)
def test_the_intent_is_read_from_the_wording(glossary: Glossary, text: str, intent: str) -> None:
    assert read(text, glossary).intent == intent


@pytest.mark.parametrize(
    ("text", "language", "reply_in"),
    [
        ("Did it fail?", "en", "en"),
        ("支付失败过吗", "zh", "zh"),
        ("payment 失败过吗", "zh", "zh"),
        ("Did we see 雪崩 before?", "mixed", "zh"),
    ],
)
def test_the_language_of_the_question_is_that_of_the_reply(
    glossary: Glossary, text: str, language: str, reply_in: str
) -> None:
    question = read(text, glossary)
    assert (question.language, question.reply_in) == (language, reply_in)


@pytest.mark.parametrize("text", ["Any cascading failure?", "有没有雪崩", "服务一个接一个挂了"])
def test_a_kind_of_incident_is_recognised(glossary: Glossary, text: str) -> None:
    assert read(text, glossary).kinds == ("avalanche",)


def test_what_came_of_a_cause_weighs_less_than_the_cause(glossary: Glossary) -> None:
    weights = {
        unit.text: unit.weight for unit in read("The captcha was wrong, so nobody could sign in", glossary).units
    }
    assert weights == {"captcha": "telling", "wrong": "broad", "sign in": "broad"}


def test_a_symptom_that_is_all_there_is_stays_telling(glossary: Glossary) -> None:
    assert [unit.weight for unit in read("Nobody could sign in", glossary).units] == ["telling"]


def test_unknown_chinese_words_are_still_units(glossary: Glossary) -> None:
    units = read("有没有打印机卡纸?", glossary).units
    assert any("打印机" in unit.text and unit.weight == "word" for unit in units)


def test_read_as_says_what_was_understood(glossary: Glossary) -> None:
    said = describe(read('How many "bad token" in the payment service yesterday?', glossary))
    for part in ("how often", "service payment", "“bad token”", "2026-03-10T00:00:00.000Z", "2026-03-11T00:00:00.000Z"):
        assert part in said
    assert "发生了多少次" in describe(read("支付超时了多少次", glossary))


@pytest.mark.parametrize("text", ["?", "。", "\x00\x1b[31m", "a" * 5000, "“", "((((" * 300, "2026-99-99", "1" * 400])
def test_nonsense_is_read_without_an_error(glossary: Glossary, text: str) -> None:
    assert describe(read(text, glossary))


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("连接池有没有耗尽过?", "pool_exhausted"),
        ("磁盘是否写满?", "disk_full"),
        ("Is the pool exhausted?", "pool_exhausted"),
    ],
)
def test_words_that_belong_together_are_read_together(glossary: Glossary, text: str, concept: str) -> None:
    units = read(text, glossary).units
    assert [unit.tokens[0] for unit in units if unit.weight == "telling"] == [f"concept:{concept}"]


def test_one_character_that_begins_another_word_is_no_word(glossary: Glossary) -> None:
    assert any("concept:slow" in unit.tokens for unit in read("页面很卡吗?", glossary).units)
    assert not any("concept:slow" in unit.tokens for unit in read("打印机卡纸", glossary).units)


@pytest.mark.parametrize(
    ("text", "is_general"),
    [
        ("Were there any incidents in the last 3 days?", True),
        ("What happened on 2026-03-09 at 14:10?", True),
        ("What was the last incident?", True),
        ("最近三天有什么异常?", True),
        ("昨天出了什么问题", True),
        ("Any incident in the payment service?", True),
        ("Were there timeouts in the last 3 days?", False),
        ("最近三天有空指针异常吗?", False),
        ("What happened to the disk?", False),
        ("How many lines yesterday?", False),
        ("Has something like this happened lately?", False),
        ("?", False),
    ],
)
def test_a_question_without_a_subject_asks_for_incidents_in_general(
    glossary: Glossary, text: str, is_general: bool
) -> None:
    assert read(text, glossary).is_about_anything == is_general


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("When was the first outage of the cart?", "first"),
        ("What was the first thing that went wrong on Monday?", "first"),
        ("When was the last avalanche?", "last"),
        ("Who failed first in the last avalanche?", "last"),
        ("What failed in the last 24 hours?", "list"),
        ("What failed in the last few days?", "list"),
    ],
)
def test_the_first_and_the_last_are_asked_for_in_many_ways(glossary: Glossary, text: str, intent: str) -> None:
    assert read(text, glossary).intent == intent


def test_that_something_was_written_is_no_subject_unless_it_says_where_to(glossary: Glossary) -> None:
    quoted = read("How often was statement too slow written?", glossary)
    assert "written" not in {unit.text for unit in quoted.units}
    assert "written" in {unit.text for unit in read("How many blocks were written to disk?", glossary).units}


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Did the time on a clock start to drift?", "concept:clock_skew"),
        ("Is a volume full?", "concept:disk_full"),
        ("内存有没有不断增长?", "concept:memory_leak"),
        ("缓存突然失效了吗?", "concept:cache_stampede"),
    ],
)
def test_a_fault_may_be_named_in_two_places(glossary: Glossary, text: str, concept: str) -> None:
    assert [unit.tokens for unit in read(text, glossary).units if unit.weight == "telling"] == [(concept,)]


@pytest.mark.parametrize(
    ("text", "symptom"),
    [
        ("Did failures cascade from one service up to the gateway?", "gateway"),
        ("有没有级联故障,一直蔓延到网关的?", "网关"),
        ("令牌因时钟偏差而被拒绝过吗?", "令牌"),
    ],
)
def test_how_far_it_went_and_what_came_of_it_weigh_less(glossary: Glossary, text: str, symptom: str) -> None:
    weights = {unit.text: unit.weight for unit in read(text, glossary).units}
    assert weights[symptom] == "broad"
    assert "telling" in weights.values()
