"""The shop that a seed builds: its services, who calls whom, and the exact words in which each service logs."""

import dataclasses
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from ingest.errors import SettingError
from ingest.simulate.draw import choose, generator
from ingest.simulate.layout import LAYOUTS, RUNTIMES, Layout, Runtime, whole_line
from ingest.simulate.stack import stack_trace
from ingest.simulate.topology import BRANDS, FLOWS, NAME_STYLES, NAMESPACES, ROLES, STORES, FlowSpec, Role, Visit

SERVICE_COUNTS = range(10, len(ROLES) + 1)
"""How many services a shop may have."""


@dataclasses.dataclass(frozen=True)
class Service:
    """One service of the shop. `number` is its place in `Shop.services`."""

    number: int
    role: str
    name: str
    runtime: Runtime
    layout: Layout
    container_format: Literal["docker", "cri"]
    errors_to_stderr: bool
    store: str
    table: str
    replicas: int
    work_ms: float
    """Median time of one step of its own work."""


@dataclasses.dataclass(frozen=True)
class Template:
    """A message of one service as compiled into its program: what stays between two lines that it wrote."""

    number: int
    service: int
    key: str
    level: str
    text: str
    """The whole line as the program writes it, with the varying fields in braces."""
    in_request: bool


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


def _paths(span: Span, service: int) -> Iterator[list[Span]]:
    """From each span of the service up to this one."""
    if span.service == service:
        yield [span]
    for call in span.calls:
        for path in _paths(call.span, service):
            yield [*path, span]


@cache
def phrases() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Message -> (level, phrasings), from phrases.toml."""
    levels = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8"))
    return {key: (level, tuple(texts)) for level, messages in levels.items() for key, texts in messages.items()}


class Shop:
    """Everything about the shop that does not change with time. Templates are made when first asked for."""

    def __init__(self, seed: int, *, services: int = 12) -> None:
        if services not in SERVICE_COUNTS:
            raise SettingError(
                f"cannot build a shop of {services} services: between {SERVICE_COUNTS[0]} and {SERVICE_COUNTS[-1]}"
                " are possible"
            )
        self.seed = seed
        rng = generator(seed, "shop")
        self.brand = choose(rng, BRANDS)
        self.namespace = choose(rng, NAMESPACES)
        self.zone_s = 3600 * choose(rng, (0, 0, 0, 8))
        """Offset of the clocks in messages that name no zone. The container's own time stamps are UTC."""
        self.services = _services(rng, self.brand, services)
        self._by_role = {service.role: service for service in self.services}
        self.flows = tuple(_flow(rng, spec, self._by_role) for spec in FLOWS if _has(spec.root, self._by_role))
        self.templates: list[Template] = []
        self._known: dict[tuple[int, str, str, str, bool], int] = {}

    def callers(self, service: int) -> dict[int, Call]:
        """Who calls the service, and how; the least patient call of each caller."""
        found: dict[int, Call] = {}
        for flow in self.flows:
            for span in flow.root.walk():
                for call in span.calls:
                    known = found.get(span.service)
                    if call.span.service == service and (known is None or call.timeout_s < known.timeout_s):
                        found[span.service] = call
        return found

    def longest_chain(self, leaf: int) -> tuple[int, ...]:
        """From `leaf` up to the gateway along the chain with most services, then with most traffic."""
        best: tuple[int, ...] = ()
        rank = (0, 0.0)
        for flow in self.flows:
            for chain in flow.chains():
                if chain[0] == leaf and (len(chain), flow.weight) > rank:
                    best, rank = chain, (len(chain), flow.weight)
        return best

    def upwards(self, service: int) -> list[tuple[int, int]]:
        """All whom the failures of a service reach, nearest first and the gateway last: (reached, the one it called).

        Who can go on without an answer is reached, and nobody beyond.
        """
        nearest: dict[int, tuple[int, int]] = {}
        for flow in self.flows:
            for path in _paths(flow.root, service):
                for distance, (above, below) in enumerate(zip(path[1:], path[:-1], strict=True), start=1):
                    nearest[above.service] = min(
                        (distance, below.service), nearest.get(above.service, (distance, below.service))
                    )
                    if any(call.span is below and call.optional for call in above.calls):
                        break
        order = sorted(nearest, key=lambda n: (self.services[n].role == "gateway", nearest[n][0], n))
        return [(number, nearest[number][1]) for number in order]

    def share(self, service: int) -> float:
        """The share of requests that visit the service."""
        total = sum(flow.weight for flow in self.flows)
        visiting = sum(f.weight for f in self.flows if any(s.service == service for s in f.root.walk()))
        return visiting / total

    def busy_actions(self, service: int) -> list[str]:
        """What the service does most often, and whatever else it does at least half as often; by name."""
        weights: dict[str, float] = {}
        for flow in self.flows:
            for span in flow.root.walk():
                if span.service == service:
                    weights[span.action] = weights.get(span.action, 0.0) + flow.weight
        most = max(weights.values(), default=0.0)
        return sorted(action for action, weight in weights.items() if weight >= most / 2)

    def template(
        self, service: int, key: str, *, span: Span | None = None, peer: int | None = None, timeout_s: float = 0.0
    ) -> int:
        """The number of this message of this service, as it is written in this span and about this peer."""
        place = f"{span.method} {span.path}" if span else ""
        about = f"{peer} {timeout_s}"
        known = self._known.get((service, key, place, about, span is not None))
        if known is not None:
            return known
        number = len(self.templates)
        self.templates.append(self._make_template(number, self.services[service], key, span, peer, timeout_s))
        self._known[service, key, place, about, span is not None] = number
        return number

    def _make_template(
        self, number: int, service: Service, key: str, span: Span | None, peer: int | None, timeout_s: float
    ) -> Template:
        level, wordings = phrases()[key]
        # Colleagues share a logging library: what every service says is worded once for each runtime.
        text = choose(generator(self.seed, "phrase", key, "" if "." in key else service.runtime), wordings)
        fixed = {
            "peer": "" if peer is None else self.services[peer].name,
            "store": service.store,
            "table": service.table,
            "service": service.name,
            "timeout": str(round(timeout_s * 1000)),
            "method": span.method if span else "",
            "path": span.path if span else "",
        }
        for field, value in fixed.items():
            text = text.replace("{" + field + "}", value)
        for field, out_of_memory in (("trace_lines", False), ("defect_lines", False), ("memory_lines", True)):
            if "{" + field + "}" in text:
                rng = generator(self.seed, field, service.number)
                trace = stack_trace(
                    service.runtime, rng, f"com.{self.brand}.{service.role}", out_of_memory=out_of_memory
                )
                text = text.replace("{" + field + "}", trace)
        logger = self._logger(service, key)
        line = whole_line(service.layout, message=text, level=level, logger=logger, in_request=span is not None)
        return Template(number, service.number, key, level, line, span is not None)

    def _logger(self, service: Service, key: str) -> str:
        """The part of the program that says this."""
        rng = generator(self.seed, "logger", service.number, key)
        part = choose(rng, _PARTS[service.runtime])
        if service.runtime == "java":
            return f"com.{self.brand}.{service.role}.{service.role.title()}{part}"
        if service.runtime == "python":
            return f"{service.role}.{part}"
        return f"{service.role}/{part}.go:{rng.integers(20, 300)}"


