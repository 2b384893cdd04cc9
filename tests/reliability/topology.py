"""The distributed mode as an operator runs it, each part a process that can be killed: receiver, two ingest workers, a
Celery worker, two beats, Redis, Elasticsearch.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from index.elastic_client import Elastic
from index.embed_minilm import MiniLMEmbedder
from index.generation_elastic import ElasticGenerations
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.errors import RefusedError
from tests.ports import free_port
from tests.real.elasticsearch_nodes import ServerNode
from tests.redis_server import RedisServer
from tests.reliability.processes import Program
from tests.workers.chunks_made import wait_until

QUEUES = "patterns,incidents,embed,maintenance"


@dataclasses.dataclass(frozen=True)
class Topology:
    """All parts, started. `programs` are those of ours, by name."""

    url: str
    redis: RedisServer
    node: ServerNode
    programs: Mapping[str, Program]
    settings: ElasticSettings

    @contextlib.contextmanager
    def store(self) -> Iterator[ElasticsearchStore]:
        """As one more process opens it."""
        with contextlib.closing(Elastic(self.node.url)) as client:
            yield ElasticsearchStore(client, self.settings)

    def part(self, name: str) -> Program | RedisServer | ServerNode:
        """What can be killed and started again: `redis`, `elasticsearch`, or one of the `programs`."""
        others: dict[str, RedisServer | ServerNode] = {"redis": self.redis, "elasticsearch": self.node}
        return others[name] if name in others else self.programs[name]

    def wait_until_counted(self, lines: int, *, timeout_s: float = 120) -> None:
        """Until the published generation has counted so many lines."""
        seen: str | None = None

        def is_counted() -> bool:
            nonlocal seen
            with contextlib.suppress(RefusedError):
                if (version := generations.version()) != seen:
                    newest = generations.newest(embedder=MiniLMEmbedder.name)
                    seen = version
                    return newest is not None and newest.generation.counts["count"].sum() == lines
            return False

        with contextlib.closing(Elastic(self.node.url)) as client:
            generations = ElasticGenerations(client, self.settings)
            wait_until(is_counted, timeout_s=timeout_s, pause_s=0.5)


@contextlib.contextmanager
def topology(folder: Path, node: ServerNode, *, settings: ElasticSettings, bound: int = 40_000) -> Iterator[Topology]:
    """Senders are faster than this `bound` of the stream lets them: they meet refusals, too."""
    redis = RedisServer(folder / "redis").start()
    address = f"127.0.0.1:{free_port()}"
    variables = {
        "REDIS_URL": redis.url,
        "ELASTICSEARCH_URL": node.url,
        "DEJALOG_STORE": "elasticsearch",
        "DEJALOG_ELASTICSEARCH_PREFIX": settings.prefix,
        "DEJALOG_ELASTICSEARCH_REPLICAS": str(settings.replicas),
        "DEJALOG_DATA_DIR": str(folder / "data"),
        "DEJALOG_STREAM_LEASE": "3s",
        "DEJALOG_STREAM_MAX_BYTES": str(bound),
        "DEJALOG_NEARLINE_INTERVAL": "500ms",
        "DEJALOG_RETENTION": "36500d",
    }

    def program(name: str, *arguments: str, command: str = "dejalog") -> Program:
        return Program(arguments, folder, folder / f"{name}.txt", variables, command=command)

    celery = ("-A", "workers.app")
    quiet = ("--without-gossip", "--without-mingle")
    programs = {
        "receiver": program("receiver", "worker", "receive", "--listen", address),
        "worker-0": program("worker-0", "worker", "ingest"),
        "worker-1": program("worker-1", "worker", "ingest"),
        "celery": program("celery", *celery, "worker", "-Q", QUEUES, *quiet, command="celery"),
        "beat-0": program("beat-0", *celery, "beat", "-s", str(folder / "beat-0"), "--pidfile=", command="celery"),
        "beat-1": program("beat-1", *celery, "beat", "-s", str(folder / "beat-1"), "--pidfile=", command="celery"),
    }
    try:
        for part in programs.values():
            part.start()
        wait_until(lambda: _answers(f"http://{address}/readyz"), timeout_s=120)
        yield Topology(f"http://{address}", redis, node, programs, settings)
    finally:
        for part in programs.values():
            part.kill()
        redis.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
