"""The sentences that the judge of answers understands, English and Chinese, and what each of them states."""

import dataclasses
import datetime as dt
import functools
import re
from collections.abc import Iterable

from api.evaluate.judge_files import SECOND_NS

_MINUTE_NS = 60 * SECOND_NS
_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_AGO = r"just now|刚刚|\d+ ?(?:minutes?|hours?|days?|分钟|小时|天)(?: ago|前)"
_SPAN = r"(?:\d+ (?:h|小时) )?(?:\d+ (?:min|分) ?)?(?:\d+(?:\.\d)? (?:s|ms|秒|毫秒|min|分))?"
_SLOTS = {
    "service": r"[^\s“”,、:。]+",
    "services": r"[^“”:。]+?",
    "time": _STAMP,
    "start": _STAMP,
    "end": _STAMP,
    "text": r"[^\n]+",
    "before": r"[^\n]+",
    "level": r"trace|debug|info|warn|error|fatal",
    "count": r"\d+",
    "patterns": r"\d+",
    "days": r"\d+",
    "usual": r"\d+(?:\.\d)?",
    "usual_delay": _SPAN,
    "observed": _SPAN,
    "duration": _SPAN,
    "delta": _SPAN,
    "ago": _AGO,
    "when": r"[^()]+ UTC",
    "until": r"[^,()]+ UTC",
}
_FORMS = {
    "quote": ("{service} at {time}: “{text}”", "{service} 于 {time}:“{text}”"),
    "appeared": (
        "{service} wrote “{text}”[ ({level})] {count} times; usual is about {usual}.",
        "{service} 写出“{text}”[({level})]{count} 次;平时约为 {usual} 次。",
    ),
    "vanished": (
        "{service} wrote “{text}”[ ({level})] only {count} times; usual is about {usual}.",
        "{service} 只写出“{text}”[({level})]{count} 次;平时约为 {usual} 次。",
    ),
    "slower": (
        "In {service}, “{text}” came {observed} after “{before}”; usual is about {usual_delay}.",
        "{service} 中“{text}”在“{before}”之后 {observed} 才出现;平时约为 {usual_delay}。",
    ),
    "lasted": (
        "It lasted {duration}, until {until}[, and touched {services} too].",
        "持续 {duration},到 {until} 为止[,还涉及 {services}]。",
    ),
    "written": (
        "“{text}”[ ({level})] was written {count} times[ by {services}][ between {start} and {end}].",
        "“{text}”[({level})][在 {services} 中][在 {start} 至 {end} 之间]共出现 {count} 次。",
    ),
    "summed": (
        "{count} lines[ by {services}][ between {start} and {end}], of {patterns} patterns.",
        "[在 {services} 中][在 {start} 至 {end} 之间]共有 {count} 行日志,属于 {patterns} 种模式。",
    ),
    "first": ("It was first seen at {time} in {service}.", "首次出现在 {time},服务 {service}。"),
    "last": ("It was last seen at {time} in {service}.", "最近一次出现在 {time},服务 {service}。"),
    "holding": ("“{text}” occurs in the messages of {count} lines.", "“{text}”出现在 {count} 行日志的消息中。"),
    "carrying": (
        "“{text}” occurs in {count} lines, in the message or as an id.",
        "“{text}”在消息中或作为标识出现在 {count} 行日志中。",
    ),
    "fitting": (
        "Incidents that fit[ in the last {days} days]: {count}.",
        "[最近 {days} 天内]共有 {count} 起事件符合。",
    ),
    "another": (
        "Another like it: {ago} ({when}), first in {service}.",
        "另一起类似事件:{ago}({when}),最先异常的是 {service}。",
    ),
    "less_alike": (
        "Less like it: {ago} ({when}), first in {service}.",
        "另一起不太相似的事件:{ago}({when}),最先异常的是 {service}。",
    ),
    "another_any": (
        "Another: {ago} ({when}), first in {service}.",
        "另一起事件:{ago}({when}),最先异常的是 {service}。",
    ),
}
_LEAD_DAYS = {
    "en": "Not in the last {days} days; the search was widened to all retained data: ",
    "zh": "最近 {days} 天内没有类似情况;搜索已扩大到全部保留的数据:",
}
_LEADS = {
    "Yes, ": "",
    "First ": "first",
    "Most recently ": "last",
    "What comes nearest was ": "near",
    "Yes, and again since; ": "again",
    "有,": "",
    "第一次是": "first",
    "最近一次是": "last",
    "最接近的是": "near",
    "有,此后又再次发生;": "again",
}
_STORY = {
    "en": "{lead}{ago} ({when}): [failures spread over {count} services: ]{who}.",
    "zh": "{lead}{ago}({when}):[故障蔓延到 {count} 个服务:]{who}。",
}
_WHO = {
    "en": "{service} failed(?: first)? (“{text}”){later}",
    "zh": "(?:最先异常的是 )?{service}(?: 出现异常)? ?(“{text}”){later}",
}
_LATER = {"en": ", {service} followed {delta} later", "zh": ",{service} 在 {delta}后随之异常"}
_SILENT = {"en": "{services} left their usual course", "zh": "{services} 偏离了平时的状态"}
_LISTED = re.compile(r"[,、] ?")


