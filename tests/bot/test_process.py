"""`dejalog bot` as a process of its own against a server: it answers, and ends in order."""

import signal
import subprocess
import threading

import httpx
import pytest

from api.bot.doctor import signature
from tests.acceptance.test_watched import assert_as_on_the_page
from tests.api.test_serve import DEJALOG, ROOT, environment, events
from tests.bot.conftest import PAGE, SECRET, TOKEN, event_body, now_ts, text_of
from tests.bot.slack_stand_in import SlackStandIn
from tests.page.shop import Served
from tests.ports import free_port


@pytest.mark.timeout(120)
def test_the_bots_process_answers_against_a_server_and_ends_in_order(
    shop: Served, slack: SlackStandIn, tmp_path_factory: pytest.TempPathFactory
) -> None:
    listen = f"127.0.0.1:{free_port()}"
    given = {
        **environment(tmp_path_factory.mktemp("bot-process")),
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "DEJALOG_SLACK_API_URL": slack.api_url,
        "DEJALOG_PAGE_URL": PAGE,
    }
    started = [*DEJALOG, "bot", "--listen", listen, "--url", shop.url]
    with subprocess.Popen(started, cwd=ROOT, env=given, stderr=subprocess.PIPE) as process:
        killer = threading.Timer(100, process.kill)
        killer.start()
        next(each for each in events(process) if each["event"] == "bot.listening")
        text = "<@UBOT> any service avalanche lately?"
        body = event_body({"type": "app_mention", "user": "U1", "text": text, "ts": now_ts(), "channel": "C1"})
        headers = {**signature(SECRET, body), "Content-Type": "application/json"}
        with httpx.Client(base_url=f"http://{listen}", timeout=60, trust_env=False) as http:
            assert http.get("/healthz").status_code == 200
            assert http.post("/slack/events", content=body, headers=headers).status_code == 200
            assert http.get("/v1/status").status_code == 404
            assert_as_on_the_page("bot", http.get("/metrics").text)
        assert "*Found*" in text_of(slack.wait_for("chat.postMessage")[0].parameters)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        killer.cancel()
