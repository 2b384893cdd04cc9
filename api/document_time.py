"""When a document says that it happened: by its front matter, else by its words and times."""

import dataclasses
import datetime as dt
import itertools
import re
from collections.abc import Sequence
from typing import Any

from api.document_read import Document
from api.setting_text import read_duration
from api.time_text import SECOND_NS, parse_time
from ingest.errors import InputError

LONGEST_NS = 3 * 86_400 * SECOND_NS
"""Times further apart than this are not of one incident (a guess)."""
MOST_TIMES = 50
"""Of one line of a document (a guess: no table has more in a row)."""
BEFORE_CHARACTERS = 60
_ZONES = {
    "utc": 0,
    "gmt": 0,
    "z": 0,
    "北京时间": 480,
    "cest": 120,
    "cet": 60,
    "bst": 60,
    "ist": 330,
    "jst": 540,
    "est": -300,
    "edt": -240,
    "pst": -480,
    "pdt": -420,
}
"""Minutes east of UTC of names that mean one zone; CST is China's in a Chinese text, and unclear elsewhere."""
_ZONE = rf"(?P<zone>[+-]\d\d:?\d\d|(?:{'|'.join(_ZONES)}|cst)(?![a-z]))"
_DATE = r"(?P<year>20\d\d)(?:-|/|年)(?P<month>\d{1,2})(?:-|/|月)(?P<day>\d{1,2})日?"
_CLOCK = r"(?P<hour>[01]?\d|2[0-3])[:：](?P<minute>[0-5]\d)(?:[:：](?P<second>[0-5]\d))?"
_MOMENT = re.compile(rf"(?:{_DATE}[T ,，]*)?(?<![\d:]){_CLOCK}(?![\d:])(?:\.\d+)?\s*\(?{_ZONE}?", re.IGNORECASE)
_DAY = re.compile(_DATE)
_ALL_TIMES = re.compile(
    rf"(?:times? (?:are|is)?|timezone|time zone|时间均?为|时区)[^\n]{{0,30}}?{_ZONE}", re.IGNORECASE
)
_BEGAN = re.compile(r"\W*(?:start(?:ed)?|began|begin|from|开始(?:时间)?|发生时间)(?![a-z])\D{0,20}", re.IGNORECASE)
_ENDED = re.compile(r"(?:.*\W)?(?:end(?:ed)?|resolved|until|to|结束(?:时间)?|恢复时间)(?![a-z])\D{0,20}", re.IGNORECASE)
"""What stands before a time that is the first or the last."""
_LASTED = re.compile(r"(?:duration|lasted|持续(?:时间|了)?)\W{0,5}(?P<rest>[^|.。;；]{1,40})", re.IGNORECASE)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|m|天|小时|分|min|hour|day)", re.IGNORECASE)
_UNITS = {"d": "d", "day": "d", "天": "d", "h": "h", "hour": "h", "小时": "h"}


@dataclasses.dataclass(frozen=True)
class Told:
    """A span, and how it was found."""

    start_ns: int
    end_ns: int
    why: str


def window_of(document: Document, *, zone_minutes: int = 0) -> Told | None:
    """None where no time is told. Clock times without a zone are of the zone that the document names for all, else of
    `zone_minutes` east of UTC. Raises InputError for times in front that are none.
    """
    start, end = (_front_ns(document.front, name) for name in ("start", "end"))
    if start is not None:
        return _span(start, end if end is not None else start + _lasted_ns(document.lines), "start in front")
    zone, said = _zone_for_all(document, zone_minutes)
    moments = _moments(document, zone)
    began = next((ns for ns, before in moments if _BEGAN.fullmatch(before)), None)
    ended = next((ns for ns, before in moments if _ENDED.fullmatch(before) and (began is None or ns > began)), None)
    if began is not None:
        lasted = _lasted_ns(document.lines)
        return _span(began, ended if ended is not None else began + lasted, f"it says when it began{said}")
    times = sorted(ns for ns, _ in moments)
    if not times or times[-1] - times[0] > LONGEST_NS:
        return None
    end_ns = times[-1] if times[-1] > times[0] else times[0] + _lasted_ns(document.lines)
    return _span(times[0], end_ns, f"first to last time in it{said}")


def _span(start_ns: int, end_ns: int, why: str) -> Told:
    return Told(start_ns, max(end_ns, start_ns + 60 * SECOND_NS), why)


def _front_ns(front: Any, name: str) -> int | None:
    text = str(front.get(name, ""))
    if not text:
        return None
    try:
        return parse_time(text, now_ns=0, name=name)
    except InputError as error:
        raise InputError(f"content: its front matter: {error}", hint=error.hint) from error


def _moments(document: Document, zone: int) -> list[tuple[int, str]]:
    """Each time, with what stands before it in its line; a clock time is of the last date before it."""
    is_chinese = any("\u4e00" <= character <= "\u9fff" for line in document.lines for character in line)
    day = _first_day(document)
    found = []
    for line in document.lines:
        for match in itertools.islice(_MOMENT.finditer(line), MOST_TIMES):
            if match["year"]:
                day = _day(match) or day
            if day is not None:
                minutes = _zone_minutes(match["zone"], zone, is_chinese=is_chinese)
                clock = dt.datetime(
                    *day, int(match["hour"]), int(match["minute"]), int(match["second"] or 0), tzinfo=dt.UTC
                )
                ns = (int(clock.timestamp()) - minutes * 60) * SECOND_NS
                found.append((ns, line[: match.start()][-BEFORE_CHARACTERS:]))
    return found


def _first_day(document: Document) -> tuple[int, int, int] | None:
    """The day of clock times before the first date: that in front, of the title, of the text, of the file's name."""
    for text in (str(document.front.get("date", "")), document.title, *document.lines, document.source):
        for match in _DAY.finditer(text):
            if day := _day(match):
                return day
    return None


def _day(match: re.Match[str]) -> tuple[int, int, int] | None:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    try:
        dt.date(year, month, day)
    except ValueError:
        return None
    return year, month, day


def _zone_for_all(document: Document, default: int) -> tuple[int, str]:
    named = str(document.front.get("timezone") or document.front.get("zone") or "")
    found = re.fullmatch(_ZONE, named.strip(), re.IGNORECASE) if named else None
    found = found or next((each for line in document.lines if (each := _ALL_TIMES.search(line))), None)
    if found is None:
        return default, "" if not default else f", taken as {default:+d} min from UTC"
    is_chinese = any("\u4e00" <= character <= "\u9fff" for character in "".join(document.lines))
    return _zone_minutes(found["zone"], default, is_chinese=is_chinese), f", times are {found['zone']}"


def _zone_minutes(zone: str | None, default: int, *, is_chinese: bool) -> int:
    if not zone:
        return default
    if zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        return -minutes if zone[0] == "-" else minutes
    if zone.lower() == "cst":
        return 480 if is_chinese else default
    return _ZONES[zone.lower()]


def _lasted_ns(lines: Sequence[str]) -> int:
    """What it says of how long it lasted; nothing where it does not."""
    for line in lines:
        if found := _LASTED.search(line):
            parts = _AMOUNT.findall(found["rest"])
            if parts:
                text = "".join(f"{number}{_UNITS.get(unit.lower(), 'm')}" for number, unit in parts)
                return int(read_duration(text) * SECOND_NS)
    return 0
