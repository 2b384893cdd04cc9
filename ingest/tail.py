"""One source being followed: its file, what was read of it, what is cut and waits for its acknowledgement."""

import collections
import dataclasses
import os

from ingest.chunk import Chunk
from ingest.cut import find_cuts
from ingest.identity import MARKER_BYTES, PREFIX_BYTES, Trace, Verdict, advance, cut_mark, digest, judge
from ingest.registry import SavedCut, SavedSource
from ingest.source import Source

FileKey = tuple[int, int]
"""Device and inode."""


@dataclasses.dataclass(frozen=True)
class Pending:
    """A chunk on its way, and what will be remembered once it is acknowledged."""

    chunk: Chunk
    after: Trace

    def as_cut(self) -> SavedCut:
        """The form in which the registry keeps it before the first send."""
        chunk = self.chunk
        return SavedCut(chunk.source.id, chunk.start, chunk.end, chunk.read_ns, cut_mark(chunk.body, chunk.body))


@dataclasses.dataclass(eq=False)
class Tail:
    """Mutable state of one source. The shipping thread touches only `pending` and `acknowledged`."""

    source: Source
    followed: str
    seen_at: str
    key: FileKey | None
    """None: no file holds it any more (an orphan), but a rotated copy may turn up."""
    first_seen_ns: int
    acknowledged: Trace
    read: Trace
    """Of the bytes that are cut, acknowledged or not."""
    pending: collections.deque[Pending] = dataclasses.field(default_factory=collections.deque)
    recut: collections.deque[SavedCut] = dataclasses.field(default_factory=collections.deque)
    """Cuts of an earlier run: to be read and sent again exactly so."""
    size: int = 0
    modified_ns: int = 0
    judged: tuple[int, int] | None = None
    """Size and modification time at which the file was last found to be the one that was read."""
    grew_at: float = 0.0
    gone_ns: int | None = None
    orphaned_at: float = 0.0
    held_until: float = float("-inf")
    """Nothing more is to be shipped before, unless the file grows: its last line is waited for."""
    is_failing: bool = False
    """The last attempt to read failed: reported once."""
    filled: int = 0
    """Turn in which it was read last: the one that waited longest is next."""

    @property
    def lag_bytes(self) -> int:
        """Bytes of the file that are not acknowledged."""
        return max(0, self.size - self.acknowledged.position)

    @property
    def is_changed(self) -> bool:
        """The file was touched since it was last compared with what was read."""
        return self.judged != (self.size, self.modified_ns)

    @property
    def wants_reading(self) -> bool:
        """Whether `fill` may find something to do."""
        has_more = bool(self.recut) or self.size > self.read.position or self.is_changed
        return self.key is not None and not self.pending and has_more

    def notice(self, size: int, modified_ns: int, now: float) -> None:
        """Takes in what a look at the file showed."""
        if (size, modified_ns) != (self.size, self.modified_ns):
            self.size, self.modified_ns, self.grew_at = size, modified_ns, now
            self.held_until = float("-inf")

    def judge(self, descriptor: int) -> Verdict:
        """Compares an open file with all that is known of the bytes that were read, and of those to be read again."""
        verdict = judge(self.read, descriptor)
        if verdict is Verdict.RESUME and not all(_holds(descriptor, cut) for cut in self.recut):
            return Verdict.TRUNCATED
        return verdict

    def matches(self, descriptor: int) -> bool:
        """Whether this file continues what was read: everything known of the bytes agrees, and something is known."""
        is_known = self.read.position > 0 or bool(self.recut)
        return is_known and self.judge(descriptor) is Verdict.RESUME

    def saved(self) -> SavedSource:
        """The row of the registry."""
        device, inode = self.key or (None, None)
        return SavedSource(
            id=self.source.id,
            followed=self.followed,
            path=self.source.path,
            seen_at=self.seen_at,
            device=device,
            inode=inode,
            trace=self.acknowledged,
            first_seen_ns=self.first_seen_ns,
            gone_ns=self.gone_ns,
        )


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long a tail that nothing follows yet has been quiet, and how long it is waited for."""

    quiet_s: float
    settle_s: float
    open_s: float


def fill(tail: Tail, descriptor: int, *, budget: int, chunk_bytes: int, patience: Patience, read_ns: int) -> Verdict:
    """Cuts what may be shipped of the next `budget` bytes and appends it to `tail.pending`.

    Anything but RESUME means that the file is no longer the one that was read; what was appended before is still good.
    """
    looked_at = (tail.size, tail.modified_ns)
    verdict = tail.judge(descriptor) if tail.is_changed else Verdict.RESUME
    if verdict is Verdict.RESUME:
        verdict = (
            _again(tail, descriptor)
            if tail.recut
            else _further(tail, descriptor, budget, chunk_bytes, patience, read_ns)
        )
    if verdict is Verdict.RESUME:
        tail.judged = looked_at
    return verdict


def _again(tail: Tail, descriptor: int) -> Verdict:
    """The cuts of an earlier run with the same bytes and read times."""
    while tail.recut:
        cut = tail.recut[0]
        buffer = _read_on(tail.read, descriptor, cut.end - cut.start)
        if buffer is None or len(buffer.body) < cut.end - cut.start:
            return Verdict.TRUNCATED
        if cut_mark(buffer.body, buffer.body) != cut.marker:
            return Verdict.TRUNCATED
        _pend(tail, buffer, 0, len(buffer.body), cut.read_ns)
        tail.recut.popleft()
    return Verdict.RESUME


def _further(tail: Tail, descriptor: int, budget: int, chunk_bytes: int, patience: Patience, read_ns: int) -> Verdict:
    first = tail.read.position
    buffer = _read_on(tail.read, descriptor, budget)
    if buffer is None:
        return Verdict.TRUNCATED
    more_follows = len(buffer.body) == budget
    cuts = find_cuts(buffer.body, limit=chunk_bytes, more_follows=more_follows)
    ends = list(cuts.ends)
    if not more_follows:
        ends.append(_end_of_patience(len(buffer.body), cuts.whole, patience, is_open=cuts.is_open))
    for end in ends:
        start = tail.read.position - first
        if end > start:
            _pend(tail, buffer, start, end, read_ns)
    if not more_follows and tail.read.position < first + len(buffer.body):
        settles = not cuts.is_open and first + cuts.whole > tail.read.position
        tail.held_until = tail.grew_at + (patience.settle_s if settles else patience.open_s)
    return Verdict.RESUME


def _end_of_patience(size: int, whole: int, patience: Patience, *, is_open: bool) -> int:
    """How much of a tail that nothing follows is shipped: all after `open_s`, whole lines after `settle_s`."""
    if patience.quiet_s >= patience.open_s:
        return size
    return whole if patience.quiet_s >= patience.settle_s and not is_open else 0


@dataclasses.dataclass(frozen=True)
class _Buffer:
    """Bytes from a position on, the few before it, and the file's start."""

    before: bytes
    body: bytes
    head: bytes

    def last(self, end: int) -> bytes:
        """The MARKER_BYTES before offset `end` of the body; fewer only at the start of the file."""
        if end >= MARKER_BYTES:
            return self.body[end - MARKER_BYTES : end]
        return (self.before + self.body[:end])[-MARKER_BYTES:]


