"""What the screens of incidents show: their timeline and list, and one with its course, evidence, likes and notes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from api.asked import asked
from api.content_incidents import incident_content, incidents_content, similar_content
from api.line_json import note_json
from api.models import IncidentsRequest, SimilarRequest
from api.page.address import Address
from api.page.chart import WIDTH, place
from api.page.filters import ns_of, written
from api.page.lines import Choice, lines_total
from api.page.zone import midnights, zone_of
from api.parts import Dejalog
from api.time_text import SECOND_NS

PAGE_INCIDENTS = 100
FAMILY_COLOURS = 8
NARROWEST = 4.0
"""Least width of a mark of the timeline, so that a minute of two weeks is seen."""
MOST_DAYS = 14
"""Days of the timeline that are marked (a guess)."""
SEVERITIES = ("critical", "major", "minor")


@dataclasses.dataclass(frozen=True)
class Step:
    """A service in the order in which services deviated; `x` is where its onset stands, 0 to 1,000."""

    service: str
    time: str
    after_s: float
    x: float
    line_link: str = ""


@dataclasses.dataclass(frozen=True)
class Brief:
    """An incident of the list, and its mark in the timeline."""

    incident: Mapping[str, Any]
    link: str
    lines: str
    family: int
    family_link: str
    x: float
    width: float
    row: int


@dataclasses.dataclass(frozen=True)
class FoundIncidents:
    """A page of incidents; `days` are where days begin in the timeline, as (x, time)."""

    rows: tuple[Brief, ...]
    total: int
    window: Mapping[str, Any]
    days: tuple[tuple[float, str], ...]
    severities: tuple[Choice, ...]
    next_page: str


@dataclasses.dataclass(frozen=True)
class Likeness:
    """A similar incident beside the one asked about."""

    similar: Mapping[str, Any]
    link: str
    lines: str
    family: int
    steps: tuple[Step, ...]
    notes: tuple[Mapping[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class CourseMark:
    """One deviation in the cascade diagram."""

    x: float
    kind: str
    deviation: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class CourseRow:
    """One service of the cascade diagram, with the line that shows its onset."""

    step: Step
    marks: tuple[CourseMark, ...]
    first_line: Mapping[str, Any] | None
    kind: str
    """Of the deviation that this line shows: one that stopped shows it by the last line before."""


@dataclasses.dataclass(frozen=True)
class OneIncident:
    """One incident with what belongs to it."""

    incident: Mapping[str, Any]
    family: int
    cascade: tuple[CourseRow, ...]
    cascade_s: float
    """How long the diagram is."""
    likes: tuple[Likeness, ...]
    relatives: tuple[Mapping[str, Any], ...]
    lines: str
    lines_held: int
    """How many that link shows; retention makes them fewer than were mined."""


def family_colour(family_id: str) -> int:
    """A stable colour of eight; two families may share one, so the page never shows it alone."""
    return int(family_id[:8], 16) % FAMILY_COLOURS if family_id else 0


def find_incidents(dejalog: Dejalog, address: Address) -> FoundIncidents:
    """The incidents of an address. Raises InputError."""
    wanted = asked(
        IncidentsRequest,
        query=address.query,
        start=address.start,
        end=address.end,
        service=address.service,
        severity=address.severity,
        family_id=address.family_id,
        order=address.order,
        cursor=address.cursor,
        limit=PAGE_INCIDENTS,
    )
    found = incidents_content(dejalog, wanted).values
    window, cursor = found["window"], found["cursor"]
    start_ns, end_ns = ns_of(window["start"]), ns_of(window["end"])
    choices = [Choice("All", str(address.with_(severity="")), not address.severity)]
    choices += [Choice(each, str(address.with_(severity=each)), address.severity == each) for each in SEVERITIES]
    return FoundIncidents(
        rows=tuple(_brief(each, address, start_ns, end_ns) for each in found["incidents"]),
        total=found["total"],
        window=window,
        days=_days(start_ns, end_ns, address.zone),
        severities=tuple(choices),
        next_page=str(address.with_(cursor=cursor)) if cursor else "",
    )


def _brief(incident: Mapping[str, Any], address: Address, start_ns: int, end_ns: int) -> Brief:
    left = place(ns_of(incident["start"]), start_ns, end_ns)
    right = place(ns_of(incident["end"]), start_ns, end_ns)
    width = max(right - left, NARROWEST)
    return Brief(
        incident=incident,
        link=f"/incidents/{incident['incident_id']}",
        lines=lines_of(incident),
        family=family_colour(incident["family_id"]),
        family_link=str(address.with_(family_id=incident["family_id"])),
        x=round(min(left, WIDTH - width), 1),
        width=round(width, 1),
        row=SEVERITIES.index(incident["severity"]),
    )


def _days(start_ns: int, end_ns: int, zone: str) -> tuple[tuple[float, str], ...]:
    begun = midnights(start_ns, end_ns, zone_of(zone), most=MOST_DAYS)
    return tuple((round(place(at, start_ns, end_ns), 1), written(at)) for at in begun)


def lines_of(incident: Mapping[str, Any]) -> str:
    """The link to the lines of its services in its time."""
    return str(_lines_address(incident))


def _lines_address(incident: Mapping[str, Any]) -> Address:
    services = tuple(incident.get("services", ()))
    return Address("/lines", start=incident["start"], end=incident["end"], order="oldest").with_services(services)


def steps_of(onset: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The onset order; the drawing reaches from the first onset to the last."""
    if not onset:
        return ()
    times = [ns_of(each["time"]) for each in onset]
    first_ns, last_ns = min(times), max(times)
    return tuple(
        Step(
            each["service"],
            each["time"],
            (at - first_ns) / SECOND_NS,
            round(20 + place(at, first_ns, last_ns) * 0.96 if last_ns > first_ns else 20, 1),
            f"/lines/{each['line_id']}" if each.get("line_id") else "",
        )
        for each, at in zip(onset, times, strict=True)
    )


