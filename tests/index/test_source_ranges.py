"""Merged intervals behave like the sets of bytes they stand for."""

from hypothesis import given
from hypothesis import strategies as st

from index.source_ranges import SourceRanges
from ingest.line_sink import SourceRange

SPANS = st.tuples(st.integers(0, 30), st.integers(0, 30))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), SPANS), max_size=20)


def as_parts(held: set[int]) -> list[SourceRange]:
    starts = sorted(byte for byte in held if byte - 1 not in held)
    ends = sorted(byte + 1 for byte in held if byte + 1 not in held)
    return [SourceRange("s", start, end) for start, end in zip(starts, ends, strict=True)]


@given(STEPS, SPANS)
def test_ranges_are_the_set_of_their_bytes(steps: list[tuple[str, tuple[int, int]]], asked: tuple[int, int]) -> None:
    ranges, held = SourceRanges(), set[int]()
    for action, (start, end) in steps:
        covered = SourceRange("s", start, end)
        if action == "add":
            ranges.add(covered)
            held |= set(range(start, end))
        else:
            ranges.remove(covered)
            held -= set(range(start, end))
    question = SourceRange("s", *asked)
    wanted = set(range(*asked))
    assert ranges.of("s") == as_parts(held)
    assert ranges.missing(question) == as_parts(wanted - held)
    assert ranges.overlaps(question) == bool(wanted & held)


def test_sources_do_not_touch_each_other() -> None:
    ranges = SourceRanges([SourceRange("b", 5, 9), SourceRange("a", 0, 5)])
    assert list(ranges) == [SourceRange("a", 0, 5), SourceRange("b", 5, 9)]
    assert ranges.missing(SourceRange("c", 0, 3)) == [SourceRange("c", 0, 3)]
