"""The time zone of a screen: times are shown in it, and typed times without a zone of their own are read in it."""

import datetime as dt
import functools
import re
import zoneinfo

from api.time_text import SECOND_NS, format_time, parse_time
from ingest.errors import InputError

UTC = "UTC"
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d(?P<clock>[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?", re.ASCII | re.IGNORECASE)
"""A day or a clock time as `api.time_text` reads them, without a zone."""


@functools.lru_cache(1024)
def zone_of(name: str) -> dt.tzinfo:
    """The zone of that name, in any case; UTC where none is given. Raises InputError."""
    known = _names().get(name.strip().lower())
    if known is None:
        raise InputError(f"zone: {name[:80]!r} is not a time zone", hint=f"accepted are {_accepted()}")
    return dt.UTC if known == UTC else zoneinfo.ZoneInfo(known)


def zone_name(zone: dt.tzinfo) -> str:
    """As the database writes it; empty for UTC, which need not be said."""
    return zone.key if isinstance(zone, zoneinfo.ZoneInfo) else ""


def moment(time_ns: int, zone: dt.tzinfo) -> dt.datetime:
    """The second of a time, as clocks of the zone show it."""
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, tz=zone)


def with_offset(text: str, zone: dt.tzinfo) -> str:
    """A typed clock time with the offset that the zone has then; everything else as it is. A time that comes twice, as
    clocks go back, is the first; one that clocks skip is counted on from before. What cannot be read is left to whoever
    reads it.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None or zone is dt.UTC:
        return text
    try:
        local_ns = parse_time(found[0], now_ns=0)
        offset = moment(local_ns, dt.UTC).replace(tzinfo=zone).utcoffset() or dt.timedelta(0)
    except (InputError, OverflowError, ValueError):
        return text
    if offset.seconds % 60:  # of local mean time, before zones: no offset can be written for it
        return format_time(local_ns - int(offset.total_seconds()) * SECOND_NS)
    return found[0] + ("" if found["clock"] else "T00:00") + _offset_text(offset)


def in_box(text: str, zone: dt.tzinfo) -> str:
    """A time of the address as it stands in its field: one in UTC with the clock of the zone, the same instant."""
    if zone is dt.UTC or not re.fullmatch(rf"{_CLOCK.pattern}Z", text, re.ASCII | re.IGNORECASE):
        return text
    time_ns = parse_time(text, now_ns=0)
    local = moment(time_ns, zone)
    offset = local.utcoffset() or dt.timedelta(0)
    if offset.seconds % 60:
        return text
    decimals = f"{time_ns % SECOND_NS:09d}".rstrip("0")
    return f"{local:%Y-%m-%dT%H:%M:%S}{'.' if decimals else ''}{decimals}{_offset_text(offset)}"


def midnights(start_ns: int, end_ns: int, zone: dt.tzinfo, *, most: int) -> list[int]:
    """Where days of the zone begin, at most about so many, evenly."""
    day = moment(start_ns, zone).date() + dt.timedelta(days=1)
    days = max((end_ns - start_ns) // (86400 * SECOND_NS), 1)
    step = dt.timedelta(days=-(-days // most))
    found = []
    while (at_ns := int(dt.datetime.combine(day, dt.time(), zone).timestamp()) * SECOND_NS) < end_ns:
        found.append(at_ns)
        day += step
    return found


def _offset_text(offset: dt.timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@functools.cache
def _names() -> dict[str, str]:
    names = {each.lower(): each for each in zoneinfo.available_timezones()}
    return {**names, "": UTC, "utc": UTC, "z": UTC}


def _accepted() -> str:
    if "europe/berlin" in _names():
        return "names of the IANA database such as Europe/Berlin or Asia/Shanghai, and UTC"
    return "UTC only: this machine has no time zone database (Debian: tzdata; or `pip install tzdata`)"
