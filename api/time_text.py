"""Times as people and programs write them, and times as we write them: UTC nanoseconds on the inside."""

import datetime as dt
import re

from api.setting_text import read_duration
from ingest.errors import InputError

SECOND_NS = 1_000_000_000
ACCEPTED = "RFC 3339 (2026-03-01T12:00:00Z), unix seconds, ms, us or ns, now, now-1h, or 1h (ago)"
MAX_NS = 9_223_372_036_000_000_000
"""The last second that 64 bits of nanoseconds can hold (2262)."""
_UNIX_UNITS = ((100_000_000_000, SECOND_NS), (100_000_000_000_000, 1_000_000), (100_000_000_000_000_000, 1_000))
"""A number below the first is in the unit of the second: seconds, ms and us up to the year 5138 each; else ns."""
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)? ?(Z|[ +-]\d\d:?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)


def parse_time(text: str, *, now_ns: int, name: str = "time") -> int:
    """UTC ns of any form in ACCEPTED. A clock time without a zone is UTC; one that 64 bits cannot hold, such as
    9999-12-31, is the nearest they can. Raises InputError naming the parameter.
    """
    compact = text.strip()
    parsed = _relative(compact, now_ns)
    if parsed is None:
        parsed = _unix(compact)
    if parsed is None and (clock_ns := _clock(compact)) is not None:
        parsed = min(max(clock_ns, -MAX_NS), MAX_NS)
    if parsed is None or not -MAX_NS <= parsed <= MAX_NS:
        raise InputError(f"{name}: {text[:80]!r} is not a time", hint=f"accepted are {ACCEPTED}")
    return parsed


def parse_duration_s(text: str, *, name: str) -> float:
    """Seconds of `30s`, `1h30m` or a plain number of seconds. Raises InputError naming the parameter."""
    compact = text.strip()
    try:
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", compact, re.ASCII):
            return float(compact)
        return read_duration(compact)
    except ValueError as error:
        raise InputError(
            f"{name}: {text[:80]!r} is not a duration", hint="accepted are 30s, 1h30m, 500ms or seconds"
        ) from error


def format_time(time_ns: int) -> str:
    """RFC 3339 in UTC with 3, 6 or 9 decimals, as few as hold the time exactly."""
    seconds, rest = divmod(time_ns, SECOND_NS)
    clock = dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f"{rest:09d}"
    for end in (3, 6):
        if not decimals[end:].strip("0"):
            return f"{clock.rjust(19, '0')}.{decimals[:end]}Z"
    return f"{clock.rjust(19, '0')}.{decimals}Z"


def _relative(text: str, now_ns: int) -> int | None:
    lowered = text.lower().replace(" ", "")
    if lowered == "now":
        return now_ns
    sign, amount = (-1, lowered)
    if lowered.startswith("now"):
        sign, amount = (1 if lowered[3:4] == "+" else -1), lowered[4:]
        if lowered[3:4] not in {"+", "-"}:
            return None
    elif lowered.startswith("-"):
        amount = lowered[1:]
    try:
        return now_ns + sign * int(read_duration(amount) * SECOND_NS)
    except ValueError:
        return None


def _unix(text: str) -> int | None:
    match = re.fullmatch(r"(-?)(\d{1,19})(?:\.(\d{1,9})\d*)?", text, re.ASCII)
    if not match:
        return None
    number = int(match[2])
    unit = next((unit for bound, unit in _UNIX_UNITS if number < bound), 1)
    fraction = int((match[3] or "0").ljust(9, "0")) * unit // SECOND_NS
    return (number * unit + fraction) * (-1 if match[1] else 1)


def _clock(text: str) -> int | None:
    match = _RFC3339.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, decimals, zone = match.groups()
    try:
        clock = dt.datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59), tzinfo=dt.UTC
        )
        offset = _offset_s(zone)
    except ValueError:
        return None
    leap = 1 if second == "60" else 0
    since = (clock - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1)
    if second is not None and int(second) > 60:
        return None
    return (since + leap - offset) * SECOND_NS + int((decimals or "0").ljust(9, "0"))


def _offset_s(zone: str | None) -> int:
    """Seconds east of UTC. A blank is a plus sign that an address line turned into one."""
    if not zone or zone in {"Z", "z"}:
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError("no zone is that far away")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
