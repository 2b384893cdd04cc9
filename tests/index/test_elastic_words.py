"""The words that are indexed are those that queries look for: the same letters in any case, the same gaps."""

import sys

import polars as pl
import pytest

from index.elastic_words import STOP, cjk_of, word, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GET /api/v1?id=7", ["get", "api", "v1", "id", "7"]),
        ("user_7 db-3", ["user_7", "db", "3"]),
        ("库存不足 sku 剩余x", [STOP, "sku", STOP, "x"]),
        ("ΣΑΣ straße", ["σασ", "straße"]),
        ("", []),
        ("-- !", []),
        ("x" * 300, ["x" * 200 + STOP]),
    ],
    ids=["punctuation", "underscore", "cjk", "case", "empty", "no-word", "long"],
)
def test_a_text_becomes_its_words(text: str, words: list[str]) -> None:
    assert (words_of(pl.Series([text]))[0] or "").split() == words


def test_a_run_of_cjk_has_one_character_a_word_and_a_stop_before_it() -> None:
    found = cjk_of(pl.Series(["库存 a 不足", "plain", None]))
    assert [None if text is None else text.split() for text in found] == [["库", "存", STOP, "不", "足"], None, None]


def test_letters_are_one_word_when_a_regex_that_ignores_case_takes_them_for_the_same() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    cased = pl.Series(
        [mark for mark in every if mark.lower() != mark or mark.upper() != mark or mark.casefold() != mark]
    )
    letters = cased.filter(cased.str.contains(r"^[\p{L}\p{N}_]$"))
    made = pl.DataFrame({"letter": letters, "word": words_of(letters).str.strip_chars()})
    for letter in letters:
        same = set(letters.filter(letters.str.contains(f"^(?i:{letter})$")))
        assert set(made.filter(pl.col("word") == word(letter))["letter"]) == same, letter
