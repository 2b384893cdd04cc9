"""From Alertmanager's webhook (version 4) to a question: which window, which services, which words.

Labels and annotations are written by whoever writes alert rules and, through templates, by what they quote: data.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.parts import Question
from api.sentence import quote
from api.time_text import SECOND_NS, parse_time
from ingest.errors import InputError

LEAD_NS = 15 * 60 * SECOND_NS
"""So long before an alert began to fire its cause is looked for: rules wait some minutes (`for:`). A guess."""
MOST_ALERTS = 1000
WORDS_CHARACTERS = 600
SERVICE_LABELS = (
    "service",
    "service_name",
    "app",
    "app_kubernetes_io_name",
    "application",
    "component",
    "container",
    "deployment",
    "statefulset",
    "daemonset",
    "pod",
    "job",
    "namespace",
)
"""Labels whose values may name a service, the surest first."""
TEXT_ANNOTATIONS = ("summary", "message", "title", "description")
ANYTHING = "What went wrong?"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-]+")

Value = Annotated[str, StringConstraints(max_length=16_384)]
Words = Annotated[dict[Annotated[str, StringConstraints(max_length=512)], Value], Field(max_length=200)]


class Alert(BaseModel):
    """One alert, as Alertmanager sends it; what newer versions add is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: Words = {}
    annotations: Words = {}
    startsAt: Annotated[str, StringConstraints(max_length=64)]  # noqa: N815 - Alertmanager's name
    endsAt: Annotated[str, StringConstraints(max_length=64)] = ""  # noqa: N815
    fingerprint: Annotated[str, StringConstraints(max_length=128)] = ""

    @property
    def key(self) -> str:
        """The same for each time that the same firing of the same alert is sent."""
        name = self.fingerprint or repr(sorted(self.labels.items()))
        return f"alert:{name}:{self.startsAt}"


class AlertsRequest(BaseModel):
    """A group of alerts: the body of one webhook call."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Annotated[str, StringConstraints(max_length=16)] = "4"
    groupKey: Annotated[str, StringConstraints(max_length=16_384)] = ""  # noqa: N815
    status: Literal["firing", "resolved"] = "firing"
    groupLabels: Words = {}  # noqa: N815
    commonLabels: Words = {}  # noqa: N815
    commonAnnotations: Words = {}  # noqa: N815
    externalURL: Annotated[str, StringConstraints(max_length=2048)] = ""  # noqa: N815
    alerts: list[Alert] = Field(max_length=MOST_ALERTS)

    @property
    def firing(self) -> list[Alert]:
        """Those that are no longer resolved."""
        return [alert for alert in self.alerts if alert.status == "firing"]


@dataclasses.dataclass(frozen=True)
class AlertQuestion:
    """What a group of firing alerts asks."""

    name: str
    """What people call it."""
    text: str
    start_ns: int
    end_ns: int
    services: tuple[str, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """As the program is asked: in the alert's words, and, where nothing stored speaks of them, for whatever went
        wrong there: rules are named by what is measured, not by what lines say.
        """
        texts = (self.text, ANYTHING)
        return tuple(Question(text, self.start_ns, self.end_ns, services=self.services) for text in texts)


def alert_question(group: AlertsRequest, *, known: Sequence[str], now_ns: int) -> AlertQuestion:
    """The question of a group with at least one firing alert. `known`: the services that have written lines. Raises
    InputError for times that are none.
    """
    firing = group.firing
    starts = [_time_ns(alert.startsAt, "startsAt", now_ns) for alert in firing]
    ends = [_time_ns(alert.endsAt, "endsAt", now_ns) for alert in firing if alert.endsAt]
    began_ns = min(starts)
    # While an alert fires, its end is unset (the year 1) or a time-out that lies ahead.
    ended_ns = max((end for end in ends if end > max(starts)), default=now_ns)
    end_ns = max(min(ended_ns, now_ns), began_ns + 1)
    name = _name(group)
    return AlertQuestion(name, _text(name, group), began_ns - LEAD_NS, end_ns, named_services(firing, known))


def named_services(alerts: Sequence[Alert], known: Sequence[str]) -> tuple[str, ...]:
    """The services that the labels of alerts name, each alert's by its surest label, in that order."""
    by_name = {service.casefold(): service for service in known}
    found: dict[str, None] = {}
    for alert in alerts:
        named = (_known(alert.labels[label], by_name) for label in SERVICE_LABELS if label in alert.labels)
        service = next((each for each in named if each), "")
        if service:
            found[service] = None
    return tuple(found)


def _known(value: str, by_name: Mapping[str, str]) -> str:
    """The service of a label's value: `shop/cart` (Prometheus' job), or a pod's name, which begins with it."""
    name = value.casefold().rpartition("/")[2]
    while name:
        if name in by_name:
            return by_name[name]
        name = name.rpartition("-")[0]
    return ""


def _name(group: AlertsRequest) -> str:
    for labels in (group.commonLabels, group.groupLabels, group.firing[0].labels):
        if labels.get("alertname"):
            return quote(labels["alertname"], 120)
    return "alert"


def _text(name: str, group: AlertsRequest) -> str:
    """The alert's name as words, and the first thing that its annotations say."""
    said: dict[str, Any] = dict.fromkeys([" ".join(_CAMEL.sub(" ", name).split())])
    for annotations in (group.commonAnnotations, *(alert.annotations for alert in group.firing[:3])):
        told = next((annotations[each] for each in TEXT_ANNOTATIONS if annotations.get(each)), "")
        if told:
            said[quote(told, WORDS_CHARACTERS // 2)] = None
    return quote(": ".join(said), WORDS_CHARACTERS)


def _time_ns(text: str, name: str, now_ns: int) -> int:
    if text.startswith("0001-01-01"):
        return 0
    try:
        return parse_time(text, now_ns=now_ns, name=name)
    except InputError as error:
        raise InputError(f"alerts: {error}", hint=error.hint) from error
