"""Counting lines: from the ledger where it can tell, else by reading only the columns that the question names."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import orjson
import polars as pl

from index.ledger import (
    LEDGER_LINE_COLUMNS,
    LEDGER_SCHEMA,
    TALLY_SCHEMA,
    folded,
    folded_tally,
    joined_ledgers,
    ledger_of,
)
from index.line_store import LEDGER_WINDOW_NS, Counted, LineFilter
from index.piece import (
    Deadline,
    MemoryPiece,
    Piece,
    SegmentPiece,
    blocks_of,
    memory_pieces,
    planned_pieces,
    runs,
    segments_of,
)
from index.query_decide import make_plans
from index.query_polars import EVERYTHING, Plan, value_of
from index.query_scan import FIELDS_BUILT_IN
from index.segment import DIMENSIONS, Segment
from index.view import View
from ingest.errors import InputError

HISTOGRAM_SCHEMA = pl.Schema({"bucket_ns": pl.Int64, "level": pl.String, "count": pl.Int64})
FACET_SCHEMA = pl.Schema({"field": pl.String, "value": pl.String, "count": pl.Int64})
FIELD_SCHEMA = pl.Schema({"field": pl.String, "count": pl.Int64})
FACET_FIELDS = tuple(name for name in FIELDS_BUILT_IN if name != "message")
TOLD_AT_ONCE = 32
"""Dimension tallies counted together, between two looks at the clock: a guess."""
ANY_CASE = ("namespace", "pod", "container", "host", "stream", "source")
"""Fields whose values queries find in any case. Services are chosen by exact name, levels have one spelling, and of an
attribute a query finds words, not values.
"""
_TALLIED = [name for name in TALLY_SCHEMA if name != "is_vague"]
MOST_FACET_VALUES = 100_000
"""Distinct values of a field kept from one piece to the next; beyond it the rarest are forgotten and the answer is
marked partial. A guess that bounds memory when somebody asks for the facets of an id."""


class Ledgers(Protocol):
    """Where counts of a whole segment come from."""

    def of(self, segment: Segment) -> pl.DataFrame:
        """The ledger of a segment."""

    def dimensions(self, segment: Segment) -> pl.DataFrame:
        """Its dimension tally, see `Segment.dimensions`."""


def ledger(view: View, ledgers: Ledgers, *, start_ns: int | None, end_ns: int | None) -> pl.DataFrame:
    """See `LineStore.ledger`."""
    return joined_ledgers(_ledger_parts(view, ledgers, start_ns=start_ns, end_ns=end_ns))


def _ledger_parts(
    view: View, ledgers: Ledgers, *, start_ns: int | None, end_ns: int | None, known: pl.Series | None = None
) -> list[pl.DataFrame]:
    """Ledgers that together count each line of the span once: whole windows from the side files, windows that the
    span cuts from the lines. `known`: of the whole view, when `view` is a part of one.
    """
    low, high = whole_windows(start_ns, end_ns)
    span = dataclasses.replace(EVERYTHING, start_ns=start_ns, end_ns=end_ns)
    parts = [LEDGER_SCHEMA.to_frame()]
    for piece in memory_pieces(view, span):
        if isinstance(piece, MemoryPiece) and span.whole(piece.min_time_ns, piece.max_time_ns):
            parts.append(piece.frame.ledger)
        else:
            parts.append(_line_ledger(piece, span))
    for segment in segments_of(view, span):
        whole = ledgers.of(segment)
        if not span.whole(segment.row.min_time_ns, segment.row.max_time_ns):
            whole = whole.filter(between("window_ns", low, high))
            parts.extend(_edges(segment, start_ns, end_ns, low, high))
        parts.append(whole)
    return [folded(part, view.known if known is None else known) for part in parts]


def whole_windows(start_ns: int | None, end_ns: int | None) -> tuple[int | None, int | None]:
    """The windows that lie wholly in the span: from the first one's start to the last one's end."""
    low = None if start_ns is None else -(-start_ns // LEDGER_WINDOW_NS) * LEDGER_WINDOW_NS
    high = None if end_ns is None else end_ns // LEDGER_WINDOW_NS * LEDGER_WINDOW_NS
    if low is not None and high is not None and low > high:
        return low, low  # both ends cut the same window
    return low, high


def cut_spans(start_ns: int | None, end_ns: int | None, low: int | None, high: int | None) -> list[tuple[int, int]]:
    """The parts of a span that lie in windows it cuts; `low` and `high` are its `whole_windows`."""
    spans = []
    if start_ns is not None and low is not None and start_ns < low:
        spans.append((start_ns, low if end_ns is None else min(low, end_ns)))
    if end_ns is not None and high is not None and high < end_ns and (low is None or low <= high):
        spans.append((high, end_ns))
    return [(start, end) for start, end in spans if start < end]


def _edges(
    segment: Segment, start_ns: int | None, end_ns: int | None, low: int | None, high: int | None
) -> list[pl.DataFrame]:
    """Ledgers of the lines in the windows that the ends of the span cut."""
    found: list[pl.DataFrame] = []
    for start, end in cut_spans(start_ns, end_ns, low, high):
        span = dataclasses.replace(EVERYTHING, start_ns=start, end_ns=end)
        if span.may_hold(segment.row.min_time_ns, segment.row.max_time_ns):
            found.extend(_line_ledger(piece, span) for piece in runs(segment, blocks_of(segment, span)))
    return found


def _line_ledger(piece: Piece, span: Plan) -> pl.DataFrame:
    return ledger_of(piece.read(LEDGER_LINE_COLUMNS, span.for_piece(piece)))


def between(column: str, low: int | None, high: int | None) -> pl.Expr:
    """`low <= column < high`, where they are given."""
    inside = pl.lit(value=True)
    if low is not None:
        inside = inside & (pl.col(column) >= low)
    if high is not None:
        inside = inside & (pl.col(column) < high)
    return inside


def _counted_ledger(view: View, ledgers: Ledgers, plan: Plan) -> pl.DataFrame:
    """Ledger rows of the lines of a plan that the ledger can tell; rows of the same keys may occur several times."""
    if plan.impossible:
        return LEDGER_SCHEMA.to_frame()
    parts = _ledger_parts(view, ledgers, start_ns=plan.start_ns, end_ns=plan.end_ns)
    return pl.concat(parts if plan.predicate is None else [part.filter(plan.predicate) for part in parts])


def count_lines(
    view: View, ledgers: Ledgers, plan: Plan, *, seen: Mapping[Piece, int], deadline: Deadline
) -> tuple[int, bool]:
    """How many lines match, and whether that is exact. `seen` are counts of pieces that were read already."""
    is_cut = plan.start_ns is not None or plan.end_ns is not None
    if is_cut and seen and not _unseen(view, plan, seen):
        return sum(seen.values()), True
    if plan.is_counted:
        rows = _tally_parts(view, ledgers, start_ns=plan.start_ns, end_ns=plan.end_ns)
        is_possible = not plan.impossible
        return int((rows if plan.predicate is None else rows.filter(plan.predicate))["count"].sum()) * is_possible, True
    total = sum(seen.values())
    for piece in _unseen(view, plan, seen):
        if deadline.passed:
            return total, False
        is_whole = plan.for_piece(piece) is None
        total += piece.rows if is_whole else piece.find(plan, []).height
    return total, True


def tally(view: View, ledgers: Ledgers, *, start_ns: int | None, end_ns: int | None) -> pl.DataFrame:
    """See `LineStore.tally`."""
    keys = ["service", "level", "signature"]
    return (
        _tally_parts(view, ledgers, start_ns=start_ns, end_ns=end_ns)
        .group_by(keys)
        .agg(pl.col("count").sum(), pl.col("first_ns").min(), pl.col("last_ns").max())
        .sort(keys)
    )


def _tally_parts(view: View, ledgers: Ledgers, *, start_ns: int | None, end_ns: int | None) -> pl.DataFrame:
    """Rows that together count each line of the span once; rows of the same keys may occur several times. Only parts
    that the span cuts are counted from their windows.
    """
    span = dataclasses.replace(EVERYTHING, start_ns=start_ns, end_ns=end_ns)
    whole: list[pl.DataFrame] = []
    cut_segments, cut_frames = [], []
    for segment in segments_of(view, span):
        if span.whole(segment.row.min_time_ns, segment.row.max_time_ns):
            whole.append(segment.tally())
        else:
            cut_segments.append(segment)
    for frame in view.frames:
        if span.whole(*frame.time_range):
            whole.append(frame.tally)
        else:
            cut_frames.append(frame)
    cut = dataclasses.replace(view, segments=tuple(cut_segments), frames=tuple(cut_frames))
    parts = [folded_tally(part.select(_TALLIED), view.known) for part in whole]
    parts += [
        part.select(_TALLIED)
        for part in _ledger_parts(cut, ledgers, start_ns=start_ns, end_ns=end_ns, known=view.known)
    ]
    return pl.concat(parts)


def _unseen(view: View, plan: Plan, seen: Mapping[Piece, int]) -> list[Piece]:
    """The pieces that were not read yet, in runs."""
    pieces: list[Piece] = [piece for piece in memory_pieces(view, plan) if piece not in seen]
    read_blocks = {
        (piece.segment.row.number, block.index)
        for piece in seen
        if isinstance(piece, SegmentPiece)
        for block in piece.blocks
    }
    for segment in segments_of(view, plan):
        blocks = blocks_of(segment, plan)
        pieces.extend(
            runs(segment, [block for block in blocks if (segment.row.number, block.index) not in read_blocks])
        )
    return pieces


def histogram(view: View, ledgers: Ledgers, where: LineFilter, *, step_ns: int, deadline: Deadline) -> Counted:
    """See `LineStore.histogram`. Buckets start at multiples of the step."""
    if step_ns <= 0:
        raise InputError(f"the step is {step_ns} ns; it must be greater than 0")
    told, read = _divided(make_plans(where, view), can_tell=step_ns % LEDGER_WINDOW_NS == 0)
    parts, partial = [], False
    for plan in told:
        bucket = (pl.col("window_ns") // step_ns * step_ns).alias("bucket_ns")
        parts.append(_counted_ledger(view, ledgers, plan).select(bucket, "level", "count"))
    for plan, piece in planned_pieces(view, read):
        if deadline.passed:
            partial = True
            break
        bucket = (pl.col("time_ns") // step_ns * step_ns).alias("bucket_ns")
        found = piece.find(plan, ["time_ns", "level"])
        parts.append(found.group_by(bucket, "level").agg(pl.len().cast(pl.Int64).alias("count")))
    return Counted(summed_counts(together(parts, HISTOGRAM_SCHEMA), HISTOGRAM_SCHEMA), partial=partial)


def _divided(plans: Sequence[Plan], *, can_tell: bool) -> tuple[list[Plan], list[Plan]]:
    """The plans that the ledger answers, if it `can_tell` what is asked; and those whose lines must be read."""
    told = [plan for plan in plans if can_tell and plan.is_counted]
    return told, [plan for plan in plans if plan not in told]


def together(parts: Sequence[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    """Counts of several parts in one frame, rows of the same keys side by side."""
    return pl.concat([schema.to_frame(), *(part.select(schema.names()) for part in parts)])


def summed_counts(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Rows of the same keys made one; by all columns of the schema but the last, which is the count."""
    keys = schema.names()[:-1]
    return rows.group_by(keys).agg(pl.col("count").sum()).sort(keys).select(schema.names())


