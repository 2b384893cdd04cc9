"""CPU seconds of frame, parse and signature on generated logs: `python -m bench.ingest [lines]`.

Prints lines and megabytes per CPU-second of the process (all threads), for each step and for the whole, best of three.
Set POLARS_MAX_THREADS to the cores that a receiver is meant to use.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator

from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.frame import frame
from ingest.parse import parse
from ingest.signature import signature_columns
from ingest.source import Source

READ_NS = 1_767_400_000_000_000_000
DEFAULT_LINES = 500_000
ROUNDS = 3


def messages(count: int) -> Iterator[str]:
    """Lines of a web shop: a dozen shapes, numbers, ids and addresses in them; about 90 characters."""
    draw = random.Random(20260101)
    verbs = ("reserved", "shipped", "priced", "cancelled", "queued")
    for number in range(count):
        order, user = draw.getrandbits(32), draw.getrandbits(16)
        kind = draw.random()
        if kind < 0.5:
            yield f"INFO  [http-{number % 16}] order {order} {draw.choice(verbs)} by {user} in {draw.randrange(900)} ms"
        elif kind < 0.8:
            yield f"DEBUG lookup cart:{draw.getrandbits(64):016x} took {draw.random():.3f} ms on 10.0.{user % 256}.7"
        elif kind < 0.95:
            yield f"WARN  retry {user % 5} of call to inventory:8080/api/v1/stock/{order} after timeout of 250 ms"
        else:
            yield f"ERROR payment {draw.getrandbits(128):032x} declined: code={user % 40} gateway=pay-{user % 3}"


def stamp(number: int) -> str:
    second = number // 500
    return (
        f"2026-01-02T{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{number * 7919 % 10**9:09d}Z"
    )


def docker(number: int, message: str) -> str:
    return json.dumps({"log": message + "\n", "stream": "stdout", "time": stamp(number)}, separators=(",", ":"))


def cri(number: int, message: str) -> str:
    return f"{stamp(number)} stdout F {message}"


def plain(number: int, message: str) -> str:
    return f"{stamp(number).replace('T', ' ')[:23]} {message}"


def json_lines(number: int, message: str) -> str:
    level, _, text = message.partition(" ")
    fields = {"@timestamp": stamp(number), "level": level.lower(), "message": text.strip(), "thread": number % 16}
    return json.dumps(fields | {"http": {"status": 200 + number % 3, "path": f"/api/{number % 7}"}})


def chunks(body: bytes, form: str) -> Iterator[Chunk]:
    source = Source("0123456789abcdef", service="shop", format=form)
    start = 0
    while start < len(body):
        end = body.rfind(b"\n", start, start + CHUNK_BYTES) + 1
        yield Chunk(source, start, end, READ_NS, body[start:end])
        start = end


def measure(work: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best


def run(name: str, form: str, body: bytes, lines: int) -> None:
    cut = list(chunks(body, form))
    framed = [frame(chunk).frame for chunk in cut]
    parsed = [parse(chunk, records) for chunk, records in zip(cut, framed, strict=True)]
    assert sum(part.height for part in parsed) == lines

    def frame_all() -> None:
        for chunk in cut:
            frame(chunk)

    def parse_all() -> None:
        for chunk, records in zip(cut, framed, strict=True):
            parse(chunk, records)

    def sign_all() -> None:
        for lines_of_chunk in parsed:
            signature_columns(lines_of_chunk)

    def everything() -> None:
        for chunk in cut:
            signature_columns(parse(chunk, frame(chunk).frame))

    steps = {"frame": frame_all, "parse": parse_all, "signature": sign_all, "all": everything}
    print(f"{name}: {lines:,} lines of {len(body) / lines:.0f} bytes in {len(cut)} chunks")
    for step, work in steps.items():
        seconds = measure(work)
        print(
            f"  {step:10} {seconds:6.2f} CPU-s  {lines / seconds / 1e3:8.0f} k lines/CPU-s"
            f"  {len(body) / seconds / 1e6:7.1f} MB/CPU-s"
        )


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_LINES
    texts = list(messages(lines))
    for name, form, write in (
        ("docker json-file", "auto", docker),
        ("CRI", "auto", cri),
        ("plain text", "plain", plain),
        ("JSON lines", "ndjson", json_lines),
    ):
        body = "".join(f"{write(number, text)}\n" for number, text in enumerate(texts)).encode()
        run(name, form, body, lines)


if __name__ == "__main__":
    main()
