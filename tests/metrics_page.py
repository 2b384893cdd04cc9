"""The metrics that docs/reference/metrics.md lists; tests/acceptance/test_watched.py holds every part to them."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"
_ROW = re.compile(r"^\| `(dejalog_\w+)` \| (\w+) \| ([\w, ]*) ?\| ([\w, ]+) \| ", re.MULTILINE)


def page() -> dict[str, tuple[str, frozenset[str], frozenset[str]]]:
    """Type, labels and parts of each metric that the page lists."""
    text = PAGE.read_text(encoding="utf-8")
    rows = _ROW.findall(text)
    assert len(rows) == text.count("| `dejalog_")
    return {name: (kind, _words(labels), _words(parts)) for name, kind, labels, parts in rows}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())
