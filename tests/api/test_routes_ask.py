import contextlib
import dataclasses
import json
import uuid
from pathlib import Path

import pytest

from api.compose import open_dejalog
from api.parts import Question
from api.settings import StreamSettings
from api.time_text import format_time
from tests.api.conftest import LINES, SECOND, Served, ndjson, settings_for

ANSWER_KEYS = {
    "answer", "verdict", "confidence", "mode", "window", "claims", "citations", "patterns", "similar", "next_queries",
    "read_as", "revision", "as_of", "dropped_claims", "usage", "took_ms",
}  # fmt: skip


def ask(served: Served, **asked: str) -> dict[str, object]:
    reply = served.http.post("/v1/ask", json=asked)
    assert reply.status_code == 200, reply.text
    content: dict[str, object] = reply.json()
    return content


def test_an_answer_has_the_documented_form_and_its_citations_resolve(served: Served) -> None:
    answer = ask(served, question="Was the pool exhausted?")
    assert set(answer) >= ANSWER_KEYS
    assert answer["verdict"] in {"found", "not_found", "inconclusive"}
    citations = answer["citations"]
    assert isinstance(citations, list)
    for cited in citations:
        line = served.http.get(f"/v1/lines/{cited['id']}").json()["line"]
        assert line["message"].startswith(cited["message"][:100])


def test_a_conversation_goes_on_under_its_id(served: Served) -> None:
    first = ask(served, question="How many times was a connection refused?", conversation_id="new")
    name = str(first["conversation_id"])
    assert len(name) > 20
    second = ask(served, question="only payment", conversation_id=name)
    assert second["conversation_id"] == name
    assert "service payment" in str(second["read_as"])
    assert "connection" in str(second["read_as"])
    other = ask(served, question="only payment", conversation_id="another")
    assert "connection" not in str(other["read_as"])
    assert "conversation_id" not in ask(served, question="Was a connection refused?")


def test_servers_that_share_a_redis_go_on_with_each_others_conversations(redis_url: str, tmp_path: Path) -> None:
    name = uuid.uuid4().hex
    shared = StreamSettings(redis_url=redis_url)
    with contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(open_dejalog(dataclasses.replace(settings_for(tmp_path / each), stream=shared)))
            for each in ("one", "two")
        )
        first.ask(Question("How many timeouts were there yesterday?", conversation_id=name))
        read_as = second.ask(Question("and today?", conversation_id=name))["read_as"]
    assert "how often it happened; about timeouts" in read_as


@pytest.mark.parametrize("question", ["", " \n"])
def test_an_empty_question_is_told_to_be_empty(served: Served, question: str) -> None:
    reply = served.http.post("/v1/ask", json={"question": question})
    assert (reply.status_code, reply.json()["error"]["message"]) == (400, "question: it is empty")


