"""Which state of a dependency keeps a process from being ready."""

import dataclasses
import threading
from pathlib import Path

import httpx
import pytest

from api.compose import open_dejalog
from api.dependencies import folder_trouble
from api.readiness import Dependency, Need, Readiness, Standing
from ingest.trouble import Trouble
from tests.api.conftest import serving, settings_for

AWAY, FULL = Trouble(fails="it is away"), Trouble(refuses="it is full")


@pytest.mark.parametrize(
    ("need", "trouble", "expected"),
    [
        ("writing", Trouble(), ("ok", True)),
        ("writing", FULL, ("degraded", True)),
        ("writing", AWAY, ("failed", True)),
        ("reading", FULL, ("degraded", False)),
        ("reading", AWAY, ("failed", True)),
        ("nothing", AWAY, ("failed", False)),
    ],
    ids=str,
)
def test_a_dependency_is_needed_for_what_is_wanted_of_it(need: Need, trouble: Trouble, expected: object) -> None:
    [standing] = Readiness([Dependency("store", need, lambda: trouble)]).standings()
    assert (standing.state, standing.is_needed) == expected


def test_what_was_looked_at_a_moment_ago_is_not_asked_again() -> None:
    looks: list[int] = []

    def look() -> Trouble:
        looks.append(1)
        return Trouble()

    readiness = Readiness([Dependency("store", "reading", look)], starting=lambda: "history is read")
    for _ in range(20):
        found = readiness.standings()
    assert len(looks) == 1
    assert found[0] == Standing("start", "failed", "history is read", is_needed=True)


def test_all_are_looked_at_at_once() -> None:
    """Each waits for the other: one after the other they would wait for ever."""
    together = threading.Barrier(2)

    def look() -> Trouble:
        together.wait(timeout=30)
        return Trouble()

    found = Readiness([Dependency("store", "reading", look), Dependency("redis", "writing", look)]).standings()
    assert [(each.name, each.state) for each in found] == [("store", "ok"), ("redis", "ok")]


def test_a_folder_without_room_refuses_and_one_that_is_gone_fails(tmp_path: Path) -> None:
    assert folder_trouble(tmp_path, 1) == Trouble()
    assert "lines are taken from" in folder_trouble(tmp_path, 1 << 62).refuses
    assert "cannot be read" in folder_trouble(tmp_path / "gone", 1).fails


def test_a_server_whose_store_takes_no_lines_answers_and_says_so(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    settings = dataclasses.replace(settings, store=dataclasses.replace(settings.store, min_free_disk=1 << 60))
    with open_dejalog(settings) as dejalog, serving(dejalog) as url:
        ready = httpx.get(f"{url}/readyz")
        metrics = httpx.get(f"{url}/metrics").text
        refused = httpx.post(f"{url}/v1/lines", content=b"x\n")
    assert ready.status_code == 200
    [store] = ready.json()["dependencies"]
    assert (store["name"], store["state"]) == ("store", "degraded")
    assert 'dejalog_dependency_up{dependency="store"} 1.0' in metrics
    assert 'dejalog_dependency_writable{dependency="store"} 0.0' in metrics
    assert (refused.status_code, refused.headers["Dejalog-Error"]) == (429, "storage_full")
