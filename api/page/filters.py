"""How templates show values: times as `<time>` in the zone of the screen, counts with thin separators, durations in
words.
"""

import datetime as dt
from urllib.parse import urlencode

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from api.page import zone
from api.time_text import SECOND_NS, format_time, parse_time

THIN = "\u202f"


def ns_of(time: str) -> int:
    """UTC ns of a time as our own replies write it."""
    return parse_time(time, now_ns=0)


@pass_context
def clock(context: Context, time: str | None, form: str = "full") -> Markup:
    """`<time>` of an RFC 3339 time, see `clock_text`; its title is in UTC. The zone is that of the screen's address, so
    templates import `_parts.html` `with context`.
    """
    if not time:
        return Markup("never")
    title = written_clock(time, "full", dt.UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(time, title, clock_text(context, time, form))


@pass_context
def clock_text(context: Context, time: str, form: str = "full") -> str:
    """The same as mere text: `full` day and clock, `second`, `minute`, `clock` (with ms, no day), `day` or `short`."""
    return written_clock(time, form, zone.zone_of(context["address"].zone))


def written_clock(time: str, form: str, in_zone: dt.tzinfo) -> str:
    """A time as clocks of the zone show it, in one of the forms of `clock_text`."""
    moment = zone.moment(ns_of(time), in_zone)
    ms = f".{ns_of(time) // 1_000_000 % 1000:03d}"
    return {
        "full": f"{moment:%Y-%m-%d %H:%M:%S}{ms}",
        "second": f"{moment:%Y-%m-%d %H:%M:%S}",
        "minute": f"{moment:%Y-%m-%d %H:%M}",
        "clock": f"{moment:%H:%M:%S}{ms}",
        "day": f"{moment:%A} {moment.day} {moment:%B %Y}",
        "short": f"{moment.day} {moment:%b %H:%M}",
    }[form]


@pass_context
def in_zone(context: Context, link: str) -> str:
    """A link of the page that keeps the screen's zone."""
    name = context["address"].zone
    path, hash_, rest = link.partition("#")
    if not name or not path or "zone=" in path:
        return link
    return f"{path}{'&' if '?' in path else '?'}{urlencode({'zone': name})}{hash_}{rest}"


@pass_context
def in_box(context: Context, time: str) -> str:
    """A time of the address as its field shows it, in the zone of the screen."""
    return zone.in_box(time, zone.zone_of(context["address"].zone))


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
