"""The stretch of time that a question names, in English or Chinese: the first step of reading a question."""

import dataclasses
import datetime as dt
import re
from collections.abc import Callable

SECOND_NS = 1_000_000_000
DAY = dt.timedelta(days=1)
AROUND = dt.timedelta(minutes=15)
"""How far "at 14:05" reaches to both sides (a guess: clocks in people's heads are rounded)."""
LATELY = dt.timedelta(days=7)
"""What "lately" means before the search is widened to everything retained (a guess)."""
LATELY_NS = int(LATELY.total_seconds()) * SECOND_NS


@dataclasses.dataclass(frozen=True)
class NamedTime:
    """What a question says of time. None: nothing on that side. `rest` is the question without those words."""

    start_ns: int | None
    end_ns: int | None
    lately: bool
    rest: str


_Span = tuple[dt.datetime | None, dt.datetime | None]

_NUMBERS = {
    word: number
    for number, forms in {
        1: "one a an 一", 2: "two couple 两 二", 3: "three few 三 几", 4: "four 四", 5: "five 五", 6: "six 六",
        7: "seven 七", 8: "eight 八", 9: "nine 九", 10: "ten 十", 11: "eleven 十一", 12: "twelve 十二",
        24: "twentyfour 二十四", 30: "thirty 三十", 48: "四十八",
    }.items()
    for word in forms.split()
}  # fmt: skip
_UNITS = {
    "second": 1, "sec": 1, "秒": 1, "minute": 60, "min": 60, "分钟": 60, "hour": 3600, "hr": 3600, "小时": 3600,
    "钟头": 3600, "day": 86400, "天": 86400, "日": 86400, "week": 604800, "周": 604800, "星期": 604800,
    "礼拜": 604800, "month": 30 * 86400, "月": 30 * 86400, "year": 365 * 86400, "年": 365 * 86400,
}  # fmt: skip
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAYS = {
    **{name: i for i, name in enumerate(_WEEKDAY_NAMES)},
    **{f"{lead}{digit}": i for lead in ("周", "星期", "礼拜") for i, digit in enumerate("一二三四五六日")},
    **{f"{lead}天": 6 for lead in ("周", "星期", "礼拜")},
}

_COUNT = r"(?P<count>\d{1,4}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirty|an?|couple|few)"
_UNIT = r"(?P<unit>second|sec|minute|min|hour|hr|day|week|month|year)s?"
_HAN_COUNT = r"(?P<count>\d{1,4}|二十四|四十八|十一|十二|三十|[一两二三四五六七八九十几])"
_HAN_UNIT = r"(?P<unit>秒|分钟|小时|钟头|天|日|周|星期|礼拜|月|年)"
_STAMP = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_DAY_PART = "(?:上午|下午|凌晨|晚上|早上|中午)"
_CLOCK = rf"(?:{_DAY_PART}?\s?\d{{1,2}}(?::\d\d(?::\d\d)?\s?(?:am|pm)?|\s?(?:am|pm)|点(?:半|\d{{1,2}}分?)?))"
_MOMENT = rf"(?:{_STAMP}|{_CLOCK})"
_LATELY = re.compile(
    r"\b(?:lately|recently|of late|in recent (?:days|times))\b"
    r"|最近(?!\s*[\d一两二三四五六七八九十几])|近期|近来|前不久|这段时间|这阵子|这几天",
    re.IGNORECASE,
)


_SINCE_DAY = re.compile(r"\bsince\b(?=\s*(?:\W|$))|以来", re.IGNORECASE)
"""What is left of "since Monday" when the day is taken away."""


