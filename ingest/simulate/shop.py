"""The shop that a seed builds: its services, who calls whom, and the exact words in which each service logs."""

import dataclasses
import tomllib
from functools import cache
from pathlib import Path

from ingest.errors import SettingError
from ingest.simulate.draw import choose, generator
from ingest.simulate.flow import Call, Span, make_flows, paths_up
from ingest.simulate.language import languages, writes_chinese
from ingest.simulate.layout import Runtime, whole_line
from ingest.simulate.service import Service, make_services
from ingest.simulate.stack import stack_trace
from ingest.simulate.topology import BRANDS, NAMESPACES, PROVIDERS, ROLES

SERVICE_COUNTS = range(10, len(ROLES) + 1)
"""How many services a shop may have."""


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


@cache
def phrases(file_name: str = "phrases.toml") -> dict[str, tuple[str, tuple[str, ...]]]:
    """Message -> (level, phrasings), from a file beside this one."""
    levels = tomllib.loads(Path(__file__).with_name(file_name).read_text(encoding="utf-8"))
    return {key: (level, tuple(texts)) for level, messages in levels.items() for key, texts in messages.items()}


CHINESE_PHRASES = "phrases_zh.toml"


class Shop:
    """Everything about the shop that does not change with time. Templates are made when first asked for."""

    def __init__(self, seed: int, *, services: int = 12, chinese: bool | None = None) -> None:
        if services not in SERVICE_COUNTS:
            raise SettingError(
                f"cannot build a shop of {services} services: between {SERVICE_COUNTS[0]} and {SERVICE_COUNTS[-1]}"
                " are possible"
            )
        self.seed = seed
        rng = generator(seed, "shop")
        self.brand = choose(rng, BRANDS)
        self.namespace = choose(rng, NAMESPACES)
        zone_h = choose(rng, (0, 0, 0, 8))
        self.languages = languages(seed, services, chinese=chinese)
        """By the number of the service."""
        self.is_chinese = self.languages.count("english") < services
        self.zone_s = 3600 * (8 if self.is_chinese else zone_h)
        """Offset of the clocks in messages that name no zone. The container's own time stamps are UTC."""
        self.services = make_services(rng, self.brand, services)
        self.flows = make_flows(rng, self.services)
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
            for path in paths_up(flow.root, service):
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
        level, text = self._wording(service, key)
        fixed = {
            "peer": "" if peer is None else self.services[peer].name,
            "store": service.store,
            "table": service.table,
            "service": service.name,
            "provider": choose(generator(self.seed, "provider", service.number), PROVIDERS),
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

    def _wording(self, service: Service, key: str) -> tuple[str, str]:
        """The message's level and this service's phrasing of it."""
        chinese = writes_chinese(self.seed, self.languages[service.number], service.runtime, key)
        level, wordings = phrases(CHINESE_PHRASES if chinese else "phrases.toml")[key]
        # Colleagues share a logging library: what every service says is worded once for each runtime.
        return level, choose(generator(self.seed, "phrase", key, "" if "." in key else service.runtime), wordings)

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
