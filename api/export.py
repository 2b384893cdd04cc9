"""All lines that match, one page of the store after the other, as NDJSON or CSV: as of one moment, in little memory."""

import csv
import io
from collections.abc import Callable, Generator, Iterator
from typing import Any, Literal

import orjson
import polars as pl
import structlog

from api.content_lines import lines_window
from api.line_json import lines_json
from api.models import ExportRequest
from api.parts import Dejalog
from api.read_window import deadline_s, line_filter
from index.line_store import LineFilter
from ingest.errors import DejalogError, RefusedError

LOG = structlog.get_logger()
PAGE_LINES = 10_000
"""Lines read at once: the store's most. Memory is bound by a page, whatever the length of the export."""
COLUMNS = ("id", "time", "service", "level", "message", "pattern_id", "source", "attributes")
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""What makes a spreadsheet run a cell as a formula (OWASP, CSV injection); and the mark itself, so that taking one off
each marked cell gives the exact text again.
"""
Format = Literal["ndjson", "csv"]


def export(dejalog: Dejalog, asked: ExportRequest) -> Generator[bytes]:
    """The parts of the export, the first one read already. Raises InputError and QuerySyntaxError before it returns;
    afterwards a fault breaks the iteration, which NDJSON tells in a last line.
    """
    window = lines_window(dejalog, asked)
    where = line_filter(asked, window, dejalog.generation())
    pages = _pages(dejalog, where, asked)
    first = next(pages, None)
    return _written(first, pages, asked.format)


def _pages(dejalog: Dejalog, where: LineFilter, asked: ExportRequest) -> Iterator[list[dict[str, Any]]]:
    """Lines that were stored before the first page was read, so that what arrives meanwhile shifts nothing."""
    newest = dejalog.store.high_sequence()
    left, cursor = asked.limit, None
    while left is None or left > 0:
        page = dejalog.store.search(
            where,
            limit=PAGE_LINES if left is None else min(PAGE_LINES, left),
            cursor=cursor,
            order=asked.order,
            deadline_s=deadline_s(asked, dejalog),
            with_total=False,
        )
        if page.partial:
            raise RefusedError("the export's next lines could not be read whole, or not in time", retry_after_s=5.0)
        lines = page.lines.filter(pl.col("sequence") <= newest)
        yield lines_json(lines, dejalog.generation().patterns)
        left, cursor = None if left is None else left - lines.height, page.cursor
        if cursor is None:
            return


def _written(
    first: list[dict[str, Any]] | None, pages: Iterator[list[dict[str, Any]]], form: Format
) -> Generator[bytes]:
    write = _WRITERS[form]
    if form == "csv":
        yield _rows([COLUMNS])
    try:
        if first:
            yield write(first)
        for page in pages:
            yield write(page)
    except DejalogError as error:
        LOG.warning("export_broke", error=str(error))
        if form == "ndjson":
            yield orjson.dumps({"error": {"code": "incomplete", "message": str(error)}}) + b"\n"
        raise


def _ndjson(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def _csv(lines: list[dict[str, Any]]) -> bytes:
    return _rows([[_cell(line[name]) for name in COLUMNS] for line in lines])


def _rows(rows: list[Any]) -> bytes:
    """As RFC 4180: CRLF at the end of rows, quotes doubled."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(FORMULA_BEGINS) else text


_WRITERS: dict[Format, Callable[[list[dict[str, Any]]], bytes]] = {"ndjson": _ndjson, "csv": _csv}
