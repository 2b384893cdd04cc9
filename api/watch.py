"""What is news: looks at each generation that is published, and at saved views with a threshold, and tells each thing
once, whoever of several processes sees it first.
"""

import contextlib
import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
import structlog

from api.models import Selection
from api.notice import incident_notice, patterns_notice, view_notice
from api.parts import Dejalog
from api.read_window import Window, deadline_s, line_filter
from api.tell import first_told, first_told_incident, send_told
from api.time_text import SECOND_NS, parse_duration_s
from index.generation import Generation
from index.incident_similar import similar
from ingest.errors import DejalogError, InputError
from workers.foreground import run_in_background

_log = structlog.get_logger()
NEWS_NS = 3 * 3600 * SECOND_NS
"""What happened longer ago is history, and told to nobody: that of a first mining above all (a guess)."""
KNOWN_NS = 3600 * SECOND_NS
"""Of a service that began to write less than this before, everything is new and nothing is news (a guess)."""
SETTLE_NS = 10 * SECOND_NS
"""So long after its end a span of a view is counted: lines come some seconds late (a guess)."""
SHORTEST_NS = 10 * SECOND_NS
"""The shortest span of a view (api/models.py)."""
KEPT_NS = 30 * 86400 * SECOND_NS
"""So long it is kept what was told. An alert that fires for longer is told again (a guess)."""
DEFAULT_EVERY = "5m"
LOOK_S = 1.0
_ERRORS = ("error", "fatal")


@dataclasses.dataclass(frozen=True)
class WatchSettings:
    """What is worth telling."""

    similarity: float = 0.5
    """An incident is told when a past one is at least this similar."""


