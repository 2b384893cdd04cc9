"""How long a request takes from one of its lines to the next: medians per minute for pairs of patterns.

Lines of one request are joined by the trace or request id that they carry; lines without one by their source, where
only pairs that follow each other steadily will tell anything. Delay faults change no word, only these gaps.
"""

import dataclasses
from collections.abc import Iterator

import polars as pl

from index.line_store import LEDGER_WINDOW_NS, LineFilter, LineReader
from index.pattern import PatternSet

HOUR_NS = 3_600_000_000_000
LONGEST_GAP_NS = 30_000_000_000
"""A longer pause is not one request at work (a guess: usual client time-outs are 30 s or less)."""
MOST_PAIRS = 3000
"""Bounds memory: the most frequent pairs are kept (a guess; Train-Ticket has 1,100 of any use)."""
FEWEST_GAPS = 20
"""A pair seen less often has no baseline (a guess)."""

_TRACE = (
    r"(?i)(?:trace|request|req|correlation|transaction)[ _-]?(?:id)?[\"']?\s*[:= ]\s*[\"'\[]?"
    r"([0-9a-f]{16,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b"
)
GAP_SCHEMA = pl.Schema(
    [
        ("window_ns", pl.Int64()),
        ("service", pl.String()),
        ("before", pl.UInt64()),
        ("after", pl.UInt64()),
        ("gaps_ms", pl.List(pl.Float32)),
    ]
)
PAIR_COLUMNS = ("service", "before", "after")


@dataclasses.dataclass
class GapCache:
    """Gaps of whole hours already read, by (hour start, digests of its lines and of the hour before): a pure speed-up.

    Kept per signature pair and not per pattern pair, so that patterns may be mined anew.
    """

    hours: dict[tuple[int, int, int], pl.DataFrame] = dataclasses.field(default_factory=dict)


def measure_gaps(
    store: LineReader,
    ledger: pl.DataFrame,
    patterns: PatternSet,
    *,
    before_ns: int | None,
    cache: GapCache | None = None,
) -> pl.DataFrame:
    """Rows (`window_ns`, `service`, `before`, `after`, `n`, `median_ms`), by the first four.

    `before` and `after` are pattern ids, `service` the later line's, the window that of the later line. Only pairs
    with `FEWEST_GAPS` or more, at most `MOST_PAIRS` of them.
    """
    by_hour = _digest_by_hour(ledger)
    kept = cache if cache is not None else GapCache()
    wanted = {(hour, digest, by_hour.get(hour - HOUR_NS, 0)) for hour, digest in by_hour.items()}
    newest = max((hour for hour, *_ in wanted), default=0)
    for stale in kept.hours.keys() - wanted:
        if stale[0] <= newest:  # later hours are of someone who asks as of a later time
            del kept.hours[stale]
    for first, last in _stretches(sorted(hour for hour, *rest in wanted if (hour, *rest) not in kept.hours)):
        fresh = _read_gaps(store, first, last, before_ns)
        for hour, *rest in sorted(wanted):
            if first <= hour < last:
                inside = (pl.col("window_ns") >= hour) & (pl.col("window_ns") < hour + HOUR_NS)
                kept.hours[hour, rest[0], rest[1]] = fresh.filter(inside)
    frames = [kept.hours[key] for key in sorted(wanted)]
    return _medians(pl.concat(frames) if frames else pl.DataFrame(schema=GAP_SCHEMA), patterns)


def later_gaps(
    store: LineReader, patterns: PatternSet, pairs: pl.DataFrame, *, start_ns: int, before_ns: int | None
) -> pl.DataFrame:
    """As `measure_gaps`, of these pairs (`PAIR_COLUMNS`) only, in the windows from `start_ns` to the end."""
    end_ns = store.high_water(before_ns=before_ns).last_ns
    gaps = _read_gaps(store, start_ns, start_ns if end_ns is None else end_ns + 1, before_ns)
    return _per_window(_named(gaps, patterns).join(pairs, on=list(PAIR_COLUMNS)))


