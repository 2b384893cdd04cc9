"""Redis, Celery's worker and beat, started for real by the commands and probes that compose and Kubernetes give."""

import functools
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.deploy.container import KUBERNETES, compose, composed, pods, resolved
from tests.ports import free_port
from tests.workers.chunks_made import wait_until
from workers.chunk_stream import ChunkStream, StreamSettings

SERVICES = compose()["services"]
PODS = pods(resolved(KUBERNETES / "base"))
CELERY = ("celery", "beat")


def probe(name: str) -> str:
    """The line of shell by which compose asks a service how it is."""
    kind, line = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    return str(line)


def probes_of_pod(name: str) -> set[str]:
    """Those of Kubernetes."""
    container = PODS[name]["spec"]["containers"][0]
    return {each["exec"]["command"][-1] for key, each in container.items() if key.endswith("Probe")}


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


def passes(line: str, environment: dict[str, str]) -> bool:
    return subprocess.run(["sh", "-c", line], check=False, env=environment, capture_output=True).returncode == 0


class Deployed:
    """The Redis of the compose file, with its secrets."""

    def __init__(self, secrets: Path, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.port = folder, stack, free_port()
        self._secrets = secrets
        for name in ("tmp", "redis"):
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
            "DEJALOG_DATA_DIR": str(folder / "data"),
        }
        self.url = redis_url.read_text("utf-8")

    def here(self, text: str) -> str:
        """With the folders and the port of this test in the place of the container's."""
        instead = {
            "/run/secrets/redis_conf": str(self._secrets / "redis.conf"),
            "/run/secrets/redis/redis.conf": str(self._secrets / "redis.conf"),
            "redis-cli ping": f"redis-cli -p {self.port} ping",
            "/tmp": str(self.folder / "tmp"),
            "/data": str(self.folder / "redis"),
        }
        return re.sub("|".join(map(re.escape, instead)), lambda found: instead[found[0]], text)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """A service of the compose file."""
        (command,) = (each.command for each in composed() if each.name == f"compose {name}")
        words = [self.here(word) for word in command]
        if name == "redis":
            words += ["--port", str(self.port), "--bind", "127.0.0.1"]
        return self.stack.enter_context(running(words, self.environment, self.folder / f"{name}.txt"))

    def is_well(self, line: str) -> bool:
        return passes(self.here(line), self.environment)


@pytest.fixture
def deployed(secrets: Path, tmp_path: Path) -> Iterator[Deployed]:
    with ExitStack() as stack:
        yield Deployed(secrets, tmp_path, stack)


def test_redis_asks_for_the_password_and_loses_nothing_that_it_acknowledged(deployed: Deployed) -> None:
    assert not deployed.is_well(probe("redis"))
    process = deployed.start("redis")
    wait_until(lambda: deployed.is_well(probe("redis")))
    assert all(deployed.is_well(line) for line in probes_of_pod("StatefulSet/redis"))
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


def test_celerys_worker_and_beat_start_and_their_probes_tell_whether_they_live(deployed: Deployed) -> None:
    deployed.start("redis")
    wait_until(lambda: deployed.is_well(probe("redis")))
    assert not any(deployed.is_well(probe(name)) for name in CELERY)
    processes = [deployed.start(name) for name in CELERY]
    for name in CELERY:
        assert probes_of_pod(f"Deployment/{name}") == {probe(name)}
        wait_until(functools.partial(deployed.is_well, probe(name)), timeout_s=150)
    assert [process.poll() for process in processes] == [None, None]
