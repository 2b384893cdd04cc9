"""Writes a plan's lines to container files, up to any time and on from there."""

import dataclasses
from collections import Counter
from pathlib import Path

import orjson
import polars as pl

from ingest.simulate.containers import Containers
from ingest.simulate.events import EVENT_SCHEMA, SLICE_NS, make_slice, restarts_before
from ingest.simulate.labels import label_records
from ingest.simulate.plan import Plan
from ingest.simulate.render import render

CONTAINERS_FOLDER = "containers"
"""Below the simulation's folder: nothing but log files."""
LABELS_FILE = "labels.jsonl"
COUNTS_FILE = "written.json"


@dataclasses.dataclass(frozen=True)
class Written:
    """What one call wrote."""

    files: tuple[Path, ...]
    """By name."""
    lines: dict[str, int]
    """Lines as the program wrote them, by service: a stack trace or a long line counts once."""
    byte_count: int


class Writer:
    """Appends to the files of one folder. What is in the files does not depend on the steps in which it was written."""

    def __init__(self, folder: Path, plan: Plan, from_ns: int) -> None:
        self._plan = plan
        self._folder = folder
        self._done_ns = from_ns
        self._containers = Containers(plan.shop, plan.start_ns)
        self._next_slice = max(from_ns // SLICE_NS - 1, plan.start_ns // SLICE_NS)
        for restart in restarts_before(plan, self._next_slice):
            self._containers.restart(restart)
        self._pending = EVENT_SCHEMA.to_frame()
        (folder / CONTAINERS_FOLDER).mkdir(parents=True, exist_ok=True)

    @property
    def done_ns(self) -> int:
        """Everything before this time is written."""
        return self._done_ns

    def advance(self, until_ns: int) -> Written:
        """Append the lines stamped from `done_ns` to before `until_ns`, and the labels of what began there."""
        if until_ns <= self._done_ns:
            return Written((), {}, 0)
        written = [self._step(step_ns) for step_ns in (*range(self._next_ns(), until_ns, SLICE_NS), until_ns)]
        files = sorted({path for one in written for path in one.files})
        lines: Counter[str] = Counter()
        for one in written:
            lines.update(one.lines)
        return Written(tuple(files), dict(sorted(lines.items())), sum(one.byte_count for one in written))

    def _next_ns(self) -> int:
        return (self._done_ns // SLICE_NS + 1) * SLICE_NS

    def _step(self, until_ns: int) -> Written:
        while self._next_slice * SLICE_NS < until_ns:
            made = make_slice(self._plan, self._next_slice)
            self._pending = pl.concat([self._pending, made.events.filter(pl.col("stamp_ns") >= self._done_ns)])
            for restart in made.restarts:
                self._containers.restart(restart)
            self._next_slice += 1
        due = pl.col("stamp_ns") < until_ns
        ready, self._pending = self._pending.filter(due), self._pending.filter(~due)
        written = self._append(ready)
        self._append_labels(until_ns)
        self._done_ns = until_ns
        return written

    def _append(self, events: pl.DataFrame) -> Written:
        events = events.with_columns(self._containers.name_files(events))
        events = events.sort("file", "stamp_ns", "template", "salt", "item", "trace")
        texts = render(self._plan.shop, events)
        by_file = texts.group_by("file", maintain_order=True).agg(pl.col("text").str.join(""))
        files, byte_count = [], 0
        for name, text in by_file.rows():
            path = self._folder / CONTAINERS_FOLDER / name
            body = text.encode()
            with path.open("ab") as file:
                file.write(body)
            files.append(path)
            byte_count += len(body)
        counts = events.group_by("service").len().rows()
        names = {service.number: service.name for service in self._plan.shop.services}
        return Written(tuple(files), {names[number]: count for number, count in sorted(counts)}, byte_count)

    def _append_labels(self, until_ns: int) -> None:
        records = label_records(self._plan, self._done_ns, until_ns)
        with (self._folder / LABELS_FILE).open("ab") as file:
            file.writelines(orjson.dumps(record) + b"\n" for record in records)
