"""The ledger on Elasticsearch: counted from the lines, and remembered for each day that has not changed since.

What a day held when it was counted is known by the last operation on each of its shards. A count is only remembered
when it agrees with the number of documents, and nothing happened on the day between looking and looking again.
"""

import dataclasses
import threading
from collections.abc import Sequence

import polars as pl

from index.elastic_client import INDICES_AT_ONCE, Json
from index.elastic_count import count_ledger
from index.elastic_query import span_query
from index.elastic_read import Reader
from index.ledger import joined_ledgers
from index.read_counts import between, cut_spans, whole_windows

MOST_BYTES = 96 << 20
"""Ledgers of days held in memory: as the embedded store's."""
_WANTED = "indices.*.uuid,indices.*.primaries.docs.count,indices.*.shards.*.seq_no.max_seq_no"


@dataclasses.dataclass(frozen=True)
class _Day:
    """What an index of lines holds: `mark` changes whenever it does."""

    mark: tuple[str, tuple[tuple[str, int], ...]]
    lines: int


class Ledgers:
    """Ledgers of the days of one store. Safe to use from many threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._held: dict[str, tuple[_Day, pl.DataFrame]] = {}

    def of(self, *, start_ns: int | None, end_ns: int | None) -> pl.DataFrame:
        """See `LineReader.ledger`, signatures as they are. A span with a start is counted directly where days are not
        known; without one all days are, since whoever asks so asks again.
        """
        days = self._days()
        known = self._known(days)
        if start_ns is None:
            known |= self._counted(days, sorted(set(days) - set(known)))
        others = sorted(set(days) - set(known))
        low, high = whole_windows(start_ns, end_ns)
        parts = [ledger.filter(between("window_ns", low, high)) for ledger in known.values()]
        for span in cut_spans(start_ns, end_ns, low, high):
            parts += [self._count(names, *span) for names in _few(sorted(known))]
        parts += [self._count(names, start_ns, end_ns) for names in _few(others)]
        return joined_ledgers(parts)

    def _known(self, days: dict[str, _Day]) -> dict[str, pl.DataFrame]:
        with self._lock:
            self._held = {name: held for name, held in self._held.items() if name in days}
            return {name: ledger for name, (day, ledger) in self._held.items() if day.mark == days[name].mark}

    def _counted(self, days: dict[str, _Day], names: Sequence[str]) -> dict[str, pl.DataFrame]:
        """The ledgers of days, counted now and remembered if they may be."""
        self._reader.client.refresh(*names)
        found = {name: self._count([name], None, None) for name in names}
        after = self._days() if names else {}
        with self._lock:
            for name, ledger in found.items():
                day = after.get(name)
                if day is not None and day.mark == days[name].mark and day.lines == ledger["count"].sum():
                    self._remember(name, day, ledger)
        return found

    def _remember(self, name: str, day: _Day, ledger: pl.DataFrame) -> None:
        """Keep it, the newest day first to be asked for again; the oldest days go when there is no room."""
        self._held[name] = (day, ledger)
        sizes = {held: int(its.estimated_size()) for held, (_, its) in self._held.items()}
        for oldest in sorted(sizes):
            if sum(sizes.values()) <= MOST_BYTES:
                return
            del self._held[oldest], sizes[oldest]

    def _count(self, names: Sequence[str], start_ns: int | None, end_ns: int | None) -> pl.DataFrame:
        reader = dataclasses.replace(self._reader, index=",".join(names))
        return count_ledger(reader, span_query(start_ns, end_ns))

    def _days(self) -> dict[str, _Day]:
        path = f"/{self._reader.index}/_stats/docs"
        found = self._reader.client.request("GET", path, params={"level": "shards", "filter_path": _WANTED})
        return {name: _day(row) for name, row in found.get("indices", {}).items()}


def _few(names: Sequence[str]) -> list[Sequence[str]]:
    """The names in runs that fit into the first line of a request."""
    return [names[start : start + INDICES_AT_ONCE] for start in range(0, len(names), INDICES_AT_ONCE)]


def _day(row: Json) -> _Day:
    """Of the copies of a shard the one that is furthest."""
    last = {
        shard: max(copy.get("seq_no", {}).get("max_seq_no", -1) for copy in copies)
        for shard, copies in row.get("shards", {}).items()
    }
    return _Day((row["uuid"], tuple(sorted(last.items()))), row["primaries"]["docs"]["count"])