def _read_on(trace: Trace, descriptor: int, length: int) -> _Buffer | None:
    """Reads on from the trace's position; None when the bytes before it are not those that were read.

    One read brings both, so nothing can be swapped between looking and reading.
    """
    ahead = min(MARKER_BYTES, trace.position)
    raw = os.pread(descriptor, ahead + length, trace.position - ahead)
    before, body = raw[:ahead], raw[ahead:] if ahead else raw
    if len(before) < ahead or digest(before) != trace.marker:
        return None
    head = b""
    if trace.prefix_bytes < PREFIX_BYTES:
        head = os.pread(descriptor, PREFIX_BYTES, 0) if trace.position else body[:PREFIX_BYTES]
    return _Buffer(before, body, head)


def _pend(tail: Tail, buffer: _Buffer, start: int, end: int, read_ns: int) -> None:
    """Appends the chunk of the buffer's bytes [start, end) and moves `tail.read` behind it."""
    position = tail.read.position
    body = buffer.body[start:end]
    last = buffer.body[start - 1 : start] if start else buffer.before[-1:]
    chunk = Chunk(
        source=tail.source,
        start=position,
        end=position + len(body),
        read_ns=read_ns,
        body=body,
        starts_inside_line=last not in {b"", b"\n"},
    )
    tail.read = advance(tail.read, buffer.head, chunk.end, buffer.last(end))
    tail.pending.append(Pending(chunk=chunk, after=tail.read))


def _holds(descriptor: int, cut: SavedCut) -> bool:
    """Whether the file has the bytes that were cut, as far as their mark tells."""
    last_start = max(cut.start, cut.end - MARKER_BYTES)
    first = os.pread(descriptor, min(PREFIX_BYTES, cut.end - cut.start), cut.start)
    last = os.pread(descriptor, cut.end - last_start, last_start)
    return len(last) == cut.end - last_start and cut_mark(first, last) == cut.marker
