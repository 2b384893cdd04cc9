"""How templates show values: times in UTC as `<time>`, counts with thin separators, durations in words."""

import datetime as dt

from markupsafe import Markup

from api.time_text import SECOND_NS, format_time, parse_time

THIN = "\u202f"


def ns_of(time: str) -> int:
    """UTC ns of a time as our own replies write it."""
    return parse_time(time, now_ns=0)


def clock(time: str | None, form: str = "full") -> Markup:
    """`<time>` of an RFC 3339 time: `full` day and clock, `second`, `minute`, `clock` (with ms, no day) or `day`."""
    if not time:
        return Markup("never")
    moment = dt.datetime.fromtimestamp(ns_of(time) // SECOND_NS, tz=dt.UTC)
    ms = f".{ns_of(time) // 1_000_000 % 1000:03d}"
    text = {
        "full": f"{moment:%Y-%m-%d %H:%M:%S}{ms}",
        "second": f"{moment:%Y-%m-%d %H:%M:%S}",
        "minute": f"{moment:%Y-%m-%d %H:%M}",
        "clock": f"{moment:%H:%M:%S}{ms}",
        "day": f"{moment:%A} {moment.day} {moment:%B %Y}",
        "short": f"{moment.day} {moment:%b %H:%M}",
    }[form]
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(time, f"{moment:%Y-%m-%d %H:%M:%S}{ms}", text)


def count(value: float) -> str:
    """12345 as 12 345, with narrow spaces that do not break; of a fraction one decimal."""
    whole = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"
    return whole.replace(",", THIN)


def duration(seconds: float) -> str:
    """In the two largest units that say something."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    left, parts = int(seconds), []
    for size, name in units:
        if left >= size:
            parts.append(f"{left // size} {name}")
            left %= size
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def span(start: str, end: str) -> str:
    """How long from one time to another."""
    return duration(max(ns_of(end) - ns_of(start), 0) / SECOND_NS)


def size(value: float) -> str:
    """Bytes in the unit a person would choose."""
    for name in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{value:.0f} {name}" if name == "B" or value >= 100 else f"{value:.1f} {name}"
        value /= 1000
    return f"{value:.1f} TB"


def level_name(level: str) -> str:
    """The level as it is shown; the empty one has a name, too."""
    return level or "none"


def written(time_ns: int) -> str:
    """A time as links carry it."""
    return format_time(time_ns)
