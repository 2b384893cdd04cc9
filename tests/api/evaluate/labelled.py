"""A labelled system in Loghub's layout, written by us: a till's log with headers, events and templates."""

import csv
from pathlib import Path

TEMPLATES = {
    "E1": "drawer <*> is open",
    "E2": "drawer <*> is shut",
    "E3": "receipt <*> printed in <*> ms",
    "E4": "paper jam at station <*>, cashier called",
    "E5": "card of customer <*> declined by the bank",
}
EVENTS = ["E1", "E2", "E3", "E3", "E1", "E2", "E3", "E5", "E3", "E4"] * 6


def content_of(event: str, number: int) -> str:
    text = TEMPLATES[event]
    while "<*>" in text:
        text = text.replace("<*>", str(number * 37 % 1000 + 10), 1)
    return text


def write_system(folder: Path, name: str = "Till") -> Path:
    """Raw lines and both kinds of labels; in the original ones E1 and E2 are one event."""
    place = folder / name
    place.mkdir(parents=True)
    contents = [content_of(event, number) for number, event in enumerate(EVENTS)]
    lines = [
        f"2026-03-01 10:{number // 60:02d}:{number % 60:02d},118 INFO [main] till.Front: {content}"
        for number, content in enumerate(contents)
    ]
    log = place / f"{name}_2k.log"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write(log, "_structured_corrected.csv", contents, EVENTS, TEMPLATES)
    joined = ["E1" if event == "E2" else event for event in EVENTS]
    _write(log, "_structured.csv", contents, joined, TEMPLATES | {"E1": "drawer <*> is <*>"})
    return folder


def _write(log: Path, suffix: str, contents: list[str], events: list[str], templates: dict[str, str]) -> None:
    with log.with_name(log.name + suffix).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["LineId", "Content", "EventId", "EventTemplate"])
        table.writerows(
            [number, content, event, templates[event]]
            for number, (content, event) in enumerate(zip(contents, events, strict=True), start=1)
        )
