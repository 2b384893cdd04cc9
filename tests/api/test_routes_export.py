"""The export: every line once, exact in NDJSON, safe for spreadsheets in CSV, and told when it is not whole."""

import contextlib
import csv
import dataclasses
import io
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest

from api import routes_export
from api.compose import open_dejalog
from api.export import FORMULA_BEGINS, export
from index.line_store import LinePage
from tests.api.conftest import SECOND, Served, serving, settings_for, shop_lines

MANY = 23_000
HOSTILE = (
    'say "hi", then\r\nleave',
    "two\nlines\n\nand one",
    '=HYPERLINK("http://evil";"x")',
    "+1 +2",
    "-1",
    "@SUM(A1)",
    "\tindented",
    "'=already marked",
    "'quoted'",
    "＝1+1",
    "a,b;c\td",
    '"',
    "\u202egnp.exe",
    "中文 и кириллица",
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with more than two pages of lines, and some that are hostile."""
    with contextlib.ExitStack() as stack:
        dejalog = stack.enter_context(open_dejalog(settings_for(tmp_path_factory.mktemp("export"))))
        dejalog.nearline.mines_when_due = False
        url = stack.enter_context(serving(dejalog))
        http = stack.enter_context(httpx.Client(base_url=url, timeout=60, trust_env=False))
        start_ns = (time.time_ns() // SECOND - MANY - 100) * SECOND
        found = Served(dejalog, url, http, start_ns)
        found.post_lines(shop_lines(start_ns, MANY))
        found.post_lines([{"time": start_ns, "message": each, "service": "hostile", "k": each} for each in HOSTILE])
        yield found


@pytest.fixture
def whole(many: Served) -> dict[str, str]:
    return {"start": str(many.start_ns)}


def lines_of(reply: httpx.Response) -> list[dict[str, Any]]:
    assert reply.status_code == 200, reply.text
    return [httpx.Response(200, content=each).json() for each in reply.content.splitlines()]


def rows_of(reply: httpx.Response) -> list[dict[str, str]]:
    assert reply.status_code == 200, reply.text
    return list(csv.DictReader(io.StringIO(reply.text, newline="")))


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_every_line_of_a_long_result_is_there_once_in_order(many: Served, whole: dict[str, str], order: str) -> None:
    total = many.http.get("/v1/search", params={**whole, "limit": 1}).json()["total"]
    lines = lines_of(many.http.get("/v1/export", params={**whole, "order": order}))
    assert len(lines) == total == MANY + len(HOSTILE)
    assert len({each["id"] for each in lines}) == total
    times = [each["time"] for each in lines]
    assert times == sorted(times, reverse=order == "newest")


def test_a_line_of_ndjson_is_that_of_a_search(many: Served, whole: dict[str, str]) -> None:
    asked = {**whole, "query": "exhausted", "level": "fatal"}
    found = many.http.get("/v1/search", params={**asked, "limit": 5}).json()["lines"]
    assert lines_of(many.http.get("/v1/export", params={**asked, "limit": 5})) == found


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_filters_and_limit_choose_what_is_exported(many: Served, whole: dict[str, str], form: str) -> None:
    asked = {**whole, "query": "refused", "service": "cart", "format": form}
    read = lines_of if form == "ndjson" else rows_of
    few = read(many.http.get("/v1/export", params={**asked, "limit": 7}))
    assert len(few) == 7
    assert {each["service"] for each in few} == {"cart"}
    assert read(many.http.get("/v1/export", params={**asked, "limit": 0})) == []


def test_csv_has_the_same_text_once_the_mark_is_taken_off(many: Served, whole: dict[str, str]) -> None:
    asked = {**whole, "service": "hostile"}
    exact = {each["id"]: each for each in lines_of(many.http.get("/v1/export", params=asked))}
    rows = rows_of(many.http.get("/v1/export", params={**asked, "format": "csv"}))
    assert {each["message"] for each in exact.values()} == set(HOSTILE)
    for row in rows:
        unmarked = row["message"].removeprefix("'")
        assert unmarked == exact[row["id"]]["message"]
        assert httpx.Response(200, content=row["attributes"]).json() == exact[row["id"]]["attributes"]
    assert len(rows) == len(HOSTILE)


def test_no_cell_of_csv_begins_as_a_formula(many: Served, whole: dict[str, str]) -> None:
    reply = many.http.get("/v1/export", params={**whole, "service": "hostile", "format": "csv"})
    begins = tuple(each for each in FORMULA_BEGINS if each != "'")
    assert not [cell for row in rows_of(reply) for cell in row.values() if cell.startswith(begins)]


def test_csv_is_that_of_rfc_4180(many: Served, whole: dict[str, str]) -> None:
    reply = many.http.get("/v1/export", params={**whole, "query": "exhausted", "format": "csv"})
    assert reply.headers["content-type"].startswith("text/csv")
    assert reply.text.splitlines()[0] == "id,time,service,level,message,pattern_id,source,attributes"
    assert reply.text.endswith("\r\n")


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_it_is_saved_under_a_name_with_the_time(many: Served, whole: dict[str, str], form: str) -> None:
    asked = {**whole, "limit": "1", "format": form}
    for reply in (many.http.get("/v1/export", params=asked), many.http.head("/v1/export", params=asked)):
        assert reply.status_code == 200
        name = reply.headers["content-disposition"].partition('filename="')[2]
        assert name.startswith("dejalog-20")
        assert name.endswith(f'Z.{form}"')
    assert reply.content == b""


@pytest.mark.parametrize(
    ("asked", "code"), [({"query": "level:("}, "query_syntax"), ({"format": "xml"}, "bad_request")], ids=str
)
def test_what_cannot_be_exported_is_refused_before_anything_is_sent(
    many: Served, asked: dict[str, str], code: str
) -> None:
    reply = many.http.get("/v1/export", params=asked)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)


def test_lines_that_come_meanwhile_are_not_in_it(many: Served, whole: dict[str, str]) -> None:
    before = many.http.get("/v1/search", params={**whole, "limit": 0}).json()["total"]
    with many.http.stream("GET", "/v1/export", params={**whole, "order": "oldest"}) as reply:
        parts = reply.iter_lines()
        next(parts)
        many.post_lines([{"time": many.start_ns + MANY * SECOND, "message": "late", "service": "late"}])
        assert 1 + sum(1 for _ in parts) == before


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_an_export_that_breaks_off_does_not_look_whole(
    many: Served, whole: dict[str, str], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, pages = many.dejalog.store.search, []

    def too_slow_at_the_second(*asked: Any, **named: Any) -> LinePage:
        pages.append(search(*asked, **named))
        return dataclasses.replace(pages[-1], partial=len(pages) == 2)

    monkeypatch.setattr(many.dejalog.store, "search", too_slow_at_the_second)
    received: list[bytes] = []
    with (
        many.http.stream("GET", "/v1/export", params={**whole, "format": form}) as reply,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        received.extend(reply.iter_bytes())
    last = b"".join(received).splitlines()[-1]
    assert (b'"error":{"code":"incomplete"' in last) == (form == "ndjson")


def test_closing_the_connection_stops_the_work(
    many: Served, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    parts: list[bytes] = []

    def watched(*asked: Any) -> Generator[bytes]:
        try:
            for part in export(*asked):
                parts.append(part)
                yield part
        finally:
            ended.set()

    monkeypatch.setattr(routes_export, "export", watched)
    with many.http.stream("GET", "/v1/export", params=whole) as reply:
        next(reply.iter_bytes(100))
    assert ended.wait(30)
    assert len(parts) < MANY / 10_000
