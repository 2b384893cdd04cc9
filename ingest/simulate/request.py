"""From requests to events: many requests at once walk through the calls of their flow, each at its own times."""

import dataclasses

import numpy as np
import numpy.typing as npt

from ingest.simulate.conditions import Conditions, Flags, Seconds
from ingest.simulate.flow import Call, Flow, Span
from ingest.simulate.shop import Shop

Rows = npt.NDArray[np.int64]

EVERYDAY_FAILURES = 0.0012
"""Share of the work of any service that fails on an ordinary day (a guess)."""
EVERYDAY_ODDITIES = 0.02
"""Share of a service's answers that carry a business warning (a guess)."""
SPREAD = 0.35
"""Sigma of the log-normal service times (a guess)."""


@dataclasses.dataclass(frozen=True)
class Emitted:
    """One message at one place of a flow, for the requests that came there. `ms` is the time it reports."""

    template: int
    rows: Rows
    times_s: Seconds
    ms: npt.NDArray[np.int64]
    n: npt.NDArray[np.int64]


class Walk:
    """Walks requests through flows; `emitted` collects what the services write on the way."""

    def __init__(self, shop: Shop, conditions: Conditions, rng: np.random.Generator) -> None:
        self._shop = shop
        self._conditions = conditions
        self._rng = rng
        self.emitted: list[Emitted] = []

    def flow(self, flow: Flow, rows: Rows, t: Seconds) -> None:
        """Requests `rows` enter the shop at the times `t`."""
        self._span(flow.root, rows, t)

    def _span(self, span: Span, rows: Rows, begin: Seconds) -> tuple[Seconds, Flags]:
        """When each request is answered, and whether well."""
        entry = self._shop.services[span.service].role == "gateway"
        t = begin + self._moment_s(begin)
        if span.says_received:
            self._emit(span, "received", rows, t, begin)
        if entry:
            self._emit(span, span.action, rows, t, begin)
        t = t + self._work_s(span, t, 1.0)
        ok = self._unharmed(span, rows, t, begin)
        for share, key in self._conditions.told(span.service, t):
            telling = ok & (self._rng.random(len(rows)) < share)
            self._emit(span, key, rows[telling], t[telling], begin[telling])
            t = t + self._moment_s(t)
        if span.says_stored:
            self._emit(span, "stored", rows[ok], t[ok], begin[ok])
            t = t + self._moment_s(t)
        for call in span.calls:
            made = ok & ~self._conditions.skips(span.service, call.span.service, t)
            t[made], ok[made] = self._call(span, call, rows[made], t[made])
        if span.calls:
            t[ok] += self._work_s(span, t[ok], 0.4, delayed=False)
        if not entry:
            written = ok & ~self._conditions.is_muted(span.service, span.action, t)
            self._emit(span, span.action, rows[written], t[written], begin[written])
        t = t + self._moment_s(t)
        odd = ok & (self._rng.random(len(rows)) < EVERYDAY_ODDITIES)
        self._complain(span, f"{span.action.split('.')[0]}.odd", rows[odd], t[odd], begin[odd])
        t = t + self._moment_s(t)
        if span.says_answered:
            self._emit(span, "answered", rows[ok], t[ok], begin[ok])
        if span.calls:
            self._complain(span, "failed", rows[~ok], t[~ok], begin[~ok])
        return t, ok

    def _call(self, caller: Span, call: Call, rows: Rows, t: Seconds) -> tuple[Seconds, Flags]:
        """As `_span`, seen from the caller: with its time limit, its retries and what it does without an answer."""
        end, good = t.copy(), np.zeros(len(rows), dtype=np.bool_)
        allowed = call.retries + self._conditions.extra_retries(caller.service, t)
        attempt = 1
        trying = np.arange(len(rows))
        while len(trying):
            end[trying], good[trying] = self._attempt(caller, call, rows[trying], end[trying])
            failed = trying[~good[trying]]
            trying = failed[allowed[failed] >= attempt]
            done = failed[(allowed[failed] < attempt) & (allowed[failed] > 0)]
            self._complain(caller, "gave_up", rows[done], end[done], t[done], peer=call, n=attempt)
            attempt += 1
            end[trying] += self._rng.exponential(0.05 * attempt, len(trying)) + 0.02
            self._complain(caller, "retry", rows[trying], end[trying], t[trying], peer=call, n=attempt)
        if call.optional:
            without = ~good
            self._complain(caller, "fallback", rows[without], end[without], t[without], peer=call)
            good[:] = True
        return end, good

    def _attempt(self, caller: Span, call: Call, rows: Rows, t: Seconds) -> tuple[Seconds, Flags]:
        refused = self._conditions.is_down(call.span.service, t)
        end, good = t + 0.003, np.zeros(len(rows), dtype=np.bool_)
        self._complain(caller, "refused", rows[refused], end[refused], t[refused], peer=call)
        sent = self._arrives(caller, call, rows, t, end, ~refused)
        network = self._rng.exponential(0.0006, len(rows)) + 0.0003
        arrival = t + network + self._conditions.way_s(call.span.service, t)
        end[sent], good[sent] = self._span(call.span, rows[sent], arrival[sent])
        end[sent] += network[sent]
        late = sent & (end - t > call.timeout_s)
        end[late] = t[late] + call.timeout_s
        wrong = sent & ~good & ~late
        good &= ~late
        self._complain(caller, "timeout", rows[late], end[late], t[late], peer=call, timeout_s=call.timeout_s)
        self._complain(caller, "downstream", rows[wrong], end[wrong], t[wrong], peer=call)
        return end, good

    def _arrives(self, caller: Span, call: Call, rows: Rows, t: Seconds, end: Seconds, sent: Flags) -> Flags:
        """Which of the calls sent find their way; about the others the caller complains."""
        for share, key in self._conditions.lost(call.span.service, t):
            lost = sent & (self._rng.random(len(rows)) < share)
            self._complain(caller, key, rows[lost], end[lost], t[lost], peer=call)
            sent = sent & ~lost
        return sent

    def _unharmed(self, span: Span, rows: Rows, t: Seconds, begin: Seconds) -> Flags:
        """Which of the requests the service can work on; about the others it complains."""
        reasons = [(np.full(len(rows), EVERYDAY_FAILURES), "exception")]
        reasons += self._conditions.failing(span.service, span.action, t)
        ok = np.ones(len(rows), dtype=np.bool_)
        for share, key in reasons:
            hit = ok & (self._rng.random(len(rows)) < share)
            self._complain(span, key, rows[hit], t[hit], begin[hit])
            ok &= ~hit
        return ok

    def _work_s(self, span: Span, t: Seconds, part: float, *, delayed: bool = True) -> Seconds:
        median_s = self._shop.services[span.service].work_ms / 1000 * part
        work: Seconds = self._rng.lognormal(np.log(median_s), SPREAD, len(t))
        return work + self._conditions.delay_s(span.service, t) if delayed else work

    def _moment_s(self, t: Seconds) -> Seconds:
        """What lies between two lines written one after the other: 20 microseconds or more."""
        moment: Seconds = self._rng.exponential(0.0002, len(t)) + 0.00002
        return moment

    def _complain(
        self,
        span: Span,
        key: str,
        rows: Rows,
        t: Seconds,
        begin: Seconds,
        *,
        peer: Call | None = None,
        n: int = -1,
        timeout_s: float = 1.0,
    ) -> None:
        """Emit what a service that is quiet keeps to itself."""
        if not len(rows):
            return
        heard = ~self._conditions.is_quiet(span.service, t)
        number = peer.span.service if peer else None
        self._emit(span, key, rows[heard], t[heard], begin[heard], peer=number, n=n, timeout_s=timeout_s)

    def _emit(
        self,
        span: Span,
        key: str,
        rows: Rows,
        t: Seconds,
        begin: Seconds,
        *,
        peer: int | None = None,
        n: int = -1,
        timeout_s: float = 1.0,
    ) -> None:
        if not len(rows):
            return
        template = self._shop.template(span.service, key, span=span, peer=peer, timeout_s=timeout_s)
        ms = np.rint((t - begin) * 1000).astype(np.int64)
        self.emitted.append(Emitted(template, rows, t.copy(), ms, np.full(len(rows), n, dtype=np.int64)))
