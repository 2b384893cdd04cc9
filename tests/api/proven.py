"""Whether an answer that a model had a part in tells only what the lines prove, by means that the checker has no part
in: the judge of what models tell, and where each word comes from.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from api.evaluate.judge_files import PlainLine
from api.evaluate.judge_told import judge_told
from api.llm import Completion
from api.time_text import parse_time

STAYS = ("verdict", "confidence", "window", "patterns", "similar", "read_as", "revision", "as_of", "next_queries")
"""Of an answer, whatever a model does."""
BEGINS = 20
"""Characters of a sentence by which it is recognised."""
_JOINING = frozenset(
    re.findall(r"\w+", "a an and at by for in it its of on or that the then there this to was were which with")
)
_IDEOGRAPHS = re.compile(r"[\u3400-\u9fff]+")


def assert_holds(answer: Mapping[str, Any], plain: Mapping[str, Any], completions: Sequence[Completion]) -> None:
    """The answer is the one without a model, and sentences of the model that the lines prove."""
    assert {name: answer[name] for name in STAYS} == {name: plain[name] for name in STAYS}
    cited = {line["id"] for line in answer["citations"]}
    assert {line["id"] for line in plain["citations"]} <= cited
    assert [claim for claim in answer["claims"] if not cited.issuperset(claim["citations"])] == []
    assert unproven(answer, plain) == []
    proven = [claim["text"] for claim in answer["claims"]]
    public, without = json.dumps(answer, ensure_ascii=False), json.dumps(plain, ensure_ascii=False)
    for text in proven:
        public = public.replace(json.dumps(text, ensure_ascii=False)[1:-1], "")
    assert not [each for each in beginnings(completions) if each in public and each not in without]


def unproven(answer: Mapping[str, Any], plain: Mapping[str, Any]) -> list[str]:
    """Claims of the answer that neither the one without a model has nor the lines that they cite prove."""
    known = [claim["text"] for claim in plain["claims"]]
    return [
        claim["text"]
        for claim in answer["claims"]
        if claim["text"] not in known and not _is_proven(claim, answer, plain)
    ]


def beginnings(completions: Sequence[Completion]) -> list[str]:
    """Of the model's sentences, long enough to be known again."""
    lines = [line.strip("-*#1234. ") for completion in completions for line in completion.text.split("\n")]
    return [line[:BEGINS] for line in lines if len(line) >= BEGINS]


def _is_proven(claim: Mapping[str, Any], answer: Mapping[str, Any], plain: Mapping[str, Any]) -> bool:
    """Whether the judge finds nothing wrong, and each word stands in a cited line or in a claim that cites one too."""
    lines = [line for line in answer["citations"] if line["id"] in claim["citations"]]
    read = [
        PlainLine("", 0, line["service"], parse_time(line["time"], now_ns=0), line["level"], (line["message"],))
        for line in lines
    ]
    services = sorted({line["service"] for line in answer["citations"]})
    if judge_told(claim, read, plain["claims"], services).outcome != "right":
        return False
    bases = [each["text"] for each in plain["claims"] if set(each["citations"]) & set(claim["citations"])]
    bases += [" ".join((line["service"], line["time"], line["level"], line["message"])) for line in lines]
    return _words(claim["text"]) - _JOINING <= frozenset().union(*map(_words, bases))


def _words(text: str) -> frozenset[str]:
    """In lower case; of what is written without blanks each two characters side by side."""
    pairs = [run[at : at + 2] for run in _IDEOGRAPHS.findall(text) for at in range(max(len(run) - 1, 1))]
    return frozenset([*re.findall(r"[^\W\d_]+", _IDEOGRAPHS.sub(" ", text).lower()), *pairs])
