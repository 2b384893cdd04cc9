"""A model's lines as they come: sentences and what they cite, whatever the marks around them."""

import pytest

from api.llm_reply import SENTENCE_CHARACTERS, LineReader, Said

LINES = [
    ("- payment failed first [S1]", Said("payment failed first", ("S1",))),
    ("1. payment failed first [S1][S4].", Said("payment failed first.", ("S1", "S4"))),
    ("* **payment** failed first (S2, S3)", Said("payment failed first", ("S2", "S3"))),
    ("payment 最先异常【S1】。", Said("payment 最先异常。", ("S1",))),
    ("payment failed [s1] first [S1]", Said("payment failed first", ("S1",))),
    ("## Summary", Said("Summary", ())),
    ("payment \x1b[31mfailed\x1b[0m\u202e [S1]", Said("payment failed", ("S1",))),
    ("It wrote “a : b __init__ **c**” [S1].", Said("It wrote “a : b __init__ **c**”.", ("S1",))),
    ("took [12 ms] in [S12345]", Said("took [12 ms] in [S12345]", ())),
]


@pytest.mark.parametrize(("line", "said"), LINES, ids=[line for line, _ in LINES])
def test_a_line_is_a_sentence_with_ids(line: str, said: Said) -> None:
    assert list(LineReader().feed(line + "\n")) == [said]


def test_pieces_make_the_same_lines_wherever_they_are_cut() -> None:
    text = "payment failed first [S1]\ncart followed [S2]\nand order"
    for size in range(1, len(text) + 1):
        reader = LineReader()
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        found = [said for piece in pieces for said in reader.feed(piece)]
        assert [said.text for said in found] == ["payment failed first", "cart followed"]
        assert [said.text for said in reader.rest()] == ["and order"]


@pytest.mark.parametrize("line", ["", "   ", "---", "[S1]", "x" * (SENTENCE_CHARACTERS + 1) + " [S1]"])
def test_a_line_that_says_nothing_or_never_ends_is_none(line: str) -> None:
    assert list(LineReader().feed(line + "\n")) == []


def test_a_line_without_an_end_takes_no_memory() -> None:
    reader = LineReader()
    for _ in range(1000):
        assert list(reader.feed("x" * 1000)) == []
    assert list(reader.rest()) == []
