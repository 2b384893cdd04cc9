"""From token lists to groups that differ only where values stand: the merge of signatures into patterns.

Every decision rests on a set of groups, never on their order, so the result is a function of the set of messages.
"""

import dataclasses
import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from index.pattern import WILDCARD
from index.pattern_lex import Token
from index.pattern_settings import MergeSettings
from index.pattern_slot import Known, are_enough, is_plain, slot_values

MAX_ROUNDS = 6
"""Merging makes new merges possible; no data at hand needed more than four rounds."""

UInt64s = npt.NDArray[np.uint64]


@dataclasses.dataclass
class Group:
    """Messages with one template. `members` are indices into what `merge` was given, the first of them the least."""

    tokens: list[Token]
    members: list[int]


def merge(messages: Sequence[Sequence[Token]], settings: MergeSettings) -> list[Group]:
    """Groups of messages, each message in exactly one; by least member."""
    groups = _by_keys(Group(list(tokens), [at]) for at, tokens in enumerate(messages))
    known = Known(settings)
    for _ in range(MAX_ROUNDS):
        merged = groups
        for holes in range(1, settings.holes + 1):
            merged = _merge_round(merged, holes, known)
        if len(merged) == len(groups):
            break
        groups = merged
    return sorted(groups, key=lambda group: group.members[0])


def _by_keys(groups: Iterable[Group]) -> list[Group]:
    """Groups with equal keys become one; adjacent wildcards were joined before."""
    found: dict[tuple[str, ...], Group] = {}
    for group in sorted(groups, key=lambda group: group.members[0]):
        keys = tuple(token.key for token in group.tokens)
        if keys in found:
            _absorb(found[keys], group)
        else:
            found[keys] = group
    return list(found.values())


def _absorb(into: Group, group: Group) -> None:
    """Where keys differ a wildcard stands; where only texts differ the text gives way."""
    for at, (mine, other) in enumerate(zip(into.tokens, group.tokens, strict=True)):
        if mine.key != other.key or mine.text != other.text:
            key = mine.key if mine.key == other.key else WILDCARD
            into.tokens[at] = Token(key, WILDCARD if key == WILDCARD else mine.text, mine.space)
    into.members.extend(group.members)


def _merge_round(groups: list[Group], holes: int, known: Known) -> list[Group]:
    """Join groups of equal length that agree everywhere but in `holes` places, if each place is a slot of values."""
    buckets: dict[int, list[Group]] = defaultdict(list)
    for group in groups:
        buckets[len(group.tokens)].append(group)
    result: list[Group] = []
    found_values: set[str] = set()
    for length in sorted(buckets):
        bucket = buckets[length]
        if len(bucket) > 1 and length > holes:
            bucket = _merge_bucket(bucket, holes, known, found_values)
        result += bucket
    known.values |= found_values
    return _by_keys(result)


def _merge_bucket(bucket: list[Group], holes: int, known: Known, found: set[str]) -> list[Group]:
    table = _Table(bucket)
    parent = list(range(len(bucket)))
    for positions, rows in table.candidates(holes):
        joined = _joined_rows(table, positions, rows, known, found)
        for row in joined[1:]:
            parent[_root(parent, row)] = _root(parent, joined[0])
    clusters: dict[int, list[int]] = defaultdict(list)
    for row in range(len(bucket)):
        clusters[_root(parent, row)].append(row)
    merged: list[Group] = []
    for rows in clusters.values():
        first, *others = sorted((bucket[row] for row in rows), key=lambda group: group.members[0])
        for other in others:
            _absorb(first, other)
        first.members.sort()
        merged.append(first)
    return merged


def _root(parent: list[int], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


class _Table:
    """The keys of groups of one length as numbers [groups, length], and sums of hashes to find agreeing rows by."""

    def __init__(self, bucket: list[Group]) -> None:
        self.keys = [[token.key for token in group.tokens] for group in bucket]
        numbers: dict[str, int] = {}
        ids = np.array([[numbers.setdefault(key, len(numbers)) for key in keys] for keys in self.keys], dtype=np.int32)
        self.length = ids.shape[1]
        hashes = np.array([_hash(key) for key in numbers], dtype=np.uint64)
        plain = np.array([is_plain(key) for key in numbers])
        salts = np.array([_hash(f"position {at}") | 1 for at in range(self.length)], dtype=np.uint64)
        self._parts: UInt64s = hashes[ids] * salts
        self._holes: UInt64s = np.uint64(_hash("hole")) * salts
        self._totals: UInt64s = self._parts.sum(axis=1, dtype=np.uint64)
        self.plain = plain[ids]
        self.is_value = ids == numbers.get(WILDCARD, -1)
        self._ids = ids

    def candidates(self, holes: int) -> Iterator[tuple[tuple[int, ...], list[int]]]:
        """Rows that agree everywhere but in these positions: at each position in turn for one hole, else at each row's
        own rarest words.
        """
        if holes == 1:
            for at in range(self.length):
                open_rows = np.flatnonzero(self.plain[:, at] | self.is_value[:, at])
                sums = self._totals[open_rows] - self._parts[open_rows, at] + self._holes[at]
                for rows in _equal(sums, open_rows):
                    yield (at,), rows
            return
        enough = np.flatnonzero(self.plain.sum(axis=1) >= holes + 2)
        if not len(enough):
            return
        chosen = np.sort(self._rarest_first()[enough, :holes], axis=1)
        sums = self._totals[enough].copy()
        for column in chosen.T:
            sums += self._holes[column] - self._parts[enough, column]
        place = {int(row): tuple(int(at) for at in chosen[number]) for number, row in enumerate(enough)}
        for rows in _equal(sums, enough):
            yield place[rows[0]], rows

    def _rarest_first(self) -> npt.NDArray[np.int64]:
        """The positions of each row by how many rows have the same word there; signs and values come last."""
        counts = np.empty(self._ids.shape, dtype=np.int32)
        for at in range(self.length):
            _, inverse, count = np.unique(self._ids[:, at], return_inverse=True, return_counts=True)
            counts[:, at] = count[inverse]
        counts[~self.plain] = len(self._ids) + 1
        return np.argsort(counts, axis=1, kind="stable")


def _equal(sums: UInt64s, rows: npt.NDArray[np.int64]) -> Iterator[list[int]]:
    """Lists of two or more of `rows` whose sums are equal, in an order that the rows' order decides."""
    order = np.argsort(sums, kind="stable")
    ordered = sums[order]
    edges = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    for start in np.flatnonzero(np.diff(edges) > 1):
        yield rows[np.sort(order[edges[start] : edges[start + 1]])].tolist()


def _joined_rows(
    table: _Table, positions: tuple[int, ...], rows: list[int], known: Known, found: set[str]
) -> list[int]:
    """The rows to be joined, empty if none. Rows with a state or another opposite in a slot stay out."""
    left = int(table.plain[rows[0]].sum()) - sum(bool(table.plain[rows[0], at]) for at in positions)
    if not are_enough(left, positions, table.keys[rows[0]], known.settings):
        return []
    for at in positions:
        alternatives = {table.keys[row][at] for row in rows}
        if len(alternatives) == 1:
            continue
        joinable = slot_values(sorted(alternatives), table.keys[rows[0]], at, known, holes=len(positions))
        if not joinable:
            return []
        found |= joinable - {WILDCARD}
        rows = [row for row in rows if table.keys[row][at] in joinable]
        if len(rows) < 2:
            return []
    return rows


@functools.lru_cache(maxsize=1 << 17)
def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
