"""What mining costs on hostile input: distinct signatures of several kinds, made up.

    python -m bench.mining COUNT     so many of each kind: signatures, patterns, CPU seconds, peak memory

How well patterns agree with labelled templates is `dejalog eval mining`.
"""

import random
import resource
import sys
from collections.abc import Callable

from api.evaluate.mining_speed import merge_cost

_CHOOSE = random.Random(3)
_WORDS = ["".join(_CHOOSE.choices("abcdefghijklmnopqrstuvwxyz", k=_CHOOSE.randint(3, 9))) for _ in range(5000)]


def _words(choose: random.Random, least: int, most: int) -> str:
    return " ".join(choose.choices(_WORDS, k=choose.randint(least, most)))


MADE: dict[str, Callable[[random.Random], str]] = {
    "sentences of random words": lambda choose: _words(choose, 8, 25),
    "names in two places": lambda choose: (
        f"login of user {_words(choose, 1, 1)} from {_words(choose, 1, 1)}.{_words(choose, 1, 1)}.example refused"
    ),
    "long dumps": lambda choose: _words(choose, 200, 400),
    "deep brackets": lambda choose: "(" * 1000 + _words(choose, 1, 2),
    "signs": lambda choose: "".join(choose.choices("([{<}>])=:,;\"'-./ ab", k=1000)),
    "headers": lambda choose: "2026-03-01 10:00:00 INFO " + "[a-1] " * 30 + _words(choose, 1, 3),
}


def main() -> None:
    """See the module."""
    for kind, make in MADE.items():
        cost = merge_cost(int(sys.argv[1]), make)
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        counts = f"{cost['signatures']:7} signatures {cost['patterns']:7} patterns"
        print(f"{kind:28} {counts} {cost['cpu_s']:6} CPU-s {peak_mib} MiB")


if __name__ == "__main__":
    main()
