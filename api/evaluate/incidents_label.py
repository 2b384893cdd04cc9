"""What is known to have gone wrong when: labels of recorded faults and of the simulator, in one form."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from api.time_text import parse_time
from ingest.errors import InputError
from ingest.simulate import Label as SimulatedLabel

DISTRACTOR = "distractor"
"""The split of windows that are found but never asked about."""


@dataclasses.dataclass(frozen=True)
class Label:
    """One fault or benign event in [start_ns, end_ns)."""

    id: str
    start_ns: int
    end_ns: int
    service: str
    """The faulty one."""
    kind: str
    label: str
    """Windows of the same label are what should be recalled for each other."""
    split: str = ""
    variant: str = ""
    benign: bool = False
    silent: bool = False
    affected: tuple[str, ...] = ()
    """Services that show it, the faulty one first; empty where that is not recorded."""

    @property
    def is_code(self) -> bool:
        """A defect in a program: a wrong return value or an exception, as those who inject faults name them."""
        return self.kind in {"return", "exception"}

    @property
    def is_delay(self) -> bool:
        """A fault that changes no word, only how long things take; it is reported apart."""
        return "delay" in self.kind

    @property
    def row(self) -> str:
        """What it is called in a table: silent variants stand apart."""
        return f"{self.kind}:{self.variant} (silent)" if self.silent else self.kind


def read_labels(path: Path) -> list[Label]:
    """All labels of a file of JSON lines, by (start, id); `docs/reference/evaluation.md` names the fields.

    Raises InputError for a file that is not there or a line that lacks a field, with its number.
    """
    return sorted(
        (_label(record, f"{path}, line {number}") for number, record in _records(path)),
        key=lambda label: (label.start_ns, label.id),
    )


def of_simulation(label: SimulatedLabel) -> Label:
    """A label as the simulator returns it."""
    return Label(
        id=label.id,
        start_ns=label.start_ns,
        end_ns=label.end_ns,
        service=label.service,
        kind=label.kind,
        label=label.kind,
        variant=label.variant,
        benign=label.benign,
        silent=label.silent,
        affected=tuple(service for service, _ in label.affected),
    )


@dataclasses.dataclass(frozen=True)
class LabelledQuestion:
    """A question in words and the labels of which any answers it."""

    id: str
    text: str
    language: str
    gold: frozenset[str]


def read_questions(path: Path) -> list[LabelledQuestion]:
    """Questions of a file of JSON lines, in its order. Raises InputError as `read_labels` does."""
    found = []
    for number, record in _records(path):
        where = f"{path}, line {number}"
        gold = frozenset(_field(record, "gold_incident_ids", where))
        text, language = _field(record, "question", where), str(record.get("lang", "en"))
        found.append(LabelledQuestion(str(record.get("id", number)), text, language, gold))
    return found


def _label(record: Mapping[str, Any], where: str) -> Label:
    kind = str(record["fault_type"] if "fault_type" in record else _field(record, "kind", where))
    return Label(
        id=str(_field(record, "id", where)),
        start_ns=parse_time(str(_field(record, "start", where)), now_ns=0, name=f"start of {where}"),
        end_ns=parse_time(str(_field(record, "end", where)), now_ns=0, name=f"end of {where}"),
        service=str(_field(record, "service", where)),
        kind=kind,
        label=str(record.get("label", kind)),
        split=str(record.get("split", "")),
        variant=str(record.get("variant", "")),
        benign=bool(record.get("benign", False)),
        silent=bool(record.get("silent", False)),
        affected=tuple(str(each["service"]) for each in record.get("affected", ())),
    )


def _field(record: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in record:
        raise InputError(f"{where} has no {name!r}: it has {', '.join(sorted(record))}")
    return record[name]


def _records(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        lines = path.read_bytes().splitlines()
        return [(number, orjson.loads(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    except (OSError, orjson.JSONDecodeError) as fault:
        raise InputError(f"{path} cannot be read as JSON lines: {fault}") from fault
