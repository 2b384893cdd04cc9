"""What shippers made for Elasticsearch send is stored; Elasticsearch's own client and a real rsyslog say so."""

import gzip
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import orjson
import pytest
from elasticsearch import ApiError, Elasticsearch, helpers

from api.app import create_app
from api.client import InProcessTransport
from ingest.errors import StorageFullError
from tests.api.conftest import Served, serving
from tests.ports import free_port
from tests.workers.chunks_made import wait_until

FILTERED = "errors%2Citems.%2A.error%2Citems.%2A.status%2Citems.%2A.failure_store"
"""As Filebeat writes it."""


def count(served: Served, query: str, **where: str) -> int:
    found = served.http.get("/v1/search", params={"query": query, "start": "30d", "limit": 0, **where}).json()
    assert isinstance(found["total"], int)
    return found["total"]


def filebeat_event(number: int, text: str) -> bytes:
    """One event as Filebeat 9 sends it, with the empty line after it."""
    document = {
        "@timestamp": "2026-11-20T10:00:00.000Z",
        "message": f"{text} {number}",
        "log": {"offset": number * 40, "file": {"path": "/var/log/x.log", "inode": "8", "fingerprint": "ab" * 32}},
        "host": {"name": "node-7"},
        "agent": {"id": "a1", "type": "filebeat"},
        "stream": "stderr",
    }
    return b'{"create":{"_index":"filebeat-9.5.0"}}\n' + orjson.dumps(document) + b"\n\n"


def send_as_filebeat(http: httpx.Client, body: bytes) -> httpx.Response:
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "Content-Encoding": "gzip",
        "Accept": "application/json",
        "X-Elastic-Product-Origin": "beats",
    }
    return http.post(f"/_bulk?filter_path={FILTERED}", content=gzip.compress(body), headers=headers)


def test_what_filebeat_asks_before_it_sends_is_answered(served: Served) -> None:
    accept = {"Accept": "application/json"}
    info = served.http.get("/", headers=accept)
    assert info.json()["version"]["number"].count(".") == 2
    assert info.json()["version"]["build_flavor"] == "default"
    assert served.http.get("/_license?human=false", headers=accept).json()["license"]["status"] == "active"
    for method, path in [
        ("GET", "/_ilm/policy/filebeat"),
        ("PUT", "/_ilm/policy/filebeat"),
        ("HEAD", "/_index_template/filebeat-9.5.0"),
        ("PUT", "/_index_template/filebeat-9.5.0"),
        ("GET", "/_data_stream/filebeat-9.5.0"),
        ("PUT", "/_data_stream/filebeat-9.5.0"),
        ("PUT", "/_ingest/pipeline/filebeat-9.5.0-nginx"),
        ("GET", "/_cluster/health"),
        ("HEAD", "/"),
    ]:
        reply = served.http.request(method, path, headers=accept)
        assert reply.status_code == 200, f"{method} {path}"
        assert reply.headers["X-Elastic-Product"] == "Elasticsearch"


def test_a_browser_still_gets_the_page(served: Served) -> None:
    assert served.http.get("/", headers={"Accept": "text/html,*/*"}).headers["Content-Type"].startswith("text/html")


def test_filebeats_events_are_stored_once_however_often_they_are_sent(served: Served) -> None:
    body = b"".join(filebeat_event(number, "beaten") for number in range(50))
    for _ in range(3):
        reply = send_as_filebeat(served.http, body)
        assert reply.json() == {"errors": False, "items": [{"create": {"status": 201}}] * 50}
    assert count(served, "beaten") == 50
    line = served.http.get("/v1/search", params={"query": "beaten", "start": "30d", "limit": 1}).json()["lines"][0]
    assert (line["service"], line["host"], line["stream"]) == ("filebeat", "node-7", "stderr")
    assert line["time"] == "2026-11-20T10:00:00.000Z"


def test_documents_without_identity_are_two_events_when_they_come_twice(served: Served) -> None:
    for _ in range(2):
        served.http.post("/loose-2026.11.25/_bulk", content=b'{"index":{}}\n{"message":"loose document"}\n')
    assert count(served, "*", service="loose") == 2


def test_a_document_that_is_not_json_is_stored_as_it_came(served: Served) -> None:
    body = b'{"index":{}}\n[{"broken\n{"index":{}}\n{"message":"whole"}\n{"index":{}}\n{"half": \n'
    reply = served.http.post("/odd/_bulk", content=body)
    assert [item["index"]["status"] for item in reply.json()["items"]] == [201, 201, 201]
    assert count(served, "*", service="odd") == 3


def test_changes_to_lines_are_refused_item_by_item_in_order(served: Served) -> None:
    body = (
        b'{"index":{"_id":"1"}}\n{"message":"kept"}\n{"update":{"_id":"1"}}\n{"doc":{}}\n'
        b'{"delete":{"_id":"1"}}\n{"create":{"_index":"other"}}\n{"message":"kept too"}\n'
    )
    reply = served.http.post("/mixed/_bulk", content=body).json()
    assert [next(iter(item.items()))[0] for item in reply["items"]] == ["index", "update", "delete", "create"]
    assert [next(iter(item.values()))["status"] for item in reply["items"]] == [201, 400, 404, 201]
    assert reply["items"][0]["index"]["_id"] == "1"
    assert reply["errors"] is True
    assert (count(served, "*", service="mixed"), count(served, "*", service="other")) == (1, 1)


