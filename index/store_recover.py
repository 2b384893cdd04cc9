"""Opening a data directory: what a crash left behind is put right, what is damaged is set aside, memory is refilled."""

import dataclasses
import re
from pathlib import Path

import polars as pl
import structlog

from index.catalogue import (
    Catalogue,
    SegmentRow,
    add_damage,
    add_segments,
    put_value,
    remove_segments,
    replace_source_ranges,
)
from index.journal import Frame, journal_numbers, journal_path, read_journal
from index.ledger import SIGNATURE_LINE_COLUMNS, admitted, first_lines
from index.memory import MemoryFrame, with_frame
from index.quarantine import keep_copy, set_aside, sync_folder
from index.segment import LINES, SUFFIXES, Segment
from index.segment_write import Origin, read_origin
from index.signature_table import load_signatures, put_signatures
from index.source_ranges import SourceRanges
from index.store_settings import StoreSettings
from index.view import View
from ingest.errors import DamagedError
from ingest.line_sink import SourceRange

log = structlog.get_logger()

SEGMENT_FOLDER = "segments"
JOURNAL_FOLDER = "journal"
_OURS = re.compile(r"(\d{12})(\.[a-z]+)*(\.tmp)?")


@dataclasses.dataclass
class Recovered:
    """What an open store starts from."""

    view: View
    ranges: SourceRanges
    """Everything stored, journals included."""
    flushed_ranges: SourceRanges
    """What the catalogue holds."""
    unflushed: list[tuple[int, tuple[SourceRange, ...]]]
    """(journal, covers) of every frame in memory."""
    released_journal: int
    next_journal: int
    next_segment: int
    flush_now: bool


def with_sequence(lines: pl.DataFrame, first: int) -> pl.DataFrame:
    """Lines with their `sequence`, counting from `first` in their order."""
    return lines.with_columns(pl.int_range(first, first + lines.height, dtype=pl.Int64).alias("sequence"))


def recover(folder: Path, catalogue: Catalogue, settings: StoreSettings) -> Recovered:
    """Bring the directory into a state that is exactly what was acknowledged, and read what memory must hold."""
    segments, journals = folder / SEGMENT_FOLDER, folder / JOURNAL_FOLDER
    for path in (segments, journals):
        path.mkdir(exist_ok=True)
    sync_folder(folder)
    if catalogue.fresh and (catalogue.segments() or any(segments.glob("*" + LINES))):
        _rebuild(folder, catalogue, settings)
    rows = _present_segments(folder, catalogue)
    next_segment = _remove_unknown(segments, {row.file for row in rows}, folder)
    found = Recovered(
        view=View(
            segments=tuple(Segment(row, segments) for row in rows),
            flushed_signatures=load_signatures(catalogue),
            signature_budget=settings.signature_budget,
            next_sequence=catalogue.value("next_sequence", 0),
        ),
        ranges=SourceRanges(catalogue.source_ranges()),
        flushed_ranges=SourceRanges(catalogue.source_ranges()),
        unflushed=[],
        released_journal=catalogue.value("released_journal", 0),
        next_journal=0,
        next_segment=next_segment,
        flush_now=False,
    )
    _replay(folder, catalogue, found)
    if found.view.memory_bytes > settings.flush_bytes:
        found.flush_now = True
    return found


def _present_segments(folder: Path, catalogue: Catalogue) -> list[SegmentRow]:
    """The catalogue's segments whose file of lines is there; the others are recorded as lost."""
    kept = []
    for row in catalogue.segments():
        if (folder / SEGMENT_FOLDER / (row.file + LINES)).exists():
            kept.append(row)
            continue
        log.error("segment.missing", file=row.file, lines=row.rows)
        with catalogue.transaction() as connection:
            remove_segments(connection, [row.number])
            add_damage(connection, row.file + LINES, row.rows, "the file is missing")
    return kept


def _remove_unknown(segments: Path, known: set[str], folder: Path) -> int:
    """Delete what a crash left of flushes and compactions; set aside what is not ours. Returns a number never used."""
    highest = 0
    for path in sorted(segments.iterdir()):
        ours = _OURS.fullmatch(path.name)
        if ours is None:
            set_aside(path, folder, reason="it is no file of the store")
            continue
        highest = max(highest, int(ours.group(1)))
        if ours.group(1) not in known or ours.group(3):
            path.unlink()
            log.info("segment.leftover_removed", file=path.name)
    return highest + 1


def _replay(folder: Path, catalogue: Catalogue, found: Recovered) -> None:
    """Put the lines of journals that no flush has released back into memory."""
    journals = folder / JOURNAL_FOLDER
    numbers = journal_numbers(journals)
    for number in numbers:
        path = journal_path(journals, number)
        if number <= found.released_journal:
            path.unlink()
            continue
        frames = _replay_file(path, number, folder, catalogue, found)
        if frames == 0:
            path.unlink()
    found.next_journal = max([found.released_journal, *numbers]) + 1


