"""Terms of the query language as the page's links write them: a field's value filtered in or out."""

import re

from index.query import phrase
from index.query_scan import NAMES_BUILT_IN

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MOST_VALUE = 500
"""Characters of a value in a link: names of services, which requests take up to 512, and pods are shorter."""
_FIELD = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@-]*")


def term(field: str, value: str) -> str:
    """`field:value`; empty where there is no way to write the field in the language, or the value in an address and the
    box of the query.
    """
    if not _FIELD.fullmatch(field) or _UNWRITABLE.search(value) or len(value) > MOST_VALUE:
        return ""
    if field in NAMES_BUILT_IN and not value:
        return "level:unknown" if field == "level" else f"-{field}:*"
    return f"{field}:{value if _PLAIN.fullmatch(value) else phrase(value)}"


def words_term(text: str) -> str:
    """Lines whose message holds this text: a word as it is, anything else as a phrase."""
    plain = text.strip()
    is_word = re.fullmatch(r"\w+", plain) and plain.lower() not in {"and", "or", "not"}
    return plain if is_word else phrase(plain)


def added(query: str, new: str) -> str:
    """Lines of the query that match the new term, too."""
    left = "" if query.strip() in {"", "*"} else query.strip()
    if not left or left == new:
        return new
    if _holds(left, new):
        return left
    return f"{_grouped(left)} {new}"


def without(query: str, old: str) -> str:
    """Lines of the query that do not match the term."""
    return added(query, old[1:] if old.startswith("-") else f"-{old}")


def _holds(query: str, new: str) -> bool:
    """Only told of plain conjunctions: in others the same words may mean something else."""
    is_plain = not re.search(r"[\"'()|/{\\]|\b(or|not)\b", query.replace(new, ""), re.IGNORECASE)
    return is_plain and f" {new} " in f" {query} "


def _grouped(query: str) -> str:
    """In parentheses where a term put beside it would only belong to its last part."""
    return f"({query})" if re.search(r"\bor\b|\|\|", query, re.IGNORECASE) else query
