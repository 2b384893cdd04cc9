"""The services of a shop: which roles they play and how each of them logs."""

import dataclasses
from typing import Literal

import numpy as np

from ingest.simulate.draw import choose
from ingest.simulate.layout import LAYOUTS, RUNTIMES, Layout, Runtime
from ingest.simulate.topology import NAME_STYLES, ROLES, STORES, Role


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


def make_services(rng: np.random.Generator, brand: str, count: int) -> tuple[Service, ...]:
    """`count` services in the order of their roles; the gateway is the first."""
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