def test_the_same_question_gets_the_same_answer_over_json_and_events(served: Served) -> None:
    as_of = format_time(served.start_ns + LINES * SECOND)
    asked = {"question": "Was a connection refused?", "mode": "deterministic", "as_of": as_of}
    whole = ask(served, **asked)
    headers = {"Accept": "text/event-stream"}
    with served.http.stream("POST", "/v1/ask", json=asked, headers=headers) as reply:
        text = reply.read().decode()
    events = [block.split("\n") for block in text.strip().split("\n\n")]
    assert events[0][0] == "event: started"
    claims = [json.loads(block[1].removeprefix("data: ")) for block in events if block[0] == "event: claim"]
    assert claims == whole["claims"]
    last = json.loads(events[-1][1].removeprefix("data: "))
    assert {**last, "took_ms": 0} == {**whole, "took_ms": 0}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"question": ""},
        {"question": "  "},
        {"question": 7},
        {"question": "x", "start": "soon"},
        {"question": "x", "start": "now", "end": "now-1h"},
        {"question": "x", "mode": "clairvoyant"},
        {"question": "x", "mode": "llm"},
        {"question": "x", "more": 1},
        {"question": "x" * 10_000},
        {"question": "nul \x00 byte"},
        {"question": "lone \ud800 surrogate"},
        [],
        "question",
    ],
    ids=str,
)
def test_a_question_that_cannot_be_read_is_refused(served: Served, asked: object) -> None:
    body = json.dumps(asked).encode()
    reply = served.http.post("/v1/ask", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_request")


def test_a_note_is_kept_and_shown_with_what_it_is_about(served: Served, shop: dict[str, str]) -> None:
    pattern_id = served.http.get("/v1/patterns", params=shop).json()["patterns"][0]["pattern_id"]
    note = {"target": pattern_id, "text": "harmless", "cause": "a test", "author": "me"}
    kept = served.http.post("/v1/notes", json=note).json()["note"]
    assert {name: kept[name] for name in note} == note
    listed = served.http.get("/v1/notes", params={"target": pattern_id}).json()["notes"]
    assert kept in listed
    shown = served.http.get(f"/v1/patterns/{pattern_id}").json()["pattern"]["notes"]
    assert kept in shown


@pytest.mark.parametrize(
    ("note", "status"),
    [
        ({"target": "0123456789abcdef", "text": "x"}, 404),
        ({"target": "nothing of that name", "text": "x"}, 404),
        ({"text": "x"}, 400),
        ({"target": "0123456789abcdef"}, 400),
    ],
    ids=str,
)
def test_a_note_about_nothing_is_refused(served: Served, note: dict[str, str], status: int) -> None:
    assert served.http.post("/v1/notes", json=note).status_code == status


def test_feedback_is_kept(served: Served) -> None:
    feedback = {"verdict": "not_the_same", "question": "q", "revision": "r"}
    reply = served.http.post("/v1/feedback", json=feedback)
    assert reply.status_code == 201
    kept = served.dejalog.knowledge.feedback()[-1]
    assert {name: kept[name] for name in feedback} == feedback
    assert served.http.post("/v1/feedback", json={"verdict": "shrug"}).status_code == 400


def test_views_are_saved_replaced_listed_and_forgotten(served: Served) -> None:
    for query in ("level:error", "level:fatal"):
        view = {"name": "my errors / 1", "query": query, "service": ["cart"], "start": "now-1h"}
        assert served.http.post("/v1/views", json=view).status_code == 201
    views = {each["name"]: each for each in served.http.get("/v1/views").json()["views"]}
    assert views["my errors / 1"]["query"] == "level:fatal"
    alone = served.http.get("/v1/views/my%20errors%20%2F%201").json()["view"]
    assert alone == views["my errors / 1"]
    assert served.http.get("/v1/views/none").status_code == 404
    served.http.post("/v1/views", json={"name": "plain"})
    assert served.http.delete("/v1/views/plain").json()["deleted"] == "plain"
    assert served.http.delete("/v1/views/plain").status_code == 404
    assert served.http.delete("/v1/views/my%20errors%20%2F%201").status_code == 200


def test_status_waits_until_what_was_acknowledged_is_mined(served: Served) -> None:
    body = ndjson([{"message": f"status line {number}", "service": "status"} for number in range(50)])
    served.http.post("/v1/lines", content=body)
    status = served.http.get("/v1/status", params={"wait": "60s"}).json()
    assert status["waited_out"] is False
    assert status["nearline"]["patterns"]["pending_lines"] == 0
    assert set(status) >= {"revision", "sources", "lag_bytes", "caught_up_to", "nearline", "dropped", "took_ms"}
    assert set(status["nearline"]) == {"patterns", "vectors", "incidents"}
    members = served.dejalog.generation().patterns.members
    found = served.http.get("/v1/search", params={"service": "status", "limit": 1}).json()["lines"][0]
    assert int(found["pattern_id"], 16) in set(members["signature"].to_list())


def test_metrics_tell_what_was_received_and_how_long_requests_took(served: Served) -> None:
    served.http.get("/v1/search")
    text = served.http.get("/metrics").text
    assert 'dejalog_requests_total{method="GET",route="/v1/search",status="200"}' in text
    assert 'dejalog_requests_total{method="POST",route="/v1/lines",status="200"}' in text
    for name in (
        "dejalog_received_total",
        "dejalog_stored_lines_total",
        "dejalog_nearline_seconds",
        "dejalog_store_bytes",
    ):
        assert name in text
    assert "/v1/lines/" not in text.replace("/v1/lines/{line_id}", "")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_anywhere(served: Served, path: str) -> None:
    reply = served.http.get(path)
    assert reply.status_code == 200
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    text = reply.text.replace('<script type="module" src="/assets/', "")
    for marker in ("http://", "https://", "//cdn", "<script", "src="):
        assert marker not in text


def test_docs_name_every_route(served: Served) -> None:
    page = served.http.get("/docs").text
    for path in served.http.get("/openapi.json").json()["paths"]:
        assert path in page


def test_a_channel_looks_back_to_a_time_or_to_all_there_is(served: Served) -> None:
    for window in ("7d", "now-1h", "2026-03-01T12:00:00Z", ""):
        assert served.http.post("/v1/channels", json={"name": "c", "window": window}).status_code == 201
        assert served.http.get("/v1/channels/c").json()["channel"]["window"] == window
    for window in ("banana", "7 bananas", " "):
        reply = served.http.post("/v1/channels", json={"name": "c", "window": window})
        assert reply.status_code == 400
        assert reply.json()["error"]["message"].startswith(f"window: {window!r} is not a time")
    assert served.http.get("/v1/channels/c").json()["channel"]["window"] == ""
