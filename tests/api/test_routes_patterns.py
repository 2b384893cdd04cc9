from typing import Any

import pytest

from tests.api.conftest import LINES, SECOND, Served


def patterns(served: Served, **asked: str) -> dict[str, Any]:
    reply = served.http.get("/v1/patterns", params=asked)
    assert reply.status_code == 200, reply.text
    content: dict[str, Any] = reply.json()
    return content


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        ({}, LINES),
        ({"query": "level:error"}, 27),
        ({"level": "error"}, 27),
        ({"query": "pool or connection"}, 30),
        ({"service": "cart"}, LINES // 3),
        ({"query": "service:cart"}, LINES // 3),
    ],
    ids=str,
)
def test_counts_sum_to_the_lines_with_and_without_a_filter(
    served: Served, shop: dict[str, str], asked: dict[str, str], total: int
) -> None:
    reply = patterns(served, **{**shop, **asked})
    assert reply["total_lines"] == total
    assert sum(each["count"] for each in reply["patterns"]) == total


def test_ledger_and_scan_give_the_same_patterns(served: Served, shop: dict[str, str]) -> None:
    by_ledger = patterns(served, **{**shop, "service": "cart"})
    by_scan = patterns(served, **{**shop, "service": "cart", "query": "service:*"})
    assert by_ledger["patterns"] == by_scan["patterns"]


def test_patterns_page_through_all_of_them(served: Served, shop: dict[str, str]) -> None:
    whole = patterns(served, **shop)["patterns"]
    page = patterns(served, **shop, limit="1")
    seen = page["patterns"]
    while page["cursor"]:
        page = patterns(served, **shop, limit="1", cursor=str(page["cursor"]))
        seen = seen + page["patterns"]
    assert seen == whole
    counts = [each["count"] for each in whole]
    assert counts == sorted(counts, reverse=True)


def test_lines_not_mined_yet_are_counted_too(served: Served) -> None:
    served.post_lines([{"time": served.start_ns, "message": "brand new thing", "service": "unmined"}])
    reply = patterns(served, service="unmined", start=str(served.start_ns), end=str(served.start_ns + SECOND))
    assert reply["total_lines"] == 1
    assert reply["patterns"][0]["template"] == "brand new thing"


def test_one_pattern_shows_its_counts_lines_and_edits(served: Served, shop: dict[str, str]) -> None:
    listed = patterns(served, **shop, query="exhausted")["patterns"][0]
    reply = served.http.get(f"/v1/patterns/{listed['pattern_id']}", params={"start": shop["start"], "end": shop["end"]})
    pattern = reply.json()["pattern"]
    assert pattern["count"] == 3 == sum(each["count"] for each in pattern["buckets"])
    assert sum(each["count"] for each in pattern["by_service"]) == 3
    assert len(pattern["examples"]) == 3
    assert pattern["template"] == listed["template"]


def test_a_rename_shows_at_once_and_mute_keeps_the_counts(served: Served) -> None:
    served.post_lines([{"time": served.start_ns, "message": "disk sda is hot", "service": "edited"}])
    where = {"service": "edited", "start": str(served.start_ns), "end": str(served.start_ns + SECOND)}
    pattern_id = patterns(served, **where)["patterns"][0]["pattern_id"]
    for action, argument in (("rename", "Hot disk"), ("mute", "")):
        edit = {"action": action, "argument": argument}
        assert served.http.post(f"/v1/patterns/{pattern_id}/edits", json=edit).status_code == 201
    found = patterns(served, **where)["patterns"][0]
    assert (found["name"], found["state"], found["count"]) == ("Hot disk", "muted", 1)
    assert patterns(served, **where, state="active")["patterns"] == []
    edits = served.http.get(f"/v1/patterns/{pattern_id}").json()["pattern"]["edits"]
    assert [each["action"] for each in edits] == ["rename", "mute"]


def test_merged_patterns_count_together_and_the_old_id_still_leads_there(served: Served) -> None:
    served.post_lines(
        [
            {"time": served.start_ns, "message": "left side of the story", "service": "merged"},
            {"time": served.start_ns + 1, "message": "quite another tale", "service": "merged"},
        ]
    )
    where = {"service": "merged", "start": str(served.start_ns), "end": str(served.start_ns + SECOND)}
    first, second = (str(each["pattern_id"]) for each in patterns(served, **where)["patterns"])
    reply = served.http.post(f"/v1/patterns/{first}/edits", json={"action": "merge", "argument": second})
    assert reply.status_code == 201, reply.text
    merged = patterns(served, **where)["patterns"]
    assert [each["count"] for each in merged] == [2]
    for pattern_id in (first, second):
        shown = served.http.get(f"/v1/patterns/{pattern_id}").json()["pattern"]
        assert (shown["pattern_id"], shown["count"]) == (merged[0]["pattern_id"], 2)
        assert served.http.get("/v1/search", params={**where, "pattern": pattern_id}).json()["total"] == 2


@pytest.mark.parametrize(
    ("edit", "status"),
    [
        ({"action": "rename"}, 400),
        ({"action": "merge"}, 400),
        ({"action": "merge", "argument": "0123456789abcdef"}, 404),
        ({"action": "explode"}, 400),
        ({}, 400),
    ],
    ids=str,
)
def test_an_edit_that_means_nothing_is_refused(
    served: Served, shop: dict[str, str], edit: dict[str, str], status: int
) -> None:
    pattern_id = patterns(served, **shop)["patterns"][0]["pattern_id"]
    assert served.http.post(f"/v1/patterns/{pattern_id}/edits", json=edit).status_code == status


def test_a_pattern_that_is_not_there_is_not_found(served: Served) -> None:
    assert served.http.get("/v1/patterns/0123456789abcdef").status_code == 404
    assert served.http.get("/v1/patterns/nonsense").status_code == 400
    edit = {"action": "mute"}
    assert served.http.post("/v1/patterns/0123456789abcdef/edits", json=edit).status_code == 404
