"""The topology of the distributed mode as processes of one machine: `python -m tests.real.cluster [lines]` starts it,
sends the demo's shop, asks the demo's questions at both query nodes, compares, and stops what it started.

Three Elasticsearch nodes, Redis, two receivers, two ingest workers, Celery's worker and beat, two query nodes. Exits
with 1 when the nodes differ, when they differ from the embedded store over the same lines, or when a question of the
demo is not answered as it should be.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx

from api.answer import answer_json, ask
from api.demo import DAYS, SEED
from api.service_log import start_quiet_log
from api.time_text import parse_time
from index.embed_minilm import MiniLMEmbedder
from ingest.chunk import Chunk
from ingest.errors import RefusedError
from ingest.ship_http import HttpShipper
from ingest.simulate import simulate
from tests.acceptance.world import World, chunks_of
from tests.ports import free_port
from tests.real.elasticsearch_nodes import three_nodes
from tests.redis_server import RedisServer
from tests.reliability.processes import Program

LINES = 200_000
QUESTIONS = {
    "最近有没有类似的服务雪崩问题?": "found",
    "Has there been a service avalanche like this lately?": "found",
    "Was the VPN tunnel to the branch office down?": "not_found",
}
"""And the verdict of each."""
OF_ASKING = ("took_ms", "as_of", "window")
"""What an answer says of the moment at which it was asked for."""
OF_HTTP = ("took_ms", "partial")
"""What the server says of a reply, not of the answer."""
DAY_NS = 86_400_000_000_000
STARTED_S = 300.0
DONE_S = 1_800.0
"""Generous: cores may be shared with others."""
QUEUES = "patterns,incidents,embed,maintenance"
_START = time.monotonic()
Of = TypeVar("Of")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Where its parts listen."""

    receivers: tuple[str, ...]
    query_nodes: tuple[str, ...]


def main() -> int:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    start_quiet_log()
    end_ns = time.time_ns()
    with tempfile.TemporaryDirectory(prefix="dejalog-cluster-") as name:
        folder = Path(name)
        shop = simulate(
            folder / "shop", seed=SEED, start_ns=end_ns - DAYS * DAY_NS, end_ns=end_ns, lines=lines, live_faults=True
        )
        chunks = chunks_of(shop.files, read_ns=end_ns)
        say(f"{shop.lines:,} lines of {DAYS} days are written")
        try:
            with cluster(folder) as found:
                send(chunks, found.receivers)
                say(f"{len(chunks)} chunks are in the stream")
                wait_stored(found.query_nodes, shop.lines)
                wait_mined(found.query_nodes)
                answers = [answers_of(url) for url in found.query_nodes]
        except BaseException:
            show_logs(folder)
            raise
        say("all is stopped; the embedded store answers over the same lines")
        faults = [*judged(answers), *compared(answers, embedded(folder / "embedded", chunks, answers))]
    for fault in faults:
        say(f"FAULT: {fault}")
    say(f"{len(faults)} faults" if faults else "both query nodes answer alike, and as the embedded store does")
    return 1 if faults else 0


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """All parts, started; ended when the block ends."""
    with contextlib.ExitStack() as stack:
        nodes = stack.enter_context(three_nodes())
        say("three Elasticsearch nodes have joined")
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.kill)
        settings = {
            "REDIS_URL": redis.url,
            "ELASTICSEARCH_URL": ",".join(node.url for node in nodes),
            "DEJALOG_STORE": "elasticsearch",
            "DEJALOG_ELASTICSEARCH_REPLICAS": "1",
            "DEJALOG_NEARLINE_INTERVAL": "2s",
        }

        def start(name: str, *arguments: str, command: str = "dejalog") -> None:
            variables = settings | {"DEJALOG_DATA_DIR": str(folder / name)}
            program = Program(arguments, folder, folder / f"{name}.txt", variables, command=command)
            program.start()
            stack.callback(program.kill)
            stack.callback(program.stop, 120.0)

        addresses = [f"127.0.0.1:{free_port()}" for _ in range(6)]
        receivers, workers, query_nodes = (addresses[at : at + 2] for at in (0, 2, 4))
        for number in range(2):
            start(f"receiver-{number}", "worker", "receive", "--listen", receivers[number])
            start(f"ingest-{number}", "worker", "ingest", "--listen", workers[number])
            start(f"query-{number}", "serve", "--listen", query_nodes[number])
        celery = ("-A", "workers.app")
        start("celery", *celery, "worker", "-Q", QUEUES, "--without-gossip", "--without-mingle", command="celery")
        start("beat", *celery, "beat", "-s", str(folder / "beat-schedule"), "--pidfile=", command="celery")
        for address in addresses:
            wait(is_ready, f"http://{address}", timeout_s=STARTED_S)
        say("Redis, two receivers, two ingest workers, Celery's worker and beat and two query nodes are ready")
        urls = [f"http://{address}" for address in addresses]
        yield Cluster(tuple(urls[:2]), tuple(urls[4:]))


