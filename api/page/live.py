"""The live list's stream: lines as rows that the server rendered, in events that say how many there were."""

import dataclasses

import orjson
import polars as pl

from api.line_json import lines_json
from api.page.address import Address
from api.page.lines import row
from api.page.render import environment
from api.parts import Dejalog
from api.tail import new_lines
from index.line_store import LineFilter

KEPT_ROWS = 2000
"""The newest lines that a live list keeps, and the most that are rendered of one read (a guess: an hour of one line
every two seconds; 2,000 rows are rendered in 0.35 s, measured).
"""
EVENT_ROWS = 100
READ_LINES = 10_000
MOST_READS = 20
"""Reads before something is sent, so that who comes back to 200,000 new lines is not silent for long (a guess)."""


@dataclasses.dataclass(frozen=True)
class LiveRows:
    """Takes what is new for one live list; see `api.tail.Take`."""

    dejalog: Dejalog
    where: LineFilter
    address: Address

    def __call__(self, after: int) -> tuple[int, list[bytes]]:
        """The newest `KEPT_ROWS` of what came; of those before only the number is told: no list would keep them."""
        reached, lines, count = self._read(after)
        skipped = count - lines.height
        events = []
        for first in range(0, lines.height, EVENT_ROWS):
            events.append(self._event(lines.slice(first, EVENT_ROWS), skipped))
            skipped = 0
        return reached, events

    def _read(self, after: int) -> tuple[int, pl.DataFrame, int]:
        reached, lines = new_lines(self.dejalog, self.where, after, limit=READ_LINES)
        newest, found, count = lines.tail(KEPT_ROWS), lines.height, lines.height
        for _ in range(MOST_READS):
            if found < READ_LINES:
                break
            reached, lines = new_lines(self.dejalog, self.where, reached, limit=READ_LINES)
            found = lines.height
            count += found
            newest = pl.concat([newest, lines]).tail(KEPT_ROWS)
        return reached, newest, count

    def _event(self, lines: pl.DataFrame, skipped: int) -> bytes:
        rows = [row(each, self.address) for each in lines_json(lines, self.dejalog.generation().patterns)]
        html = environment().get_template("lines/live_rows.html").render(rows=rows, address=self.address)
        data = orjson.dumps({"count": len(rows), "skipped": skipped, "html": html.encode("utf-8", "replace").decode()})
        return b"id: %d\nevent: rows\ndata: %s\n\n" % (lines["sequence"][-1], data)
