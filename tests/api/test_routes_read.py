import time

import pytest

from tests.api.conftest import LINES, SECOND, SERVICES, Served

ERRORS = 30  # every tenth of 300, of which those at 50, 150, 250 are fatal
FATAL = 3


def test_search_answers_lines_in_the_documented_form(served: Served, shop: dict[str, str]) -> None:
    reply = served.http.get("/v1/search", params={**shop, "query": "exhausted", "limit": 2}).json()
    assert (reply["total"], reply["total_exact"], reply["partial"]) == (FATAL, True, False)
    line = reply["lines"][0]
    assert line["message"] == "pool exhausted after 250 waits"
    assert (line["service"], line["level"]) == (SERVICES[250 % 3], "fatal")
    assert line["attributes"] == {"order.id": "250"}
    assert line["id"] == f"{line['source']}-{line['position']}"
    assert len(line["pattern_id"]) == 16
    assert reply["took_ms"] >= 0
    assert reply["window"]["assumed"] is False


def test_get_and_post_answer_the_same(served: Served, shop: dict[str, str]) -> None:
    asked = {**shop, "query": "refused", "limit": "5"}
    body = {**asked, "service": list(SERVICES), "start": served.start_ns}
    for route in ("search", "histogram", "facets", "fields"):
        got = served.http.get(f"/v1/{route}", params=asked).json()
        posted = served.http.post(f"/v1/{route}", json=body).json()
        assert {**got, "took_ms": 0} == {**posted, "took_ms": 0}


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_cover_everything_once_whatever_comes_meanwhile(served: Served, shop: dict[str, str], order: str) -> None:
    asked = {"start": shop["start"], "service": shop["service"] + ",late", "order": order, "limit": "70"}
    first = served.http.get("/v1/search", params=asked).json()
    served.post_lines([{"time": time.time_ns(), "message": "late line", "service": "late"}])
    seen, page = list(first["lines"]), first
    while page["cursor"]:
        page = served.http.get("/v1/search", params={**asked, "cursor": page["cursor"]}).json()
        assert page["window"] == first["window"]
        seen += page["lines"]
    shop_ids = [line["id"] for line in seen if line["service"] != "late"]
    assert len(shop_ids) == len(set(shop_ids)) == LINES
    times = [line["time"] for line in seen if line["service"] != "late"]
    assert times == sorted(times, reverse=order == "newest")


def test_without_a_window_search_looks_at_the_last_hour(served: Served) -> None:
    old = time.time_ns() - 2 * 3600 * SECOND
    served.post_lines([{"time": old, "message": "older than an hour", "service": "old"}])
    reply = served.http.get("/v1/search", params={"query": '"older than an hour"'}).json()
    assert (reply["lines"], reply["window"]["assumed"]) == ([], True)
    wider = served.http.get("/v1/search", params={"query": '"older than an hour"', "start": "3h"}).json()
    assert wider["total"] == 1


def test_histogram_counts_what_search_counts(served: Served, shop: dict[str, str]) -> None:
    reply = served.http.get("/v1/histogram", params={**shop, "step": "1m"}).json()
    assert reply["total"] == sum(bucket["count"] for bucket in reply["buckets"]) == LINES
    assert all(bucket["count"] == sum(bucket["levels"].values()) for bucket in reply["buckets"])
    assert sum(bucket["levels"].get("fatal", 0) for bucket in reply["buckets"]) == FATAL
    assert reply["step_s"] == 60


