"""A real redis-server of the tests' own: on a free port of loopback, in its own folder, stopped by its process id."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from tests.ports import free_port

SAFE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
"""As docs/how-to/distributed.md asks for."""


class RedisServer:
    """One that can be killed and started again on the same port and files."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed: `make setup-test` installs it where it may"
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "")
        self._command = [program, *where, *(options or SAFE)]
        self._log = folder / "redis.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Any:
        return redis.Redis.from_url(self.url, protocol=2)

    def start(self) -> "RedisServer":
        """Returns when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except redis.exceptions.ConnectionError:  # not listening yet, or still loading
                    assert self._process.poll() is None, self._log.read_text()
                    assert time.monotonic() < deadline, self._log.read_text()
                else:
                    return self

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
