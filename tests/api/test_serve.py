import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.lock import FILE_NAME, owner_address
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
DEJALOG = [sys.executable, "-c", "from api.cli import main; main()"]


def environment(data_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DEJALOG_")}
    return {**kept, "DEJALOG_DATA_DIR": str(data_dir), "DEJALOG_MIN_FREE_DISK": "1", "DEJALOG_LOG_FORMAT": "json"}


def events(process: "subprocess.Popen[bytes]") -> Iterator[dict[str, object]]:
    assert process.stderr is not None
    for line in process.stderr:
        yield json.loads(line)


@pytest.mark.timeout(120)
def test_a_server_owns_its_directory_collects_and_ends_in_order(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-01-02T03:04:05Z collected by the server itself\n")
    listen = f"127.0.0.1:{free_port()}"
    started = [*DEJALOG, "serve", "--listen", listen, "--collect", str(log)]
    with subprocess.Popen(started, cwd=ROOT, env=environment(tmp_path / "data"), stderr=subprocess.PIPE) as process:
        killer = threading.Timer(100, process.kill)
        killer.start()
        log_events = events(process)
        assert next(each for each in log_events if each["event"] == "server.listening")["url"] == f"http://{listen}"
        assert owner_address(tmp_path / "data") == listen
        with httpx.Client(base_url=f"http://{listen}", timeout=60, trust_env=False) as http:
            status = http.get("/v1/status", params={"wait": "60s"}).json()
            while not status["sources"] or status["lag_bytes"] or not status["lines"]:
                status = http.get("/v1/status", params={"wait": "60s"}).json()
            assert http.get("/v1/search", params={"start": "2026-01-01"}).json()["total"] == 1
        second = subprocess.run(
            [*DEJALOG, "serve", "--listen", f"127.0.0.1:{free_port()}"],
            cwd=ROOT, env=environment(tmp_path / "data"), capture_output=True, check=False,
        )  # fmt: skip
        assert second.returncode == 2
        assert listen in second.stderr.decode()
        process.send_signal(signal.SIGTERM)
        assert [each["event"] for each in log_events][-1] == "server.stopped"
        assert process.wait() == 0
        killer.cancel()
    assert (tmp_path / "data" / FILE_NAME).read_bytes() == b""
    assert owner_address(tmp_path / "data") is None
