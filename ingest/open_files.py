"""Open file descriptors of followed files, bounded in number: the one not used for longest is closed first."""

import collections
import os
import stat

from ingest.tail import Tail


class OpenFiles:
    """At most `limit` descriptors. A renamed or deleted file stays readable for as long as its descriptor is open."""

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 2)
        self._open: collections.OrderedDict[Tail, int] = collections.OrderedDict()

    def get(self, tail: Tail) -> int:
        """The descriptor of the tail's file. Raises OSError when it cannot be opened, FileNotFoundError when another
        file has its name now.
        """
        descriptor = self._open.get(tail)
        if descriptor is None:
            while len(self._open) >= self._limit:
                self.close(self._least_needed())
            descriptor = open_file(tail.seen_at)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != tail.key:
                os.close(descriptor)
                raise FileNotFoundError(f"{tail.seen_at} is another file now")
            self._open[tail] = descriptor
        self._open.move_to_end(tail)
        return descriptor

    def keep(self, tail: Tail, descriptor: int) -> None:
        """Takes over a descriptor of the tail's file that was opened elsewhere."""
        self.close(tail)
        while len(self._open) >= self._limit:
            self.close(self._least_needed())
        self._open[tail] = descriptor

    def status(self, tail: Tail) -> os.stat_result | None:
        """Status through the open descriptor; None when it is closed."""
        descriptor = self._open.get(tail)
        return None if descriptor is None else os.fstat(descriptor)

    def statuses(self) -> list[tuple[Tail, os.stat_result]]:
        """Status of every open file."""
        return [(tail, os.fstat(descriptor)) for tail, descriptor in self._open.items()]

    def close(self, tail: Tail) -> None:
        """Close the tail's descriptor if it is open."""
        descriptor = self._open.pop(tail, None)
        if descriptor is not None:
            os.close(descriptor)

    def close_all(self) -> None:
        """Close every descriptor."""
        for tail in list(self._open):
            self.close(tail)

    def __len__(self) -> int:
        return len(self._open)

    def _least_needed(self) -> Tail:
        """Used longest ago of those read to their end: a file with unread bytes may be deleted while it is closed."""
        return next((tail for tail in self._open if tail.size <= tail.read.position), next(iter(self._open)))


def open_file(path: str) -> int:
    """Opens a regular file for reading. Raises OSError, also for anything that is not a regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a regular file")
    return descriptor
