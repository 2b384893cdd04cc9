"""“Investigate …”: a question for which a language model is to look further, wherever it is said to the bot."""

import re

_ASKED = re.compile(
    r"^\s*(?:please\s+)?investigate\b\s*[:：,，-]?\s*(?P<en>.*)$"
    r"|^\s*(?:请)?(?:深入)?调查(?!问卷|报告|结果|员)(?:一下)?\s*[:：,，]?\s*(?P<zh>.*)$",
    re.IGNORECASE | re.DOTALL,
)
"""Behind 调查 no word that it is a part of: those are things to ask about."""


def asks_to_investigate(text: str) -> str | None:
    """The question after “investigate”, perhaps none; None where nobody asks for it."""
    found = _ASKED.match(text)
    if found is None:
        return None
    return (found["en"] if found["en"] is not None else found["zh"]).strip()
