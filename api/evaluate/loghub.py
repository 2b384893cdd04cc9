"""Labelled systems in Loghub's layout: `X/X_2k.log`, its lines taken apart, an event and a template for each."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from api.evaluate.metrics import normalise_template
from ingest.errors import InputError, NotFoundError

STRUCTURED = "_structured.csv"
CORRECTED = "_structured_corrected.csv"


@dataclasses.dataclass(frozen=True)
class Labels:
    """An event id and a template (normalised) for each line."""

    name: str
    """`original` or `corrected`."""
    event_ids: tuple[str, ...]
    templates: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class System:
    """One labelled system. All tuples have one entry a line."""

    name: str
    log: Path
    """The raw lines."""
    contents: tuple[str, ...]
    """What the labels are about: the lines without their headers."""
    labels: tuple[Labels, ...]
    """The corrected ones, where there are any, first."""

    def labels_named(self, name: str) -> Labels | None:
        """Those of this name, if there are any."""
        return next((labels for labels in self.labels if labels.name == name), None)


def read_systems(folder: Path, names: Sequence[str] = ()) -> list[System]:
    """Every system below the folder (those named), by name. Raises NotFoundError when there is none."""
    found = [_read_system(path) for path in sorted(folder.glob(f"*/*{STRUCTURED}"))]
    chosen = [system for system in found if not names or system.name in names]
    if not chosen:
        wanted = f" named {', '.join(names)}" if names else ""
        raise NotFoundError(
            f"{folder} holds no labelled system{wanted}", hint=f"expected is NAME/NAME_2k.log{STRUCTURED} below it"
        )
    return chosen


def _read_system(path: Path) -> System:
    log = path.with_name(path.name.removesuffix(STRUCTURED))
    corrected = path.with_name(path.name.removesuffix(STRUCTURED) + CORRECTED)
    rows = _rows(path)
    labels = [_labels("original", rows, path)]
    if corrected.is_file():
        labels.insert(0, _labels("corrected", _rows(corrected), corrected))
    contents = tuple(row["Content"] for row in rows)
    if any(len(each.event_ids) != len(contents) for each in labels):
        raise InputError(f"{corrected} labels another number of lines than {path.name}")
    return System(path.parent.name, log, contents, tuple(labels))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    missing = {"Content", "EventId", "EventTemplate"} - set(rows[0] if rows else ())
    if missing:
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}", hint="Loghub's structured CSV is expected")
    return rows


def _labels(name: str, rows: Sequence[dict[str, str]], path: Path) -> Labels:
    if any(not row["EventId"] for row in rows):
        raise InputError(f"{path} has lines without an EventId")
    return Labels(
        name,
        tuple(row["EventId"] for row in rows),
        tuple(normalise_template(row["EventTemplate"]) for row in rows),
    )
