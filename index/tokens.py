"""Needles: per block of lines a small filter of its variable tokens, so that an id is looked for in few blocks.

A Bloom filter (Bloom 1970) over tokens of six characters or more with a digit in them: ids, addresses, long numbers.
Constant words are left out: they are in most blocks.
"""

import functools
import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from index.store_settings import no_step

LEAST_CHARACTERS = 6
BITS_PER_TOKEN = 8
PROBES = 5
"""Eight bits and five probes give 2 % false alarms (the usual formula): one block in fifty is read for nothing."""
HASH_NAME = f"polars {pl.__version__}"
"""Polars promises its hash within one version only; filters of another one are not used."""

_RUN = f"[0-9A-Za-z_]{{{LEAST_CHARACTERS},}}"
_TOKEN = re.compile(r"(?=\w*[0-9])" + _RUN, re.ASCII)


def is_needle(token: str) -> bool:
    """Whether filters know such tokens."""
    return _TOKEN.fullmatch(token) is not None


def token_filters(messages: pl.Series, block_lines: int, *, step: Callable[[str], None] = no_step) -> bytes:
    """The filters of all blocks of a segment: a line of JSON with hash and sizes, then the bits of each block.
    `step` is called before each block.
    """
    filters = []
    for start in range(0, len(messages), block_lines):
        step("segment.block")
        tokens = messages.slice(start, block_lines).str.extract_all(_RUN).explode(empty_as_null=False).unique()
        tokens = tokens.filter(tokens.str.contains("[0-9]")).str.to_lowercase().unique()
        filters.append(_filter(_hashes(tokens)))
    head = orjson.dumps({"hash": HASH_NAME, "sizes": [len(bits) for bits in filters]}, option=orjson.OPT_APPEND_NEWLINE)
    return head + b"".join(bits.tobytes() for bits in filters)


def blocks_with(data: memoryview, tokens: Sequence[str]) -> npt.NDArray[np.bool_] | None:
    """Which blocks may hold all of these tokens (each an `is_needle`); None when the filters cannot tell."""
    end = bytes(data[: 1 << 20]).find(b"\n")
    head = orjson.loads(bytes(data[:end])) if end > 0 else {}
    if head.get("hash") != HASH_NAME:
        return None
    hashes = _needle_hashes(tuple(token.lower() for token in tokens))
    sizes: list[int] = head["sizes"]
    found = np.zeros(len(sizes), dtype=np.bool_)
    offset = end + 1
    for block, size in enumerate(sizes):
        bits = np.frombuffer(data[offset : offset + size], dtype=np.uint8)
        places = _places(hashes, size)
        found[block] = bool(np.all(bits[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8) & 1))
        offset += size
    return found


def _filter(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Bits, at least one byte."""
    size = max(1, len(hashes) * BITS_PER_TOKEN // 8)
    is_set = np.zeros(size * 8, dtype=np.uint8)
    is_set[_places(hashes, size)] = 1
    return np.packbits(is_set, bitorder="little")


def _places(hashes: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.uint64]:
    """Bits that belong to each hash: double hashing (Kirsch and Mitzenmacher 2006)."""
    first, second = hashes & np.uint64(0xFFFFFFFF), hashes >> np.uint64(32) | np.uint64(1)
    steps = np.arange(PROBES, dtype=np.uint64)[:, None]
    places: npt.NDArray[np.uint64] = (first + steps * second) % np.uint64(size * 8)
    return places.ravel()


@functools.lru_cache(maxsize=256)
def _needle_hashes(tokens: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """Asked once for each segment of a query."""
    return _hashes(pl.Series(tokens, dtype=pl.String))


def _hashes(tokens: pl.Series) -> npt.NDArray[np.uint64]:
    return tokens.hash(seed=0).to_numpy()
