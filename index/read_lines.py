"""Reading lines back: pages of a search, the neighbours of a line, what came since, and lines by their ids."""

import dataclasses
import heapq
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from index.cursor import Key, cursor_of, key_of
from index.line_store import LineFilter, LinePage, Order
from index.piece import (
    Deadline,
    Piece,
    block_piece,
    blocks_of,
    memory_pieces,
    planned_pieces,
    runs,
    segments_of,
)
from index.query_decide import make_plans
from index.query_polars import EVERYTHING, Plan
from index.read_counts import Ledgers, count_lines
from index.segment import ORDER, STORED_SCHEMA, Segment
from index.view import View
from ingest.errors import InputError

MOST_LINES = 10_000


def search(
    view: View,
    ledgers: Ledgers,
    where: LineFilter,
    *,
    limit: int,
    cursor: str | None,
    order: Order,
    deadline: Deadline,
    with_total: bool,
) -> LinePage:
    """See `LineStore.search`. Row groups are read from the asked end of time until the page is full; what is left is
    only counted, by the ledger where it can.
    """
    if not 0 <= limit <= MOST_LINES:
        raise InputError(f"limit is {limit}; 0 to {MOST_LINES} are accepted")
    plans = make_plans(where, view)
    after = None if cursor is None else key_of(cursor, order)
    chosen = _choose(view, plans, limit=limit, after=after, order=order, deadline=deadline)
    lines = _fetch(chosen, order)
    for_counts = deadline if with_total else Deadline(0)
    counts = [count_lines(view, ledgers, plan, seen=chosen.counted_by(plan), deadline=for_counts) for plan in plans]
    is_exact = all(is_exact for _, is_exact in counts)
    follows = chosen.more and lines.height > 0
    return LinePage(
        lines=lines,
        total=sum(count for count, _ in counts),
        total_exact=is_exact,
        cursor=cursor_of(lines, order) if follows else None,
        partial=chosen.partial or (with_total and not is_exact),
    )


@dataclasses.dataclass
class _Choice:
    """The lines of a page, found but not read: rows (`time_ns`, `source`, `position`, `piece`, `row`)."""

    keys: pl.DataFrame
    pieces: list[Piece] = dataclasses.field(default_factory=list)
    counted: dict[tuple[Plan, Piece], int] = dataclasses.field(default_factory=dict)
    """Matching lines of pieces that were read."""
    more: bool = False
    partial: bool = False

    def counted_by(self, plan: Plan) -> dict[Piece, int]:
        """Those of one plan."""
        return {piece: count for (its_plan, piece), count in self.counted.items() if its_plan is plan}


def _choose(
    view: View, plans: Sequence[Plan], *, limit: int, after: Key | None, order: Order, deadline: Deadline
) -> _Choice:
    is_newest = order == "newest"
    choice = _Choice(
        keys=pl.DataFrame(schema={**{name: STORED_SCHEMA[name] for name in ORDER}, "piece": pl.Int64, "row": pl.UInt32})
    )
    for plan, piece in _in_order(view, plans, is_newest=is_newest):
        if choice.keys.height > limit and _is_beyond(piece, choice.keys, limit, is_newest=is_newest):
            break
        if after is not None and _is_before_cursor(piece, after, is_newest=is_newest):
            continue
        if choice.pieces and deadline.passed:
            return _certain(choice, piece, limit, is_newest=is_newest)
        found = piece.find(plan, ORDER)
        choice.counted[plan, piece] = found.height
        if after is not None:
            found = found.filter(_beyond(after, is_newest=is_newest))
        found = _nearest(found, limit + 1, is_newest=is_newest)
        number = pl.lit(len(choice.pieces), dtype=pl.Int64).alias("piece")
        choice.pieces.append(piece)
        keys = pl.concat([choice.keys, found.select(*ORDER, number, pl.col("row").cast(pl.UInt32))])
        choice.keys = keys.sort(ORDER, descending=is_newest).head(limit + 1)
    choice.more = choice.keys.height > limit
    choice.keys = choice.keys.head(limit)
    return choice


