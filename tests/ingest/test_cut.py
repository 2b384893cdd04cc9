"""Cuts lie between records, outside of runs and traces, and no byte is passed over."""

import itertools
import json
import random
from collections.abc import Callable

import pytest

from ingest.cut import Cuts, find_cuts


def docker(text: str, stream: str = "stdout") -> bytes:
    return json.dumps({"log": text, "stream": stream, "time": "2026-01-01T00:00:00Z"}).encode() + b"\n"


def docker_line(text: str) -> bytes:
    return docker(text + "\n")


def cri(text: str, tag: str = "F", stream: str = "stdout") -> bytes:
    return f"2026-01-01T00:00:00.000000001Z {stream} {tag} {text}\n".encode()


def plain(text: str) -> bytes:
    return text.encode() + b"\n"


TRACE = [
    "ERROR failed",
    "java.lang.IllegalStateException: no",
    "\tat com.shop.A.b(A.java:1)",
    "Caused by: x",
    "\tat a.B(C)",
]


def offsets(records: list[bytes]) -> list[int]:
    return [sum(map(len, records[:number])) for number in range(len(records) + 1)]


def test_all_but_the_last_record_is_ready_at_once() -> None:
    records = [plain(f"line {number}") for number in range(5)]
    cuts = find_cuts(b"".join(records))
    assert cuts == Cuts(ends=(offsets(records)[4],), whole=offsets(records)[5], is_open=False)


@pytest.mark.parametrize("frame", [plain, docker_line, cri], ids=["plain", "docker", "cri"])
def test_a_trace_at_the_end_waits_as_a_whole(frame: Callable[[str], bytes]) -> None:
    records = [frame("served GET /"), *map(frame, TRACE)]
    cuts = find_cuts(b"".join(records))
    assert cuts == Cuts(ends=(len(records[0]),), whole=offsets(records)[-1], is_open=True)


@pytest.mark.parametrize("frame", [plain, docker_line, cri], ids=["plain", "docker", "cri"])
def test_a_chunk_never_ends_inside_a_trace_that_fits(frame: Callable[[str], bytes]) -> None:
    records = [frame("served GET /"), *map(frame, TRACE)] * 40
    starts = {
        offset
        for offset, record in zip(offsets(records), records, strict=False)
        if record in {frame(TRACE[0]), frame("served GET /")}
    }
    for limit in range(600, 1500, 37):
        cuts = find_cuts(b"".join(records), limit=limit)
        assert set(cuts.ends) <= starts
        assert max(b - a for a, b in zip((0, *cuts.ends), cuts.ends, strict=False)) <= limit


@pytest.mark.parametrize(
    "records",
    [
        [docker("a" * 50), docker("b\n"), docker("next\n"), docker("last\n")],
        [docker("a" * 50), docker("x\n", "stderr"), docker("b\n"), docker("next\n"), docker("last\n")],
        [cri("a" * 50, "P"), cri("b"), cri("next"), cri("last")],
        [cri("a" * 50, "P:x"), cri("e", "F", "stderr"), cri("b", "P"), cri("", "F"), cri("next"), cri("last")],
        [docker("a\\n"), docker("b\n"), docker("next\n"), docker("last\n")],
    ],
    ids=["docker", "docker, streams interleaved", "cri", "cri, streams interleaved", "docker, a backslash before n"],
)
def test_a_run_of_partial_records_is_never_cut(records: list[bytes]) -> None:
    body, places = b"".join(records), offsets(records)
    for limit in range(places[-3], places[-1]):
        cuts = find_cuts(body, limit=limit)
        assert set(cuts.ends) <= {places[-3], places[-2]}, limit


def test_an_open_partial_record_at_the_end_waits() -> None:
    records = [cri("done"), cri("half", "P")]
    assert find_cuts(b"".join(records)) == Cuts((len(records[0]),), offsets(records)[-1], is_open=True)


def test_an_unterminated_line_is_not_whole() -> None:
    cuts = find_cuts(b"one\ntwo\nthr")
    assert (cuts.ends, cuts.whole) == ((4,), 8)
    assert find_cuts(b"thr") == Cuts((), 0, is_open=False)
    assert find_cuts(b"") == Cuts((), 0, is_open=False)


def test_a_line_longer_than_a_chunk_goes_in_pieces_of_whole_characters() -> None:
    body = ("日本語" * 1000).encode() + b"\nnext\nlast\n"
    cuts = find_cuts(body, limit=1000)
    pieces = [body[a:b] for a, b in zip((0, *cuts.ends), cuts.ends, strict=False)]
    assert all(piece.decode() and 997 <= len(piece) <= 1000 for piece in pieces[:9])
    assert body[: cuts.ends[-1]].endswith(b"\nnext\n")


def test_a_run_longer_than_a_chunk_is_cut_at_a_line_end() -> None:
    records = [plain("start"), *[plain("\tat com.shop.A.b(A.java:1)")] * 200]
    cuts = find_cuts(b"".join(records), limit=500)
    assert set(cuts.ends) <= set(offsets(records))
    assert len(cuts.ends) >= 10


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_cut_within_the_limit_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    alphabet = [
        b"\n",
        b"\n",
        b" ",
        b"\t",
        b"a",
        b"\xff",
        b"\0",
        b"\r",
        docker("x\n"),
        docker("x"),
        cri("p", "P"),
        b'{"log":',
    ]
    body = b"".join(chance.choices(alphabet, k=400))
    cuts = find_cuts(body, limit=64)
    ends = (0, *cuts.ends, len(body))
    assert list(ends) == sorted(set(ends) | {0, len(body)})
    assert all(b - a <= 64 for a, b in itertools.pairwise(ends))
    assert cuts.whole == body.rfind(b"\n") + 1 or cuts.whole == cuts.ends[-1]


def test_what_lies_behind_a_full_buffer_is_left_to_the_next_one() -> None:
    body = b"".join(plain(f"line {number}") for number in range(1000))
    cuts = find_cuts(body, limit=1000, more_follows=True)
    assert len(body) - 1000 <= cuts.ends[-1] <= len(body)
    assert cuts.whole == cuts.ends[-1]
