"""Every part as an operator watches it: its metrics are those of the page, and /readyz names what is away."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.metrics_page import PAGE, page
from tests.ports import free_port
from tests.real.elasticsearch import start_node, stop_node, unpack
from tests.redis_server import RedisServer
from tests.reliability.processes import Program
from tests.workers.chunks_made import wait_until

START_S = 120.0


class Watched:
    """The parts by name, each with an address where it can be asked."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.urls: dict[str, str] = {}
        self._folder = folder
        self._environment = environment
        self._stack = contextlib.ExitStack()
        self._programs: dict[str, Program] = {}

    def start(self, name: str, *arguments: str, command: str = "dejalog") -> str:
        """Start a part whose address goes by flag or, for Celery, by setting; returns its URL."""
        address = f"127.0.0.1:{free_port()}"
        own = {"DEJALOG_DATA_DIR": str(self._folder / name), "DEJALOG_WORKER_LISTEN": address}
        listen = [] if command == "celery" else ["--listen", address]
        log, environment = self._folder / f"{name}.txt", self._environment | own
        part = Program([*arguments, *listen], self._folder, log, environment, command=command)
        self._stack.callback(part.kill)
        part.start()
        self._programs[name] = part
        self.urls[name] = f"http://{address}"
        return self.urls[name]

    def ready(self, name: str) -> tuple[int, dict[str, Any]]:
        """Status of /readyz and the dependencies by name; 0 while it does not listen."""
        try:
            answer = httpx.get(f"{self.urls[name]}/readyz", timeout=20)
        except httpx.TransportError:
            assert self._programs[name].is_running(), (self._folder / f"{name}.txt").read_text()[-3000:]
            return 0, {}
        return answer.status_code, {each["name"]: each for each in answer.json()["dependencies"]}

    def wait(self, **statuses: int) -> None:
        """Until the parts answer so."""
        for name, status in statuses.items():
            wait_until(lambda name=name, status=status: self.ready(name)[0] == status, timeout_s=START_S)  # type: ignore[misc]

    def metrics(self, name: str) -> str:
        answer = httpx.get(f"{self.urls[name]}/metrics", timeout=20)
        assert answer.status_code == 200
        return answer.text

    def close(self) -> None:
        self._stack.close()


@contextlib.contextmanager
def watched(folder: Path, environment: dict[str, str]) -> Iterator[Watched]:
    parts = Watched(folder, environment)
    try:
        yield parts
    finally:
        parts.close()


