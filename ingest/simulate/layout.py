"""How a runtime's logging library writes a line around its message: the layouts among which a seed chooses."""

import dataclasses
import re
from typing import Literal

Runtime = Literal["java", "python", "go"]
RUNTIMES: tuple[Runtime, ...] = ("java", "python", "go")

FIELD = re.compile(r"\{([a-z_]+)\}")
"""A place in a text that is filled in later; JSON's own braces never look like this."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """`text` holds {message}, {traced}, a clock and {level} or {LEVEL}; `traced` replaces {traced} within a request."""

    runtime: Runtime
    text: str
    traced: str
    escape: Literal["none", "json"]


LAYOUTS = (
    Layout("java", "{clock_dot} {LEVEL} 1 --- [exec-{thread}] {logger} : {traced}{message}", "[{trace}] ", "none"),
    Layout("java", "{clock_comma} [{LEVEL}] {traced}{logger} - {message}", "[{trace}] ", "none"),
    Layout(
        "java",
        '{"@timestamp":"{clock_z}","level":"{LEVEL}","logger":"{logger}","thread":"exec-{thread}"{traced},'
        '"message":"{message}"}',
        ',"trace_id":"{trace}","user_id":"{user}"',
        "json",
    ),
    Layout("python", "{clock_comma} - {logger} - {LEVEL} - {message}{traced}", " trace={trace}", "none"),
    Layout("python", "[{clock_comma}] {LEVEL} in {logger}: {traced}{message}", "(request {trace}) ", "none"),
    Layout(
        "python",
        '{"event":"{message}","level":"{level}","logger":"{logger}","timestamp":"{clock_z}"{traced}}',
        ',"trace_id":"{trace}","user":{user}',
        "json",
    ),
    Layout(
        "go", 'time={clock_z} level={level} component={logger}{traced} msg="{message}"', " trace_id={trace}", "json"
    ),
    Layout(
        "go",
        '{"level":"{level}","ts":{clock_epoch},"caller":"{logger}","msg":"{message}"{traced}}',
        ',"trace_id":"{trace}"',
        "json",
    ),
    Layout("go", "{clock_z} {LEVEL} {logger} {message}{traced}", " trace_id={trace}", "none"),
)
"""logfmt quotes as JSON does."""


def escaped(text: str) -> str:
    """The inside of a JSON string. The field names in braces stay as they are."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")


def whole_line(layout: Layout, *, message: str, level: str, logger: str, in_request: bool) -> str:
    """The text of a line with only the fields left that vary from line to line. In a layout that does not escape, what
    follows the message's first line break (a stack trace) comes after the layout's own end.
    """
    head, line_break, rest = message.partition("\n") if layout.escape == "none" else (escaped(message), "", "")
    fixed = {
        "traced": layout.traced if in_request else "",
        "message": head,
        "level": level,
        "LEVEL": level.upper(),
        "logger": logger,
    }
    line = re.sub(r"\{(traced|message|level|LEVEL|logger)\}", lambda found: fixed[found.group(1)], layout.text)
    return line + line_break + rest
