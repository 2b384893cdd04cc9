"""From events to the bytes in the files: each template becomes one expression over columns, framing included."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import polars as pl

from ingest.simulate.layout import FIELD, escaped
from ingest.simulate.service import Service
from ingest.simulate.shop import Shop, Template

PIECE_BYTES = 16_384
"""Where Docker's json-file driver and containerd cut a line (their documented buffer size)."""
_TRACE_STEP_NS = 2_000
"""Between the stamps of two lines of a stack trace (a guess)."""
_CITIES = ("Lisbon", "Lyon", "Graz", "Osaka", "Quito", "Tallinn", "杭州", "München", "Leeds", "Tampa")
_CHINESE_CITIES = ("杭州", "上海", "广州", "成都", "武汉", "苏州", "西安", "青岛")
_PAYLOAD_WORDS = ("blue", "cotton", "large", "gift", "fragile", "refurbished", "seasonal", "limited", "oak", "wool")

Fields = dict[str, tuple[pl.Expr, ...]]


def fields(shop: Shop) -> Fields:
    """What each varying field is made of, over the columns of events."""
    zone_s, cities = shop.zone_s, _CHINESE_CITIES if shop.is_chinese else _CITIES
    clock = pl.from_epoch(pl.col("time_ns") + zone_s * 1_000_000_000, time_unit="ns")
    utc = pl.from_epoch("time_ns", time_unit="ns")
    millis = pl.col("time_ns") // 1_000_000
    item, salt = pl.col("item"), pl.col("salt")
    return {
        "clock_dot": (clock.dt.to_string("%Y-%m-%d %H:%M:%S%.3f"),),
        "clock_comma": (clock.dt.to_string("%Y-%m-%d %H:%M:%S,%3f"),),
        "clock_z": (utc.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),),
        "clock_epoch": (millis // 1000, pl.lit("."), _digits(millis % 1000, 3)),
        "trace": (pl.col("trace"),),
        "user": (pl.col("user"),),
        "order": (item % 8_000_000 + 1_000_000,),
        "sku": (pl.lit("A-"), item // 11 % 900 + 100),
        "qty": (item // 13 % 4 + 1,),
        "amount": (item // 17 % 400 + 3, pl.lit("."), _digits(item // 19 % 100, 2)),
        "city": (pl.lit(pl.Series(cities)).gather(item // 23 % len(cities)),),
        "ip": (pl.lit("10."), item // 29 % 250, pl.lit("."), item // 31 % 250, pl.lit("."), item // 37 % 250 + 1),
        "code": (pl.lit("K"), item // 41 % 90 + 10),
        "ms": (pl.col("ms"),),
        "n": (pl.col("n"),),
        "pct": (salt // 43 % 35 + 62,),
        "thread": (salt // 47 % 12 + 1,),
    }


def _digits(number: pl.Expr, width: int) -> pl.Expr:
    return number.cast(pl.String).str.zfill(width)


def _stamp(row: int) -> pl.Expr:
    return pl.from_epoch(pl.col("stamp_ns") + row * _TRACE_STEP_NS, time_unit="ns").dt.to_string(
        "%Y-%m-%dT%H:%M:%S%.9fZ"
    )


def render(shop: Shop, events: pl.DataFrame) -> pl.DataFrame:
    """The events with a column `text`, in their order: whole records of the container's file, line ends included."""
    numbered = events.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    known = fields(shop)
    rendered = []
    for (number,), group in sorted(numbered.partition_by("template", as_dict=True).items()):
        template = shop.templates[number]
        service = shop.services[template.service]
        if "{payload}" in template.text:
            text = _long_lines(known, service, template, group)
        else:
            text = group.select(pl.concat_str(_parts(known, service, template)).alias("text"))["text"]
        rendered.append(pl.DataFrame({"row": group["row"], "text": text}))
    if not rendered:
        return events.with_columns(pl.lit("").alias("text"))
    return events.with_columns(pl.concat(rendered).sort("row")["text"])


def _parts(known: Fields, service: Service, template: Template) -> list[pl.Expr]:
    """The record or, for a stack trace, the records of one line, piece by piece."""
    docker = service.container_format == "docker"
    stream = _stream(service, template)
    parts: list[pl.Expr] = []
    for row, text in enumerate(template.text.split("\n")):
        if docker:
            parts += [pl.lit('{"log":"'), *_filled(known, text, escaped)]
            parts += [pl.lit(f'\\n","stream":"{stream}","time":"'), _stamp(row), pl.lit('"}\n')]
        else:
            parts += [_stamp(row), pl.lit(f" {stream} F "), *_filled(known, text, str), pl.lit("\n")]
    return parts


def _filled(known: Fields, text: str, escape: Callable[[str], str]) -> list[pl.Expr]:
    """The literals of the text, escaped, and the columns between them. No field holds what needs escaping."""
    parts: list[pl.Expr] = []
    for turn, piece in enumerate(FIELD.split(text)):
        if turn % 2:
            parts += known[piece]
        elif piece:
            parts.append(pl.lit(escape(piece)))
    return parts


def _stream(service: Service, template: Template) -> Literal["stdout", "stderr"]:
    return "stderr" if service.errors_to_stderr and template.level in {"warn", "error"} else "stdout"


def _long_lines(known: Fields, service: Service, template: Template, group: pl.DataFrame) -> pl.Series:
    """The few lines longer than a runtime writes in one piece: made and cut one by one."""
    marked = re.sub(r"\{payload\}", "\0", template.text)
    lines = group.select(
        pl.concat_str(_filled(known, marked, str)).alias("line"), _stamp(0).alias("stamp"), pl.col("salt")
    )
    stream = _stream(service, template)
    cut = cut_docker if service.container_format == "docker" else cut_cri
    json = service.layout.escape == "json"
    texts = [
        cut(line.replace("\0", escaped(_payload(salt)) if json else _payload(salt)), stream, stamp)
        for line, stamp, salt in lines.rows()
    ]
    return pl.Series("text", texts, dtype=pl.String)


def _payload(salt: int) -> str:
    """A JSON array of 17 to 45 KiB."""
    rng = np.random.default_rng(salt)
    rows = int(rng.integers(220, 560))
    words = rng.integers(0, len(_PAYLOAD_WORDS), (rows, 2))
    numbers = rng.integers(0, 10**9, rows)
    items = [
        f'{{"id":{number},"note":"{_PAYLOAD_WORDS[a]} {_PAYLOAD_WORDS[b]}","price":{number % 9_999},"tags":["a{a}"]}}'
        for number, (a, b) in zip(numbers, words, strict=True)
    ]
    return "[" + ",".join(items) + "]"


def cut_docker(line: str, stream: str, stamp: str) -> str:
    """The records of one line in Docker's json-file format: only the last piece ends with a line break."""
    pieces = _pieces(line)
    records = []
    for number, piece in enumerate(pieces):
        end = "\\n" if number == len(pieces) - 1 else ""
        records.append(f'{{"log":"{escaped(piece)}{end}","stream":"{stream}","time":"{stamp}"}}\n')
    return "".join(records)


def cut_cri(line: str, stream: str, stamp: str) -> str:
    """The records of one line in CRI format: P for a piece that goes on, F for the last."""
    pieces = _pieces(line)
    tags = ["P"] * (len(pieces) - 1) + ["F"]
    return "".join(f"{stamp} {stream} {tag} {piece}\n" for tag, piece in zip(tags, pieces, strict=True))


def _pieces(line: str) -> Sequence[str]:
    """Pieces of PIECE_BYTES. Only the beginning of a long line may be other than ASCII, so no cut falls inside a
    character.
    """
    body = line.encode()
    return [body[at : at + PIECE_BYTES].decode() for at in range(0, len(body), PIECE_BYTES)]