def named_time(text: str, now_ns: int) -> NamedTime:
    """What `text` says of time, seen from `now_ns`. Days and clock times are UTC."""
    now = dt.datetime.fromtimestamp(now_ns // SECOND_NS, tz=dt.UTC)
    rest, lately = _LATELY.subn(" ", text)
    day, rest = _find_day(rest, now)
    for pattern, span_of in _SPANS:
        found = pattern.search(rest)
        if found and (span := span_of(found, day, now)):
            start, end = span
            return NamedTime(_ns(start), _ns(end), bool(lately), rest[: found.start()] + " " + rest[found.end() :])
    if day and _SINCE_DAY.search(rest):
        return NamedTime(_ns(day), _ns(max(now, day)), bool(lately), _SINCE_DAY.sub(" ", rest))
    if day:
        return NamedTime(_ns(day), _ns(min(day + DAY, max(now, day + dt.timedelta(seconds=1)))), bool(lately), rest)
    return NamedTime(None, None, bool(lately), rest)


def _ns(moment: dt.datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000


def _midnight(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


_DAY_WORDS: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"\b(?:the )?day before yesterday\b|前天", re.IGNORECASE), 2),
    (re.compile(r"(?<!since )\byesterday\b(?! (?:evening|night))|昨天|昨日", re.IGNORECASE), 1),
    (re.compile(r"\btoday\b|今天|今日", re.IGNORECASE), 0),
)
_ISO_DAY = re.compile(r"\b(?:on )?(\d{4})-(\d\d)-(\d\d)\b(?![T ]\d\d:)", re.IGNORECASE)
_HAN_DAY = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})[日号]")
_MONTH_NAME = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_NAMED_DAYS = (
    re.compile(
        rf"\b(?:on )?{_MONTH_NAME} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year>\d{{4}}))?", re.IGNORECASE
    ),
    re.compile(
        rf"\b(?:on )?(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH_NAME}\b(?:,? (?P<year>\d{{4}}))?",
        re.IGNORECASE,
    ),
)
_WEEKDAY = re.compile(
    rf"\b(?:on |last )?({'|'.join(_WEEKDAY_NAMES)})\b"
    r"|(?:上个?)?((?:周|星期|礼拜)[一二三四五六日天])",
    re.IGNORECASE,
)


def _find_day(text: str, now: dt.datetime) -> tuple[dt.datetime | None, str]:
    """The midnight of the day that is named, and the text without it."""
    for pattern, days_ago in _DAY_WORDS:
        if found := pattern.search(text):
            return _midnight(now) - days_ago * DAY, _cut(text, found)
    if found := _ISO_DAY.search(text):
        return _date(now, found[1], found[2], found[3], fallback=text, found=found)
    if found := _HAN_DAY.search(text):
        return _date(now, found[1], found[2], found[3], fallback=text, found=found)
    for pattern in _NAMED_DAYS:
        if found := pattern.search(text):
            month = str(_MONTHS.index(found["month"].lower()) + 1)
            return _date(now, found["year"], month, found["day"], fallback=text, found=found)
    if found := _WEEKDAY.search(text):
        weekday = _WEEKDAYS[(found[1] or found[2]).lower()]
        back = (now.weekday() - weekday) % 7
        return _midnight(now) - (back or 7) * DAY, _cut(text, found)
    return None, text


def _cut(text: str, found: re.Match[str]) -> str:
    return text[: found.start()] + " " + text[found.end() :]


def _date(
    now: dt.datetime, year: str | None, month: str, day: str, *, fallback: str, found: re.Match[str]
) -> tuple[dt.datetime | None, str]:
    """Without a year: the latest such day that is not after now."""
    try:
        named = dt.datetime(int(year or now.year), int(month), int(day), tzinfo=dt.UTC)
        if not year and named > now:
            named = named.replace(year=named.year - 1)
    except ValueError:
        return None, fallback
    return named, _cut(fallback, found)


def _last(found: re.Match[str], _day: dt.datetime | None, now: dt.datetime) -> _Span:
    return now - _amount(found), now


def _ago(found: re.Match[str], _day: dt.datetime | None, now: dt.datetime) -> _Span:
    """Half a unit to both sides of that moment."""
    half = dt.timedelta(seconds=_UNITS[found["unit"].lower()] / 2)
    moment = now - _amount(found)
    return moment - half, min(now, moment + half)


