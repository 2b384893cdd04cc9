"""Whether a record belongs to the one before it (a stack trace): the one rule that cut and frame both follow.

The expressions use only what Python's and Rust's (Polars') regular expressions share: no look-around, ASCII classes.
They are matched against a message without its line end, after the container's framing was taken off.
"""

import re

import polars as pl

_ALWAYS = (
    r"[ \t]+[^ \t\r\n]",  # indented: frames of Java, Node, Python, .NET; wrapped text; pretty-printed JSON
    r"Caused by: ",
    r"Suppressed: ",
    r"\.\.\. [0-9]+ (?:more|common frames omitted)",
    r"at [A-Za-z_$][A-Za-z0-9_$.<>/-]*\(",
    r"(?:[a-z][A-Za-z0-9_]*\.)+[A-Za-z0-9_$]*(?:Exception|Error|Throwable)(?::|\r?$)",
    r"Traceback \(most recent call last\):",
    r"During handling of the above exception, another exception occurred:",
    r"The above exception was the direct cause of the following exception:",
    r"goroutine [0-9]+ (?:gp=[^ ]+ m=[^ ]+ )?(?:mp=[^ ]+ )?\[[^\]]*\]:",
    r"\[signal SIG",
    r"created by [A-Za-z0-9_./()*-]+",
    r"stack backtrace:",
    r"--- End of (?:inner exception )?stack trace",
)
CONTINUES = f"^(?:{'|'.join(_ALWAYS)})"
"""Continues whatever record precedes it, unless STARTS matches too."""

STARTS = (
    r"^[ \t]+(?:[\[(]?[0-9]{1,4}[-/:.][0-9]{1,2}[-/:.][0-9]{1,4}"
    r"|[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b)"
)
"""Indented, but a record of its own: it begins with a date, a clock time or a padded level."""

_BLANK = r"^\r?$"
_DOTTED = r"(?:[A-Za-z_][A-Za-z0-9_]*\.)"
_PYTHON_BODY = r"^(?:[ \t]+(?:File \"|[^ \ta]|a[^t]|at[^ ])|Traceback \()"
_GO_BODY = r"^(?:panic: |fatal error: |\[signal SIG|goroutine [0-9]+ |\t.+:[0-9]+(?: \+0x[0-9a-f]+)?\r?$)"

AFTER = (
    # The last line of a Python traceback, after its source lines (not after `at ` frames: there a new trace begins).
    (
        rf"^{_DOTTED}*[A-Z][A-Za-z0-9_]*(?:Error|Exception|Warning|Interrupt|Exit|Iteration|Group)(?::|\r?$)",
        _PYTHON_BODY,
    ),
    (rf"^{_DOTTED}+[A-Z][A-Za-z0-9_]*(?::|\r?$)", _PYTHON_BODY),
    # Go: a function's line after a goroutine's head or the previous frame's file; blank lines between the blocks.
    (r"^[A-Za-z0-9_./%*()\[\]·{}-]+\(.*\)\r?$", _GO_BODY),
    (_BLANK, _GO_BODY),
    (r"^exit status [0-9]+\r?$", _GO_BODY),
    # Blank lines around Python's "During handling of the above exception".
    (
        _BLANK,
        rf"^(?:During handling of the|The above exception|{_DOTTED}*[A-Z][A-Za-z0-9_]*(?:Error|Exception)(?::|\r?$))",
    ),
    # The closing bracket of pretty-printed JSON.
    (r"^[\])}]+[,;]?\r?$", r"^[ \t]+[^ \t]"),
)
"""Pairs (this record, the record before it): continues when both match."""

MAY_OPEN = (
    r"(?:Exception|Error|Throwable|Traceback|Caused by|panic: |fatal error: |stack trace|backtrace)"
    r"|^[ \t]|\b(?:ERROR|FATAL|CRITICAL|SEVERE|error|fatal)\b"
)
"""A record after which a trace is likely enough for a collector to wait for it."""

_continues, _starts, _may_open = (re.compile(pattern) for pattern in (CONTINUES, STARTS, MAY_OPEN))
_after = [(re.compile(this), re.compile(previous)) for this, previous in AFTER]


def continues(message: str, previous: str | None) -> bool:
    """Whether the record `message` belongs to the record `previous` of the same stream (None: there is none)."""
    if previous is None:
        return False
    if _continues.search(message):
        return not _starts.search(message)
    return any(this.search(message) and before.search(previous) for this, before in _after)


def may_open(message: str) -> bool:
    """Whether a continuation of `message` is likely enough to wait for."""
    return _may_open.search(message) is not None


def continuation_expression(message: pl.Expr, previous: pl.Expr) -> pl.Expr:
    """`continues` over columns: boolean, false where `previous` is null."""
    always = message.str.contains(CONTINUES) & ~message.str.contains(STARTS)
    after = [message.str.contains(this) & previous.str.contains(before) for this, before in AFTER]
    return previous.is_not_null() & pl.any_horizontal(always, *after).fill_null(value=False)
