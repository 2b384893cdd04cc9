"""What kind of message a line is, as two numbers that any worker computes alike: signature and shape."""

import hashlib
import re

import numpy as np
import polars as pl

SIGNATURE_VERSION = 1
"""Goes with every stored segment. Any change to what `mask` or the hashes give is a new version."""

HEAD_CHARACTERS = 2048
"""How much of a message counts (INGEST: a guess; longer messages differ in their head or in data)."""
PLACEHOLDER = "<*>"

_HEX_WORD = r"(?-u:\b)(?:0[xX])?[0-9a-fA-F]{8,}(?-u:\b)"
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_RUN = rf"{_UUID}|{_HEX_WORD}|0[xX][0-9a-fA-F]+|[0-9]+(?:[.:,][0-9]+)*"
"""Runs only, never whole words with a digit in them: lines are not rewritten, so what one mask joins no merge can part.
Numbers joined by dots, colons or commas are one run: addresses, clock times, versions, thousands."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_SHAPE_CHARACTERS = 128
"""How far the first words may lie. A guess."""
_FRAMES = r"\n[ \t][^\n]*"
"""The indented lines of a stack trace."""


def is_beyond_mask(text: pl.Expr) -> pl.Expr:
    """Whether the text holds something that its signature does not tell but for the digits and hex of its runs: more
    than the head, frames of a stack trace, or a placeholder that was no run.
    """
    return (text.str.len_chars() > HEAD_CHARACTERS) | text.str.contains(rf"\n[ \t]|{re.escape(PLACEHOLDER)}")


def mask(text: pl.Expr) -> pl.Expr:
    """The text with its runs of digits and hex as `<*>`, without the frames of a stack trace, cut to the head."""
    return text.str.head(HEAD_CHARACTERS).str.replace_all(_FRAMES, "").str.replace_all(_RUN, PLACEHOLDER)


def signature_columns(lines: pl.DataFrame) -> pl.DataFrame:
    """Add `signature` and `shape` (UInt64) from `message`, `service` and `level`. Pure functions of those three."""
    masked, masked_codes = _codes(lines.select_seq(mask(pl.col("message"))).to_series())
    services, service_codes = _codes(lines["service"])
    levels, level_codes = _codes(lines["level"])
    kinds = (masked_codes * len(services) + service_codes) * len(levels) + level_codes
    distinct, row_kinds = np.unique(kinds, return_inverse=True)
    texts = [masked[code] for code in (distinct // (len(services) * len(levels))).tolist()]
    others = [(services[code // len(levels) % len(services)], levels[code % len(levels)]) for code in distinct.tolist()]
    signatures = np.array([_hash(text) for text in texts], dtype=np.uint64)
    shapes = np.array([_shape(text, *other) for text, other in zip(texts, others, strict=True)], dtype=np.uint64)
    return lines.with_columns_seq(pl.Series("signature", signatures[row_kinds]), pl.Series("shape", shapes[row_kinds]))


def _codes(texts: pl.Series) -> tuple[list[str], "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """The distinct texts, and for each row which of them it is."""
    distinct = texts.unique()
    return distinct.to_list(), texts.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int64)


def _hash(text: str) -> int:
    """The first 64 bits of BLAKE2b (RFC 7693, digest of 8 bytes) of the text's UTF-8, big-endian."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _shape(masked: str, service: str, level: str) -> int:
    """Service, level, the binary logarithm of the length, and in which of 256 classes the first two words fall: at most
    7 * 12 * 256 shapes a service, whatever a hostile one writes.
    """
    words = " ".join(_WORD.findall(masked[:_SHAPE_CHARACTERS])[:2])
    parts = (service, level, str(len(masked).bit_length()), str(_hash(words) % 256))
    return _hash("\x1f".join(parts))
