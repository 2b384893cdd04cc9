"""What an evaluation prints: rows and their mean, as a table or as JSON, and how they differ from a kept result."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from ingest.errors import InputError

Row = Mapping[str, str | float | int | None]


@dataclasses.dataclass(frozen=True)
class Report:
    """`rows` and `mean` have the names of the contract; `facts` says how it was measured, and what else was seen."""

    name: str
    rows: Sequence[Row]
    mean: Mapping[str, float]
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def evaluation(self) -> str:
        """Which command of `dejalog eval` it comes from: the first word of its name."""
        return self.name.partition(":")[0]

    def json(self) -> dict[str, Any]:
        """`{"name", "rows", "mean", "facts"}`."""
        return {
            "name": self.name,
            "rows": [dict(row) for row in self.rows],
            "mean": dict(self.mean),
            "facts": dict(self.facts),
        }


def print_report(report: Report, output: str, *, kept: Report | None = None) -> None:
    """To standard output, as `table` or `json`. `kept`: an earlier result to compare the mean with."""
    if output == "json":
        body = report.json()
        if kept is not None:
            body["difference"] = _differences(report, kept)
        print(orjson.dumps(body).decode())
        return
    # Wide on purpose: a row that wraps cannot be compared; a terminal scrolls and a file keeps it whole.
    console = Console(width=200, soft_wrap=True)
    console.print(report.name, highlight=False, markup=False)
    for part in dict.fromkeys(row.get("part") for row in report.rows):
        _print_rows(console, [row for row in report.rows if row.get("part") == part])
    mean = {name: round(value, 4) for name, value in report.mean.items()}
    console.print(f"mean: {mean}", highlight=False)
    if kept is not None:
        console.print(f"difference to the kept result: {_differences(report, kept)}", highlight=False)
    for name, fact in report.facts.items():
        console.print(f"{name}: {fact}", highlight=False, markup=False)


def keep(report: Report, path: Path) -> None:
    """Write the report as JSON, one row a line, so that a change is read in a diff."""
    rows = b",\n    ".join(orjson.dumps(dict(row)) for row in report.rows)
    head = orjson.dumps({"name": report.name, "mean": dict(report.mean), "facts": dict(report.facts)})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head[:-1] + b',\n  "rows": [\n    ' + rows + b"\n  ]}\n")


def read_kept(path: Path, evaluation: str) -> Report:
    """What `keep` wrote of this evaluation (`mining`, `questions`, …). Raises InputError when the file is not there
    or is something else.
    """
    hint = f"`dejalog eval {evaluation} --keep FILE` writes one"
    try:
        body = orjson.loads(path.read_bytes())
        mean = {name: float(value) for name, value in body["mean"].items()}
        kept = Report(body["name"], body["rows"], mean, body["facts"])
    except OSError as fault:
        raise InputError(f"{path} cannot be read: {fault.strerror}", hint=hint) from fault
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as fault:
        raise InputError(f"{path} is no kept result: {fault!r}", hint=hint) from fault
    if kept.evaluation != evaluation:
        raise InputError(f"{path} is a result of {kept.evaluation!r}, not of {evaluation!r}", hint=hint)
    return kept


def _differences(report: Report, kept: Report) -> dict[str, float]:
    return {name: round(value - kept.mean[name], 4) for name, value in report.mean.items() if name in kept.mean}


def _print_rows(console: Console, rows: Sequence[Row]) -> None:
    """One table; rows of another `part` have other columns and stand in a table of their own."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(box=None, pad_edge=False)
    for name in names:
        is_text = any(isinstance(row.get(name), str) for row in rows)
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    console.print(table)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)
