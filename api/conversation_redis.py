"""Conversations in Redis, so that every server goes on with what another one began."""

import hashlib
import time
from collections.abc import Callable

from api.conversation import Slots, pack, unpack
from workers import redis_server

PREFIX = "dejalog:conversations"
WAIT_S = 2.0
"""How long Redis is waited for: somebody waits for the answer. A guess."""

KEEP = """
-- KEYS slots of the conversation, times by conversation.  ARGV slots, now, seconds of silence, most, prefix, name.
-- Keeps the slots; forgets the longest silent beyond `most`. Redis itself forgets the silent.
redis.call('SET', KEYS[1], ARGV[1], 'PX', math.ceil(tonumber(ARGV[3]) * 1000))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', tonumber(ARGV[2]) - tonumber(ARGV[3]))
local beyond = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if beyond > 0 then
  for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, beyond - 1)) do
    redis.call('DEL', ARGV[5] .. ':' .. name)
    redis.call('ZREM', KEYS[2], name)
  end
end
redis.call('PEXPIRE', KEYS[2], math.ceil(tonumber(ARGV[3]) * 1000))
return 1
"""


class RedisConversations:
    """See `Conversations`. `clock`: seconds since 1970, by which the longest silent are known; expiry is Redis'."""

    def __init__(
        self, url: str, *, idle_s: float, most: int, prefix: str = PREFIX, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis_server.connect(url, timeout_s=WAIT_S)
        self._idle_s = idle_s
        self._most = most
        self._prefix = prefix
        self._clock = clock
        self._keep = self._redis.register_script(KEEP)

    def recall(self, conversation_id: str) -> Slots | None:
        """See Conversations."""
        with redis_server.translated("what was said before is read"):
            packed = self._redis.get(self._key(conversation_id))
        return None if packed is None else unpack(packed)

    def keep(self, conversation_id: str, slots: Slots) -> None:
        """See Conversations."""
        name = _name(conversation_id)
        with redis_server.translated("the conversation is kept"):
            self._keep(
                keys=[f"{self._prefix}:{name}", self._prefix],
                args=[pack(slots), self._clock(), self._idle_s, self._most, self._prefix, name],
            )

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def _key(self, conversation_id: str) -> str:
        return f"{self._prefix}:{_name(conversation_id)}"


def _name(conversation_id: str) -> str:
    """A key of one length, whatever the id: ids are chosen by callers."""
    return hashlib.blake2b(conversation_id.encode(), digest_size=16).hexdigest()
