import itertools
import json
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import cut
from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.cut import find_cuts
from ingest.frame import FRAME_SCHEMA, frame, frame_raw
from ingest.line import Mark
from ingest.source import Source

TIME = "2026-01-02T03:04:05.678901234Z"
TIME_NS = 1_767_323_045_678_901_234


def chunk(body: bytes, *, start: int = 0, form: str = "auto", inside: bool = False) -> Chunk:
    source = Source("0123456789abcdef", service="cart", format=form)
    return Chunk(source, start, start + len(body), 1_767_400_000_000_000_000, body, starts_inside_line=inside)


def docker(log: str, stream: str = "stdout", time: str = TIME) -> bytes:
    return json.dumps({"log": log, "stream": stream, "time": time}, ensure_ascii=False).encode() + b"\n"


def cri(content: bytes, tag: str = "F", stream: str = "stdout") -> bytes:
    return f"{TIME} {stream} {tag} ".encode() + content + b"\n"


def messages(body: bytes, form: str = "auto") -> list[str]:
    return frame(chunk(body, form=form)).frame["message"].to_list()


def marks(body: bytes, form: str = "auto") -> list[Mark]:
    return [Mark(value) for value in frame(chunk(body, form=form)).frame["marks"]]


def test_a_docker_record_gives_message_stream_time_and_position() -> None:
    first, second = docker("one\n"), docker("two\n", "stderr")
    framed = frame(chunk(first + second, start=100)).frame
    assert framed.schema == FRAME_SCHEMA
    assert framed.rows() == [(100, "one", "stdout", TIME_NS, 0), (100 + len(first), "two", "stderr", TIME_NS, 0)]


def test_a_cri_record_gives_message_stream_time_and_position() -> None:
    first, empty = cri(b"one  two "), cri(b"", "F:x", "stderr")
    framed = frame(chunk(first + empty + cri(b"end"), start=7)).frame
    third = 7 + len(first) + len(empty)
    assert framed.rows() == [(7, "one  two ", "stdout", TIME_NS, 0), (third, "end", "stdout", TIME_NS, 0)]


def test_plain_lines_stay_as_they_are() -> None:
    assert frame(chunk(b"a b\n c=d\n", start=5, form="plain")).frame.rows()[0] == (
        5,
        "a b\n c=d",
        "",
        None,
        Mark.FOLDED,
    )


@pytest.mark.parametrize("offset", ["+08:00", "-05:30", "Z"])
def test_a_runtimes_time_with_an_offset_is_read(offset: str) -> None:
    shift = {"+08:00": -8 * 3600, "-05:30": 5 * 3600 + 1800, "Z": 0}[offset]
    body = docker("x\n", time=f"2026-01-02T03:04:05.5{offset}") + docker("y\n")
    times = frame(chunk(body)).frame["time_ns"].to_list()
    assert times == [1_767_323_045_500_000_000 + shift * 10**9, TIME_NS]


def test_parts_of_two_interleaved_streams_are_joined_each() -> None:
    body = docker("a1 ") + docker("b1 ", "stderr") + docker("a2 ") + docker("b2\n", "stderr") + docker("a3\n")
    framed = frame(chunk(body)).frame
    assert framed.select("position", "message", "stream").rows() == [
        (0, "a1 a2 a3", "stdout"),
        (len(docker("a1 ")), "b1 b2", "stderr"),
    ]
    assert marks(body) == [Mark.FOLDED, Mark.FOLDED]


def test_cri_parts_are_joined_per_stream_and_a_run_without_its_end_is_partial() -> None:
    body = cri(b"a1", "P") + cri(b"b1", "P", "stderr") + cri(b"a2", "P:tag") + cri(b"", "F") + cri(b"b2", "P", "stderr")
    assert messages(body) == ["a1a2", "b1b2"]
    assert marks(body) == [Mark.FOLDED, Mark.FOLDED | Mark.PARTIAL]


def test_a_lone_part_at_the_end_is_partial() -> None:
    assert marks(docker("whole\n") + docker("part")) == [Mark(0), Mark.PARTIAL]


