"""The journal: one sync for many appenders, their order kept, and nothing of a group that failed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from index.journal import Entry, Frame, Journal, encode, journal_path, read_journal
from tests.index.lines_made import covers_of, made_lines


def entry(number: int) -> Entry:
    lines = made_lines(3, first=number * 3)
    return Entry(lines, tuple(covers_of(lines)), encode(lines, covers_of(lines)))


def test_concurrent_appends_share_syncs_and_are_published_in_the_order_of_the_file(tmp_path: Path) -> None:
    published: list[Entry] = []
    syncs: list[str] = []
    gate = threading.Event()

    def step(name: str) -> None:
        syncs.append(name)
        if len(syncs) == 1:
            gate.wait(10)

    journal = Journal(tmp_path, number=1, next_sequence=0, publish=published.extend, step=step)
    with ThreadPoolExecutor(max_workers=16) as pool:
        first = pool.submit(journal.commit, entry(0))
        others = [pool.submit(journal.commit, entry(number)) for number in range(1, 16)]
        gate.set()
        for future in (first, *others):
            future.result()
    journal.close()
    frames: list[Frame] = []
    report = read_journal(journal_path(tmp_path, 1), frames.append)
    assert (report.frames, report.damaged_bytes, report.tail_bytes) == (16, 0, 0)
    assert [frame.first_sequence for frame in frames] == list(range(0, 48, 3))
    assert [frame.covers for frame in frames] == [done.covers for done in published]
    assert all(frame.lines.equals(done.lines) for frame, done in zip(frames, published, strict=True))
    assert syncs.count("append.synced") < 16


def test_a_rolled_journal_starts_a_new_file(tmp_path: Path) -> None:
    published: list[Entry] = []
    journal = Journal(tmp_path, number=5, next_sequence=10, publish=published.extend, step=lambda _name: None)
    journal.commit(entry(0))
    assert journal.roll() == 5
    assert journal.length == 0
    journal.commit(entry(1))
    journal.close()
    assert [(done.journal, done.first_sequence) for done in published] == [(5, 10), (6, 13)]
    frames: list[Frame] = []
    for number in (5, 6):
        read_journal(journal_path(tmp_path, number), frames.append)
    assert [frame.first_sequence for frame in frames] == [10, 13]


def test_bytes_that_look_like_a_frame_inside_one_are_not_taken_for_it(tmp_path: Path) -> None:
    published: list[Entry] = []
    journal = Journal(tmp_path, number=1, next_sequence=0, publish=published.extend, step=lambda _name: None)
    inner = entry(0)
    journal.commit(inner)
    journal.commit(entry(1))
    journal.close()
    path = journal_path(tmp_path, 1)
    data = path.read_bytes()
    path.write_bytes(b"DJL1 not a header" + data)
    frames: list[Frame] = []
    report = read_journal(path, frames.append)
    assert report.frames == 2
    assert report.damaged_bytes == 17
