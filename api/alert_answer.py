"""A group of alerts answered: its question asked, what was like it looked up, and told to whom it may concern."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from api.alert import AlertQuestion, AlertsRequest, alert_question
from api.first_found import first_found
from api.line_json import similar_json
from api.notice import alert_notice
from api.parts import Dejalog, Question
from api.tell import first_told, send_told
from api.time_text import format_time
from index.incident import Similar

SIMILAR = 5


def answer_alerts(dejalog: Dejalog, group: AlertsRequest, *, now_ns: int) -> dict[str, Any]:
    """What `POST /v1/alerts` answers for a group. Raises InputError for times that are none."""
    counts = {"firing": len(group.firing), "resolved": len(group.alerts) - len(group.firing)}
    if not group.firing:
        return {**counts, "question": None, "answer": None, "similar": [], "notice": "off"}
    known = dejalog.generation().counts["service"].unique().sort().to_list()
    asked = alert_question(group, known=known, now_ns=now_ns)
    text, answer = _answered(dejalog, asked)
    past = _past(dejalog, asked)
    return {
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


def _answered(dejalog: Dejalog, asked: AlertQuestion) -> tuple[str, dict[str, Any]]:
    """The first question that is found to be so with its answer, else the first one's. A model, where there is one, is
    asked once.
    """
    looked: dict[Question, dict[str, Any]] = {}

    def look(question: Question) -> Mapping[str, Any]:
        looked[question] = dejalog.ask(dataclasses.replace(question, mode="deterministic"))
        return looked[question]

    chosen = first_found(asked.questions, look, otherwise=asked.questions[0])
    return chosen.text, looked[chosen] if dejalog.model is None else dejalog.ask(chosen)


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
