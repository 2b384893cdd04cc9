"""Other ways in which sentences say the same, put into one way before `api/llm_clause.py` reads them. Only what is
compared changes: what is told stays as it was written.
"""

import re
from collections.abc import Set as AbstractSet

TIE = "\ue002"
"""Begins a part that must be told by the statement that tells the part before it."""
_WIDE = {
    wide: wide - 0xFEE0 for wide in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF0D)
}
_ASKS = str.maketrans(dict.fromkeys("?？", " \N{BLACK QUESTION MARK ORNAMENT}"))
"""A question tells nothing: its mark becomes one that nothing accounts for."""
_MONTH = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?"
)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d)")
_ORDINAL_DAY = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)(?: of)?(?= (?:{_MONTH})\b)")
_FAILED_TO = re.compile(r"\b(?:fail(?:s|ed|ing)?|refuse[sd]?|cease[sd]?) to\b", re.IGNORECASE)
_SPREAD = re.compile(r"\b(spread(?:s|ing)?) (?:over|across|to|among|through|throughout)\b", re.IGNORECASE)
_AGO_HAN = re.compile(r"(?<=[\d零一二三四五六七八九十百两])( ?(?:个?小时|天|日|分钟?))(?:之|以)?前")
_MOST_RECENT = re.compile(r"\bmost recent(?:ly)?\b", re.IGNORECASE)
_NAME = r"([A-Za-z0-9_][A-Za-z0-9_.@/-]*[A-Za-z0-9_]|[A-Za-z0-9_])"
_LONG = re.compile(r"(\d ?(?:h|hours?|min|minutes?)) and (?=\d)")
_AND_SPREAD = re.compile(r",? (?:and|then|which|that) (spread)\b")
_BOTH = re.compile(rf"(?<![\w.-]){_NAME}(?:,)? and (?:the )?(?={_NAME})")
_RELATIVE = re.compile(rf"{_NAME}, (?:which|who)(?= )")
_AFTER = re.compile(rf"(?<![\w.-]){_NAME}((?: (?:[^\s,;:.“”\ue000]|\.(?=\d))+)*?) after (?:the )?{_NAME}(?= |[,;.]|$)")
_FOLLOWED = re.compile(rf"(?<![\w.-]){_NAME} (?:then )?followed (?:the )?{_NAME}(?= |[,;.]|$)")
_AFTER_LEAD = re.compile(rf"(?<![^.;。；] )\b[Aa]fter (?:the )?{_NAME}( failed),")
_AFTER_HAN = re.compile(rf"{_NAME} ?在 ?{_NAME} ?(?:服务)?(?:之后|后) ?([^,，。;；:：\ue000]*)")
_NOTE = re.compile(
    r"((?:(?:Cause|Fix|Runbook), as noted|Note|据记录|备注)(?:[^:：“(（]|“[^”]*”|[(（][^()（）]*[)）])*"
    r"(?:[,，](?:原因|处理办法|操作手册))?[:：]) ?(.+)"
)
_COUNTED = re.compile(r"Incidents that fit(.*): (\d+)\.?")
_WIDENED = re.compile(
    r"^(?:Not in the last \d+ days; the search was widened to all retained data: "
    r"|最近 ?\d+ ?天内没有类似情况[;；]搜索已扩大到全部保留的数据[:：])"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def one_way(plain: str, names: AbstractSet[str]) -> str:
    """A sentence without its quotations, said in the one way that is compared. `names` are services in lower case."""
    text = plain.translate(_WIDE).translate(_ASKS)
    text = _THOUSANDS.sub("", text)
    text = _FAILED_TO.sub("did not", _MOST_RECENT.sub("latest", text))
    text = _AGO_HAN.sub(r"\1 ago ", _SPREAD.sub(r"\1", text))
    text = _ORDINAL_DAY.sub(r"\1", _MONTH_FIRST.sub(r"\2 \1", text))
    text = _AND_SPREAD.sub(rf"{TIE} \1", _LONG.sub(r"\1 ", text))
    text = _BOTH.sub(
        lambda found: f"{found[1]} & " if {found[1].lower(), found[2].lower()} <= names else found[0], text
    )
    text = _RELATIVE.sub(lambda found: f"{found[1]}, {found[1]}" if found[1].lower() in names else found[0], text)

    def swapped(first: str, other: str, said: str, found: re.Match[str]) -> str:
        return said if {first.lower(), other.lower()} <= names else found[0]

    text = _FOLLOWED.sub(lambda f: swapped(f[1], f[2], f"{f[2]} first{TIE} {f[1]} followed", f), text)
    text = _AFTER.sub(lambda f: swapped(f[1], f[3], f"{f[3]} first{TIE} {f[1]}{f[2]} later", f), text)
    text = _AFTER_LEAD.sub(lambda f: swapped(f[1], f[1], f"{f[1]}{f[2]} first{TIE}", f), text)
    return _AFTER_HAN.sub(lambda f: swapped(f[1], f[2], f"{f[2]} 最先{TIE}{f[1]} {f[3]}之后", f), text)


def noted_in(statement: str) -> str:
    """The words of a person in a statement that tells a note; nothing where it tells none."""
    found = _NOTE.fullmatch(statement)
    return found[2].strip(" .。") if found else ""


def statement_one_way(statement: str) -> str:
    """A statement in the form in which sentences are held against it: a note is a quotation, a count has its unit."""
    found = _NOTE.fullmatch(statement)
    if found:
        return f"{found[1]} “{found[2].replace('“', ' ').replace('”', ' ')}”"
    return forms_one_way(statement)


def forms_one_way(sentence: str) -> str:
    """“Incidents that fit: 2.” with the unit at its number, and nothing of how far was searched."""
    return _COUNTED.sub(r"\2 incidents fit\1.", _WIDENED.sub("", sentence))
