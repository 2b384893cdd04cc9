"""Large flat indexes on NVIDIA cards, where faiss-gpu (the extra `gpu`) is installed; elsewhere nothing changes.

Cards choose candidates only: `vector_faiss` ranks them exactly, so what is found does not depend on where. Not run with
a card by our tests.
"""

from typing import Any

import faiss
import structlog

_log = structlog.get_logger()

LEAST_VECTORS = 100_000
"""Below it a processor searches in milliseconds, and copying costs more. A guess."""


def on_cards(index: Any, vectors: int) -> Any:
    """`index`, or a copy of it of which each card holds a share."""
    cards = int(faiss.get_num_gpus())
    if not cards or vectors < LEAST_VECTORS:
        return index
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    _log.info("vectors.on_cards", cards=cards, vectors=vectors)
    return faiss.index_cpu_to_all_gpus(index, co=options)
