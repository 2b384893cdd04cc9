"""Spans as a receiver of OTLP gets them, and that nothing is made or loaded while traces are off."""

import subprocess
import sys
from pathlib import Path

import pytest
import structlog.testing

from ingest import trace
from tests.real.trace_receiver import trace_receiver

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


def test_spans_nest_and_go_on_in_the_trace_that_travelled() -> None:
    with trace_receiver() as receiver:
        with (
            trace.exporting(receiver.url, service="part"),
            trace.begin("outer", parents=[PARENT], chunks=2),
            trace.span("inner") as span,
        ):
            span.set(lines=7)
            assert trace.traceparent().split("-")[1] == PARENT.split("-")[1]
        [inner, outer] = receiver.spans()
    assert {inner.trace, outer.trace} == {PARENT.split("-")[1]}
    assert (outer.parent, inner.parent) == (PARENT.split("-")[2], outer.id)
    assert (outer.service, outer.attributes, inner.attributes) == ("part", {"chunks": 2}, {"lines": 7})


def test_a_step_for_several_chunks_is_in_the_trace_of_each() -> None:
    with trace_receiver() as receiver:
        with trace.exporting(receiver.url, service="part"), trace.begin("store", parents=[PARENT, "", OTHER]):
            pass
        spans = receiver.spans("store")
    assert {span.trace for span in spans} == {text.split("-")[1] for text in (PARENT, OTHER)}
    first = next(span for span in spans if span.trace == PARENT.split("-")[1])
    assert first.links == {OTHER.split("-")[1]}


def test_of_an_error_only_its_kind_is_told() -> None:
    with trace_receiver() as receiver:
        with (
            trace.exporting(receiver.url, service="part"),
            pytest.raises(ValueError, match="a secret"),
            trace.begin("step", parents=["damaged"]),
        ):
            raise ValueError("a secret of the log")
        [span] = receiver.spans()
        assert span.status == "ValueError"
        assert b"a secret" not in receiver.bytes


def test_outside_of_a_trace_a_step_is_none() -> None:
    with trace_receiver() as receiver:
        with trace.exporting(receiver.url, service="part"), trace.span("poll"):
            assert trace.traceparent() == ""
        assert receiver.spans() == []


def test_while_traces_are_off_nothing_of_the_library_is_loaded() -> None:
    program = (
        "import sys\n"
        "from ingest import trace\n"
        "with trace.exporting('', service='x'), trace.begin('a') as outer, trace.span('b'):\n"
        "    outer.set(lines=1)\n"
        "assert trace.traceparent() == ''\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    assert found.stdout.strip() == "[]"


def test_without_the_extra_nothing_is_exported_and_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with structlog.testing.capture_logs() as logs, trace.exporting("http://127.0.0.1:1", service="x"):
        assert not trace.is_on()
    assert [(each["event"], each["install"]) for each in logs] == [("traces.not_exported", "dejalog[traces]")]