def test_a_40_kib_message_in_docker_parts_with_a_character_on_the_cut_comes_out_whole() -> None:
    message = ("x" * 16_382 + "😀" + "y" * 16_000 + "中文😀" * 700).encode()
    parts = [message[at : at + 16_384] for at in range(0, len(message), 16_384)] + [b""]
    head, tail = b'{"log":"', f'","stream":"stdout","time":"{TIME}"}}\n'.encode()
    body = b"".join(head + part + (b"\\n" if not part else b"") + tail for part in parts)
    framed = frame(chunk(body)).frame
    assert framed["message"].to_list() == [message.decode()]
    assert Mark(framed["marks"][0]) == Mark.FOLDED


def test_a_character_cut_in_two_by_cri_parts_comes_out_whole() -> None:
    raw = "前😀后".encode()
    for at in range(1, len(raw)):
        body = cri(raw[:at], "P") + cri(b"other", "F", "stderr") + cri(raw[at:])
        assert messages(body) == ["前😀后", "other"]
        assert marks(body) == [Mark.FOLDED, Mark(0)]


def test_bytes_that_are_not_utf8_are_kept_and_marked() -> None:
    assert messages(b"ok\nbad \xff\xfe end\n\xc3\n") == ["ok", "bad \\xff\\xfe end", "\\xc3"]
    assert marks(b"ok\nbad \xff\xfe end\n\xc3\n") == [Mark(0), Mark.INVALID_UTF8, Mark.INVALID_UTF8]


def test_private_characters_next_to_invalid_bytes_are_not_mistaken_for_them() -> None:
    assert messages("a \U0010ff80 b".encode() + b" \xff\n") == ["a \U0010ff80 b \\xff"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"one\r\ntwo\r\n", ["one", "two"], id="crlf"),
        pytest.param(b"one\rstill one\n", ["one\rstill one"], id="lone-cr"),
        pytest.param(b"\xef\xbb\xbfone\n", ["one"], id="byte-order-mark"),
        pytest.param(b"a\x00b\n", ["a\x00b"], id="nul"),
        pytest.param(b"last without end", ["last without end"], id="unterminated"),
        pytest.param("错误 数据库\n".encode(), ["错误 数据库"], id="chinese"),
    ],
)
def test_odd_bytes_of_a_plain_line_are_kept(body: bytes, expected: list[str]) -> None:
    assert messages(body) == expected


def test_utf16_is_kept_byte_for_byte_and_marked() -> None:
    body = "ab\n".encode("utf-16")
    assert messages(body)[0].startswith("\\xff\\xfea\x00b\x00")
    assert Mark.INVALID_UTF8 in marks(body)[0]


def test_a_thousand_blank_lines_give_no_line_and_are_counted_and_positions_stay_exact() -> None:
    framed = frame(chunk(b"first\n" + b"\n" * 500 + b"  \r\n" * 500 + b"last\n"))
    assert framed.blank == 1000
    assert framed.frame["position"].to_list() == [0, 6 + 500 + 2000]


def test_a_blank_docker_record_is_counted_too() -> None:
    framed = frame(chunk(docker("\n") + docker("x\n") + docker(" \r\n")))
    assert (framed.frame["message"].to_list(), framed.blank) == (["x"], 2)


