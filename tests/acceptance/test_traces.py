"""One trace from the collector's chunk to the append, through the real processes; one from a question to its answer."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.compose import open_dejalog
from ingest import trace
from tests.api.conftest import SECOND, ndjson, serving, settings_for, shop_lines
from tests.ports import free_port
from tests.real.trace_receiver import TraceReceiver, trace_receiver
from tests.redis_server import RedisServer
from tests.reliability.processes import Program, wait_for
from tests.workers.chunks_made import wait_until

SECRET = "cardnumber4711"
SENT_FROM = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    with trace_receiver() as found:
        yield found


@pytest.mark.parametrize("store", ["embedded", "elasticsearch"])
def test_a_chunk_is_one_trace_from_the_file_to_the_store(
    store: str, receiver: TraceReceiver, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = RedisServer(tmp_path / "redis")
    address = f"127.0.0.1:{free_port()}"
    environment = {
        "REDIS_URL": server.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "DEJALOG_STORE": store,
    }
    if store == "elasticsearch":
        environment["ELASTICSEARCH_URL"] = request.getfixturevalue("elastic_url")
        environment["DEJALOG_ELASTICSEARCH_PREFIX"] = f"test-{uuid.uuid4().hex[:12]}"
    log = tmp_path / "shop.log"
    log.write_text("".join(f"2026-01-02T03:04:{n:02d}Z INFO paid with {SECRET} {n}\n" for n in range(40)))
    shipping = ["collect", str(log), "--url", f"http://{address}", "--data-dir", str(tmp_path / "collector")]
    parts = [
        Program(["worker", "receive", "--listen", address], tmp_path, tmp_path / "receiver.txt", environment),
        Program(["worker", "ingest", "--data-dir", str(tmp_path / "data")], tmp_path, tmp_path / "i.txt", environment),
        Program(shipping, tmp_path, tmp_path / "collector.txt", environment),
    ]
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        for part in parts:
            stack.callback(part.kill)
            part.start()
            wait_for(f"http://{address}/readyz", parts[0])  # a collector that is refused comes again later and later
        wait_until(lambda: receiver.spans("store.append") and receiver.spans("chunk.ship"), timeout_s=120)
        assert [part.stop() for part in parts] == [0, 0, 0]
    appended = receiver.spans("store.append")[0]
    spans = {span.name: span for span in receiver.spans() if span.trace == appended.trace}
    way = ["chunk.ship", "POST /v1/chunks", "stream.append", "chunk.store", "store.append"]
    assert {name: spans[name].parent for name in way} == dict(
        zip(way, ["", *(spans[name].id for name in way[:-1])], strict=True)
    )
    assert [spans[name].service for name in way] == [
        "dejalog-collector",
        *["dejalog-receiver"] * 2,
        *["dejalog-ingest"] * 2,
    ]
    assert 0 < appended.attributes["lines"] <= 40
    assert ("elasticsearch _bulk" in spans) is (store == "elasticsearch")
    assert SECRET.encode() not in receiver.bytes


def test_a_question_is_one_trace_from_the_request_to_the_answer(receiver: TraceReceiver, tmp_path: Path) -> None:
    asked = {"question": f"How many connections were refused, {SECRET}?"}
    with (
        trace.exporting(receiver.url, service="dejalog"),
        open_dejalog(settings_for(tmp_path)) as dejalog,
        serving(dejalog) as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False) as http,
    ):
        http.post("/v1/lines", content=ndjson(shop_lines(1_772_323_200 * SECOND)))
        http.get("/v1/status", params={"wait": "60s"})
        answer = http.post("/v1/ask", json=asked, headers={"traceparent": SENT_FROM}).json()
        http.get("/readyz")
    spans = {span.name: span for span in receiver.spans() if span.trace == SENT_FROM.split("-")[1]}
    assert spans["POST /v1/ask"].parent == SENT_FROM.split("-")[2]
    assert spans["question"].parent == spans["POST /v1/ask"].id
    steps = ["question.retrieve", "question.gather", "question.claim", "question.check", "question.answer"]
    assert {spans[name].parent for name in steps} == {spans["question"].id}
    assert spans["question"].attributes == {
        "kind": "count",
        "verdict": answer["verdict"],
        "claims": len(answer["claims"]),
    }
    assert spans["question.check"].attributes["kept"] == len(answer["claims"]) > 0
    assert receiver.spans("nearline.mine")
    assert not receiver.spans("GET /readyz")
    assert SECRET.encode() not in receiver.bytes
    assert b"refused" not in receiver.bytes
