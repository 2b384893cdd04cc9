"""The bytes of a chunk as records: exact positions, text without loss, and what had to be done for it."""

import dataclasses

import numpy as np
import polars as pl

from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.line import Mark

NEWLINE = 0x0A
LONGEST_CHARACTER = 4
"""Bytes of a UTF-8 character; the cut of a long line may step back that much less one, to keep one whole."""
BYTE_ORDER_MARK = "\ufeff"

_STAND_INS = {0xDC00 + byte: 0x10FF00 + byte for byte in range(0x80, 0x100)}
"""Lone surrogates, as Python's `surrogateescape` gives them for bytes that are not UTF-8, to private characters of
plane 16: a Polars string holds those, and the byte can be had back once split characters are joined again."""
_SURROGATES = {stand_in: surrogate for surrogate, stand_in in _STAND_INS.items()}
_STAND_IN_BYTES = (b"\xf4\x8f\xbe", b"\xf4\x8f\xbf")
"""How the UTF-8 form of every stand-in begins."""
STAND_IN_PATTERN = "[\U0010ff80-\U0010ffff]"


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of one chunk, one element each, in order; a record ends at a line feed or with the chunk."""

    starts: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    """Positions in the source."""
    body: bytes
    """Valid UTF-8: the chunk's bytes, with stand-ins for the bytes that were not."""
    has_stand_ins: bool
    marks: pl.Series
    """SPLIT on pieces of a line that is longer than a chunk."""

    @property
    def texts(self) -> pl.Series:
        """Records as text, without their line feed."""
        if not len(self.starts):
            return pl.Series("text", [], dtype=pl.String)
        text = self.body[:-1] if self.body.endswith(b"\n") else self.body
        return pl.Series("text", [text.decode()]).str.split("\n").explode()


def records(chunk: Chunk) -> Records:
    """Cut the chunk at its line feeds. No byte is left out."""
    body = np.frombuffer(chunk.body, dtype=np.uint8)
    feeds = np.flatnonzero(body == NEWLINE)
    starts = np.concatenate(([0], feeds + 1)) if len(body) else np.empty(0, dtype=np.int64)
    if len(starts) and starts[-1] == len(body):
        starts = starts[:-1]
    text, has_stand_ins = _valid(chunk.body)
    return Records((starts + chunk.start).astype(np.int64), text, has_stand_ins, _split_marks(chunk, starts))


def _valid(body: bytes) -> tuple[bytes, bool]:
    try:
        body.decode()
    except UnicodeDecodeError:
        if any(head in body for head in _STAND_IN_BYTES):  # these characters are in use: give up on split characters
            return body.decode(errors="backslashreplace").encode(), False
        return body.decode(errors="surrogateescape").translate(_STAND_INS).encode(), True
    return body, False


def _split_marks(chunk: Chunk, starts: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pl.Series:
    marks = np.zeros(len(starts), dtype=np.uint16)
    if len(starts):
        if chunk.starts_inside_line:
            marks[0] = Mark.SPLIT
        if chunk.body[-1] != NEWLINE and len(chunk.body) - int(starts[-1]) > CHUNK_BYTES - LONGEST_CHARACTER:
            marks[-1] = Mark.SPLIT
    return pl.Series("marks", marks)


def restore_bytes(frame: pl.DataFrame) -> pl.DataFrame:
    r"""Turn stand-ins in `message` back to what they stand for: characters that were cut in two become whole again,
    other bytes become `\xHH`, with Mark.INVALID_UTF8. Cost: a Python call per message that holds one, so call it only
    when the chunk has stand-ins.
    """
    frame = frame.with_row_index("_row")
    touched = frame.filter(pl.col("message").str.contains(STAND_IN_PATTERN)).select("_row", "message", "marks")
    if touched.is_empty():
        return frame.drop("_row")
    raw = [text.translate(_SURROGATES).encode(errors="surrogateescape") for text in touched["message"]]
    decoded = pl.Series("message", [text.decode(errors="backslashreplace") for text in raw])
    invalid = pl.Series("_invalid", [not _is_utf8(text) for text in raw])
    touched = touched.with_columns(decoded, marks=with_mark("marks", Mark.INVALID_UTF8, invalid))
    return frame.update(touched, on="_row", how="left").drop("_row")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def with_mark(marks: str, mark: Mark, where: pl.Expr | pl.Series) -> pl.Expr:
    """The column `marks` with one more mark where the condition holds; null counts as false."""
    column = pl.col(marks)
    return pl.when(where).then(column | pl.lit(int(mark), dtype=pl.UInt16)).otherwise(column)
