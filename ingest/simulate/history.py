"""A past span at once: `simulate` writes all its lines, labels and counts."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import orjson

from ingest.errors import InputError
from ingest.simulate.labels import Label, labels
from ingest.simulate.plan import Plan, make_plan
from ingest.simulate.write import CONTAINERS_FOLDER, COUNTS_FILE, LABELS_FILE, Writer


@dataclasses.dataclass(frozen=True)
class SimulationResult:
    """What stands in the folder."""

    folder: Path
    containers: Path
    """The folder to collect from; it holds the log files and nothing else."""
    files: tuple[Path, ...]
    lines: int
    """As the programs wrote them: a stack trace, or a line that the runtime cut, counts once."""
    lines_by_service: dict[str, int]
    byte_count: int
    labels: tuple[Label, ...]
    plan: Plan
    """For `Live`, to go on from here."""


def simulate(
    folder: Path,
    *,
    seed: int,
    start_ns: int,
    end_ns: int,
    lines: int | None = None,
    faults: Sequence[str] | None = None,
    services: int = 12,
    live_faults: bool = False,
    chinese: bool | None = None,
) -> SimulationResult:
    """Write the shop of this seed from `start_ns` to `end_ns` into `folder`; the arguments are those of `make_plan`.

    The same arguments give the same bytes. Raises InputError when the folder holds a simulation already.
    """
    plan = make_plan(
        seed=seed,
        start_ns=start_ns,
        end_ns=end_ns,
        lines=lines,
        faults=faults,
        services=services,
        live_faults=live_faults,
        chinese=chinese,
    )
    return write_history(folder, plan)


def write_history(folder: Path, plan: Plan) -> SimulationResult:
    """Write the plan's span into `folder`; see `simulate`."""
    if (folder / LABELS_FILE).exists() or any((folder / CONTAINERS_FOLDER).glob("*.log")):
        raise InputError(
            f"cannot simulate into {folder}: it holds a simulation already", hint="name an empty or a new folder"
        )
    writer = Writer(folder, plan, plan.start_ns)
    written = writer.advance(plan.end_ns)
    counts = {"lines": sum(written.lines.values()), "bytes": written.byte_count, "services": written.lines}
    (folder / COUNTS_FILE).write_bytes(orjson.dumps(counts, option=orjson.OPT_INDENT_2) + b"\n")
    return SimulationResult(
        folder=folder,
        containers=folder / CONTAINERS_FOLDER,
        files=written.files,
        lines=sum(written.lines.values()),
        lines_by_service=written.lines,
        byte_count=written.byte_count,
        labels=tuple(labels(plan, plan.start_ns, plan.end_ns)),
        plan=plan,
    )
