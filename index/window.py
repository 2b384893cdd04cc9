"""First step from lines to incidents: counts of every pattern of every service, minute by minute.

A window is a minute in which anything was written. Minutes in which no service writes at all are gaps in the data and
are left out: they are neither silence nor baseline.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
import polars as pl

from index.line_store import LEDGER_WINDOW_NS, LineFilter, LineReader
from index.pattern import PatternSet

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

SEVERE = ("fatal", "error", "warn")
LEVELS = (("error lines", ("fatal", "error")), ("warning lines", ("warn",)))
GAP_WINDOWS = 2
"""More missing minutes than this are a gap in the data: nothing is known to have lasted through it (a guess)."""
BUSY = 20.0
"""Where so many lines a minute are usual, one missing minute is a gap already (a guess)."""
RESTARTS = "restarts of one container"
"""What stands for a template in the column of restarts."""
NEW_PODS = "new pods"
"""The same for pods that begin. Muted: a deployment is no deviation."""
START_SCHEMA = pl.Schema(
    {
        "time_ns": pl.Int64(),
        "source": pl.String(),
        "service": pl.String(),
        "namespace": pl.String(),
        "pod": pl.String(),
        "signature": pl.UInt64(),
    }
)
OPENING = 0.5
"""A pattern with this share of its lines at the beginning of a source is how programs of the service begin (a guess).
What happens to stand first in a log that was rotated is said elsewhere too.
"""
COLUMN_KEY = ["service", "pattern_id", "template"]


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Sparse counts per (window, service, pattern); a pure function of the lines, whatever their order.

    `times`: int64 [w], starts of the observed windows, ascending.
    `columns`: rows (`service`, `pattern_id`, `template`, `muted`, `count`, `severe`), by the first three; `severe` is
    the share of its lines at warn or worse. Beside the patterns each service has a column for all its
    lines at error or worse, one for all at warn, one for restarts and one for new pods: their `pattern_id` is empty,
    their template says which.
    `row`, `column`, `count`: one entry for each (window, column) that occurs, by (row, column).
    """

    times: Indices
    columns: pl.DataFrame
    row: Indices
    column: Indices
    count: Floats

    @property
    def services(self) -> list[str]:
        """In alphabetical order."""
        return sorted(set(self.columns["service"].to_list()))

    def dense(self, wanted: Indices) -> Floats:
        """float32 [len(wanted), w]: counts of these columns, zeros included; no column twice."""
        place = np.full(self.columns.height, -1, dtype=np.int64)
        place[wanted] = np.arange(len(wanted))
        inside = place[self.column] >= 0
        counts = np.zeros((len(wanted), len(self.times)), dtype=np.float32)
        counts[place[self.column[inside]], self.row[inside]] = self.count[inside]
        return counts

    def unbroken(self) -> Indices:
        """int64 [w]: for each window the first of its run of windows with no gap in the data between."""
        per_window = np.bincount(self.row, weights=self.count, minlength=len(self.times))
        missing = 0 if len(per_window) and np.median(per_window) >= BUSY else GAP_WINDOWS
        starts = np.concatenate([[True], np.diff(self.times) > (1 + missing) * LEDGER_WINDOW_NS])[: len(self.times)]
        return np.maximum.accumulate(np.where(starts, np.arange(len(self.times)), 0)).astype(np.int64)

    def service_of(self) -> Indices:
        """int64 [columns]: each column's place in `services`."""
        place = {service: index for index, service in enumerate(self.services)}
        return np.array([place[s] for s in self.columns["service"].to_list()], dtype=np.int64)

    def by_service(self) -> Floats:
        """float32 [services, w]: all lines of each service, in the order of `services`."""
        totals = np.zeros((len(self.services), len(self.times)), dtype=np.float32)
        of_pattern = (self.columns["pattern_id"] != "").to_numpy()[self.column]
        where = (self.service_of()[self.column[of_pattern]], self.row[of_pattern])
        np.add.at(totals, where, self.count[of_pattern])
        return totals


def count_windows(ledger: pl.DataFrame, patterns: PatternSet, starts: pl.DataFrame) -> Windows:
    """Windows of a ledger (`LineStore.ledger`) by pattern. A signature that no pattern stands for yet is left out: it
    came after the patterns were mined. `starts` (START_SCHEMA) may begin before the ledger does.
    """
    members = patterns.members.join(
        patterns.patterns.select("pattern_id", "template", muted=pl.col("state") == "muted"), on="pattern_id"
    )
    counted = ledger.select("window_ns", "service", "level", "signature", "count").join(members, on="signature")
    counted = pl.concat(
        [
            counted.drop("signature"),
            *(_of_level(counted, name, levels) for name, levels in LEVELS),
            *_begun(counted, starts, members),
        ]
    )
    columns = _columns(counted)
    times = np.sort(counted["window_ns"].unique().to_numpy()).astype(np.int64)
    cells = (
        counted.group_by("window_ns", *COLUMN_KEY)
        .agg(pl.col("count").sum())
        .join(columns.select(COLUMN_KEY).with_row_index("column"), on=COLUMN_KEY)
        .sort("window_ns", "column")
    )
    return Windows(
        times=times,
        columns=columns,
        row=np.searchsorted(times, cells["window_ns"].to_numpy()).astype(np.int64),
        column=cells["column"].to_numpy().astype(np.int64),
        count=cells["count"].to_numpy().astype(np.float32),
    )


