"""One rule in two engines: traces fold, ordinary lines do not, and Python and Polars never disagree."""

import polars as pl
import pytest

from ingest.continuation import continuation_expression, continues, may_open

JAVA = """2024-01-01 10:00:00 ERROR order failed
com.shop.OrderException: no stock
\tat com.shop.Order.place(Order.java:10)
\tat com.shop.Main.main(Main.java:3)
Caused by: java.lang.IllegalStateException: closed
\tat com.shop.Db.get(Db.java:5)
\t... 2 more"""
PYTHON = """ERROR request failed
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    1/0
    ~^~
ZeroDivisionError: division by zero

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    raise shop.errors.Closed("x")
shop.errors.Closed: x"""
GO = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.pick(...)
\t/app/main.go:8
main.(*server).serve(0xc000012345, {0x1, 0x2})
\t/app/main.go:12 +0x1d
created by main.start in goroutine 1
\t/app/main.go:20 +0x65
exit status 2"""
NODE = """Error: connect refused
    at Socket.connect (net.js:10:5)
    at processTicksAndRejections (node:internal/process/task_queues:95:5)"""
JSON = """settings are {
  "a": 1,
  "b": [
    2
  ]
}"""

STARTS_ANEW = [
    "2024-01-01 10:00:01 INFO served GET /",
    "INFO: ready",
    "  2024-01-01 10:00:01 INFO padded time",
    "    INFO padded level",
    " [10:00:01] padded clock",
    "TypeError: x is not a function",
    '{"level":"info","msg":"x"}',
    "",
    "at last we are here",
    "created order 5",
    "Error: one more",
]


def folded(text: str) -> list[bool]:
    lines = text.split("\n")
    return [continues(line, previous) for line, previous in zip(lines[1:], lines, strict=False)]


@pytest.mark.parametrize("trace", [JAVA, PYTHON, GO, NODE, JSON], ids=["java", "python", "go", "node", "json"])
def test_every_line_of_a_trace_after_the_first_continues_it(trace: str) -> None:
    assert all(folded(trace)), [line for line, yes in zip(trace.split("\n")[1:], folded(trace), strict=True) if not yes]


@pytest.mark.parametrize("message", STARTS_ANEW)
@pytest.mark.parametrize("previous", [None, "2024-01-01 INFO plain", "\tat com.shop.Main.main(Main.java:3)"])
def test_an_ordinary_line_starts_a_record_of_its_own(message: str, previous: str | None) -> None:
    if message != "created order 5":  # reads like Go's "created by" only at first glance
        assert not continues(message, previous)
    assert not continues(message, None)


def test_a_record_with_none_before_it_never_continues() -> None:
    assert not continues("\tat com.shop.Main.main(Main.java:3)", None)


def test_polars_decides_as_python_does_for_every_pair() -> None:
    lines = [line for text in (JAVA, PYTHON, GO, NODE, JSON) for line in text.split("\n")] + STARTS_ANEW
    lines += [line + "\r" for line in lines] + ["\x00", "é", "   ", "\t"]
    pairs = [(this, before) for this in lines for before in [None, *lines]]
    frame = pl.DataFrame(pairs, schema={"this": pl.String, "before": pl.String}, orient="row")
    decided = frame.select(continuation_expression(pl.col("this"), pl.col("before"))).to_series().to_list()
    assert decided == [continues(this, before) for this, before in pairs]


def test_lines_that_traces_follow_are_worth_waiting_for() -> None:
    assert may_open("2024-01-01 ERROR failed")
    assert may_open("panic: x")
    assert may_open("\tat com.shop.Main.main(Main.java:3)")
    assert not may_open("2024-01-01 INFO served GET / 200 in 5 ms")
