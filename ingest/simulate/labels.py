"""The labels: what was injected when, as written to labels.jsonl beside the log files (docs/reference/simulate.md)."""

import dataclasses
import datetime as dt
from typing import Any

from ingest.simulate.benign import BENIGN
from ingest.simulate.conditions import Conditions
from ingest.simulate.faults import FAULTS
from ingest.simulate.occurrence import stage_all
from ingest.simulate.plan import Plan


@dataclasses.dataclass(frozen=True)
class Label:
    """One fault or benign event. `affected`: (service, onset), by onset, the faulty service first."""

    id: str
    kind: str
    variant: str
    benign: bool
    silent: bool
    """It makes no service write a warning or an error."""
    service: str
    start_ns: int
    end_ns: int
    affected: tuple[tuple[str, int], ...]


def labels(plan: Plan, start_ns: int, end_ns: int) -> list[Label]:
    """Of everything that begins in the span, by start, then id."""
    begun = [o for o in plan.occurrences(start_ns, end_ns) if start_ns <= o.start_ns < end_ns]
    kinds = FAULTS | BENIGN
    made = []
    for occurrence, affected in stage_all(plan.shop, begun, Conditions(plan.shop, start_ns), kinds):
        names: dict[str, int] = {}
        for one in sorted(affected, key=lambda one: (one.onset_ns, one.service != occurrence.service, one.service)):
            names.setdefault(plan.shop.services[one.service].name, one.onset_ns)
        made.append(
            Label(
                id=occurrence.id,
                kind=occurrence.kind,
                variant=occurrence.variant,
                benign=occurrence.benign,
                silent=occurrence.variant in kinds[occurrence.kind].silent,
                service=plan.shop.services[occurrence.service].name,
                start_ns=occurrence.start_ns,
                end_ns=occurrence.end_ns,
                affected=tuple(names.items()),
            )
        )
    return made


def label_records(plan: Plan, start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """The same as they stand in the file, with times as RFC 3339."""
    records = []
    for label in labels(plan, start_ns, end_ns):
        record = dataclasses.asdict(label)
        record["start"], record["end"] = rfc3339(record.pop("start_ns")), rfc3339(record.pop("end_ns"))
        record["affected"] = [{"service": name, "onset": rfc3339(onset_ns)} for name, onset_ns in label.affected]
        records.append(record)
    return records


def rfc3339(time_ns: int) -> str:
    """UTC with milliseconds."""
    time = dt.datetime.fromtimestamp(time_ns // 1_000_000 / 1000, tz=dt.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
