"""A collector killed with SIGKILL at random moments, while its files are written, renamed and copytruncated."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.collect import Collector
from tests.ingest.collect_process import SETTINGS, FileSink, read_back

ROOT = Path(__file__).parents[2]


class Writer:
    """Numbered lines into `app.log`, rotated in both ways; nothing is ever deleted."""

    def __init__(self, logs: Path, chance: random.Random) -> None:
        self.logs = logs
        self.chance = chance
        self.lines: list[str] = []

    def turn(self) -> None:
        action = self.chance.choice([self.write] * 8 + [self.rename, self.copytruncate])
        action()

    def write(self) -> None:
        with (self.logs / "app.log").open("a") as file:
            for _ in range(self.chance.choice([1, 5, 100])):
                self.lines.append(f"{len(self.lines):012d} " + "x" * self.chance.choice([0, 20, 300]))
                file.write(self.lines[-1] + "\n")

    def shift(self) -> None:
        numbers = sorted((int(path.suffix[1:]) for path in self.logs.glob("app.log.*")), reverse=True)
        for number in numbers:
            (self.logs / f"app.log.{number}").rename(self.logs / f"app.log.{number + 1}")

    def rename(self) -> None:
        if (self.logs / "app.log").exists():
            self.shift()
            (self.logs / "app.log").rename(self.logs / "app.log.1")
        self.write()

    def copytruncate(self) -> None:
        if (self.logs / "app.log").exists():
            self.shift()
            shutil.copyfile(self.logs / "app.log", self.logs / "app.log.1")
            os.truncate(self.logs / "app.log", 0)


def start(what: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.ingest.collect_process", str(what), str(folder), str(folder / "shipped")]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_many_times(folder: Path, seed: int, kills: int) -> None:
    chance = random.Random(seed)
    logs = folder / "logs"
    logs.mkdir()
    writer = Writer(logs, chance)
    for _ in range(kills):
        process = start(logs, folder)
        # From the middle of the start to well into collecting.
        end = time.monotonic() + chance.uniform(0.2, 1.6)
        while time.monotonic() < end:
            writer.turn()
            time.sleep(chance.choice([0, 0.001, 0.03]))
        process.kill()
        process.wait()
        for _ in range(chance.choice([0, 3])):
            writer.turn()
    last = Collector([logs], FileSink(str(folder / "shipped")), folder, host="h", settings=SETTINGS)
    last.drain()
    last.close()
    arrived = [line for body in read_back(folder / "shipped").values() for line in body.decode().splitlines()]
    assert sorted(arrived) == writer.lines


def test_three_kills_lose_no_line_and_repeat_none(tmp_path: Path) -> None:
    kill_many_times(tmp_path, seed=1, kills=3)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10))
def test_fifty_kills_lose_no_line_and_repeat_none(tmp_path: Path, seed: int) -> None:
    kill_many_times(tmp_path, seed=seed, kills=50)
