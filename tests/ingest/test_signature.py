import random

import polars as pl
import pytest

from ingest.signature import HEAD_CHARACTERS, SIGNATURE_VERSION, mask, signature_columns

TABLE = [
    ("order 17 shipped in 3 ms", "order <*> shipped in <*> ms"),
    ("GET http://10.0.3.7:8080/api/v2 took 1.5s", "GET http://<*>/api/v<*> took <*>s"),
    ("id 8d3e5f10-1234-4abc-9def-0123456789ab ok", "id <*> ok"),
    ("TraceID: 93bead877ae15b6d9cdf1c1569881314 SpanID: 0b3fba9c4ba54a89", "TraceID: <*> SpanID: <*>"),
    ("at 0x7fff5c and 0xDEADBEEF", "at <*> and <*>"),
    ("2026-01-02T03:04:05,678 x", "<*>-<*>-<*>T<*> x"),
    ("worker-5 of pool7", "worker-<*> of pool<*>"),
    ("VM Started", "VM Started"),
    ("feedface cafe added", "<*> cafe added"),
    ("错误 17 次", "错误 <*> 次"),
    ("Boom: x\n\tat a.b(C.java:7)\n  more\nCaused by: y 3\n\tat d", "Boom: x\nCaused by: y <*>"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "masked"), TABLE, ids=[text[:20] or "empty" for text, _ in TABLE])
def test_runs_of_digits_and_hex_are_masked_and_words_are_not(text: str, masked: str) -> None:
    assert pl.select(mask(pl.lit(text))).item() == masked


def lines(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return signature_columns(
        pl.DataFrame(rows, schema=dict.fromkeys(["message", "service", "level"], pl.String), orient="row")
    )


GOLDEN = [
    (("order 17 shipped in 3 ms", "cart", "info"), "ab78ce426812aed3", "d5bfabb955e49428"),
    (("VM Started", "", ""), "8178decd3cf33efa", "e5ed22cf16582b2d"),
    (("[错误] 数据库 10.0.0.7:3306 连接失败", "orders", "error"), "e87ba08e6e504a48", "394cca1b51dc5a21"),
    (("", "cart", ""), "e4a6a0577479b2b4", "bd49625705905ce3"),
]


@pytest.mark.parametrize(("row", "signature", "shape"), GOLDEN)
def test_the_hashes_are_the_specified_ones(row: tuple[str, str, str], signature: str, shape: str) -> None:
    found = lines(row)
    assert SIGNATURE_VERSION == 1
    assert (f"{found['signature'][0]:016x}", f"{found['shape'][0]:016x}") == (signature, shape)
    assert found.schema["signature"] == found.schema["shape"] == pl.UInt64


def test_a_signature_depends_on_the_message_alone_and_a_shape_on_service_and_level_too() -> None:
    found = lines(("a 1", "x", "info"), ("a 2", "y", "info"), ("a 3", "x", "error"), ("a 4", "x", "info"))
    assert found["signature"].n_unique() == 1
    assert found["shape"].to_list()[0] == found["shape"].to_list()[3]
    assert found["shape"].n_unique() == 3


def test_rows_keep_their_order_and_company_changes_nothing() -> None:
    draw = random.Random(5)
    rows = [(f"{draw.choice('abc')} {n}", draw.choice(["", "s", "t"]), draw.choice(["", "warn"])) for n in range(500)]
    together = lines(*rows).select("signature", "shape").rows()
    assert together == [lines(row).select("signature", "shape").row(0) for row in rows]
    assert lines().height == 0


def test_only_the_head_of_a_message_counts() -> None:
    head = "x" * HEAD_CHARACTERS
    assert lines((head + "a", "", ""))["signature"][0] == lines((head + "b", "", ""))["signature"][0]


def test_words_at_random_make_a_bounded_number_of_shapes() -> None:
    draw = random.Random(9)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(1, 60))) for _ in range(20_000)]
    found = lines(*((f"{word} {word[::-1]}", "hostile", "info") for word in words))
    assert found["signature"].n_unique() > 19_000
    assert found["shape"].n_unique() <= 12 * 256
