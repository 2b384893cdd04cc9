"""In which language each service of a shop writes its messages: English, Chinese, or both, as a seed draws."""

from typing import Literal

from ingest.simulate.draw import choose, generator

Language = Literal["english", "mixed", "chinese"]

_ENGLISH: Language = "english"
CHINESE_SHOPS = 0.25
"""Share of the seeds whose shop writes Chinese, all of it or some services (asked for, as one of four)."""
MIXED_CHINESE = 0.5
"""Share of the messages of libraries that a mixed service has in Chinese (a guess)."""


def languages(seed: int, count: int, *, chinese: bool | None = None) -> tuple[Language, ...]:
    """For each of `count` services; `chinese` decides whether there is any Chinese, None leaves that to the seed.

    In a third of the Chinese shops every service writes Chinese; in the others each is one of the three, and at least
    one writes Chinese.
    """
    rng = generator(seed, "writes")  # a name under which the seeds that people meet first, 1 and 7, write English
    drawn = bool(rng.random() < CHINESE_SHOPS)
    if not (drawn if chinese is None else chinese):
        return tuple(_ENGLISH for _ in range(count))
    drawn_from: tuple[Language, ...] = ("chinese",)
    if rng.random() > 1 / 3:
        drawn_from = ("english", "mixed", "chinese", "chinese")
    of_each = [choose(rng, drawn_from) for _ in range(count)]
    of_each[int(rng.integers(count))] = "chinese"
    return tuple(of_each)


def writes_chinese(seed: int, language: Language, runtime: str, key: str) -> bool:
    """Whether a service of this language has the message in Chinese. A mixed one reports its own work in Chinese, while
    what a library says for it (keys without a dot) is as its makers wrote it: each library speaks one language.
    """
    if language != "mixed" or "." in key:
        return language != "english"
    return bool(generator(seed, "mixed", runtime, key).random() < MIXED_CHINESE)