def joined(earlier: Windows, later: Windows) -> Windows:
    """Windows of which all of `later` come after all of `earlier`, as if counted together."""
    both = pl.concat([earlier.columns, later.columns])
    severe = (pl.col("severe") * pl.col("count")).sum() / pl.col("count").sum()
    columns = (
        both.group_by(COLUMN_KEY)
        .agg(pl.col("muted").first(), pl.col("count").sum(), severe=severe)
        .sort(COLUMN_KEY)
        .select(both.columns)
    )
    parts = [
        (earlier, places(earlier.columns, columns), 0),
        (later, places(later.columns, columns), len(earlier.times)),
    ]
    row = np.concatenate([part.row + offset for part, _, offset in parts])
    column = np.concatenate([place[part.column] for part, place, _ in parts])
    count = np.concatenate([part.count for part, _, _ in parts])
    return Windows(np.concatenate([earlier.times, later.times]), columns, row, column, count)


def places(columns: pl.DataFrame, among: pl.DataFrame) -> Indices:
    """int64 [len(columns)]: where each of these columns stands among others that hold them all; ascending."""
    found = columns.select(COLUMN_KEY).join(
        among.select(COLUMN_KEY).with_row_index("place"), on=COLUMN_KEY, how="left", maintain_order="left"
    )
    return found["place"].to_numpy().astype(np.int64)


def renamed(windows: Windows, patterns: PatternSet) -> Windows:
    """The same counts with the templates that the patterns have now."""
    now = windows.columns.join(
        patterns.patterns.select("pattern_id", now="template"), on="pattern_id", how="left", maintain_order="left"
    )
    return dataclasses.replace(
        windows, columns=now.with_columns(template=pl.coalesce("now", "template")).select(windows.columns.columns)
    )


def _of_level(counted: pl.DataFrame, name: str, levels: tuple[str, ...]) -> pl.DataFrame:
    """The lines of these levels once more, as a column of their own."""
    return (
        counted.filter(pl.col("level").is_in(levels))
        .with_columns(pattern_id=pl.lit(""), template=pl.lit(name), muted=pl.lit(value=False))
        .drop("signature")
    )


def read_starts(store: LineReader, *, start_ns: int | None, end_ns: int | None) -> pl.DataFrame:
    """START_SCHEMA: the first line of every source in a pod that begins in the span, by (time_ns, source)."""
    where = LineFilter(start_ns=start_ns, end_ns=end_ns)
    frames = [
        frame.filter((pl.col("position") == 0) & (pl.col("pod") != "")).drop("position")
        for frame in store.scan(where, [*START_SCHEMA, "position"])
    ]
    return pl.concat([pl.DataFrame(schema=START_SCHEMA), *frames]).select(list(START_SCHEMA)).sort("time_ns", "source")


def _begun(counted: pl.DataFrame, starts: pl.DataFrame, members: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How often a container began anew in a pod that had one before, and how many pods began; as rows of `counted`, in
    windows of its own.

    A new deployment begins in new pods; what is killed begins again in the same one.
    """
    lines = counted.group_by("service", "pattern_id").agg(lines=pl.col("count").sum())
    turn = pl.int_range(pl.len()).over("namespace", "pod", "service", order_by=["time_ns", "source"])
    begun = (
        starts.with_columns(turn=turn, window_ns=pl.col("time_ns") // LEDGER_WINDOW_NS * LEDGER_WINDOW_NS)
        .join(counted.select("window_ns").unique(), on="window_ns", how="semi")
        .join(members, on="signature")
        .join(lines, on=["service", "pattern_id"])
        .filter(pl.len().over("service", "pattern_id") >= OPENING * pl.col("lines"))
    )
    return (
        _counted_as(begun.filter(pl.col("turn") > 0), RESTARTS, counted, muted=False),
        _counted_as(begun.filter(pl.col("turn") == 0), NEW_PODS, counted, muted=True),
    )


def _counted_as(begun: pl.DataFrame, name: str, counted: pl.DataFrame, *, muted: bool) -> pl.DataFrame:
    return (
        begun.group_by("window_ns", "service")
        .agg(count=pl.len().cast(counted.schema["count"]))
        .select(
            "window_ns",
            "service",
            pl.lit(SEVERE[0]).alias("level"),
            "count",
            pl.lit("").alias("pattern_id"),
            pl.lit(name).alias("template"),
            pl.lit(value=muted).alias("muted"),
        )
    )


def window_start(time_ns: int) -> int:
    """Start of the window that holds this time."""
    return time_ns - time_ns % LEDGER_WINDOW_NS


def _columns(counted: pl.DataFrame) -> pl.DataFrame:
    severe = pl.col("count").filter(pl.col("level").is_in(SEVERE)).sum()
    return (
        counted.group_by(COLUMN_KEY)
        .agg(pl.col("muted").first(), pl.col("count").sum(), severe=severe / pl.col("count").sum())
        .sort(COLUMN_KEY)
    )
