"""What commands print: tables for people, JSON for programs; log text can never drive the terminal."""

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import east_asian_width

from api.cli_options import Output
from api.finding import Finding

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters, and those that reorder or hide text; not tab and newline."""
_LEVEL_STYLES = {"fatal": "1;31", "error": "31", "warn": "33", "info": "", "debug": "2", "trace": "2"}


def plain(text: object) -> str:
    r"""The text with what a terminal would obey or hide written as `\xHH` or `\uHHHH`; newlines and tabs stay."""
    return _UNSEEN.sub(_escaped, str(text))


def one_line(text: object) -> str:
    r"""As `plain`, on one line."""
    return plain(text).replace("\n", "\\n").replace("\t", " ")


def print_json(content: object) -> None:
    """One JSON document."""
    _write(_json(content, indent=2))


def print_ndjson(items: Iterable[object]) -> None:
    """One JSON document a line."""
    for item in items:
        _write(_json(item, indent=None))


def print_items(content: dict[str, Any], key: str, output: Output, columns: Sequence[str]) -> None:
    """A reply that is a list: its table of `columns`, the whole reply, or its items one a line."""
    if output is Output.JSON:
        print_json(content)
    elif output is Output.NDJSON:
        print_ndjson(content[key])
    else:
        print_table([[_cell(item.get(column)) for column in columns] for item in content[key]], columns)


def print_table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Columns as wide as they need to be, the last one without an end."""
    if not rows:
        return
    head = [column.replace("_", " ") for column in columns]
    widths = [max(_width(row[index]) for row in [head, *rows]) for index in range(len(columns))]
    for number, row in enumerate([head, *rows]):
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        _write(styled("  ".join(cells).rstrip(), "1" if number == 0 else ""))


def print_findings(findings: Sequence[Finding], output: Output) -> None:
    """What a doctor found: a row each with what to do below it, or `{"checks": […]}`."""
    if output is Output.TABLE:
        for each in findings:
            say(f"{each.state:<5} {each.name:<15} {each.found}")
            if each.advice:
                say(f"      {'':<15} → {each.advice}")
    else:
        rows = [dataclasses.asdict(each) for each in findings]
        print_json({"checks": rows}) if output is Output.JSON else print_ndjson(rows)


def print_line(line: dict[str, Any]) -> None:
    """One log line for people: time, level, service, message; the message's further lines are indented."""
    level = str(line["level"])
    shown_level = styled(f"{one_line(level) or '-':<5}", _LEVEL_STYLES.get(level, ""))
    message = plain(line["message"]).rstrip("\n").replace("\n", "\n    ")
    _write(f"{line['time']:<24} {shown_level} {styled(one_line(line['service']), '36')} {message}")


def say(text: str) -> None:
    """One line of output, made harmless."""
    _write(plain(text))


def complain(text: str) -> None:
    """One line on stderr, made harmless."""
    sys.stderr.write(f"dejalog: {one_line(text)}\n")


def styled(text: str, style: str) -> str:
    """The text in an ANSI style where the output is a terminal."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and sys.stdout.isatty() else text


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return one_line(", ".join(str(each) for each in value)) or "-"
    return one_line("-" if value is None or value == "" else value)


def _json(content: object, *, indent: int | None) -> str:
    text = json.dumps(content, ensure_ascii=False, indent=indent)
    return _UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], text) if sys.stdout.isatty() else text


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _width(text: str) -> int:
    """Columns of a terminal: characters of East Asian scripts take two."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
