"""The plan of a simulation: a seed's shop, its load, and what happens when; everything else follows from it."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ingest.errors import SettingError
from ingest.simulate.benign import BENIGN
from ingest.simulate.draw import choose, generator
from ingest.simulate.faults import FAULTS
from ingest.simulate.flow import Flow
from ingest.simulate.load import MINUTE_NS, Load
from ingest.simulate.occurrence import Kind, Occurrence
from ingest.simulate.shop import Shop

HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
BACKGROUND_SHARE = 0.16
"""Share of all lines that no request causes: probes, statistics, caches (a guess)."""
ALL = "all"
"""Stands for every kind where kinds are named."""
_DRAWN_KINDS = 2
"""How many kinds a seed adds to the staples (a guess): a fault about every sixteen hours."""
_QUIET_MINUTES = 25
"""Least time between two faults, and between a fault and either end of the span."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What `make_plan` made. Occurrences are by start, then id; faults do not overlap each other."""

    seed: int
    start_ns: int
    end_ns: int
    shop: Shop
    load: Load
    background_per_minute: float
    """Lines of each service."""
    faults: tuple[Occurrence, ...]
    live_faults: bool
    """After `end_ns`, when lived on, there is one more fault a day: of the kinds before it, or a staple."""

    def occurrences(self, start_ns: int, end_ns: int) -> list[Occurrence]:
        """Faults and benign events that touch the span, by (start, id). Days are planned one by one, without end."""
        days = range((start_ns - HOUR_NS) // DAY_NS, (end_ns - 1) // DAY_NS + 1)
        faults = [*self.faults]
        for day in range(days.start - 1, days.stop + 1):
            faults.extend(self._live_fault_of_day(day))
        benign = [one for day in days for one in self._benign_of_day(day) if not _meets(one, faults)]
        touching = [o for o in (*faults, *benign) if o.start_ns < end_ns and o.end_ns > start_ns]
        return sorted(touching, key=lambda o: (o.start_ns, o.id))

    def _benign_of_day(self, day: int) -> Iterator[Occurrence]:
        for kind in BENIGN.values():
            rng = generator(self.seed, "benign", kind.name, day)
            for turn in range(int(rng.poisson(kind.per_day))):
                start_ns = day * DAY_NS + _usual_time_ns(self.seed, kind, rng)
                name = f"{kind.name}-{day}-{turn}"
                yield _occurrence(self.shop, name, kind, rng, start_ns, variant=None, service=None)

    def _live_fault_of_day(self, day: int) -> Iterator[Occurrence]:
        rng = generator(self.seed, "live", day)
        kind = FAULTS[choose(rng, self._live_kinds())]
        start_ns = day * DAY_NS + int(rng.integers(DAY_NS - HOUR_NS))
        if self.live_faults and start_ns > self.end_ns + HOUR_NS:
            habit = generator(self.seed, "habit", kind.name)
            variant, service = choose(habit, kind.variants), _usual_target(self.shop, kind)
            yield _occurrence(self.shop, f"{kind.name}-{day}", kind, rng, start_ns, variant=variant, service=service)

    def _live_kinds(self) -> list[str]:
        staples = {kind.name for kind in FAULTS.values() if kind.staple}
        return sorted(staples | {fault.kind for fault in self.faults})


def make_plan(
    *,
    seed: int,
    start_ns: int,
    end_ns: int,
    lines: int | None = None,
    faults: Sequence[str] | None = None,
    services: int = 12,
    live_faults: bool = False,
    chinese: bool | None = None,
) -> Plan:
    """Plan a shop from `start_ns` to `end_ns`, with about `lines` lines in that span (None: 70 a minute).

    `faults` names kinds, each once for each time it is named, `kind` or `kind:variant`. None asks for the default
    schedule: over two weeks the staples and some kinds that the seed draws, each three times, at least twice at the
    same service in the same variant; ALL among the names stands for such a schedule of all kinds. `chinese`: whether
    some services, or all, write Chinese; None leaves it to the seed.
    Raises SettingError for an unknown kind, an empty span, or more faults than the span has room for.
    """
    if end_ns - start_ns < MINUTE_NS:
        raise SettingError(f"cannot simulate from {start_ns} to {end_ns}: at least a minute is needed")
    shop = Shop(seed, services=services, chinese=chinese)
    minutes = (end_ns - start_ns) / MINUTE_NS
    per_minute = 70.0 if lines is None else lines / minutes
    mean = per_minute * (1 - BACKGROUND_SHARE) / _lines_per_request(shop)
    span = np.arange(start_ns // MINUTE_NS, max(end_ns // MINUTE_NS, start_ns // MINUTE_NS + 1))
    mean *= mean / float(Load(seed, mean).requests(span).mean())  # a night alone has as many lines as were asked for
    load = Load(seed, mean)
    wanted = _wanted(seed, minutes / 1440, faults)
    return Plan(
        seed=seed,
        start_ns=start_ns,
        end_ns=end_ns,
        shop=shop,
        load=load,
        background_per_minute=per_minute * BACKGROUND_SHARE / len(shop.services),
        faults=_schedule(shop, load, wanted, start_ns, end_ns),
        live_faults=live_faults,
    )


def _meets(event: Occurrence, faults: Sequence[Occurrence]) -> bool:
    """Whether a benign event is so near to a fault that nobody could tell what it did by itself."""
    gap_ns = 10 * MINUTE_NS
    return any(event.start_ns < one.end_ns + gap_ns and event.end_ns + gap_ns > one.start_ns for one in faults)


def _named(name: str) -> tuple[Kind, str | None]:
    kind_name, _, variant = name.partition(":")
    kind = FAULTS.get(kind_name)
    if kind is None:
        raise SettingError(f"no fault kind is called {kind_name!r}: there are {', '.join(sorted(FAULTS))}, and {ALL}")
    if variant and variant not in kind.variants:
        raise SettingError(f"{kind_name} has no variant {variant!r}: there are {', '.join(kind.variants)}")
    return kind, variant or None


def _wanted(seed: int, days: float, faults: Sequence[str] | None) -> list[tuple[Kind, str | None]]:
    if faults is None:
        return _rounds(seed, days, _default_kinds(seed, days))
    wanted = []
    for name in faults:
        wanted += _rounds(seed, days, list(FAULTS.values())) if name == ALL else [_named(name)]
    return wanted


def _default_kinds(seed: int, days: float) -> list[Kind]:
    """The staples; where there is more than one round, some others too, each of which then comes back."""
    others = sorted(kind.name for kind in FAULTS.values() if not kind.staple)
    drawn = generator(seed, "drawn kinds").permutation(others)[: _DRAWN_KINDS if _round_count(days) > 1 else 0]
    return [kind for kind in FAULTS.values() if kind.staple or kind.name in drawn]


def _round_count(days: float) -> int:
    return max(1, round(days * 3 / 14))


def _rounds(seed: int, days: float, kinds: Sequence[Kind]) -> list[tuple[Kind, str | None]]:
    """Each kind's variants in turn, and as many rounds as two weeks have room for; the first variant leads."""
    rounds: list[tuple[Kind, str | None]] = []
    for turn in range(_round_count(days)):
        order = [kinds[i] for i in generator(seed, "round", turn).permutation(len(kinds))]
        if "avalanche" in FAULTS:  # in the middle of a round: over two weeks the last one is one to three days old
            order.remove(FAULTS["avalanche"])
            order.insert(len(order) // 2, FAULTS["avalanche"])
        rounds += [(kind, kind.variants[0] if turn % 3 != 1 else kind.variants[-1]) for kind in order]
    return rounds if days >= 1 else rounds[: max(1, int(days * 24 / 2))]


def _schedule(
    shop: Shop, load: Load, wanted: Sequence[tuple[Kind, str | None]], start_ns: int, end_ns: int
) -> tuple[Occurrence, ...]:
    """One fault to each equal part of the span, at a time of its own in it. A kind keeps to the same service.

    Of four times drawn the one with most traffic is taken: faults come when there is work.
    """
    occurrences = []
    part_ns = (end_ns - start_ns) // max(1, len(wanted))
    for turn, (kind, named) in enumerate(wanted):
        rng = generator(shop.seed, "schedule", turn)
        variant = named or kind.variants[0]
        service = _usual_target(shop, kind)
        made = _occurrence(shop, f"{kind.name}-{turn + 1}", kind, rng, 0, variant=variant, service=service)
        room_ns = part_ns - made.end_ns - _QUIET_MINUTES * MINUTE_NS
        if room_ns < 0:
            raise SettingError(
                f"{len(wanted)} faults do not fit into {(end_ns - start_ns) / HOUR_NS:.1f} hours:"
                f" {kind.name} has {part_ns / MINUTE_NS:.0f} minutes, it needs"
                f" {made.end_ns / MINUTE_NS + _QUIET_MINUTES:.0f}"
            )
        first_ns = start_ns + turn * part_ns + _QUIET_MINUTES * MINUTE_NS // 2
        drawn = np.sort(first_ns + (rng.random(4) * room_ns).astype(np.int64))
        begin_ns = int(drawn[np.argmax(load.requests(drawn // MINUTE_NS))])
        moved = dataclasses.replace(made, start_ns=begin_ns, end_ns=begin_ns + made.end_ns)
        occurrences.append(moved)
    return tuple(occurrences)


def _usual_target(shop: Shop, kind: Kind) -> int:
    """The service at which a kind strikes again and again; of its possible ones, one that the fewest kinds before it
    have taken.
    """
    taken: Counter[int] = Counter()
    for earlier in (*FAULTS.values(), kind):
        possible = list(earlier.targets(shop))
        fewest = min(taken[service] for service in possible)
        free = [service for service in possible if taken[service] == fewest]
        target = choose(generator(shop.seed, "habit", earlier.name), free)
        if earlier.name == kind.name:
            break
        taken[target] += 1
    return target


def _occurrence(
    shop: Shop,
    name: str,
    kind: Kind,
    rng: np.random.Generator,
    start_ns: int,
    *,
    variant: str | None,
    service: int | None,
) -> Occurrence:
    minutes = float(rng.uniform(*kind.minutes))
    return Occurrence(
        id=name,
        kind=kind.name,
        variant=variant or choose(rng, kind.variants),
        benign=kind.benign,
        service=service if service is not None else choose(rng, kind.targets(shop)),
        start_ns=start_ns,
        end_ns=start_ns + int(minutes * MINUTE_NS),
        seed=int(rng.integers(2**62)),
    )


def _usual_time_ns(seed: int, kind: Kind, rng: np.random.Generator) -> int:
    """Time of day: nightly jobs come at their hour, the rest at any working hour."""
    if kind.nightly:
        hour = float(generator(seed, "nightly", kind.name).uniform(0, 5)) + float(rng.uniform(0, 0.2))
    else:
        hour = float(rng.uniform(5, 22.5))
    return int(hour * HOUR_NS)


def _lines_per_request(shop: Shop) -> float:
    total = sum(flow.weight for flow in shop.flows)
    return sum(flow.weight / total * _lines_of(flow) for flow in shop.flows)


def _lines_of(flow: Flow) -> float:
    return sum(1.02 + span.says_received + span.says_stored + span.says_answered for span in flow.root.walk())
