"""The demo as a user starts it, small: history, mining, the first answer, and a second start beside it."""

from pathlib import Path

import httpx
import pytest

from api.keepers import kept_in_files
from api.settings import read_settings
from tests.ports import free_port
from tests.reliability.processes import Program, wait_for


def test_the_demo_never_writes_to_the_store_that_keeps_real_lines() -> None:
    settings = read_settings({}, {"DEJALOG_STORE": "elasticsearch", "ELASTICSEARCH_URL": "http://127.0.0.1:9200"})
    kept = kept_in_files(settings)
    assert kept.store.store == "embedded"
    assert kept.store.data_dir == settings.store.data_dir


@pytest.fixture
def port() -> int:
    return free_port()


def test_the_demo_answers_and_a_second_one_does_not_disturb_it(tmp_path: Path, port: int) -> None:
    arguments = ["demo", "--listen", f"127.0.0.1:{port}", "--days", "2", "--lines", "60000"]
    demo = Program(arguments, tmp_path, tmp_path / "demo.txt")
    second = Program(arguments, tmp_path, tmp_path / "second.txt")
    demo.start()
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/healthz", demo)
        with httpx.Client(base_url=url, timeout=120) as client:
            while (ready := client.get("/readyz")).status_code != 200:
                assert demo.is_running(), (tmp_path / "demo.txt").read_text()[-2000:]
                assert "stopped" not in ready.text, (tmp_path / "demo.txt").read_text()[-2000:]
            before = client.get("/v1/search", params={"query": "*", "start": "now-30d", "limit": 1}).json()["total"]
            assert before > 50_000
            second.start()
            assert second.wait(60) == 2
            assert "in use" in (tmp_path / "second.txt").read_text()
            after = client.get("/v1/search", params={"query": "*", "start": "now-30d", "limit": 1}).json()["total"]
            assert after >= before
            question = {"question": "Has there been a service avalanche like this lately?"}
            answer = client.post("/v1/ask", json=question).json()
            assert answer["verdict"] in {"found", "not_found", "inconclusive"}
            assert answer["dropped_claims"] == 0
            patterns = client.get("/v1/patterns", params={"limit": 100_000}).json()
            assert sum(pattern["count"] for pattern in patterns["patterns"]) == patterns["total_lines"]
    finally:
        assert demo.stop() == 0
