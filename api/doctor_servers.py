"""The doctor's checks of the servers of the distributed mode, where the settings name them: Redis and Elasticsearch."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from api.finding import Finding
from api.keepers import elastic_client
from api.settings import Settings
from ingest.errors import DejalogError, EngineError, RefusedError, SettingError

if TYPE_CHECKING:
    from index.elastic_client import Elastic
    from index.elastic_health import ElasticHealth

ANSWER_S = 5.0
"""How long a server is waited for. A guess."""
_EXTRA = "pip install 'dejalog[distributed]'"
_REDIS_ADVICE = "run it with --appendonly yes --appendfsync always --maxmemory-policy noeviction"


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Nothing when no Redis is set."""
    if not settings.stream.redis_url:
        return
    try:
        from workers import redis_server  # noqa: PLC0415 the client is in an extra
    except ImportError:
        yield Finding("fail", "redis", "REDIS_URL is set and the client of Redis is not installed", _EXTRA)
        return
    try:
        with closing(redis_server.probe(settings.stream.redis_url, timeout_s=ANSWER_S)) as server:
            trouble = redis_server.trouble(server)
            if trouble.fails:
                yield Finding("fail", "redis", trouble.fails, "start it, or correct REDIS_URL")
                return
            with redis_server.translated("asking Redis"):
                version = redis_server.version_of(server)
                redis_server.check_version(server)
                losses = redis_server.losses(server)
    except SettingError as error:
        yield Finding("fail", "redis", str(error), "start a newer one, or correct REDIS_URL")
        return
    except RefusedError as error:
        yield Finding("fail", "redis", str(error), "see its log")
        return
    if trouble.refuses:
        yield Finding("fail", "redis", trouble.refuses, "name the one that takes writes, or give it room")
    elif not losses:
        yield Finding("ok", "redis", f"Redis {version} loses nothing that it acknowledged")
    for loss in losses:
        yield Finding("warn", "redis", f"Redis {version}: {loss}", _REDIS_ADVICE)


def check_elasticsearch(settings: Settings) -> Iterator[Finding]:
    """Nothing when neither the store is one nor an address is set."""
    if not settings.store.elasticsearch_url:
        if settings.store.store == "elasticsearch":
            found = "the store is elasticsearch and no address is set"
            yield Finding("fail", "elasticsearch", found, "set ELASTICSEARCH_URL, e.g. http://127.0.0.1:9200")
        return
    try:
        client = elastic_client(settings, timeout_s=ANSWER_S, connections=1)
    except ImportError:
        found = "ELASTICSEARCH_URL is set and its client is not installed"
        yield Finding("fail", "elasticsearch", found, _EXTRA)
        return
    except SettingError as error:
        yield Finding("fail", "elasticsearch", str(error), "correct ELASTICSEARCH_URL or DEJALOG_ELASTICSEARCH_CA")
        return
    with closing(client):
        yield from _elasticsearch(client, settings.store.elasticsearch_prefix)


def _elasticsearch(client: "Elastic", prefix: str) -> Iterator[Finding]:
    from index import elastic_health  # noqa: PLC0415
    from index.elastic_template import Names  # noqa: PLC0415

    advice = "start it, or correct ELASTICSEARCH_URL"
    try:
        version = elastic_health.version(client, timeout_s=ANSWER_S)
        health = elastic_health.health(client, Names(prefix), timeout_s=ANSWER_S)
    except TimeoutError:
        yield Finding("fail", "elasticsearch", f"it did not answer within {ANSWER_S:g} s", advice)
        return
    except EngineError as error:
        yield Finding("fail", "elasticsearch", str(error)[:300], "its user needs the privilege `monitor`")
        return
    except DejalogError as error:
        yield Finding("fail", "elasticsearch", str(error)[:300], advice)
        return
    if elastic_health.is_older(version):
        found = f"Elasticsearch {version} was never tried"
        yield Finding("warn", "elasticsearch", found, f"use {elastic_health.ACCEPTED} or newer")
    yield _standing(f"Elasticsearch {version}, nodes: {health.nodes}", health)


def _standing(what: str, health: "ElasticHealth") -> Finding:
    if health.shards == "red":
        return Finding("fail", "elasticsearch", f"{what}: shards with lines are missing", "bring its nodes back")
    if health.read_only:
        advice = "free its disks, then take the block off (index.blocks.read_only_allow_delete: null)"
        return Finding("fail", "elasticsearch", f"{what} takes no writes: {health.read_only}", advice)
    if health.shards == "yellow":
        advice = "bring its nodes back, or set DEJALOG_ELASTICSEARCH_REPLICAS to fewer than there are nodes"
        return Finding("warn", "elasticsearch", f"{what}: copies of lines are missing", advice)
    return Finding("ok", "elasticsearch", f"{what}, all shards there, takes writes")
