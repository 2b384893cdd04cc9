"""The route that alerts come to: the memory's answer goes back, and out to the webhook."""

import time

from fastapi import APIRouter
from fastapi.responses import Response

from api.alert import AlertsRequest
from api.alert_answer import answer_alerts
from api.json_route import JsonRoute
from api.reply import Timed
from api.running import Running

router = APIRouter(prefix="/v1", tags=["ask"], route_class=JsonRoute)


@router.post("/alerts", summary="Alerts, as Alertmanager's webhook sends them, answered from what is remembered")
def post_alerts(dejalog: Running, group: AlertsRequest) -> Response:
    """Takes Alertmanager's webhook (version 4). The firing alerts of a group are one question: of the services that
    their labels name, from 15 minutes before the first began until now. Answers `{"firing", "resolved", "question",
    "answer": {…}, "similar": […], "notice"}`; `notice` is `queued`, `repeated` (each of these alerts was told before),
    `dropped` (too many wait; sent again, it is told) or `off` (no `notify_url`). Resolved alerts ask nothing.
    """
    timed = Timed()
    return timed.reply(answer_alerts(dejalog, group, now_ns=time.time_ns()))
