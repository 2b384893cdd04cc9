"""How well patterns agree with labelled templates, and how fast they are mined.

    python -m bench.mining FOLDER          each X/X_2k.log_structured_corrected.csv below it (Loghub's layout)
    python -m bench.mining --made COUNT    so many made-up signatures of each hostile kind: CPU seconds, memory

GA and PA are over messages, FGA and FTA over templates (Zhu et al. 2019, Khan et al. 2022). Templates are compared with
blanks squeezed and placeholders that only signs part joined.
"""

import csv
import random
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from index.pattern_mine import mine_patterns
from ingest.signature import signature_columns

LABELS = "*/*.log_structured_corrected.csv"


def main() -> None:
    """See the module."""
    if sys.argv[1] == "--made":
        for kind, make in MADE.items():
            measure(kind, make, int(sys.argv[2]))
        return
    rows = [(path.parent.name, *score(path)) for path in sorted(Path(sys.argv[1]).glob(LABELS))]
    rows.append(("mean", *(sum(column) / len(rows) for column in list(zip(*rows, strict=True))[1:])))
    print(f"{'':12} {'GA':>6} {'PA':>6} {'FGA':>6} {'FTA':>6}")
    for name, *figures in rows:
        print(f"{name:12}", *(f"{figure:6.3f}" for figure in figures))


def score(path: Path) -> tuple[float, float, float, float]:
    """GA, PA, FGA, FTA of one labelled file."""
    with path.open(newline="", encoding="utf-8") as file:
        labelled = list(csv.DictReader(file))
    lines = first_lines([row["Content"] for row in labelled])
    found = mine_patterns(lines.unique("signature", keep="first", maintain_order=True), ())
    mined = lines.join(found.members, on="signature", maintain_order="left").join(
        found.patterns, on="pattern_id", maintain_order="left"
    )
    true_ids = [row["EventId"] for row in labelled]
    true_templates = [plain(row["EventTemplate"]) for row in labelled]
    mined_ids, mined_templates = mined["pattern_id"].to_list(), [plain(text) for text in mined["template"]]
    count = len(labelled)
    true_groups = {frozenset(rows) for rows in groups(true_ids).values()}
    right = [rows for rows in groups(mined_ids).values() if frozenset(rows) in true_groups]
    by_template = groups(mined_templates)
    named_right = sum({true_templates[row] for row in rows} == {name} for name, rows in by_template.items())
    return (
        sum(map(len, right)) / count,
        sum(one == other for one, other in zip(true_templates, mined_templates, strict=True)) / count,
        2 * len(right) / (len(set(mined_ids)) + len(true_groups)),
        2 * named_right / (len(by_template) + len(set(true_templates))),
    )


def first_lines(messages: Sequence[str]) -> pl.DataFrame:
    """Rows as `LineStore.signatures` gives them, one a message."""
    times = pl.int_range(len(messages), dtype=pl.Int64, eager=True)
    lines = pl.DataFrame({"message": messages, "first_ns": times, "position": times})
    texts = {name: pl.lit(name) for name in ("service", "level", "source")}
    return signature_columns(lines.with_columns(**texts))


def groups(names: Sequence[str]) -> dict[str, list[int]]:
    """Rows by name."""
    found: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        found[name].append(row)
    return found


def plain(template: str) -> str:
    """One spelling of a template."""
    squeezed = re.sub(r"\s+", " ", template.strip())
    return re.sub(r"<\*>(?:[\s,:;./\\|=@#_-]*<\*>)+", "<*>", squeezed)


_choose = random.Random(3)
_WORDS = ["".join(_choose.choices("abcdefghijklmnopqrstuvwxyz", k=_choose.randint(3, 9))) for _ in range(5000)]


def _words(least: int, most: int) -> str:
    return " ".join(_choose.choices(_WORDS, k=_choose.randint(least, most)))


MADE: dict[str, Callable[[], str]] = {
    "sentences of random words": lambda: _words(8, 25),
    "names in two places": lambda: f"login of user {_words(1, 1)} from {_words(1, 1)}.{_words(1, 1)}.example refused",
    "long dumps": lambda: _words(200, 400),
    "deep brackets": lambda: "(" * 1000 + _words(1, 2),
    "signs": lambda: "".join(_choose.choices("([{<}>])=:,;\"'-./ ab", k=1000)),
}


def measure(kind: str, make: Callable[[], str], count: int) -> None:
    """Mine `count` made-up signatures and print what it took."""
    lines = first_lines([make() for _ in range(count)]).unique("signature")
    began = time.process_time()
    found = mine_patterns(lines, ())
    took = time.process_time() - began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = f"{lines.height:7} signatures {found.patterns.height:7} patterns"
    print(f"{kind:25} {counts} {took:6.1f} CPU-s {peak_mib:5.0f} MiB")


if __name__ == "__main__":
    main()
