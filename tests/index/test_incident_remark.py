"""Rare lines at the onset of an incident: told beside its deviations, where chance is ruled out."""

from pathlib import Path

import polars as pl
import pytest

from index.incident import Incident
from index.incident_mine import mine_incidents
from index.incident_remark import MOST
from ingest.line import LINE_SCHEMA
from ingest.signature import signature_columns
from tests.index import traffic
from tests.index.traffic import MINUTE_NS, START_NS, Event

SAID = "system clock moved by 312 s"
FAULT = Event("exhausted", 210, 218)
MINUTES = 400


def with_line(frame: pl.DataFrame, minute: float, message: str, service: str = "orders") -> pl.DataFrame:
    """The first line of the service from this minute on says something else."""
    later = (pl.col("service") == service) & (pl.col("time_ns") >= START_NS + int(minute * MINUTE_NS))
    chosen = later & (pl.col("time_ns") == pl.col("time_ns").filter(later).min())
    said = frame.with_columns(message=pl.when(chosen).then(pl.lit(message)).otherwise("message"))
    signed = signature_columns(said.drop("signature", "shape"))
    return signed.select([pl.col(name).cast(kind) for name, kind in LINE_SCHEMA.items()])


@pytest.fixture(scope="module")
def usual() -> pl.DataFrame:
    return traffic.lines(seed=5, minutes=MINUTES, events=(FAULT,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def mined(folder: Path, frame: pl.DataFrame) -> Incident:
    store = traffic.stored(folder, frame)
    (found,) = mine_incidents(store, traffic.patterns_of(store), before_ns=None)
    store.close()
    return found


def told(incident: Incident) -> list[str]:
    return [each.template for each in incident.deviations if each.is_remark]


def test_what_the_faulty_service_said_once_as_it_began_is_told_with_its_line(folder: Path, usual: pl.DataFrame) -> None:
    found = mined(folder, with_line(usual, FAULT.start - 0.5, SAID))
    assert found.services[0] == "orders"
    assert told(found) == ["system clock moved by <*> s"]
    remark = next(each for each in found.deviations if each.is_remark)
    line = next(line for line in found.evidence if line.id in remark.evidence)
    assert line.message == SAID
    assert line.time_ns == remark.onset_ns < FAULT.start_ns


def test_a_service_that_says_nothing_else_has_no_remarks(folder: Path) -> None:
    slow = Event("slow", 210, 220)
    frame = with_line(traffic.lines(seed=5, minutes=MINUTES, events=(slow,)), slow.start + 0.2, SAID, "payment")
    found = mined(folder, frame)
    assert found.services[0] == "payment"
    assert told(found) == []


def test_where_nothing_rare_was_said_there_is_no_remark(folder: Path, usual: pl.DataFrame) -> None:
    assert told(mined(folder, usual)) == []


@pytest.mark.parametrize(("minute", "service"), [(150, "orders"), (FAULT.start - 0.5, "payment")])
def test_what_was_said_long_before_or_by_another_service_is_none(
    minute: float, service: str, folder: Path, usual: pl.DataFrame
) -> None:
    assert told(mined(folder, with_line(usual, minute, SAID, service))) == []


def test_what_is_said_now_and_then_is_none(folder: Path, usual: pl.DataFrame) -> None:
    frame = usual
    for minute in (40, 80, 120, 160, FAULT.start - 0.5, 300, 340):
        frame = with_line(frame, minute, SAID)
    assert told(mined(folder, frame)) == []


def test_many_rare_lines_are_a_start_and_no_remarks(folder: Path, usual: pl.DataFrame) -> None:
    frame = usual
    said = ("reading the settings", "schema is up to date", "listening for work", "caches are warm now")
    for place, message in enumerate(said[: MOST + 1]):
        frame = with_line(frame, FAULT.start - 0.9 + 0.2 * place, message)
    assert told(mined(folder, frame)) == []


def test_remarks_change_neither_the_time_of_an_incident_nor_what_it_is_like(folder: Path, usual: pl.DataFrame) -> None:
    plain = mined(folder, usual)
    remarked = mined(folder.with_name("other"), with_line(usual, FAULT.start - 0.5, SAID))
    assert remarked.start_ns == plain.start_ns
    assert [name for name, _ in remarked.signature] == [name for name, _ in plain.signature]