@dataclasses.dataclass(frozen=True)
class Said:
    """One sentence understood: `values` as they stand in it, None for what its form could say and it does not."""

    form: str
    language: str
    values: dict[str, str | None]
    followers: tuple[tuple[str, str], ...] = ()
    """(service, how much later), of a story, in order."""

    def text(self, name: str) -> str:
        """A value that the form always has."""
        value = self.values[name]
        assert value is not None
        return value

    def services(self) -> tuple[str, ...]:
        """Those of a list, in order."""
        return tuple(_LISTED.split(self.values.get("services") or "")) if self.values.get("services") else ()


def understand(sentence: str) -> Said | None:
    """What the sentence states; None when it has a form that the judge does not know."""
    for form, language, pattern in _patterns():
        found = pattern.fullmatch(sentence)
        if found:
            return Said(form, language, found.groupdict())
    return _story(sentence)


def _story(sentence: str) -> Said | None:
    for language in ("en", "zh"):
        found = _story_pattern(language).fullmatch(sentence)
        if found:
            values = found.groupdict()
            values["lead"] = _LEADS.get(values["lead"] or "", "widened" if values["days"] else "plain")
            return _with_who(values, language)
    return None


def _with_who(values: dict[str, str | None], language: str) -> Said | None:
    who = values.pop("who") or ""
    told = _who_pattern(language).fullmatch(who)
    if told:
        followers = [(one["service"], one["delta"]) for one in _compiled(_LATER[language]).finditer(told["later"])]
        return Said("story", language, {**values, "service": told["service"], "text": told["text"]}, tuple(followers))
    silent = _compiled(_SILENT[language]).fullmatch(who)
    return Said("silent", language, {**values, "services": silent["services"]}) if silent else None


@functools.cache
def _patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    return tuple(
        (form, language, _compiled(text))
        for form, texts in _FORMS.items()
        for language, text in zip(("en", "zh"), texts, strict=True)
    )


@functools.cache
def _story_pattern(language: str) -> re.Pattern[str]:
    leads = [*map(re.escape, _LEADS), _compiled(_LEAD_DAYS[language]).pattern, ""]
    pattern = _compiled(_STORY[language]).pattern
    return re.compile(pattern.replace(r"\{lead\}", f"(?P<lead>{'|'.join(leads)})").replace(r"\{who\}", "(?P<who>.+)"))


@functools.cache
def _who_pattern(language: str) -> re.Pattern[str]:
    # The one form whose words vary, so it is written as a regular expression but for its slots and round brackets.
    text = _WHO[language].replace("(“", r"\(“").replace("”)", r"”\)").replace("{later}", "")
    for name in ("service", "text"):
        text = text.replace(f"{{{name}}}", f"(?P<{name}>{_SLOTS[name]})")
    later = re.sub(r"\(\?P<\w+>", "(?:", _compiled(_LATER[language]).pattern)
    return re.compile(f"{text}(?P<later>(?:{later})*)")