def facets(
    view: View, ledgers: Ledgers, where: LineFilter, names: Sequence[str], *, limit: int, deadline: Deadline
) -> Counted:
    """See `LineStore.facets`. Lines without a value of the field are not counted for it."""
    told, read = _divided(make_plans(where, view), can_tell=set(names) <= {"service", "level"})
    columns: set[str] = set()
    values = {name: value_of(name, columns) for name in names}
    held, partial = FACET_SCHEMA.to_frame(), False
    for plan in told:
        rows = _counted_ledger(view, ledgers, plan)
        counts = [facet_of(rows, name, value, pl.col("count").sum()) for name, value in values.items()]
        held = summed_counts(pl.concat([held, *counts]), FACET_SCHEMA)
    for plan, part in _counted_parts(view, ledgers, read, frozenset(columns)):
        if deadline.passed:
            partial = True
            break
        found = part if isinstance(part, pl.DataFrame) else _with_count(part.find(plan, sorted(columns)))
        counts = [facet_of(found, name, value, pl.col("count").sum()) for name, value in values.items()]
        held = summed_counts(pl.concat([held, *counts]), FACET_SCHEMA)
        if held.height > MOST_FACET_VALUES * len(names):
            held, partial = most_frequent(held, names, MOST_FACET_VALUES), True
    return Counted(most_frequent(held, names, limit), partial=partial)


