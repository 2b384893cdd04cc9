"""Lines for tests of stores: small, varied, the same every time."""

import numpy as np
import polars as pl

from ingest.line import LINE_SCHEMA
from ingest.line_sink import SourceRange

START_NS = 1_700_000_000_000_000_000
STEP_NS = 700_000_000
RECORD_BYTES = 100
TEMPLATES = (
    ("orders", "info", "order {} placed by user_{}"),
    ("orders", "error", "payment for order {} refused: connection to db-{} reset"),
    ("stock", "info", "reserved {} items in shelf {}"),
    ("stock", "warn", "库存不足 sku {} 剩余 {}"),
    ("gateway", "", "GET /api/v1/orders/{} took {} ms"),
)


def made_lines(
    count: int, *, source: str = "00000000000000aa", first: int = 0, start_ns: int = START_NS
) -> pl.DataFrame:
    """Lines number `first` to `first + count` of one source, one each 700 ms, in the order of their records."""
    numbers = np.arange(first, first + count)
    kinds = numbers * 7 % len(TEMPLATES)
    return pl.DataFrame(
        {
            "source": [source] * count,
            "position": numbers * RECORD_BYTES,
            "time_ns": start_ns + numbers * STEP_NS,
            "arrival_ns": start_ns + numbers * STEP_NS + 5,
            "service": [TEMPLATES[kind][0] for kind in kinds],
            "host": ["host-1"] * count,
            "namespace": ["shop"] * count,
            "pod": [f"pod-{kind}" for kind in kinds],
            "container": [""] * count,
            "level": [TEMPLATES[kind][1] for kind in kinds],
            "stream": ["stderr" if kind == 1 else "stdout" for kind in kinds],
            "message": [
                TEMPLATES[kind][2].format(f"{number * 2_654_435_761 % 2**32:08x}", number % 13)
                for number, kind in zip(numbers, kinds, strict=True)
            ],
            "attributes": [
                None
                if number % 3
                else f'{{"status":{200 + number % 5},"http":{{"path":"/a/{number % 2}"}},"x.y":"v w"}}'
                for number in numbers
            ],
            "signature": kinds.astype(np.uint64) + np.uint64(2**63),
            "shape": kinds // 2 + 10,
            "marks": numbers * 0,
        },
        schema_overrides={"signature": pl.UInt64},
    ).cast(LINE_SCHEMA)


def covers_of(lines: pl.DataFrame) -> list[SourceRange]:
    """The bytes of the records of lines that follow each other in each source."""
    ends = lines.group_by("source").agg(pl.col("position").min().alias("low"), pl.col("position").max().alias("high"))
    return [SourceRange(source, low, high + RECORD_BYTES) for source, low, high in ends.sort("source").iter_rows()]
