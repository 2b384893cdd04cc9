"""Any sequence of writes, rotations, kills and refusals on real files: every line arrives, and arrives once."""

import random
import shutil
from pathlib import Path

import pytest

from ingest.collect import Collector
from ingest.collect_settings import CollectSettings
from tests.ingest.recording_sink import RecordingSink

SETTINGS = CollectSettings(
    poll_s=0.02, discover_s=0.5, chunk_bytes=4096, read_bytes=16384, memory_bytes=65536, max_open_files=3, workers=2
)


class Scene:
    """One log directory, one writer, one collector that may be killed, one sink."""

    def __init__(self, folder: Path, what: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.state = folder / "state"
        self.what = str(self.logs / what)
        self.sink = RecordingSink()
        self.now = 1000.0
        self.written: list[str] = []
        self.unfinished = ""
        self.collector = self.begin()

    def begin(self) -> Collector:
        return Collector([self.what], self.sink, self.state, host="h", settings=SETTINGS, clock=lambda: self.now)

    @property
    def live(self) -> Path:
        return self.logs / "app.log"

    def write(self) -> None:
        with self.live.open("a") as file:
            for _ in range(self.random.choice([1, 1, 3, 40])):
                line = f"{len(self.written):012d} " + "x" * self.random.choice([0, 10, 10, 200, 6000])
                self.written.append(line)
                file.write(self.unfinished + line + "\n")
                self.unfinished = ""

    def write_half_a_line(self) -> None:
        self.write()
        with self.live.open("a") as file:
            line = f"{len(self.written):012d} half"
            file.write(line)
            self.written.append(line + " done")
            self.unfinished = " done\n"

    def finish_line(self) -> None:
        if self.unfinished:
            with self.live.open("a") as file:
                file.write(self.unfinished)
            self.unfinished = ""

    def shift(self) -> None:
        self.finish_line()
        for number in range(99, 0, -1):
            old = self.logs / f"app.log.{number}"
            if old.exists():
                old.rename(self.logs / f"app.log.{number + 1}")

    def rotate_by_rename(self) -> None:
        if self.live.exists():
            self.shift()
            self.live.rename(self.logs / "app.log.1")
        self.write()

    def rotate_by_copy(self) -> None:
        if not self.live.exists():
            return
        self.shift()
        shutil.copyfile(self.live, self.logs / "app.log.1")
        if self.random.random() < 0.5:
            self.step()
        with self.live.open("r+b") as file:
            file.truncate(0)
        if self.random.random() < 0.5:
            self.write()

    def delete_oldest(self) -> None:
        """Only what arrived: bytes that nobody read are gone with their file, whatever a collector does."""
        arrived = set(self.sink.lines())
        rotated = sorted(self.logs.glob("app.log.*"), key=lambda path: int(path.suffix[1:]))
        if rotated and set(rotated[-1].read_text().splitlines()) <= arrived:
            rotated[-1].unlink()

    def step(self) -> None:
        self.now += self.random.choice([0.1, 1.0, 7.0])
        self.collector.step()

    def kill(self) -> None:
        self.collector._dispatch._stopping.set()
        self.collector._dispatch.stop()
        self.collector._registry.close()
        self.collector._tails.files.close_all()
        self.collector = self.begin()

    def refuse(self) -> None:
        self.sink.refuse_before = self.random.choice([1, 3])

    def lose_answers(self) -> None:
        self.sink.refuse_after = self.random.choice([1, 3])

    def fail(self) -> None:
        self.sink.explode = 1

    def finish(self) -> None:
        self.finish_line()
        for _ in range(3):
            self.now += 100
            self.collector.step()
        for _ in range(100):
            self.now += 40
            before = len(self.sink.lines())
            self.collector.step()
            if not self.collector._is_sending() and len(self.sink.lines()) == before:
                break
        assert not self.collector._is_sending()
        self.collector.drain()
        self.collector.close()


ACTIONS = (
    [Scene.write] * 6
    + [Scene.step] * 8
    + [Scene.rotate_by_rename, Scene.rotate_by_copy, Scene.write_half_a_line, Scene.finish_line, Scene.delete_oldest]
    + [Scene.kill, Scene.kill, Scene.refuse, Scene.lose_answers, Scene.fail]
)


WHATS = pytest.mark.parametrize("what", ["", "*.log*", "app.log"], ids=["folder", "pattern", "file"])


def play(folder: Path, what: str, seed: int) -> None:
    scene = Scene(folder, what, seed)
    story = []
    for _ in range(100):
        action = scene.random.choice(ACTIONS)
        story.append(action.__name__)
        if action is not Scene.write or not scene.unfinished:
            action(scene)
    scene.finish()
    assert sorted(scene.sink.lines()) == sorted(scene.written), story


@WHATS
@pytest.mark.parametrize("seed", range(3))
def test_every_line_arrives_once_whatever_happens(tmp_path: Path, what: str, seed: int) -> None:
    play(tmp_path, what, seed)


@WHATS
@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(3, 100))
def test_every_line_arrives_once_whatever_happens_many_times(tmp_path: Path, what: str, seed: int) -> None:
    play(tmp_path, what, seed)
