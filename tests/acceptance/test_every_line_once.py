"""From simulated files through collector and receiver into the store: exactly the lines that the programs wrote."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from index.line_store import LineFilter
from index.store_parquet import ParquetStore
from ingest.collect import Collector
from ingest.collect_settings import CollectSettings
from ingest.line import Mark
from ingest.receive import Receiver
from ingest.simulate import Live, make_plan, simulate
from ingest.simulate.labels import labels
from ingest.simulate.render import PIECE_BYTES

HOUR_NS = 3_600_000_000_000
START_NS = 1_795_305_600_000_000_000
FAULTS = ("oom_kill:trace", "bad_deploy:loud", "avalanche:loud")
SETTINGS = CollectSettings(poll_s=0.02)
PAUSES_S = (0.7, 0.7, 3.0, 0.2, 0.7, 6.0, 20.0)
"""Between two live writes: shorter and longer than what the collector waits for."""
LIVE_NS = 360_000_000_000


def lines_by_service(store: ParquetStore) -> dict[str, int]:
    counted = store.facets(LineFilter(), ["service"], limit=1000).rows
    return dict(counted.select("value", "count").rows())


def longest_message(store: ParquetStore) -> int:
    messages = pl.concat(store.scan(LineFilter(), ["message"]))["message"]
    longest: int = max(messages.str.len_bytes().to_list())
    return longest


def marks(store: ParquetStore) -> list[int]:
    return [mark for frame in store.scan(LineFilter(), ["marks"]) for mark in frame["marks"]]


@pytest.mark.parametrize("chunk_bytes", [1 << 20, 128 << 10], ids=["whole chunks", "many cuts"])
@pytest.mark.parametrize("seed", [3, 8, 21])
def test_a_drained_history_is_stored_line_for_line(tmp_path: Path, seed: int, chunk_bytes: int) -> None:
    written = simulate(
        tmp_path / "shop", seed=seed, start_ns=START_NS, end_ns=START_NS + 4 * HOUR_NS, lines=6_000, faults=FAULTS
    )
    store = ParquetStore.open(tmp_path / "data")
    settings = CollectSettings(poll_s=0.02, chunk_bytes=chunk_bytes)
    collector = Collector([written.containers], Receiver(store), tmp_path, host="h", settings=settings)
    collector.drain()
    collector.close()
    assert lines_by_service(store) == written.lines_by_service
    found = marks(store)
    assert len(found) == written.lines
    assert any(mark & Mark.FOLDED for mark in found), "stack traces were among them"
    assert longest_message(store) > PIECE_BYTES, "lines that the runtime cut were among them"
    assert len({path.read_bytes()[:1] == b"{" for path in written.files}) == 2, "Docker's and CRI's files"
    assert not any(mark & (Mark.PARTIAL | Mark.UNPARSED) for mark in found)
    store.close()


@pytest.mark.parametrize("seed", [3, 8])
def test_a_live_shop_is_stored_line_for_line_while_the_collector_waits_as_usual(tmp_path: Path, seed: int) -> None:
    plan = make_plan(seed=seed, start_ns=START_NS, end_ns=START_NS + 4 * HOUR_NS, lines=20_000, faults=FAULTS)
    live = Live(tmp_path / "shop", plan, from_ns=START_NS)
    store = ParquetStore.open(tmp_path / "data")
    collector = Collector(
        [tmp_path / "shop" / "containers"],
        Receiver(store),
        tmp_path,
        host="h",
        settings=SETTINGS,
        clock=lambda: live.done_ns / 1e9,
        wall_ns=lambda: live.done_ns,
    )
    fault = min(label.start_ns for label in labels(plan, plan.start_ns, plan.end_ns) if not label.benign)
    written = Counter(live.advance(fault).lines)
    while live.done_ns < fault + LIVE_NS:
        for pause_s in PAUSES_S:
            written.update(live.advance(live.done_ns + int(pause_s * 1e9)).lines)
            collector.step()
    shipped = sum(lines_by_service(store).values())
    assert shipped > 0.5 * written.total(), "most were shipped while writing went on"
    collector.drain()
    collector.close()
    assert lines_by_service(store) == dict(written)
    store.close()
