"""Redis, receiver, collector and Celery, started for real by the commands of compose, asked by the probes of both."""

import collections
import functools
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.deploy.container import KUBERNETES, Json, compose, composed, pods, resolved
from tests.ports import free_port
from tests.workers.chunks_made import wait_until
from workers.chunk_stream import ChunkStream, StreamSettings

SERVICES = compose()["services"]
PODS = pods(resolved(KUBERNETES / "base"))
CELERY = ("celery", "beat")


def probe(name: str) -> list[str]:
    """The command by which compose asks a service how it is."""
    kind, *words = SERVICES[name]["healthcheck"]["test"]
    return words if kind == "CMD" else ["sh", "-c", *words]


def probes_of_pod(name: str) -> dict[str, Json]:
    """Those of Kubernetes, by kind."""
    container = PODS[name]["spec"]["containers"][0]
    return {key.removesuffix("Probe"): each for key, each in container.items() if key.endswith("Probe")}


@contextmanager
def running(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a folder of its own, ended at the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, cwd=log.parent, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Deployed:
    """Services of the compose file with their secrets, each at a port of this test."""

    def __init__(self, secrets: Path, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.port = folder, stack, free_port()
        self._ports: dict[str, int] = collections.defaultdict(free_port)
        self._secrets = secrets
        for name in ("tmp", "redis", "containers"):
            (folder / name).mkdir()
        redis_url = folder / "redis_url"
        made = (secrets / "redis_url").read_text("utf-8").strip()
        redis_url.write_text(made.replace("@redis:6379", f"@127.0.0.1:{self.port}"), "utf-8")
        redis_url.chmod(0o400)
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(folder),
            "HOSTNAME": socket.gethostname(),
            "REDIS_URL_FILE": str(redis_url),
            "DEJALOG_TOKEN_FILE": str(secrets / "token"),
        }
        self.url = redis_url.read_text("utf-8")

    def here(self, name: str, text: str) -> str:
        """What a service is told, with the folders and ports of this test in the place of its container's."""
        instead = {
            "/run/secrets/redis_conf": str(self._secrets / "redis.conf"),
            "/run/secrets/redis/redis.conf": str(self._secrets / "redis.conf"),
            "redis-cli ping": f"redis-cli -p {self.port} ping",
            "/tmp": str(self.folder / "tmp"),
            "/data": str(self.folder / "redis"),
            "/var/lib/docker/containers": str(self.folder / "containers"),
            "receiver:8900": f"127.0.0.1:{self._ports['receiver']}",
            "0.0.0.0:8900": f"127.0.0.1:{self._ports[name]}",
            "127.0.0.1:8900": f"127.0.0.1:{self._ports[name]}",
        }
        return re.sub("|".join(map(re.escape, instead)), lambda found: instead[found[0]], text)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """A service of the compose file."""
        (container,) = (each for each in composed() if each.name == f"compose {name}")
        words = [self.here(name, word) for word in container.command]
        if name == "redis":
            words += ["--port", str(self.port), "--bind", "127.0.0.1"]
        environment = self.environment | {"DEJALOG_DATA_DIR": str(self.folder / f"data-{name}")}
        if "DEJALOG_WORKER_LISTEN" in container.environment:
            environment["DEJALOG_WORKER_LISTEN"] = self.here(name, container.environment["DEJALOG_WORKER_LISTEN"])
        return self.stack.enter_context(running(words, environment, self.folder / f"{name}.txt"))

    def is_well(self, name: str) -> bool:
        """Whether compose finds it healthy."""
        return self._passes(name, probe(name))

    def finds(self, pod: str, kind: str) -> bool:
        """Whether a probe of a pod passes, asked of the service of its name."""
        asked, name = probes_of_pod(pod)[kind], pod.partition("/")[2]
        if "exec" in asked:
            return self._passes(name, asked["exec"]["command"])
        url = f"http://127.0.0.1:{self._ports[name]}{asked['httpGet']['path']}"
        try:
            return httpx.get(url, timeout=asked.get("timeoutSeconds", 1)).is_success
        except httpx.TransportError:
            return False

    def _passes(self, name: str, words: Sequence[str]) -> bool:
        command = [self.here(name, word) for word in words]
        return subprocess.run(command, check=False, env=self.environment, capture_output=True).returncode == 0


@pytest.fixture
def deployed(secrets: Path, tmp_path: Path) -> Iterator[Deployed]:
    with ExitStack() as stack:
        yield Deployed(secrets, tmp_path, stack)


def test_redis_asks_for_the_password_and_loses_nothing_that_it_acknowledged(deployed: Deployed) -> None:
    assert not deployed.is_well("redis")
    process = deployed.start("redis")
    wait_until(lambda: deployed.is_well("redis"))
    assert all(deployed.finds("StatefulSet/redis", kind) for kind in probes_of_pod("StatefulSet/redis"))
    with closing(ChunkStream(deployed.url, StreamSettings())) as stream:
        assert stream.prepare() == []
    unnamed = subprocess.run(["redis-cli", "-p", str(deployed.port), "ping"], capture_output=True, check=False)
    assert b"NOAUTH" in unnamed.stdout + unnamed.stderr
    assert process.poll() is None


def test_kubernetes_gives_redis_the_command_of_compose() -> None:
    of_pod = PODS["StatefulSet/redis"]["spec"]["containers"][0]["command"]
    by_compose = [
        word.replace("secrets/redis_conf", "secrets/redis/redis.conf") for word in SERVICES["redis"]["command"]
    ]
    assert of_pod == by_compose


def test_celerys_worker_and_beat_start_and_their_probes_tell_how_they_are(deployed: Deployed) -> None:
    redis = deployed.start("redis")
    wait_until(lambda: deployed.is_well("redis"))
    assert not any(deployed.is_well(name) for name in CELERY)
    processes = [deployed.start(name) for name in CELERY]
    for name in CELERY:
        wait_until(functools.partial(deployed.is_well, name), timeout_s=150)
        assert all(deployed.finds(f"Deployment/{name}", kind) for kind in ("startup", "readiness", "liveness"))
    redis.kill()
    redis.wait()
    for name in CELERY:
        wait_until(lambda name=name: not deployed.finds(f"Deployment/{name}", "readiness"))  # type: ignore[misc]
        assert not deployed.is_well(name)
    assert deployed.finds("Deployment/beat", "liveness")
    assert [process.poll() for process in processes] == [None, None]


def test_kubernetes_asks_celerys_worker_over_redis_whether_it_lives() -> None:
    command = probes_of_pod("Deployment/celery")["liveness"]["exec"]["command"]
    assert probe("celery")[-1].startswith(f"{command[-1]} && ")


def test_a_collector_is_alive_without_its_receiver_and_ready_with_it(deployed: Deployed) -> None:
    deployed.start("redis")
    wait_until(lambda: deployed.is_well("redis"))
    collector = deployed.start("collector")
    wait_until(lambda: deployed.finds("DaemonSet/collector", "startup"))
    assert deployed.finds("DaemonSet/collector", "liveness")
    assert not deployed.finds("DaemonSet/collector", "readiness")
    assert not deployed.is_well("collector")
    receiver = deployed.start("receiver")
    wait_until(lambda: deployed.is_well("receiver"))
    wait_until(lambda: deployed.is_well("collector"))
    assert deployed.finds("DaemonSet/collector", "readiness")
    assert [process.poll() for process in (collector, receiver)] == [None, None]
