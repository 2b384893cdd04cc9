"""What a thread says while it works, as it comes, for a reply that streams; it is told when nobody listens any more."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

from ingest.errors import StoppedError

T = TypeVar("T")


class Line(Generic[T]):
    """The thread's end: what it says goes to whoever reads, in order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Queue[T | None] = asyncio.Queue()
        self._gone = threading.Event()

    def say(self, item: T) -> None:
        """Raises StoppedError once nobody reads."""
        if self._gone.is_set():
            raise StoppedError("the client has gone")
        self._loop.call_soon_threadsafe(self._said.put_nowait, item)

    def is_gone(self) -> bool:
        """Whether nobody reads any more."""
        return self._gone.is_set()

    async def heard(self, work: Callable[[], None]) -> AsyncIterator[T]:
        """What `work` says in a thread, until it ends. What it raises is raised here, but for StoppedError."""
        done = asyncio.create_task(run_in_threadpool(work))
        done.add_done_callback(lambda _: self._said.put_nowait(None))
        try:
            while (item := await self._said.get()) is not None:
                yield item
            await done
        except StoppedError:
            return
        finally:
            self._gone.set()
            done.add_done_callback(_forget)


def _forget(work: asyncio.Task[None]) -> None:
    """Whoever asked has gone: that the work ended is all there is to know."""
    if not work.cancelled():
        work.exception()
