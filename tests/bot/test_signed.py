"""Requests as Slack signs them: who is let in, what is answered once, and how soon each is acknowledged."""

import time

import pytest

from api.bot.doctor import signature
from tests.bot.conftest import SECRET, Open, Workspace, event_body, now_ts
from tests.bot.slack_stand_in import BOT_USER, SlackStandIn

PATHS = ["/slack/events", "/slack/commands", "/slack/interactions"]
ANSWERS = ("chat.postMessage", "chat.postEphemeral")


def mention(timestamp: str = "", **more: str) -> dict[str, str]:
    event = {"type": "app_mention", "user": "U1", "text": "<@UBOT> any avalanche lately?", "channel": "C1"}
    return {**event, "ts": timestamp or now_ts(), **more}


def test_the_address_proves_itself_to_slack(workspace: Workspace) -> None:
    reply = workspace.post("/slack/events", b'{"type": "url_verification", "challenge": "c1", "token": "t"}')
    assert reply.json()["challenge"] == "c1"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        signature("another secret", b"{}"),
        signature(SECRET, b"another body"),
        signature(SECRET, b"{}", time.time() - 301),
        signature(SECRET, b"{}", time.time() + 3600),
        {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=00"},
        {"Authorization": "Bearer t0ken"},
    ],
    ids=["unsigned", "foreign-secret", "foreign-body", "old", "of-the-future", "nonsense", "token-only"],
)
def test_what_slack_did_not_sign_just_now_is_refused(
    open_workspace: Open, slack: SlackStandIn, path: str, headers: dict[str, str]
) -> None:
    with open_workspace(token="t0ken") as workspace:
        reply = workspace.http.post(path, content=b"{}", headers={"Content-Type": "application/json", **headers})
        assert reply.status_code == 401
    assert slack.calls == []


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b"[" * 100_000, b"null"], ids=["cut", "bytes", "list", "deep", "null"]
)
def test_a_body_that_nobody_signed_is_not_even_read(workspace: Workspace, body: bytes) -> None:
    assert (
        workspace.http.post("/slack/events", content=body, headers={"Content-Type": "application/json"}).status_code
        == 401
    )


def test_a_signed_body_that_is_none_is_an_error_of_the_sender(workspace: Workspace) -> None:
    assert workspace.post("/slack/events", b"{").status_code == 400


def test_a_form_that_claims_to_check_the_certificate_starts_nothing(workspace: Workspace, slack: SlackStandIn) -> None:
    body = b"ssl_check=1&command=%2Fdejalog&text=search&team_id=T1"
    reply = workspace.http.post(
        "/slack/commands", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert reply.status_code == 401
    assert slack.calls == []


def test_signed_requests_need_no_token_and_may_come_through_a_proxy_and_nothing_else_may(open_workspace: Open) -> None:
    with open_workspace(token="t0ken") as workspace:
        assert workspace.event(mention(), Host="bot.example").status_code == 200
        assert workspace.http.get("/v1/status").status_code == 401
        assert workspace.http.get("/slack/events").status_code in {401, 405}
        assert workspace.http.post("/v1/search", json={}, headers={"Host": "bot.example"}).status_code == 403


def test_a_request_too_large_for_slack_is_not_read(workspace: Workspace) -> None:
    assert workspace.post("/slack/events", b" " * ((1 << 20) + 1)).status_code == 413


def test_without_a_signing_secret_the_addresses_are_closed(open_workspace: Open) -> None:
    with open_workspace(slack_signing_secret="", slack_app_token="xapp-1") as workspace:
        body = event_body(mention())
        reply = workspace.http.post("/slack/events", content=body, headers=signature("", body))
        assert reply.status_code == 404
        assert "SLACK_SIGNING_SECRET" in reply.json()["error"]["hint"]


def test_a_mention_is_seen_at_once_and_answered_once_in_its_thread(workspace: Workspace, slack: SlackStandIn) -> None:
    timestamp = workspace.mention("any service avalanche lately?")
    slack.wait_for("reactions.remove")
    signs = [(call.method, call.parameters["name"]) for call in slack.of("reactions.add", "reactions.remove")]
    assert signs == [("reactions.add", "eyes"), ("reactions.add", "white_check_mark"), ("reactions.remove", "eyes")]
    (posted,) = slack.of(*ANSWERS)
    assert (posted.parameters["channel"], posted.parameters["thread_ts"]) == ("C1", timestamp)
    assert posted.token == "xoxb-1"


@pytest.mark.parametrize("kind", ["same bytes", "sent again"])
def test_what_slack_sends_twice_is_answered_once(open_workspace: Open, slack: SlackStandIn, kind: str) -> None:
    with open_workspace() as workspace:
        body = event_body(mention(), "Ev-once")
        again = {} if kind == "same bytes" else {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
        for headers in ({}, again, again):
            assert workspace.post("/slack/events", body, **headers).status_code == 200
    assert len(slack.of(*ANSWERS)) == 1
    assert len(workspace.dejalog.asked) == 1


def test_a_command_that_is_replayed_is_answered_once(open_workspace: Open, slack: SlackStandIn) -> None:
    with open_workspace() as workspace:
        workspace.command("patterns", trigger="once")
        body = b"command=%2Fdejalog&text=patterns&team_id=T1&channel_id=C1&user_id=U1&trigger_id=once&response_url=x"
        reply = workspace.post("/slack/commands", body, kind="application/x-www-form-urlencoded")
        assert reply.status_code == 200
    assert len([call for call in slack.calls if call.method.startswith("response/")]) == 1


def test_many_slow_questions_are_all_acknowledged_before_any_is_answered(
    open_workspace: Open, slack: SlackStandIn
) -> None:
    with open_workspace(bot_workers=2) as workspace:
        workspace.dejalog.gate.clear()
        for _ in range(20):
            workspace.mention("any service avalanche lately?")
        slack.wait_for("reactions.add", count=20)
        assert slack.of(*ANSWERS) == []
        workspace.dejalog.gate.set()
    assert len(slack.of(*ANSWERS)) == 20


def test_past_what_may_wait_slack_is_told_to_send_it_again(open_workspace: Open, slack: SlackStandIn) -> None:
    with open_workspace(bot_waiting=3) as workspace:
        workspace.dejalog.gate.clear()
        for _ in range(3):
            workspace.mention("any service avalanche lately?")
        slack.wait_for("reactions.add", count=3)  # events are acknowledged before they are taken to be worked on
        refused = workspace.event(mention(), event_id="Ev-later")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
        workspace.dejalog.gate.set()
        slack.wait_for("reactions.remove", count=3)
        while workspace.event(mention(), event_id="Ev-later", **{"X-Slack-Retry-Num": "1"}).status_code == 503:
            pass
    assert len(slack.of(*ANSWERS)) == 4


@pytest.mark.parametrize(
    "event",
    [
        mention(bot_id="B2"),
        mention(user=BOT_USER, bot_id="BBOT"),
        mention(subtype="bot_message"),
        {**mention(subtype="message_changed"), "type": "message", "channel_type": "im"},
        {**mention(), "type": "message", "channel_type": "channel"},
        {**mention(bot_id="BBOT"), "type": "message", "channel_type": "im"},
    ],
    ids=["another-bot", "itself", "bot-message", "edit", "talk-of-others", "itself-direct"],
)
def test_bots_edits_and_talk_of_others_are_not_answered(
    open_workspace: Open, slack: SlackStandIn, event: dict[str, str]
) -> None:
    with open_workspace() as workspace:
        assert workspace.event(event).status_code == 200
    assert slack.calls == []
    assert workspace.dejalog.asked == []
