"""Times written in text, as columns: the runtime's own, and the many clocks that lines begin with."""

import dataclasses
import re
import zoneinfo

import polars as pl

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
EARLIEST_NS = 631_152_000 * SECOND_NS
"""1990-01-01: earlier times are taken for mistakes."""
LARGEST_SECOND = 9_000_000_000
"""Seconds since 1970 that still fit 63 bits as nanoseconds (the year 2255)."""
_HEAD_CHARACTERS = 128
"""How far from the start of a message its clock may end. A guess; the longest header of common formats is about 90."""

_DATE = r"(?P<year>[0-9]{4})[-/.](?P<month>[01]?[0-9])[-/.](?P<day>[0-3]?[0-9])"
_CLOCK = r"(?P<hour>[0-2]?[0-9]):(?P<minute>[0-5][0-9]):(?P<second>[0-6][0-9])(?:[.,:](?P<fraction>[0-9]{1,9})[0-9]*)?"
_ZONE = r"(?: ?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
_MONTH_NAME = r"(?P<month_name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_OPEN = r"^\s*(?:<[0-9]{1,3}>(?:1 )?)?[\[(\"']*"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_END = r"(?:$|[^0-9A-Za-z])"

FORMATS = {
    "iso": rf"(?:^|[^0-9A-Za-z.:/-]|<[0-9]{{1,3}}>1? ?){_DATE}(?:[T _-]|, ?)\s?{_CLOCK}{_ZONE}",
    "klog": r"^[IWEFD](?P<month>[01][0-9])(?P<day>[0-3][0-9]) " + _CLOCK,
    "apache": rf"(?:^|[\[( \"])(?P<day>[0-3]?[0-9])/{_MONTH_NAME}/(?P<year>[0-9]{{4}}):{_CLOCK}{_ZONE}",
    "unix_text": rf"{_OPEN}{_WEEKDAY},? {_MONTH_NAME} +(?P<day>[0-3]?[0-9]) {_CLOCK}"
    r"(?: [A-Z]{3,4})? (?P<year>[0-9]{4})",
    "mail": rf"{_OPEN}(?:{_WEEKDAY}, )?(?P<day>[0-3]?[0-9])[ -]{_MONTH_NAME}[ -](?P<year>[0-9]{{4}}) {_CLOCK}{_ZONE}",
    "syslog": rf"{_OPEN}{_MONTH_NAME} +(?P<day>[0-3]?[0-9]) {_CLOCK}",
    "compact": r"^\s*[\[(]*(?P<year>[0-9]{4})(?P<month>[01][0-9])(?P<day>[0-3][0-9])[T -]?(?P<hour>[0-2][0-9]):?"
    rf"(?P<minute>[0-5][0-9]):?(?P<second>[0-6][0-9])(?:[.,:](?P<fraction>[0-9]{{1,9}}))?{_ZONE}{_END}",
    "short_year": r"^\s*[\[(]*(?P<year2>[0-9]{2})(?P<month>[01][0-9])(?P<day>[0-3][0-9]) "
    r"(?P<hour>[0-2][0-9]):?(?P<minute>[0-5][0-9]):?(?P<second>[0-6][0-9])" + _END,
    "short_year_slashes": rf"^\s*[\[(]*(?P<year2>[0-9]{{2}})/(?P<month>[01][0-9])/(?P<day>[0-3][0-9]) {_CLOCK}",
    "month_day": rf"^\s*[\[(]*(?P<month>[01]?[0-9])[-./](?P<day>[0-3]?[0-9])[ T]{_CLOCK}",
    "epoch": r"^\s*(?:- )?[\[(]?(?P<epoch>[12][0-9]{9}(?:[0-9]{3}|[0-9]{6}|[0-9]{9})?)"
    r"(?:[.](?P<epoch_fraction>[0-9]{1,9}))?" + _END,
    "clock": rf"^\s*[\[(]*{_CLOCK}(?:Z)?{_END}",
}
"""In order of priority: the first that a line's head matches decides, whatever else the chunk holds."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_GROUPS = re.compile(r"\?P<(\w+)>")


def runtime_ns(times: pl.Series) -> pl.Series:
    """UTC ns of RFC 3339 times with a fraction of any length, as container runtimes write them; null where it is not
    one. One pass for `...Z`; times with an offset cost a second one.
    """
    if times.null_count() == len(times):
        return times.cast(pl.Int64)
    zulu = pl.col("time").str.ends_with("Z")
    frame = times.to_frame("time")
    found = frame.select_seq(
        _bounded(_whole_second(pl.col("time"))) * SECOND_NS
        + pl.col("time").str.slice(20, 9).str.strip_suffix("Z").str.pad_end(9, "0").cast(pl.Int64, strict=False)
    ).to_series()
    if frame.select_seq(zulu.all()).item():
        return found
    return frame.select_seq(pl.when(zulu).then(found).otherwise(_offset_ns(pl.col("time")))).to_series()


def _whole_second(time: pl.Expr) -> pl.Expr:
    return time.str.slice(0, 19).str.strptime(pl.Datetime("us"), "%Y-%m-%dT%H:%M:%S", strict=False).dt.epoch("s")


def _offset_ns(time: pl.Expr) -> pl.Expr:
    offset = time.str.slice(19).str.extract_groups(r"^(?:\.([0-9]{1,9})[0-9]*)?([+-])([0-9]{2}):?([0-9]{2})$")
    nanos, sign, hours, minutes = (offset.struct.field(str(number)) for number in range(1, 5))
    seconds = (hours.cast(pl.Int64) * 60 + minutes.cast(pl.Int64)) * 60
    shift = pl.when(sign == "-").then(-seconds).otherwise(seconds)
    return _bounded(_whole_second(time) - shift) * SECOND_NS + nanos.fill_null("0").str.pad_end(9, "0").cast(pl.Int64)


def _bounded(second: pl.Expr) -> pl.Expr:
    """Seconds that fit as nanoseconds; others become the nearest that does, which no plausibility check lets pass."""
    return second.clip(-LARGEST_SECOND, LARGEST_SECOND)


@dataclasses.dataclass(frozen=True)
class Clock:
    """What a time written without a zone or a year is completed with."""

    arrival_ns: int
    zone: str
    """IANA name, `+08:00` or empty for UTC."""


def text_ns(texts: pl.Series, clock: Clock) -> pl.Series:
    """UTC ns of the time at the head of each text, null where there is none. Cost: one regular expression for each
    format that some line has not met yet, so a chunk in one format pays for few.
    """
    frame = pl.DataFrame({"head": texts.str.head(_HEAD_CHARACTERS)}).with_row_index("row")
    pending = frame.filter(pl.col("head").str.contains(r"[0-9]{2}:?[0-9]{2}|[12][0-9]{9}"))
    found = []
    for pattern in FORMATS.values():
        if pending.is_empty():
            break
        is_match = pending["head"].str.contains(pattern)
        if is_match.any():
            rows = pending.filter(is_match)
            found.append(rows.select("row", _format_ns(rows["head"], pattern, clock)))
            pending = pending.filter(~is_match)
    if not found:
        return pl.Series("time_ns", [None] * len(texts), dtype=pl.Int64)
    return frame.select("row").join(pl.concat(found), on="row", how="left", maintain_order="left")["time_ns"]


def _format_ns(heads: pl.Series, pattern: str, clock: Clock) -> pl.Series:
    names = _GROUPS.findall(pattern)
    parts = heads.str.extract_groups(pattern).struct.unnest()
    if "epoch" in names:
        return parts.select(_epoch_ns().alias("time_ns")).to_series()
    parts = parts.with_columns(
        pl.col(name).cast(pl.Int64)
        for name in names
        if name in {"year", "year2", "month", "day", "hour", "minute", "second"}
    )
    if "month_name" in names:
        number = pl.col("month_name").replace_strict(_MONTHS, range(1, 13), return_dtype=pl.Int64)
        parts = parts.with_columns(month=number)
    fraction = (
        pl.col("fraction").fill_null("0").str.pad_end(9, "0").cast(pl.Int64) if "fraction" in names else pl.lit(0)
    )
    zone = pl.col("zone") if "zone" in names else pl.lit(None, dtype=pl.String)
    zoned = parts.with_columns(
        _fraction=fraction,
        _shift=_shift_s(zone),
        _clock_s=pl.col("hour") * 3600 + pl.col("minute") * 60 + pl.col("second"),
    )
    candidates = [_utc_ns(day, clock) for day in _days(names, clock)]
    latest = clock.arrival_ns + DAY_NS if "month" in parts.columns else clock.arrival_ns + DAY_NS // 24
    if len(candidates) > 1:  # without a year, or without a date: the last one that has come already
        candidates = [pl.when(candidate <= latest).then(candidate) for candidate in candidates]
    valid_hour = pl.col("hour") < 24
    return zoned.select(pl.when(valid_hour).then(pl.coalesce(candidates)).alias("time_ns")).to_series()


def _epoch_ns() -> pl.Expr:
    digits = pl.col("epoch").str.len_bytes()
    unit = pl.when(digits == 10).then(SECOND_NS).when(digits == 13).then(1_000_000).when(digits == 16).then(1000)
    fraction = pl.col("epoch_fraction").fill_null("0").str.pad_end(9, "0").cast(pl.Int64)
    whole = pl.col("epoch").cast(pl.Int64, strict=False) * unit.otherwise(1)
    return whole + pl.when(digits == 10).then(fraction).otherwise(0)


def _days(names: list[str], clock: Clock) -> list[pl.Expr]:
    """Days since 1970 that the line's date may mean, best first. Null where there is no such day."""
    if "year" in names:
        return [_day(pl.col("year"))]
    if "year2" in names:
        return [_day(pl.col("year2") + 2000)]
    arrival = pl.lit(clock.arrival_ns).cast(pl.Datetime("ns"))
    if "day" in names:
        return [_day(arrival.dt.year().cast(pl.Int64) + back) for back in (1, 0, -1, -2, -3, -4)]
    return [pl.lit(clock.arrival_ns // DAY_NS + back) for back in (1, 0, -1)]


def _day(year: pl.Expr) -> pl.Expr:
    """Days since 1970 of (year, month, day); null where the calendar has no such day."""
    text = pl.concat_str(
        year.cast(pl.String), pl.col("month").cast(pl.String), pl.col("day").cast(pl.String), separator="-"
    )
    return text.str.strptime(pl.Date, "%Y-%m-%d", strict=False).cast(pl.Int32).cast(pl.Int64)


def _shift_s(zone: pl.Expr) -> pl.Expr:
    """Seconds east of UTC that the text says, null where it says nothing."""
    digits = zone.str.replace_all(":", "", literal=True)
    minutes = digits.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(3, 2).cast(
        pl.Int64, strict=False
    )
    signed = pl.when(digits.str.starts_with("-")).then(-minutes).otherwise(minutes)
    return pl.when(zone.is_in(["Z", "UTC", "GMT"])).then(0).otherwise(signed * 60)


def _utc_ns(day: pl.Expr, clock: Clock) -> pl.Expr:
    local_s = (day * 86_400 + pl.col("_clock_s")).clip(-LARGEST_SECOND, LARGEST_SECOND)
    assumed = local_s - zone_shift_s(local_s, clock.zone)
    return pl.coalesce(local_s - pl.col("_shift"), assumed) * SECOND_NS + pl.col("_fraction")


_FIXED_ZONE = re.compile(r"^(?:UTC|GMT)?(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})$")


def zone_shift_s(local_s: pl.Expr, zone: str) -> pl.Expr:
    """Seconds east of UTC at these wall clock seconds. The earlier of two when clocks were set back; the hour that
    clocks skip counts as before the change. An unknown zone counts as UTC (see `is_zone`).
    """
    fixed = _FIXED_ZONE.match(zone)
    if fixed:
        seconds = int(fixed["hours"]) * 3600 + int(fixed["minutes"]) * 60
        return pl.lit(-seconds if fixed["sign"] == "-" else seconds)
    if not zone or not is_zone(zone):
        return pl.lit(0)
    wall = (local_s * 1_000_000).cast(pl.Datetime("us"))
    utc = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    before = (wall - pl.duration(hours=1)).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return pl.coalesce(local_s - utc.dt.epoch("s"), local_s - 3600 - before.dt.epoch("s"), 0)


def is_zone(zone: str) -> bool:
    """Whether the name can be used: empty, an offset, or known to the zone database."""
    if not zone or _FIXED_ZONE.match(zone):
        return True
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