class Watcher:
    """Looks at one Dejalog. `look` and `look_at_views` may be called at any time, by any number of processes."""

    def __init__(
        self, dejalog: Dejalog, settings: WatchSettings | None = None, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._dejalog = dejalog
        self._settings = settings or WatchSettings()
        self._now_ns = now_ns
        self._seen = ""
        self._views_ns = 0
        """When views were looked at, in steps of SHORTEST_NS."""
        self._counted: dict[str, tuple[Mapping[str, Any], int, int]] = {}
        """By view: what it was, the end of the last span, and the highest sequence there was when that was counted."""
        self._forgot_ns = 0
        self.failures: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Look whenever something may be new, until `stop`."""
        run_in_background()
        while not stop.wait(LOOK_S):
            try:
                if self._dejalog.notifier.has_room:
                    self.look()
                    self.look_at_views()
                self.forget()
            except Exception as failure:  # noqa: BLE001 - a loop that outlives any failure; it is logged and counted
                self.failures[type(failure).__name__] += 1
                _log.exception("watch.failed")

    def look(self) -> None:
        """At the newest generation, unless all that is new in it is told."""
        generation = self._dejalog.newest
        if generation is None or generation.id == self._seen:
            return
        if self._look_at_incidents(generation) and self._look_at_patterns(generation):
            self._seen = generation.id

    def look_at_views(self) -> None:
        """At views with a threshold, once for each of their spans that has ended: told where a span reaches the
        threshold and the one before did not. A span is counted when it has settled, and only if lines have come since
        the view was counted last.
        """
        settled_ns = self._now_ns() - SETTLE_NS
        if settled_ns // SHORTEST_NS == self._views_ns // SHORTEST_NS:
            return
        views = {name: view for name, view in self._dejalog.knowledge.views().items() if view.get("threshold")}
        self._counted = {name: known for name, known in self._counted.items() if name in views}
        all_told = [self._is_view_told(name, view, settled_ns) for name, view in views.items()]
        if all(all_told):
            self._views_ns = settled_ns

    def forget(self) -> None:
        """What was told long ago, once a day."""
        now_ns = self._now_ns()
        if now_ns - self._forgot_ns >= 86400 * SECOND_NS:
            self._dejalog.knowledge.forget_told(before_ns=now_ns - KEPT_NS)
            self._forgot_ns = now_ns

    def _look_at_incidents(self, generation: Generation) -> bool:
        since_ns = self._now_ns() - NEWS_NS
        for number, incident in enumerate(generation.incidents):
            if incident.end_ns < since_ns:
                continue
            past = [each for each in generation.incidents[:number] if each.end_ns < incident.start_ns]
            alike = [each for each in similar(incident, past, 3) if each.score >= self._settings.similarity]
            keys = first_told_incident(self._dejalog.knowledge, incident, now_ns=self._now_ns()) if alike else []
            name = f"incident:{incident.incident_id}"
            if keys and not send_told(self._dejalog, incident_notice(name, incident, alike, generation.notes), keys):
                return False
        return True

    def _look_at_patterns(self, generation: Generation) -> bool:
        now_ns = self._now_ns()
        rows = {f"pattern:{row['pattern_id']}": row for row in _new_errors(self._dejalog, generation, now_ns)}
        new = first_told(self._dejalog.knowledge, rows, now_ns=now_ns)
        return not new or send_told(self._dejalog, patterns_notice(new[0], [rows[key] for key in new]), new)

    def _is_view_told(self, name: str, view: Mapping[str, Any], settled_ns: int) -> bool:
        try:
            return self._look_at_view(name, view, settled_ns)
        except DejalogError as error:
            self.failures[type(error).__name__] += 1
            _log.warning("watch.view_failed", view=name, found=str(error))
            # What cannot be asked will not be asked better in a second; a store that is away may be back.
            return isinstance(error, InputError)

    def _look_at_view(self, name: str, view: Mapping[str, Any], settled_ns: int) -> bool:
        """Whether all is told that is to be told of it."""
        every_ns = int(parse_duration_s(view.get("every") or DEFAULT_EVERY, name="every") * SECOND_NS)
        end_ns = settled_ns // every_ns * every_ns
        known, last_end_ns, sequence = self._counted.get(name, ({}, 0, -1))
        if (known, last_end_ns) == (view, end_ns):
            return True
        high = self._dejalog.store.high_sequence()
        if (known, sequence) != (view, high) and not self._count_view(name, view, end_ns, every_ns):
            return False
        self._counted[name] = view, end_ns, high
        return True

    def _count_view(self, name: str, view: Mapping[str, Any], end_ns: int, every_ns: int) -> bool:
        before, count, is_exact = _counts(self._dejalog, view, end_ns, every_ns)
        if not count >= view["threshold"] > before:
            return True
        key = f"view:{name}:{view['threshold']}:{every_ns}:{end_ns}"
        keys = first_told(self._dejalog.knowledge, [key], now_ns=self._now_ns())
        span = {"start_ns": end_ns - every_ns, "end_ns": end_ns}
        notice = view_notice(key, name, view, count=count, is_exact=is_exact, **span)
        return not keys or send_told(self._dejalog, notice, keys)


@contextlib.contextmanager
def watching(dejalog: Dejalog, settings: WatchSettings) -> Iterator[None]:
    """A watcher in a thread until the block ends; none where there is nobody to tell."""
    if not dejalog.notifier.is_on:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=Watcher(dejalog, settings).run, args=(stop,), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _new_errors(dejalog: Dejalog, generation: Generation, now_ns: int) -> Sequence[Mapping[str, Any]]:
    """Patterns of errors, not muted, whose first line ever is news and whose service was known before; by time."""
    signatures = dejalog.store.signatures().select("signature", "first_ns")
    first = (
        generation.patterns.members.join(signatures, on="signature")
        .group_by("pattern_id")
        .agg(first_ns=pl.col("first_ns").min())
    )
    counts = generation.counts.drop("first_ns").join(first, on="pattern_id")
    known = generation.counts.group_by("service").agg(service_ns=pl.col("first_ns").min())
    found = (
        counts.filter(pl.col("level").is_in(_ERRORS) & (pl.col("first_ns") >= now_ns - NEWS_NS))
        .join(known, on="service")
        .filter(pl.col("first_ns") - pl.col("service_ns") >= KNOWN_NS)
        .join(generation.patterns.patterns.filter(pl.col("state") != "muted"), on="pattern_id")
        .sort("first_ns", "pattern_id", "service", "level")
        .group_by("pattern_id", maintain_order=True)
        .agg(pl.col("template", "service", "level", "first_ns").first(), pl.col("count").sum())
    )
    return found.to_dicts()


def _counts(dejalog: Dejalog, view: Mapping[str, Any], end_ns: int, every_ns: int) -> tuple[int, int, bool]:
    """Lines of a view in the span before the last that has ended and in that one, and whether that is exact."""
    chosen = {"query": view.get("query", "*"), "service": list(view.get("service", ()))}
    levels = [each or "unknown" for each in view.get("level", ())]
    asked = Selection.model_validate({**chosen, "level": levels})
    window = Window(end_ns - 2 * every_ns, end_ns, assumed=False)
    where = line_filter(asked, window, dejalog.generation())
    counted = dejalog.store.histogram(where, step_ns=every_ns, deadline_s=deadline_s(asked, dejalog))
    last = pl.col("bucket_ns") >= end_ns - every_ns
    before, count = (int(counted.rows.filter(span)["count"].sum()) for span in (~last, last))
    return before, count, not counted.partial
