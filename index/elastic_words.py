"""The words of a text as they are indexed: those of `query_words`, made here, so that any Elasticsearch finds the same.

Its analysers part words otherwise (and few of them are in every distribution), so each text is sent as a list of its
words that only blanks part. A run of Chinese, Japanese or Korean is a stop mark there and stands in a list of its own.
"""

import functools
import re
import sys

import polars as pl

from index.query_words import CJK, SEPARATOR

STOP = "\ue000"
"""A private character: the word that stands for what is in no word, so that words around it are no neighbours."""
MOST_WORD_CHARACTERS = 200
"""Longer words are cut here and end in STOP. Elasticsearch's blank-parting analyser cuts at 255, without a mark."""

_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_LONG = rf"([^ ]{{{MOST_WORD_CHARACTERS}}})[^ ]+"


def words_of(texts: pl.Series) -> pl.Series:
    """For each text its words in order, in lower case, parted by blanks: String, null where it has none."""
    parted = texts.str.replace_all(f"{SEPARATOR}+", " ")
    if not _is_ascii(texts):
        old, new = _folds()
        parted = parted.str.replace_all(f"[{CJK}]+", f" {STOP} ").str.to_lowercase().str.replace_many(old, new)
    else:
        parted = parted.str.to_lowercase()
    longest = texts.str.len_bytes().max()
    if isinstance(longest, int) and longest > MOST_WORD_CHARACTERS:
        parted = parted.str.replace_all(_LONG, f"${{1}}{STOP}")
    return parted.to_frame("words").select(pl.when(pl.col("words").str.contains("[^ ]")).then("words")).to_series()


def cjk_of(texts: pl.Series) -> pl.Series:
    """For each text its runs of Chinese, Japanese and Korean, a blank behind each character and STOP before each run;
    null where it has none.
    """
    if _is_ascii(texts):
        return pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    runs = texts.str.replace_all(f"[^{CJK}]+", STOP).str.replace_all("(?s)(.)", "$1 ")
    frame = pl.DataFrame({"runs": runs, "has": texts.str.contains(f"[{CJK}]")})
    return frame.select(pl.when("has").then("runs")).to_series()


def word(text: str) -> str:
    """A word of a query as `words_of` makes it of a message."""
    return str(words_of(pl.Series([text]))[0] or "").strip()


def is_cut(text: str) -> bool:
    """Whether a word is too long to be indexed whole."""
    return len(text) > MOST_WORD_CHARACTERS


def _is_ascii(texts: pl.Series) -> bool:
    return bool((texts.str.len_bytes() == texts.str.len_chars()).all())


@functools.cache
def _folds() -> tuple[list[str], list[str]]:
    """Characters whose lower case differs although they are the same in any case (long s, final sigma …), and what they
    become. Unicode's simple case folding, as the regexes of queries have it.
    """
    table = {"i\u0307": "\ue001"}  # the lower case of a dotted capital I, which no other letter equals
    first: dict[str, str] = {}
    for code in range(0x80, sys.maxunicode + 1):
        lower = chr(code).lower()
        folded = lower.casefold()
        # What folds to several letters stays one letter, the same for all that fold so.
        same = folded if len(folded) == 1 else first.setdefault(folded, lower)
        if len(lower) == len(same) == 1 and lower != same:
            table[lower] = same
    return list(table), list(table.values())
