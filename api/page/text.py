"""Log text made harmless for the page: escaped, ANSI colours as classes, control characters as visible marks.

Log text is hostile: what leaves here is markup that holds none of it but as text. Nothing here is slower than linear.
"""

import dataclasses
import re
import unicodedata

from markupsafe import Markup, escape

from api.page.json_text import indented

MOST_STYLED = 400
"""Runs of colours in one text; what follows is shown plain. A guess: more is a picture, or an attack."""
MOST_MARKS = 400
"""Marks of control characters in one text; further ones are shown as one replacement character each run. A guess."""
ROW_CHARACTERS = 20_000
"""Of one message in a list, the folded part included; all of it is on the line's own screen (a guess)."""
SHOWN_CHARACTERS = 600
SHOWN_LINES = 4
"""What is shown of a message before it is folded (guesses: a screen holds twenty such lines)."""

_ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;]{0,64})m|\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b\][^\x07\x1b]{0,2048}(?:\x07|\x1b\\)|\x1b[ -/]?[0-~]"
)
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_INVISIBLE_RUN = re.compile(rf"({_INVISIBLE.pattern})\1*")
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}

NOTHING = Markup("")


@dataclasses.dataclass(frozen=True)
class Folded:
    """A message as it is shown: its beginning, and the rest behind a fold."""

    shown: Markup
    rest: Markup
    """Empty where all is shown."""
    what: str
    """What the fold says that it holds."""
    left_out: str = ""
    """How much is not even in the fold; empty where all is."""
    indented: Markup = NOTHING
    """The same with a value a line, where it is a JSON object."""
    fields: str = ""
    """What the fold of that says that it holds."""


def plain(text: str) -> str:
    """The text without ANSI escapes and with control characters as visible marks, on as many lines as it has."""
    return _INVISIBLE.sub(lambda found: _mark_text(found[0]), _ESCAPE.sub("", text))


def one_line(text: str, limit: int = 200) -> str:
    """The same on one line, cut."""
    joined = " ".join(plain(text[: limit * 8]).split())
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def marked_up(text: str) -> Markup:
    """The text as markup: escaped, colours as `<span class="ansi-…">`, control characters as marks."""
    parts: list[Markup] = []
    classes: tuple[str, ...] = ()
    at = 0
    for number, found in enumerate(_ESCAPE.finditer(text)):
        if number >= MOST_STYLED:
            break
        parts.append(_run(text[at : found.start()], classes))
        at = found.end()
        if found["sgr"] is not None:
            classes = _styled(classes, found["sgr"])
    parts.append(_run(_ESCAPE.sub("", text[at:]), classes))
    return Markup("").join(parts)


def folded(text: str, most: int = ROW_CHARACTERS) -> Folded:
    """The message with what is long folded: a stack trace after its first lines, a long line after its beginning. What
    comes after `most` characters is left out. A JSON object of no more has itself indented behind a second fold.
    """
    found = indented(text) if len(text) <= most else None
    if found is None:
        return _folded(text, most)
    return dataclasses.replace(_folded(text, most), indented=marked_up(found[0]), fields=f"JSON, {found[1]} lines")


def _folded(text: str, most: int) -> Folded:
    text = text.rstrip("\n")
    if len(text) > most:
        begun = _folded(text[: _cut_at(text, most)], most)
        return dataclasses.replace(begun, left_out=_more(len(text) - most, "characters"))
    lines = text.split("\n")
    if len(lines) > SHOWN_LINES and sum(map(len, lines[: SHOWN_LINES - 1])) <= SHOWN_CHARACTERS:
        head, rest = "\n".join(lines[: SHOWN_LINES - 1]), "\n".join(lines[SHOWN_LINES - 1 :])
        return Folded(marked_up(head), marked_up(rest), _more(len(lines) - SHOWN_LINES + 1, "lines"))
    if len(text) <= SHOWN_CHARACTERS * 1.25:
        return Folded(marked_up(text), Markup(""), "")
    cut = _cut_at(text, SHOWN_CHARACTERS)
    return Folded(marked_up(text[:cut]), marked_up(text[cut:]), _more(len(text) - cut, "characters"))


def _more(number: int, what: str) -> str:
    return f"{number:,} more {what}".replace(",", "\u202f")


def _cut_at(text: str, limit: int) -> int:
    """A place near the limit that is not inside an escape sequence."""
    begun = text.rfind("\x1b", max(0, limit - 80), limit)
    return begun if begun > 0 else limit


def _run(text: str, classes: tuple[str, ...]) -> Markup:
    if not text:
        return Markup("")
    body = Markup("").join(_pieces(text))
    return Markup('<span class="{}">{}</span>').format(" ".join(classes), body) if classes else body


def _pieces(text: str) -> list[Markup]:
    pieces: list[Markup] = []
    at = 0
    for number, found in enumerate(_INVISIBLE_RUN.finditer(text)):
        if number >= MOST_MARKS:
            break
        pieces.append(escape(text[at : found.start()]))
        times = f" ×{len(found[0])}" if len(found[0]) > 1 else ""
        mark = Markup('<i class="mark" title="{}">{}</i>')
        pieces.append(mark.format(_name(found[1]) + times, _mark_text(found[1]) + times))
        at = found.end()
    pieces.append(escape(_INVISIBLE_RUN.sub("\ufffd", text[at:])))
    return pieces


def _mark_text(character: str) -> str:
    return _PICTURES.get(ord(character), f"[U+{ord(character):04X}]")


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'control character').lower()}"


def _styled(classes: tuple[str, ...], codes: str) -> tuple[str, ...]:
    """The classes after an SGR sequence: sixteen colours of the text, bold, dim, italic, underline."""
    kept = dict.fromkeys(classes)
    numbers = [int(each or 0) for each in codes.split(";")]
    if numbers[0] in {38, 48}:  # 256 and true colours: there is no class for each of them
        return classes
    for code in numbers:
        if code == 0:
            kept = {}
        elif code in {1, 2, 3, 4}:
            kept["ansi-" + ("bold", "dim", "italic", "underline")[code - 1]] = None
        elif 30 <= code <= 37 or 90 <= code <= 97:
            kept = {each: None for each in kept if each in _SHAPES} | {f"ansi-{_COLOURS[code % 10]}": None}
        elif code == 39:
            kept = {each: None for each in kept if each in _SHAPES}
    return tuple(kept)


_SHAPES = frozenset({"ansi-bold", "ansi-dim", "ansi-italic", "ansi-underline"})
