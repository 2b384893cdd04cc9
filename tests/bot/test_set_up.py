"""The set-up: the doctor names what is wrong, the manifest asks for what is used, the terminal answers alike."""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
import yaml

from api.bot.doctor import check_bot
from api.bot.open import bot_of
from api.bot.scopes import BOT_SCOPES, COMMAND, EVENTS, PATHS
from api.bot.serve import run_bot
from api.bot.terminal import TerminalSurface, chat
from api.cli import run
from api.client import Client
from api.finding import Finding
from api.settings import BotSettings, Settings, read_settings
from ingest.errors import SettingError
from tests.bot.conftest import Open, bot_settings
from tests.bot.slack_stand_in import SlackStandIn
from tests.page.shop import Served

MANIFEST = Path(__file__).parents[2] / "deploy" / "slack" / "manifest.yaml"
Check = Callable[..., dict[str, Finding]]


@pytest.fixture
def check(slack: SlackStandIn, shop: Served) -> Check:
    def checked(*, events_url: str = "", **bot: str) -> dict[str, Finding]:
        settings = Settings(bot=bot_settings(slack, **bot))
        return {each.name: each for each in check_bot(settings, url=shop.url, events_url=events_url)}

    return checked


def test_the_manifest_asks_for_exactly_what_is_used() -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    manifest = yaml.safe_load(text)
    assert manifest["oauth_config"]["scopes"]["bot"] == sorted(BOT_SCOPES)
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    assert [each["command"] for each in manifest["features"]["slash_commands"]] == [COMMAND]
    assert all(f"https://HOST{path}\n" in text for path in PATHS.values())


def test_the_doctor_finds_nothing_wrong_where_all_is_well(check: Check, open_workspace: Open) -> None:
    with open_workspace() as workspace:
        found = check(events_url=str(workspace.http.base_url.join("/slack/events")))
    assert {name: each.state for name, each in found.items()} == dict.fromkeys(found, "ok")
    assert found["bot token"].found == "dejalog in Shop"
    assert found["channels"].found == "in 1: ops"
    assert "challenge" in found["event URL"].found


def test_the_doctor_names_the_scope_that_is_missing(check: Check, slack: SlackStandIn) -> None:
    slack.scopes.remove("channels:history")
    finding = check()["scopes"]
    assert finding.state == "fail"
    assert finding.found == "missing: channels:history (to read a thread's alert in a public channel)"


@pytest.mark.parametrize(
    ("path", "secret", "says"),
    [("/slack/event", "", "must end in /slack/events"), ("/slack/events", "other", "another app's"), ("", "", "405")],
)
def test_the_doctor_says_what_is_wrong_with_the_event_url(
    check: Check, open_workspace: Open, path: str, secret: str, says: str
) -> None:
    with open_workspace() as workspace:
        url = str(workspace.http.base_url.join(path or "/"))
        finding = check(events_url=url, **({"slack_signing_secret": secret} if secret else {}))["event URL"]
    assert finding.state == "fail"
    assert says in finding.advice + finding.found


@pytest.mark.parametrize(
    ("method", "error", "name", "says"),
    [
        ("auth.test", "invalid_auth", "bot token", "invalid_auth"),
        ("apps.connections.open", "missing_scope", "socket mode", "connections:write"),
    ],
)
def test_the_doctor_says_which_token_is_wrong(
    check: Check, slack: SlackStandIn, method: str, error: str, name: str, says: str
) -> None:
    slack.refusals[method] = [(200, {}, {"ok": False, "error": error})]
    finding = check(slack_app_token="xapp-1")[name]
    assert finding.state == "fail"
    assert says in finding.found + finding.advice


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"slack_bot_token": ""}, "bot token"),
        ({"slack_signing_secret": ""}, "socket mode"),
        ({"slack_app_token": "xoxb-1"}, "socket mode"),
    ],
)
def test_the_doctor_says_what_is_not_set(check: Check, given: dict[str, str], name: str) -> None:
    assert check(**given)[name].state == "fail"


def test_a_bot_in_no_channel_is_told_to_be_invited(check: Check, slack: SlackStandIn) -> None:
    slack.channels = []
    assert "/invite @dejalog" in check()["channels"].advice


def test_the_bots_own_process_says_what_it_needs() -> None:
    with pytest.raises(SettingError, match="SLACK_BOT_TOKEN, and SLACK_APP_TOKEN"):
        run_bot(Settings(bot=BotSettings(slack_bot_token="xoxb-1")))


def test_slacks_own_names_are_settings_and_may_be_files(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    settings = read_settings(environment={"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET_FILE": str(file)})
    assert (settings.bot.slack_bot_token, settings.bot.slack_signing_secret) == ("xoxb-1", "s3cret")


@pytest.fixture
def talk(shop: Served) -> Iterator[Callable[..., list[str]]]:
    """What the terminal shows for these lines."""
    surface = TerminalSurface("Ada")
    with Client(shop.url) as client:
        bot = bot_of(dataclasses.replace(shop.dejalog.settings), client, surface)

        def talked(*lines: str) -> list[str]:
            said: list[str] = []
            chat(bot, surface, lines, said.append)
            return said

        yield talked


def test_the_terminal_answers_presses_and_remembers(talk: Callable[..., list[str]], shop: Served) -> None:
    answer, pressed, patterns, note = talk(
        "any service avalanche lately?", "!4", "/dejalog patterns", "remember this: cause: a pool of 10"
    )
    assert answer.startswith("✅ Found · confidence")
    assert "[!4] Not the same" in answer
    assert "rank a little lower" in pressed
    assert "lines · " in patterns
    assert "Remembered with the incident" in note
    kept = shop.http.get("/v1/notes").json()["notes"][-1]
    assert (kept["cause"], kept["author"]) == ("a pool of 10", "Ada")


def test_the_terminal_is_a_command(
    shop: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dejalog", "bot", "chat", "--url", shop.url])
    monkeypatch.setattr(sys, "stdin", StringIO("最近有没有类似的服务雪崩问题?\n"))
    assert run() == 0
    assert capsys.readouterr().out.startswith("✅ 找到了")
