"""A data directory is moved to a real Elasticsearch: all of it, once each, proven, whatever happens on the way."""

import contextlib
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from api import cli
from api.keepers import kept_in_files
from api.lock import DataDirLock
from api.reindex import reindex
from api.settings import Settings
from index.elastic_client import Elastic
from index.elastic_lines import lines_of
from index.incident import Note
from index.knowledge import Knowledge
from index.knowledge_elastic import ElasticKnowledge
from index.line_store import LEDGER_WINDOW_NS, LineFilter, LineReader
from index.pattern import PatternEdit
from index.segment import STORED_SCHEMA
from index.store_elastic import ElasticsearchStore, ElasticSettings
from index.store_parquet import ParquetStore
from ingest.errors import DamagedError, DifferenceError, LockedError, NotFoundError, SettingError
from ingest.line_sink import SourceRange
from tests.api.conftest import settings_for
from tests.api.small_shop import make_shop
from tests.index.lines_made import covers_of, made_lines
from tests.index.test_store_elastic import prefix
from tests.reliability.processes import Program
from tests.test_docs import ROOT
from tests.workers.chunks_made import wait_until

__all__ = ["prefix"]
DAY_NS = 86_400_000_000_000
SOURCES = ("00000000000000aa", "00000000000000bb")
LINES = 3_000
"""Of each source; they span a day's boundary."""
MANY = 40_000
WAIT_S = 120.0


@dataclasses.dataclass(frozen=True)
class Place:
    """A data directory, and the indices it is moved to."""

    settings: Settings
    client: Elastic

    @property
    def folder(self) -> Path:
        return self.settings.store.data_dir

    @property
    def how(self) -> ElasticSettings:
        return ElasticSettings(prefix=self.settings.store.elasticsearch_prefix)

    @property
    def there(self) -> ElasticsearchStore:
        return ElasticsearchStore(self.client, self.how)

    @property
    def people(self) -> ElasticKnowledge:
        return ElasticKnowledge(self.client, self.how)

    def here(self) -> contextlib.AbstractContextManager[ParquetStore]:
        return contextlib.closing(ParquetStore.open(self.folder))

    def fill(self, lines: int = LINES) -> None:
        fill(self.folder, lines)


def fill(folder: Path, lines: int) -> None:
    """Lines of two sources, part of them in segments, part in the journal; and a range without lines."""
    with contextlib.closing(ParquetStore.open(folder)) as store:
        for source in SOURCES:
            store.flush()
            for first in range(0, lines, 20_000):
                part = made_lines(min(20_000, lines - first), source=source, first=first)
                store.append(part, covers_of(part))
        store.append(part.clear(), [SourceRange("00000000000000cc", 0, 70)])


@pytest.fixture
def place(tmp_path: Path, elastic: Elastic, elastic_url: str, prefix: str) -> Place:
    settings = settings_for(tmp_path / "data")
    store = dataclasses.replace(settings.store, elasticsearch_url=elastic_url, elasticsearch_prefix=prefix)
    return Place(dataclasses.replace(settings, store=store), elastic)


def whole(store: LineReader) -> pl.DataFrame:
    """All lines but for their place in the order of arrival."""
    columns = [name for name in STORED_SCHEMA.names() if name != "sequence"]
    return pl.concat(list(store.scan(LineFilter(), columns))).sort("source", "position")


def test_lines_ranges_and_signatures_are_there_as_they_were(place: Place) -> None:
    place.fill()
    done = reindex(place.settings)
    assert (done["lines"], done["sources"]) == (2 * LINES, 3)
    assert sum(day["count"] for day in done["days"]) == 2 * LINES
    assert [service["service"] for service in done["services"]] == ["gateway", "orders", "stock"]
    with place.here() as here:
        assert whole(place.there).equals(whole(here))
        assert place.there.ledger().equals(here.ledger())
        assert place.there.signatures().equals(here.signatures())
        for covered in here.covered():
            beyond = dataclasses.replace(covered, end=covered.end + 10)
            assert place.there.missing(beyond) == [SourceRange(covered.source, covered.end, beyond.end)]


def test_signatures_whose_lines_are_gone_are_moved_too(place: Place) -> None:
    place.fill()
    with place.here() as here:
        here.flush()
        assert here.drop_before(made_lines(1)["time_ns"][0] + 300 * DAY_NS) == 2 * LINES
    assert reindex(place.settings)["lines"] == 0
    assert place.there.signatures().height == 5


