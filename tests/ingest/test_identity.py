"""What makes a file the one that was read, and what its id is made of."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.identity import Trace, Verdict, advance, first_bytes, judge, same_content

CONTENT = b"".join(b"%012d some line\n" % number for number in range(200))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    descriptor = os.open(path, os.O_RDONLY)
    yield path, descriptor
    os.close(descriptor)


def traced(position: int) -> Trace:
    """The trace of a reader that went in two steps."""
    half = advance(Trace(), CONTENT[:1024], position // 2, CONTENT[: position // 2])
    return advance(half, CONTENT[:1024], position, CONTENT[:position])


@pytest.mark.parametrize("position", [0, 1, 30, 255, 256, 257, 1024, 3000, len(CONTENT)])
def test_a_file_that_only_grew_is_resumed(opened: tuple[Path, int], position: int) -> None:
    path, descriptor = opened
    with path.open("ab") as file:
        file.write(b"more\n")
    assert judge(traced(position), descriptor) is Verdict.RESUME


@pytest.mark.parametrize("position", [30, 256, 3000])
def test_another_beginning_is_another_file(opened: tuple[Path, int], position: int) -> None:
    path, descriptor = opened
    path.write_bytes(b"X" + CONTENT[1:])
    assert judge(traced(position), descriptor) is Verdict.REPLACED


@pytest.mark.parametrize(
    "content",
    [b"", CONTENT[:1000], CONTENT[:2999], CONTENT[:2900] + b"X" * 1000],
    ids=["empty", "shorter", "one byte short", "others before the position"],
)
def test_a_file_that_lacks_what_was_read_was_truncated(opened: tuple[Path, int], content: bytes) -> None:
    path, descriptor = opened
    path.write_bytes(content)
    assert judge(traced(3000), descriptor) is Verdict.TRUNCATED


def test_an_id_is_made_of_the_first_telling_lines_however_much_follows() -> None:
    head = b"banner\n2026-01-01 10:00:00 first\nsecond 123456789\n"
    assert first_bytes(head) == b"banner\n2026-01-01 10:00:00 first\n"
    assert first_bytes(head[:40]) == first_bytes(head + b"x" * 5000)


def test_too_little_to_tell_is_waited_for_until_the_end() -> None:
    assert first_bytes(b"banner\n2026-01-01 10:00") is None
    assert first_bytes(b"banner\n", is_final=True) == b"banner\n"
    assert first_bytes(b"x" * 5000) == b"x" * 1024


def test_contents_are_compared_to_the_last_byte(tmp_path: Path, opened: tuple[Path, int]) -> None:
    other = tmp_path / "other"
    other.write_bytes(CONTENT[:-1] + b"X")
    descriptor = os.open(other, os.O_RDONLY)
    assert same_content(opened[1], descriptor, 0, len(CONTENT) - 1)
    assert not same_content(opened[1], descriptor, 0, len(CONTENT))
    assert not same_content(opened[1], descriptor, 0, len(CONTENT) + 1)
    os.close(descriptor)