def _counted_parts(
    view: View, ledgers: Ledgers, plans: Sequence[Plan], columns: frozenset[str]
) -> Iterator[tuple[Plan, pl.DataFrame | Piece]]:
    """For each plan: rows of the dimension tallies of whole segments where these can tell, else pieces to be read."""
    for plan in plans:
        told: list[Segment] = []
        if plan.columns | columns <= set(DIMENSIONS):
            told = [each for each in segments_of(view, plan) if plan.whole(each.row.min_time_ns, each.row.max_time_ns)]
        for first in range(0, len(told), TOLD_AT_ONCE):
            rows = pl.concat([ledgers.dimensions(segment) for segment in told[first : first + TOLD_AT_ONCE]])
            yield plan, rows if plan.predicate is None else rows.filter(plan.predicate)
        others = tuple(segment for segment in view.segments if segment not in told)
        yield from planned_pieces(dataclasses.replace(view, segments=others), [plan])


def _with_count(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.with_columns(count=pl.lit(1, dtype=pl.Int64))


def facet_of(rows: pl.DataFrame, name: str, value: pl.Expr, count: pl.Expr) -> pl.DataFrame:
    """Rows (`field`, `value`, `count`) of the values that are not empty."""
    counted = rows.group_by(value.alias("value")).agg(count.cast(pl.Int64).alias("count"))
    return counted.filter(pl.col("value") != "").select(pl.lit(name).alias("field"), "value", "count")


def most_frequent(counts: pl.DataFrame, names: Sequence[str], limit: int) -> pl.DataFrame:
    """Per field, in the order asked, the first `limit` values by count, ties by value. Values that `field:value` cannot
    tell apart are one, spelled as most of their lines do: so a count is that of the lines which its query finds.
    """
    spelled = pl.when(pl.col("field").is_in(ANY_CASE)).then(pl.col("value").str.to_lowercase()).otherwise("value")
    merged = (
        counts.sort("count", "value", descending=[True, False])
        .group_by("field", spelled.alias("spelled"), maintain_order=True)
        .agg(pl.col("value").first(), pl.col("count").sum())
    )
    ordered = merged.sort("count", "value", descending=[True, False])
    parts = [ordered.filter(pl.col("field") == name).head(limit) for name in dict.fromkeys(names)]
    return together(parts, FACET_SCHEMA)


def fields(view: View, where: LineFilter, *, deadline: Deadline) -> Counted:
    """See `LineStore.fields`, by count then name."""
    built_in = [name for name in FIELDS_BUILT_IN if name != "message"]
    counts: Counter[str] = Counter()
    partial = False
    for plan, piece in planned_pieces(view, make_plans(where, view)):
        if deadline.passed:
            partial = True
            break
        found = piece.find(plan, [*built_in, "attributes"])
        present = found.select([(pl.col(name) != "").sum() for name in built_in])
        counts.update(dict(zip(built_in, present.row(0), strict=True)))
        counts.update({"message": found.height})
        counts.update(attribute_keys(found["attributes"]))
    rows = [(name, count) for name, count in counts.items() if count]
    frame = pl.DataFrame(rows, schema=FIELD_SCHEMA, orient="row")
    return Counted(frame.sort("count", "field", descending=[True, False]), partial=partial)


def attribute_keys(attributes: pl.Series) -> Counter[str]:
    """How many of these JSON objects have which key. Values are blanked first, so that few distinct objects are left
    and no loop runs over lines; text in the position of a value is consumed whole, so it cannot pose as a key.
    """
    text = r'"(?:[^"\\]|\\.)*"'
    blanked = attributes.drop_nulls().str.replace_all(
        rf"({text})\s*:\s*(?:{text}|-?[0-9][-+.0-9eE]*|true|false|null)", "$1:0"
    )
    counts: Counter[str] = Counter()
    for document, count in blanked.value_counts().iter_rows():
        for key in orjson.loads(document):
            counts[key] += count
    return counts
