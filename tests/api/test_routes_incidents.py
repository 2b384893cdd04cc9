import dataclasses
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.client import InProcessTransport
from api.parts import Dejalog
from api.settings import Settings
from api.time_text import format_time
from index.generation import Generation
from index.incident import Deviation, EvidenceLine, Incident, Onset
from tests.api.conftest import SECOND, Served


def incident(number: int, *, services: tuple[str, ...], start_ns: int, family: str = "") -> Incident:
    """An incident as mining makes it; its one evidence line is not in the store any more."""
    incident_id = f"{number:016x}"
    line = EvidenceLine(
        f"fedcba9876543210-{number}", start_ns, services[0], "error", "gone", "0" * 16, "fedcba9876543210", number
    )
    deviation = Deviation(services[0], "burst", "0" * 16, "pool <*> is empty", 9.0, 1.0, 2.5, start_ns, (line.id,))
    return Incident(
        incident_id=incident_id,
        title=f"incident {number} in {services[0]}",
        start_ns=start_ns,
        end_ns=start_ns + 60 * SECOND,
        severity="major",
        services=services,
        onset=(Onset(services[0], start_ns, line.id),),
        kinds=("errors",) if number % 2 else ("avalanche",),
        deviations=(deviation,),
        evidence=(line,),
        signature=((f"burst|{services[0]}|0", 1.0),),
        line_count=9,
        family_id=family,
    )


class _WithIncidents:
    """The running program, with a generation that holds these incidents."""

    def __init__(self, dejalog: Dejalog, incidents: tuple[Incident, ...]) -> None:
        self._dejalog = dejalog
        self._incidents = incidents
        self.settings = Settings()

    def generation(self, *, as_of_ns: int | None = None) -> Generation:
        known = tuple(each for each in self._incidents if as_of_ns is None or each.end_ns <= as_of_ns)
        return dataclasses.replace(self._dejalog.generation(), incidents=known, as_of_ns=as_of_ns)

    def __getattr__(self, name: str) -> object:
        return getattr(self._dejalog, name)


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    first = served.start_ns - 10 * 86400 * SECOND
    incidents = (
        incident(1, services=("cart", "payment"), start_ns=first, family="0" * 15 + "1"),
        incident(2, services=("search",), start_ns=first + 3600 * SECOND),
        incident(3, services=("cart",), start_ns=served.start_ns, family="0" * 15 + "1"),
    )
    app = create_app(_WithIncidents(served.dejalog, incidents))  # type: ignore[arg-type] # delegates the rest
    with httpx.Client(base_url="http://localhost", transport=InProcessTransport(app)) as found:
        yield found


def ids(http: httpx.Client, **asked: Any) -> list[int]:
    reply = http.get("/v1/incidents", params=asked)
    assert reply.status_code == 200, reply.text
    return [int(each["incident_id"], 16) for each in reply.json()["incidents"]]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"order": "oldest"}, [1, 2, 3]),
        ({"service": "cart"}, [3, 1]),
        ({"service": "cart,search", "kind": "avalanche"}, [2]),
        ({"severity": "minor"}, []),
        ({"family_id": "0000000000000001"}, [3, 1]),
        ({"query": "POOL empty"}, [3, 2, 1]),
        ({"query": "payment"}, [1]),
        ({"start": "now-2h"}, [3]),
        ({"end": "now-1d"}, [2, 1]),
        ({"as_of": "now-1d"}, [2, 1]),
        ({"limit": 1}, [3]),
    ],
    ids=str,
)
def test_incidents_are_chosen_by_what_is_asked(http: httpx.Client, asked: dict[str, str], expected: list[int]) -> None:
    assert ids(http, **asked) == expected


def test_incidents_page_through_all_of_them(http: httpx.Client) -> None:
    page = http.get("/v1/incidents", params={"limit": 2}).json()
    rest = http.get("/v1/incidents", params={"limit": 2, "cursor": page["cursor"]}).json()
    assert (page["total"], len(page["incidents"]), len(rest["incidents"]), rest["cursor"]) == (3, 2, 1, None)


def test_one_incident_shows_all_that_it_owns(http: httpx.Client, served: Served) -> None:
    found = http.get("/v1/incidents/0000000000000003").json()["incident"]
    assert found["start"] == format_time(served.start_ns)
    assert found["onset"][0]["after_s"] == 0
    assert found["deviations"][0]["template"] == "pool <*> is empty"
    assert [each["incident_id"][-1] for each in found["family"]] == ["1", "3"]
    assert found["evidence"][0]["message"] == "gone"


@pytest.mark.parametrize("route", ["lines", "context"])
def test_an_evidence_line_resolves_after_retention_dropped_it(http: httpx.Client, route: str) -> None:
    reply = http.get(f"/v1/{route}/fedcba9876543210-2").json()
    assert reply["kept_by"] == "0000000000000002"
    line = reply["line"] if route == "lines" else reply["lines"][0]
    assert (line["id"], line["message"]) == ("fedcba9876543210-2", "gone")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"incident_id": "0123456789abcdef"}, 404),
        ({}, 400),
        ({"incident_id": "0000000000000001", "start": "1h"}, 400),
        ({"start": "soon"}, 400),
        ({"start": "1h", "limit": 0}, 400),
    ],
    ids=str,
)
def test_a_likeness_of_nothing_is_refused(http: httpx.Client, asked: dict[str, object], status: int) -> None:
    assert http.post("/v1/incidents/similar", json=asked).status_code == status


def test_a_span_is_compared_with_past_incidents(served: Served) -> None:
    asked = {"start": "now-1h", "end": "now", "services": ["cart"]}
    reply = served.http.post("/v1/incidents/similar", json=asked)
    assert reply.status_code == 200, reply.text
    scores = [each["score"] for each in reply.json()["similar"]]
    assert scores == sorted(scores, reverse=True)


def test_an_incident_that_is_not_there_is_not_found(http: httpx.Client) -> None:
    assert http.get("/v1/incidents/0123456789abcdef").json()["error"]["code"] == "not_found"