@functools.cache
def _compiled(text: str) -> re.Pattern[str]:
    """Braces are slots, square brackets stand around what may be missing."""
    pattern = re.escape(text).replace(r"\[", "(?:").replace(r"\]", ")?")
    for name, slot in _SLOTS.items():
        pattern = pattern.replace(rf"\{{{name}\}}", f"(?P<{name}>{slot})")
    return re.compile(pattern)


_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_MOMENTS = (
    re.compile(r"(?P<day>\d+) (?P<name>[A-Z][a-z]{2})(?: (?P<year>\d{4}))? (?P<hour>\d\d):(?P<minute>\d\d) UTC"),
    re.compile(r"(?:(?P<year>\d{4})年)?(?P<month>\d+)月(?P<day>\d+)日 (?P<hour>\d\d):(?P<minute>\d\d) UTC"),
)
_UNITS_NS = {
    "minute": _MINUTE_NS,
    "分钟": _MINUTE_NS,
    "hour": 60 * _MINUTE_NS,
    "小时": 60 * _MINUTE_NS,
    "day": 1440 * _MINUTE_NS,
    "天": 1440 * _MINUTE_NS,
}
_PARTS_NS = {
    "h": 60 * _MINUTE_NS,
    "小时": 60 * _MINUTE_NS,
    "min": _MINUTE_NS,
    "分": _MINUTE_NS,
    "s": SECOND_NS,
    "秒": SECOND_NS,
    "ms": SECOND_NS // 1000,
    "毫秒": SECOND_NS // 1000,
}


def moment_ns(text: str, as_of_ns: int) -> int | None:
    """The start of the minute that is said; without a year the latest such day up to `as_of_ns`."""
    found = next((match for pattern in _MOMENTS if (match := pattern.fullmatch(text))), None)
    if found is None:
        return None
    parts = found.groupdict()
    month = int(parts["month"]) if parts.get("month") else _MONTHS.get(parts.get("name") or "", 0)
    year = int(parts["year"]) if parts["year"] else dt.datetime.fromtimestamp(as_of_ns // SECOND_NS, tz=dt.UTC).year
    for candidate in (year, year - 1):
        try:
            moment = dt.datetime(
                candidate, month, int(parts["day"]), int(parts["hour"]), int(parts["minute"]), tzinfo=dt.UTC
            )
        except ValueError:
            return None
        time_ns = int(moment.timestamp()) * SECOND_NS
        if parts["year"] or time_ns <= as_of_ns:
            return time_ns
    return None


def ago_fits(text: str, time_ns: int, as_of_ns: int) -> bool:
    """Whether "3 hours ago" is so, rounded down to its unit."""
    passed = as_of_ns - time_ns
    if text in {"just now", "刚刚"}:
        return passed < _MINUTE_NS
    found = re.match(r"(?P<n>\d+) ?(?P<unit>minute|hour|day|分钟|小时|天)", text)
    return found is not None and passed // _UNITS_NS[found["unit"]] == int(found["n"])


def span_bounds(text: str) -> tuple[int, int] | None:
    """The shortest and the longest span in ns that is said like this: the last part said is rounded."""
    parts = [(value, unit) for value, unit in re.findall(r"(\d+(?:\.\d)?) ([a-z]+|小时|分|秒|毫秒)", text)]
    if not parts or any(unit not in _PARTS_NS for _, unit in parts):
        return None
    low = round(sum(float(value) * _PARTS_NS[unit] for value, unit in parts))
    value, unit = parts[-1]
    step = _PARTS_NS[unit] // 10 if "." in value else _PARTS_NS[unit]
    return low - (step // 2 if "." in value else 0), low + (step * 6 // 10 if "." in value else step)


def quoted_parts(sentence: str) -> Iterable[str]:
    """What stands between quotation marks."""
    return re.findall("“([^”]*)”", sentence)
