"""One embedder made of several of the same model, one a device: each gets a share of the texts."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import structlog

from index.vector import Embedder, Vectors

_log = structlog.get_logger()

_DEVICE_FAULTS = (RuntimeError, OSError, MemoryError)
"""What a device that is lost or out of memory raises (torch's errors are RuntimeErrors)."""


class SplitEmbedder:
    """An `Embedder` (index/vector.py) over `parts`, which must be of one model. The share of a device that fails is
    done by the others, with a warning; when all fail, the last failure is raised.
    """

    def __init__(self, parts: Sequence[Embedder]) -> None:
        if not parts or len({(part.name, part.dimensions) for part in parts}) != 1:
            raise ValueError(f"parts of one model are needed, not {[part.name for part in parts]}")
        self._parts = tuple(parts)
        self.name = parts[0].name
        self.dimensions = parts[0].dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dimensions], unit length, in the order of the texts."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        left = shares(texts, len(self._parts))
        working = list(self._parts)
        with ThreadPoolExecutor(len(working), thread_name_prefix="embed-device") as pool:
            while left:
                failed, failures, lost = [], [], []
                for part, share, future in self._sent(pool, working, left, texts):
                    try:
                        vectors[share] = future.result()
                    except _DEVICE_FAULTS as failure:
                        _log.warning("embed.device_failed", found=f"{type(failure).__name__}: {failure}"[:200])
                        failed += share
                        failures.append(failure)
                        lost.append(part)
                working = [part for part in working if part not in lost]
                if failures and not working:
                    raise failures[-1]
                left = [[failed[at] for at in some] for some in shares([texts[row] for row in failed], len(working))]
        return vectors

    def _sent(
        self, pool: ThreadPoolExecutor, parts: Sequence[Embedder], rows: Sequence[list[int]], texts: Sequence[str]
    ) -> list[tuple[Embedder, list[int], "Future[Vectors]"]]:
        return [
            (part, share, pool.submit(part.embed, [texts[row] for row in share]))
            for part, share in zip(parts, rows, strict=False)
        ]


def shares(texts: Sequence[str], parts: int) -> list[list[int]]:
    """The rows of each part's texts: at most `parts` shares, none empty, of about equal length in characters."""
    order = sorted(range(len(texts)), key=lambda row: (-len(texts[row]), row))
    dealt: list[list[int]] = [[] for _ in range(parts)]
    for place, row in enumerate(order):
        lap, seat = divmod(place, parts)
        dealt[seat if lap % 2 == 0 else parts - 1 - seat].append(row)
    return [sorted(share) for share in dealt if share]
