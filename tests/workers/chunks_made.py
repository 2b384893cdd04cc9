"""Chunks of numbered lines, and what must be true of the lines that a store holds in the end."""

import collections
import re
import threading
import time
from collections.abc import Callable

from index.line_store import LineFilter, LineReader
from ingest.chunk import Chunk
from ingest.push import Pushed
from ingest.source import Source, mint_source_id

READ_NS = 1_767_355_200_000_000_000  # 2026-01-02 12:00:00 UTC


def source(number: int) -> Source:
    path = f"/var/log/{number}.log"
    return Source(mint_source_id("h", path, b"", 0), host="h", path=path, service=f"s{number}", format="plain")


def numbered(number: int, first: int, lines: int, *, start: int) -> Chunk:
    """Lines `first`… of source `number`, whose chunk begins at `start`."""
    body = b"".join(b"2026-01-02T11:00:00Z INFO line %d of %d\n" % (first + n, number) for n in range(lines))
    return Chunk(source(number), start, start + len(body), READ_NS, body)


def chunks(number: int, count: int, *, lines: int = 5) -> list[Pushed]:
    """`count` chunks of source `number`, one after the other."""
    made: list[Pushed] = []
    start = 0
    for at in range(count):
        made.append(Pushed(numbered(number, at * lines, lines, start=start)))
        start = made[-1].chunk.end
    return made


def wait_until(holds: Callable[[], object], *, timeout_s: float = 30, pause_s: float = 0.01) -> None:
    """Until `holds()` does, asked again after a pause; fails when it does not in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(pause_s)


def numbers_held(store: LineReader) -> dict[int, collections.Counter[int]]:
    """For each source, how often each line is held."""
    held: dict[int, collections.Counter[int]] = collections.defaultdict(collections.Counter)
    for frame in store.scan(LineFilter(), ["message"]):
        for message in frame["message"]:
            count_line(held, message)
    return held


def count_line(held: dict[int, collections.Counter[int]], message: str) -> None:
    """Count one more line of its source."""
    found = re.search(r"line (\d+) of (\d+)$", message)
    assert found, f"not a line that was written: {message!r}"
    held[int(found[2])][int(found[1])] += 1


def assert_each_once(held: dict[int, collections.Counter[int]], written: dict[int, int]) -> None:
    """`written`: how many lines of each source there are."""
    for number, count in written.items():
        missing = sorted(set(range(count)) - set(held[number]))
        doubled = [line for line, times in held[number].items() if times > 1]
        assert not missing, f"source {number}: {len(missing)} of {count} lines are missing, first {missing[:5]}"
        assert not doubled, f"source {number}: {len(doubled)} lines are there twice, first {doubled[:5]}"
    assert set(held) <= set(written)
