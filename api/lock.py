"""The lock of a data directory: one process owns it, and the lock file says who and where that process listens.

The lock is the kernel's (`flock`), so it ends with its process however that ends; what a dead process wrote into the
file is never believed, because nobody reads it without having found the lock taken.
"""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest.errors import LockedError, SettingError

FILE_NAME = "lock"


class DataDirLock:
    """Held from construction to `close`. Raises LockedError when another process holds it, with its address."""

    def __init__(self, data_dir: Path, *, address: str = "") -> None:
        path = data_dir / FILE_NAME
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingError(f"the data directory {data_dir} cannot be used: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise _locked(data_dir, path) from error
        self.write_address(address)

    def write_address(self, address: str) -> None:
        """Say where this process listens (`127.0.0.1:8900`), or nowhere."""
        content = json.dumps({"pid": os.getpid(), "address": address}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, content, 0)

    def close(self) -> None:
        """Let go; the file stays, empty, so that two processes never lock two files of one name."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def owner_address(data_dir: Path) -> str | None:
    """Where the process that holds the lock listens; empty when it does not listen; None when nobody holds it."""
    try:
        file = os.open(data_dir / FILE_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _owner(data_dir / FILE_NAME)[1]
    finally:
        os.close(file)
    return None


def _owner(path: Path) -> tuple[int, str]:
    """What the owner wrote; it may be about to write it, so anything unreadable counts as nothing."""
    try:
        content = json.loads(path.read_bytes())
        return int(content["pid"]), str(content["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _locked(data_dir: Path, path: Path) -> LockedError:
    pid, address = _owner(path)
    where = f", which listens on {address}" if address else ""
    return LockedError(
        f"the data directory {data_dir} belongs to process {pid or 'unknown'}{where}; stop it or use another directory",
        address=address,
    )
