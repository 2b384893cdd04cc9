"""Damaged files and full disks: nothing acknowledged is lost that is still there, and what is lost is counted."""

import errno
import gc
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from index.catalogue import connect
from index.line_store import LineFilter
from index.store_parquet import ParquetStore
from index.store_settings import StoreSettings
from ingest.errors import DamagedError, RefusedError, StorageFullError
from ingest.line_sink import SourceRange
from tests.index.lines_made import covers_of, made_lines

AA, BB = "00000000000000aa", "00000000000000bb"
SMALL = StoreSettings(block_lines=64, compact_fan_in=2)


def filled(folder: Path, settings: StoreSettings = SMALL) -> ParquetStore:
    """A store with 300 lines in two segments and 100 in the journal."""
    store = ParquetStore.open(folder, settings)
    for first in (0, 100, 200):
        lines = made_lines(100, first=first)
        store.append(lines, covers_of(lines))
        if first != 100:
            store.flush()
    last = made_lines(100, source=BB)
    store.append(last, covers_of(last))
    return store


def facts(store: ParquetStore) -> list[object]:
    """Everything that must be the same before and after."""
    return [
        store.search(LineFilter(), limit=1000).lines.rows(),
        store.ledger().rows(),
        store.signatures().rows(),
        [store.missing(SourceRange(source, 0, 50_000)) for source in (AA, BB)],
        store.high_sequence(),
    ]


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)


