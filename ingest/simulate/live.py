"""Goes on from a time: appends lines to the same files as the clock, real or sped up, moves on."""

from pathlib import Path

from ingest.simulate.labels import Label, labels
from ingest.simulate.plan import Plan
from ingest.simulate.write import Writer, Written


class Live:
    """The shop of a plan from `from_ns` (default: the plan's end) on. It owns no clock: the caller says how far.

    A history to `from_ns` and a Live from there write, together, the bytes of one longer history, whatever the steps;
    new containers get files of their own.
    """

    def __init__(self, folder: Path, plan: Plan, *, from_ns: int | None = None) -> None:
        self._plan = plan
        self._start_ns = plan.end_ns if from_ns is None else from_ns
        self._writer = Writer(folder, plan, self._start_ns)

    @property
    def done_ns(self) -> int:
        """Everything before this time is written."""
        return self._writer.done_ns

    def advance(self, until_ns: int) -> Written:
        """Append the lines of the time since the last call. Going back or standing still writes nothing."""
        return self._writer.advance(until_ns)

    def labels(self) -> list[Label]:
        """Of what began since `from_ns` and before `done_ns`."""
        return labels(self._plan, self._start_ns, self.done_ns)