def _amount(found: re.Match[str]) -> dt.timedelta:
    groups = found.groupdict()
    text = (groups.get("count") or "one").lower()
    count = int(text) if text.isdigit() else _NUMBERS[text]
    unit = groups["unit"] or groups["unit2"]
    return dt.timedelta(seconds=min(count * _UNITS[unit.lower()], 100 * 365 * 86400))


def _between(found: re.Match[str], day: dt.datetime | None, now: dt.datetime) -> _Span | None:
    to = found["to"]
    if (part := re.match(_DAY_PART, found["from"].strip())) and re.match(r"\s*\d", to):
        to = part[0] + to.strip()  # 下午3点到4点: both are of the afternoon
    start, end = _moment(found["from"], day, now), _moment(to, day, now)
    if start is None or end is None:
        return None
    if end <= start and re.fullmatch(_CLOCK, found["to"].strip(), re.IGNORECASE):
        end += DAY
    return (start, end) if start < end else (end, start)


def _since(found: re.Match[str], day: dt.datetime | None, now: dt.datetime) -> _Span | None:
    start = _moment(found["from"] or found["han"], day, now)
    return (start, now) if start else None


def _until(found: re.Match[str], day: dt.datetime | None, now: dt.datetime) -> _Span | None:
    end = _moment(found["to"], day, now)
    return (None, end) if end else None


def _at(found: re.Match[str], day: dt.datetime | None, now: dt.datetime) -> _Span | None:
    moment = _moment(found["from"], day, now)
    return (moment - AROUND, moment + AROUND) if moment else None


def _since_yesterday(_found: re.Match[str], _day: dt.datetime | None, now: dt.datetime) -> _Span:
    return _midnight(now) - DAY, now


def _hours_of_day(first: int, last: int, days_ago: int = 0) -> Callable[..., _Span]:
    def span(_found: re.Match[str], day: dt.datetime | None, now: dt.datetime) -> _Span:
        base = day or _midnight(now) - days_ago * DAY
        return base + dt.timedelta(hours=first), base + dt.timedelta(hours=last)

    return span


def _week(weeks_ago: int) -> Callable[..., _Span]:
    def span(_found: re.Match[str], _day: dt.datetime | None, now: dt.datetime) -> _Span:
        monday = _midnight(now) - now.weekday() * DAY - 7 * weeks_ago * DAY
        return monday, min(now, monday + 7 * DAY)

    return span


def _month(months_ago: int) -> Callable[..., _Span]:
    def span(_found: re.Match[str], _day: dt.datetime | None, now: dt.datetime) -> _Span:
        first = _midnight(now).replace(day=1)
        if months_ago == 0:
            return first, now
        return (first - DAY).replace(day=1), first

    return span


