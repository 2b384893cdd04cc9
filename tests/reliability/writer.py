"""A program that writes numbered lines to log files and rotates them, by rename and by copying and truncating.

Run as its own process: `python -m tests.reliability.writer FOLDER SEED SECONDS LINES_PER_S`. When it ends it prints, as
JSON, how many lines it wrote to each file. A line is `<time> INFO <file> <number> <padding> <crc of the rest>`.
"""

import datetime as dt
import json
import random
import shutil
import sys
import time
import zlib
from pathlib import Path

FILES = {"renamed": "rename", "truncated": "copytruncate", "steady": "none", "both": "either"}
STEP_S = 0.02


class NumberedFile:
    """One log file, its rotation, and the number of the next line."""

    def __init__(self, folder: Path, name: str, rotation: str, chance: random.Random) -> None:
        self.path = folder / f"{name}.log"
        self.name = name
        self.rotation = rotation
        self.written = 0
        self._chance = chance
        self._file = self.path.open("ab", buffering=0)

    def write(self, lines: int) -> None:
        """Append `lines` lines, at times in two writes with the cut inside a line or a character."""
        data = b"".join(self._line() for _ in range(lines))
        cut = self._chance.randrange(len(data)) if data and self._chance.random() < 0.3 else 0
        for part in (data[:cut], data[cut:]):
            if part:
                self._file.write(part)

    def rotate(self) -> None:
        """Move older files up by one, then rename the live file or copy and truncate it."""
        way = self._chance.choice(["rename", "copytruncate"]) if self.rotation == "either" else self.rotation
        if way == "none" or self.path.stat().st_size == 0:
            return
        for number in range(len(list(self.path.parent.glob(f"{self.name}.log.*"))), 0, -1):
            self.path.with_name(f"{self.name}.log.{number}").rename(
                self.path.with_name(f"{self.name}.log.{number + 1}")
            )
        first = self.path.with_name(f"{self.name}.log.1")
        if way == "rename":
            self._file.close()
            self.path.rename(first)
            self._file = self.path.open("ab", buffering=0)
        else:
            shutil.copyfile(self.path, first)
            self._file.truncate(0)

    def _line(self) -> bytes:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        rest = f"{self.name} {self.written} {'é界x' * self._chance.randrange(30)}"
        self.written += 1
        return f"{now} INFO {rest} {zlib.crc32(rest.encode()):08x}\n".encode()


def main(folder: Path, seed: int, seconds: float, lines_per_s: float) -> dict[str, int]:
    """Write for `seconds`; returns the lines written to each file."""
    chance = random.Random(seed)
    files = [NumberedFile(folder, name, rotation, chance) for name, rotation in FILES.items()]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for file in files:
            file.write(chance.randrange(int(2 * lines_per_s * STEP_S / len(files)) + 1))
            if chance.random() < STEP_S / 2.0:
                file.rotate()
        time.sleep(STEP_S)
    return {file.name: file.written for file in files}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))))
