"""What is read of incidents, as plain values: for the JSON routes and the web page."""

import time

from api.line_json import incident_json, similar_json, whole_incident_json
from api.models import IncidentsRequest, SimilarRequest
from api.parts import Dejalog
from api.read_window import Window, not_a_cursor, pack_cursor, read_window, unpack_cursor
from api.reply import Content
from api.time_text import parse_time
from index.generation import Generation
from index.incident import Incident
from ingest.errors import InputError, NotFoundError


def incidents_content(dejalog: Dejalog, asked: IncidentsRequest) -> Content:
    """Those that overlap the window."""
    as_of_ns = _as_of_ns(asked.as_of)
    generation = dejalog.generation(as_of_ns=as_of_ns)
    window, skipped = _window_and_skipped(dejalog, asked, generation)
    found = [each for each in generation.incidents if _meets(each, window) and _wanted(each, asked)]
    found.sort(key=lambda each: (each.start_ns, each.incident_id), reverse=asked.order == "newest")
    page = found[skipped : skipped + asked.limit]
    following = skipped + len(page)
    content = {
        "incidents": [incident_json(each) for each in page],
        "total": len(found),
        "total_exact": True,
        "cursor": pack_cursor(window, following) if page and following < len(found) else None,
        "window": window.json(),
    }
    return Content(content)


def incident_content(dejalog: Dejalog, incident_id: str, as_of: str | None = None) -> Content:
    """One with all that it owns. Raises NotFoundError."""
    generation = dejalog.generation(as_of_ns=_as_of_ns(as_of))
    incident = next((each for each in generation.incidents if each.incident_id == incident_id), None)
    if incident is None:
        raise NotFoundError(f"there is no incident {incident_id}", hint="GET /v1/incidents lists them")
    family = [each for each in generation.incidents if incident.family_id and each.family_id == incident.family_id]
    notes = dejalog.knowledge.notes(before_ns=generation.as_of_ns)
    window = Window(incident.start_ns, incident.end_ns, assumed=False)
    return Content({"incident": whole_incident_json(incident, family, notes), "window": window.json()})


def similar_content(dejalog: Dejalog, asked: SimilarRequest) -> Content:
    """Past ones like one, or like what happened in a span. Raises InputError, NotFoundError."""
    as_of_ns = _as_of_ns(asked.as_of)
    if asked.incident_id and (asked.start or asked.end):
        raise InputError("incident_id and a span are both given", hint='send {"incident_id"} or {"start", "end"}')
    if not asked.incident_id and asked.start is None:
        raise InputError("neither incident_id nor start is given", hint='send {"incident_id"} or {"start", "end"}')
    if asked.incident_id:
        window = _incident_window(dejalog.generation(as_of_ns=as_of_ns), asked.incident_id)
        similar = dejalog.similar(incident_id=asked.incident_id, as_of_ns=as_of_ns, limit=asked.limit)
    else:
        window = read_window(asked.start, asked.end, dejalog.store, default_ns=None, as_of_ns=as_of_ns)
        similar = dejalog.similar(
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            services=asked.services,
            as_of_ns=as_of_ns,
            limit=asked.limit,
        )
    return Content({"similar": [similar_json(each) for each in similar], "window": window.json()})


def _as_of_ns(as_of: str | None) -> int | None:
    return None if as_of is None else parse_time(as_of, now_ns=time.time_ns(), name="as_of")


def _incident_window(generation: Generation, incident_id: str) -> Window:
    for incident in generation.incidents:
        if incident.incident_id == incident_id:
            return Window(incident.start_ns, incident.end_ns, assumed=False)
    raise NotFoundError(f"there is no incident {incident_id}", hint="GET /v1/incidents lists them")


def _window_and_skipped(dejalog: Dejalog, asked: IncidentsRequest, generation: Generation) -> tuple[Window, int]:
    if not asked.cursor:
        window = read_window(asked.start, asked.end, dejalog.store, default_ns=None, as_of_ns=generation.as_of_ns)
        if asked.start is None and generation.incidents:
            # Incidents outlive their lines: without a start all of them are meant.
            first_ns = min(window.start_ns, generation.incidents[0].start_ns, window.end_ns)
            window = Window(first_ns, window.end_ns, assumed=True)
        return window, 0
    window, skipped = unpack_cursor(asked.cursor)
    if type(skipped) is not int or not 0 <= skipped < 1 << 40:
        raise not_a_cursor()
    return window, skipped


def _meets(incident: Incident, window: Window) -> bool:
    return incident.start_ns < window.end_ns and window.start_ns <= incident.end_ns


def _wanted(incident: Incident, asked: IncidentsRequest) -> bool:
    if asked.service and not set(asked.service) & set(incident.services):
        return False
    if asked.severity and incident.severity not in asked.severity:
        return False
    if asked.kind and not set(asked.kind) & set(incident.kinds):
        return False
    if asked.family_id and asked.family_id != (incident.family_id or incident.incident_id):
        return False
    words = asked.query.strip().casefold().split() if asked.query.strip() != "*" else []
    if not words:
        return True
    templates = [deviation.template for deviation in incident.deviations]
    text = " ".join([incident.title, *incident.services, *incident.kinds, *templates]).casefold()
    return all(word in text for word in words)
