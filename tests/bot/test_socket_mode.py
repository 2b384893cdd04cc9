"""Socket Mode over a real websocket: envelopes are acknowledged, and answered over the Web API."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.bot.conftest import Open, now_ts, text_of
from tests.bot.slack_socket import SlackSocket
from tests.bot.slack_stand_in import SlackStandIn


@pytest.fixture
def link(slack: SlackStandIn) -> Iterator[SlackSocket]:
    with SlackSocket().running() as found:
        slack.socket_url = found.url
        yield found


def envelope(name: str, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"envelope_id": name, "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api"}


def mention(event_id: str) -> dict[str, Any]:
    event = {
        "type": "app_mention",
        "user": "U1",
        "text": "<@UBOT> any avalanche lately?",
        "ts": now_ts(),
        "channel": "C1",
    }
    return {"type": "event_callback", "team_id": "T1", "event_id": event_id, "event": event}


def test_events_of_the_socket_are_acknowledged_and_answered_once(
    open_workspace: Open, slack: SlackStandIn, link: SlackSocket
) -> None:
    with open_workspace(slack_signing_secret="", slack_app_token="xapp-1") as workspace:
        payload = mention("Ev-socket")
        workspace.dejalog.gate.clear()
        link.send(envelope("e1", "events_api", payload))
        link.send(envelope("e2", "events_api", payload))
        assert sorted([link.acks.get(timeout=30), link.acks.get(timeout=30)]) == ["e1", "e2"]
        assert slack.of("chat.postMessage") == []
        workspace.dejalog.gate.set()
        (posted,) = slack.wait_for("chat.postMessage")
    assert "*Found*" in text_of(posted.parameters)
    assert len(slack.of("chat.postMessage")) == 1
    assert slack.of("apps.connections.open")[0].token == "xapp-1"


def test_commands_of_the_socket_are_answered_privately(
    open_workspace: Open, slack: SlackStandIn, link: SlackSocket
) -> None:
    with open_workspace(slack_signing_secret="", slack_app_token="xapp-1"):
        payload = {
            "command": "/dejalog",
            "text": "patterns",
            "team_id": "T1",
            "channel_id": "C1",
            "user_id": "U1",
            "trigger_id": "t1",
            "response_url": slack.response_url("s"),
        }
        link.send(envelope("e1", "slash_commands", payload))
        assert link.acks.get(timeout=30) == "e1"
        assert slack.wait_for("response/s")[0].parameters["response_type"] == "ephemeral"


def test_a_slack_that_refuses_the_socket_keeps_the_server_running(open_workspace: Open, slack: SlackStandIn) -> None:
    slack.refusals["apps.connections.open"] = [(200, {}, {"ok": False, "error": "invalid_auth"})] * 9
    with open_workspace(slack_app_token="xapp-1") as workspace:
        slack.wait_for("apps.connections.open")
        assert "*Found*" in text_of(workspace.answer("any service avalanche lately?"))


def test_what_there_is_no_room_for_is_not_acknowledged(
    open_workspace: Open, slack: SlackStandIn, link: SlackSocket
) -> None:
    opened = open_workspace(slack_signing_secret="", slack_app_token="xapp-1", bot_waiting=1)
    with capture_logs() as told, opened as workspace:
        workspace.dejalog.gate.clear()
        link.send(envelope("e1", "events_api", mention("Ev-1")))
        assert link.acks.get(timeout=30) == "e1"
        slack.wait_for("reactions.add")
        link.send(envelope("e2", "events_api", mention("Ev-2")))
        while not any(each["event"] == "bot.full" for each in told):
            time.sleep(0)  # gives the bot's threads their turn
        workspace.dejalog.gate.set()
        slack.wait_for("reactions.remove")
    assert len(slack.of("chat.postMessage")) == 1
    assert link.acks.empty()
