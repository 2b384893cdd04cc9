"""A real Elasticsearch for the tests: that of `ELASTICSEARCH_URL`, else one node, stopped at the end."""

import contextlib
import dataclasses
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.ports import free_port

VERSION = "8.19.21"
ARCHIVE = Path(__file__).parents[2] / ".servers" / f"elasticsearch-{VERSION}.zip"
START_S = 120.0
"""Until a node must answer; 13 s are usual on two cores."""
HEAP = "1g"
SETTINGS = """
discovery.type: single-node
xpack.security.enabled: false
network.host: 127.0.0.1
cluster.routing.allocation.disk.threshold_enabled: false
action.destructive_requires_name: false
"""


class ElasticsearchMissingError(Exception):
    """The tests need a server that cannot be had here."""


@dataclasses.dataclass(frozen=True)
class Node:
    """A running node."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path


@contextlib.contextmanager
def elasticsearch() -> Iterator[str]:
    """The URL of a server. Raises ElasticsearchMissingError, so that tests fail and are not skipped."""
    given = os.environ.get("ELASTICSEARCH_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="dejalog-es-", ignore_cleanup_errors=True) as folder:
        node = start_node(unpack(Path(folder)))
        try:
            yield node.url
        finally:
            stop_node(node)


def unpack(folder: Path) -> Path:
    """The server's files under `folder`, for the user who runs it."""
    if not ARCHIVE.exists():
        raise ElasticsearchMissingError(f"{ARCHIVE} is missing: run `make setup-test`, or set ELASTICSEARCH_URL")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    home = folder / f"elasticsearch-{VERSION}"
    (home / "tmp").mkdir()
    if user := _user():
        for path in (folder, home, *(home / name for name in ("config", "logs", "tmp"))):
            shutil.chown(path, user)
        for path in (home / "config").rglob("*"):
            shutil.chown(path, user)
    return home


def start_node(home: Path, settings: str = SETTINGS) -> Node:
    """Start a node on free ports of loopback and wait until it answers."""
    port, transport = free_port(), free_port()
    config = f"{settings}\nhttp.port: {port}\ntransport.port: {transport}\n"
    (home / "config" / "elasticsearch.yml").write_text(config)
    environment = {
        "ES_JAVA_HOME": _java_home(),
        "ES_JAVA_OPTS": f"-Xms{HEAP} -Xmx{HEAP}",
        "ES_TMPDIR": str(home / "tmp"),
        "PATH": os.environ["PATH"],
    }
    with (home / "logs" / "console").open("wb") as console:
        process = subprocess.Popen(
            ["bash", str(home / "bin" / "elasticsearch")],
            stdout=console,
            stderr=subprocess.STDOUT,
            env=environment,
            user=_user(),
            cwd=home,
            start_new_session=True,
        )
    node = Node(f"http://127.0.0.1:{port}", process, home)
    try:
        _wait(node)
    except ElasticsearchMissingError:
        stop_node(node)
        raise
    return node


def stop_node(node: Node) -> None:
    """End the node's own processes: the launcher and the server it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(node.process.pid, signal.SIGKILL)
    node.process.wait()


def _wait(node: Node) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if node.process.poll() is not None:
            break
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{node.url}/_cluster/health", timeout=5).status_code == 200:
                return
        time.sleep(0.1)  # there is no event to wait for
    console = (node.folder / "logs" / "console").read_text(errors="replace")[-2000:]
    raise ElasticsearchMissingError(f"Elasticsearch did not start within {START_S:.0f} s:\n{console}")


def _user() -> str | None:
    """Elasticsearch refuses root; nobody has all it needs."""
    return pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else None


def _java_home() -> str:
    """Java 17: that of the environment, else Debian's."""
    given = os.environ.get("ES_JAVA_HOME")
    found = [given] if given else sorted(str(path) for path in Path("/usr/lib/jvm").glob("java-17-openjdk*"))
    if not found:
        raise ElasticsearchMissingError("Java 17 is missing: run `make setup-test`, or set ELASTICSEARCH_URL")
    return found[0]