def _nearest(found: pl.DataFrame, count: int, *, is_newest: bool) -> pl.DataFrame:
    """The `count` rows nearest to the asked end of time, and others as near as the last: sorting all costs more."""
    if found.height <= count:
        return found
    times = found["time_ns"].to_numpy()
    if is_newest:
        return found.filter(times >= np.partition(times, -count)[-count])
    return found.filter(times <= np.partition(times, count - 1)[count - 1])


def _in_order(view: View, plans: Sequence[Plan], *, is_newest: bool) -> Iterator[tuple[Plan, Piece]]:
    """All pieces that may hold lines of the plans, one row group each, from the asked end of time. Segments are only
    opened when their turn has come.
    """
    waiting: list[tuple[int, int, Plan, Piece | Segment]] = []
    for plan in plans:
        for piece in memory_pieces(view, plan):
            waiting.append((-piece.max_time_ns if is_newest else piece.min_time_ns, len(waiting), plan, piece))
        for segment in segments_of(view, plan):
            key = -segment.row.max_time_ns if is_newest else segment.row.min_time_ns
            waiting.append((key, len(waiting), plan, segment))
    heapq.heapify(waiting)
    count = len(waiting)
    while waiting:
        _, _, plan, item = heapq.heappop(waiting)
        if not isinstance(item, Segment):
            yield plan, item
            continue
        for block in blocks_of(item, plan):
            count += 1
            key = -block.max_time_ns if is_newest else block.min_time_ns
            heapq.heappush(waiting, (key, count, plan, block_piece(item, [block])))


def _is_beyond(piece: Piece, keys: pl.DataFrame, limit: int, *, is_newest: bool) -> bool:
    """Whether no line of the piece can come before the last key that is needed."""
    last: int = keys["time_ns"][limit]
    return piece.max_time_ns < last if is_newest else piece.min_time_ns > last


def _is_before_cursor(piece: Piece, after: Key, *, is_newest: bool) -> bool:
    return piece.min_time_ns > after[0] if is_newest else piece.max_time_ns < after[0]


def _beyond(after: Key, *, is_newest: bool) -> pl.Expr:
    """Lines that follow the key of a cursor."""
    time_ns, source, position = after
    if is_newest:
        later = (pl.col("source") < source) | ((pl.col("source") == source) & (pl.col("position") < position))
        return (pl.col("time_ns") < time_ns) | ((pl.col("time_ns") == time_ns) & later)
    later = (pl.col("source") > source) | ((pl.col("source") == source) & (pl.col("position") > position))
    return (pl.col("time_ns") > time_ns) | ((pl.col("time_ns") == time_ns) & later)


def _certain(choice: _Choice, unread: Piece, limit: int, *, is_newest: bool) -> _Choice:
    """What a reader out of time may show: lines that no unread piece can come before, so that a cursor leaves no gap;
    when there are none, what was found, and no cursor.
    """
    is_certain = pl.col("time_ns") > unread.max_time_ns if is_newest else pl.col("time_ns") < unread.min_time_ns
    certain = choice.keys.filter(is_certain).head(limit)
    choice.more = certain.height > 0
    choice.keys = certain if choice.more else choice.keys.head(limit)
    choice.partial = True
    return choice


def _fetch(choice: _Choice, order: Order) -> pl.DataFrame:
    frames = [STORED_SCHEMA.to_frame()]
    for (number,), keys in choice.keys.group_by("piece"):
        frames.append(choice.pieces[int(str(number))].fetch(keys["row"].to_list()))
    return pl.concat(frames).sort(ORDER, descending=order == "newest")


def context(view: View, source: str, position: int, *, before: int, after: int) -> pl.DataFrame:
    """See `LineStore.context`."""
    if not read(view, [(source, position)]).height:
        return STORED_SCHEMA.to_frame()
    holders = _holders(view, source)
    earlier = _neighbours(holders, source, position, count=max(before, 0), is_earlier=True)
    later = _neighbours(holders, source, position, count=max(after, 0), is_earlier=False)
    return read(view, [(source, found) for found in (*earlier, position, *later)])


