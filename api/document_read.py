"""A post-mortem or a runbook in Markdown, read by rule: title, kind, what its sections say, what it quotes.

The text is anybody's: HTML is left out, nothing is fetched, no link is followed.
"""

import dataclasses
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from api.sentence import quote
from ingest.errors import InputError

DocumentKind = Literal["post-mortem", "runbook"]
Part = Literal["cause", "fix", "runbook", "text", "timeline"]
MOST_CHARACTERS = 256 * 1024
PART_CHARACTERS = 1_500
"""Of a section so much becomes a note (a guess: two paragraphs)."""
MOST_QUOTED = 500
_PARTS: tuple[tuple[Part, str], ...] = (
    ("timeline", r"time ?line|chronology|时间线|时间轴|时间表"),
    ("cause", r"causes?\b|why\b|根因|原因|诱因"),
    ("runbook", r"runbook|playbook|procedure|\bsteps\b|what to do|how to (?:fix|respond)|操作|步骤|手册|预案|应急"),
    ("fix", r"resolution|resolved|\bfix|mitigat|remediat|recover|解决|处理|处置|修复|恢复|缓解|止损"),
    ("text", r"summary|overview|what happened|description|symptom|摘要|概述|概要|经过|描述|简介|现象|背景"),
)
_RUNBOOK = re.compile(r"runbook|playbook|手册|预案|操作步骤", re.IGNORECASE)
_LABEL = re.compile(r"([^:：。.]{2,30})[:：]\s*(\S.*)", re.DOTALL)
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)\n\1[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z_][\w-]*)\s*:\s*(.*)")


@dataclasses.dataclass(frozen=True)
class _Block:
    """A paragraph, a heading (`level` from 1), a row or cell of a table, or a block of code."""

    level: int
    told: str
    quoted: tuple[str, ...] = ()
    is_cell: bool = False


@dataclasses.dataclass(frozen=True)
class Document:
    """What a document says."""

    source: str
    title: str
    kind: DocumentKind
    front: Mapping[str, Any]
    """What stands in front of it: texts and lists of texts, by name in lower case."""
    parts: Mapping[Part, str]
    quoted: tuple[str, ...]
    """What stands in code spans and code blocks, line by line."""
    lines: tuple[str, ...]
    """All text, a paragraph, heading or row of a table each."""


def read_document(source: str, content: str) -> Document:
    """Raises InputError for what is no text, too long, or has a front matter that cannot be read."""
    if "\x00" in content:
        raise InputError("content: it is no text: it holds NUL", hint="a Markdown file in UTF-8 is accepted")
    if len(content) > MOST_CHARACTERS:
        raise InputError(
            f"content: {len(content)} characters are too long", hint=f"up to {MOST_CHARACTERS} are accepted"
        )
    text = content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    front, body = _front(text)
    tokens = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").parse(body)
    blocks = list(_blocks(tokens))
    headings = [block.told for block in blocks if block.level and block.told]
    title = quote(str(front.get("title") or (headings or [source.rpartition("/")[2]])[0]), 200)
    if not any(block.told or block.quoted for block in blocks):
        raise InputError("content: nothing is said in it", hint="a Markdown file with text is accepted")
    kind: DocumentKind = "runbook" if _RUNBOOK.search(f"{front.get('kind', '')} {title}") else "post-mortem"
    return Document(
        source=source,
        title=title,
        kind=kind,
        front=front,
        parts=_parts(blocks, kind),
        quoted=tuple(dict.fromkeys(each for block in blocks for each in block.quoted))[:MOST_QUOTED],
        lines=tuple(block.told for block in blocks if block.told),
    )


def _front(text: str) -> tuple[Mapping[str, Any], str]:
    """The front matter: TOML between `+++`, or between `---` lines `name: value`, `name: [a, b]` and `- item`, which is
    as much of YAML as such files use.
    """
    found = _FRONT.match(text)
    if not found:
        return {}, text
    body = text[found.end() :]
    if found[1] == "---":
        return dict(_flat(found[2])), body
    try:
        return {name.lower(): _plain(value) for name, value in tomllib.loads(found[2]).items()}, body
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"content: its front matter is not TOML: {error}") from error


def _flat(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    name = ""
    for line in text.splitlines():
        field = _FIELD.fullmatch(line.rstrip())
        item = re.fullmatch(r"\s*-\s+(.*)", line)
        if field:
            name, value = field[1].lower(), field[2].strip()
            listed = re.fullmatch(r"\[(.*)\]", value)
            values[name] = [_bare(each) for each in listed[1].split(",") if each.strip()] if listed else _bare(value)
        elif item and name:
            before = values[name] if isinstance(values[name], list) else []
            values[name] = [*before, _bare(item[1])]
        elif line.strip() and not line.lstrip().startswith("#"):
            raise InputError(
                f"content: its front matter has a line that cannot be read: {quote(line, 80)}",
                hint="lines `name: value`, `name: [a, b]` and `- item` are accepted, or TOML between +++",
            )
    return values


def _bare(text: str) -> str:
    return text.strip().strip("\"'")


def _plain(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, list) else str(value)


def _blocks(tokens: list[Token]) -> Iterator[_Block]:
    """The cells of a table's row are one block."""
    level = 0
    cells: list[str] | None = None
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            level = int(token.tag[1:]) if token.type == "heading_open" else 0
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            yield _Block(0, quote(" | ".join(cells or ()), PART_CHARACTERS))
            cells = None
        elif token.type in {"fence", "code_block"}:
            yield _Block(0, "", tuple(filter(None, (quote(line, 500) for line in token.content.splitlines()))))
        elif token.type == "inline":
            told = quote(_told(token), PART_CHARACTERS * 4)
            spans = tuple(quote(each.content, 500) for each in token.children or () if each.type == "code_inline")
            if cells is not None:
                cells.append(told)
                yield _Block(0, "", spans, is_cell=True)
            else:
                yield _Block(level, told, spans)


def _told(token: Token) -> str:
    """The text of a block without marks, links and HTML."""
    kept = {"text", "code_inline"}
    return "".join(
        each.content if each.type in kept else " " if each.type in {"softbreak", "hardbreak"} else ""
        for each in token.children or ()
    )


def _parts(blocks: list[_Block], kind: DocumentKind) -> dict[Part, str]:
    """What its sections say, by what their headings name; a heading below another that names nothing is of its part. A
    paragraph may name its part itself: `Root cause: …`. Of a runbook all that nothing places is its steps.
    """
    default: Part = "runbook" if kind == "runbook" else "text"
    found: dict[Part, list[str]] = {}
    part, part_level = default, 1
    for block in blocks:
        if block.level:
            # The first heading is the title: it says what the document is about, not what a section holds.
            named = _part_of(block.told) if block.level > 1 else None
            if named or block.level <= part_level:
                part, part_level = named or default, block.level
        elif not block.is_cell:
            label = _LABEL.match(block.told)
            own = _part_of(label[1]) if label else None
            told = label[2] if label and own else block.told or " / ".join(block.quoted)
            found.setdefault(own or part, []).append(told)
    return {name: quote(" ".join(texts), PART_CHARACTERS) for name, texts in found.items()}


def _part_of(heading: str) -> Part | None:
    return next((part for part, words in _PARTS if re.search(words, heading, re.IGNORECASE)), None)