def _replay_file(path: Path, number: int, folder: Path, catalogue: Catalogue, found: Recovered) -> int:
    gaps: list[int] = []

    def take(frame: Frame) -> None:
        gaps.append(frame.first_sequence - found.view.next_sequence)
        _take(frame, number, found)

    report = read_journal(path, take)
    if report.damaged_bytes:
        lost = sum(gap for gap in gaps if gap > 0)
        kept = keep_copy(path, folder, reason=f"{report.damaged_bytes} bytes are damaged; {lost} lines are lost")
        with catalogue.transaction() as connection:
            add_damage(connection, kept.name, lost, f"{report.damaged_bytes} bytes of the journal are damaged")
        found.flush_now = True
    if report.tail_bytes:
        if not report.tail_is_torn:
            keep_copy(path, folder, reason=f"its last {report.tail_bytes} bytes are damaged")
        with path.open("r+b") as file:
            file.truncate(report.good_end)
        log.info("journal.tail_cut", file=path.name, bytes=report.tail_bytes)
    return report.frames


def _take(frame: Frame, number: int, found: Recovered) -> None:
    """One frame of a journal into memory, unless a segment holds it already."""
    view = found.view
    next_sequence = max(view.next_sequence, frame.first_sequence + frame.lines.height)
    found.view = dataclasses.replace(view, next_sequence=next_sequence)
    if any(found.ranges.overlaps(covered) for covered in frame.covers):
        log.info("journal.frame_known", lines=frame.lines.height)
        return
    for covered in frame.covers:
        found.ranges.add(covered)
    found.unflushed.append((number, frame.covers))
    if frame.lines.height:
        memory = MemoryFrame(with_sequence(frame.lines, frame.first_sequence), number)
        found.view = dataclasses.replace(found.view, frames=with_frame(view.frames, memory))


def _rebuild(folder: Path, catalogue: Catalogue, settings: StoreSettings) -> None:
    """Fill a new catalogue from the segment files: each tells its rows, what it covers and what it replaces. What a
    backup brought back of ranges and signatures stays.
    """
    found: dict[int, tuple[SegmentRow, Origin]] = {}
    for path in sorted((folder / SEGMENT_FOLDER).glob("*" + LINES)):
        if not re.fullmatch(r"\d{12}\.parquet", path.name):
            continue
        try:
            row, origin = read_origin(path)
        except DamagedError as fault:
            set_aside(path, folder, reason=str(fault))
            with catalogue.transaction() as connection:
                add_damage(connection, path.name, 0, str(fault))
            continue
        found[row.number] = (row, origin)
    kept = _committed(found, folder)
    signatures = load_signatures(catalogue)
    for row, _ in kept:
        segment = Segment(row, folder / SEGMENT_FOLDER)
        for block in segment.blocks():
            lines = segment.read(SIGNATURE_LINE_COLUMNS, block, block)
            signatures = admitted(signatures, first_lines(lines), settings.signature_budget)
    ranges = SourceRanges(catalogue.source_ranges())
    for covered in (covered for _, origin in kept for covered in origin.covers):
        ranges.add(covered)
    next_sequence = max((row.max_sequence + 1 for row, _ in kept), default=0)
    with catalogue.transaction() as connection:
        remove_segments(connection, [row.number for row in catalogue.segments()])
        add_segments(connection, [row for row, _ in kept])
        replace_source_ranges(connection, {covered.source for covered in ranges}, ranges)
        put_signatures(connection, signatures)
        put_value(connection, "next_sequence", max(next_sequence, catalogue.value("next_sequence", 0)))
    log.warning("catalogue.rebuilt", segments=len(kept), lines=sum(row.rows for row, _ in kept))


def _committed(found: dict[int, tuple[SegmentRow, Origin]], folder: Path) -> list[tuple[SegmentRow, Origin]]:
    """Segments that hold lines which nothing else holds: not those compacted into another one, and not those of a
    flush whose journals are all still there (it may not have been committed, and replay brings its lines back).
    """
    replaced = {number for _, origin in found.values() for number in origin.replaces}
    journals = set(journal_numbers(folder / JOURNAL_FOLDER))
    kept = []
    for number in sorted(found):
        row, origin = found[number]
        is_in_journals = bool(origin.journals) and set(origin.journals) <= journals
        if number in replaced or is_in_journals:
            for suffix in SUFFIXES:
                set_aside(folder / SEGMENT_FOLDER / (row.file + suffix), folder, reason="its lines are held elsewhere")
        else:
            kept.append((row, origin))
    return kept
