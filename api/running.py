"""How a route reaches the running program: dependencies of every route."""

from typing import Annotated

from fastapi import Depends, Request

from api.metrics import Metrics
from api.parts import Dejalog, LineReceiver


def _dejalog(request: Request) -> Dejalog:
    found: Dejalog = request.app.state.dejalog
    return found


def _receiver(request: Request) -> LineReceiver:
    found: LineReceiver = request.app.state.receiver
    return found


def _metrics(request: Request) -> Metrics:
    found: Metrics = request.app.state.metrics
    return found


Running = Annotated[Dejalog, Depends(_dejalog)]
Receiving = Annotated[LineReceiver, Depends(_receiver)]
Measured = Annotated[Metrics, Depends(_metrics)]
