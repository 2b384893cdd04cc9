"""A shop that does not exist and its container logs, faults and labels included: data to try and test Dejalog on.

    from ingest.simulate import Live, simulate

    result = simulate(folder, seed=7, start_ns=..., end_ns=..., lines=1_200_000)   # history, seconds
    live = Live(folder, result.plan)                                                # from the history's end on
    live.advance(now_ns)                                                            # as often as wanted

`folder/containers/*.log` are the files to collect, `folder/labels.jsonl` says what was injected when,
`folder/written.json` how many lines there are. docs/reference/simulate.md tells the rest.
"""

from ingest.simulate.faults import FAULTS, fault
from ingest.simulate.history import SimulationResult, simulate, write_history
from ingest.simulate.labels import Label
from ingest.simulate.live import Live
from ingest.simulate.occurrence import Kind, Occurrence, Stage
from ingest.simulate.plan import ALL, Plan, make_plan

__all__ = [
    "ALL",
    "FAULTS",
    "Kind",
    "Label",
    "Live",
    "Occurrence",
    "Plan",
    "SimulationResult",
    "Stage",
    "fault",
    "make_plan",
    "simulate",
    "write_history",
]
