"""Real Elasticsearch nodes that tests kill, stop for a while and start again, on the same ports and data: one, or three
that are one cluster.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port
from tests.real.elasticsearch import START_S, ElasticsearchMissingError, _java_home, _user, unpack

_SETTINGS = """
cluster.name: {cluster}
node.name: {name}
path.data: {folder}/data
path.logs: {folder}/logs
xpack.security.enabled: false
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport}
cluster.routing.allocation.disk.threshold_enabled: false
action.destructive_requires_name: false
"""
_SEVERAL = """
discovery.seed_hosts: [{hosts}]
cluster.initial_master_nodes: [{names}]
"""


class ServerNode:
    """One node of its own. `start` returns when it answers."""

    def __init__(self, home: Path, name: str, *, heap: str = "512m", cluster: str = "one") -> None:
        """`home`: the server's files, which nodes share."""
        self.port, self.transport = free_port(), free_port()
        self.name = name
        self._home = home
        self._folder = home / "nodes" / name
        self._heap = heap
        self._cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None
        self.configure("discovery.type: single-node")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self, more: str) -> None:
        """Lay out its folders; `more` goes into its settings."""
        config = self._folder / "config"
        shutil.copytree(self._home / "config", config, dirs_exist_ok=True)
        kept = [line for line in (config / "jvm.options").read_text().splitlines() if "gc.log" not in line]
        (config / "jvm.options").write_text("\n".join(kept))  # nodes that share a home would share that file
        values = {"cluster": self._cluster, "name": self.name, "folder": self._folder}
        settings = _SETTINGS.format(**values, port=self.port, transport=self.transport)
        (config / "elasticsearch.yml").write_text(f"{settings}\n{more}\n")
        for name in ("data", "logs", "tmp"):
            (self._folder / name).mkdir(exist_ok=True)
        if user := _user():
            for path in (self._home / "nodes", self._folder, *self._folder.rglob("*")):
                shutil.chown(path, user)

    def launch(self) -> None:
        """Start it; returns at once."""
        environment = {
            "ES_JAVA_HOME": _java_home(),
            "ES_JAVA_OPTS": f"-Xms{self._heap} -Xmx{self._heap}",
            "ES_PATH_CONF": str(self._folder / "config"),
            "ES_TMPDIR": str(self._folder / "tmp"),
            "PATH": os.environ["PATH"],
        }
        with (self._folder / "logs" / "console").open("ab") as console:
            self._process = subprocess.Popen(
                ["bash", str(self._home / "bin" / "elasticsearch")],
                stdout=console,
                stderr=subprocess.STDOUT,
                env=environment,
                user=_user(),
                cwd=self._home,
                start_new_session=True,
            )

    def start(self) -> "ServerNode":
        if self._process is None:
            self.launch()
        self.wait_for(lambda: self.ask("/_cluster/health") is not None)
        return self

    def wait_for(self, holds: Any, timeout_s: float = START_S) -> None:
        """Until `holds()` does. Raises ElasticsearchMissingError when the node ends first or the time is over."""
        end = time.monotonic() + timeout_s
        while self._process is not None and self._process.poll() is None and time.monotonic() < end:
            if holds():
                return
            time.sleep(0.1)  # there is no event to wait for
        console = (self._folder / "logs" / "console").read_text(errors="replace")[-2000:]
        raise ElasticsearchMissingError(f"node {self.name} is not as it was waited for:\n{console}")

    def ask(self, path: str) -> Any:
        """What it answers, parsed; None while it does not."""
        try:
            reply = httpx.get(f"{self.url}{path}", timeout=10)
        except httpx.TransportError:
            return None
        return reply.json() if reply.status_code == 200 else None

    def kill(self) -> None:
        """End it as a power cut would: the launcher and the server it started."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It says nothing until `thaw`, and its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


@contextlib.contextmanager
def one_node() -> Iterator[ServerNode]:
    """A single node, started."""
    with _home() as home, _ended(ServerNode(home, "one")) as node:
        yield node.start()


@contextlib.contextmanager
def three_nodes() -> Iterator[list[ServerNode]]:
    """Three that are one cluster, started and joined."""
    with _home() as home, contextlib.ExitStack() as stack:
        nodes = [ServerNode(home, f"n{number}", cluster="three") for number in range(3)]
        hosts = ", ".join(f'"127.0.0.1:{node.transport}"' for node in nodes)
        for node in nodes:
            node.configure(_SEVERAL.format(hosts=hosts, names=", ".join(node.name for node in nodes)))
            stack.enter_context(_ended(node))
            node.launch()
        wait_joined(nodes)
        yield nodes


def wait_joined(nodes: Sequence[ServerNode], *, status: str = "yellow") -> None:
    """Until each says that all these are its cluster, and that its indices are at least so well."""
    wanted = f"/_cluster/health?wait_for_nodes={len(nodes)}&wait_for_status={status}&timeout=5s"
    for node in nodes:
        node.wait_for(lambda node=node: node.ask(wanted) is not None)


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dejalog-es-", ignore_cleanup_errors=True) as folder:
        yield unpack(Path(folder))


@contextlib.contextmanager
def _ended(node: ServerNode) -> Iterator[ServerNode]:
    try:
        yield node
    finally:
        node.kill()
