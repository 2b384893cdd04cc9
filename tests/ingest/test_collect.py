"""The collector on real files: rotation, truncation, links, long lines, many files, restarts, refusals."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.collect import Collector
from ingest.collect_settings import CollectSettings
from ingest.registry import FILE_NAME
from tests.ingest.recording_sink import RecordingSink

ID = "0123456789abcdef" * 4
SETTINGS = CollectSettings(poll_s=0.02, discover_s=0.5, workers=2, zone="+08:00")


class Bench:
    """A log folder, a sink that outlives its collectors, and a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.state = folder / "state"
        self.sink = RecordingSink()
        self.now = 1000.0
        self.collectors: list[Collector] = []

    def collector(self, *paths: str, settings: CollectSettings = SETTINGS) -> Collector:
        where = [str(self.logs / path) for path in paths or [""]]
        collector = Collector(where, self.sink, self.state, host="h", settings=settings, clock=lambda: self.now)
        self.collectors.append(collector)
        return collector

    def steps(self, collector: Collector, count: int = 4, seconds: float = 10.0) -> None:
        for _ in range(count):
            self.now += seconds
            collector.step()
            while collector._dispatch.busy:
                collector.step()

    def restart(self, *paths: str) -> Collector:
        self.collectors[-1].close()
        return self.collector(*paths)

    def kill(self) -> None:
        """What a kill leaves behind: nothing that was not committed."""
        collector = self.collectors.pop()
        collector._dispatch.stop()
        collector._registry.close()
        collector._tails.files.close_all()

    def write(self, name: str, first: int, last: int, mode: str = "a") -> list[str]:
        lines = [f"{number:012d} line" for number in range(first, last)]
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            file.writelines(f"{line}\n" for line in lines)
        return lines


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for collector in bench.collectors:
        collector._tails.files.close_all()
        collector._dispatch.stop()
        collector._registry.close()


def test_a_folder_is_drained_to_the_last_byte_and_the_status_says_so(bench: Bench) -> None:
    lines = bench.write("a.log", 0, 50) + bench.write("b/c.log", 50, 60)
    with (bench.logs / "a.log").open("a") as file:
        file.write("000000009999 no line end")
    status = bench.collector().drain()
    assert sorted(bench.sink.lines()) == sorted([*lines, "000000009999 no line end"])
    assert status.lag_bytes == 0
    assert [(Path(source.path).name, source.service, source.size) for source in status.sources] == [
        ("a.log", "a", 50 * 18 + 24),
        ("c.log", "c", 180),
    ]
    assert status.counts["bytes_shipped"] == status.counts["bytes_read"] == 60 * 18 + 24


def test_a_short_file_is_shipped_at_once_and_its_last_line_after_a_pause(bench: Bench) -> None:
    collector = bench.collector()
    bench.steps(collector, 1)
    bench.write("a.log", 0, 3)
    bench.steps(collector, 1, seconds=0.6)
    assert len(bench.sink.lines()) == 2
    bench.steps(collector, 2, seconds=0.6)
    assert len(bench.sink.lines()) == 3


def test_an_unfinished_line_waits_five_seconds_and_its_rest_follows(bench: Bench) -> None:
    collector = bench.collector()
    bench.write("a.log", 0, 1)
    with (bench.logs / "a.log").open("a") as file:
        file.write("000000000001 half")
        file.flush()
        os.utime(bench.logs / "a.log")
        bench.steps(collector, 2, seconds=1.1)
        assert bench.sink.lines() == ["000000000000 line"]
        bench.steps(collector, 2, seconds=4)
        assert bench.sink.lines() == ["000000000000 line", "000000000001 half"]
        file.write(" and rest\n")
    bench.steps(collector)
    assert bench.sink.lines() == ["000000000000 line", "000000000001 half and rest"]
    assert [chunk.starts_inside_line for chunk in bench.sink.sent] == [False, False, True]


