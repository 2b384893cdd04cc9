"""The proof that lines were moved: both stores are counted anew and must agree in every minute, service, level,
signature and shape, in the days of arrival, in the signatures, and in every byte of a sample of lines.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from index.elastic_documents import DAY_NS
from index.elastic_target import ARRIVAL_SCHEMA, ElasticTarget, LinesOf
from index.ledger import LEDGER_KEYS, LEDGER_LINE_COLUMNS, LEDGER_SCHEMA, joined_ledgers, ledger_of
from index.line_store import LineFilter
from index.segment import STORED_SCHEMA
from index.store_parquet import ParquetStore
from ingest.errors import DifferenceError
from ingest.line_sink import SourceRange

SAMPLE_LINES = 500
"""Lines of each day that are compared whole. A guess: some ms a day."""
_SHOWN = 5
_KEPT = [name for name in STORED_SCHEMA.names() if name != "sequence"]
_COLUMNS = (*LEDGER_LINE_COLUMNS, "arrival_ns", "source", "position")


@dataclasses.dataclass(frozen=True)
class Proof:
    """What was counted in both stores and found equal."""

    lines: int
    sources: int
    signatures: int
    compared_lines: int
    """Of them every column was compared."""
    by_day: pl.DataFrame
    """Rows (`day` since 1970, `count`)."""
    by_service: pl.DataFrame
    """Rows (`service`, `count`)."""


@dataclasses.dataclass(frozen=True)
class _Day:
    """What the source holds of one day."""

    ledger: pl.DataFrame
    arrivals: pl.DataFrame
    sample: list[tuple[str, int]]


def prove(
    source: ParquetStore, target: ElasticTarget, covered: Sequence[SourceRange], *, tell: Callable[[int], None]
) -> Proof:
    """Count all lines of `source` in both. `tell` is called with the lines counted so far.

    Raises DifferenceError, when all is counted, with the first differences.
    """
    where = target.lines_of(covered)
    differences: list[str] = []
    by_day, by_service, compared = [], [], 0
    for day in _days(source):
        held = _held(source, day)
        differences += _day_differences(source, target, where, day, held)
        compared += len(held.sample)
        by_day.append((day, int(held.ledger["count"].sum())))
        by_service.append(held.ledger.group_by("service").agg(pl.col("count").sum()))
        tell(sum(count for _, count in by_day))
    lines = sum(count for _, count in by_day)
    differences += _total_differences(target, where, lines)
    signatures = source.signatures()
    differences += _signature_differences(signatures, target.signatures())
    if differences:
        raise _error(differences, target.refused_lines())
    services = pl.concat([pl.DataFrame(schema={"service": pl.String, "count": pl.Int64}), *by_service])
    return Proof(
        lines=lines,
        sources=len({each.source for each in covered}),
        signatures=signatures.height,
        compared_lines=compared,
        by_day=pl.DataFrame(by_day, schema={"day": pl.Int64, "count": pl.Int64}, orient="row"),
        by_service=services.group_by("service").agg(pl.col("count").sum()).sort("service"),
    )


def _days(source: ParquetStore) -> list[int]:
    found = source.histogram(LineFilter(), step_ns=DAY_NS, deadline_s=1e9).rows
    return sorted(bucket // DAY_NS for bucket in found["bucket_ns"].unique())


def _held(source: ParquetStore, day: int) -> _Day:
    ledgers, arrivals = [], [ARRIVAL_SCHEMA.to_frame()]
    sample = pl.DataFrame(schema={"rank": pl.UInt64, "source": pl.String, "position": pl.Int64})
    for frame in source.scan(LineFilter(start_ns=day * DAY_NS, end_ns=(day + 1) * DAY_NS), _COLUMNS):
        ledgers.append(ledger_of(frame))
        arrivals.append(_by_day(frame.select((pl.col("arrival_ns") // DAY_NS).alias("day"), count=pl.lit(1, pl.Int64))))
        ranked = frame.select(pl.struct("source", "position").hash(1).alias("rank"), "source", "position")
        sample = pl.concat([sample, ranked]).bottom_k(SAMPLE_LINES, by="rank")
    return _Day(joined_ledgers(ledgers), _by_day(pl.concat(arrivals)), sample.select("source", "position").rows())


def _by_day(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("day").agg(pl.col("count").sum()).sort("day")


def _day_differences(
    source: ParquetStore, target: ElasticTarget, where: LinesOf, day: int, held: _Day
) -> Iterator[str]:
    start_ns, end_ns = day * DAY_NS, (day + 1) * DAY_NS
    there = target.ledger(where, start_ns=start_ns, end_ns=end_ns)
    name = _date(day)
    yield from (f"{name}: {text}" for text in _ledger_differences(held.ledger, there))
    arrivals = target.arrivals(where, start_ns=start_ns, end_ns=end_ns)
    if not arrivals.equals(held.arrivals):
        yield f"{name}: days of arrival are {_shown(held.arrivals)} here and {_shown(arrivals)} there"
    if held.ledger.height:
        ours, theirs = source.read(held.sample).select(_KEPT), target.read(held.sample).select(_KEPT)
        odd = ours.join(theirs, on=_KEPT, how="anti", nulls_equal=True)
        if odd.height or ours.height != theirs.height:
            ids = ", ".join(f"{row[0]}-{row[1]}" for row in odd.select("source", "position").head(_SHOWN).rows())
            yield f"{name}: {odd.height} of {ours.height} lines that were read back are not the same: {ids}"


def _ledger_differences(ours: pl.DataFrame, theirs: pl.DataFrame) -> list[str]:
    if ours.equals(theirs):
        return []
    both = ours.join(theirs, on=LEDGER_KEYS, how="full", coalesce=True, suffix="_there")
    values = [name for name in LEDGER_SCHEMA if name not in LEDGER_KEYS]
    odd = both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_there")) for name in values))
    rows = odd.sort(LEDGER_KEYS).head(_SHOWN).iter_rows(named=True)
    lines = f"{ours['count'].sum()} lines here, {theirs['count'].sum()} there; {odd.height} rows of the ledger differ"
    shown = [
        f"{row['service'] or '-'} {row['level'] or '-'} signature {row['signature']:016x} in the minute of "
        f"{row['window_ns']}: {row['count'] or 0} here, {row['count_there'] or 0} there"
        for row in rows
    ]
    return [lines, *shown]


def _total_differences(target: ElasticTarget, where: LinesOf, lines: int) -> Iterator[str]:
    there = target.count(where)
    if there != lines:
        yield f"all days: {lines} lines here, {there} there"


def _signature_differences(ours: pl.DataFrame, theirs: pl.DataFrame) -> Iterator[str]:
    """Each must be there, with its earliest line or, from other sources, an earlier one."""
    joined = ours.join(theirs, on="signature", how="left", suffix="_there")
    odd = joined.filter(pl.col("first_ns_there").is_null() | (pl.col("first_ns_there") > pl.col("first_ns")))
    if odd.height:
        shown = ", ".join(f"{number:016x}" for number in odd["signature"].head(_SHOWN))
        yield f"{odd.height} of {ours.height} signatures are not there or have a later first line: {shown}"


def _error(differences: Sequence[str], refused: int) -> DifferenceError:
    more = f"; and {len(differences) - 2 * _SHOWN} more" if len(differences) > 2 * _SHOWN else ""
    dead = f" Elasticsearch refused {refused} lines for ever, see its index …-dead." if refused else ""
    return DifferenceError(
        f"the lines moved were counted in both stores and differ. {'; '.join(differences[: 2 * _SHOWN])}{more}.{dead} "
        "Nothing was removed here. Run it again: it sends every line again, and what is missing is added"
    )


def _date(day: int) -> str:
    return str(pl.Series([day], dtype=pl.Int32).cast(pl.Date)[0])


def _shown(rows: pl.DataFrame) -> str:
    return ", ".join(f"{_date(day)} {count}" for day, count in rows.head(_SHOWN).rows())
