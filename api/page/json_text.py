"""Messages that are JSON, indented for people: every token stays as it was written, only the space between changes."""

import re

import orjson

MOST_LINES = 500
"""Of what is shown of one message; the rest is left out (a guess)."""
MOST_DEPTH = 40
"""Levels that are indented; deeper ones stand where the last one does (a guess: a screen has no room for more)."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def indented(text: str) -> tuple[str, int] | None:
    """A JSON object with each of its values on a line of its own, and how many lines that are; `None` where the text is
    not an object, is empty or cannot be read. It ends with `…` where it has more than `MOST_LINES`.
    """
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        if not orjson.loads(stripped):
            return None
    except orjson.JSONDecodeError:
        return None
    lines = _lines(stripped)
    return "\n".join(lines), len(lines)


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    depth, line, before = 0, "", ""
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece in "}]":
            depth -= 1
        begins = before in {"{", "[", ","} if piece not in "}]" else before not in {"{", "["}
        if before and begins:
            lines.append(line)
            line = "  " * min(depth, MOST_DEPTH)
            if len(lines) == MOST_LINES:
                return [*lines, "…"]
        line += piece + (" " if piece == ":" else "")
        depth += piece in "{["
        before = piece
    return [*lines, line]
