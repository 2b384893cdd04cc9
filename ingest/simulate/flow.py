"""The flows of a shop: which services a request visits, in what order, and how long each waits for the next."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from ingest.simulate.draw import choose
from ingest.simulate.service import Service
from ingest.simulate.topology import FLOWS, FlowSpec, Visit


@dataclasses.dataclass(frozen=True)
class Call:
    """A call from one service to another. The caller waits `timeout_s` and tries again `retries` times."""

    span: "Span"
    timeout_s: float
    retries: int
    optional: bool


@dataclasses.dataclass(frozen=True)
class Span:
    """What one service does for one flow: an action, with calls to others in the middle."""

    service: int
    action: str
    method: str
    path: str
    calls: tuple[Call, ...]
    says_received: bool
    says_stored: bool
    says_answered: bool

    def walk(self) -> Iterator["Span"]:
        """The span itself and all below it, parents first."""
        yield self
        for call in self.calls:
            yield from call.span.walk()


@dataclasses.dataclass(frozen=True)
class Flow:
    """A kind of request and its share of the traffic."""

    name: str
    weight: float
    root: Span

    def chains(self) -> Iterator[tuple[int, ...]]:
        """The services from each leaf up to the first one called."""
        yield from _chains(self.root, ())


def _chains(span: Span, above: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    upwards = (span.service, *above)
    if not span.calls:
        yield upwards
    for call in span.calls:
        yield from _chains(call.span, upwards)


def paths_up(span: Span, service: int) -> Iterator[list[Span]]:
    """From each span of the service up to `span`."""
    if span.service == service:
        yield [span]
    for call in span.calls:
        for path in paths_up(call.span, service):
            yield [*path, span]


def _has(visit: Visit, by_role: dict[str, Service]) -> bool:
    return visit.action.split(".")[0] in by_role


def make_flows(rng: np.random.Generator, services: Sequence[Service]) -> tuple[Flow, ...]:
    """All kinds of requests, without the calls of services that the shop does not have."""
    by_role = {service.role: service for service in services}
    return tuple(_flow(rng, spec, by_role) for spec in FLOWS)


def _flow(rng: np.random.Generator, spec: FlowSpec, by_role: dict[str, Service]) -> Flow:
    root = _span(rng, spec.root, by_role, spec.method, choose(rng, spec.paths))
    return Flow(spec.name, spec.weight * float(rng.uniform(0.67, 1.33)), root)


def _span(rng: np.random.Generator, visit: Visit, by_role: dict[str, Service], method: str, path: str) -> Span:
    calls = []
    for below in visit.calls:
        if rng.random() < below.chance and _has(below, by_role):
            span = _span(rng, below, by_role, "POST" if method != "GET" else "GET", _inner_path(below.action))
            retries = int(choose(rng, (0, 1, 1, 2)))
            calls.append(Call(span, _timeout_s(rng, span), 0 if method == "DELETE" else retries, below.optional))
    if visit.shuffle:
        calls = [calls[i] for i in rng.permutation(len(calls))]
    role = visit.action.split(".")[0]
    return Span(
        by_role[role].number,
        visit.action,
        method,
        path,
        tuple(calls),
        says_received=role != "gateway" and bool(rng.random() < 0.3),
        says_stored=not calls and bool(rng.random() < 0.6),
        says_answered=role == "gateway" or bool(rng.random() < 0.25),
    )


def _inner_path(action: str) -> str:
    role, verb = action.split(".")
    return f"/internal/{role}/{verb}"


def _timeout_s(rng: np.random.Generator, span: Span) -> float:
    # A caller waits longer than those below it may take with one retry, as careful teams configure it (a guess).
    below = max((call.timeout_s for call in span.calls), default=0.0)
    return round(below * 1.5 + float(choose(rng, (1.0, 1.5, 2.0))), 1)
