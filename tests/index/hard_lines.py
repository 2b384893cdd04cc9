"""Lines on which stores that decide queries in different ways could disagree; the same every time."""

import json
import random

import polars as pl

from ingest.line import LEVELS, LINE_SCHEMA
from ingest.signature import signature_columns
from tests.index.lines_made import START_NS

WORDS = (
    "order",
    "ORDER",
    "orders",
    "user_7",
    "db-3",
    "10.0.0.1:8080",
    "refused",
    "straße",
    "STRASSE",
    "ΣΑΣ",
    "σας",
    "İx",
    "\u212aelvin",
    "超时",
    "支付超时了",
    "超",
    "时",
    "カ・ナ",
    "⺀",
    "foo超时bar",
    "\u0e01\u0e33",
    "e\u0301t",
    "x" * 199 + "yz",
    "x" * 250,
    "x" * 260,
    "—",
    "--",
    "\x00",
    "\u2028",
    '"quoted"',
    "back\\slash",
    "404",
    "0404",
)
ATTRIBUTES = (
    None,
    '{"status":404}',
    '{"status":"404"}',
    '{"status": 404.0}',
    '{"status":4.040e2}',
    '{"status":[404,500]}',
    '{"status":["404"]}',
    '{"status":null}',
    '{"status":""}',
    '{"status":"not found 404"}',
    '{"status":-0}',
    '{"status":12345678901234567890}',
    '{"status":true}',
    '{"status":{}}',
    '{"status":[]}',
    '{"status":{"code":404}}',
    '{"user":{"name":"Ann"}}',
    '{"user.name":"Ann"}',
    '{"user.name":"Ann","user":{"name":"Bob"}}',
    '{"user":{"first.name":"Ann"}}',
    '{"user.first":{"name":"Ann"}}',
    '{"user":{"first":{"name":"Ann B. \\u8d85\\u65f6"}}}',
    '{"user":{"name":"超时 Ann"}}',
    '{"path":"/api/cart","took":1.50}',
    '{"path":"\\/api\\ncart","took":0.25}',
    '{"path":"C:\\\\api","took":"1.5"}',
    '{"path":"/API/cart","path":"/b"}',
    '{"took":1500,"user":{"name":"ANN"}}',
    json.dumps({"path": "y" * 9_000 + " api"}),
    '{"deep":' * 25 + "404" + "}" * 25,
    '{"a b":{"c-d":"404"},"status":200}',
)


def hard_lines(count: int, *, seed: int) -> pl.DataFrame:
    """Lines of two sources over two days, many with equal times."""
    dice = random.Random(seed)
    rows = [_row(dice, number) for number in range(count)]
    lines = signature_columns(pl.DataFrame(rows, schema=LINE_SCHEMA, orient="row").drop("signature", "shape"))
    return lines.select(LINE_SCHEMA.names())


def _row(dice: random.Random, number: int) -> dict[str, object]:
    time_ns = START_NS + dice.randrange(40) * 3_600_000_000_000 + dice.choice((0, 1, 999_999, 60_000_000_000))
    words = dice.choices(WORDS, k=dice.randrange(5))
    return {
        "source": f"{number % 2:016x}",
        "position": number * 10,
        "time_ns": time_ns,
        "arrival_ns": time_ns + dice.randrange(3) * 86_400_000_000_000,
        "service": dice.choice(("cart", "Cart", "straße", "", "a b", "pay*")),
        "host": dice.choice(("host-1", "")),
        "namespace": "",
        "pod": dice.choice(("pod-1", "pod-2", "")),
        "container": "",
        "level": dice.choice(LEVELS),
        "stream": dice.choice(("stdout", "stderr", "")),
        "message": dice.choice((" ", "", ", ")).join(words),
        "attributes": dice.choice(ATTRIBUTES),
        "signature": 0,
        "shape": 0,
        "marks": dice.randrange(128),
    }
