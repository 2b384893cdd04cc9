"""Random numbers that depend on a seed and a name only, so that nothing drawn here moves what is drawn elsewhere."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def generator(seed: int, *name: str | int) -> np.random.Generator:
    """A generator of its own for each name. Names are words and whole numbers, negative ones too."""
    words = [zlib.crc32(str(part).encode()) for part in name]
    return np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, *words])


def choose(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    """One of the items, each as likely as any other."""
    return items[int(rng.integers(len(items)))]