def test_a_body_that_is_cut_short_stores_nothing(served: Served) -> None:
    reply = served.http.post("/cut/_bulk", content=b'{"index":{}}\n{"message":"one"}\n{"index":{}}\n')
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "illegal_argument_exception")
    assert count(served, "*", service="cut") == 0


class FullOf:
    """The running program while its store takes nothing for one service, so many times."""

    def __init__(self, served: Served, service: str, times: int) -> None:
        self._dejalog = served.dejalog
        self._service = service
        self.times = times
        self.receiver = self

    def __getattr__(self, name: str) -> object:
        return getattr(self._dejalog, name)

    def accept_lines(self, body: bytes, *, service: str = "", **rest: str) -> object:
        if service == self._service and self.times:
            self.times -= 1
            raise StorageFullError("no room", retry_after_s=2)
        return self._dejalog.receiver.accept_lines(body, service=service, **rest)  # type: ignore[arg-type]  # all str


def test_when_the_store_is_full_every_item_says_not_now(served: Served) -> None:
    app = create_app(FullOf(served, "full", times=9))  # type: ignore[arg-type]  # delegates
    with httpx.Client(base_url="http://localhost:8900", transport=InProcessTransport(app)) as http:
        reply = http.post("/full/_bulk", content=b'{"index":{}}\n{}\n{"create":{}}\n{}\n')
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "2")
        assert [next(iter(item.values()))["status"] for item in reply.json()["items"]] == [429, 429]
        half = b'{"index":{"_index":"roomy"}}\n{"message":"fits"}\n{"index":{"_index":"full"}}\n{}\n'
        reply = http.post("/_bulk", content=half)
        assert reply.status_code == 200
        assert [item["index"]["status"] for item in reply.json()["items"]] == [201, 429]
        assert reply.json()["errors"] is True


def test_elasticsearchs_client_ships_in(served: Served) -> None:
    with Elasticsearch(served.url) as client:
        assert client.ping()
        documents = [
            {"_op_type": "create", "_index": "es-client", "_id": f"id-{number}", "message": f"by helper {number}"}
            for number in range(1200)
        ]
        for _ in range(2):
            assert helpers.bulk(client, documents, chunk_size=500) == (1200, [])
        assert list(helpers.parallel_bulk(client, ({"_index": "es-many", "n": n} for n in range(300)), thread_count=2))
        ok, failed = helpers.bulk(client, [{"_op_type": "delete", "_index": "x", "_id": "1"}], raise_on_error=False)
        assert (ok, len(failed)) == (0, 1)  # type: ignore[arg-type]  # a list unless stats only
    assert count(served, "*", service="es-client") == 1200
    assert count(served, "*", service="es-many") == 300


def test_elasticsearchs_client_tries_again_until_a_full_store_has_room(served: Served) -> None:
    full = FullOf(served, "full-once", times=2)
    with serving(full) as url, Elasticsearch(url) as client:  # type: ignore[arg-type]  # delegates
        assert helpers.bulk(client, [{"_index": "full-once", "message": "at last"}]) == (1, [])
    assert full.times == 0
    assert count(served, "*", service="full-once") == 1
    full.times = 9
    with serving(full) as url, Elasticsearch(url) as client:  # type: ignore[arg-type]  # delegates
        with pytest.raises(ApiError) as refused:
            helpers.bulk(client, [{"_index": "full-once", "message": "never"}])
        assert refused.value.status_code == 429


def test_a_real_rsyslog_ships_in(served: Served, tmp_path: Path) -> None:
    program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
    assert program, "rsyslog is not installed: `make setup-test` installs it where it may"
    port = free_port()
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(RSYSLOG.format(dir=tmp_path, port=port, server=served.url.rpartition(":")[2]))
    process = subprocess.Popen([program, "-n", "-f", str(configuration), "-i", str(tmp_path / "pid")])
    try:
        wait_until(lambda: _sent(port), timeout_s=20)
        wait_until(lambda: count(served, "*", service="logs-rsyslog") == 5, timeout_s=30)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    lines = served.http.get("/v1/search", params={"service": "logs-rsyslog", "start": "30d"}).json()["lines"]
    assert sorted(line["message"].strip() for line in lines) == [f"disk {number} is slow" for number in range(5)]
    assert {line["host"] for line in lines} == {"node-3"}


def _sent(port: int) -> bool:
    """Five messages of RFC 5424 to rsyslog, once it listens."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            for number in range(5):
                connection.sendall(f"<13>1 {now} node-3 disk 1 - - disk {number} is slow\n".encode())
    except ConnectionRefusedError:
        return False
    return True


RSYSLOG = """
global(workDirectory="{dir}")
module(load="imtcp")
module(load="omelasticsearch")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="js" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}}
action(type="omelasticsearch" server="127.0.0.1" serverport="{server}" template="js" searchIndex="logs-rsyslog"
  searchType="" bulkmode="on" maxbytes="1m" errorfile="{dir}/errors" action.resumeretrycount="-1")
"""
