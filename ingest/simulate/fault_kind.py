"""What a kind of fault is registered with, and the services at which it may strike."""

from collections.abc import Callable, Sequence

from ingest.simulate.occurrence import Kind, Stage, any_service
from ingest.simulate.shop import Shop

FAULTS: dict[str, Kind] = {}
"""Every kind by name; schedules go through it in this order."""


def fault(
    name: str,
    *,
    variants: Sequence[str] = ("plain",),
    silent: Sequence[str] = (),
    minutes: tuple[float, float] = (8, 18),
    targets: Callable[[Shop], Sequence[int]] = any_service,
    staple: bool = False,
    shows: Sequence[str] = (),
) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Register the decorated function as a kind of fault. `minutes`: how long it lasts, from and to.

    `staple`: every default schedule holds it; of the others a seed draws some. `shows`:
    other kinds that happen with it.
    """

    def register(stage: Callable[[Stage], None]) -> Callable[[Stage], None]:
        FAULTS[name] = Kind(
            name,
            stage,
            tuple(variants),
            frozenset(silent),
            minutes,
            targets,
            staple=staple,
            shows=frozenset(shows),
        )
        return stage

    return register


_BUSY = 0.25
"""Share of all requests from which a service counts as busy (a guess)."""


def busy_leaves(shop: Shop) -> list[int]:
    """Services whose failures reach two others or more, as the end of a chain of calls; the busiest of them."""
    leaves = [
        service
        for service in any_service(shop)
        if len(shop.longest_chain(service)) >= 3 and len(shop.upwards(service)) >= 2
    ]
    leaves.sort(key=lambda service: (-shop.share(service), service))
    busy = [service for service in leaves if shop.share(service) >= _BUSY]
    return busy or leaves[:1]


def busy_services(shop: Shop) -> list[int]:
    """The half of the services with most traffic, without the gateway."""
    ranked = sorted(any_service(shop), key=lambda service: (-shop.share(service), service))
    return ranked[: max(1, len(ranked) // 2)]


def patience_s(shop: Shop, service: int) -> float:
    """How long the most impatient caller of the service waits."""
    return min((call.timeout_s for call in shop.callers(service).values()), default=3.0)
