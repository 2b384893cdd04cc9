import json
from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import Served

Event = tuple[int, str, dict[str, object]]


def events(reply: httpx.Response) -> Iterator[Event]:
    event_id, kind = 0, ""
    for line in reply.iter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            event_id = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            yield event_id, kind, json.loads(value)


def take(served: Served, count: int, asked: dict[str, str], last: str = "", then: object = None) -> list[Event]:
    """The first `count` lines of a tail; `then` is called once the stream has begun."""
    headers = {"Last-Event-ID": last} if last else {}
    found: list[Event] = []
    with served.http.stream("GET", "/v1/tail", params=asked, headers=headers) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        for event in events(reply):
            if event[1] == "position" and callable(then):
                then()
                then = None
            if event[1] == "line":
                found.append(event)
            if len(found) == count:
                break
    return found


def push(served: Served, service: str, *numbers: int) -> None:
    served.post_lines([{"message": f"tailed {number}", "service": service} for number in numbers])


def messages(found: list[Event]) -> list[object]:
    return [line["message"] for _, _, line in found]


def test_new_lines_come_in_order_and_old_ones_do_not(served: Served) -> None:
    push(served, "tail-new", 0)
    found = take(served, 3, {"service": "tail-new"}, then=lambda: push(served, "tail-new", 1, 2, 3))
    assert messages(found) == ["tailed 1", "tailed 2", "tailed 3"]
    assert [each[0] for each in found] == [each[2]["sequence"] for each in found]


def test_a_tail_resumes_without_a_gap_or_a_repeat(served: Served) -> None:
    first = take(served, 2, {"service": "tail-resume"}, then=lambda: push(served, "tail-resume", 1, 2, 3, 4, 5))
    push(served, "tail-resume", 6)
    second = take(served, 4, {"service": "tail-resume"}, last=str(first[-1][0]))
    assert messages(first + second) == [f"tailed {number}" for number in range(1, 7)]


def test_more_lines_than_one_batch_all_come(served: Served) -> None:
    count = 2500
    start = served.dejalog.store.high_sequence()
    push(served, "tail-many", *range(count))
    found = take(served, count, {"service": "tail-many", "after": str(start)})
    assert messages(found) == [f"tailed {number}" for number in range(count)]


def test_the_last_lines_come_first_when_asked_for(served: Served) -> None:
    push(served, "tail-last", 1, 2, 3)
    found = take(served, 3, {"service": "tail-last", "last": "2"}, then=lambda: push(served, "tail-last", 4))
    assert messages(found) == ["tailed 2", "tailed 3", "tailed 4"]


def test_a_query_filters_the_tail(served: Served) -> None:
    def send() -> None:
        push(served, "tail-query", 7, 8, 9)

    found = take(served, 1, {"query": 'service:"tail-query" "tailed 8"'}, then=send)
    assert messages(found) == ["tailed 8"]


@pytest.mark.parametrize("by_header", [True, False])
def test_a_tail_from_beyond_the_newest_sequence_says_so_and_goes_on_from_now(served: Served, by_header: bool) -> None:
    push(served, "tail-reset", 1)
    high = served.dejalog.store.high_sequence()
    beyond = str(high + 1000)
    asked = {"service": "tail-reset"} if by_header else {"service": "tail-reset", "after": beyond}
    headers = {"Last-Event-ID": beyond} if by_header else {}
    with served.http.stream("GET", "/v1/tail", params=asked, headers=headers) as reply:
        coming = events(reply)
        assert next(coming) == (high, "reset", {"after": high + 1000, "sequence": high})
        push(served, "tail-reset", 2)
        line = next(event for event in coming if event[1] == "line")
    assert line[2]["message"] == "tailed 2"


def test_a_tail_from_the_newest_sequence_is_not_reset(served: Served) -> None:
    high = served.dejalog.store.high_sequence()
    with served.http.stream("GET", "/v1/tail", params={"service": "tail-high", "after": str(high)}) as reply:
        assert next(events(reply))[1] == "position"


@pytest.mark.parametrize(
    ("asked", "last"),
    [({"query": "(open"}, ""), ({"after": "-5"}, ""), ({}, "abc"), ({"last": "5000"}, ""), ({"limit": "5"}, "")],
    ids=str,
)
def test_a_bad_request_is_refused_before_the_stream_begins(served: Served, asked: dict[str, str], last: str) -> None:
    reply = served.http.get("/v1/tail", params=asked, headers={"Last-Event-ID": last} if last else {})
    assert (reply.status_code, set(reply.json())) == (400, {"error"})


def test_a_tail_that_was_left_stops_working(served: Served) -> None:
    push(served, "tail-left", 1)
    take(served, 1, {"service": "tail-left", "last": "1"})
    for _ in range(100):
        text = served.http.get("/metrics").text
        if "dejalog_tails 0.0" in text:
            break
    assert "dejalog_tails 0.0" in text
