"""Hour by hour from the plan to events: which template was written when, by which container, for which request."""

import dataclasses

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.simulate.benign import BENIGN, noise
from ingest.simulate.conditions import NS, Conditions, Restart
from ingest.simulate.draw import choose, generator
from ingest.simulate.everyday import everyday
from ingest.simulate.faults import FAULTS
from ingest.simulate.load import MINUTE_NS
from ingest.simulate.occurrence import stage_all
from ingest.simulate.plan import HOUR_NS, Plan
from ingest.simulate.request import Walk

SLICE_NS = 6 * HOUR_NS
"""Events are made for six hours at a time: long enough for columns, short enough to wait for (measured)."""
_REACH_NS = HOUR_NS
"""An occurrence this near to a slice can still touch it."""
_RUNTIME_LAG_NS = 15_000
"""The container runtime's lag varies by this (a guess): less than the time between two lines of one request, so that
they stand in the file in the order in which they were written."""

_STARTS_AHEAD_NS = 60 * NS
"""A slice knows the restarts of this much time after it: a container writes before it takes over."""

_BACKGROUND = (("heartbeat", 0.42), ("pool_stats", 0.22), ("metrics", 0.2), ("collected", 0.1), ("refresh", 0.06))
"""What services say without being asked, and its share."""
_DUMPS_PER_HOUR = 0.5
"""Lines longer than a container runtime writes in one piece, over all services (a guess)."""


@dataclasses.dataclass(frozen=True)
class Slice:
    """Events of the requests and timers that began in `[start_ns, end_ns)`, some of them later; and the restarts."""

    events: pl.DataFrame
    """Columns of EVENT_SCHEMA in no particular order."""
    restarts: list[Restart]


EVENT_SCHEMA = pl.Schema(
    {
        "time_ns": pl.Int64,  # by the program's clock
        "stamp_ns": pl.Int64,  # by the container runtime's, a little later
        "template": pl.Int32,
        "service": pl.Int32,
        "replica": pl.Int32,
        "back": pl.Int32,  # 1: written by the container before the one in charge, -1: by the next one
        "ms": pl.Int64,
        "n": pl.Int64,
        "salt": pl.Int64,  # 0 to 2**32: what varies in the line alone
        "user": pl.Int64,
        "item": pl.Int64,  # feeds all that belongs to the request: order, product, amount
        "trace": pl.String,
    }
)


def make_slice(plan: Plan, number: int) -> Slice:
    """The slice that begins at `number * SLICE_NS`; a pure function of its arguments."""
    start_ns = number * SLICE_NS
    end_ns = start_ns + SLICE_NS
    conditions = _conditions(plan, start_ns, end_ns)
    rng = generator(plan.seed, "slice", number)
    parts = [_requests(plan, conditions, rng, start_ns), _background(plan, rng, start_ns), _dumps(plan, rng, start_ns)]
    parts += _said(plan, conditions, rng, start_ns, end_ns)
    events = pl.concat(parts).filter(pl.col("time_ns") >= plan.start_ns)
    for from_ns, to_ns, change in conditions.transforms:
        inside = pl.col("time_ns").is_between(from_ns, to_ns, closed="left")
        events = pl.concat([events.filter(~inside), change(events.filter(inside)).select(EVENT_SCHEMA.names())])
    for service, replica, from_ns, to_ns in conditions.stopped:
        written_there = pl.col("service") == service
        if replica is not None:
            written_there &= pl.col("replica") == replica
        written_there &= pl.col("time_ns").is_between(from_ns, to_ns, closed="left") & (pl.col("back") >= 0)
        events = events.filter(~written_there)
    return Slice(events, _restarts(plan, conditions, start_ns))


