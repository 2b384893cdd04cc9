"""Starting and killing the real program in tests: `dejalog` as a user runs it, by process id."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx


class Program:
    """One `dejalog` process, or `celery` one, that can be started again after it was killed."""

    def __init__(
        self,
        arguments: Sequence[str],
        home: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        command: str = "dejalog",
    ) -> None:
        self._command = [str(Path(sys.executable).with_name(command)), *arguments]
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("DEJALOG_", "XDG_"))
        } | {"HOME": str(home), **(environment or {})}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self, timeout_s: float = 30.0) -> int:
        """Ask it to end, and wait. Returns the exit status."""
        return self._end(signal.SIGTERM, timeout_s)

    def wait(self, timeout_s: float) -> int:
        """Until it ends by itself. Returns the exit status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def _end(self, how: signal.Signals, timeout_s: float = 30.0) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        status = self._process.wait(timeout_s)
        self._process = None
        return status


def wait_for(url: str, program: Program, timeout_s: float = 60.0) -> None:
    """Until `url` answers 200. Raises AssertionError when the program ends first or the time is over."""
    transport = httpx.HTTPTransport(retries=int(timeout_s * 4))
    with httpx.Client(transport=transport, timeout=timeout_s) as client:
        assert program.is_running(), "the program ended by itself"
        assert client.get(url).status_code == 200