def segment_files(folder: Path, suffix: str) -> list[Path]:
    return sorted(path for path in (folder / "segments").iterdir() if path.name[12:] == suffix)


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: path.write_bytes(b"no database" * 999), id="overwritten"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:5000]), id="cut short"),
        pytest.param(lambda path: path.write_bytes(b""), id="emptied"),
        pytest.param(lambda path: path.unlink(), id="removed"),
    ],
)
def test_a_lost_catalogue_is_rebuilt_from_the_segments(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    store = filled(tmp_path)
    before = facts(store)
    store.close()
    harm(tmp_path / "catalogue.sqlite")
    again = ParquetStore.open(tmp_path, SMALL)
    assert facts(again) == before
    again.flush()
    while again.compact():
        pass
    assert facts(again) == before
    again.close()


def test_a_lost_catalogue_is_rebuilt_after_compaction(tmp_path: Path) -> None:
    store = filled(tmp_path)
    while store.compact():
        pass
    before = facts(store)
    store.close()
    (tmp_path / "catalogue.sqlite").unlink()
    again = ParquetStore.open(tmp_path, SMALL)
    assert facts(again) == before
    again.close()


def test_what_dropped_lines_covered_and_people_wrote_outlives_the_catalogue(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.flush()
    notes = connect(tmp_path / "catalogue.sqlite")
    notes.execute("CREATE TABLE remark (text TEXT)")
    notes.execute("INSERT INTO remark VALUES ('the disk was full')")
    notes.close()
    assert store.drop_before(2**62) == 400
    later = made_lines(50, first=300)
    store.append(later, covers_of(later))
    store.flush()
    before = facts(store)
    status = store.status()
    del store  # without a close, as a crash leaves it
    gc.collect()
    (tmp_path / "catalogue.sqlite").write_bytes(b"no database" * 999)
    again = ParquetStore.open(tmp_path, SMALL)
    assert facts(again) == before
    assert again.status().lines == status.lines == 50
    notes = connect(tmp_path / "catalogue.sqlite")
    assert notes.execute("SELECT text FROM remark").fetchall() == [("the disk was full",)]
    notes.close()
    again.close()


def test_a_damaged_backup_is_set_aside_too(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before = facts(store)
    store.close()
    for name in ("catalogue.sqlite", "catalogue.backup"):
        (tmp_path / name).write_bytes(b"no database" * 999)
    again = ParquetStore.open(tmp_path, SMALL)
    assert facts(again) == before
    assert {path.name for path in (tmp_path / "quarantine").iterdir()} >= {"catalogue.sqlite", "catalogue.backup"}
    again.close()


@pytest.mark.parametrize("offset", [10, 1000, -5])
def test_a_damaged_segment_is_set_aside_and_counted(tmp_path: Path, offset: int) -> None:
    filled(tmp_path).close()
    damaged = segment_files(tmp_path, ".parquet")[0]
    flip(damaged, offset)
    store = ParquetStore.open(tmp_path, SMALL)
    page = store.search(LineFilter("order or reserved or sku or took"), limit=1000)
    assert page.partial
    assert page.total == 300
    assert store.ledger()["count"].sum() == 300
    status = store.status()
    assert (status.damaged_files, status.damaged_lines, status.lines) == (1, 100, 300)
    assert (tmp_path / "quarantine" / damaged.name).exists()
    assert not store.search(LineFilter()).partial
    assert store.missing(SourceRange(AA, 0, 10_000)) == []
    store.close()
    again = ParquetStore.open(tmp_path, SMALL)
    assert (again.status().damaged_lines, again.status().lines) == (100, 300)
    again.close()


def test_a_scan_of_a_damaged_segment_raises_once(tmp_path: Path) -> None:
    filled(tmp_path).close()
    flip(segment_files(tmp_path, ".parquet")[0], 1000)
    store = ParquetStore.open(tmp_path, SMALL)
    with pytest.raises(DamagedError):
        list(store.scan(LineFilter(), ["message"]))
    assert sum(frame.height for frame in store.scan(LineFilter(), ["message"])) == 300
    store.close()


def test_compaction_leaves_a_damaged_segment_out(tmp_path: Path) -> None:
    filled(tmp_path).close()
    flip(segment_files(tmp_path, ".parquet")[0], 1000)
    store = ParquetStore.open(tmp_path, SMALL)
    store.flush()
    while store.compact():
        pass
    assert store.search(LineFilter(), limit=1000).lines.height == 300
    assert store.status().damaged_lines == 100
    store.close()


def test_a_missing_segment_is_counted(tmp_path: Path) -> None:
    filled(tmp_path).close()
    segment_files(tmp_path, ".parquet")[1].unlink()
    store = ParquetStore.open(tmp_path, SMALL)
    assert (store.status().damaged_lines, store.status().lines) == (200, 200)
    assert store.search(LineFilter()).total == 200
    store.close()


@pytest.mark.parametrize("suffix", [".ledger.parquet", ".blocks.parquet", ".tokens.bin"])
@pytest.mark.parametrize("harm", [lambda path: flip(path, 20), lambda path: path.unlink()], ids=["damaged", "missing"])
def test_a_side_file_is_not_needed(tmp_path: Path, suffix: str, harm: Callable[[Path], object]) -> None:
    store = filled(tmp_path)
    before = facts(store)
    needle = store.search(LineFilter("5e6c7d4f or placed"), limit=1000).lines.rows()
    store.close()
    for path in segment_files(tmp_path, suffix):
        harm(path)
    again = ParquetStore.open(tmp_path, SMALL)
    assert facts(again) == before
    assert again.search(LineFilter("5e6c7d4f or placed"), limit=1000).lines.rows() == needle
    assert again.read([(AA, 500)]).height == 1
    again.close()


def test_a_file_that_is_not_ours_is_set_aside(tmp_path: Path) -> None:
    filled(tmp_path).close()
    (tmp_path / "segments" / "notes.txt").write_text("mine")
    ParquetStore.open(tmp_path, SMALL).close()
    assert (tmp_path / "quarantine" / "notes.txt").read_text() == "mine"


def three_journal_frames(folder: Path) -> Path:
    """A journal with frames of 100, 50 and 30 lines."""
    store = ParquetStore.open(folder, SMALL)
    for first, count in ((0, 100), (100, 50), (150, 30)):
        lines = made_lines(count, first=first)
        store.append(lines, covers_of(lines))
    store.close()
    return next((folder / "journal").glob("*.journal"))


def test_a_journal_damaged_in_the_middle_gives_back_the_other_frames(tmp_path: Path) -> None:
    journal = three_journal_frames(tmp_path)
    data = journal.read_bytes()
    flip(journal, data.index(b"DJL1", 10) + 200)
    store = ParquetStore.open(tmp_path, SMALL)
    assert store.search(LineFilter(), limit=1000).lines.height == 130
    assert store.ledger()["count"].sum() == 130
    assert store.status().damaged_lines == 50
    assert store.missing(SourceRange(AA, 0, 18_000)) == [SourceRange(AA, 10_000, 15_000)]
    assert (tmp_path / "quarantine" / journal.name).exists()
    again = made_lines(50, first=100)
    store.append(again, covers_of(again))
    store.close()
    reopened = ParquetStore.open(tmp_path, SMALL)
    assert reopened.search(LineFilter()).total == 180
    reopened.close()


@pytest.mark.parametrize("kept", [1, 20, 500])
def test_a_torn_tail_is_cut_off_quietly(tmp_path: Path, kept: int) -> None:
    journal = three_journal_frames(tmp_path)
    data = journal.read_bytes()
    journal.write_bytes(data[: data.rindex(b"DJL1") + kept])
    store = ParquetStore.open(tmp_path, SMALL)
    assert store.search(LineFilter()).total == 150
    assert not (tmp_path / "quarantine").exists()
    again = made_lines(30, first=150)
    store.append(again, covers_of(again))
    assert store.search(LineFilter()).total == 180
    store.close()


def test_a_damaged_last_frame_is_kept_aside(tmp_path: Path) -> None:
    journal = three_journal_frames(tmp_path)
    flip(journal, -100)
    store = ParquetStore.open(tmp_path, SMALL)
    assert store.search(LineFilter()).total == 150
    assert (tmp_path / "quarantine" / journal.name).exists()
    store.close()


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """The kernel refuses to let a file of this process grow beyond `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_the_append_and_leaves_no_trace(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before = facts(store)
    lines = made_lines(2000, source="00000000000000dd")
    with files_at_most(60_000):
        for _ in range(2):
            with pytest.raises(StorageFullError):
                store.append(lines, covers_of(lines))
            assert facts(store) == before
            assert store.missing(covers_of(lines)[0]) == covers_of(lines)
    store.append(lines, covers_of(lines))
    expected = facts(store)
    store.close()
    again = ParquetStore.open(tmp_path, SMALL)
    assert facts(again) == expected
    again.close()


def test_a_full_disk_during_a_flush_keeps_the_lines(tmp_path: Path) -> None:
    store = ParquetStore.open(tmp_path, SMALL)
    lines = made_lines(5000)
    store.append(lines, covers_of(lines))
    before = facts(store)
    with files_at_most(40_000), pytest.raises(StorageFullError):
        store.flush()
    assert facts(store) == before
    assert store.flush() == 5000
    assert facts(store) == before
    store.close()
    assert len(segment_files(tmp_path, ".parquet")) == 1


@pytest.mark.parametrize("place", ["append.written", "append.synced"])
def test_a_failed_sync_refuses_every_append_of_its_group(tmp_path: Path, place: str) -> None:
    """A sync that fails cannot be caused on a healthy disk, so the step hook raises what it would."""
    is_full = False

    def step(name: str) -> None:
        if is_full and name == place:
            raise OSError(errno.EIO, "input/output error")

    store = ParquetStore.open(tmp_path, StoreSettings(step=step))
    first, second = made_lines(10), made_lines(10, first=10)
    store.append(first, covers_of(first))
    is_full = True
    with pytest.raises(StorageFullError):
        store.append(second, covers_of(second))
    assert store.search(LineFilter()).total == 10
    is_full = False
    store.append(second, covers_of(second))
    expected = facts(store)
    store.close()
    again = ParquetStore.open(tmp_path, SMALL)
    assert facts(again) == expected
    again.close()


def test_more_in_memory_than_allowed_is_refused_until_it_is_flushed(tmp_path: Path) -> None:
    store = ParquetStore.open(tmp_path, StoreSettings(memory_bytes=50_000))
    lines, more = made_lines(500), made_lines(500, first=500)
    store.append(lines, covers_of(lines))
    with pytest.raises(RefusedError):
        store.append(more, covers_of(more))
    store.flush()
    store.append(more, covers_of(more))
    assert store.search(LineFilter()).total == 1000
    store.close()


@pytest.mark.parametrize("settings", [StoreSettings(max_bytes=1000), StoreSettings(free_bytes_floor=2**60)])
def test_nothing_is_taken_above_the_limits_of_the_disk(tmp_path: Path, settings: StoreSettings) -> None:
    filled(tmp_path).close()
    store = ParquetStore.open(tmp_path, settings)
    lines = made_lines(10, source="00000000000000dd")
    with pytest.raises(StorageFullError):
        store.append(lines, covers_of(lines))
    assert store.search(LineFilter()).total == 400
    store.close()


def test_a_reader_keeps_its_files_while_they_are_compacted_away(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.flush()
    frames = store.scan(LineFilter(), ["position"])
    count = next(frames).height
    old = segment_files(tmp_path, ".parquet")
    while store.compact():
        pass
    assert all(path.exists() for path in old)
    assert count + sum(frame.height for frame in frames) == 400
    assert not any(path.exists() for path in old)
    assert len(segment_files(tmp_path, ".parquet")) == 1
    store.close()


def test_further_signatures_of_a_service_are_counted_under_their_shape(tmp_path: Path) -> None:
    store = ParquetStore.open(tmp_path, StoreSettings(signature_budget=20))
    for source, first in ((AA, 0), (BB, 500)):
        lines = made_lines(500, source=source).with_columns(
            service=pl.lit("noisy"),
            signature=pl.int_range(500, dtype=pl.UInt64) // 2 + 1000 + first,
            shape=pl.lit(7, dtype=pl.UInt64),
        )
        store.append(lines, covers_of(lines))
        for _ in range(2):
            ledger, signatures = store.ledger(), store.signatures()
            assert ledger["count"].sum() == 500 + first
            assert set(ledger["signature"]) <= set(signatures["signature"])
            assert signatures.height == 21
            by_signature = dict(ledger.group_by("signature").agg(pl.col("count").sum()).rows())
            for signature, count in by_signature.items():
                assert store.search(LineFilter(signatures=(signature,))).total == count
                assert sum(f.height for f in store.scan(LineFilter(signatures=(signature,)), ["position"])) == count
            assert by_signature[7] == 500 + first - 40
            store.flush()
    store.close()