def _holders(view: View, source: str) -> list[tuple[int, int, Piece]]:
    """(least, greatest position, piece) of everything that holds lines of a source."""
    is_source = pl.col("source") == source
    holders: list[tuple[int, int, Piece]] = []
    for piece in memory_pieces(view, EVERYTHING):
        found = piece.read(["position"], is_source)["position"]
        if len(found):
            low, high = found.sort()[0], found.sort()[-1]
            holders.append((low, high, piece))
    for segment in view.segments:
        table = segment.block_sources()
        if source not in table["source"]:
            continue
        bounds = table.filter(is_source).select("index", "min_position", "max_position")
        blocks = segment.blocks()
        holders.extend((low, high, block_piece(segment, [blocks[index]])) for index, low, high in bounds.iter_rows())
    return holders


def _neighbours(
    holders: list[tuple[int, int, Piece]], source: str, position: int, *, count: int, is_earlier: bool
) -> list[int]:
    """The `count` nearest positions on one side, nearest first. Pieces are read from the nearest, until no other can
    hold a nearer line.
    """
    is_wanted = (pl.col("source") == source) & (
        pl.col("position") < position if is_earlier else pl.col("position") > position
    )
    nearest: list[int] = []
    if not count:
        return nearest
    for low, high, piece in sorted(holders, key=lambda held: -held[1] if is_earlier else held[0]):
        is_on_side = low < position if is_earlier else high > position
        is_nearer = len(nearest) < count or (high > nearest[-1] if is_earlier else low < nearest[-1])
        if is_on_side and is_nearer:
            nearest += piece.read(["position"], is_wanted)["position"].to_list()
            nearest = sorted(nearest, reverse=is_earlier)[:count]
    return nearest


def read(view: View, ids: Sequence[tuple[str, int]]) -> pl.DataFrame:
    """See `LineStore.read`. Of segments only the row groups are read whose range of positions holds an id."""
    wanted = pl.DataFrame(ids, schema={"source": pl.String, "position": pl.Int64}, orient="row").unique()
    frames = [frame.lines.join(wanted, on=["source", "position"], how="semi") for frame in view.frames]
    if view.segments:
        for (number,), near in _blocks_near(view.segments, wanted).group_by("segment"):
            frames.extend(_read_segment(view.segments[int(str(number))], near, wanted))
    return pl.concat([STORED_SCHEMA.to_frame(), *frames]).sort("source", "position")


def _blocks_near(segments: Sequence[Segment], wanted: pl.DataFrame) -> pl.DataFrame:
    """Rows (`segment`, `index`, `source`, `position`): the row groups that may hold each wanted line."""
    tables = [segment.block_sources() for segment in segments]
    numbers = np.repeat(np.arange(len(tables)), [table.height for table in tables])
    blocks = pl.concat(tables).with_columns(segment=pl.Series(numbers, dtype=pl.Int64))
    near = blocks.join(wanted, on="source").filter(pl.col("position").is_between("min_position", "max_position"))
    return near.select("segment", "index", "source", "position")


def _read_segment(segment: Segment, near: pl.DataFrame, wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    holding = set(near["index"])
    position, source = near["position"].unique().implode(), near["source"].unique().implode()
    is_near = pl.col("position").is_in(position) & pl.col("source").is_in(source)
    for run in runs(segment, [block for block in segment.blocks() if block.index in holding]):
        found = run.read(STORED_SCHEMA.names(), is_near).select(STORED_SCHEMA.names())
        yield found.join(wanted, on=["source", "position"], how="semi")


def tail(view: View, where: LineFilter, *, after: int, limit: int) -> pl.DataFrame:
    """See `LineStore.tail`. Lines that came after `after` are mostly in memory or in the newest segments."""
    frames = [STORED_SCHEMA.to_frame()]
    for plan, piece in planned_pieces(view, make_plans(where, view)):
        if piece.max_sequence > after:
            found = piece.find(plan, STORED_SCHEMA.names(), also=pl.col("sequence") > after)
            frames.append(found.select(STORED_SCHEMA.names()).bottom_k(limit, by="sequence"))
    return pl.concat(frames).sort("sequence").head(limit)


def scan(view: View, where: LineFilter, columns: Sequence[str], *, deadline: Deadline) -> Iterator[pl.DataFrame]:
    """See `LineStore.scan`."""
    for plan, piece in planned_pieces(view, make_plans(where, view)):
        if deadline.passed:
            raise TimeoutError("the deadline of the scan has passed")
        found = piece.find(plan, columns).select(columns)
        if found.height:
            yield found