def _digest_by_hour(ledger: pl.DataFrame) -> dict[int, int]:
    """Of the ledger's rows, in whatever order they come. Only compared within one process."""
    hours = (
        ledger.select(hour=pl.col("window_ns") // HOUR_NS * HOUR_NS, row=pl.struct(pl.all()).hash(7))
        .group_by("hour")
        .agg(pl.col("row").sum())
    )
    return {int(hour): int(digest) for hour, digest in hours.iter_rows()}


def _stretches(hours: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of hours to read at once, at most a day each so that memory stays bounded."""
    start = end = None
    for hour in hours:
        if start is None or end is None:
            start = hour
        elif hour != end or hour - start >= 24 * HOUR_NS:
            yield start, end
            start = hour
        end = hour + HOUR_NS
    if start is not None and end is not None:
        yield start, end


def _read_gaps(store: LineReader, start_ns: int, end_ns: int, before_ns: int | None) -> pl.DataFrame:
    end_ns = end_ns if before_ns is None else min(end_ns, before_ns)
    where = LineFilter(start_ns=start_ns - LONGEST_GAP_NS, end_ns=end_ns)
    columns = ("source", "position", "time_ns", "service", "signature", "message", "attributes")
    frames = [with_request(frame) for frame in store.scan(where, columns)]
    if not frames:
        return pl.DataFrame(schema=GAP_SCHEMA)
    return _gaps(pl.concat(frames)).filter(pl.col("window_ns") >= start_ns)


def with_request(lines: pl.DataFrame) -> pl.DataFrame:
    """The key that joins lines of one request. Hashing is not needed: the text never leaves this file."""
    trace = pl.coalesce(
        pl.col("message").str.slice(0, 2048).str.extract(_TRACE), pl.col("attributes").str.extract(_TRACE)
    )
    return lines.select(
        "source",
        "position",
        "time_ns",
        "service",
        "signature",
        request=pl.when(trace.is_null())
        .then(pl.format("source {}", "source"))
        .otherwise(pl.format("{} {}", trace, "service")),
    )


def request_gaps(lines: pl.DataFrame) -> pl.DataFrame:
    """Of `with_request` frames: each line that follows another of its request, with `before`, the earlier one's
    signature, and `gap_ms`.
    """
    ordered = lines.sort("request", "time_ns", "source", "position")
    return (
        ordered.with_columns(
            before=pl.col("signature").shift(1),
            gap_ns=pl.col("time_ns").diff(),
            same=pl.col("request") == pl.col("request").shift(1),
        )
        .filter(pl.col("same") & (pl.col("gap_ns") <= LONGEST_GAP_NS))
        .with_columns(gap_ms=(pl.col("gap_ns") / 1e6).cast(pl.Float32))
        .drop("same", "gap_ns", "request")
    )


def _gaps(lines: pl.DataFrame) -> pl.DataFrame:
    return (
        request_gaps(lines)
        .group_by(
            "service", "before", window_ns=pl.col("time_ns") // LEDGER_WINDOW_NS * LEDGER_WINDOW_NS, after="signature"
        )
        .agg(pl.col("gap_ms").sort().alias("gaps_ms"))
        .select(list(GAP_SCHEMA))
    )


def _medians(gaps: pl.DataFrame, patterns: PatternSet) -> pl.DataFrame:
    named = _named(gaps, patterns)
    frequent = (
        named.group_by(PAIR_COLUMNS)
        .agg(n=pl.col("gaps_ms").list.len().sum())
        .filter(pl.col("n") >= FEWEST_GAPS)
        .sort("n", *PAIR_COLUMNS, descending=[True, False, False, False])
        .head(MOST_PAIRS)
    )
    return _per_window(named.join(frequent.select(PAIR_COLUMNS), on=list(PAIR_COLUMNS)))


def _named(gaps: pl.DataFrame, patterns: PatternSet) -> pl.DataFrame:
    members = patterns.members
    return (
        gaps.join(members.rename({"signature": "before", "pattern_id": "before_id"}), on="before")
        .join(members.rename({"signature": "after", "pattern_id": "after_id"}), on="after")
        .select("window_ns", "service", "gaps_ms", before="before_id", after="after_id")
    )


def _per_window(named: pl.DataFrame) -> pl.DataFrame:
    return (
        named.explode("gaps_ms")
        .group_by("window_ns", *PAIR_COLUMNS)
        .agg(n=pl.len(), median_ms=pl.col("gaps_ms").median().cast(pl.Float64))
        .sort("window_ns", *PAIR_COLUMNS)
    )
