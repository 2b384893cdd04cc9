"""Takes secrets, addresses and names out of what a language model is given, and puts them back into what it answers.

One `Redaction` a question: the same value has the same token, so that the model can still tell one host from another.
What is taken out, and by which rule, stands in redact.toml. It errs on the side of taking out: tokens come back.
"""

import collections
import dataclasses
import functools
import ipaddress
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

KINDS = ("SECRET", "IP", "MAC", "EMAIL", "PHONE", "CARD", "IBAN", "PERSON", "NAME", "TEXT")
"""What tokens are called; TEXT stands for text that looked like a token before."""
_KINDS = "|".join(KINDS)
_CLOSED = r"(?:\s?[\]⟩】〕}>])?"
_TOKEN = re.compile(
    rf"\\\[({_KINDS})\\?_([0-9]{{1,5}})\\\]"
    rf"|[\[⟨【〔{{<]\s?({_KINDS})\\?[\s_-]?([0-9]{{1,5}})(?!\w){_CLOSED}"
    rf"|(?<!\w)({_KINDS})\\?_([0-9]{{1,5}})(?!\w){_CLOSED}",
    re.IGNORECASE | re.ASCII,
)
"""A token as it is written, and as models write it: other brackets, small letters, a blank or - for _, escapes."""
_LEARNED = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).{8,256}", re.DOTALL)
"""Secrets that are looked for without their names, too: random enough to be no word of the log."""
_SHORTEST_GIVEN = 3
"""Characters from which on a value with a token is taken out by itself (a guess: shorter ones are in every text)."""
_NO_SECRET = re.compile(
    r"[*x•.#?_-]+|\$\{?\w+\}?|\$\(.*|%[sdv(].*|\{+[\w. -]*\}*|<\w*>?|\[?(?:redacted|hidden|masked|filtered|removed)\]?"
    r"|null|none|nil|undefined|true|false|yes|no|empty|missing|invalid|expired|incorrect|wrong|required|not|is|was|are|has"
    r"|been|failed|unknown|absent|revoked|mismatch|changed|reset|found|denied|rejected|accepted|ok|valid|too|must|cannot"
    r"|optional|disabled|enabled|n/a|and|or|the|for|错误|无效|过期|失败|为空|不正确|已过期|不存在|缺失",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"\d+|[0-9a-f]{8}-[0-9a-f-]{27}|root|system|anonymous|nobody|null|none|nil|undefined|unknown|true|false|guest|-+|not"
    r"|input|auth(?:entication|orization)?|requests?|sessions?|services?|data|agents?|profiles?|id|accounts?|login|logins"
    r"|actions?|table|groups?|interaction|and|with|creation|registration|management|store|cache|is|was|has|does|did|cannot"
    r"|failed|found|invalid|error|created|deleted|updated|password|publickey|keyboard-interactive|support|experience|space"
    r"|admin|mode|ok|success|successful|failure|required|page|timeout|defined|name|the|a|an|in|on|of|to|by|(?:不|未|已|无|登录|登陆|失败|管理|服务|请求|输入|数据|密码).*",
    re.IGNORECASE,
)


