"""`pattern_id:…` in a query: the store knows signatures only, so such terms become signatures before it sees them."""

import dataclasses
import re
from collections.abc import Callable, Sequence

from index.query_scan import Operator, scan

_TERM = re.compile(r'(?:pattern_id|pattern):("?)([0-9a-fA-F]{16})\1(?![^\s)])')


@dataclasses.dataclass(frozen=True)
class PatternQuery:
    """A query without `pattern_id`, and the signatures that its lines must have besides."""

    query: str
    signatures: frozenset[int] | None


def without_patterns(query: str, signatures_of: Callable[[str], Sequence[int]]) -> PatternQuery:
    """The query with every `pattern_id:…` resolved by `signatures_of`. Raises QuerySyntaxError.

    Terms that every line must match leave the query; those under OR, NOT or in a group are written as signatures.
    """
    if not _TERM.search(query):
        return PatternQuery(query, None)
    items = scan(query)
    must_hold = not any(isinstance(item, Operator) and item.text != "AND" for item in items)
    found = [match for item in items if (match := _TERM.match(query, item.position))]
    signatures: frozenset[int] | None = None
    for match in reversed(found):
        meant = frozenset(signatures_of(match[2].lower()))
        if must_hold:
            signatures = meant if signatures is None else signatures & meant
        written = "*" if must_hold else _written(meant)
        query = query[: match.start()] + written + query[match.end() :]
    return PatternQuery(query if query.strip(" *") else "*", signatures)


def _written(signatures: frozenset[int]) -> str:
    return "signature:(" + " OR ".join(f"{each:016x}" for each in sorted(signatures)) + ")"
