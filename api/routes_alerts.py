"""The route that alerts come to: the memory's answer goes back, and out to the webhook."""

import time
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from api.alert import AlertQuestion, AlertsRequest, alert_question
from api.json_route import JsonRoute
from api.line_json import similar_json
from api.notice import alert_notice
from api.parts import Dejalog
from api.reply import Timed
from api.running import Running
from api.tell import first_told, send_told
from api.time_text import format_time
from index.incident import Similar

router = APIRouter(prefix="/v1", tags=["ask"], route_class=JsonRoute)
SIMILAR = 5


@router.post("/alerts", summary="Alerts, as Alertmanager's webhook sends them, answered from what is remembered")
def post_alerts(dejalog: Running, group: AlertsRequest) -> Response:
    """Takes Alertmanager's webhook (version 4). The firing alerts of a group are one question: of the services that
    their labels name, from 15 minutes before the first began until now. Answers `{"firing", "resolved", "question",
    "answer": {…}, "similar": […], "notice"}`; `notice` is `queued`, `repeated` (each of these alerts was told before),
    `dropped` (too many wait; sent again, it is told) or `off` (no `notify_url`). Resolved alerts ask nothing.
    """
    timed = Timed()
    counts = {"firing": len(group.firing), "resolved": len(group.alerts) - len(group.firing)}
    if not group.firing:
        return timed.reply({**counts, "question": None, "answer": None, "similar": [], "notice": "off"})
    now_ns = time.time_ns()
    known = dejalog.generation().counts["service"].unique().sort().to_list()
    asked = alert_question(group, known=known, now_ns=now_ns)
    text, answer = _answered(dejalog, asked)
    past = _past(dejalog, asked)
    content = {
        **counts,
        "question": {
            "text": text,
            "start": format_time(asked.start_ns),
            "end": format_time(asked.end_ns),
            "services": list(asked.services),
        },
        "answer": answer,
        "similar": [similar_json(each) for each in past],
        "notice": _notice(dejalog, group, asked, {**answer, "question": text}, past, now_ns),
    }
    return timed.reply(content)


def _answered(dejalog: Dejalog, asked: AlertQuestion) -> tuple[str, dict[str, Any]]:
    """The first question that is found to be so with its answer, else the first one's."""
    first, *others = asked.questions
    answer = dejalog.ask(first)
    for other in others if answer["verdict"] != "found" else ():
        found = dejalog.ask(other)
        if found["verdict"] == "found":
            return other.text, found
    return first.text, answer


def _past(dejalog: Dejalog, asked: AlertQuestion) -> list[Similar]:
    """Incidents like what deviates in the window, that were over when it began."""
    found = dejalog.similar(start_ns=asked.start_ns, end_ns=asked.end_ns, services=asked.services, limit=2 * SIMILAR)
    return [each for each in found if each.score > 0 and each.incident.end_ns < asked.start_ns][:SIMILAR]


def _notice(
    dejalog: Dejalog,
    group: AlertsRequest,
    asked: AlertQuestion,
    answer: dict[str, Any],
    past: list[Similar],
    now_ns: int,
) -> str:
    """What became of the notice. It is told when one of the alerts was not told before, by whatever process."""
    if not dejalog.notifier.is_on:
        return "off"
    new = first_told(dejalog.knowledge, [alert.key for alert in group.firing], now_ns=now_ns)
    if not new:
        return "repeated"
    notes = dejalog.generation().notes
    notice = alert_notice(new[0], asked.name, answer, past, notes, now_ns=now_ns)
    return "queued" if send_told(dejalog, notice, new) else "dropped"
