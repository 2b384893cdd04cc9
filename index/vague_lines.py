"""Lines that their signatures do not tell about (`View.vague`), held in memory: a search for words reads only these.

They are few and long (dumps of objects, mostly), but stand among all others: reading them costs unpacking every message
of their segments.
"""

import threading
from collections import OrderedDict

import polars as pl

from index.segment import STORED_SCHEMA, Segment

MOST_BYTES = 64 << 20
"""Of all segments together; a guess: a fortnight of a million lines has 8 MB of them."""
MOST_OF_ONE = MOST_BYTES // 16
"""Of one segment. One that has more of them is read each time."""


class VagueLines:
    """By segment, those read lately. Safe to use from many threads."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, tuple[tuple[int, ...], pl.DataFrame | None]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, segment: Segment, vague: pl.Series) -> pl.DataFrame | None:
        """Its lines with a signature among `vague`, with their `row`, by row; None when they are too many to be held.
        Raises DamagedError.
        """
        its_own = segment.tally()["signature"]
        signatures = tuple(its_own.filter(its_own.is_in(vague.implode())).unique().sort())
        number = segment.row.number
        with self._lock:
            known, lines = self._held.get(number, ((), None))
            if known == signatures and number in self._held:
                self._held.move_to_end(number)
                return lines
        lines = _read(segment, signatures)
        self._keep(number, signatures, lines)
        return lines

    def _keep(self, number: int, signatures: tuple[int, ...], lines: pl.DataFrame | None) -> None:
        with self._lock:
            self._bytes -= _size(self._held.pop(number, ((), None))[1])
            self._held[number] = signatures, lines
            self._bytes += _size(lines)
            while self._bytes > MOST_BYTES:
                self._bytes -= _size(self._held.popitem(last=False)[1][1])


def _read(segment: Segment, signatures: tuple[int, ...]) -> pl.DataFrame | None:
    wanted = pl.Series(signatures, dtype=pl.UInt64)
    found = [pl.DataFrame(schema={"row": pl.UInt32, **STORED_SCHEMA})]
    for block in segment.blocks() if signatures else ():
        found.append(segment.read(STORED_SCHEMA.names(), block, block, pl.col("signature").is_in(wanted.implode())))
        if sum(map(_size, found)) > MOST_OF_ONE:
            return None
    return pl.concat(found)


def _size(lines: pl.DataFrame | None) -> int:
    return 0 if lines is None else int(lines.estimated_size())
