"""Lists as messages: similar incidents, found lines, patterns, one incident, the help. All are answered privately."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote as quoted
from urllib.parse import urlencode

from api.bot.mrkdwn import code, context, fitted, link, sections, shown
from api.bot.render import Rendering, moment
from api.bot.surface import Reply

SIMILAR = 5
LINES = 15
PATTERNS = 10
DEVIATIONS = 8
NOTES = 3
COMMANDS = (
    ("ask", "have we seen pool exhaustion lately?"),
    ("investigate", "why do payments fail?"),
    ("similar", "[incident]"),
    ("search", "service:payment level:error"),
    ("patterns", "[query]"),
    ("incident", "[id]"),
    ("set", "service=payment window=7d language=zh"),
)


def told(lines: Sequence[str], *, small_print: str = "") -> Reply:
    """A private message of these lines, in as many sections as they need."""
    blocks = sections(lines)
    if small_print:
        blocks.append(context(small_print))
    return Reply(fitted(lines), tuple(blocks), is_private=True)


def similar_reply(incident: Mapping[str, Any], similar: Sequence[Mapping[str, Any]], rendering: Rendering) -> Reply:
    """Past incidents like one."""
    head = rendering.say("similar_to", incident=rendering.incident(incident))
    if not similar:
        return told([head, rendering.say("no_similar")])
    rows = [
        f"{number}. {rendering.incident(each)} · {moment(each['start'])} · "
        + rendering.say("fit", score=f"{float(each['score']):.2f}")
        for number, each in enumerate(similar[:SIMILAR], 1)
    ]
    return told([head, *rows])


def search_reply(reply: Mapping[str, Any], query: str, rendering: Rendering) -> Reply:
    """The newest lines that match."""
    total = f"{reply['total']:,}"
    exact = total if reply["total_exact"] else rendering.say("at_least", total=total)
    window = reply["window"]
    asked = {"query": query, "start": window["start"], "end": window["end"]}
    url = rendering.to(f"/lines?{urlencode({name: value for name, value in asked.items() if value})}")
    spanned = rendering.say("searched", start=_bound(window["start"]), end=_bound(window["end"]))
    head = f"*{rendering.say('found_lines', total=exact)}* · {spanned}"
    rows = [rendering.line(each) for each in reply["lines"][:LINES]]
    return told([head, *rows], small_print=link(url, rendering.say("more")) if url else "")


def patterns_reply(patterns: Sequence[Mapping[str, Any]], rendering: Rendering) -> Reply:
    """The most frequent first."""
    rows = []
    for each in patterns[:PATTERNS]:
        url = rendering.to(f"/patterns/{quoted(str(each['pattern_id']), safe='')}")
        count = link(url, rendering.say("pattern_count", count=f"{each['count']:,}"))
        services = shown(", ".join(each["services"][:3]), 120)
        rows.append(f"• {count} · {services} {code(each['name'] or each['template'])}")
    return told(rows or [rendering.say("no_patterns")])


def incident_reply(incident: Mapping[str, Any], rendering: Rendering) -> Reply:
    """One incident: who failed first, what deviated, what people noted."""
    rows = [
        rendering.incident(incident),
        f"{moment(incident['start'])} – {moment(incident['end'])} · {incident['severity']}",
    ]
    if incident["onset"]:
        steps = [f"{shown(each['service'], 60)} +{each['after_s']:.0f} s" for each in incident["onset"][:8]]
        rows.append(f"*{rendering.say('onset')}*: " + " → ".join(steps))
    rows.append(f"*{rendering.say('deviated')}*")
    rows += [
        f"• {each['kind']} · {shown(each['service'], 60)} {code(each['template'])}"
        for each in incident["deviations"][:DEVIATIONS]
    ]
    if incident["notes"]:
        rows.append(f"*{rendering.say('notes')}*")
    for note in incident["notes"][-NOTES:]:
        said = "; ".join(str(note[name]) for name in ("name", "text", "cause", "fix", "runbook") if note[name])
        rows.append(f"• {shown(said)} — {shown(note['author'], 60)}")
    return told(rows)


def lines_reply(lines: Sequence[Mapping[str, Any]], rendering: Rendering) -> Reply:
    """What a press of *Show lines* shows."""
    return told([rendering.line(each) for each in lines[:LINES]] or [rendering.say("no_lines")])


def help_reply(rendering: Rendering) -> Reply:
    """What can be asked, and how."""
    rows = [f"• `/dejalog {name} {example}` {rendering.say(f'help_{name}')}" for name, example in COMMANDS]
    return told([rendering.say("help"), *rows, rendering.say("help_remember")])


def _bound(time: str | None) -> str:
    return "…" if time is None else moment(time)
