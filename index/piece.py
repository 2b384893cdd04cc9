"""The piece: some lines that are read at once (a memory frame, a run of row groups), and which pieces a plan needs."""

import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from index.memory import MemoryFrame
from index.query_polars import Plan
from index.segment import STORED_SCHEMA, Block, Segment
from index.view import View

RUN_BYTES = 48 << 20
"""Message bytes that one read decodes at most, unless one row group has more."""


class Deadline:
    """A moment after which a reader stops, `seconds` from now; None never comes."""

    def __init__(self, seconds: float | None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return self.end is not None and time.monotonic() >= self.end

    @property
    def left(self) -> float:
        """Seconds that are left, at least 0; without end for None."""
        return float("inf") if self.end is None else max(self.end - time.monotonic(), 0.0)


@dataclasses.dataclass(frozen=True)
class MemoryPiece:
    """A frame in memory. Its times are inclusive."""

    frame: MemoryFrame
    rows: int
    min_time_ns: int
    max_time_ns: int
    max_sequence: int

    @property
    def is_ascii(self) -> bool:
        """Whether every message is ASCII."""
        return self.frame.is_ascii

    def read(self, columns: Sequence[str], predicate: pl.Expr | None) -> pl.DataFrame:
        """These columns and `row` (the line's number within the frame) of the lines that fulfil the predicate."""
        lines = self.frame.lines.lazy().with_row_index("row")
        if predicate is not None:
            lines = lines.filter(predicate)
        return lines.select("row", *columns).collect()

    def find(self, plan: Plan, columns: Sequence[str], *, also: pl.Expr | None = None) -> pl.DataFrame:
        """These columns and `row` of the lines that match, and fulfil `also`."""
        return _found(self, plan, columns, also)

    def fetch(self, rows: Sequence[int]) -> pl.DataFrame:
        """All columns of the lines of these numbers, by number."""
        return self.frame.lines[pl.Series(sorted(rows), dtype=pl.UInt32)].select(STORED_SCHEMA.names())


@dataclasses.dataclass(frozen=True)
class SegmentPiece:
    """Row groups of a segment that follow each other. Its times are inclusive."""

    segment: Segment
    blocks: tuple[Block, ...]
    rows: int
    min_time_ns: int
    max_time_ns: int
    max_sequence: int

    @property
    def is_ascii(self) -> bool:
        """Whether every message is ASCII."""
        return bool(self.segment.row.is_ascii)

    def read(self, columns: Sequence[str], predicate: pl.Expr | None) -> pl.DataFrame:
        """These columns and `row` (the line's number within the segment) of the lines that fulfil the predicate."""
        return self.segment.read(columns, self.blocks[0], self.blocks[-1], predicate)

    def find(self, plan: Plan, columns: Sequence[str], *, also: pl.Expr | None = None) -> pl.DataFrame:
        """These columns and `row` of the lines that match, and fulfil `also`."""
        return _found(self, plan, columns, also)

    def fetch(self, rows: Sequence[int]) -> pl.DataFrame:
        """All columns of the lines of these numbers, by number."""
        return self.segment.rows(rows)


Piece = MemoryPiece | SegmentPiece


def _found(piece: Piece, plan: Plan, columns: Sequence[str], also: pl.Expr | None) -> pl.DataFrame:
    """In steps, where that lets a dear predicate see fewer lines: what the plan says comes first; then lines that are
    all ASCII apart from the others, which take thrice as long.
    """
    if plan.held is not None and isinstance(piece, SegmentPiece):
        held = plan.held(piece.segment)
        if held is not None:
            return _among(held, piece, plan, columns, also)
    predicate, for_ascii = plan.for_piece(piece), plan.for_piece(piece, is_ascii=True)
    is_mixed = plan.ascii_predicate is not None and not piece.is_ascii
    if predicate is None or for_ascii is None or (plan.first is None and not is_mixed):
        return piece.read(columns, _both(also, predicate))
    needed = dict.fromkeys([*columns, *sorted(plan.columns), "time_ns"])
    lines = piece.read(list(needed), _both(plan.first, also))
    if is_mixed:
        is_ascii = lines.select(pl.col("message").str.len_bytes() == pl.col("message").str.len_chars()).to_series()
        plain = lines.filter(is_ascii).filter(for_ascii)
        found = pl.concat([plain, lines.filter(~is_ascii).filter(predicate)]).sort("row")
    else:
        found = lines.filter(predicate)
    return found.select("row", *columns)


def _among(
    held: pl.DataFrame, piece: SegmentPiece, plan: Plan, columns: Sequence[str], also: pl.Expr | None
) -> pl.DataFrame:
    """Those of some lines of the segment that stand in the piece and match."""
    first = piece.blocks[0].index * piece.segment.row.block_lines
    is_here = pl.col("row").is_between(first, first + piece.rows, closed="left")
    wanted = [each for each in (is_here, plan.for_piece(piece), also) if each is not None]
    return held.filter(*wanted).select("row", *columns)


def _both(one: pl.Expr | None, other: pl.Expr | None) -> pl.Expr | None:
    return other if one is None else one if other is None else one & other


def memory_pieces(view: View, plan: Plan) -> list[Piece]:
    """The frames in memory that may hold lines of the plan."""
    pieces: list[Piece] = []
    for frame in view.frames:
        low, high = frame.time_range
        if plan.may_hold(low, high) and _may_match(plan, frame):
            pieces.append(MemoryPiece(frame, frame.lines.height, low, high, frame.max_sequence))
    return pieces


def segments_of(view: View, plan: Plan) -> list[Segment]:
    """The segments that may hold lines of the plan."""
    return [
        segment
        for segment in view.segments
        if plan.may_hold(segment.row.min_time_ns, segment.row.max_time_ns) and _may_match(plan, segment)
    ]


def _may_match(plan: Plan, held: MemoryFrame | Segment) -> bool:
    """Whether the ledger has a row that matches as far as it can tell."""
    if plan.coarse is None:
        return True
    tally = held.tally if isinstance(held, MemoryFrame) else held.tally()
    return not tally.filter(plan.coarse).is_empty()


def blocks_of(segment: Segment, plan: Plan) -> list[Block]:
    """The row groups of a segment that may hold lines of the plan, in order."""
    blocks = [block for block in segment.blocks() if plan.may_hold(block.min_time_ns, block.max_time_ns)]
    if not plan.needles or not blocks:
        return blocks
    may_hold = segment.blocks_with(plan.needles)
    return blocks if may_hold is None else [block for block in blocks if may_hold[block.index]]


def block_piece(segment: Segment, blocks: Sequence[Block]) -> SegmentPiece:
    """One piece of row groups that follow each other."""
    return SegmentPiece(
        segment,
        tuple(blocks),
        sum(block.rows for block in blocks),
        min(block.min_time_ns for block in blocks),
        max(block.max_time_ns for block in blocks),
        max(block.max_sequence for block in blocks),
    )


def runs(segment: Segment, blocks: Iterable[Block]) -> list[SegmentPiece]:
    """Pieces of neighbouring blocks, each of a bounded number of bytes."""
    line_bytes = segment.row.message_bytes / segment.row.rows
    pieces: list[SegmentPiece] = []
    run: list[Block] = []
    for block in blocks:
        is_next = bool(run) and block.index == run[-1].index + 1
        if run and (not is_next or (sum(b.rows for b in run) + block.rows) * line_bytes > RUN_BYTES):
            pieces.append(block_piece(segment, run))
            run = []
        run.append(block)
    if run:
        pieces.append(block_piece(segment, run))
    return pieces


def all_pieces(view: View, plan: Plan) -> list[Piece]:
    """Every piece that may hold lines of the plan, in runs, newest segments first."""
    pieces = memory_pieces(view, plan)
    for segment in sorted(segments_of(view, plan), key=lambda found: -found.row.max_time_ns):
        pieces.extend(runs(segment, blocks_of(segment, plan)))
    return pieces


def planned_pieces(view: View, plans: Iterable[Plan]) -> Iterator[tuple[Plan, Piece]]:
    """Each plan with each of its pieces."""
    for plan in plans:
        for piece in all_pieces(view, plan):
            yield plan, piece