def exported(text: str) -> dict[str, tuple[str, frozenset[str] | None]]:
    """Type of each metric, and its labels where it has a value."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        if not name.endswith("_created"):
            samples = [set(sample.labels) - {"le"} for sample in family.samples if "_created" not in sample.name]
            found[name] = (family.type, frozenset(samples[0]) if samples else None)
    return found


def assert_as_on_the_page(part: str, text: str) -> None:
    listed = {name: row for name, row in page().items() if row[2] & {part, "all"}}
    found = exported(text)
    assert sorted(found) == sorted(listed), f"{part} and {PAGE.name} differ"
    for name, (kind, labels) in found.items():
        assert kind == listed[name][0], name
        assert labels in {None, listed[name][1]}, name


def test_metrics_are_those_of_the_page_and_readyz_names_redis_when_it_is_away(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    environment = {"REDIS_URL": server.url, "DEJALOG_NEARLINE_INTERVAL": "200ms", "DEJALOG_MIN_FREE_DISK": "1"}
    log = tmp_path / "shop.log"
    log.write_text("".join(f"2026-01-02T03:04:{n:02d}Z INFO order {n} paid\n\n" for n in range(40)))
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        parts = stack.enter_context(watched(tmp_path, environment))
        server.start()
        receiver = parts.start("receive", "worker", "receive")
        parts.start("ingest", "worker", "ingest")
        parts.start("collect", "collect", str(log), "--url", receiver)
        served = parts.start("serve", "serve", "--collect", str(log))
        celery = ("-A", "workers.app")
        parts.start("worker", *celery, "worker", "-Q", "patterns,incidents,embed,maintenance", command="celery")
        parts.start("beat", *celery, "beat", "-s", str(tmp_path / "schedule"), command="celery")
        parts.wait(**dict.fromkeys(parts.urls, 200))
        wait_until(lambda: "dejalog_ingest_settled_chunks_total 0.0" not in parts.metrics("ingest"), timeout_s=30)
        asked = httpx.post(f"{served}/v1/ask", json={"question": "How many orders were paid?"}, timeout=60)
        assert asked.status_code == 200
        assert httpx.post(f"{served}/v1/ask", json={}).status_code == 400
        for name in parts.urls:
            part = "celery" if name in {"worker", "beat"} else name
            assert_as_on_the_page(part, parts.metrics(name))
        said = parts.metrics("serve")
        assert 'dejalog_question_seconds_count{kind="count",verdict="' in said
        assert 'dejalog_errors_total{reason="bad_request",route="/v1/ask"} 1.0' in said
        assert 'dejalog_dropped_lines_total{reason="blank"} 0.0' not in said

        server.kill()
        for name in ("receive", "ingest", "worker", "beat"):
            parts.wait(**{name: 503})
            redis = parts.ready(name)[1]["redis"]
            assert (redis["state"], redis["is_needed"]) == ("failed", True)
            assert redis["reason"] == "Redis does not answer: it cannot be reached"
            assert 'dejalog_dependency_up{dependency="redis"} 0.0' in parts.metrics(name)
            assert httpx.get(f"{parts.urls[name]}/healthz").status_code == 200
        status, found = parts.ready("serve")
        assert (status, found["redis"]["state"], found["store"]["state"]) == (200, "failed", "ok")
        assert parts.ready("collect")[0] == 200
        server.start()
        parts.wait(**dict.fromkeys(parts.urls, 200))


def test_readyz_names_elasticsearch_when_it_takes_no_writes_and_when_it_is_away(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = RedisServer(tmp_path / "redis").start()
        stack.callback(server.kill)
        folder = tempfile.TemporaryDirectory(prefix="dejalog-es-", ignore_cleanup_errors=True)
        node = start_node(unpack(Path(stack.enter_context(folder))))
        stack.callback(stop_node, node)
        environment = {"DEJALOG_STORE": "elasticsearch", "ELASTICSEARCH_URL": node.url, "REDIS_URL": server.url}
        parts = stack.enter_context(watched(tmp_path, environment))
        served = parts.start("serve", "serve")
        parts.start("ingest", "worker", "ingest")
        parts.wait(serve=200, ingest=200)
        assert httpx.post(f"{served}/v1/lines", content=b"a line\n", timeout=60).status_code == 200
        block = {"index.blocks.read_only_allow_delete": True}
        assert httpx.put(f"{node.url}/dejalog-*/_settings", json=block, timeout=60).status_code == 200
        parts.wait(ingest=503)
        for name, status, is_needed in (("serve", 200, False), ("ingest", 503, True)):
            wait_until(lambda name=name: parts.ready(name)[1]["elasticsearch"]["state"] == "degraded")  # type: ignore[misc]
            answered, found = parts.ready(name)
            assert (answered, found["elasticsearch"]["is_needed"]) == (status, is_needed)
            assert "takes no writes: dejalog-" in found["elasticsearch"]["reason"]
        block["index.blocks.read_only_allow_delete"] = False
        assert httpx.put(f"{node.url}/dejalog-*/_settings", json=block, timeout=60).status_code == 200
        parts.wait(serve=200, ingest=200)

        stop_node(node)
        parts.wait(serve=503, ingest=503)
        for name in parts.urls:
            found = parts.ready(name)[1]["elasticsearch"]
            assert (found["state"], found["reason"]) == ("failed", "Elasticsearch cannot be reached")
            assert 'dejalog_dependency_up{dependency="elasticsearch"} 0.0' in parts.metrics(name)
            assert httpx.get(f"{parts.urls[name]}/healthz").status_code == 200
        error = httpx.get(f"{served}/readyz").json()["error"]
        assert (error["code"], error["message"]) == ("not_ready", "elasticsearch: Elasticsearch cannot be reached")
        assert "dejalog_received_total" in parts.metrics("serve")
