"""Time as the caller moves it: what is appended live is what a history would have written."""

from pathlib import Path

import pytest

from ingest.simulate import Live, make_plan, write_history
from tests.ingest.simulate.conftest import DAY_NS, HOUR_NS, MINUTE_NS, START_NS, nanoseconds, read_file


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "containers").iterdir())}


@pytest.mark.parametrize("kind", ["clock_skew", "poison_message:stuck", "certificate_expiry"])
def test_lines_with_wrong_clocks_or_held_back_are_the_same_whatever_the_steps(tmp_path: Path, kind: str) -> None:
    plan = make_plan(seed=4, start_ns=START_NS, end_ns=START_NS + 2 * HOUR_NS, lines=6_000, faults=[kind], chinese=True)
    write_history(tmp_path / "whole", plan)
    (fault,) = plan.faults
    for number, from_ns in enumerate(((fault.start_ns + fault.end_ns) // 2, fault.end_ns + 10**10)):
        folder = tmp_path / f"parts-{number}"
        Live(folder, plan, from_ns=START_NS).advance(from_ns)
        Live(folder, plan, from_ns=from_ns).advance(plan.end_ns)
        assert _files(folder) == _files(tmp_path / "whole")


@pytest.mark.parametrize("minutes", [11, 1000], ids=["short steps", "one step"])
def test_history_and_live_together_write_the_bytes_of_one_longer_history(tmp_path: Path, minutes: int) -> None:
    plan = make_plan(seed=4, start_ns=START_NS, end_ns=START_NS + 14 * HOUR_NS, lines=16_000)
    write_history(tmp_path / "whole", plan)
    from_ns = START_NS + 8 * HOUR_NS + 13 * MINUTE_NS
    first = Live(tmp_path / "parts", plan, from_ns=START_NS)
    first.advance(from_ns)
    live = Live(tmp_path / "parts", plan, from_ns=from_ns)
    while live.done_ns < plan.end_ns:
        live.advance(min(live.done_ns + minutes * MINUTE_NS, plan.end_ns))
    assert _files(tmp_path / "parts") == _files(tmp_path / "whole")
    assert (tmp_path / "parts/labels.jsonl").read_bytes() == (tmp_path / "whole/labels.jsonl").read_bytes()


def test_live_goes_on_where_the_history_ended_and_makes_new_containers(tmp_path: Path) -> None:
    plan = make_plan(seed=4, start_ns=START_NS, end_ns=START_NS + 3 * HOUR_NS, lines=3_000, faults=[], live_faults=True)
    written = write_history(tmp_path, plan)
    live = Live(tmp_path, plan)
    later = live.advance(plan.end_ns + 2 * DAY_NS)
    assert set(later.files) - set(written.files)
    assert set(later.files) & set(written.files)
    appended = [record.time_ns for path in later.files if path not in written.files for record in read_file(path)]
    assert min(appended) >= plan.end_ns
    assert max(appended) < live.done_ns
    assert any(not label.benign for label in live.labels())


def test_standing_still_writes_nothing(tmp_path: Path) -> None:
    plan = make_plan(seed=4, start_ns=START_NS, end_ns=START_NS + HOUR_NS, lines=500, faults=[])
    live = Live(tmp_path, plan, from_ns=plan.start_ns)
    live.advance(plan.end_ns)
    before = _files(tmp_path)
    assert live.advance(plan.end_ns).byte_count == 0
    assert live.advance(plan.start_ns).byte_count == 0
    assert _files(tmp_path) == before


def test_no_line_is_stamped_at_or_after_the_time_advanced_to(tmp_path: Path) -> None:
    plan = make_plan(seed=4, start_ns=START_NS, end_ns=START_NS + HOUR_NS, lines=2_000, faults=[])
    live = Live(tmp_path, plan, from_ns=plan.start_ns)
    until_ns = plan.start_ns + 11 * MINUTE_NS
    written = live.advance(until_ns)
    times = [record.time_ns for path in written.files for record in read_file(path)]
    assert nanoseconds("2026-09-04T00:00:00.000000000Z") == START_NS
    assert START_NS <= min(times) <= max(times) < until_ns
