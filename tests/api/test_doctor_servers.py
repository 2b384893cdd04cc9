"""What the doctor says of a Redis and an Elasticsearch, over real ones."""

import contextlib
import dataclasses
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from api.dependencies import watched
from api.doctor import check_all
from api.doctor_servers import check_elasticsearch, check_redis
from api.settings import Settings, StoreSettings, StreamSettings
from index.elastic_client import Elastic
from index.elastic_health import is_older
from index.store_elastic import ElasticsearchStore, ElasticSettings
from tests.ports import free_port
from tests.real.tls_relay import tls_relay
from tests.redis_server import RedisServer

FLOODED = "disk usage exceeded flood-stage watermark, index has read-only-allow-delete block"


def redis_at(url: str) -> Settings:
    return Settings(stream=StreamSettings(redis_url=url))


def elastic_at(url: str, prefix: str = "dejalog") -> Settings:
    return Settings(store=StoreSettings(store="elasticsearch", elasticsearch_url=url, elasticsearch_prefix=prefix))


@pytest.fixture
def prefix(elastic: Elastic) -> Iterator[str]:
    """Of indices that are there."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    ElasticsearchStore(elastic, ElasticSettings(name))
    elastic.request("PUT", f"/{name}-state")
    yield name
    elastic.request("DELETE", f"/{name}-*")


def test_of_servers_that_are_not_set_nothing_is_said() -> None:
    names = {each.name for each in check_all(Settings())}
    assert names.isdisjoint({"redis", "elasticsearch"})


def test_a_redis_that_loses_nothing_is_well(tmp_path: Path) -> None:
    server = RedisServer(tmp_path).start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        [finding] = check_redis(redis_at(server.url))
    assert finding.state == "ok"
    assert finding.found.startswith("Redis 7.")


def test_settings_of_redis_that_can_lose_data_are_each_told_with_what_to_do(tmp_path: Path) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "allkeys-lru")
    server = RedisServer(tmp_path, *options).start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        findings = list(check_redis(redis_at(server.url)))
    assert [each.state for each in findings] == ["warn", "warn"]
    assert "appendfsync is everysec" in findings[0].found
    assert "maxmemory-policy is allkeys-lru" in findings[1].found
    assert {each.advice for each in findings} == {
        "run it with --appendonly yes --appendfsync always --maxmemory-policy noeviction"
    }


def test_a_full_redis_fails(tmp_path: Path) -> None:
    server = RedisServer(tmp_path).start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        with server.client() as client:
            client.config_set("maxmemory", "100kb")
        assert ("fail", "Redis' memory is full") in [
            (each.state, each.found) for each in check_redis(redis_at(server.url))
        ]


def test_a_redis_that_is_away_fails_without_naming_its_password() -> None:
    [finding] = check_redis(redis_at(f"redis://:a-password@127.0.0.1:{free_port()}/0"))
    assert (finding.state, finding.found) == ("fail", "Redis does not answer: it cannot be reached")
    assert "REDIS_URL" in finding.advice


def test_an_elasticsearch_that_takes_writes_is_well(elastic_url: str, prefix: str) -> None:
    findings = list(check_elasticsearch(elastic_at(elastic_url, prefix)))
    assert [(each.state, each.name) for each in findings] == [("ok", "elasticsearch")]
    assert findings[0].found.startswith("Elasticsearch 8.19")


def test_an_elasticsearch_that_takes_no_writes_fails_and_says_which_index(elastic_url: str, prefix: str) -> None:
    def block(is_on: bool) -> None:
        body = {"index.blocks.read_only_allow_delete": is_on}
        assert httpx.put(f"{elastic_url}/{prefix}-state/_settings", json=body).status_code == 200

    block(True)
    try:
        [finding] = check_elasticsearch(elastic_at(elastic_url, prefix))
    finally:
        block(False)
    assert finding.state == "fail"
    assert finding.found.endswith(f"takes no writes: {prefix}-state: {FLOODED}")


def test_copies_that_have_no_node_are_a_warning(elastic_url: str, elastic: Elastic) -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    ElasticsearchStore(elastic, ElasticSettings(name, replicas=1))
    elastic.request("PUT", f"/{name}-state")
    [finding] = check_elasticsearch(elastic_at(elastic_url, name))
    elastic.request("DELETE", f"/{name}-*")
    assert finding.state == "warn"
    assert "copies of lines are missing" in finding.found


def test_certificates_of_an_authority_of_its_own_are_trusted_where_they_are_named(
    elastic_url: str, prefix: str, tmp_path: Path
) -> None:
    with tls_relay(int(elastic_url.rpartition(":")[2]), tmp_path) as (url, certificate):
        settings = elastic_at(url, prefix)
        named = dataclasses.replace(settings, store=dataclasses.replace(settings.store, elasticsearch_ca=certificate))
        with watched(named, store="writing") as readiness, watched(settings, store="writing") as other:
            assert [each.state for each in readiness.standings()] == ["ok"]
            assert [each.state for each in other.standings()] == ["failed"]
        assert [each.state for each in check_elasticsearch(named)] == ["ok"]
        assert [each.state for each in check_elasticsearch(settings)] == ["fail"]


class Stranger(BaseHTTPRequestHandler):
    """Refuses as Elasticsearch refuses an unknown user."""

    def do_GET(self) -> None:
        body = b'{"error":{"reason":"unable to authenticate user [ann] for REST request"},"status":401}'
        self.send_response(401)
        for name, value in (("content-type", "application/json"), ("x-elastic-product", "Elasticsearch")):
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_what_a_server_answered_is_not_shown_to_those_without_a_token() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = elastic_at(f"http://127.0.0.1:{server.server_port}")
        with watched(settings, store="writing") as readiness:
            [standing] = readiness.standings()
        server.shutdown()
    assert (standing.state, standing.reason) == ("failed", "Elasticsearch answered 401, the user may not")


def test_an_elasticsearch_that_is_away_or_not_named_fails() -> None:
    [away] = check_elasticsearch(elastic_at(f"http://127.0.0.1:{free_port()}"))
    assert (away.state, away.found.startswith("Elasticsearch cannot be reached")) == ("fail", True)
    [unnamed] = check_elasticsearch(elastic_at(""))
    assert (unnamed.state, "ELASTICSEARCH_URL" in unnamed.advice) == ("fail", True)


@pytest.mark.parametrize(
    ("found", "expected"), [("7.17.9", True), ("8.18.1", True), ("8.19.0", False), ("9.1.0-SNAPSHOT", False)]
)
def test_versions_are_compared_by_their_numbers(found: str, expected: bool) -> None:
    assert is_older(found) is expected