class Redaction:
    """What was taken out for one question, and how it comes back. Not for several threads at once."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], str] = {}
        self._values: dict[tuple[str, str], str] = {}
        self._numbers: collections.Counter[str] = collections.Counter()
        self._learned: dict[str, None] = {}

    def __len__(self) -> int:
        """How many values have a token."""
        return len(self._values)

    def learn(self, text: str) -> None:
        """Remember the secrets in a text, so that they are taken out of earlier ones where they have no name, too."""
        for span in _spans(text):
            self._learn(span.kind, text[span.start : span.end])

    def conceal(self, text: str) -> str:
        """As `redact`, and also whatever has a token already, wherever it stands: for text into which something was put
        back, where nothing may tell any more that it is secret.
        """
        given = [value for kind, value in self._tokens if kind != "TEXT" and len(value) >= _SHORTEST_GIVEN]
        return self._redacted(text, self._learned | dict.fromkeys(given))

    def redact(self, text: str) -> str:
        """The text with tokens, which look like `[IP_2]`. Call it once on each text: tokens are taken out as well."""
        return self._redacted(text, self._learned)

    def _redacted(self, text: str, known: dict[str, None]) -> str:
        spans = _spans(text)
        for span in spans:
            self._learn(span.kind, text[span.start : span.end])
        pieces, at = [], 0
        for span in _with_known(text, spans, known | self._learned):
            pieces.append(self._escaped(text[at : span.start]))
            pieces.append(self._token(span.kind, text[span.start : span.end]))
            at = span.end
        pieces.append(self._escaped(text[at:]))
        return "".join(pieces)

    def restore(self, text: str) -> str:
        """Each token as the value that it stands for. One that was never given out stays as it is."""
        return _TOKEN.sub(self._value, text)

    def _escaped(self, text: str) -> str:
        """Text that is no secret. What looks like a token in it gets one, or it would come back as something else."""
        return _TOKEN.sub(lambda found: self._token("TEXT", found[0]), text)

    def _learn(self, kind: str, value: str) -> None:
        if kind == "SECRET" and _LEARNED.fullmatch(value):
            self._learned[value] = None

    def _token(self, kind: str, value: str) -> str:
        if (kind, value) not in self._tokens:
            self._numbers[kind] += 1
            number = str(self._numbers[kind])
            self._tokens[kind, value] = f"[{kind}_{number}]"
            self._values[kind, number] = value
        return self._tokens[kind, value]

    def _value(self, found: re.Match[str]) -> str:
        kind, number = (each for each in found.groups() if each)
        return self._values.get((kind.upper(), number), found[0])


@dataclasses.dataclass(frozen=True)
class _Span:
    start: int
    end: int
    kind: str


@dataclasses.dataclass(frozen=True)
class _Rule:
    kind: str
    pattern: re.Pattern[str]
    group: str | int
    holds: Callable[[str], bool]
    needs: tuple[str, ...]
    whole: bool


@functools.cache
def _rules() -> tuple[_Rule, ...]:
    told = tomllib.loads(files("api").joinpath("redact.toml").read_text(encoding="utf-8"))
    return tuple(_rule(**each) for each in told["rule"])


def _rule(
    *, name: str, kind: str, pattern: str, check: str = "", needs: Sequence[str] = (), whole: bool = False
) -> _Rule:
    assert kind in KINDS, name
    compiled = re.compile(pattern)
    return _Rule(kind, compiled, "v" if "v" in compiled.groupindex else 0, _CHECKS[check], tuple(needs), whole)


def _spans(text: str) -> list[_Span]:
    """What the rules find, in order and without overlaps; what an earlier rule has, a later one does not get."""
    small = text.lower()
    taken: list[_Span] = []
    for rule in _rules():
        if not rule.needs or any(word in small for word in rule.needs):
            found = [_Span(*each.span(rule.group), rule.kind) for each in rule.pattern.finditer(text)]
            held = [each for each in found if rule.holds(text[each.start : each.end])]
            taken = _joined(taken, held, whole=rule.whole)
    return taken


def _with_known(text: str, spans: list[_Span], known: dict[str, None]) -> list[_Span]:
    """Also where a known secret stands without its name."""
    found = [
        _Span(at, at + len(secret), "SECRET")
        for secret in sorted(known, key=len, reverse=True)
        for at in _places(text, secret)
    ]
    return _joined(spans, sorted(found, key=lambda each: (each.start, -each.end)))


def _places(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))


def _joined(first: list[_Span], second: list[_Span], *, whole: bool = False) -> list[_Span]:
    """Both in order; of the second, what the first leaves over, or only those of which it has nothing."""
    left: list[_Span] = []
    at = index = 0
    for span in second:
        while index < len(first) and first[index].end <= span.start:
            index += 1
        gaps = list(_gaps(first, index, max(span.start, at), span))
        if not whole or gaps == [span]:
            left += gaps
        at = max(at, span.end)
    return sorted([*first, *left], key=lambda each: each.start) if left else first


def _gaps(taken: list[_Span], index: int, start: int, span: _Span) -> Iterator[_Span]:
    """What none of those taken has of the span from `start` on; the first that may matter stands at `index`."""
    while start < span.end and index < len(taken) and taken[index].start < span.end:
        if start < taken[index].start:
            yield _Span(start, taken[index].start, span.kind)
        start = max(start, taken[index].end)
        index += 1
    if start < span.end:
        yield _Span(start, span.end, span.kind)


def _is_secret(value: str) -> bool:
    """Not a word that says how things stand with a secret."""
    bare = value.strip("[](){}<>:.!?,;，。！")
    return bool(bare) and not _NO_SECRET.fullmatch(bare)


def _is_key(value: str) -> bool:
    """Nor a count: keys are no short numbers."""
    return _is_secret(value) and not re.fullmatch(r"[\d.,%/-]{1,8}", value)


def _is_token(value: str) -> bool:
    """Nor a word at all."""
    return len(value) >= 8 and _is_key(value) and any(each.isdigit() for each in value)


def _is_no_word(value: str) -> bool:
    """Not letters of one case alone, as the beginning of a word is."""
    return not re.fullmatch(r"[A-Z]?[a-z]+[,;:]?|[A-Z]+|[^\x00-\x7f]+", value)


def _is_random(value: str) -> bool:
    """A blob of which the next character cannot be guessed: letters and digits, 3 bits a character or more."""
    kinds = (any(each.isdigit() for each in value), any(each.isalpha() for each in value))
    if not all(kinds) or re.fullmatch(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]+(?:[-_/][a-z0-9]+)+", value):
        return False
    counts = collections.Counter(value[:4096])
    size = counts.total()
    return -sum(count / size * math.log2(count / size) for count in counts.values()) >= 3.0


def _is_ip(value: str) -> bool:
    """A valid one that is not the same everywhere."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified) and value != "255.255.255.255"


def _is_iban(value: str) -> bool:
    """By its check digits (ISO 13616)."""
    compact = value.replace(" ", "")
    turned = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join(str(int(each, 36)) for each in turned)) % 97 == 1


_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|65\d{2}|64[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
"""First digits and lengths of the large card schemes (ISO/IEC 7812)."""


def _is_card(value: str) -> bool:
    """By issuer and check digit (Luhn)."""
    digits = re.sub(r"[ -]", "", value)
    if not _ISSUERS.fullmatch(digits):
        return False
    doubled = (int(each) * (1 + place % 2) for place, each in enumerate(reversed(digits)))
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _is_resident(value: str) -> bool:
    """By its check digit (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(int(each) * (2 ** (17 - place) % 11) for place, each in enumerate(value[:17]))
    return "10X98765432"[total % 11] == value[17].upper()


def _is_phone(value: str) -> bool:
    """As many digits as numbers have (E.164)."""
    return 7 <= sum(each.isdigit() for each in value) <= 15


def _is_name(value: str) -> bool:
    """Neither an id nor a word of the sentence."""
    return not _NO_NAME.fullmatch(value)


_CHECKS: dict[str, Callable[[str], bool]] = {
    "": lambda _value: True,
    "secret_value": _is_secret,
    "key_value": _is_key,
    "token_value": _is_token,
    "entropy": _is_random,
    "cut_value": _is_no_word,
    "ip": _is_ip,
    "iban": _is_iban,
    "card": _is_card,
    "resident": _is_resident,
    "phone": _is_phone,
    "name_value": _is_name,
}
