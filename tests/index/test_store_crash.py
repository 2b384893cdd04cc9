"""A store that dies at any moment has exactly what it acknowledged, and goes on from there."""

import random
import shutil
import time
from pathlib import Path

import pytest

from index.line_store import LineFilter
from index.store_parquet import ParquetStore
from tests.index.crashing import CHUNKS, KILLED, append_for_ever, check_exact, chunk, run, small, start
from tests.index.lines_made import RECORD_BYTES, covers_of

MOST_STEPS = 200


def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Each run dies at the next step of append, flush and compaction, until one gets through. What it leaves is opened
    as it is, and once more as if the catalogue had been lost as well.
    """
    for die_at in range(1, MOST_STEPS):
        folder, acknowledged = tmp_path / str(die_at), tmp_path / f"{die_at}.acknowledged"
        acknowledged.touch()
        status = run(folder, acknowledged, die_at)
        without_catalogue = shutil.copytree(folder, tmp_path / f"{die_at}.copy")
        for path in without_catalogue.glob("catalogue.sqlite*"):
            path.unlink()
        rebuilt = ParquetStore.open(without_catalogue, small())
        check_exact(rebuilt, list(acknowledged.read_bytes()))
        rebuilt.close()
        store = ParquetStore.open(folder, small())
        check_exact(store, list(acknowledged.read_bytes()))
        for number in range(CHUNKS):
            lines = chunk(number)
            if store.missing(covers_of(lines)[0]):
                store.append(lines, covers_of(lines))
        store.flush()
        check_exact(store, list(range(CHUNKS)))
        store.close()
        if status == 0:
            break
        assert status == KILLED
    assert 40 < die_at < MOST_STEPS - 1


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.campaign)])
def test_kill_minus_nine_at_random_moments_loses_and_doubles_nothing(tmp_path: Path, kills: int) -> None:
    """The process appends, flushes and compacts all the time; the next one starts on what the last one left."""
    moments = random.Random(kills)
    folder, acknowledged = tmp_path / "data", tmp_path / "acknowledged"
    acknowledged.touch()
    for number in range(kills):
        process = start(append_for_ever, folder, acknowledged, number)
        size, deadline = acknowledged.stat().st_size, time.monotonic() + 60
        wanted = size + 8 * moments.randrange(0, 12)
        while acknowledged.stat().st_size < wanted and time.monotonic() < deadline and process.is_alive():
            time.sleep(moments.random() / 100)
        process.kill()
        process.join()
        assert process.exitcode == -9
    store = ParquetStore.open(folder, small())
    positions = sorted(position for frame in store.scan(LineFilter(), ["position"]) for position in frame["position"])
    assert positions == [line * RECORD_BYTES for line in range(len(positions))]
    data = acknowledged.read_bytes()
    assert len(positions) >= int.from_bytes(data[-8:], "big") > 0
    assert store.ledger()["count"].sum() == len(positions) == store.status().lines
    store.close()
