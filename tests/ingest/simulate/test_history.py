"""What stands in the folder after a past span was simulated."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from ingest.chunk import Chunk
from ingest.errors import InputError, SettingError
from ingest.frame import frame
from ingest.line import Mark
from ingest.simulate import Plan, SimulationResult, simulate
from ingest.simulate.shop import Shop
from ingest.source import Source
from ingest.source_path import read_path
from tests.ingest.simulate.conftest import DAY_NS, HOUR_NS, START_NS, Record


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _simulate(folder: Path, seed: int = 3) -> SimulationResult:
    return simulate(folder, seed=seed, start_ns=START_NS + HOUR_NS, end_ns=START_NS + 4 * HOUR_NS, lines=8_000)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    _simulate(tmp_path / "a")
    _simulate(tmp_path / "b")
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")


def test_another_seed_gives_another_shop_in_other_words() -> None:
    shops = [Shop(seed) for seed in range(6)]
    said = {shop.templates[shop.template(1, "timeout", peer=2)].text for shop in shops}
    assert len({tuple(service.name for service in shop.services) for shop in shops}) == len(shops)
    assert len(said) >= 4
    assert len({tuple(chain for flow in shop.flows for chain in flow.chains()) for shop in shops}) >= 4
    assert len({tuple(flow.weight for flow in shop.flows) for shop in shops}) == len(shops)


@pytest.mark.parametrize("seed", range(8))
def test_every_shop_has_both_container_formats_and_all_three_runtimes(seed: int) -> None:
    services = Shop(seed).services
    assert len(services) == 12
    assert len({service.name for service in services}) == 12
    assert {service.container_format for service in services} == {"docker", "cri"}
    assert {service.runtime for service in services} == {"java", "python", "go"}


def test_there_are_about_as_many_lines_as_asked_for(half_day: SimulationResult) -> None:
    assert 0.8 * 70_000 < half_day.lines < 1.25 * 70_000


def test_the_counts_are_those_of_a_plain_scan(half_day: SimulationResult, half_day_records: list[Record]) -> None:
    """A line begins at a record that follows a whole one and is not the rest of a stack trace."""
    begun: Counter[str] = Counter()
    before: dict[str, bool] = {}
    for record in half_day_records:
        if before.get(record.file, True) and not _continues_trace(record.text):
            begun[record.service] += 1
        before[record.file] = record.whole
    written = json.loads((half_day.folder / "written.json").read_text())
    assert dict(begun) == half_day.lines_by_service == written["services"]
    assert sum(begun.values()) == half_day.lines == written["lines"]
    assert sum(path.stat().st_size for path in half_day.files) == half_day.byte_count == written["bytes"]


def test_the_frame_step_reads_every_line_back(half_day: SimulationResult) -> None:
    read: Counter[str] = Counter()
    for path in half_day.files:
        body = path.read_bytes()
        source = Source(id="0" * 16, path=str(path))
        framed = frame(Chunk(source=source, start=0, end=len(body), read_ns=START_NS + DAY_NS, body=body)).frame
        assert not (framed["marks"].to_numpy() & int(Mark.UNPARSED | Mark.PARTIAL)).any()
        read[read_path(str(path)).service] += len(framed)
    assert dict(read) == half_day.lines_by_service


def _continues_trace(text: str) -> bool:
    return bool(
        re.match(
            r"\s|Caused by:|java\.|Traceback |panic: |goroutine \d+ |main\.\(|runtime: |MemoryError: |"
            r"(Runtime|Key|Lookup|ConnectionReset)Error: ",
            text,
        )
    )


def test_names_are_those_of_the_containers_folder(half_day: SimulationResult) -> None:
    names = sorted(path.name for path in half_day.containers.iterdir())
    assert names == sorted(path.name for path in half_day.files)
    for name in names:
        assert re.fullmatch(r"[a-z0-9-]+-[a-z0-9]{9}-[a-z0-9]{5}_[a-z-]+_[a-z0-9-]+-[0-9a-f]{64}\.log", name)


def test_long_lines_are_cut_at_sixteen_kib_in_both_formats(half_day_records: list[Record]) -> None:
    cut: dict[bool, int] = {True: 0, False: 0}
    for piece, following in itertools.pairwise(half_day_records):
        if not piece.whole:
            assert len(piece.text.encode()) == 16_384
            assert (piece.file, piece.time_ns) == (following.file, following.time_ns)
            cut[_is_docker(piece, half_day_records)] += 1
    assert min(cut.values()) >= 1


def _is_docker(record: Record, records: list[Record]) -> bool:
    return any(other.text.endswith("\n") for other in records if other.file == record.file)


def test_stack_traces_of_all_three_languages_occur(half_day_records: list[Record]) -> None:
    texts = "\n".join(record.text for record in half_day_records)
    assert re.search(r"(\t|\\t)at com(\.\w+){4}\(\w+\.java:\d+\)", texts)
    assert re.search(r'  File \\?"/app/\w+/\w+\.py\\?", line \d+', texts)
    assert "goroutine 41 [running]:" in texts


def test_records_of_a_file_stand_in_the_order_of_their_times(half_day_records: list[Record]) -> None:
    last: dict[str, int] = {}
    for record in half_day_records:
        # The rows of a stack trace are stamped two microseconds apart and may overtake the next line by that much.
        assert record.time_ns >= last.get(record.file, 0) - 100_000
        last[record.file] = record.time_ns


def test_a_request_is_told_in_causal_order_over_several_services(half_day_records: list[Record]) -> None:
    by_trace: dict[str, list[Record]] = {}
    for record in half_day_records:
        for trace in re.findall(r"\b[0-9a-f]{32}\b", record.text):
            by_trace.setdefault(trace, []).append(record)
    told = [sorted(records, key=lambda record: record.time_ns) for records in by_trace.values()]
    gateway = next(r.service for records in told for r in records if "gateway" in r.text and len(records) > 3)
    assert sum(len({record.service for record in records}) >= 3 for records in told) > len(told) / 3
    assert sum(records[0].service == gateway for records in told) > 0.98 * len(told)


def test_each_day_has_its_rhythm(two_weeks: Plan, two_weeks_events: pl.DataFrame) -> None:
    assert two_weeks.start_ns == START_NS
    hours = two_weeks_events.group_by(pl.col("time_ns") // HOUR_NS).len().sort("time_ns")["len"].to_list()
    days = [hours[at : at + 24] for at in range(0, len(hours), 24)]
    assert len(days) == 14
    for day in days:
        assert len(day) == 24  # no hour is empty
        assert sum(sorted(day)[-6:]) > 2 * sum(sorted(day)[:6])


def test_a_folder_with_a_simulation_in_it_is_refused(tmp_path: Path) -> None:
    _simulate(tmp_path)
    with pytest.raises(InputError, match="holds a simulation already"):
        _simulate(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"faults": ["flood"]}, "no fault kind is called 'flood'"),
        ({"faults": ["avalanche:blue"]}, "avalanche has no variant 'blue'"),
        ({"faults": ["avalanche"] * 9}, "do not fit into 2.0 hours"),
        ({"services": 3}, "between 10 and 14"),
        ({"end_ns": START_NS}, "at least a minute"),
    ],
    ids=["kind", "variant", "room", "services", "span"],
)
def test_what_cannot_be_simulated_is_said(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    wanted: dict[str, object] = {"seed": 1, "start_ns": START_NS, "end_ns": START_NS + 2 * HOUR_NS} | changed
    with pytest.raises(SettingError, match=message):
        simulate(tmp_path, **wanted)  # type: ignore[arg-type]  # the point is to pass what is wrong
    assert not list(tmp_path.iterdir())


def test_a_simulation_of_one_day_has_faults_of_its_own(tmp_path: Path) -> None:
    result = simulate(tmp_path, seed=8, start_ns=START_NS, end_ns=START_NS + DAY_NS, lines=5_000)
    assert len({label.kind for label in result.labels if not label.benign}) == 5
