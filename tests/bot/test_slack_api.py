"""Slack's Web API at its worst: too many requests, refusals, and a Slack that is away."""

import pytest

from api.bot.slack_api import SlackApi
from api.bot.surface import Place, Reply
from api.bot.work import QUICK_WORKERS
from ingest.errors import ChatError
from tests.bot.conftest import TOKEN, Open, text_of
from tests.bot.slack_stand_in import SlackStandIn
from tests.ports import free_port

HERE = Place("T1", "C1", "1.0", "U1")
SAID = Reply("said", ({"type": "section", "text": {"type": "mrkdwn", "text": "said"}},))


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def api(slack: SlackStandIn, pauses: list[float]) -> SlackApi:
    return SlackApi(TOKEN, slack.api_url, pause=pauses.append)


def limited(seconds: str) -> tuple[int, dict[str, str], dict[str, object]]:
    return 429, {"Retry-After": seconds}, {"ok": False, "error": "ratelimited"}


def test_too_many_requests_wait_as_long_as_slack_says(slack: SlackStandIn, api: SlackApi, pauses: list[float]) -> None:
    slack.refusals["chat.postMessage"] = [limited("7"), limited("30")]
    api.post(HERE, SAID)
    assert pauses == [7.0, 30.0]
    assert len(slack.of("chat.postMessage")) == 3


def test_an_answer_to_a_command_waits_too(slack: SlackStandIn, api: SlackApi, pauses: list[float]) -> None:
    slack.refusals["response/r"] = [limited("2")]
    api.respond(slack.response_url("r"), SAID)
    assert pauses == [2.0]


def test_who_asks_for_an_hour_is_not_waited_for(slack: SlackStandIn, api: SlackApi, pauses: list[float]) -> None:
    slack.refusals["chat.postMessage"] = [limited("3600")]
    with pytest.raises(ChatError, match="ratelimited"):
        api.post(HERE, SAID)
    assert pauses == []


def test_a_missing_scope_is_named(slack: SlackStandIn, api: SlackApi) -> None:
    refusal = {"ok": False, "error": "missing_scope", "needed": "channels:history"}
    slack.refusals["conversations.replies"] = [(200, {}, refusal)]
    with pytest.raises(ChatError, match="missing_scope, needed is the scope channels:history") as caught:
        api.thread(HERE)
    assert caught.value.reason == "missing_scope"


def test_a_slack_that_is_away_is_an_error_of_ours() -> None:
    with pytest.raises(ChatError, match="does not answer"):
        SlackApi(TOKEN, f"http://127.0.0.1:{free_port()}/api/").identity()


def test_answers_go_only_where_slack_takes_them(slack: SlackStandIn, api: SlackApi) -> None:
    for url in ("http://127.0.0.1:9/x", "https://hooks.slack.com.evil.example/x", "file:///etc/hostname"):
        with pytest.raises(ChatError, match="not where Slack takes answers"):
            api.respond(url, SAID)
    assert slack.calls == []


def test_an_answer_comes_although_the_sign_cannot_be_shown(open_workspace: Open, slack: SlackStandIn) -> None:
    slack.refusals["reactions.add"] = [(200, {}, {"ok": False, "error": "missing_scope"})]
    with open_workspace() as workspace:
        assert "*Found*" in text_of(workspace.answer("any service avalanche lately?"))


def test_a_sign_that_is_rate_limited_is_given_up_at_once(
    slack: SlackStandIn, api: SlackApi, pauses: list[float]
) -> None:
    slack.refusals["reactions.add"] = [limited("7")]
    api.react(HERE, "1.0", add="eyes")
    assert (pauses, len(slack.of("reactions.add"))) == ([], 1)


def test_no_mention_waits_for_a_sign(open_workspace: Open, slack: SlackStandIn) -> None:
    with open_workspace() as workspace, slack.holding("reactions.add"):
        for _ in range(QUICK_WORKERS + 1):
            workspace.mention("any service avalanche lately?")
        assert len(slack.wait_for("chat.postMessage", count=QUICK_WORKERS + 1)) == QUICK_WORKERS + 1


def test_who_slack_does_not_name_goes_by_their_id(slack: SlackStandIn, api: SlackApi) -> None:
    slack.refusals["users.info"] = [(200, {}, {"ok": False, "error": "missing_scope"})]
    assert [api.user_name("U1"), api.user_name("U1")] == ["U1", "ada"]


def test_a_thread_that_cannot_be_read_is_told(open_workspace: Open, slack: SlackStandIn) -> None:
    slack.refusals["conversations.replies"] = [(200, {}, {"ok": False, "error": "not_in_channel"})]
    with open_workspace() as workspace:
        assert "not_in_channel" in text_of(workspace.answer("have we seen this?", thread="1700000000.000001"))