def _moment(text: str, day: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """A stamp, or a clock time of `day` (without one: of the latest day on which it is past)."""
    text = text.strip()
    if re.match(r"\d{4}-", text):
        try:
            stamp = dt.datetime.fromisoformat(text)
        except ValueError:
            return None
        return stamp if stamp.tzinfo else stamp.replace(tzinfo=dt.UTC)
    clock = re.match(
        r"(?P<part>上午|下午|凌晨|晚上|早上|中午)?\s?(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d))?)?"
        r"(?:点(?:(?P<half>半)|(?P<point>\d{1,2}))?)?\s?(?P<noon>am|pm)?",
        text,
        re.IGNORECASE,
    )
    if not clock:
        return None
    hour = int(clock["hour"])
    if ((clock["noon"] or "").lower() == "pm" or clock["part"] in {"下午", "晚上"}) and hour < 12:
        hour += 12
    minute = 30 if clock["half"] else int(clock["minute"] or clock["point"] or 0)
    if hour > 24 or minute > 59 or int(clock["second"] or 0) > 59:
        return None
    base = day or _midnight(now)
    moment = base + dt.timedelta(hours=hour, minutes=minute, seconds=int(clock["second"] or 0))
    return moment - DAY if day is None and moment > now else moment


def _rule(pattern: str, span: Callable[..., _Span | None]) -> tuple[re.Pattern[str], Callable[..., _Span | None]]:
    return re.compile(pattern, re.IGNORECASE), span


_SPANS = (
    _rule(rf"\b(?:between|from) (?P<from>{_MOMENT}) (?:and|to|until|till) (?P<to>{_MOMENT})", _between),
    _rule(rf"从?\s*(?P<from>{_MOMENT})\s*(?:到|至|~|和|-)\s*(?P<to>{_MOMENT})\s*(?:之间|期间)?", _between),
    _rule(r"\bsince yesterday\b|昨天以来", _since_yesterday),
    _rule(rf"\b(?:since|after) (?P<from>{_MOMENT})|(?:自从?)?(?P<han>{_MOMENT})(?:以来|之后|以后)", _since),
    _rule(rf"\b(?:before|until|till) (?P<to>{_MOMENT})", _until),
    _rule(rf"(?P<to>{_MOMENT})(?:之前|以前)", _until),
    _rule(rf"\b(?:(?:in|over|during|within|for) )?the (?:last|past|previous) (?:{_COUNT} (?:of )?)?{_UNIT}\b", _last),
    _rule(rf"\b(?:last|past|previous) {_COUNT} (?:of )?{_UNIT}\b", _last),
    _rule(r"\b(?:last|past) (?P<unit>second|minute|min|hour|hr|day|year)\b|\bpast (?P<unit2>week|month)\b", _last),
    _rule(rf"(?:最近|过去|近|前)\s*(?:的)?{_HAN_COUNT}\s*个?{_HAN_UNIT}(?:内|里|以内|之内|以来)?", _last),
    _rule(rf"\b{_COUNT} {_UNIT} ago\b", _ago),
    _rule(rf"{_HAN_COUNT}\s*个?{_HAN_UNIT}(?:之前|以前|前)", _ago),
    _rule(rf"(?:\b(?:at|around|about) |(?<![\d.:-]))(?P<from>{_MOMENT})(?![\d:.])(?:左右|前后|的时候|时)?", _at),
    _rule(r"\bthis morning\b|\bin the morning\b|今早|早上|上午", _hours_of_day(6, 12)),
    _rule(r"\bthis afternoon\b|\bin the afternoon\b|下午", _hours_of_day(12, 18)),
    _rule(r"\blast night\b|\byesterday (?:evening|night)\b|昨晚|昨夜", _hours_of_day(18, 30, days_ago=1)),
    _rule(r"\btonight\b|\bthis evening\b|\bin the evening\b|今晚|晚上", _hours_of_day(18, 24)),
    _rule(r"凌晨", _hours_of_day(0, 6)),
    _rule(r"\bthis week\b|本周|这周|这个?星期", _week(0)),
    _rule(r"\blast week\b|上周|上个?星期", _week(1)),
    _rule(r"\bthis month\b|本月|这个月", _month(0)),
    _rule(r"\blast month\b|上个?月", _month(1)),
)  # fmt: skip

_DAY_SAID = re.compile(
    r"\b(?:this|to|last|yester|ago|hours?|minutes?|weeks?|months?|days?|past|previous)|今|昨|本|这|上周|上月|小时|分钟|最近|过去|天",
    re.IGNORECASE,
)
_CLOCK_SAID = re.compile(rf"(?<![\d.:-]){_CLOCK}|\b(?:morning|afternoon|evening)\b|{_DAY_PART}", re.IGNORECASE)


def is_clock_only(text: str) -> bool:
    """Whether it names a time of day, and no day."""
    now = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    names_day = _find_day(text, now)[0] is not None or re.search(_STAMP, text) or _DAY_SAID.search(text)
    return bool(_CLOCK_SAID.search(text)) and not names_day
