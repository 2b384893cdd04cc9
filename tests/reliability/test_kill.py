"""Nothing acknowledged is lost and nothing is stored twice, whenever the processes are killed."""

import collections
import json
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import httpx
import pytest

from index.line_store import LineFilter
from index.store_parquet import ParquetStore
from tests.ports import free_port
from tests.reliability.processes import Program, wait_for
from tests.reliability.writer import FILES


@pytest.mark.parametrize("together", [True, False], ids=["one process", "collector apart"])
def test_no_line_is_lost_or_doubled_by_five_kills(tmp_path: Path, together: bool) -> None:
    kill_at_random_moments(tmp_path, kills=5, together=together, seed=1)


@pytest.mark.campaign
@pytest.mark.parametrize("together", [True, False], ids=["one process", "collector apart"])
def test_no_line_is_lost_or_doubled_by_fifty_kills(tmp_path: Path, together: bool) -> None:
    kill_at_random_moments(tmp_path, kills=50, together=together, seed=2)


def kill_at_random_moments(folder: Path, *, kills: int, together: bool, seed: int) -> None:
    """Run writer and program(s), kill at random moments from start-up on, let them catch up, compare every number."""
    chance = random.Random(seed)
    logs, data = folder / "logs", folder / "data"
    logs.mkdir()
    programs = start_programs(folder, logs, data, together=together)
    pauses_s = [chance.choice([0.5, 1.0, 3.0, 8.0]) * chance.random() + 0.05 for _ in range(kills)]
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.writer", str(logs), str(seed), str(sum(pauses_s) + 3), "2000"],
        stdout=subprocess.PIPE,
    )
    for program in programs.values():
        program.start()
    for pause_s in pauses_s:
        time.sleep(pause_s)  # the moment of the kill is what is random here
        for program in chance.choice([list(programs.values()), [chance.choice(list(programs.values()))]]):
            program.kill()
            program.start()
    written = json.loads(writer.communicate(timeout=300)[0])
    catch_up(programs, data, sum(written.values()))
    for program in reversed(programs.values()):
        program.stop()
    check_numbers(data, written)


def start_programs(folder: Path, logs: Path, data: Path, *, together: bool) -> dict[str, Program]:
    """The program(s), not started yet; `server` first."""
    port = free_port()
    (folder / "url").write_text(f"http://127.0.0.1:{port}")
    serve = ["serve", "--listen", f"127.0.0.1:{port}", "--data-dir", str(data)]
    if together:
        return {"server": Program([*serve, "--collect", str(logs)], folder, folder / "server.txt")}
    return {
        "server": Program(serve, folder, folder / "server.txt"),
        "collector": Program(
            ["collect", str(logs), "--url", f"http://127.0.0.1:{port}", "--data-dir", str(folder / "collector")],
            folder,
            folder / "collector.txt",
        ),
    }


def catch_up(programs: dict[str, Program], data: Path, lines: int) -> None:
    """Until the server holds `lines` lines, or has not got further for ten seconds."""
    url = (data.parent / "url").read_text()
    wait_for(f"{url}/healthz", programs["server"])
    best, since = -1, time.monotonic()
    while best < lines and time.monotonic() - since < 10:
        held = httpx.get(f"{url}/v1/search", params={"query": "*", "start": "2000-01-01T00:00:00Z", "limit": 1}).json()
        if held["total"] > best:
            best, since = held["total"], time.monotonic()
        time.sleep(0.1)


def check_numbers(data: Path, written: dict[str, int]) -> None:
    """Every number of every file once, every checksum right, and the ledger sums to the lines."""
    store = ParquetStore.open(data)
    seen: dict[str, collections.Counter[int]] = {name: collections.Counter() for name in FILES}
    total = 0
    for frame in store.scan(LineFilter(), ["message"]):
        total += frame.height
        for message in frame["message"]:
            rest, _, checksum = message.partition(" INFO ")[2].rpartition(" ")
            assert f"{zlib.crc32(rest.encode()):08x}" == checksum, "a line is not as it was written"
            name, number = rest.split(" ")[:2]
            seen[name][int(number)] += 1
    ledger_total = store.ledger()["count"].sum()
    store.close()
    missing = {name: sorted(set(range(count)) - set(seen[name]))[:10] for name, count in written.items()}
    doubled = {name: [n for n, times in counts.items() if times > 1][:10] for name, counts in seen.items()}
    assert not any(missing.values()), f"missing: {missing} of {written}"
    assert not any(doubled.values()), f"stored twice: {doubled} of {written}"
    assert total == sum(written.values()) == ledger_total