def wait(holds: Callable[[Of], bool], of: Of, *, timeout_s: float = DONE_S) -> None:
    """Until it holds; asked twice a second, since cores are wanted by what is waited for."""
    deadline = time.monotonic() + timeout_s
    while not holds(of):
        assert time.monotonic() < deadline, f"it did not come about within {timeout_s:.0f} s"
        time.sleep(0.5)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def send(chunks: Sequence[Chunk], receivers: Sequence[str]) -> None:
    """As collectors do: each source to one receiver, in order, the same chunk until it is acknowledged."""
    sources = [list(its) for _, its in itertools.groupby(chunks, key=lambda chunk: chunk.source.id)]
    shares = [list(itertools.chain.from_iterable(sources[number::2])) for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send_to, receivers, shares))


def send_to(url: str, chunks: Sequence[Chunk]) -> None:
    with HttpShipper(url) as shipper:
        for chunk in chunks:
            while True:
                try:
                    shipper.accept(chunk)
                except RefusedError as refused:
                    time.sleep(refused.retry_after_s)
                else:
                    break


def wait_stored(urls: Sequence[str], lines: int) -> None:
    """Until each query node sees every line, and no more."""
    for url in urls:
        wait(lambda url: status(url)["lines"] >= lines, url)
        held = status(url)["lines"]
        if held != lines:
            raise AssertionError(f"{held} lines are stored, {lines} were sent")
    say(f"{lines:,} lines are stored")


def wait_mined(urls: Sequence[str]) -> None:
    """Until both have the generation of all lines."""
    for url in urls:
        wait(lambda url: not status(url, wait="10s")["waited_out"], url)
    wait(lambda urls: len({status(url)["revision"] for url in urls}) == 1, urls)
    say(f"Celery has mined them, both query nodes have generation {status(urls[0])['revision']}")


def status(url: str, **parameters: str) -> dict[str, Any]:
    return patiently(lambda: httpx.get(f"{url}/v1/status", params=parameters, timeout=120))


def patiently(request: Callable[[], httpx.Response]) -> dict[str, Any]:
    """The reply; that Elasticsearch is busy or chooses a master is a matter of time, and so the server says."""
    deadline = time.monotonic() + DONE_S
    while True:
        reply = request()
        if reply.status_code != 429 or time.monotonic() > deadline:
            found: dict[str, Any] = reply.raise_for_status().json()
            return found
        time.sleep(float(reply.headers.get("Retry-After", "1")))


def answers_of(url: str) -> list[dict[str, Any]]:
    answers = []
    for question in QUESTIONS:
        answers.append(
            patiently(functools.partial(httpx.post, f"{url}/v1/ask", json={"question": question}, timeout=120))
        )
        say(f"{url}: {question}\n    {answers[-1]['verdict']} · {answers[-1]['answer']}")
    return answers


def embedded(
    folder: Path, chunks: Sequence[Chunk], answers: Sequence[Sequence[dict[str, Any]]]
) -> list[list[dict[str, Any]]]:
    """The answers of the embedded store over the same chunks, asked at the same moments."""
    embedder = MiniLMEmbedder.load()
    world = World(folder, embedder)
    world.load(chunks)
    generation = world.generation()

    def asked(question: str, answer: dict[str, Any]) -> dict[str, Any]:
        now_ns = parse_time(answer["as_of"], now_ns=0)
        return answer_json(ask(question, store=world.store, generation=generation, embedder=embedder, now_ns=now_ns))

    found = [[asked(*each) for each in zip(QUESTIONS, some, strict=True)] for some in answers]
    world.close()
    return [[json.loads(json.dumps(answer)) for answer in some] for some in found]


def judged(answers: Sequence[Sequence[dict[str, Any]]]) -> Iterator[str]:
    """What is wrong with the answers of the query nodes."""
    for (question, verdict), *both in zip(QUESTIONS.items(), *answers, strict=True):
        for number, answer in enumerate(both):
            if answer["verdict"] != verdict:
                yield f"query node {number} says {answer['verdict']} to {question!r}, not {verdict}"
        if without(both[0], OF_ASKING) != without(both[1], OF_ASKING):
            yield f"the query nodes differ over {question!r}: {differing(*both)}"


def compared(answers: Sequence[Sequence[dict[str, Any]]], others: Sequence[Sequence[dict[str, Any]]]) -> Iterator[str]:
    for number, (node, here) in enumerate(zip(answers, others, strict=True)):
        for question, one, other in zip(QUESTIONS, node, here, strict=True):
            if without(one, OF_HTTP) != without(other, OF_HTTP):
                yield f"query node {number} and the embedded store differ over {question!r}: {differing(one, other)}"


def without(answer: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


def differing(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The first fields that differ, and how."""
    names = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name) and name not in OF_HTTP]
    return "; ".join(f"{name}: {one.get(name)!s:.200} | {other.get(name)!s:.200}" for name in sorted(names))


def show_logs(folder: Path) -> None:
    for path in sorted(folder.glob("*.txt")):
        say(f"the end of {path.name}:\n{path.read_text('utf-8', errors='replace')[-1500:]}")


def say(text: str) -> None:
    print(f"{time.monotonic() - _START:6.0f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
