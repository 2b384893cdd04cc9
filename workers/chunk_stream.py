"""The chunk stream: chunks that receivers have acknowledged and no worker has stored yet, in streams of one Redis.

A chunk is durable when `append` returns (Redis with `appendfsync always`) and stays until `settle` or `bury`. Nothing
is ever trimmed: the bound on bytes is kept by refusing. A source's chunks are in one partition, in the order in which
they were appended, and one worker at a time owns a partition. That order only keeps work tidy: a chunk may be delivered
any number of times and to several workers, and the store takes its lines once.
"""

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from ingest import trace
from ingest.errors import SettingError, StorageFullError
from ingest.push import Pushed
from workers import chunk_scripts as scripts
from workers.chunk_record import Fields, record_bytes, record_of
from workers.redis_server import check_version, connect, losses, translated

GROUP = "ingest"
_REASON_FIELDS = (b"dead_reason", b"dead_tries", b"dead_id")


@dataclasses.dataclass(frozen=True)
class StreamSettings:
    """How the stream is laid out and bounded. Every process must be given the same."""

    partitions: int = 16
    """A guess: more than the workers that one Redis is likely to feed."""
    max_bytes: int = 1 << 30
    """Most bytes held, dead letters included, as `record_bytes` counts them."""
    prefix: str = "dejalog"
    """Of every key, so that installations can share a server."""


@dataclasses.dataclass(frozen=True)
class Delivery:
    """An entry in a worker's hands."""

    partition: int
    id: bytes
    fields: Fields
    times: int
    """How often it was handed to a worker that then was lost, this time included; 0: it was the store's fault."""


@dataclasses.dataclass(frozen=True)
class DeadLetter:
    """A chunk that could not be stored, and why."""

    id: str
    reason: str
    tries: int
    source: str
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class StreamStatus:
    """What an operator wants to know of the stream."""

    held_bytes: int
    waiting: int
    """Chunks not stored yet, those in workers' hands included."""
    unacknowledged: int
    oldest_s: float
    """Age of the oldest of them, by Redis' clock; 0 when there is none."""
    dead: int
    workers: int


class _Script(Protocol):
    def __call__(self, keys: Sequence[str], args: Sequence[Any]) -> Any: ...


