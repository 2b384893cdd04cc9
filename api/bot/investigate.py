"""“Investigate …”: a question for which a language model is to look further, wherever it is said to the bot."""

import re

_EN = r"(?:(?:please|(?:can|could|would|will)\s+you(?:\s+please)?)\s+)?investigate(?![-./@'’]?\w)\s*[:：,，.?!-]?"
_ZH = (
    r"(?:(?:请|麻烦|能否|能不能|可以|可否|能|你|您|帮我们|帮我|帮忙|帮)\s*)*(?:深入)?调查"
    r"(?!过(?![去期载程滤高低长])|了(?!解)|中(?![间台心断转继])|着|吗|员(?!工)|人员|[小团]?[组队](?![件列])|表|显示|发现|问卷|报告|结果)"
    r"(?:一下)?\s*[:：,，。?？!！]?"
)
_ASKED = re.compile(rf"^\s*(?:{_EN}\s*(?P<en>.*)|{_ZH}\s*(?P<zh>.*))$", re.IGNORECASE | re.DOTALL)
"""Behind the word none that it is a part of, nor one by which it tells or asks of an investigation. What only begins
like one of those (过去, 中间件, 队列) is something to look into.
"""


def asks_to_investigate(text: str) -> str | None:
    """The question after “investigate”, perhaps none; None where nobody asks for it."""
    found = _ASKED.match(text)
    if found is None:
        return None
    return (found["en"] if found["en"] is not None else found["zh"]).strip()
