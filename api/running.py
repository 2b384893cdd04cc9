"""How a route reaches the running program: dependencies of every route."""

from typing import Annotated

from fastapi import Depends, Request

from api.metrics import Metrics
from api.parts import Dejalog


def _dejalog(request: Request) -> Dejalog:
    found: Dejalog = request.app.state.dejalog
    return found


def _metrics(request: Request) -> Metrics:
    found: Metrics = request.app.state.metrics
    return found


Running = Annotated[Dejalog, Depends(_dejalog)]
Measured = Annotated[Metrics, Depends(_metrics)]
