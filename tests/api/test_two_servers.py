"""Two servers over one Elasticsearch: what one takes in both answer, and what somebody says to one the other knows."""

import contextlib
import dataclasses
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.client import open_client
from api.compose import open_dejalog
from tests.api.conftest import LINES, SECOND, Served, serving, settings_for, shop_lines
from tests.real.transport import requests_sent

WAIT_S = 60.0
REFUSED = 27
"""Every tenth line, but those of every hundred that say something else."""


@pytest.fixture(scope="module")
def two(elastic_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    with contextlib.ExitStack() as stack:
        start_ns = (time.time_ns() // SECOND - 1800) * SECOND
        prefix = f"test-{uuid.uuid4().hex[:12]}"
        servers = [_served(stack, tmp_path_factory.mktemp(name), elastic_url, prefix, start_ns) for name in "ab"]
        servers[0].post_lines(shop_lines(start_ns))
        for each in servers:
            assert each.http.get("/v1/status", params={"wait": f"{WAIT_S:.0f}s"}).json()["waited_out"] is False
        yield servers[0], servers[1]


def _served(stack: contextlib.ExitStack, folder: Path, url: str, prefix: str, start_ns: int) -> Served:
    settings = settings_for(folder)
    store = dataclasses.replace(
        settings.store, store="elasticsearch", elasticsearch_url=url, elasticsearch_prefix=prefix
    )
    dejalog = stack.enter_context(open_dejalog(dataclasses.replace(settings, store=store)))
    address = stack.enter_context(serving(dejalog))
    http = stack.enter_context(httpx.Client(base_url=address, timeout=WAIT_S, trust_env=False))
    return Served(dejalog, address, http, start_ns)


def _until_same_generation(two: tuple[Served, Served]) -> None:
    """Each mines when it is due; the one that was first is taken up by the other."""
    deadline = time.monotonic() + WAIT_S
    while len({each.dejalog.generation().id for each in two}) > 1:
        assert time.monotonic() < deadline, "the servers never agreed"
        time.sleep(0.05)


def test_what_one_takes_in_the_other_finds(two: tuple[Served, Served]) -> None:
    span = {"start": str(two[0].start_ns), "end": str(two[0].start_ns + LINES * SECOND), "limit": "1000"}
    found = [each.http.get("/v1/search", params={"query": "refused", **span}).json() for each in two]
    assert [page["total"] for page in found] == [REFUSED, REFUSED]
    assert [line["id"] for line in found[0]["lines"]] == [line["id"] for line in found[1]["lines"]]


def test_a_command_without_a_server_reads_the_same_lines(two: tuple[Served, Served], tmp_path: Path) -> None:
    settings = two[0].dejalog.settings
    store = dataclasses.replace(settings.store, data_dir=tmp_path)
    with open_client(dataclasses.replace(settings, store=store)) as client:
        found = client.get("/v1/search", query="refused", start=str(two[0].start_ns))
    assert found["total"] == REFUSED


def test_both_answer_a_question_alike(two: tuple[Served, Served]) -> None:
    _until_same_generation(two)
    asked = {"question": "How many connections were refused?", "as_of": str(two[0].start_ns + 900 * SECOND)}
    answers = [each.http.post("/v1/ask", json=asked).json() for each in two]
    for answer in answers:
        answer.pop("took_ms")
    assert answers[0] == answers[1]
    assert answers[0]["verdict"] == "found"
    assert answers[0]["patterns"][0]["count"] == REFUSED
    assert answers[0]["citations"]


def test_a_question_over_http_is_two_round_trips_catalogue_included(two: tuple[Served, Served]) -> None:
    _until_same_generation(two)
    asked = {"question": "How many connections were refused?"}
    with requests_sent() as sent:
        answer = two[1].http.post("/v1/ask", json=asked).json()
    ours = [each for each in sent if not each.thread.startswith("nearline-")]
    assert answer["verdict"] == "found"
    assert [each.target for each in ours] == ["/_msearch", "/_msearch"]


def test_what_somebody_says_to_one_the_other_knows(two: tuple[Served, Served]) -> None:
    _until_same_generation(two)
    pattern = two[0].http.get("/v1/patterns", params={"start": str(two[0].start_ns)}).json()["patterns"][0]
    edit = {"action": "rename", "argument": "the usual request"}
    edited = two[0].http.post(f"/v1/patterns/{pattern['pattern_id']}/edits", json=edit)
    assert edited.status_code == 201, edited.text
    deadline = time.monotonic() + WAIT_S
    while True:
        seen = two[1].http.get("/v1/patterns", params={"start": str(two[0].start_ns)}).json()["patterns"]
        if any(each.get("name") == "the usual request" for each in seen):
            return
        assert time.monotonic() < deadline, "the other server never heard of the edit"
        time.sleep(0.1)
