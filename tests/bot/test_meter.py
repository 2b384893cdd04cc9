"""What /metrics tells of the bot, each outcome caused."""

import time
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from tests.acceptance.test_watched import exported
from tests.bot.conftest import Open, event_body, now_ts
from tests.bot.slack_stand_in import SlackStandIn
from tests.metrics_page import page
from tests.workers.chunks_made import wait_until

QUESTION = "has there been a service avalanche lately?"


def scraped(http: httpx.Client) -> dict[str, float]:
    return told(text_string_to_metric_families(http.get("/metrics").text))


def told(families: Iterable[Any]) -> dict[str, float]:
    """The bot's values: requests by outcome, the rest by name."""
    return {
        sample.labels.get("outcome", sample.name): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("dejalog_bot_") and not sample.name.endswith("_created")
    }


def breaks() -> Any:
    raise RuntimeError


def test_how_requests_ended_is_counted_and_how_long_they_took(open_workspace: Open, slack: SlackStandIn) -> None:
    with open_workspace(bot_questions_per_minute=1) as workspace:
        assert set(scraped(workspace.http).values()) == {0.0}
        assert "dejalog_bot_waiting" in scraped(workspace.http)
        event = {"type": "app_mention", "user": "U1", "text": f"<@UBOT> {QUESTION}", "ts": now_ts(), "channel": "C1"}
        for _ in range(3):
            assert workspace.event(event, event_id="Ev-same").status_code == 200
        slack.wait_for("reactions.remove")
        workspace.answer(QUESTION)
        workspace.command("incident 0000000000000000", user="U2")
        assert workspace.http.post("/slack/events", content=event_body(event)).status_code == 401
        workspace.dejalog.instead = breaks
        workspace.answer(QUESTION, user="U3")
        workspace.dejalog.instead = None
        slack.refusals["chat.postMessage"] = [(200, {}, {"ok": False, "error": "is_archived"})]
        timestamp = workspace.mention(QUESTION, user="U4")
        slack.wait_for("reactions.remove", where=lambda call: call.parameters["timestamp"] == timestamp)
        bot = workspace.bot
    found = told(bot.meter.collect())
    counted = {"answered": 1, "repeated": 2, "limited": 1, "invalid": 1, "unsigned": 1, "failed": 2, "busy": 0}
    assert {name: found[name] for name in counted} == counted
    assert (found["dejalog_bot_acknowledge_seconds_count"], found["dejalog_bot_answer_seconds_count"]) == (7, 4)


def test_what_breaks_before_there_is_anything_to_answer_is_counted_and_logged(
    open_workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as log, open_workspace() as workspace:
        with monkeypatch.context() as patched:
            patched.setattr(workspace.bot._once, "is_first", lambda _key: breaks())
            workspace.mention(QUESTION)
            wait_until(lambda: not workspace.bot.work.under_way)
        workspace.answer(QUESTION)
        bot = workspace.bot
    found = told(bot.meter.collect())
    assert (found["failed"], found["answered"]) == (1, 1)
    assert [each["event"] for each in log if each.get("exc_info")] == ["bot.failed"]


def test_what_waits_is_shown_and_what_there_is_no_room_for_is_counted(
    open_workspace: Open, slack: SlackStandIn
) -> None:
    with open_workspace(bot_waiting=1) as workspace:
        workspace.dejalog.gate.clear()
        workspace.mention(QUESTION)
        slack.wait_for("reactions.add")
        assert scraped(workspace.http)["dejalog_bot_waiting"] == 1
        event = {"type": "app_mention", "user": "U1", "text": "<@UBOT> x", "ts": now_ts(), "channel": "C1"}
        assert workspace.event(event).status_code == 503
        assert scraped(workspace.http)["busy"] == 1
        workspace.dejalog.gate.set()
        slack.wait_for("reactions.remove")
        deadline = time.monotonic() + 30
        while scraped(workspace.http)["dejalog_bot_waiting"]:
            assert time.monotonic() < deadline


def test_a_servers_page_of_metrics_has_the_bots(open_workspace: Open) -> None:
    listed = {name: row for name, row in page().items() if name.startswith("dejalog_bot_")}
    with open_workspace() as workspace:
        found = exported(workspace.http.get("/metrics").text)
    assert listed
    assert {name: row[:2] for name, row in listed.items()} == {name: found[name] for name in listed}
    assert all(row[2] == {"serve", "bot"} for row in listed.values())