def test_retention_counts_from_the_same_days_there(place: Place) -> None:
    late = made_lines(200).with_columns(arrival_ns=pl.col("time_ns") + 40 * DAY_NS)
    with place.here() as here:
        here.append(late, covers_of(late))
    reindex(place.settings)
    cutoff = int(late["time_ns"][-1]) + 20 * DAY_NS
    assert place.there.drop_before(cutoff) == 0
    assert place.there.drop_before(cutoff + 30 * DAY_NS) == 200


def test_what_people_said_is_there_once_however_often_it_is_moved(place: Place) -> None:
    shop = make_shop(place.folder)
    shop.store.close()
    edits = [PatternEdit("ab" * 8, "rename", name, 7) for name in ("one", "two", "one")]
    with contextlib.closing(Knowledge(place.folder / "catalogue.sqlite")) as said:
        for edit in edits:
            said.add_edit(edit)
        said.add_note(Note("", "ab" * 8, "库 was full", time_ns=5))
        said.add_feedback({"answer": "a1", "helpful": True, "time_ns": 9})
        said.save_view("mine", {"query": "level:error"})
        said.save_channel("ops", {"window": "7d"})
        said.save_channel("taken", {"window": "7d"})
        place.people.save_channel("taken", {"window": "1h"})
        said.keep_incidents([shop.avalanche], floor_ns=0)
        said.freeze(before_ns=shop.avalanche.end_ns)
        place.people.add_edit(PatternEdit("cd" * 8, "mute", "", 1))
        for _ in range(2):
            done = reindex(place.settings)
        assert [done[kind] for kind in ("edits", "notes", "feedback", "views", "channels", "incidents")] == [
            3, 1, 1, 1, 2, 1,
        ]  # fmt: skip
        people = place.people
        assert people.edits() == (PatternEdit("cd" * 8, "mute", "", 1), *edits)
        assert people.notes() == said.notes()
        assert people.feedback() == said.feedback()
        assert people.views() == said.views()
        assert people.channels() == {"ops": {"window": "7d"}, "taken": {"window": "1h"}}
        assert people.incidents() == said.incidents()
        assert people.frozen_before_ns() == said.frozen_before_ns()


def test_lines_of_others_are_left_alone_and_are_not_in_the_proof(place: Place) -> None:
    place.fill()
    others = made_lines(500, source="00000000000000ff")
    further = made_lines(50, source=SOURCES[0], first=LINES)
    for lines in (others, further):
        place.there.append(lines, covers_of(lines))
    assert reindex(place.settings)["lines"] == 2 * LINES
    assert place.there.high_water().lines == 2 * LINES + 550
    assert place.there.missing(SourceRange(SOURCES[0], 0, (LINES + 50) * 100)) == []


@pytest.mark.parametrize("when", ["before all is marked", "while it is counted"])
def test_killed_on_the_way_and_run_again_no_line_is_lost_or_doubled(
    place: Place, tmp_path: Path, elastic_url: str, when: str
) -> None:
    place.fill(MANY)
    environment = {
        "DEJALOG_DATA_DIR": str(place.folder),
        "ELASTICSEARCH_URL": elastic_url,
        "DEJALOG_ELASTICSEARCH_PREFIX": place.how.prefix,
        "PYTHONPATH": str(ROOT),
    }
    arguments = ("reindex", "--from", "embedded", "--to", "elasticsearch", "-o", "json")
    program = Program(arguments, tmp_path, tmp_path / "log.txt", environment)
    wanted = 15_000 if when == "before all is marked" else 2 * MANY
    program.start()
    wait_until(lambda: lines_there(elastic_url, place.how.prefix) >= wanted, timeout_s=WAIT_S)
    assert program.is_running(), "it ended before it could be killed"
    program.kill()
    assert place.there.missing(SourceRange(SOURCES[0], 0, 100)), "bytes are covered only once the lines are proven"
    if when == "before all is marked":
        assert lines_there(elastic_url, place.how.prefix) < 2 * MANY, "it was killed on the way"
    program.start()
    assert program.wait(WAIT_S) == 0, (tmp_path / "log.txt").read_text()
    done = json.loads((tmp_path / "log.txt").read_text())
    assert done["lines"] == 2 * MANY
    with place.here() as here:
        assert place.there.ledger().equals(here.ledger())


def lines_there(url: str, prefix: str) -> int:
    found = httpx.get(f"{url}/{prefix}-lines-*/_count", params={"allow_no_indices": "true"})
    count: int = found.json().get("count", 0)
    return count


