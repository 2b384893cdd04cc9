"""An ingest worker that ends as by a power cut after the store took a chunk's lines and before it acknowledges them.

Run as its own process: `python -m tests.reliability.crashing_worker REDIS_URL DATA_DIR SETTLED`: it dies when it would
acknowledge once more than `SETTLED` times, and ends by itself when nothing waits any more.
"""

import os
import signal
import sys
from pathlib import Path

from index.store_parquet import ParquetStore
from ingest.receive import Receiver
from workers.chunk_stream import ChunkStream, Delivery
from workers.ingest import IngestCounts, IngestLane, IngestSettings


class DyingStream(ChunkStream):
    """Kills its process instead of acknowledging."""

    settled_to_come = 0

    def settle(self, *deliveries: Delivery) -> int:
        if not self.settled_to_come:
            os.kill(os.getpid(), signal.SIGKILL)
        self.settled_to_come -= 1
        return super().settle(*deliveries)


def main(url: str, data: Path, settled: int) -> None:
    stream = DyingStream(url)
    stream.settled_to_come = settled
    stream.prepare()
    store = ParquetStore.open(data)
    settings = IngestSettings(lease_s=0.05, block_s=0.01)
    lane = IngestLane(stream, Receiver(store), settings, IngestCounts())
    while stream.status().waiting:
        lane.step()
    stream.leave(lane.name)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