def likeness(dejalog: Dejalog, similar: Mapping[str, Any], facts: Mapping[str, Any]) -> Likeness:
    """A similar incident; `facts` are start, end, services and family, which an answer leaves out."""
    incident_id = similar["incident_id"]
    return Likeness(
        similar=similar,
        link=f"/incidents/{incident_id}",
        lines=lines_of(facts),
        family=family_colour(facts["family_id"]),
        steps=steps_of(similar["onset"]),
        notes=notes_on(dejalog, incident_id),
    )


def notes_on(dejalog: Dejalog, target: str) -> tuple[Mapping[str, Any], ...]:
    """What people noted, newest first."""
    return tuple(note_json(each) for each in reversed(dejalog.knowledge.notes()) if each.target == target)


def find_incident(dejalog: Dejalog, incident_id: str) -> OneIncident:
    """One incident. Raises NotFoundError."""
    incident = incident_content(dejalog, incident_id).values["incident"]
    likes = similar_content(dejalog, asked(SimilarRequest, incident_id=incident_id, limit=4)).values["similar"]
    cascade, length_s = _cascade(incident)
    lines = _lines_address(incident)
    return OneIncident(
        incident=incident,
        family=family_colour(incident["family_id"]),
        cascade=cascade,
        cascade_s=length_s,
        likes=tuple(likeness(dejalog, each, each) for each in likes),
        relatives=tuple(each for each in incident["family"] if each["incident_id"] != incident_id),
        lines=str(lines),
        lines_held=lines_total(dejalog, lines),
    )


def _cascade(incident: Mapping[str, Any]) -> tuple[tuple[CourseRow, ...], float]:
    """Rows by onset. The drawing begins with the first onset and ends with the last deviation's, and a little."""
    onset = incident["onset"]
    if not onset:
        return (), 0.0
    first_ns = min(ns_of(each["time"]) for each in onset)
    times = [ns_of(each["onset"]) for each in incident["deviations"]] + [ns_of(each["time"]) for each in onset]
    last_ns = max(*times, first_ns + SECOND_NS)
    evidence = {each["id"]: each for each in incident["evidence"]}

    def at(time_ns: int) -> float:
        return round(15 + place(time_ns, first_ns, last_ns) * 0.97, 1)

    rows = []
    for each in onset:
        marks = tuple(
            CourseMark(at(ns_of(one["onset"])), one["kind"], one)
            for one in incident["deviations"]
            if one["service"] == each["service"]
        )
        link = f"/lines/{each['line_id']}" if each["line_id"] else ""
        step = Step(each["service"], each["time"], each["after_s"], at(ns_of(each["time"])), link)
        kind = next((mark.kind for mark in marks if each["line_id"] in mark.deviation["evidence"]), "")
        rows.append(CourseRow(step, marks, evidence.get(each["line_id"]), kind))
    return tuple(rows), (last_ns - first_ns) / SECOND_NS
