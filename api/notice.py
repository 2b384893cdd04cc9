"""What is told to people unasked, and in which words: an alert's answer, an incident seen before, new errors, a view
over its threshold.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote as url_part

from api.sentence import quote
from api.time_text import format_time
from index.incident import Incident, Note, Similar

NoticeKind = Literal["alert", "incident", "patterns", "view"]
LINES = 3
"""Evidence lines of an alert's notice."""
SIMILAR = 3
PATTERNS = 5
TEXT_CHARACTERS = 3_000
"""Slack cuts at 4,000."""
_MENTION = re.compile(r"@(?=(?:channel|here|all|everyone)\b)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Notice:
    """One thing to tell. `lines` are plain text; `path` is where the page shows it."""

    kind: NoticeKind
    key: str
    time_ns: int
    title: str
    lines: tuple[str, ...]
    path: str
    details: Mapping[str, Any]


def payload(notice: Notice, page_url: str) -> dict[str, Any]:
    """The body of the webhook: `text` for Slack and what takes its form, the rest for programs."""
    link = page_url.rstrip("/") + notice.path if page_url else ""
    shown = "\n".join([notice.title, *notice.lines])[:TEXT_CHARACTERS]
    return {
        "text": _harmless(shown) + (f"\n<{link}|open in Dejalog>" if link else ""),
        "kind": notice.kind,
        "key": notice.key,
        "time": format_time(notice.time_ns),
        "title": notice.title,
        "lines": list(notice.lines),
        "link": link,
        **notice.details,
    }


def alert_notice(
    key: str,
    name: str,
    answer: Mapping[str, Any],
    past: Sequence[Similar],
    notes: Sequence[Note],
    *,
    now_ns: int,
) -> Notice:
    """An alert with its answer: verdict first, then what was like it, then the lines that show it."""
    lines = [f"{str(answer['verdict']).replace('_', ' ')}, confidence {answer['confidence']:.2f}"]
    lines.append(quote(answer["answer"], 900))
    lines += _past_lines(past, notes)
    lines += [
        f"{line['time']} {quote(line['service'], 60)}: {quote(line['message'], 200)}"
        for line in answer["citations"][:LINES]
    ]
    window = answer["window"]
    path = f"/?q={url_part(answer['question'])}&start={url_part(window['start'] or '')}&end={url_part(window['end'])}"
    details = {"verdict": answer["verdict"], "similar": _similar_json(past)}
    return Notice("alert", key, now_ns, f"Alert {quote(name, 120)}", tuple(lines), path, details)


def incident_notice(key: str, incident: Incident, past: Sequence[Similar], notes: Sequence[Note]) -> Notice:
    """A new incident, and the past ones that it resembles."""
    lines = [f"began {format_time(incident.start_ns)}, {incident.severity}", *_past_lines(past, notes)]
    return Notice(
        "incident",
        key,
        incident.start_ns,
        f"Seen before: {quote(incident.title, 200)}",
        tuple(lines),
        f"/incidents/{incident.incident_id}",
        {"incident_id": incident.incident_id, "services": list(incident.services), "similar": _similar_json(past)},
    )


def patterns_notice(key: str, patterns: Sequence[Mapping[str, Any]]) -> Notice:
    """New kinds of errors, each as `pattern_id`, `template`, `service`, `level`, `count`, `first_ns`; the first one's
    time is the notice's.
    """
    told = [
        f"{each['level']} {quote(each['service'], 60)}: {quote(each['template'], 200)} ({each['count']} lines)"
        for each in patterns[:PATTERNS]
    ]
    if len(patterns) > PATTERNS:
        told.append(f"and {len(patterns) - PATTERNS} more")
    title = "A new kind of error" if len(patterns) == 1 else f"{len(patterns)} new kinds of errors"
    path = f"/patterns/{patterns[0]['pattern_id']}" if len(patterns) == 1 else "/patterns?order=newest"
    details = {"patterns": [{"pattern_id": each["pattern_id"], "count": each["count"]} for each in patterns]}
    return Notice("patterns", key, min(each["first_ns"] for each in patterns), title, tuple(told), path, details)


def view_notice(
    key: str, name: str, view: Mapping[str, Any], *, count: int, start_ns: int, end_ns: int, is_exact: bool
) -> Notice:
    """A saved view whose count reached its threshold."""
    start, end = format_time(start_ns), format_time(end_ns)
    least = "" if is_exact else "at least "
    line = f"{least}{count} lines from {start} to {end}; the threshold is {view['threshold']}"
    path = f"/lines?q={url_part(view['query'])}&start={url_part(start)}&end={url_part(end)}"
    details = {"view": name, "count": count, "threshold": view["threshold"], "start": start, "end": end}
    return Notice("view", key, end_ns, f"Over its threshold: {quote(name, 200)}", (line,), path, details)


def _past_lines(past: Sequence[Similar], notes: Sequence[Note]) -> list[str]:
    """Past incidents, and what people noted of the best one."""
    lines = [
        f"like {format_time(each.incident.start_ns)} (fit {each.score:.2f}): {quote(each.incident.title, 200)}"
        for each in past[:SIMILAR]
    ]
    if past:
        best = past[0].incident
        for note in notes:
            if note.target in {best.incident_id, best.family_id}:
                lines += [f"{name} then: {quote(text, 300)}" for name, text in _told(note) if text]
    return lines


def _told(note: Note) -> tuple[tuple[str, str], ...]:
    return ("cause", note.cause), ("fix", note.fix), ("runbook", note.runbook), ("note", note.text)


def _similar_json(past: Sequence[Similar]) -> list[dict[str, Any]]:
    return [
        {
            "incident_id": each.incident.incident_id,
            "score": each.score,
            "title": quote(each.incident.title, 300),
            "start": format_time(each.incident.start_ns),
        }
        for each in past[:SIMILAR]
    ]


def _harmless(text: str) -> str:
    """What Slack and Mattermost would read as links, commands or mentions, as text."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub("@ ", escaped)
