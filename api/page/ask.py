"""What the first screen shows: the question, its answer with numbered citations, and what to ask when nothing is."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from api.ask_step import OnStep, untold
from api.asked import asked
from api.content_ask import question_of
from api.content_lines import whole_messages
from api.line_json import incident_json
from api.models import AskRequest
from api.page.address import Address
from api.page.incidents import Brief, Likeness, family_colour, likeness, lines_of
from api.page.lines import Choice
from api.parts import Dejalog

SUGGESTIONS = (
    ("en", "Has there been a service avalanche like this lately?"),
    ("en", "Which service ran out of memory?"),
    ("en", "Were there connection pool problems this week?"),
    ("zh", "最近有没有类似的服务雪崩问题?"),
    ("zh", "哪个服务内存溢出了?"),
)
LATEST = 5
WINDOWS = (("1h", "Last hour"), ("24h", "24 hours"), ("7d", "7 days"), ("", "All retained data"))


@dataclasses.dataclass(frozen=True)
class Cited:
    """A claim with the numbers of the lines that prove it."""

    text: str
    numbers: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Citation:
    """A line that proves something, under its number; `message` is what it says as it was written."""

    number: int
    line: Mapping[str, Any]
    message: str
    link: str


@dataclasses.dataclass(frozen=True)
class Next:
    """A query to try next."""

    query: str
    link: str


@dataclasses.dataclass(frozen=True)
class Supposed:
    """What may have happened, with the claims that speak for it and against it."""

    text: str
    speaks_for: tuple[Cited, ...]
    speaks_against: tuple[Cited, ...]


@dataclasses.dataclass(frozen=True)
class Answered:
    """An answer as it is read: the opening first, then what proves it."""

    answer: Mapping[str, Any]
    lang: str
    """Of the answer's own sentences: that of the question."""
    opening: Cited
    claims: tuple[Cited, ...]
    citations: tuple[Citation, ...]
    similar: tuple[Likeness, ...]
    next_queries: tuple[Next, ...]
    windows: tuple[Choice, ...]
    """Other windows to ask in."""
    patterns: tuple[tuple[Mapping[str, Any], str], ...]
    """With the link to each."""
    hypotheses: tuple[Supposed, ...]
    """What a language model supposes, the likeliest first."""
    investigate: str
    """The link that has a language model look for more; empty where there is none or it has looked."""


@dataclasses.dataclass(frozen=True)
class Front:
    """What there is, when nothing is asked."""

    lines: int
    patterns: int
    incidents: int
    latest: tuple[Brief, ...]


def answer(
    dejalog: Dejalog, address: Address, on_step: OnStep = untold, is_gone: Callable[[], bool] = lambda: False
) -> Answered:
    """The answer to the question of an address. Raises InputError, and what `on_step` raises."""
    wanted = asked(AskRequest, question=address.q, start=address.start, end=address.end, mode=address.mode)
    found = dejalog.ask(question_of(wanted), on_step, is_gone=is_gone)
    numbers = {line["id"]: number for number, line in enumerate(found["citations"], 1)}
    claims = _cited(found["claims"], numbers)
    facts = {each.incident_id: incident_json(each) for each in dejalog.generation().incidents}
    similar = [each for each in found["similar"] if each["incident_id"] in facts]
    return Answered(
        answer=found,
        lang="zh" if any("\u4e00" <= char <= "\u9fff" for char in address.q) else "en",
        opening=_opening(found["answer"], claims),
        claims=tuple(claims[1:]),
        citations=_citations(dejalog, found["citations"]),
        similar=tuple(likeness(dejalog, each, facts[each["incident_id"]]) for each in similar),
        next_queries=_next(found, [facts[each["incident_id"]] for each in similar]),
        windows=_windows(address),
        patterns=tuple((each, f"/patterns/{each['pattern_id']}") for each in found["patterns"]),
        hypotheses=tuple(
            Supposed(each["text"], tuple(_cited(each["for"], numbers)), tuple(_cited(each["against"], numbers)))
            for each in found.get("hypotheses", ())
        ),
        investigate=str(address.with_(mode="llm")) if dejalog.model is not None and not address.mode else "",
    )


def _cited(claims: Sequence[Mapping[str, Any]], numbers: Mapping[str, int]) -> list[Cited]:
    return [Cited(each["text"], tuple(numbers[one] for one in each["citations"])) for each in claims]


def _opening(whole: str, claims: list[Cited]) -> Cited:
    """The first sentence: the verdict's own, and the first claim with its citations."""
    if not claims:
        return Cited(whole, ())
    before, found, _ = whole.partition(claims[0].text)
    return Cited(before + claims[0].text if found else claims[0].text, claims[0].numbers)


def _citations(dejalog: Dejalog, lines: Sequence[Mapping[str, Any]]) -> tuple[Citation, ...]:
    """An answer quotes on one line; here a stack trace is shown as one."""
    whole = whole_messages(dejalog, [each["id"] for each in lines])
    return tuple(
        Citation(number, each, whole.get(each["id"], each["message"]), f"/lines/{each['id']}")
        for number, each in enumerate(lines, 1)
    )


def _windows(address: Address) -> tuple[Choice, ...]:
    """The usual windows of a question, and all that is held, which is assumed where none is given."""
    return tuple(
        Choice(name, str(address.with_(start=text, end="")), address.start == text and not address.end)
        for text, name in WINDOWS
    )


def _next(found: Mapping[str, Any], facts: list[Mapping[str, Any]]) -> tuple[Next, ...]:
    """In the time of the best incident, else in the time that was searched: as `dejalog ask` tells."""
    window = facts[0] if facts else found["window"]
    start, end = window["start"] or "", window["end"]
    return tuple(Next(each, str(Address("/lines", query=each, start=start, end=end))) for each in found["next_queries"])


def is_new(dejalog: Dejalog) -> bool:
    """Whether nothing has come yet that a question could be about. What was mined says so without the store, which is
    asked, a round trip to Elasticsearch, only where nothing was; kept incidents outlive the lines.
    """
    generation = dejalog.generation()
    is_mined = generation.incidents or generation.patterns.patterns.height
    return not is_mined and not dejalog.store.high_water().lines


def front(dejalog: Dejalog) -> Front:
    """What is held, and what happened last."""
    generation = dejalog.generation()
    latest = [incident_json(each) for each in reversed(generation.incidents[-LATEST:])]
    return Front(
        lines=dejalog.store.high_water().lines,
        patterns=generation.patterns.patterns.height,
        incidents=len(generation.incidents),
        latest=tuple(
            Brief(
                incident=each,
                link=f"/incidents/{each['incident_id']}",
                lines=lines_of(each),
                family=family_colour(each["family_id"]),
                family_link=str(Address("/incidents", family_id=each["family_id"])),
                x=0,
                width=0,
                row=0,
            )
            for each in latest
        ),
    )