def test_two_rotations_while_the_sink_is_down_lose_nothing(bench: Bench) -> None:
    collector = bench.collector("app.log")
    lines = bench.write("app.log", 0, 10)
    bench.sink.refuse_before = 10**6
    for number in (1, 2):
        bench.steps(collector, 2)
        if number == 2:
            (bench.logs / "app.log.1").rename(bench.logs / "app.log.2")
        (bench.logs / "app.log").rename(bench.logs / "app.log.1")
        lines += bench.write("app.log", number * 10, number * 10 + 10)
    bench.steps(collector, 2)
    assert not bench.sink.lines()
    bench.sink.refuse_before = 0
    bench.steps(collector, 6, seconds=60)
    assert sorted(bench.sink.lines()) == lines
    assert all(source.lag_bytes == 0 for source in collector.status().sources)


def test_the_middle_file_of_two_rotations_while_stopped_is_read_though_no_pattern_names_it(bench: Bench) -> None:
    bench.write("app.log.7", 900, 905)
    os.utime(bench.logs / "app.log.7", (1_000_000_000, 1_000_000_000))
    lines = bench.write("app.log", 0, 10)
    bench.steps(bench.collector("app.log"))
    bench.collectors[-1].close()
    lines += bench.write("app.log", 10, 15)
    (bench.logs / "app.log").rename(bench.logs / "app.log.2")
    lines += bench.write("app.log.1", 20, 30) + bench.write("app.log", 30, 40)
    bench.steps(bench.collector("app.log"))
    assert sorted(bench.sink.lines()) == lines


@pytest.mark.parametrize("stopped", [True, False], ids=["collector stopped", "collector running"])
@pytest.mark.parametrize("looks_between", [True, False], ids=["looks in between", "looks after"])
def test_the_unread_tail_of_a_copytruncated_file_is_read_from_its_copy(
    bench: Bench, *, stopped: bool, looks_between: bool
) -> None:
    collector = bench.collector()
    lines = bench.write("app.log", 0, 100)
    bench.steps(collector)
    if stopped:
        collector.close()
    lines += bench.write("app.log", 100, 150)
    shutil.copyfile(bench.logs / "app.log", bench.logs / "app.log.1")
    collector = bench.collector() if stopped else collector
    if looks_between:
        bench.sink.refuse_before = 1
        bench.steps(collector, 1)
    os.truncate(bench.logs / "app.log", 0)
    lines += bench.write("app.log", 200, 210)
    bench.steps(collector, 6)
    assert sorted(bench.sink.lines()) == lines
    assert collector.status().counts["files_copied"] == 1
    assert sorted(bench.restart().drain().counts) == []


def test_a_file_rewritten_beyond_the_old_position_is_read_from_its_start(bench: Bench) -> None:
    collector = bench.collector()
    lines = bench.write("app.log", 0, 10)
    bench.steps(collector)
    lines += bench.write("app.log", 100, 200, mode="w")
    bench.steps(collector)
    assert sorted(bench.sink.lines()) == lines


@pytest.mark.parametrize("same", [0, 1024, 4096], ids=["other beginning", "same first KiB", "same first 4 KiB"])
def test_an_inode_used_again_holds_a_new_file(bench: Bench, same: int) -> None:
    beginning = "".join(f"{number:012d} same\n" for number in range(400))[:same]
    path = bench.logs / "app.log"
    first, second = beginning + "1" * 5000 + "\n", beginning + "2" * 6000 + "\n"
    path.write_text(first)
    bench.steps(bench.collector())
    inode = path.stat().st_ino
    bench.collectors[-1].close()
    path.write_text(second)
    assert path.stat().st_ino == inode
    bench.steps(bench.collector())
    assert sorted(bytes(body) for body in bench.sink.sources.values()) == [first.encode(), second.encode()]


