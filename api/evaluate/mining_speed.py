"""How fast lines get their patterns, beside Drain3, and what the merge of distinct signatures costs as they grow."""

import random
import resource
import time
from collections.abc import Callable, Sequence

import polars as pl

from api.evaluate.loghub import System
from api.evaluate.mining_peer import Drain3, drain3_version
from index.pattern_mine import mine_patterns
from ingest.signature import signature_columns

LINES = 1_000_000
PEER_LINES = 50_000
"""Drain3 needs a minute and a half for a million."""
BATCH = 50_000
MADE = (1_000, 4_000, 16_000)
"""Distinct signatures of the growth: made up, so that any number can be had."""


def speeds(systems: Sequence[System]) -> dict[str, object]:
    """CPU seconds and rates, measured here and now; compare only within one run."""
    messages = _repeated([content for system in systems for content in system.contents])
    ours = _assignment(messages)
    found: dict[str, object] = {"lines": LINES, "ours_lines_per_cpu_s": round(LINES / ours)}
    if drain3_version() is not None:
        peer = Drain3()
        began = time.process_time()
        for message in messages.head(PEER_LINES).to_list():
            peer.add(message)
        rate = PEER_LINES / (time.process_time() - began)
        found |= {"drain3_lines_per_cpu_s": round(rate), "times_drain3": round(LINES / ours / rate, 1)}
    merges = [merge_cost(count) for count in MADE]
    return found | {"merge": merges, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def merge_cost(count: int, make: Callable[[random.Random], str] | None = None) -> dict[str, float]:
    """What mining so many made-up distinct signatures costs, in CPU seconds."""
    choose = random.Random(3)  # noqa: S311 - text for a benchmark
    words = ["".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=choose.randint(3, 9))) for _ in range(5000)]
    messages = [
        make(choose) if make else " ".join(choose.choices(words, k=choose.randint(8, 25))) for _ in range(count)
    ]
    lines = _signed(pl.Series("message", messages)).unique("signature", keep="first", maintain_order=True)
    began = time.process_time()
    found = mine_patterns(lines, ())
    took = time.process_time() - began
    return {"signatures": lines.height, "patterns": found.patterns.height, "cpu_s": round(took, 2)}


def _repeated(messages: Sequence[str]) -> pl.Series:
    """A million lines drawn from these, in an order that a seed decides."""
    return pl.Series("message", messages).sample(LINES, with_replacement=True, seed=1)


def _assignment(messages: pl.Series) -> float:
    """CPU seconds from message to pattern id: mask, hash, look-up. Mining itself happened before."""
    known = _signed(messages.unique(maintain_order=True)).unique("signature", keep="first", maintain_order=True)
    members = mine_patterns(known, ()).members
    began = time.process_time()
    for start in range(0, len(messages), BATCH):
        signed = _signed(messages.slice(start, BATCH))
        signed.select("signature").join(members, on="signature", how="left", maintain_order="left")
    return time.process_time() - began


def _signed(messages: pl.Series) -> pl.DataFrame:
    """Rows as `LineStore.signatures` gives them."""
    numbers = pl.int_range(len(messages), dtype=pl.Int64, eager=True)
    texts = {name: pl.lit("") for name in ("service", "level", "source")}
    return signature_columns(messages.to_frame("message").with_columns(first_ns=numbers, position=numbers, **texts))