def restarts_before(plan: Plan, number: int) -> list[Restart]:
    """All restarts from the plan's start to the slice `number`, in the order of their times, without any events."""
    restarts = []
    for earlier in range(plan.start_ns // SLICE_NS, number):
        start_ns = earlier * SLICE_NS
        restarts += _restarts(plan, _conditions(plan, start_ns, start_ns + SLICE_NS), start_ns)
    return restarts


def _restarts(plan: Plan, conditions: Conditions, start_ns: int) -> list[Restart]:
    first_ns = plan.start_ns if start_ns <= plan.start_ns else start_ns + _STARTS_AHEAD_NS
    last_ns = start_ns + SLICE_NS + _STARTS_AHEAD_NS
    here = [r for r in conditions.restarts if first_ns <= r.at_ns < last_ns]
    return sorted(here, key=lambda r: (r.at_ns, r.service, r.replica))


def _conditions(plan: Plan, start_ns: int, end_ns: int) -> Conditions:
    conditions = Conditions(plan.shop, start_ns)
    near = plan.occurrences(start_ns - _REACH_NS, end_ns + _REACH_NS)
    stage_all(plan.shop, near, conditions, FAULTS | BENIGN)
    for hour_ns in range(start_ns, end_ns, HOUR_NS):
        noise(plan.shop, conditions, plan.seed, hour_ns, hour_ns + HOUR_NS)
        everyday(plan.shop, conditions, plan.seed, hour_ns, hour_ns + HOUR_NS)
    return conditions


def _requests(plan: Plan, conditions: Conditions, rng: np.random.Generator, start_ns: int) -> pl.DataFrame:
    minutes = np.arange(SLICE_NS // MINUTE_NS)
    begin_s = minutes.astype(np.float64) * 60
    expected = plan.load.requests(minutes + start_ns // MINUTE_NS) * conditions.load_factor(begin_s)
    counts = rng.poisson(expected)
    begin = np.repeat(begin_s, counts) + rng.random(int(counts.sum())) * 60
    weights = np.array([flow.weight for flow in plan.shop.flows])
    kinds = rng.choice(len(weights), size=len(begin), p=weights / weights.sum())
    walk = Walk(plan.shop, conditions, rng)
    for kind, flow in enumerate(plan.shop.flows):
        rows = np.flatnonzero(kinds == kind)
        walk.flow(flow, rows, begin[rows])
    if not walk.emitted:
        return EVENT_SCHEMA.to_frame()
    rows = np.concatenate([emitted.rows for emitted in walk.emitted])
    traces = _hex(rng, len(begin))
    return _frame(
        plan,
        rng,
        start_ns,
        template=np.repeat([e.template for e in walk.emitted], [len(e.rows) for e in walk.emitted]),
        times_s=np.concatenate([emitted.times_s for emitted in walk.emitted]),
        ms=np.concatenate([emitted.ms for emitted in walk.emitted]),
        n=np.concatenate([emitted.n for emitted in walk.emitted]),
        user=rng.integers(10_000, 90_000, len(begin))[rows],
        item=rng.integers(0, 2**40, len(begin))[rows],
        trace=traces.gather(rows),
    )


def _hex(rng: np.random.Generator, count: int) -> pl.Series:
    digits = rng.bytes(16 * count).hex()
    return pl.Series([digits[at : at + 32] for at in range(0, 32 * count, 32)], dtype=pl.String)


def _background(plan: Plan, rng: np.random.Generator, start_ns: int) -> pl.DataFrame:
    """Timers tick evenly, each from a phase of its own."""
    templates, times = [], []
    per_second = plan.background_per_minute / 60
    for service in plan.shop.services:
        for key, share in _BACKGROUND:
            count = rng.poisson(SLICE_NS / NS * per_second * share)
            period_s = SLICE_NS / NS / max(1, count)
            times.append((np.arange(count) + rng.random() + rng.normal(0, 0.02, count)) * period_s)
            templates.append(np.full(count, plan.shop.template(service.number, key)))
    return _without_request(plan, rng, start_ns, np.concatenate(templates), np.concatenate(times))


def _dumps(plan: Plan, rng: np.random.Generator, start_ns: int) -> pl.DataFrame:
    # One in each equal part of the slice, in turn in either format: whoever looks at some hours shall find them.
    count = round(_DUMPS_PER_HOUR * SLICE_NS / HOUR_NS)
    times = (np.arange(count) + rng.random(count)) / count * SLICE_NS / NS
    of_format = [[s.number for s in plan.shop.services if s.container_format == name] for name in ("docker", "cri")]
    templates = [plan.shop.template(choose(rng, of_format[turn % 2]), "dumped") for turn in range(count)]
    return _without_request(plan, rng, start_ns, np.array(templates, dtype=np.int64), times)


def _said(
    plan: Plan, conditions: Conditions, rng: np.random.Generator, start_ns: int, end_ns: int
) -> list[pl.DataFrame]:
    frames = []
    length_s = (end_ns - start_ns) / NS
    for said in conditions.said:
        here = (said.times_s >= 0) & (said.times_s < length_s)
        if here.any():
            templates = np.full(int(here.sum()), said.template)
            frame = _without_request(plan, rng, start_ns, templates, said.times_s[here], n=said.n[here])
            replica = pl.lit(said.replica, pl.Int32).alias("replica")
            frames.append(frame.with_columns(replica, pl.lit(said.back, pl.Int32).alias("back")))
    return frames


def _without_request(
    plan: Plan,
    rng: np.random.Generator,
    start_ns: int,
    template: npt.NDArray[np.int64],
    times_s: npt.NDArray[np.float64],
    *,
    n: npt.NDArray[np.int64] | None = None,
) -> pl.DataFrame:
    count = len(times_s)
    return _frame(
        plan,
        rng,
        start_ns,
        template=template,
        times_s=times_s,
        ms=rng.integers(200, 4_000, count),
        n=np.full(count, -1) if n is None else n,
        user=rng.integers(10_000, 90_000, count),
        item=rng.integers(0, 2**40, count),
        trace=pl.Series([""], dtype=pl.String).new_from_index(0, count),
    )


def _frame(
    plan: Plan,
    rng: np.random.Generator,
    start_ns: int,
    *,
    template: npt.NDArray[np.int64],
    times_s: npt.NDArray[np.float64],
    ms: npt.NDArray[np.int64],
    n: npt.NDArray[np.int64],
    user: npt.NDArray[np.int64],
    item: npt.NDArray[np.int64],
    trace: pl.Series,
) -> pl.DataFrame:
    of_template = np.array([t.service for t in plan.shop.templates], dtype=np.int32)
    replicas = np.array([service.replicas for service in plan.shop.services])
    salt = rng.integers(0, 2**32, len(times_s))
    service = of_template[template] if len(template) else np.zeros(0, dtype=np.int32)
    time_ns = start_ns + (times_s * NS).astype(np.int64)
    columns = {
        "time_ns": time_ns,
        "stamp_ns": time_ns + 20_000 + salt % _RUNTIME_LAG_NS,
        "template": template,
        "service": service,
        "replica": item % replicas[service],
        "back": np.zeros(len(service), dtype=np.int32),
        "ms": ms,
        "n": np.where(n < 0, 2 + salt // 7 % 60, n),
        "salt": salt,
        "user": user,
        "item": item,
        "trace": trace,
    }
    return pl.DataFrame(columns, schema=EVENT_SCHEMA, strict=False)
