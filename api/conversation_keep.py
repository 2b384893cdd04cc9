"""Where conversations are kept between turns: the contract, and the keeper of one process."""

import collections
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Protocol

from api.conversation import Slots
from api.settings import Settings


class Conversations(Protocol):
    """Slots by the id of their conversation, which may be any text. Safe to call from several threads at once.

    A conversation is forgotten after `idle_s` seconds without a turn, and earlier when more than `most` are kept: the
    one that was silent longest goes first. Of two turns at once the later to end is kept, whole.
    """

    def recall(self, conversation_id: str) -> Slots | None:
        """What was kept last; None when nothing is, or not any more. Raises UnavailableError."""

    def keep(self, conversation_id: str, slots: Slots) -> None:
        """Keep it in place of what was. Raises UnavailableError."""


class LocalConversations:
    """In the memory of this process. `clock`: seconds that only grow."""

    def __init__(self, *, idle_s: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_s = idle_s
        self._most = most
        self._clock = clock
        self._kept: collections.OrderedDict[str, tuple[float, Slots]] = collections.OrderedDict()
        """The longest silent first."""
        self._lock = threading.Lock()

    def recall(self, conversation_id: str) -> Slots | None:
        """See Conversations."""
        with self._lock:
            self._forget()
            found = self._kept.get(conversation_id)
            return None if found is None else found[1]

    def keep(self, conversation_id: str, slots: Slots) -> None:
        """See Conversations."""
        with self._lock:
            self._kept[conversation_id] = (self._clock(), slots)
            self._kept.move_to_end(conversation_id)
            self._forget()

    def __len__(self) -> int:
        with self._lock:
            self._forget()
            return len(self._kept)

    def _forget(self) -> None:
        bar = self._clock() - self._idle_s
        while self._kept:
            first = next(iter(self._kept))
            if self._kept[first][0] > bar and len(self._kept) <= self._most:
                return
            del self._kept[first]


@contextmanager
def open_conversations(settings: Settings) -> Iterator[Conversations]:
    """Redis' where one is set, so that every server goes on with them; else this process's."""
    bounds = settings.conversation
    if not settings.stream.redis_url:
        yield LocalConversations(idle_s=bounds.conversation_idle, most=bounds.conversation_most)
        return
    # The client is in the extra `distributed`; one process with no servers needs none.
    from api.conversation_redis import RedisConversations  # noqa: PLC0415

    keeper = RedisConversations(
        settings.stream.redis_url, idle_s=bounds.conversation_idle, most=bounds.conversation_most
    )
    with closing(keeper):
        yield keeper
