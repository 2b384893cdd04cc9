import time

import pytest

from ingest.chunk import Chunk
from ingest.chunk_http import encode
from ingest.source import Source, mint_source_id
from tests.api.conftest import Served, ndjson


def chunk(body: bytes, start: int = 0, name: str = "chunked") -> Chunk:
    source = Source(
        mint_source_id("host", name, b"", 0), host="host", path=f"/{name}.log", service=name, format="plain"
    )
    return Chunk(source, start, start + len(body), time.time_ns(), body)


def count(served: Served, service: str) -> int:
    total = served.http.get("/v1/search", params={"service": service, "start": "30d", "limit": 0}).json()["total"]
    assert isinstance(total, int)
    return total


def send(served: Served, whole: Chunk) -> int:
    headers, body = encode(whole)
    reply = served.http.post("/v1/chunks", content=body, headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.json()["accepted_to"] == whole.end
    return reply.status_code


def test_a_chunk_sent_twice_and_one_that_overlaps_are_stored_once(served: Served) -> None:
    body = b"".join(b"chunk line %d\n" % number for number in range(20))
    cut = body.index(b"chunk line 10\n")
    send(served, chunk(body[:cut]))
    send(served, chunk(body[:cut]))
    send(served, chunk(body))
    assert count(served, "chunked") == 20


def test_a_chunk_whose_headers_lie_is_refused_for_good(served: Served) -> None:
    headers, body = encode(chunk(b"some bytes\n", name="lying"))
    for wrong in ({"Dejalog-End": "999"}, {"Dejalog-Source": "x"}, {"Dejalog-Start": ""}, {"Content-Encoding": "br"}):
        reply = served.http.post("/v1/chunks", content=body, headers={**headers, **wrong})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_request")
    assert count(served, "lying") == 0


def test_lines_are_searchable_when_the_reply_comes(served: Served) -> None:
    reply = served.post_lines([{"msg": "seen at once", "ts": time.time(), "service": "pushed"}])
    assert reply["stored"] == 1
    line = served.http.get("/v1/search", params={"service": "pushed"}).json()["lines"][0]
    assert line["message"] == "seen at once"


def test_parameters_name_the_fields_and_the_service(served: Served) -> None:
    lines: list[dict[str, object]] = [{"what": "named field", "when": "2026-01-02T03:04:05Z"}]
    served.post_lines(lines, service="named", time_field="when", message_field="what")
    found = served.http.get("/v1/search", params={"service": "named", "start": "2026-01-01"}).json()["lines"][0]
    assert (found["message"], found["time"]) == ("named field", "2026-01-02T03:04:05.000Z")


def test_a_line_that_is_not_json_is_stored_as_it_came(served: Served) -> None:
    reply = served.http.post("/v1/lines", content=b"just text \xff\x00\n", params={"service": "raw"})
    assert reply.status_code == 200
    assert count(served, "raw") == 1
    assert served.http.get("/v1/status").json()["marked"]["invalid_utf8"] >= 1
    assert 'dejalog_marked_lines_total{mark="invalid_utf8"}' in served.http.get("/metrics").text


def test_a_request_with_a_key_is_stored_once(served: Served) -> None:
    for _ in range(3):
        body = ndjson([{"message": "keyed", "service": "keyed"}])
        assert served.http.post("/v1/lines", content=body, headers={"Idempotency-Key": "k1"}).status_code == 200
    assert count(served, "keyed") == 1


@pytest.mark.parametrize("body", [b"", b"\n\n", b"[]"], ids=["nothing", "blank lines", "an empty array"])
def test_a_body_without_lines_stores_nothing(served: Served, body: bytes) -> None:
    reply = served.http.post("/v1/lines", content=body, params={"service": "blank"})
    assert (reply.status_code, reply.json()["stored"]) == (200, 0)
    assert count(served, "blank") == 0
