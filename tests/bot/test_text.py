"""Text in and out: Slack's markup read and written, alerts as words, what a thread says of cause and fix."""

from typing import Any

import pytest

from api.bot.investigate import asks_to_investigate
from api.bot.message_text import alert_words, message_text
from api.bot.mrkdwn import code, fitted, link, plain_of, sections, shown
from api.bot.remember import Remembered, asks_to_remember, remembered, told_in
from api.bot.slack_api import time_ns_of
from api.bot.slack_app import said
from api.bot.surface import Message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<@U1> & <!here>", "&lt;@U1&gt; &amp; &lt;!here&gt;"),
        ("a\nb\tc\x1b[31md\x1b[0m", "a b cd"),
        ("`x` ```y```", "ˋxˋ ˋˋˋyˋˋˋ"),
        ("snake_case stays", "snake_case stays"),
    ],
)
def test_log_text_in_a_sentence_is_no_markup(text: str, wanted: str) -> None:
    assert shown(text) == wanted


def test_formatting_marks_of_log_text_format_nothing() -> None:
    assert "*bold*" not in shown("*bold*")
    assert plain_of(shown("*bold* _it_ ~s~")) == "*bold* _it_ ~s~"


def test_code_cannot_be_ended_from_within() -> None:
    assert code("a ` b") == "`a ˋ b`"
    assert code("") == ""


def test_an_address_cannot_end_its_link() -> None:
    assert link("https://x/a|b>c", "l") == "<https://x/a%7Cb&gt;c|l>"
    assert link("", "l") == "l"


def test_only_whole_lines_are_kept() -> None:
    assert fitted(["a" * 10, "<b|c>"], 14) == "a" * 10 + "\n…"
    many = sections(["x" * 900] * 7)
    assert [len(each["text"]["text"]) <= 3000 for each in many] == [True] * 3
    assert len(sections(["x" * 2999] * 90)) == 49


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ({"text": "*down* <https://x|graph> :fire: &lt;3"}, "down graph <3"),
        ({"text": "", "attachments": [{"fallback": "only this"}]}, "only this"),
        ({"attachments": [{"title": "t", "text": "u", "fallback": "t u"}]}, "t\nu"),
        ({"attachments": [{"text": "a", "fields": [{"title": "service", "value": "cart"}]}]}, "a\nservice: cart"),
        ({"text": "same", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "same"}}]}, "same"),
        ({"blocks": [{"type": "actions", "elements": [{"text": {"text": "Ack"}}]}]}, ""),
        ({"attachments": "no list", "blocks": [7, None], "text": None}, ""),
    ],
)
def test_what_alerting_apps_write_is_read(message: dict[str, Any], wanted: str) -> None:
    assert message_text(message) == wanted


def test_blocks_nested_without_end_are_given_up() -> None:
    block: dict[str, Any] = {"type": "section", "text": "deep"}
    for _ in range(5000):
        block = {"type": "section", "elements": [block]}
    assert message_text({"text": "top", "blocks": [block]}) == "top"


def test_an_alert_is_words() -> None:
    assert alert_words("[FIRING:2] HighErrorRate cart\nrate is high") == "High Error Rate cart . rate is high"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("remember this", ""),
        ("Please remember this: cause: x", "cause: x"),
        ("记住:原因:x", "原因:x"),
        ("记一下这个", ""),
        ("do you remember last week?", None),
        ("have we seen this?", None),
    ],
)
def test_who_asks_to_remember_is_understood(text: str, words: str | None) -> None:
    assert asks_to_remember(text) == words


@pytest.mark.parametrize(
    ("text", "cause", "fix"),
    [
        ("Root cause: a leak. Fix: restart", "a leak.", "restart"),
        ("the fix was to restart", "", "to restart"),
        ("caused by a bad deploy\nresolved by rolling back", "a bad deploy", "rolling back"),
        ("根因是连接泄漏,解决办法:重启", "连接泄漏", "重启"),
        ("because of reasons, prefix: x", "", ""),
        ("", "", ""),
    ],
)
def test_cause_and_fix_are_read(text: str, cause: str, fix: str) -> None:
    assert told_in(text) == Remembered(cause=cause, fix=fix)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("investigate why payments fail", "why payments fail"),
        ("Please investigate: the pool", "the pool"),
        ("investigate", ""),
        ("调查支付为什么失败", "支付为什么失败"),
        ("请深入调查一下:支付", "支付"),
        ("深入调查 支付", "支付"),
        ("did anybody investigate this?", None),
        ("investigation-svc is slow", None),
        ("调查问卷服务为什么慢", None),
        ("谁在调查这个问题", None),
        ("can you investigate why payments fail", "why payments fail"),
        ("Could you please investigate: the pool", "the pool"),
        ("could you investigate?", ""),
        ("investigate the pool - it is slow", "the pool - it is slow"),
        ("investigate-team pods restart", None),
        ("investigate.example.com is down", None),
        ("investigate's pod is slow", None),
        ("investigate’s pod is slow", None),
        ("can you see what we investigate", None),
        ("请帮我调查一下 支付超时", "支付超时"),
        ("帮我调查 支付", "支付"),
        ("麻烦调查一下支付为什么慢", "支付为什么慢"),
        ("能帮我深入调查一下:支付", "支付"),
        ("调查过去一小时的错误", "过去一小时的错误"),
        ("调查中间件为什么慢", "中间件为什么慢"),
        ("调查队列积压", "队列积压"),
        ("调查组件重启", "组件重启"),
        ("调查过支付超时吗", None),
        ("你调查过支付超时吗", None),
        ("调查了吗", None),
        ("调查中的告警", None),
        ("调查显示支付很慢", None),
        ("调查表明支付很慢", None),
        ("调查人员是谁", None),
        ("调查员说了什么", None),
        ("调查组什么时候到", None),
        ("调查小组说了什么", None),
        ("调查表服务很慢", None),
    ],
)
def test_who_asks_to_investigate_is_understood(text: str, question: str | None) -> None:
    assert asks_to_investigate(text) == question


def test_what_bots_and_the_bot_itself_said_is_not_remembered() -> None:
    thread = [Message("cause: alert", "B", 0, is_human=False), Message("cause: ours", "U", 0, is_ours=True)]
    assert remembered("", thread) is None
    assert remembered("", [*thread, Message("cause: pool", "U1", 0)]) == Remembered(cause="pool")
    assert remembered("it was DNS", thread) == Remembered(text="it was DNS")


def test_a_mention_is_read_without_markup() -> None:
    assert said("<@U0BOT> is <https://x|x.example> &lt;slow&gt;?") == "is x.example <slow>?"


def test_times_of_slack_are_exact() -> None:
    assert time_ns_of("1700000000.123456") == 1_700_000_000_123_456_000
    assert time_ns_of("soon") == 0
