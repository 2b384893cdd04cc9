"""Runs the simulator for the command line: a past span, then live by the clock."""

import time
from collections.abc import Sequence
from pathlib import Path

from api.cli_output import complain
from api.time_text import SECOND_NS, parse_time
from ingest.errors import InputError
from ingest.simulate import ALL, FAULTS, Live, SimulationResult
from ingest.simulate import simulate as simulate_past

STEP_S = 1.0


def run(
    folder: Path,
    *,
    seed: int,
    start: str,
    end: str,
    lines: int | None,
    faults: Sequence[str] | None,
    services: int,
    follow: bool,
    chinese: bool | None,
) -> SimulationResult:
    """Write the past, and with `follow` go on until interrupted. Raises InputError for a fault that is not known."""
    unknown = [name for name in faults or () if name.partition(":")[0] not in {*FAULTS, ALL}]
    if unknown:
        raise InputError(f"{unknown[0]!r} is not a fault", hint=f"accepted are {', '.join(sorted(FAULTS))}, and {ALL}")
    now_ns = time.time_ns()
    start_ns = parse_time(start, now_ns=now_ns, name="--from")
    end_ns = parse_time(end, now_ns=now_ns, name="--to")
    if start_ns >= end_ns:
        raise InputError("the span is empty: it begins when it ends or later", hint="--from lies before --to")
    result = simulate_past(
        folder,
        seed=seed,
        start_ns=start_ns,
        end_ns=end_ns,
        lines=lines,
        faults=faults or None,
        services=services,
        live_faults=follow,
        chinese=chinese,
    )
    if follow:
        _go_on(folder, result)
    return result


def _go_on(folder: Path, result: SimulationResult) -> None:
    live = Live(folder, result.plan)
    complain(f"live in {result.containers} until interrupted")
    while True:
        live.advance(time.time_ns() // SECOND_NS * SECOND_NS)
        time.sleep(STEP_S)