class ChunkStream:
    """One Redis. Safe to use from many threads."""

    def __init__(self, url: str, settings: StreamSettings | None = None) -> None:
        """Raises SettingError when `url` is none of a Redis. Nothing is asked of the server yet; see `prepare`."""
        self.settings = settings or StreamSettings()
        # Whoever calls decides about retries: an append must not be doubled without need.
        self._redis = connect(url, retry=Retry(NoBackoff(), 0))
        names = ("APPEND", "SETTLE", "BURY", "REVIVE", "HOLD", "LEAVE", "TIDY")
        self._run: dict[str, _Script] = {
            name: self._redis.register_script(getattr(scripts, name).strip()) for name in names
        }
        prefix = self.settings.prefix
        self._held, self._dead = f"{prefix}:chunks:held", f"{prefix}:chunks:dead"
        self._members, self._owners = f"{prefix}:chunks:workers", f"{prefix}:chunks:owners"
        self._layout = f"{prefix}:chunks:partitions"

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def prepare(self) -> list[str]:
        """Make what is not there yet. Answers ways in which this server can lose what it acknowledged, one sentence
        each. Raises UnavailableError; SettingError when the server is too old or was laid out with other partitions.
        """
        with translated("preparing the chunk stream"):
            check_version(self._redis)
            laid_out = self._laid_out()
            if laid_out != self.settings.partitions:
                raise SettingError(
                    f"the chunk stream has {laid_out} partitions and this process is set to "
                    f"{self.settings.partitions}: set DEJALOG_STREAM_PARTITIONS={laid_out}"
                )
            for partition in range(laid_out):
                self._make_group(partition)
            return losses(self._redis)

    # ---- receivers -----------------------------------------------------------------------------------------------

    def append(self, pushed: Pushed) -> str:
        """The entry's id, once it is durable. The same chunk may be appended again. Raises StorageFullError when the
        bound, or Redis' memory, is full; UnavailableError when it is not known whether it was appended.
        """
        partition = zlib.crc32(pushed.chunk.source.id.encode()) % self.settings.partitions
        with trace.span("stream.append", kind="producer") as span, translated("appending a chunk"):
            fields = record_of(pushed)
            size = record_bytes(fields)
            span.set(bytes=size, partition=partition)
            parts = [part for pair in fields.items() for part in pair]
            taken, found = self._run["APPEND"](
                keys=[self._stream(partition), self._held], args=[self.settings.max_bytes, size, *parts]
            )
        if not taken:
            raise StorageFullError(
                f"{found} bytes of chunks wait to be stored; {self.settings.max_bytes} are accepted", retry_after_s=2.0
            )
        return str(found.decode())

    # ---- workers -------------------------------------------------------------------------------------------------

    def hold(self, me: str, *, lease_s: float, may_change: bool = True) -> list[int]:
        """Say that `me` is alive, and own a fair share of the partitions; answers those owned. They are another's once
        `me` has said nothing for `lease_s`. Without `may_change` none is added or given up.
        """
        args = [me, int(lease_s * 1000), self.settings.partitions, int(may_change)]
        with translated("taking partitions"):
            return [int(one) for one in self._run["HOLD"](keys=[self._members, self._owners], args=args)]

    def leave(self, me: str) -> None:
        """What `me` owns is free for others at once. What it was given and has not settled waits to be taken over."""
        with translated("leaving"):
            self._run["LEAVE"](keys=[self._members, self._owners], args=[me])
            for partition in range(self.settings.partitions):
                self._tidy(partition)

    def read(self, me: str, partitions: Sequence[int], *, count: int, block_s: float) -> list[Delivery]:
        """Entries that no worker was given yet: up to `count` of each partition, in order; waits up to `block_s` for
        the first.
        """
        streams = {self._stream(partition): ">" for partition in partitions}
        with translated("reading chunks"):
            rows = self._redis.xreadgroup(GROUP, me, streams, count=count, block=max(1, int(block_s * 1000)))
        return [
            Delivery(int(stream.rpartition(b":")[2]), entry, fields, 1)
            for stream, entries in rows
            for entry, fields in entries
        ]

    def own_pending(self, me: str, partition: int) -> Delivery | None:
        """The first entry that `me` was given and has not settled."""
        stream = self._stream(partition)
        with translated("reading chunks again"):
            rows = self._redis.xpending_range(stream, GROUP, "-", "+", 1, me)
            return self._content(partition, rows[0]["message_id"], rows[0]["times_delivered"]) if rows else None

    def take_over(self, me: str, partition: int, *, idle_s: float) -> Delivery | None:
        """The first entry that another was given and has not settled for `idle_s`; from now on it is in `me`'s hands.

        One at a time: the entry that ends every worker is then the only one whose `times` grows.
        """
        stream = self._stream(partition)
        with translated("taking chunks over"):
            cursor = b"0-0"
            while True:
                cursor, rows, _ = self._redis.xautoclaim(stream, GROUP, me, int(idle_s * 1000), cursor, count=1)
                for entry, fields in rows:
                    # None is pending when the worker that had it was not lost after all and has just settled it.
                    for pending in self._redis.xpending_range(stream, GROUP, entry, entry, 1):
                        return Delivery(partition, entry, fields, pending["times_delivered"])
                if cursor == b"0-0":
                    return None

    def pending(self, partition: int) -> int:
        """Entries of a partition in workers' hands; forgets workers that are gone and hold none."""
        with translated("counting chunks"):
            self._tidy(partition)
            return int(self._redis.xpending(self._stream(partition), GROUP)["pending"])

    def forgive(self, me: str, delivery: Delivery) -> None:
        """What keeps the entry waiting is no fault of its own: its `times` begin anew, and it stays in `me`'s hands."""
        with translated("keeping a chunk"):
            self._redis.xclaim(self._stream(delivery.partition), GROUP, me, 0, [delivery.id], retrycount=0, justid=True)

    def settle(self, *deliveries: Delivery) -> int:
        """Acknowledge and delete entries whose lines are all stored; how many were still there."""
        gone = 0
        for partition in {each.partition for each in deliveries}:
            some = [each for each in deliveries if each.partition == partition]
            args = [part for each in some for part in (each.id, record_bytes(each.fields))]
            with translated("acknowledging chunks"):
                gone += self._run["SETTLE"](keys=[self._stream(partition), self._held], args=[GROUP, *args])
        return gone

    def bury(self, delivery: Delivery, reason: str) -> bool:
        """Move an entry to the dead letters, with the reason; whether it was still there."""
        values = (reason[:500].encode(), str(delivery.times).encode(), delivery.id)
        added = [part for pair in zip(_REASON_FIELDS, values, strict=True) for part in pair]
        keys = [self._stream(delivery.partition), self._held, self._dead]
        with translated("burying a chunk"):
            return bool(self._run["BURY"](keys=keys, args=[GROUP, delivery.id, sum(map(len, added)), *added]))

    # ---- operators -----------------------------------------------------------------------------------------------

    def dead_letters(self, limit: int = 1000) -> list[DeadLetter]:
        """The oldest dead letters."""
        with translated("reading dead letters"):
            return [_dead_letter(entry, fields) for entry, fields in self._redis.xrange(self._dead, count=limit)]

    def revive(self, letter: DeadLetter) -> bool:
        """Give a dead letter to the workers again; whether it was still there."""
        with translated("reviving a chunk"):
            rows = self._redis.xrange(self._dead, letter.id, letter.id)
            if not rows:
                return False
            added = sum(len(name) + len(rows[0][1][name]) for name in _REASON_FIELDS)
            partition = zlib.crc32(letter.source.encode()) % self.settings.partitions
            keys = [self._dead, self._held, self._stream(partition)]
            return bool(self._run["REVIVE"](keys=keys, args=[letter.id, added, 2 * len(_REASON_FIELDS)]))

    def status(self) -> StreamStatus:
        """How things stand. Costs a few requests a partition."""
        waiting = unacknowledged = 0
        oldest_ms: list[int] = []
        with translated("asking after the chunk stream"):
            seconds, micros = self._redis.time()
            for partition in range(self.settings.partitions):
                stream = self._stream(partition)
                waiting += self._redis.xlen(stream)
                unacknowledged += self._redis.xpending(stream, GROUP)["pending"]
                oldest_ms += [int(entry.partition(b"-")[0]) for entry, _ in self._redis.xrange(stream, count=1)]
            now_ms = seconds * 1000 + micros // 1000
            return StreamStatus(
                held_bytes=int(self._redis.get(self._held) or 0),
                waiting=waiting,
                unacknowledged=unacknowledged,
                oldest_s=max(0.0, (now_ms - min(oldest_ms)) / 1000) if oldest_ms else 0.0,
                dead=self._redis.xlen(self._dead),
                workers=self._redis.zcard(self._members),
            )

    def _stream(self, partition: int) -> str:
        return f"{self.settings.prefix}:chunks:{partition}"

    def _laid_out(self) -> int:
        """The partitions that the first process found right. Read before it is written: a full Redis takes no write."""
        found = self._redis.get(self._layout)
        if found is None:
            self._redis.set(self._layout, self.settings.partitions, nx=True)
            found = self._redis.get(self._layout)
        return int(found)

    def _make_group(self, partition: int) -> None:
        stream = self._stream(partition)
        if self._redis.exists(stream) and self._redis.xinfo_groups(stream):
            return
        try:
            self._redis.xgroup_create(stream, GROUP, "0", mkstream=True)
        except redis.exceptions.ResponseError as error:
            if "BUSYGROUP" not in str(error):  # another process was first
                raise

    def _content(self, partition: int, entry: bytes, times: int) -> Delivery:
        rows = self._redis.xrange(self._stream(partition), entry, entry)
        return Delivery(partition, entry, rows[0][1] if rows else {}, times)

    def _tidy(self, partition: int) -> None:
        self._run["TIDY"](keys=[self._stream(partition), self._members], args=[GROUP])


def _dead_letter(entry: bytes, fields: Fields) -> DeadLetter:
    def text(name: bytes) -> str:
        return fields.get(name, b"").decode("utf-8", "replace")

    def number(name: bytes) -> int:
        return int(text(name)) if text(name).isdigit() else 0

    return DeadLetter(
        id=entry.decode(),
        reason=text(_REASON_FIELDS[0]),
        tries=number(_REASON_FIELDS[1]),
        source=text(b"Dejalog-Source"),
        start=number(b"Dejalog-Start"),
        end=number(b"Dejalog-End"),
    )
