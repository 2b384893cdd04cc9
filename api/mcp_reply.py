"""From a reply of Dejalog to what a tool answers: bounded, log text plain and on one line, with what was cut and how to
get it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from api import mcp_models as models
from api.sentence import quote

REPLY_CHARACTERS = 40_000
"""No reply is longer, as JSON or as text: about 10,000 tokens (a guess: assistants cut at some
tens of thousands)."""
MOST_LINES = 50
MOST_PATTERNS = 50
MOST_INCIDENTS = 25
MOST_SIMILAR = 10
LINES_CHARACTERS = 10_000
"""All messages and attributes of a reply together; few lines are shown at greater length."""
LEAST_OF_LINE = 150
MOST_OF_LINE = 4_000
NAME_CHARACTERS = 80
TEMPLATE_CHARACTERS = 200
TITLE_CHARACTERS = 300
FEW = 4
"""Names and templates of one item."""
CLAIMS = 12
CITATIONS = 12
CLAIM_CHARACTERS = 700
ANSWER_CHARACTERS = 5_000
SHOWN_PATTERNS = 5
SHOWN_SIMILAR = 3


def lines_of(reply: Mapping[str, Any]) -> models.Lines:
    """Of a search."""
    lines, cut = _lines(reply["lines"])
    if reply["cursor"]:
        cut.append(f"{len(lines)} of {reply['total']} lines: pass `cursor` for the next, or narrow the query")
    return models.Lines(
        cut=cut,
        lines=lines,
        total=reply["total"],
        total_exact=reply["total_exact"],
        partial=reply["partial"],
        window=_window(reply),
        cursor=reply["cursor"],
    )


def context_of(reply: Mapping[str, Any]) -> models.Context:
    """Of a line's neighbours."""
    lines, cut = _lines(reply["lines"])
    return models.Context(cut=cut, line_id=quote(reply["line_id"], NAME_CHARACTERS), lines=lines)


def patterns_of(reply: Mapping[str, Any]) -> models.Patterns:
    """Of a list of patterns."""
    patterns = [_pattern(each) for each in reply["patterns"]]
    cut = []
    if reply["cursor"]:
        cut.append(f"{len(patterns)} of {reply['total_patterns']} patterns: pass `cursor` for the next")
    return models.Patterns(
        cut=cut,
        patterns=patterns,
        total_lines=reply["total_lines"],
        total_patterns=reply["total_patterns"],
        partial=reply["partial"],
        window=_window(reply),
        cursor=reply["cursor"],
    )


def incidents_of(reply: Mapping[str, Any]) -> models.Incidents:
    """Of a list of incidents."""
    found = [
        models.Incident(
            incident_id=each["incident_id"],
            title=quote(each["title"], TITLE_CHARACTERS),
            start=each["start"],
            end=each["end"],
            services=_names(each["services"]),
            severity=each["severity"],
            kinds=_names(each["kinds"]),
        )
        for each in reply["incidents"]
    ]
    cut = [f"{len(found)} of {reply['total']} incidents: pass `cursor` for the next"] if reply["cursor"] else []
    return models.Incidents(
        cut=cut, incidents=found, total=reply["total"], window=_window(reply), cursor=reply["cursor"]
    )


def similar_of(reply: Mapping[str, Any]) -> models.SimilarFound:
    """Of past incidents like one."""
    return models.SimilarFound(cut=[], similar=[_similar(each) for each in reply["similar"]])


def answer_of(reply: Mapping[str, Any]) -> models.Answer:
    """Of a question."""
    shown = reply["citations"][:CITATIONS]
    lines, cut = _lines(shown)
    for name, limit, how in (
        ("claims", CLAIMS, "ask about a shorter window or one service"),
        ("citations", CITATIONS, "`context` reads any line by the id that a claim cites"),
        ("patterns", SHOWN_PATTERNS, "`patterns` lists them"),
        ("similar", SHOWN_SIMILAR, "`similar_incidents` lists them"),
    ):
        if len(reply[name]) > limit:
            cut.append(f"{limit} of {len(reply[name])} {name}: {how}")
    return models.Answer(
        cut=cut,
        answer=quote(reply["answer"], ANSWER_CHARACTERS),
        verdict=reply["verdict"],
        confidence=reply["confidence"],
        window=_window(reply),
        claims=[
            models.Claim(text=quote(each["text"], CLAIM_CHARACTERS), citations=each["citations"][:FEW])
            for each in reply["claims"][:CLAIMS]
        ],
        citations=lines,
        patterns=[_pattern(each) for each in reply["patterns"][:SHOWN_PATTERNS]],
        similar=[_similar(each) for each in reply["similar"][:SHOWN_SIMILAR]],
        documents=[
            quote(f"{each['title']} ({each['source']}): {each['text']}", CLAIM_CHARACTERS)
            for each in reply.get("documents", ())[:FEW]
        ],
        next_queries=[quote(each) for each in reply["next_queries"][:FEW]],
        read_as=quote(reply["read_as"], TITLE_CHARACTERS),
        as_of=reply["as_of"],
        revision=reply["revision"],
    )


def _lines(found: Sequence[Mapping[str, Any]]) -> tuple[list[models.Line], list[str]]:
    """Lines with equal shares of the characters there are, and what was cut of them."""
    share = min(max(LINES_CHARACTERS // max(len(found), 1), LEAST_OF_LINE), MOST_OF_LINE)
    lines = [_line(each, share) for each in found]
    shortened = sum(line.message.endswith("…") or line.attributes.endswith("…") for line in lines)
    cut = []
    if shortened:
        cut.append(
            f"{shortened} lines are cut at {share} characters and end in …: `context` with before 0 and after 0 shows "
            f"up to {MOST_OF_LINE} of one"
        )
    return lines, cut


def _line(line: Mapping[str, Any], share: int) -> models.Line:
    message = quote(line["message"], share)
    attributes = orjson.dumps(line["attributes"]).decode() if line.get("attributes") else ""
    return models.Line(
        id=line["id"],
        time=line["time"],
        service=quote(line["service"], NAME_CHARACTERS),
        level=line["level"],
        message=message,
        pattern_id=line["pattern_id"],
        attributes=quote(attributes, max(share - len(message), LEAST_OF_LINE // 2)),
    )


def _pattern(pattern: Mapping[str, Any]) -> models.Pattern:
    return models.Pattern(
        pattern_id=pattern["pattern_id"],
        template=quote(pattern["template"], TEMPLATE_CHARACTERS),
        count=pattern["count"],
        services=_names(pattern.get("services", ())),
        levels=_names(pattern.get("levels", ())),
        first_seen=pattern["first_seen"],
        last_seen=pattern["last_seen"],
    )


def _similar(similar: Mapping[str, Any]) -> models.Similar:
    return models.Similar(
        incident_id=similar["incident_id"],
        score=similar["score"],
        title=quote(similar["title"], TITLE_CHARACTERS),
        shared=_templates(similar["shared"]),
        missing=_templates(similar["missing"]),
        extra=_templates(similar["extra"]),
        onset=[f"{quote(each['service'], NAME_CHARACTERS)} {each['time']}" for each in similar["onset"][:FEW]],
    )


def _names(names: Iterable[str]) -> list[str]:
    return [quote(name, NAME_CHARACTERS) for name in names][:FEW]


def _templates(templates: Iterable[str]) -> list[str]:
    return [quote(template, TEMPLATE_CHARACTERS) for template in templates][:FEW]


def _window(reply: Mapping[str, Any]) -> models.Window:
    window = reply["window"]
    return models.Window(start=window["start"], end=window["end"], assumed=window["assumed"])
