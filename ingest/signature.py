"""What kind of message a line is, as two numbers that any worker computes alike: signature and shape."""

import hashlib

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
_SHAPE_CHARACTERS = 128
"""How far the first words may lie. A guess."""
_FRAMES = r"\n[ \t][^\n]*"
"""The indented lines of a stack trace."""


def mask(text: pl.Expr) -> pl.Expr:
    """The text with its runs of digits and hex as `<*>`, without the frames of a stack trace, cut to the head."""
    return text.str.head(HEAD_CHARACTERS).str.replace_all(_FRAMES, "").str.replace_all(_RUN, PLACEHOLDER)


def signature_columns(lines: pl.DataFrame) -> pl.DataFrame:
    """Add `signature` and `shape` (UInt64) from `message`, `service` and `level`. Pure functions of those three."""
    masked = lines.select(mask(pl.col("message")).alias("_masked"))
    texts = masked["_masked"].unique()
    kinds = texts.to_frame().with_columns(_hashes(texts).alias("signature"))
    signature = masked.join(kinds, on="_masked", how="left", maintain_order="left")["signature"]
    keys = lines.select("service", "level").with_columns(signature)
    shapes = keys.unique().join(kinds, on="signature")
    shapes = shapes.with_columns(_hashes(shapes.select(_shape_text()).to_series()).alias("shape")).drop("_masked")
    shape = keys.join(shapes, on=keys.columns, how="left", maintain_order="left")["shape"]
    return lines.with_columns(signature, shape)


def _hashes(texts: pl.Series) -> pl.Series:
    """The first 64 bits of BLAKE2b (RFC 7693, digest of 8 bytes) of each text's UTF-8, big-endian."""
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return pl.Series([int.from_bytes(digest, "big") for digest in digests], dtype=pl.UInt64)


def _shape_text() -> pl.Expr:
    """Service, level, the binary logarithm of the length, and in which of 256 classes the first two words fall: at most
    7 * 12 * 256 shapes a service, whatever a hostile one writes.
    """
    text = pl.col("_masked")
    length = (text.str.len_chars() + 1).log(2).floor().cast(pl.Int64).cast(pl.String)
    words = text.str.head(_SHAPE_CHARACTERS).str.extract_all(r"\p{L}{2,}").list.head(2).list.join(" ")
    word_class = words.map_batches(_word_class, return_dtype=pl.String)
    return pl.concat_str(pl.col("service"), pl.col("level"), length, word_class, separator="\x1f")


def _word_class(words: pl.Series) -> pl.Series:
    return (_hashes(words) % 256).cast(pl.String)
