"""CPU seconds of the chunk stream on generated logs, beside parsing without it: `python -m bench.stream [lines]`.

Starts a redis-server of its own (`appendfsync always`), appends docker json-file logs as a receiver does, then takes
them out with one lane over a sink that keeps nothing. CPU seconds are those of this process; Redis' are told apart.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import structlog

from bench.ingest import DEFAULT_LINES, chunks, docker, messages
from ingest.chunk import Chunk
from ingest.line_sink import SourceRange
from ingest.receive import Receiver
from tests.redis_server import RedisServer
from workers.chunk_stream import ChunkStream
from workers.ingest import IngestCounts, IngestLane, IngestSettings
from workers.stream_receiver import StreamReceiver


class NoSink:
    """Takes everything and keeps nothing."""

    def __init__(self) -> None:
        self.lines = 0

    def missing(self, covers: SourceRange) -> list[SourceRange]:
        return [covers]

    def append(self, lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:  # noqa: ARG002 the sink's protocol
        self.lines += lines.height


def tell(step: str, lines: int, began: tuple[float, float]) -> None:
    cpu_s, wall_s = time.process_time() - began[0], time.monotonic() - began[1]
    print(f"  {step:26} {cpu_s:6.2f} CPU-s {wall_s:6.2f} s  {lines / cpu_s / 1e3:7.0f} k lines/CPU-s")


def run(cut: list[Chunk], lines: int, url: str) -> None:
    began = time.process_time(), time.monotonic()
    direct = Receiver(NoSink())
    for chunk in cut:
        direct.accept(chunk)
    tell("parsed without a stream", lines, began)
    stream = ChunkStream(url)
    stream.prepare()
    receiver = StreamReceiver(stream)
    began = time.process_time(), time.monotonic()
    for chunk in cut:
        receiver.accept(chunk)
    tell("appended by the receiver", lines, began)
    print(f"  {stream.status().held_bytes / 1e6:.1f} MB held")
    sink = NoSink()
    lane = IngestLane(stream, Receiver(sink), IngestSettings(block_s=0.01), IngestCounts())
    began = time.process_time(), time.monotonic()
    while sink.lines < lines:
        lane.step()
    tell("taken by a lane", lines, began)
    used = stream._redis.info("cpu")  # noqa: SLF001 a bench looks where users do not
    print(f"  redis-server               {used['used_cpu_user'] + used['used_cpu_sys']:6.2f} CPU-s in all")
    stream.close()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_LINES
    body = "".join(f"{docker(number, text)}\n" for number, text in enumerate(messages(lines))).encode()
    cut = list(chunks(body, "auto"))
    print(f"{lines:,} lines of {len(body) / lines:.0f} bytes in {len(cut)} chunks")
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder)).start()
        run(cut, lines, server.url)
        server.kill()


if __name__ == "__main__":
    main()
