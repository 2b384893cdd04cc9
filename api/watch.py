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
from api.time_text import SECOND_NS, parse_duration_s
from index.generation import Generation
from index.incident import Incident
from index.incident_similar import similar
from ingest.errors import DejalogError
from workers.foreground import run_in_background

_log = structlog.get_logger()
NEWS_NS = 3 * 3600 * SECOND_NS
"""What happened longer ago is history, and told to nobody: that of a first mining above all (a guess)."""
KNOWN_NS = 3600 * SECOND_NS
"""Of a service that began to write less than this before, everything is new and nothing is news (a guess)."""
SAME_NS = 600 * SECOND_NS
"""The start of an incident may move by as much when it is mined again with more lines (a guess)."""
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
        self.failures: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Look whenever something may be new, until `stop`."""
        run_in_background()
        while not stop.wait(LOOK_S):
            try:
                self.look()
                self.look_at_views()
            except Exception as failure:  # noqa: BLE001 - a loop that outlives any failure; it is logged and counted
                self.failures[type(failure).__name__] += 1
                _log.exception("watch.failed")

    def look(self) -> None:
        """At the newest generation, unless it was looked at."""
        generation = self._dejalog.newest
        if generation is None or generation.id == self._seen:
            return
        self._look_at_incidents(generation)
        self._look_at_patterns(generation)
        self._seen = generation.id

    def look_at_views(self) -> None:
        """At views with a threshold, once for each of their spans that has ended: told where a span reaches the
        threshold and the one before did not.
        """
        for name, view in self._dejalog.knowledge.views().items():
            if view.get("threshold"):
                try:
                    self._look_at_view(name, view)
                except DejalogError as error:
                    self.failures[type(error).__name__] += 1
                    _log.warning("watch.view_failed", view=name, found=str(error))

    def _look_at_incidents(self, generation: Generation) -> None:
        since_ns = self._now_ns() - NEWS_NS
        for number, incident in enumerate(generation.incidents):
            if incident.end_ns < since_ns:
                continue
            past = [each for each in generation.incidents[:number] if each.end_ns < incident.start_ns]
            alike = [each for each in similar(incident, past, 3) if each.score >= self._settings.similarity]
            if alike and self._is_new_incident(incident):
                self._dejalog.notifier.send(incident_notice(_key_of(incident), incident, alike, generation.notes))

    def _is_new_incident(self, incident: Incident) -> bool:
        """Whether nobody told of it, nor of what it was when it was mined before: one of the same service that began
        some minutes earlier or later. Keys are taken in the order of time and up to the first that is taken, so that of
        two processes one tells.
        """
        part = incident.start_ns // SAME_NS
        service = incident.services[0] if incident.services else ""
        keys = (f"incident:{service}:{each}" for each in (part - 1, part, part + 1))
        return all(self._dejalog.knowledge.tell_once(key, time_ns=self._now_ns()) for key in keys)

    def _look_at_patterns(self, generation: Generation) -> None:
        now_ns = self._now_ns()
        new = [
            row
            for row in _new_errors(self._dejalog, generation, now_ns)
            if self._dejalog.knowledge.tell_once(f"pattern:{row['pattern_id']}", time_ns=now_ns)
        ]
        if new:
            self._dejalog.notifier.send(patterns_notice(f"pattern:{new[0]['pattern_id']}", new))

    def _look_at_view(self, name: str, view: Mapping[str, Any]) -> None:
        every_ns = int(parse_duration_s(view.get("every") or DEFAULT_EVERY, name="every") * SECOND_NS)
        end_ns = self._now_ns() // every_ns * every_ns
        key = f"view:{name}:{view['threshold']}:{every_ns}:{end_ns}"
        before, count, is_exact = _counts(self._dejalog, view, end_ns, every_ns)
        is_over = count >= view["threshold"] > before
        if is_over and self._dejalog.knowledge.tell_once(key, time_ns=self._now_ns()):
            span = {"start_ns": end_ns - every_ns, "end_ns": end_ns}
            self._dejalog.notifier.send(view_notice(key, name, view, count=count, is_exact=is_exact, **span))


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


def _key_of(incident: Incident) -> str:
    return f"incident:{incident.incident_id}"


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
