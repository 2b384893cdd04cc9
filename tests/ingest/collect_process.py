"""A collector in a process of its own, for tests that kill it: ships to a file that outlives it.

Arguments: what to collect, folder of the registry, file to append to. Each chunk is appended by one write, which a kill
cannot tear: a line of JSON, then the body.
"""

import json
import os
import sys
import threading
from pathlib import Path

from ingest.chunk import Chunk
from ingest.collect import Collector
from ingest.collect_settings import CollectSettings

SETTINGS = CollectSettings(poll_s=0.01, discover_s=0.02, settle_s=0.02, open_s=0.05, chunk_bytes=4096, read_bytes=16384)


class FileSink:
    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def accept(self, chunk: Chunk) -> None:
        head = {"source": chunk.source.id, "start": chunk.start, "size": len(chunk.body), "read_ns": chunk.read_ns}
        os.write(self._file, json.dumps(head).encode() + b"\n" + chunk.body)


def read_back(path: Path) -> dict[str, bytes]:
    """What each source holds when every range is taken once; the same range must always have had the same bytes."""
    sources: dict[str, bytearray] = {}
    rest = path.read_bytes()
    while rest:
        line, _, rest = rest.partition(b"\n")
        head = json.loads(line)
        body, rest = rest[: head["size"]], rest[head["size"] :]
        held = sources.setdefault(head["source"], bytearray())
        assert head["start"] <= len(held), "a gap"
        overlap = bytes(held[head["start"] : head["start"] + len(body)])
        assert overlap == body[: len(overlap)], "the same range came with other bytes"
        held.extend(body[len(overlap) :])
    return {source: bytes(held) for source, held in sources.items()}


if __name__ == "__main__":
    what, folder, shipped = sys.argv[1:]
    Collector([what], FileSink(shipped), Path(folder), host="h", settings=SETTINGS).run(threading.Event())