_PARTS: dict[Runtime, tuple[str, ...]] = {
    "java": ("Controller", "Service", "Client", "Repository", "Scheduler"),
    "python": ("views", "tasks", "client", "storage", "signals"),
    "go": ("handler", "server", "client", "store", "worker"),
}


def _services(rng: np.random.Generator, brand: str, count: int) -> tuple[Service, ...]:
    optional = [role for role in ROLES if role.optional]
    dropped = {optional[i].name for i in rng.permutation(len(optional))[: len(ROLES) - count]}
    style = choose(rng, NAME_STYLES)
    # Every runtime and both container formats occur, whatever the seed: dealt like cards, not thrown like dice.
    runtimes = [RUNTIMES[i % len(RUNTIMES)] for i in rng.permutation(count)]
    docker = rng.permutation(count) % 2 == 0
    roles = [role for role in ROLES if role.name not in dropped]
    layouts = {runtime: [x for x in LAYOUTS if x.runtime == runtime] for runtime in RUNTIMES}
    turn = {runtime: int(rng.integers(3)) for runtime in RUNTIMES}
    services = []
    for number, (role, runtime) in enumerate(zip(roles, runtimes, strict=True)):
        turn[runtime] += 1
        layout = layouts[runtime][turn[runtime] % len(layouts[runtime])]
        services.append(_service(rng, number, role, style, brand, layout, docker=bool(docker[number])))
    return tuple(services)


def _service(
    rng: np.random.Generator, number: int, role: Role, style: str, brand: str, layout: Layout, *, docker: bool
) -> Service:
    return Service(
        number=number,
        role=role.name,
        name=style.format(name=choose(rng, role.synonyms), brand=brand),
        runtime=layout.runtime,
        layout=layout,
        container_format="docker" if docker else "cri",
        errors_to_stderr=bool(rng.random() < 0.5),
        store=choose(rng, STORES),
        table=choose(rng, role.tables),
        replicas=2 if role.name == "gateway" or rng.random() < 0.15 else 1,
        work_ms=float(rng.uniform(3, 18)),
    )


def _has(visit: Visit, by_role: dict[str, Service]) -> bool:
    return visit.action.split(".")[0] in by_role


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