def doctored(place: Place, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """One moved line is changed behind everybody's back, or removed where `change` returns None."""
    line = f"{SOURCES[1]}-{1234 * 100}"
    body = {"query": {"ids": {"values": [line]}}, "seq_no_primary_term": False}
    (hit,) = place.client.search(place.there._names.lines, body)["hits"]["hits"]
    place.client.request("DELETE", f"/{hit['_index']}/_doc/{line}", params={"refresh": "true"})
    made = change(hit["_source"])
    if made is not None:
        put(place, hit, made)


def put(place: Place, hit: dict[str, Any], made: dict[str, Any]) -> None:
    """A document in place of another; what is indexed and not kept is made anew."""
    (time_ns,) = lines_of([hit], ["time_ns"])["time_ns"]
    document = made | {"offset": time_ns % LEDGER_WINDOW_NS}
    place.client.request("PUT", f"/{hit['_index']}/_doc/{hit['_id']}", document, params={"refresh": "true"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _: None, "6000 lines here, 5999 there"),
        (lambda line: {**line, "level": "fatal"}, "0 here, 1 there"),
        (lambda line: {**line, "arrival": "2026-01-01T00:00:00.000000000Z"}, "days of arrival"),
    ],
    ids=["a line is gone", "a level is another", "an arrival is another"],
)
def test_a_difference_is_told_and_mended_by_the_next_run_where_lines_are_missing(
    place: Place, change: Callable[[dict[str, Any]], dict[str, Any] | None], told: str
) -> None:
    place.fill()
    reindex(place.settings)
    doctored(place, change)
    with pytest.raises(DifferenceError, match=told):
        reindex(place.settings)
    if change({}) is None:
        assert reindex(place.settings)["lines"] == 2 * LINES


def test_a_line_that_is_not_the_same_in_every_byte_is_told(place: Place) -> None:
    lines = made_lines(300)
    with place.here() as here:
        here.append(lines, covers_of(lines))
    reindex(place.settings)
    body = {"query": {"term": {"position": 700}}}
    (hit,) = place.client.search(place.there._names.lines, body)["hits"]["hits"]
    changed = hit["_source"] | {"message": hit["_source"]["message"] + "."}
    put(place, hit, changed)
    with pytest.raises(DifferenceError, match=f"1 of 300 lines that were read back are not the same: {SOURCES[0]}-700"):
        reindex(place.settings)


def test_a_damaged_segment_is_told_and_the_next_run_moves_what_is_left(place: Place) -> None:
    place.fill()
    with place.here() as here:
        here.flush()
    damaged = max((place.folder / "segments").glob("*.parquet"))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)
    with pytest.raises(DamagedError, match=r"segment \d+ cannot be read"):
        reindex(place.settings)
    done = reindex(place.settings)
    assert done["damaged_lines"] > 0
    assert done["lines"] + done["damaged_lines"] == 2 * LINES


def test_a_directory_that_a_server_owns_is_refused_and_named(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    with DataDirLock(tmp_path, address="127.0.0.1:8900"), pytest.raises(LockedError, match=r"127\.0\.0\.1:8900"):
        reindex(settings_for(tmp_path))


def test_without_an_elasticsearch_that_is_told(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    with pytest.raises(SettingError, match="ELASTICSEARCH_URL is not set"):
        reindex(settings_for(tmp_path))


def test_a_directory_without_lines_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there are no lines in"):
        reindex(settings_for(tmp_path / "typo"))
    assert not (tmp_path / "typo").exists()


def test_the_other_direction_is_refused_in_plain_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["dejalog", "reindex", "--from", "elasticsearch", "--to", "embedded"])
    assert cli.run() == cli.ERROR
    assert "accepted: --from embedded --to elasticsearch" in capsys.readouterr().err


def test_the_command_tells_what_was_counted(
    place: Place, elastic_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.fill(100)
    monkeypatch.setenv("ELASTICSEARCH_URL", elastic_url)
    monkeypatch.setenv("DEJALOG_ELASTICSEARCH_PREFIX", place.how.prefix)
    arguments = ["reindex", "--from", "embedded", "--to", "elasticsearch", "--data-dir", str(place.folder)]
    monkeypatch.setattr("sys.argv", ["dejalog", *arguments])
    assert cli.run() == 0
    out = capsys.readouterr().out
    assert "moved and equal: 200 lines of 3 sources" in out
    assert "2023-11-14" in out


def test_the_settings_of_the_other_store_do_not_matter(place: Place) -> None:
    place.fill(10)
    elsewhere = dataclasses.replace(place.settings.store, store="elasticsearch")
    assert reindex(dataclasses.replace(place.settings, store=elsewhere))["lines"] == 20
    assert kept_in_files(place.settings) == place.settings