def test_files_that_begin_alike_or_are_equal_are_all_read(bench: Bench) -> None:
    for name, last in [("a.log", 200), ("b.log", 200), ("b.log.1", 150), ("b.log.2", 201)]:
        bench.write(name, 0, last)
    bench.write("b.log.1", 900, 910)
    bench.collector().drain()
    assert sorted(len(body) // 18 for body in bench.sink.sources.values()) == [160, 200, 200, 201]


def test_a_copy_of_a_live_file_is_passed_over_with_its_reason_until_it_differs(bench: Bench) -> None:
    bench.write("app.log", 0, 100)
    bench.write("app.log.1", 0, 90)
    collector = bench.collector()
    bench.steps(collector)
    assert collector.status().skipped == {str(bench.logs / "app.log.1"): "copy_of_live_file"}
    assert len(bench.sink.lines()) == 100
    bench.write("app.log.1", 500, 501)
    bench.steps(collector)
    assert collector.status().skipped == {}
    assert len(bench.sink.lines()) == 191


def test_a_truncated_file_that_begins_as_before_gets_a_new_incarnation(bench: Bench) -> None:
    collector = bench.collector()
    for last in (10, 5, 3):
        bench.write("app.log", 0, last, mode="w")
        bench.steps(collector)
    assert sorted(len(body) // 18 for body in bench.sink.sources.values()) == [3, 5, 10]


@pytest.mark.parametrize("damage", [b"", b"\0" * 8192, None], ids=["emptied", "filled with NULs", "deleted"])
def test_without_its_registry_a_file_gets_the_same_id_again(bench: Bench, damage: bytes | None) -> None:
    bench.write("app.log", 0, 1)
    collector = bench.collector()
    bench.steps(collector)
    lines = bench.write("app.log", 1, 100)
    bench.steps(collector)
    (bench.logs / "app.log").rename(bench.logs / "app.log.1")
    lines += bench.write("app.log", 100, 110)
    bench.steps(collector)
    collector.close()
    (bench.state / FILE_NAME).unlink()
    if damage is not None:
        (bench.state / FILE_NAME).write_bytes(damage)
    lines += bench.write("app.log", 110, 120)
    bench.steps(bench.collector())
    assert len(bench.sink.sources) == 2
    assert len(bench.sink.lines()) == 120
    aside = list(bench.state.glob("*.damaged-1"))
    assert [path.read_bytes() for path in aside] == ([] if damage is None else [damage])


def test_a_registry_damaged_while_running_is_replaced_and_nothing_is_lost(bench: Bench) -> None:
    collector = bench.collector()
    bench.write("app.log", 0, 1000)
    bench.steps(collector)
    collector._registry._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (bench.state / FILE_NAME).write_bytes(os.urandom(40960))
    collector._registry._connection.execute("PRAGMA shrink_memory")
    bench.write("app.log", 1000, 1010)
    bench.write("b.log", 2000, 2010)
    bench.steps(collector, 6)
    assert len(bench.sink.lines()) == 1020
    assert collector.status().counts["registry_damaged"] >= 1
    assert bench.restart().drain().counts == {}


def test_nothing_is_sent_that_the_registry_has_no_room_to_remember(bench: Bench) -> None:
    collector = bench.collector()
    pages = collector._registry._connection.execute("PRAGMA page_count").fetchone()[0]
    collector._registry._connection.execute(f"PRAGMA max_page_count={pages}")
    for number in range(40):
        bench.write(f"{number}.log", number * 1000, number * 1000 + 10)
    bench.steps(collector)
    assert not bench.sink.sent
    assert collector.status().counts["registry_full"] >= 1
    collector._registry._connection.execute("PRAGMA max_page_count=100000")
    bench.steps(collector)
    assert len(bench.sink.lines()) == 400


def test_after_a_kill_the_same_cut_is_sent_with_the_same_read_time(bench: Bench) -> None:
    collector = bench.collector()
    bench.write("app.log", 0, 100)
    bench.sink.refuse_after = 1
    bench.now += 1
    collector.step()
    collector.step()
    bench.kill()
    bench.write("app.log", 100, 150)
    bench.steps(bench.collector())
    first, again = bench.sink.sent[:2]
    assert (first.start, first.end, first.read_ns, first.body) == (again.start, again.end, again.read_ns, again.body)
    assert len(bench.sink.lines()) == 150


def test_a_line_longer_than_memory_allows_goes_in_pieces(bench: Bench) -> None:
    size = 12 * CHUNK_BYTES
    with (bench.logs / "long.log").open("wb") as file:
        file.write(b"000000000000 first\n" + b"x" * size + b"\n000000000001 last\n")
    settings = CollectSettings(poll_s=0.02, read_bytes=2 * CHUNK_BYTES, memory_bytes=3 * CHUNK_BYTES)
    collector = bench.collector(settings=settings)
    held = 0
    while len(bench.sink.sources.get(next(iter(bench.sink.sources), ""), b"")) < size:
        bench.now += 10
        collector.step()
        held = max(
            held,
            sum(len(pending.chunk.body) for tail in collector._tails.all.values() for pending in tail.pending),
        )
    bench.steps(collector)
    assert bench.sink.lines() == ["000000000000 first", "x" * size, "000000000001 last"]
    assert held <= 3 * CHUNK_BYTES
    assert max(len(chunk.body) for chunk in bench.sink.sent) <= CHUNK_BYTES
    inside = [chunk.starts_inside_line for chunk in bench.sink.sent]
    assert inside[0] is False
    assert sum(inside) >= 11


def test_links_to_containers_make_one_source_each_through_rotation_and_retargeting(bench: Bench) -> None:
    pods = bench.logs / "pods" / f"shop_cart-86f5f97bc9-tlpss_{'0' * 32}" / "server"
    lines = bench.write(str(pods / "0.log"), 0, 10)
    links = bench.logs / "containers"
    links.mkdir()
    link = links / f"cart-86f5f97bc9-tlpss_shop_server-{ID}.log"
    link.symlink_to(pods / "0.log")
    collector = bench.collector("containers")
    bench.steps(collector)
    lines += bench.write(str(pods / "0.log"), 10, 20)
    (pods / "0.log").rename(pods / "0.log.20260101-120000")
    lines += bench.write(str(pods / "0.log"), 20, 30)
    bench.steps(collector)
    lines += bench.write(str(pods / "1.log"), 30, 40)
    link.unlink()
    link.symlink_to(pods / "1.log")
    bench.steps(collector)
    assert sorted(bench.sink.lines()) == lines
    assert set(bench.sink.services.values()) == {"cart"}
    source = bench.sink.sent[0].source
    assert (source.namespace, source.pod, source.container) == ("shop", "cart-86f5f97bc9-tlpss", "server")
    assert (source.path, source.zone, source.host) == (str(link), "+08:00", "h")


def test_a_deleted_file_is_read_to_its_end_while_it_is_open(bench: Bench) -> None:
    collector = bench.collector()
    lines = bench.write("app.log", 0, 10)
    with (bench.logs / "app.log").open("a") as writer:
        bench.steps(collector)
        writer.write("000000000010 line\n")
        writer.flush()
        (bench.logs / "app.log").unlink()
        bench.steps(collector, 2)
        writer.write("000000000011 line\n")
    bench.steps(collector)
    assert bench.sink.lines() == [*lines, "000000000010 line", "000000000011 line"]
    assert len(collector._tails.files) == 0


def test_many_files_need_few_descriptors(bench: Bench) -> None:
    for number in range(500):
        bench.write(f"{number % 10}/{number}.log", number * 1000, number * 1000 + 2)
    collector = bench.collector(settings=CollectSettings(poll_s=0.02, max_open_files=16))
    bench.steps(collector, 3)
    assert len(bench.sink.lines()) == 1000
    for number in range(0, 500, 25):
        bench.write(f"{number % 10}/{number}.log", number * 1000 + 2, number * 1000 + 5)
    bench.steps(collector, 3)
    assert len(bench.sink.lines()) == 1060
    assert len(collector._tails.files) <= 16


def test_a_chunk_that_is_never_taken_is_kept_aside_and_the_file_goes_on(bench: Bench) -> None:
    collector = bench.collector()
    bench.write("app.log", 0, 10)
    bench.sink.reject, bench.sink.gaps_are_expected = 1, True
    collector.drain()
    bench.write("app.log", 10, 20)
    bench.steps(collector)
    kept = b"".join(path.read_bytes() for path in (bench.state / "dead-letter").glob("*.bytes"))
    sent = b"".join(chunk.body for chunk in bench.sink.sent)
    assert kept + sent == (bench.logs / "app.log").read_bytes()
    assert kept
    assert collector.status().counts["dead_lettered_chunks"] == 1


def test_refusals_are_answered_with_growing_patience(bench: Bench) -> None:
    collector = bench.collector()
    bench.write("app.log", 0, 10)
    bench.sink.refuse_before = 10**6
    waits = []
    for _ in range(12):
        bench.steps(collector, 1, seconds=100)
        waits.append(collector._dispatch.wait_s())
    assert 0.2 < waits[0] < 1
    assert all(15 <= wait <= 30 for wait in waits[8:])
    assert collector.status().counts["retries_refused"] == 12


def test_an_unexpected_failure_of_the_sink_stops_one_source_only(bench: Bench) -> None:
    bench.write("a.log", 0, 10)
    collector = bench.collector()
    bench.sink.explode = 1
    collector.step()
    while collector._dispatch.busy:
        collector.step()
    bench.write("b.log", 10, 20)
    bench.now += 0.1
    collector._next_scan = 0
    bench.steps(collector, 1, seconds=0.1)
    assert collector._dispatch.wait_s() == 0
    bench.steps(collector)
    assert len(bench.sink.lines()) == 20


def test_a_stop_ends_the_run_and_keeps_what_was_acknowledged(bench: Bench) -> None:
    lines = bench.write("app.log", 0, 10)
    collector = Collector([bench.logs], bench.sink, bench.state, host="h", settings=SETTINGS)
    stop, received = threading.Event(), threading.Event()
    take = bench.sink._take

    def take_and_tell(chunk: Chunk) -> None:
        take(chunk)
        received.set()

    bench.sink._take = take_and_tell  # type: ignore[method-assign] # a wake-up
    thread = threading.Thread(target=collector.run, args=(stop,))
    thread.start()
    assert received.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    bench.sink.sent.clear()
    bench.collector().drain()
    assert bench.sink.lines() == lines
    assert all(chunk.start > 0 for chunk in bench.sink.sent)


def test_compressed_siblings_are_reported_once_and_counted(bench: Bench) -> None:
    bench.write("app.log", 0, 10)
    (bench.logs / "app.log.2.gz").write_bytes(b"\x1f\x8b")
    collector = bench.collector()
    bench.steps(collector)
    status = collector.status()
    assert status.counts["skipped_compressed"] == 1
    assert status.skipped == {str(bench.logs / "app.log.2.gz"): "compressed"}


def test_an_inode_used_again_by_a_copy_is_recognised_while_the_receiver_refuses(bench: Bench) -> None:
    lines = bench.write("app.log.2", 0, 300) + bench.write("app.log", 500, 800)
    collector = bench.collector()
    bench.steps(collector)
    lines += bench.write("app.log.2", 300, 301) + bench.write("app.log", 800, 850)
    bench.sink.refuse_before = 10**6
    bench.steps(collector, 2)
    # What deleting the oldest file and copying the live one to the freed inode amounts to.
    (bench.logs / "app.log.2").write_bytes((bench.logs / "app.log").read_bytes())
    os.truncate(bench.logs / "app.log", 0)
    bench.steps(collector, 2)
    bench.steps(collector, 2, seconds=10 * SETTINGS.orphan_s)
    bench.sink.refuse_before = 0
    lines += bench.write("app.log", 900, 910)
    bench.steps(collector, 6, seconds=60)
    assert sorted(bench.sink.lines()) == sorted(lines)