def test_a_record_that_is_not_cri_in_a_cri_file_is_kept_raw_and_marked() -> None:
    body = cri(b"one") + b"rpc error: no such container\n" + cri(b"two") + f"{TIME} stdin F x\n".encode()
    assert messages(body) == ["one", "rpc error: no such container", "two", f"{TIME} stdin F x"]
    assert marks(body) == [Mark(0), Mark.UNPARSED, Mark(0), Mark.UNPARSED]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\x00\x00\x00", id="nuls"),
        pytest.param(b'{"log":"cut off', id="truncated"),
        pytest.param(b'{"log":"a\\n","stream":"stdout","time":"t"}{"log":"b', id="two-on-a-line"),
        pytest.param(b'{"log":' + b"[" * 100_000, id="deep"),
        pytest.param(b'{"log":{"a":1},"stream":"stdout","time":"t","x":NaN}', id="nan"),
        pytest.param(b'{"stream":"stdout","time":"t"}', id="no-log"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"panic: runtime", id="text"),
    ],
)
def test_a_broken_docker_record_is_kept_raw_and_marked_and_its_neighbours_are_read(broken: bytes) -> None:
    body = docker("one\n") * 200 + broken + b"\n" + docker("two\n") * 200
    framed = frame(chunk(body, form="docker")).frame
    assert framed.height == 401
    assert framed["message"][200] == broken.decode()
    assert Mark(framed["marks"][200]) == Mark.UNPARSED
    assert framed["marks"].sum() == Mark.UNPARSED
    assert framed["position"][201] == len(docker("one\n")) * 200 + len(broken) + 1


def test_half_of_a_surrogate_pair_in_a_docker_record_loses_no_record() -> None:
    body = docker("one\n") + b'{"log":"x\\ud83dy\\n","stream":"stdout","time":"t"}\n' + docker("a\0b\n")
    framed = frame(chunk(body)).frame
    assert framed["message"].to_list() == ["one", '{"log":"x\\ud83dy\\n","stream":"stdout","time":"t"}', "a\0b"]


JAVA = [
    "Exception in thread main java.lang.IllegalStateException: boom",
    "\tat shop.Cart.add(Cart.java:7)",
    "Caused by: java.io.IOException: closed",
    "\tat shop.Stock.take(Stock.java:70)",
    "\t... 12 more",
]
PYTHON = [
    "ERROR cart failed",
    "Traceback (most recent call last):",
    '  File "cart.py", line 7, in add',
    "    take(1)",
    "KeyError: 'sku'",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "cart.py", line 9, in add',
    "    raise CartError from None",
    "shop.CartError: no stock",
]
GO = [
    "panic: runtime error: index out of range [5] with length 3",
    "",
    "goroutine 1 [running]:",
    "main.main()",
    "\t/src/main.go:8 +0x1d",
    "exit status 2",
]


@pytest.mark.parametrize("trace", [JAVA, PYTHON, GO], ids=["java", "python", "go"])
def test_a_stack_trace_is_one_line_though_the_other_stream_writes_between(trace: list[str]) -> None:
    body = b"".join(docker(f"{text}\n", "stderr") + docker(f"INFO tick {n}\n") for n, text in enumerate(trace))
    framed = frame(chunk(body + docker("next\n", "stderr"))).frame
    on_stderr = framed.filter(pl.col("stream") == "stderr")
    assert on_stderr["message"].to_list() == ["\n".join(trace), "next"]
    assert on_stderr["marks"].to_list() == [Mark.FOLDED, 0]
    assert framed.filter(pl.col("stream") == "stdout").height == len(trace)


@pytest.mark.parametrize("trace", [JAVA, PYTHON, GO], ids=["java", "python", "go"])
def test_a_stack_trace_in_a_plain_file_is_one_line(trace: list[str]) -> None:
    assert messages("\n".join(["before", *trace, "after", ""]).encode()) == ["before", "\n".join(trace), "after"]


def test_a_line_longer_than_a_chunk_comes_in_marked_pieces_and_the_next_line_is_right() -> None:
    first = frame(chunk(b"x" * CHUNK_BYTES)).frame
    rest = frame(chunk(b"y" * 10 + b"\nnext\n", start=CHUNK_BYTES, inside=True)).frame
    assert Mark(first["marks"][0]) == Mark.SPLIT
    assert rest.rows() == [(CHUNK_BYTES, "y" * 10, "", None, Mark.SPLIT), (CHUNK_BYTES + 11, "next", "", None, 0)]


def test_an_unterminated_last_line_is_not_a_piece() -> None:
    assert marks(b"one\ntwo") == [Mark(0), Mark(0)]


