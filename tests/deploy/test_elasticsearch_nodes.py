"""Elasticsearch started by the settings of the compose file: it asks for the password, and one of three may go.

Stand-ins are the addresses (ports of loopback for names of containers) and the keystore, which the image fills itself.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from index.elastic_client import Elastic
from index.line_store import LineFilter
from index.store_elastic import ElasticsearchStore, ElasticSettings
from tests.deploy.container import compose
from tests.index.lines_made import covers_of, made_lines
from tests.ports import free_port
from tests.real.elasticsearch import _java_home, _user, unpack
from tests.workers.chunks_made import wait_until

SERVICES = {name: each for name, each in compose()["services"].items() if name.startswith("elasticsearch")}
START_S = 200.0
"""Until a node must answer; 13 s are usual on two cores, and three at once take longer."""
ABSENT = {"ingest.geoip.downloader.enabled", "ES_JAVA_OPTS"}
"""The first is a setting of a module that the tests' distribution lacks; heaps are smaller here."""


class Nodes:
    """Those of the compose file, each in a folder of its own."""

    def __init__(self, secrets: Path, folder: Path, stack: contextlib.ExitStack) -> None:
        self._secrets, self._folder, self._stack = secrets, folder, stack
        self._ports = {name: (free_port(), free_port()) for name in SERVICES}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._password = (secrets / "elastic_password").read_text("utf-8").strip()

    def url(self, name: str) -> str:
        """As `elasticsearch_url` has it, but for the address."""
        made = (self._secrets / "elasticsearch_url").read_text("utf-8").strip()
        return made.replace("elasticsearch-nodes:9200", f"127.0.0.1:{self._ports[name][0]}")

    def start(self, name: str) -> None:
        """Returns at once."""
        (self._folder / name).mkdir()
        home = unpack(self._folder / name)
        self._configure(name, home / "config")
        environment = {
            "ES_JAVA_HOME": _java_home(),
            "ES_JAVA_OPTS": "-Xms400m -Xmx400m",
            "ES_TMPDIR": str(home / "tmp"),
            "PATH": os.environ["PATH"],
        }
        keystore = ["bash", str(home / "bin" / "elasticsearch-keystore")]
        for command, told in (("create", ""), ("add -x bootstrap.password", self._password)):
            words = [*keystore, *command.split()]
            subprocess.run(words, input=told.encode(), env=environment, user=_user(), cwd=home, check=True)
        with (home / "logs" / "console").open("wb") as console:
            self._processes[name] = subprocess.Popen(
                ["bash", str(home / "bin" / "elasticsearch")],
                stdout=console,
                stderr=console,
                env=environment,
                user=_user(),
                cwd=home,
                start_new_session=True,
            )
        self._stack.callback(self.kill, name)

    def _configure(self, name: str, config: Path) -> None:
        settings = {key: value for key, value in SERVICES[name]["environment"].items() if key not in ABSENT}
        http, transport = self._ports[name]
        settings |= {"network.host": "127.0.0.1", "http.port": http, "transport.port": transport}
        settings["discovery.seed_hosts"] = ",".join(f"127.0.0.1:{port}" for _, port in self._ports.values())
        settings["cluster.routing.allocation.disk.threshold_enabled"] = "false"
        (config / "elasticsearch.yml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        for secret in SERVICES[name]["secrets"]:
            if isinstance(secret, dict):  # what lies beside the configuration
                made = Path(compose()["secrets"][secret["source"]]["file"]).name
                shutil.copy(self._secrets / made, config / Path(secret["target"]).name)

    def kill(self, name: str) -> None:
        """End a node as a power cut would; the launcher and the server it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._processes[name].pid, signal.SIGKILL)
        self._processes[name].wait()

    def count(self, name: str) -> int:
        """How many nodes this one knows of; 0 while it does not answer."""
        assert self._processes[name].poll() is None, f"{name} ended: see its console"
        try:
            reply = httpx.get(f"{self.url(name)}/_cluster/health", timeout=10)
        except httpx.TransportError:
            return 0
        return int(reply.json()["number_of_nodes"]) if reply.status_code == 200 else 0

    def wait(self, name: str, nodes: int) -> None:
        """Until the cluster that this node belongs to has so many."""
        wait_until(lambda: self.count(name) == nodes, timeout_s=START_S)


@pytest.fixture
def nodes(secrets: Path) -> Iterator[Nodes]:
    # Not under pytest's folder, which is closed to the user who runs the server.
    with tempfile.TemporaryDirectory(prefix="dejalog-es-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with contextlib.ExitStack() as stack:
            yield Nodes(secrets, Path(folder), stack)


def held(url: str) -> int:
    client = Elastic(url)
    try:
        return ElasticsearchStore(client, ElasticSettings(replicas=1)).search(LineFilter(), limit=1000).lines.height
    finally:
        client.close()


def test_a_node_asks_for_the_password_that_the_secrets_hold(nodes: Nodes) -> None:
    nodes.start("elasticsearch")
    nodes.wait("elasticsearch", 1)
    url = nodes.url("elasticsearch")
    assert httpx.get(f"http://{url.rpartition('@')[2]}/_cluster/health").status_code == 401
    assert held(url) == 0


@pytest.mark.campaign
def test_one_node_grows_to_three_and_the_first_may_be_lost(nodes: Nodes) -> None:
    nodes.start("elasticsearch")
    nodes.wait("elasticsearch", 1)
    for name in ("elasticsearch-2", "elasticsearch-3"):
        nodes.start(name)
    nodes.wait("elasticsearch", 3)
    client = Elastic(nodes.url("elasticsearch"))
    lines = made_lines(50)
    ElasticsearchStore(client, ElasticSettings(replicas=1)).append(lines, covers_of(lines))
    client.request("GET", "/_cluster/health", params={"wait_for_status": "green", "timeout": "60s"})
    client.close()
    nodes.kill("elasticsearch")
    nodes.wait("elasticsearch-2", 2)
    assert held(nodes.url("elasticsearch-2")) == 50
