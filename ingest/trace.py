"""Traces: the one file that knows OpenTelemetry, the lowest layer, so that every step may open a span.

Off (no endpoint) a span costs one comparison and the library is not even imported. Spans carry counts and names of our
own; log text, questions and tokens never go into one.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import structlog

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as SdkSpan
    from opentelemetry.trace import SpanContext, Tracer

_log = structlog.get_logger()
TRACEPARENT = "traceparent"
"""Name of the header and of the field of a chunk's record: https://www.w3.org/TR/trace-context/."""
_EXPORT_TIMEOUT_S = 5
"""How long a collector of traces that does not answer is waited for. A guess; spans are then lost, never lines."""
Value = bool | int | float | str
Kind = Literal["internal", "server", "client", "producer", "consumer"]


class Span(Protocol):
    """What a step may say of itself."""

    def set(self, **attributes: Value) -> None:
        """Counts and names of our own; `__` in a name stands for a dot."""

    def rename(self, name: str) -> None:
        """Where the name is known only at the end."""


class _NoSpan:
    """What steps get while traces are off."""

    def set(self, **attributes: Value) -> None:
        """Nothing."""

    def rename(self, name: str) -> None:
        """Nothing."""


class _RealSpan:
    """One that is exported."""

    def __init__(self, span: "SdkSpan") -> None:
        self._span = span

    def set(self, **attributes: Value) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)


class _Tracing:
    """OpenTelemetry as this process uses it. Its provider is ours alone: no library's own spans come into it."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._api = trace
        self._context = context
        self._propagator = TraceContextTextMapPropagator()
        self._tracer: Tracer = provider.get_tracer("dejalog")

    def parent(self) -> str:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(TRACEPARENT, "")

    def is_inside(self) -> bool:
        return self._api.get_current_span().get_span_context().is_valid

    def _of(self, parent: str) -> "Context":
        return self._propagator.extract({TRACEPARENT: parent}, context=self._context.Context())

    def _named(self, parent: str) -> "SpanContext":
        return self._api.get_current_span(self._of(parent)).get_span_context()

    @contextlib.contextmanager
    def span(self, name: str, kind: Kind, parents: Sequence[str], attributes: Mapping[str, Value]) -> Iterator[Span]:
        """The first parent's child becomes the current span and links to the other parents, each of which gets a child
        of its own that lasts as long.
        """
        of_kind = self._api.SpanKind[kind.upper()]
        others = [
            self._tracer.start_span(name, self._of(parent), kind=of_kind, attributes=dict(attributes))
            for parent in parents[1:]
        ]
        links = [self._api.Link(self._named(parent)) for parent in parents[1:]]
        context = self._of(parents[0]) if parents else None
        opened = self._tracer.start_span(name, context, kind=of_kind, attributes=dict(attributes), links=links)
        try:
            # What the library would tell of an exception is its message, in which log text may stand.
            with self._api.use_span(opened, record_exception=False, set_status_on_exception=False):
                yield _RealSpan(opened)
        except BaseException as error:
            for each in (opened, *others):
                each.set_status(self._api.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            for each in (opened, *others):
                each.end()


NO_SPAN: contextlib.AbstractContextManager[Span] = contextlib.nullcontext(_NoSpan())
"""What a step that is not traced is in."""
_current: _Tracing | None = None


def begin(
    name: str, *, kind: Kind = "internal", parents: Sequence[str] = (), **attributes: Value
) -> contextlib.AbstractContextManager[Span]:
    """A step that may begin a trace: a child of the current span, or of what `parents` (traceparents that travelled)
    name. With several parents the step is in the trace of each; what happens inside is in the first one's.
    """
    if _current is None:
        return NO_SPAN
    return _current.span(name, kind, [parent for parent in parents if parent], attributes)


def span(name: str, *, kind: Kind = "internal", **attributes: Value) -> contextlib.AbstractContextManager[Span]:
    """A step inside another; outside of any trace it is none."""
    if _current is None or not _current.is_inside():
        return NO_SPAN
    return _current.span(name, kind, (), attributes)


def traceparent() -> str:
    """The current span as it travels to another process; empty when there is none."""
    return "" if _current is None else _current.parent()


def is_on() -> bool:
    """Whether spans are exported."""
    return _current is not None


@contextlib.contextmanager
def exporting(endpoint: str, *, service: str) -> Iterator[None]:
    """Export the spans of this process by OTLP over HTTP while the block runs; without an `endpoint` do nothing.

    `service` is the name of the process in traces; OTEL_SERVICE_NAME goes before it, and the SDK reads its other
    variables (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS). Without the extra nothing is exported and the log says
    so: clusters set the variable for every process, and lines matter more than traces.
    """
    global _current  # noqa: PLW0603 one tracer a process, as there is one log
    provider = _provider(endpoint, service) if _is_address(endpoint) else None
    if provider is None:
        yield
        return
    before, _current = _current, _Tracing(provider)
    try:
        yield
    finally:
        _current = before
        provider.shutdown()


def _is_address(endpoint: str) -> bool:
    """Whether spans can be sent there by HTTP; if something else is set the log says so."""
    if endpoint and not endpoint.startswith(("http://", "https://")):
        _log.warning("traces.not_exported", reason="OTEL_EXPORTER_OTLP_ENDPOINT is not http://… or https://…")
        return False
    return bool(endpoint)


def _provider(endpoint: str, service: str) -> "TracerProvider | None":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        _log.warning("traces.not_exported", reason=str(missing), install="dejalog[traces]")
        return None
    resource = Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=_EXPORT_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