def test_the_middle_of_a_long_line_does_not_decide_the_format() -> None:
    body = b'tail"}\n' + docker("one\n")
    framed = frame(chunk(body, start=9, inside=True)).frame
    assert framed["message"].to_list() == ['tail"}', "one"]
    assert Mark(framed["marks"][0]) == Mark.SPLIT | Mark.UNPARSED


def test_raw_framing_keeps_every_line_as_it_is() -> None:
    framed = frame_raw(chunk(docker("a\n") + b"\n  indented \xff\n"))
    assert framed.frame["message"].to_list() == [docker("a\n").decode().strip(), "  indented \\xff"]
    assert framed.blank == 1
    assert (framed.frame["marks"].to_numpy() & Mark.UNPARSED).all()


def test_an_empty_chunk_gives_nothing() -> None:
    assert frame(chunk(b"")).frame.height == 0


TEXTS = st.sampled_from(
    [
        "INFO ok",
        "  x",
        "\tat a.b(C.java:1)",
        "Caused by: x",
        "",
        "中😀文",
        "java.lang.FooException: x",
        "}",
        *PYTHON,
        *GO,
    ]
)


def _written(rows: list[tuple[str, str, int]], form: str) -> bytes:
    """Rows (text, stream, in how many parts) as a runtime writes them."""
    body = b""
    for text, stream, parts in rows:
        step = max(1, -(-len(text) // parts))
        pieces = [text[at : at + step] for at in range(0, len(text), step)] or [""]
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            if form == "docker":
                body += docker(piece + "\n" * is_last, stream)
            elif form == "cri":
                body += cri(piece.encode(), "F" if is_last else "P", stream)
        if form == "plain":
            body += text.encode() + b"\n"
    return body


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, st.sampled_from(["stdout", "stderr"]), st.integers(1, 3)), min_size=1, max_size=12),
    form=st.sampled_from(["docker", "cri", "plain"]),
)
def test_a_chunk_cut_wherever_the_collector_may_cut_gives_the_lines_of_the_whole(
    rows: list[tuple[str, str, int]], form: str
) -> None:
    body = _written(rows, form)
    whole = frame(chunk(body, form=form))
    found = cut.records(body, 0, len(body))
    for place in [record.start for record in found[1:]]:
        if cut._largest_free(found, place, at_start=True) == place:
            left = frame(chunk(body[:place], form=form))
            right = frame(chunk(body[place:], start=place, form=form))
            assert left.frame.vstack(right.frame).rows() == whole.frame.rows()
            assert left.blank + right.blank == whole.blank


def test_a_large_chunk_cut_by_the_collector_gives_the_lines_of_the_whole() -> None:
    draw = random.Random(11)
    texts = ["INFO ok", "", "中😀文", *JAVA, *PYTHON, *GO, "INFO end"]
    rows = [(text, draw.choice(["stdout", "stderr"]), draw.randint(1, 2)) for text in texts * 40]
    for form in ("docker", "cri"):
        body = _written(rows, form)
        ends = [*find_cuts(body, limit=8192, more_follows=True).ends, len(body)]
        assert len(ends) > 5
        parts = [frame(chunk(body[low:high], start=low)) for low, high in itertools.pairwise([0, *ends])]
        whole = frame(chunk(body))
        assert pl.concat([part.frame for part in parts]).rows() == whole.frame.rows()
        assert sum(part.blank for part in parts) == whole.blank > 0


def test_random_bytes_lose_no_line_and_raise_nothing() -> None:
    draw = random.Random(7)
    for _ in range(60):
        body = bytes(draw.choices(b'{}"\\:,[]logstream\x00\xff\xc3\xe4\r\n\n aF P0T-', k=600))
        for form in ("docker", "cri", "plain", "auto", "ndjson"):
            framed = frame(chunk(body, form=form))
            assert framed.frame["position"].is_sorted()
            assert framed.frame["position"].n_unique() == framed.frame.height
            if form == "docker":
                assert framed.frame.height + framed.blank <= body.count(b"\n") + 1
