"""What the bot says: answers in threads, alerts, commands, buttons, notes, defaults, both languages, hostile text."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.api.test_llm_investigate import QUESTION as UNCLEAR
from tests.api.test_llm_investigate import calls, concluded, program, rounds
from tests.bot.conftest import PAGE, Open, Workspace, buttons, now_ts, text_of
from tests.bot.slack_stand_in import BOT_USER, SlackStandIn
from tests.page.shop import Served
from tests.real.model_server import faulty_model, scripted_model

AVALANCHE = "has there been a service avalanche lately?"


@pytest.fixture(scope="module")
def avalanches(shop: Served) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = shop.http.get("/v1/incidents", params={"kind": "avalanche"}).json()["incidents"]
    return found


def seconds(time_text: str) -> float:
    return float(time.mktime(time.strptime(time_text[:19], "%Y-%m-%dT%H:%M:%S"))) - time.timezone


def test_an_answer_says_the_verdict_first_then_the_incident_three_lines_and_what_differs(workspace: Workspace) -> None:
    message = workspace.answer(AVALANCHE)
    first, *sections = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
    assert re.fullmatch(r"✅ \*Found\* · confidence \d+ %", first)
    assert any(f"*Past incident*: <{PAGE}/incidents/" in each for each in sections)
    lines = next(each for each in sections if "Lines that prove it" in each).split("\n")[1:]
    assert len(lines) == 3
    assert all(line.startswith(f"• <{PAGE}/lines/") for line in lines)
    similar = workspace.http.post("/v1/ask", json={"question": AVALANCHE}).json()["similar"]
    compared = next((each for each in similar[:2] if each["missing"] or each["extra"]), similar[0])
    beside = "\n".join(sections)
    words = {"shared": "• in both: `", "missing": "• only then: `", "extra": "• only now: `"}
    assert {name: word in beside for name, word in words.items()} == {name: bool(compared[name]) for name in words}
    assert compared["shared"] or compared["missing"]
    assert [each["text"]["text"] for each in buttons(message)] == ["👍", "👎", "Show lines", "Not the same"]
    assert (message["unfurl_links"], message["link_names"], message["parse"]) == (False, False, "none")


def test_a_chinese_question_is_answered_in_chinese(workspace: Workspace) -> None:
    message = workspace.answer("最近有没有类似的服务雪崩问题?")
    assert "✅ *找到了* · 置信度" in text_of(message)
    assert "*过去的事件*" in text_of(message)


def test_a_link_of_an_answer_opens_the_line(workspace: Workspace) -> None:
    message = workspace.answer(AVALANCHE)
    path = re.findall(rf"<{PAGE}(/lines/[^|]+)\|", text_of(message))[0]
    assert workspace.http.get(path, headers={"Accept": "text/html"}).status_code == 200


@pytest.mark.parametrize("shape", ["alertmanager", "grafana", "datadog", "blocks", "rich-text"])
def test_the_alert_of_a_thread_is_the_question(
    workspace: Workspace, slack: SlackStandIn, avalanches: list[dict[str, Any]], shape: str
) -> None:
    newest, earlier = avalanches[0], avalanches[-1]
    root = f"{seconds(newest['start']) + 60:.6f}"
    service = newest["services"][0]
    alerts: dict[str, dict[str, Any]] = {
        "alertmanager": {"text": "", "attachments": [{"title": f"[FIRING:1] HighErrorRate {service}", "text": "5xx"}]},
        "grafana": {"attachments": [{"fallback": "f", "fields": [{"title": "service", "value": service}]}]},
        "datadog": {"text": f"*Triggered: [P2] errors on {service}*", "attachments": [{"text": "<http://x|graph>"}]},
        "blocks": {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": f"*{service}* is failing"}}]},
        "rich-text": {
            "blocks": [
                {
                    "type": "rich_text",
                    "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": service}]}],
                }
            ]
        },
    }
    slack.threads[root] = [
        {"ts": root, "bot_id": "BALERT", "subtype": "bot_message", **alerts[shape]},
        {"ts": now_ts(), "user": "U1", "text": "<@UBOT> have we seen this?"},
    ]
    message = workspace.answer("have we seen this?", thread=root)
    assert [(each.mode, each.conversation_id) for each in workspace.dejalog.asked] == [
        ("deterministic", ""),
        ("auto", f"T1:C1:{root}"),
    ]
    assert f"“this” is incident {newest['incident_id']}" in text_of(message)
    assert f"*Past incident*: <{PAGE}/incidents/{earlier['incident_id']}|" in text_of(message)


def test_an_alert_of_a_quiet_time_is_asked_in_its_own_words_before_it_fired(
    workspace: Workspace, slack: SlackStandIn, avalanches: list[dict[str, Any]]
) -> None:
    root = now_ts()
    text = "[FIRING:1] OutOfMemory a pod was out of memory (java.lang.OutOfMemoryError)"
    slack.threads[root] = [
        {"ts": root, "bot_id": "BALERT", "attachments": [{"text": text}]},
        {"ts": now_ts(), "user": "U1", "text": "<@UBOT>"},
    ]
    workspace.answer("", thread=root)
    asked = workspace.dejalog.asked[-1]
    assert "Out Of Memory a pod was out of memory" in asked.text
    assert "FIRING" not in asked.text
    assert asked.end_ns is not None
    assert asked.conversation_id == f"T1:C1:{root}"


@pytest.mark.parametrize("text", ["thanks!", "who are you?"])
def test_small_talk_has_no_verdict_and_no_buttons(workspace: Workspace, text: str) -> None:
    message = workspace.answer(text)
    assert "confidence" not in text_of(message)
    assert buttons(message) == []


def test_follow_ups_in_a_thread_are_understood_and_the_alert_can_be_asked_about_again(
    workspace: Workspace, slack: SlackStandIn, avalanches: list[dict[str, Any]]
) -> None:
    newest = avalanches[0]
    root = f"{seconds(newest['start']) + 90:.6f}"
    alert = {"ts": root, "bot_id": "B", "text": f"errors on {newest['services'][0]}"}
    slack.threads[root] = [alert, {"ts": now_ts(), "user": "U1", "text": "<@UBOT> have we seen this?"}]
    first = workspace.answer("have we seen this?", thread=root)
    slack.threads[root].append({"ts": now_ts(), "user": BOT_USER, "text": "", "blocks": first["blocks"]})
    lines = workspace.answer("show me the lines", thread=root)
    assert "the lines that the answer before cited" in text_of(lines)
    again = workspace.answer("seen this before?", thread=root)
    assert f"“this” is incident {newest['incident_id']}" in text_of(again)


def test_a_question_of_its_own_in_a_thread_is_not_about_the_alert(workspace: Workspace, slack: SlackStandIn) -> None:
    root = now_ts()
    slack.threads[root] = [
        {"ts": root, "bot_id": "B", "text": "disk full"},
        {"ts": now_ts(), "user": "U1", "text": "?"},
    ]
    workspace.answer("what changed in the billing service since yesterday?", thread=root)
    assert workspace.dejalog.asked[-1].text == "what changed in the billing service since yesterday?"


def test_a_direct_message_is_a_conversation(workspace: Workspace, slack: SlackStandIn) -> None:
    for turn, text in enumerate((AVALANCHE, "and yesterday?"), 1):
        event = {"type": "message", "channel_type": "im", "user": "U7", "text": text, "ts": now_ts(), "channel": "D1"}
        assert workspace.event(event).status_code == 200
        slack.wait_for("reactions.remove", count=turn)
    assert {each.conversation_id for each in workspace.dejalog.asked} == {"T1:D1:U7"}
    assert "Taken over from before: what it is about" in text_of(slack.of("chat.postMessage")[-1].parameters)
    assert all("thread_ts" not in call.parameters for call in slack.of("chat.postMessage"))


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (f"ask {AVALANCHE}", "*Found*"),
        (AVALANCHE, "*Found*"),
        ("similar", "Past incidents like"),
        ("search level:error", "lines match"),
        ("patterns", "lines>"),
        ("incident", "Who failed first"),
        ("help", "`/dejalog search"),
        ("", "`/dejalog ask"),
        ("帮助", "用文字提问"),
        ("incident 0000000000000000", "That did not work"),
        ("search level:(", "That did not work"),
        ("set colour=red", "service=payment window=7d language=zh are accepted"),
    ],
)
def test_a_command_is_answered_to_who_asked_alone(
    workspace: Workspace, slack: SlackStandIn, command: str, wanted: str
) -> None:
    told = workspace.command(command)
    assert told["response_type"] == "ephemeral"
    assert wanted in text_of(told)
    assert slack.of("chat.postMessage") == []


@pytest.mark.parametrize(
    ("text", "question"),
    [(f"investigate {AVALANCHE}", AVALANCHE), ("深入调查:最近有没有服务雪崩?", "最近有没有服务雪崩?")],
    ids=["english", "chinese"],
)
def test_who_asks_to_investigate_gets_the_model_or_hears_that_there_is_none(
    workspace: Workspace, text: str, question: str
) -> None:
    note = "No language model took part" if question == AVALANCHE else "语言模型没有参与"
    assert note in text_of(workspace.answer(text))
    assert note in text_of(workspace.command(text))
    assert note in text_of(workspace.command(f"ask {text}"))
    assert [(each.mode, each.text) for each in workspace.dejalog.asked] == [("llm", question), ("auto", question)] * 3
    assert note not in text_of(workspace.answer(question))
    assert workspace.dejalog.asked[-1].mode == "auto"


def test_a_command_has_a_question_investigated(workspace: Workspace) -> None:
    workspace.command("investigate 最近有没有服务雪崩?")
    first = workspace.dejalog.asked[0]
    assert (first.mode, first.text) == ("llm", "最近有没有服务雪崩?")


def test_an_alert_can_be_investigated(
    workspace: Workspace, slack: SlackStandIn, avalanches: list[dict[str, Any]]
) -> None:
    newest = avalanches[0]
    root = f"{seconds(newest['start']) + 60:.6f}"
    slack.threads[root] = [
        {"ts": root, "bot_id": "BALERT", "text": f"errors on {newest['services'][0]}"},
        {"ts": now_ts(), "user": "U1", "text": "<@UBOT> investigate"},
    ]
    message = workspace.answer("investigate", thread=root)
    assert [each.mode for each in workspace.dejalog.asked] == ["deterministic", "llm", "auto"]
    assert f"“this” is incident {newest['incident_id']}" in text_of(message)


def test_what_a_model_supposes_is_told_apart_with_its_lines(open_workspace: Open, tmp_path: Path) -> None:
    look = calls(("search", {"query": 'level:fatal "pool exhausted"', "order": "oldest"}))
    script = rounds(look, end=lambda request: concluded(request, "The query"))
    with (
        scripted_model(script) as server,
        program(tmp_path, server.url) as dejalog,
        open_workspace(dejalog=dejalog) as workspace,
    ):
        told = text_of(workspace.command(f"investigate {UNCLEAR}"))
    rows = told.partition("*What may have happened: supposed by a language model, not proven*\n")[2].split("\n")
    assert rows[0] == "1. payment may have had its pool exhausted"
    assert rows[1].startswith("• for: The query ")
    assert f"<{PAGE}/lines/" in rows[1]
    assert "No language model" not in told
    assert "&amp;mode=llm|Whole answer>" in told


def test_a_model_that_told_nothing_is_named_in_the_answer(open_workspace: Open, tmp_path: Path) -> None:
    with (
        faulty_model("401") as model,
        program(tmp_path, model.url) as dejalog,
        open_workspace(dejalog=dejalog) as workspace,
    ):
        assert text_of(workspace.answer(UNCLEAR)).count("this answer is made without it") == 1


@pytest.mark.parametrize(("asked", "wanted"), [("help", "the language model looks further"), ("帮助", "“调查”开头")])
def test_the_help_says_how_to_have_a_question_investigated(workspace: Workspace, asked: str, wanted: str) -> None:
    assert wanted in text_of(workspace.command(asked))


def test_defaults_of_a_channel_hold_for_it_and_for_no_other_and_stay(open_workspace: Open, shop: Served) -> None:
    with open_workspace() as workspace:
        told = workspace.command("set service=harbor-bag-svc window=7d language=zh", channel="C9")
        assert "harbor-bag-svc" in text_of(told)
    with open_workspace() as workspace:
        message = workspace.answer(AVALANCHE, channel="C9")
        assert "置信度" in text_of(message)
        asked = workspace.dejalog.asked[-1]
        assert (asked.services, asked.language) == (("harbor-bag-svc",), "zh")
        assert asked.start_ns is None, "the question names a time of its own"
        workspace.answer("any avalanche?", channel="C9")
        assert workspace.dejalog.asked[-1].start_ns is not None
        workspace.answer(AVALANCHE, channel="C1")
        assert workspace.dejalog.asked[-1].services == ()
        assert workspace.http.get("/v1/channels/slack T1 C9").json()["channel"]["window"] == "7d"
        assert "slack T1 C9" not in workspace.http.get("/v1/views").text
        assert "slack T1 C9" not in workspace.http.get("/lines", headers={"Accept": "text/html"}).text
        workspace.command("set service= window=none language=", channel="C9")
        assert "all retained data" in text_of(workspace.command("set", channel="C9"))


def test_show_lines_shows_the_incidents_lines_to_who_pressed(workspace: Workspace) -> None:
    told = workspace.press(workspace.answer(AVALANCHE), "dejalog_lines", user="U5")
    assert told["response_type"] == "ephemeral"
    assert text_of(told).count(f"<{PAGE}/lines/") > 3


@pytest.mark.parametrize(
    ("action", "verdict", "says"),
    [
        ("dejalog_up", "up", "rank a little higher"),
        ("dejalog_down", "down", "Thank you"),
        ("dejalog_not_the_same", "not_the_same", "rank a little lower"),
    ],
)
def test_buttons_keep_what_people_thought_and_say_what_it_does(
    workspace: Workspace, shop: Served, action: str, verdict: str, says: str
) -> None:
    message = workspace.answer(AVALANCHE)
    told = workspace.press(message, action)
    assert says in text_of(told)
    kept = shop.dejalog.knowledge.feedback()[-1]
    assert (kept["verdict"], kept["author"]) == (verdict, "T1:U1")
    assert kept["target"] in text_of(message)


def test_a_button_of_another_version_says_so(workspace: Workspace) -> None:
    message = workspace.answer(AVALANCHE)
    for each in buttons(message):
        each["value"] = '{"incident": 1}'
    assert "Ask again" in text_of(workspace.press(message, "dejalog_up"))


@pytest.mark.parametrize(
    ("asked", "said", "cause", "fix"),
    [
        ("remember this", ["Root cause was a pool of 10.\nFixed by raising it to 50."], "a pool of 10.", "raising"),
        ("remember this: cause: a leak; fix: restart", [], "a leak", "restart"),
        ("记住:原因:连接池太小。解决办法:调大到 50", [], "连接池太小", "调大到 50"),
    ],
    ids=["from-the-thread", "from-the-words", "chinese"],
)
def test_remember_this_keeps_a_note_on_the_threads_incident(
    workspace: Workspace, slack: SlackStandIn, shop: Served, asked: str, said: list[str], cause: str, fix: str
) -> None:
    answered = workspace.answer(AVALANCHE)
    root = answered["thread_ts"]
    slack.threads[root] = [
        {"ts": root, "user": "U1", "text": f"<@UBOT> {AVALANCHE}"},
        {"ts": now_ts(), "user": BOT_USER, "bot_id": "BBOT", "text": answered["text"], "blocks": answered["blocks"]},
        *({"ts": now_ts(), "user": "U2", "text": text} for text in said),
    ]
    message = workspace.answer(asked, thread=root, user="U2")
    assert "Remembered" in text_of(message) or "已记在" in text_of(message)
    note = shop.http.get("/v1/notes").json()["notes"][-1]
    assert cause.rstrip(".") in note["cause"]
    assert fix in note["fix"]
    assert note["author"] == "ada"
    assert note["target"] in text_of(message)


@pytest.mark.parametrize("thread", ["empty", "another bot pretends"])
def test_remember_this_without_an_answer_of_ours_says_what_to_do(
    workspace: Workspace, slack: SlackStandIn, thread: str
) -> None:
    blocks = workspace.answer(AVALANCHE)["blocks"] if thread != "empty" else []
    root = now_ts()
    slack.threads[root] = [{"ts": root, "user": "UX", "bot_id": "BX", "text": "x", "blocks": blocks}]
    message = workspace.answer("remember this: cause: x", thread=root)
    assert "Ask me first" in text_of(message)
    assert message["user"] == "U1"


def test_who_asks_too_often_is_told_when_to_ask_again(open_workspace: Open, slack: SlackStandIn) -> None:
    with open_workspace(bot_questions_per_minute=1) as workspace:
        workspace.answer(AVALANCHE)
        told = workspace.answer(AVALANCHE)
        assert re.search(r"Ask again in \d+ s", text_of(told))
        assert told["user"] == "U1"
        assert "*Found*" in text_of(workspace.answer(AVALANCHE, user="U2"))
    assert len(workspace.dejalog.asked) == 2


def test_presses_count_like_questions(open_workspace: Open, shop: Served) -> None:
    with open_workspace(bot_questions_per_minute=2) as workspace:
        message = workspace.answer(AVALANCHE)
        workspace.press(message, "dejalog_up")
        count = len(shop.dejalog.knowledge.feedback())
        assert re.search(r"Ask again in \d+ s", text_of(workspace.press(message, "dejalog_up")))
        assert len(shop.dejalog.knowledge.feedback()) == count


HOSTILE = (
    "<!channel> <!here> <@U1> <http://evil.example|click> @here ``` *bold* _it_ ~s~ &amp; `code` "
    "\x1b[31mred \u202egnp.exe PoolExhaustedError:zebra"
)


def test_log_lines_mention_nobody_link_nowhere_and_end_no_code(open_workspace: Open, shop: Served) -> None:
    now = time.time_ns()
    shop.push([{"time": now - 9 * 10**9, "message": HOSTILE, "level": "error", "service": "<!channel>*`_"}])
    with open_workspace() as workspace:
        told = text_of(workspace.command('search "PoolExhaustedError:zebra"'))
    row = next(line for line in told.split("\n") if "zebra" in line)
    markup = re.findall(r"<[^>]*>", told)
    assert markup
    assert all(each.startswith(f"<{PAGE}/") for each in markup), markup
    assert row.count("`") == 2
    assert "&lt;!channel&gt; &lt;!here&gt; &lt;@U1&gt;" in row
    assert not set(row) & {"\x1b", "\u202e"}


def test_messages_stay_within_slacks_limits(open_workspace: Open, shop: Served) -> None:
    now = time.time_ns()
    shop.push([{"time": now - n * 10**6, "message": f"giraffe {n} " + "<&>" * 2000, "service": "s"} for n in range(20)])
    with open_workspace() as workspace:
        told = workspace.command("search giraffe")
    assert len(told["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in told["blocks"] if block["type"] == "section")
    assert text_of(told).count("giraffe") >= 15


def breaks() -> Any:
    raise RuntimeError("/srv/dejalog/catalogue.sqlite: password=hunter2")


@pytest.mark.parametrize("instead", [breaks, dict], ids=["the-server", "the-bot"])
@pytest.mark.parametrize(
    ("question", "says"), [(AVALANCHE, "try again in a minute"), ("最近有没有服务雪崩?", "请一分钟后再试")]
)
def test_a_fault_that_nobody_foresaw_is_told_by_an_id_that_the_log_has(
    open_workspace: Open, slack: SlackStandIn, instead: Callable[[], Any], question: str, says: str
) -> None:
    with capture_logs() as log, open_workspace() as workspace:
        workspace.dejalog.instead = instead
        told = workspace.answer(question)
        command = workspace.command(question)
        workspace.dejalog.instead = None
        assert "confidence" in text_of(workspace.answer(AVALANCHE))
    faults = [each["fault"] for each in log if each["event"] == "bot.broke" and each["exc_info"]]
    assert len(set(faults)) == 2
    for message, fault in zip((told, command), faults, strict=True):
        assert says in text_of(message)
        assert f"`{fault}`" in text_of(message)
        assert not re.search(r"srv|hunter2|Error|Traceback|server's log|\.py", text_of(message))
    assert told["user"] == "U1"
    signs = [call.parameters["name"] for call in slack.of("reactions.add")]
    assert signs == ["eyes", "warning", "eyes", "white_check_mark"]


def test_the_servers_own_fault_has_an_id_that_its_log_has(open_workspace: Open) -> None:
    with capture_logs() as log, open_workspace() as workspace:
        workspace.dejalog.instead = breaks
        told = workspace.http.post("/v1/ask", json={"question": AVALANCHE}).json()["error"]
    [broken] = [each for each in log if each["event"] == "request_broke"]
    assert (told["code"], told["hint"]) == ("internal", f"the server's log tells more of fault {broken['fault']}")


def test_a_fault_of_the_bots_server_is_told_and_ends_nothing(open_workspace: Open, slack: SlackStandIn) -> None:
    with open_workspace() as workspace:
        told = workspace.answer("x" * 9000)
        assert "That did not work" in text_of(told)
        assert "*Found*" in text_of(workspace.answer(AVALANCHE))