def test_facets_and_fields_count_values(served: Served, shop: dict[str, str]) -> None:
    facets = served.http.get("/v1/facets", params={**shop, "fields": "service,level"}).json()["facets"]
    assert facets["service"] == [{"value": name, "count": LINES // 3} for name in SERVICES]
    counts = {each["value"]: each["count"] for each in facets["level"]}
    assert counts == {"info": LINES - ERRORS, "error": ERRORS - FATAL, "fatal": FATAL}
    fields = {each["field"]: each["count"] for each in served.http.get("/v1/fields", params=shop).json()["fields"]}
    assert fields["service"] == LINES
    assert fields["order.id"] == LINES


def test_context_follows_the_position_and_no_filter(served: Served, shop: dict[str, str]) -> None:
    line = served.http.get("/v1/search", params={**shop, "query": '"exhausted after 150"'}).json()["lines"][0]
    reply = served.http.get(f"/v1/context/{line['id']}", params={"before": 2, "after": 1}).json()
    numbers = [each["attributes"]["order.id"] for each in reply["lines"]]
    assert numbers == ["148", "149", "150", "151"]
    assert served.http.get(f"/v1/lines/{line['id']}").json()["line"] == line


@pytest.mark.parametrize("route", ["lines", "context"])
def test_a_line_that_is_not_there_is_not_found(served: Served, route: str) -> None:
    reply = served.http.get(f"/v1/{route}/0123456789abcdef-7")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
    assert served.http.get(f"/v1/{route}/nonsense").status_code == 400


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"query": 'level:error "open'}, "position"),
        ({"query": "(a"}, "parenthesis"),
        ({"start": "yesterday-ish"}, "start"),
        ({"start": "now", "end": "now-1h"}, "after end"),
        ({"limit": "10001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"level": "loud"}, "is not a level"),
        ({"cursor": "bm9uc2Vuc2U"}, "cursor"),
        ({"order": "sideways"}, "order"),
        ({"timeout": "long"}, "timeout"),
        ({"servce": "cart"}, "servce"),
        ({"pattern": "short"}, "pattern id"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_told_by_name(served: Served, parameters: dict[str, str], told: str) -> None:
    reply = served.http.get("/v1/search", params=parameters)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert set(error) >= {"code", "message", "hint"}
    assert told in error["message"] + error["hint"] + " ".join(error)


def test_a_window_wider_than_time_can_be_held_is_cut_to_what_can(served: Served, shop: dict[str, str]) -> None:
    widest, wide = (
        served.http.get("/v1/search", params={**shop, "start": start, "end": end, "limit": "0"}).json()["total"]
        for start, end in (("0001-01-01", "9999-12-31"), ("1700-01-01", "2250-01-01"))
    )
    assert widest == wide >= LINES
    for path in ("/v1/histogram", "/v1/facets", "/v1/fields", "/v1/patterns", "/v1/incidents"):
        asked = {**shop, "start": "0001-01-01", "end": "9999-12-31", "limit": "1"}
        assert served.http.get(path, params=asked).status_code == 200


def test_a_level_that_is_unknown_is_the_same_in_the_query_and_as_a_parameter(served: Served) -> None:
    served.post_lines([{"message": "of no level", "service": "no-level"}, {"message": "x", "level": "info"}])
    by_query = served.http.get("/v1/search", params={"query": "level:unknown", "start": "30d"}).json()["total"]
    by_parameter = served.http.get("/v1/search", params={"level": "unknown", "start": "30d"}).json()["total"]
    assert by_query == by_parameter > 0


def test_a_syntax_error_says_where(served: Served) -> None:
    error = served.http.get("/v1/search", params={"query": "level:error and"}).json()["error"]
    assert error["code"] == "query_syntax"
    assert error["position"] == len("level:error and")


def test_a_parameter_that_a_read_has_no_use_for_is_not_an_error(served: Served, shop: dict[str, str]) -> None:
    common = {**shop, "query": "*", "level": "info", "limit": "5", "order": "newest", "timeout": "5s"}
    for route in ("search", "histogram", "facets", "fields", "incidents"):
        assert served.http.get(f"/v1/{route}", params=common).status_code == 200, route


def test_a_pattern_is_searched_by_parameter_and_in_the_query(served: Served, shop: dict[str, str]) -> None:
    line = served.http.get("/v1/search", params={**shop, "query": "exhausted"}).json()["lines"][0]
    other = served.http.get("/v1/search", params={**shop, "query": "refused"}).json()["lines"][0]
    pattern_id = line["pattern_id"]
    for asked in (
        {"pattern": pattern_id},
        {"query": f"pattern_id:{pattern_id}"},
        {"query": f"exhausted pattern_id:{pattern_id}"},
    ):
        assert served.http.get("/v1/search", params={**shop, **asked}).json()["total"] == FATAL
    neither = {"query": f"-pattern_id:{pattern_id} -pattern_id:{other['pattern_id']}"}
    assert served.http.get("/v1/search", params={**shop, **neither}).json()["total"] == LINES - ERRORS
    either = {"query": f"pattern_id:{pattern_id} or pattern_id:{other['pattern_id']}"}
    assert served.http.get("/v1/search", params={**shop, **either}).json()["total"] == ERRORS
    nothing = {"query": f"pattern_id:{other['pattern_id']}", "pattern": pattern_id}
    assert served.http.get("/v1/search", params={**shop, **nothing}).json()["total"] == 0
